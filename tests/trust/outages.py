"""What a database is after a power cut: one of the states that were committed, or something that must not be."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edu_pilot.extensions import sqlite_module
from edu_pilot.services import anchors
from tests.trust.disk_images import Disk, Image
from tests.trust.recorded import ACCOUNT
from tests.trust.traces import Event
from tests.trust.trail import by_program

DATABASE = "edu-pilot.db"
LOG = f"{DATABASE}-wal"
# The head of a frame in the write-ahead log; one that ends a transaction tells the size of the database.
FRAME_HEAD = 24
MEMORY = Path("/dev/shm")


@contextmanager
def in_memory() -> Iterator[Path]:
    """Give a folder in memory where there is one: what is synced there costs nothing."""
    folder = Path(tempfile.mkdtemp(prefix="power-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Operation:
    """An operation that was answered: its key, and its first and last entry in the trail, if it made any."""

    key: str
    first: int
    last: int


def operations(events: Sequence[Event]) -> list[Operation]:
    """Give everything that was answered, in order."""
    marks = [event.data.decode().split("\t") for event in events if event.kind == "mark"]
    return [Operation(key, int(first), int(last)) for key, first, last in marks]


@dataclass(frozen=True)
class State:
    """A state that was committed: the how manieth, and the hash of each file its rows refer to."""

    number: int
    files: Mapping[str, str]


class Bench:
    """Where the database of an image is put to be opened as after a start."""

    def __init__(self, folder: Path) -> None:
        self.file, self.log, self.kept_log = folder / DATABASE, folder / LOG, folder / "log"
        # The bytes of the databases found last: most cuts leave one of them again.
        self.latest: deque[tuple[bytes, bytes]] = deque(maxlen=4)

    def lay_out(self, image: Image) -> None:
        """Write an image's database files; the index of the log was memory and is gone."""
        for name in image.names:
            assert name.count("/") or not name.startswith(DATABASE) or name in (DATABASE, LOG), name
        overwrite(self.file, image.read(DATABASE))
        self.log.unlink(missing_ok=True)
        log = image.read(LOG)
        if log is not None:
            # SQLite deletes the log when it closes: a second name keeps its memory for the next image.
            overwrite(self.kept_log, log)
            os.link(self.kept_log, self.log)

    def recovered(self, image: Image) -> bytes:
        """Open an image's database, let its log be taken over, and give the file's hash; raises the driver's error."""
        self.lay_out(image)
        link = sqlite_module().connect(str(self.file))
        try:
            busy, *_ = link.execute("PRAGMA wal_checkpoint").fetchone()
            assert not busy
        finally:
            link.close()
        assert not self.log.exists()
        return self._hashed(self.file.read_bytes())

    def _hashed(self, content: bytes) -> bytes:
        for known, digest in self.latest:
            if content == known:
                return digest
        self.latest.append((content, hashlib.blake2b(content).digest()))
        return self.latest[-1][1]

    def all_of(self, query: str) -> list[Any]:
        """Ask the database that lies here."""
        link = sqlite_module().connect(str(self.file))
        try:
            return list(link.execute(query).fetchall())
        finally:
            link.close()


def overwrite(file: Path, content: bytearray | None) -> None:
    """Let a file hold these bytes, in the memory it has already."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(handle, content or b"", 0)
        os.ftruncate(handle, len(content or b""))
    finally:
        os.close(handle)


@dataclass
class Story:
    """All that was committed by and by, each state judged once and known again by the bytes of its database."""

    bench: Bench
    done: Sequence[Operation]
    keys: anchors.Keys
    states: dict[bytes, State] = field(default_factory=dict)
    # The state that stood when each mark was made.
    due: list[int] = field(default_factory=list)

    def follow(self, disk: Disk, events: Sequence[Event]) -> None:
        """Go through a whole record without a cut."""
        self._note(disk)
        ends = False
        for event in events:
            disk.apply(event)
            if event.kind == "mark":
                self.due.append(len(self.states) - 1)
            elif event.path == LOG and event.kind == "write":
                if ends:
                    self._note(disk)
                ends = len(event.data) == FRAME_HEAD and any(event.data[4:8])

    def _note(self, disk: Disk) -> None:
        image = disk.whole()
        found = self.bench.recovered(image)
        assert found not in self.states, "two commits left the same bytes"
        self._require_sound()
        files = dict(self.bench.all_of(FILES))
        assert {key: image.sha256(f"store/{key}") for key in files} == files
        self.states[found] = State(len(self.states), files)

    def _require_sound(self) -> None:
        """The trail holds, every record is what its last entry says, and a key is there with its first entry."""
        assert self.bench.all_of("PRAGMA integrity_check") == [("ok",)]
        assert self.bench.all_of("PRAGMA foreign_key_check") == []
        assert by_program(self.bench.file, None, self.keys) == (None, None)
        ((newest,),) = self.bench.all_of("SELECT number FROM audit_head")
        kept = {key for (key,) in self.bench.all_of(f"SELECT key FROM idempotency WHERE account = '{ACCOUNT}'")}
        for one in self.done:
            assert one.first > one.last or (one.key in kept) == (newest >= one.first), one

    def judge(self, image: Image, marks: int) -> str:
        """Say what a power cut did: nothing (""), or lost, half, corrupt, files; so many marks had been made."""
        try:
            state = self.states.get(self.bench.recovered(image))
            if state is None:
                return "half" if self.bench.all_of("PRAGMA integrity_check") == [("ok",)] else "corrupt"
        except (sqlite3.Error, sqlite_module().Error, FileNotFoundError):
            return "corrupt"
        if marks and state.number < self.due[marks - 1]:
            return "lost"
        there = all(image.sha256(f"store/{key}") == sha256 for key, sha256 in state.files.items())
        return "" if there else "files"


FILES = """
    SELECT store_key, sha256 FROM paper WHERE store_key <> ''
    UNION ALL SELECT store_key, sha256 FROM document WHERE store_key IS NOT NULL
"""
