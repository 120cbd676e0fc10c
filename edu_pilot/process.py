"""What every process over an installation holds to: it leaves no memory dump, and shows that it is at work."""

from __future__ import annotations

import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_USE = "in-use"
# The handles of this process live as long as it does: the lock ends with it, however it ends.
_held: dict[Path, int] = {}


def leave_no_dump() -> None:
    """Let a crash write no memory to disk: it would hold keys and opened personal values."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def at_work(data: Path) -> None:
    """Show for the rest of this process's life that a server or worker uses the installation."""
    leave_no_dump()
    if data not in _held and data.is_dir():
        _held[data] = _opened(data)
        fcntl.flock(_held[data], fcntl.LOCK_SH)


def _opened(data: Path) -> int:
    return os.open(data / IN_USE, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def alone(data: Path) -> Iterator[bool]:
    """Keep servers and workers of this machine from starting; yield False if one is at work already."""
    handle = _opened(data)
    try:
        yield _taken(handle)
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
