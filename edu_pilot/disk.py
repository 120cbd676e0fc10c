"""Files as the disk keeps them: durable names, and files that their owner alone can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def private(path: Path) -> Iterator[IO[bytes]]:
    """Write a file with people's data: for its owner alone, also where one with other rights stands already (R2.9)."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w+b") as file:
        # A terminal or pipe keeps the rights it has.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
        yield file


def write_private(path: Path, content: bytes) -> None:
    """Write a whole file with people's data, for its owner alone."""
    with private(path) as file:
        file.write(content)
