"""Kept bytes: documents and papers in a folder, written so that a crash never leaves half a file."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import fsspec
from flask import current_app


class Store(Protocol):
    """Where bytes are kept under a key."""

    def put(self, key: str, content: bytes) -> None:
        """Keep the bytes durably; only then may a row refer to them."""

    def get(self, key: str) -> bytes:
        """Return the bytes; FileNotFoundError if there are none."""

    def drop(self, key: str) -> None:
        """Let the bytes go; nothing happens if there are none."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    root: Path

    def put(self, key: str, content: bytes) -> None:
        """Write under a temporary name, sync, rename, sync the folder."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{uuid.uuid4().hex}")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        _sync(path.parent)

    def get(self, key: str) -> bytes:
        """Read the bytes."""
        return (self.root / key).read_bytes()

    def drop(self, key: str) -> None:
        """Remove the file, and make that last."""
        path = self.root / key
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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

    def drop(self, key: str) -> None:
        """Remove one object."""
        system, path = fsspec.url_to_fs(f"{self.url.rstrip('/')}/{key}")
        if system.exists(path):
            system.rm_file(path)


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
