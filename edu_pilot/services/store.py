"""Kept bytes: documents and papers in a folder, written so that a crash never leaves half a file."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import fsspec
from flask import current_app

from edu_pilot import faults
from edu_pilot.disk import sync_folder


class Store(Protocol):
    """Where bytes are kept under a key."""

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes durably; only then may a row refer to them."""

    def get(self, key: str) -> bytes:
        """Return the bytes; FileNotFoundError if there are none."""

    def entries(self) -> Iterator[Entry]:
        """Walk over everything kept."""

    def delete(self, key: str) -> None:
        """Delete what is kept under a key."""


@dataclass(frozen=True)
class Entry:
    """One kept file: its key, bytes, and when it was written."""

    key: str
    size: int
    written_at: datetime


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    root: Path

    def put(self, key: str, content: bytes) -> None:
        """Write under a temporary name, sync, rename, sync the folder; raises OSError and leaves nothing behind."""
        path = self.root / key
        try:
            _make_folder(path.parent, self.root)
            _write(path, content)
        except OSError as error:
            faults.note(error)
            raise

    def get(self, key: str) -> bytes:
        """Read the bytes."""
        return (self.root / key).read_bytes()

    def entries(self) -> Iterator[Entry]:
        """Walk over every file below the folder."""
        for folder, _folders, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                try:
                    found = path.stat()
                except FileNotFoundError:  # a temporary name that has just become its final one
                    continue
                written = datetime.fromtimestamp(found.st_mtime, UTC)
                yield Entry(path.relative_to(self.root).as_posix(), found.st_size, written)

    def delete(self, key: str) -> None:
        """Delete one file, and make that last; one that is gone already is no fault."""
        path = self.root / key
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder and those above it; the name of each is synced where it stands."""
    # Below the root also a name that is there: another process may just have made it, and not synced it yet.
    if folder.is_dir() and root not in folder.parents:
        return
    _make_folder(folder.parent, root)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        # A full disk stays full while the halves of what was refused lie about.
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@dataclass(frozen=True)
class Remote:
    """An object store by address, such as s3://bucket/folder; it writes whole objects by itself."""

    url: str

    def put(self, key: str, content: bytes) -> None:
        """Write one object."""
        with fsspec.open(f"{self.url.rstrip('/')}/{key}", "wb") as file:
            file.write(content)

    def get(self, key: str) -> bytes:
        """Read one object."""
        with fsspec.open(f"{self.url.rstrip('/')}/{key}", "rb") as file:
            content: bytes = file.read()
        return content

    def entries(self) -> Iterator[Entry]:
        """Walk over every object; one whose store tells no time counts as new."""
        files, root = fsspec.core.url_to_fs(self.url)
        for path, facts in files.find(root, detail=True).items():
            written = facts.get("LastModified") or facts.get("last_modified") or facts.get("created")
            yield Entry(path[len(root) :].lstrip("/"), facts["size"], _instant(written))

    def delete(self, key: str) -> None:
        """Delete one object."""
        files, root = fsspec.core.url_to_fs(self.url)
        if files.exists(f"{root}/{key}"):
            files.rm_file(f"{root}/{key}")


def _instant(value: Any) -> datetime:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.now(UTC)


def connect(url: str) -> Store:
    """Return the store of an address or folder."""
    return Remote(url) if "://" in url else Folder(Path(url))


def store() -> Store:
    """Return the running application's store."""
    found: Store = current_app.extensions["store"]
    return found


def keep(folder: str, content: bytes, ending: str) -> tuple[str, str]:
    """Keep bytes under a name that tells nothing; return (key, sha256)."""
    name = uuid.uuid4().hex
    key = f"{folder}/{name[:2]}/{name}{ending}"
    store().put(key, content)
    return key, hashlib.sha256(content).hexdigest()
