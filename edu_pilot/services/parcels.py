"""Many papers in one file: safe names, and the ZIP they travel in."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable

# What every file system and every unpacker takes.
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def safe(*parts: str) -> str:
    """Return a file name's stem made of parts that may hold anything."""
    return "-".join(_UNSAFE.sub("_", part) for part in parts)


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return files as a ZIP, in memory: no temporary file holds the ID numbers that stand on the papers."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return whole.getvalue()
