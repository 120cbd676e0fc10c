"""A disk by the record of what was written to it: what is there for sure, and what a power cut may leave of the rest.

Only a sync makes anything last: of a file its bytes, of a folder the names in it. Of all else any part may be there.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from tests.trust.traces import Event

# In which pieces a write reaches the disk: whole, or torn at the sectors of old and new disks.
PIECES = (0, 512, 4096)
# How likely each piece is there: mostly a half; also nearly all and nearly nothing.
SHARES = (0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 1.0, 0.0)


@dataclass(frozen=True)
class Write:
    """Bytes at a place of a file, or (None) its new size."""

    at: int
    data: bytes | None

    def onto(self, content: bytearray) -> None:
        """Carry it out."""
        if self.data is None:
            del content[self.at :]
        end = self.at + len(self.data or b"")
        content.extend(bytes(max(0, end - len(content))))
        content[self.at : end] = self.data or b""

    def torn(self, sector: int) -> Iterator[Write]:
        """Give its pieces; a sector is written whole or not at all."""
        if not sector or self.data is None:
            yield self
            return
        start, end = self.at, self.at + len(self.data)
        while start < end:
            stop = min(end, (start // sector + 1) * sector)
            yield Write(start, self.data[start - self.at : stop - self.at])
            start = stop


@dataclass(eq=False)
class File:
    """A file's bytes that are synced, and the writes that are not; a folder has neither."""

    synced: bytearray = field(default_factory=bytearray)
    waiting: list[Write] = field(default_factory=list)
    is_folder: bool = False

    def write(self, at: int, data: bytes | None) -> None:
        """Write, or set the size."""
        self.waiting.append(Write(at, data))

    def sync(self) -> None:
        """Make all of it last."""
        for write in self.waiting:
            write.onto(self.synced)
        self.waiting.clear()
        self.__dict__.pop("sha256", None)

    @cached_property
    def sha256(self) -> str:
        """The hash of what is synced."""
        return hashlib.sha256(self.synced).hexdigest()

    def content(self, kept: Sequence[Write]) -> bytearray:
        """Give the bytes with some of the waiting writes carried out."""
        content = bytearray(self.synced)
        for write in kept:
            write.onto(content)
        return content


def standing(path: Path) -> File:
    """Take over a file or folder that stands already."""
    return File(is_folder=True) if path.is_dir() else File(bytearray(path.read_bytes()))


# Which names a call gives to which file, or takes away: all of it happens or nothing.
Renaming = Mapping[str, File | None]
Names = dict[str, File]


def renamed(names: Names, change: Renaming) -> None:
    """Carry out a change of names."""
    for name, file in change.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def folder_of(path: str) -> str:
    """Give the folder that a name stands in; "" is the topmost."""
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


class Disk:
    """A folder on a disk while a program works in it."""

    def __init__(self, folder: Path) -> None:
        """Begin with what stands in a folder, all of it synced."""
        found = sorted(folder.rglob("*"))
        self.synced: Names = {path.relative_to(folder).as_posix(): standing(path) for path in found}
        self.names = dict(self.synced)
        self.waiting: dict[str, list[Renaming]] = {}
        # One more with everything that happens, so that equal cuts can be told.
        self.generation = 0

    def apply(self, event: Event) -> None:
        """Let one act happen."""
        if event.kind == "mark":
            return
        self.generation += 1
        getattr(self, f"_{event.kind}")(event)

    def _made(self, event: Event) -> None:
        if event.path not in self.names:
            self._rename(event, {event.path: File(is_folder=event.kind == "folder")})

    _folder = _made

    def _unlink(self, event: Event) -> None:
        self._rename(event, {event.path: None})

    def _rename(self, event: Event, change: Renaming | None = None) -> None:
        if change is None:
            assert folder_of(event.path) == folder_of(event.target), "renamed from folder to folder"
            change = {event.path: None, event.target: self.names[event.path]}
        renamed(self.names, change)
        self.waiting.setdefault(folder_of(event.path), []).append(change)

    def _write(self, event: Event) -> None:
        self.names[event.path].write(event.at, event.data)

    def _size(self, event: Event) -> None:
        self.names[event.path].write(event.at, None)

    def _sync(self, event: Event) -> None:
        for change in self.waiting.pop(event.path, ()):
            renamed(self.synced, change)
        if event.path:
            self.names[event.path].sync()

    def whole(self) -> Image:
        """Give the image without a cut: everything that was written."""
        return Image(dict(self.names), {})

    def least(self) -> Image:
        """Give the least that a power cut leaves: what is synced, and nothing of the rest."""
        return Image(dict(self.synced), dict.fromkeys(self.synced.values(), ()))

    def cut(self, chance: random.Random) -> Image:
        """Give what one power cut leaves: all that is synced, and a part of the rest."""
        sector, share, choices = chance.choice(PIECES), chance.choice(SHARES), bytearray([0])

        def stays(_piece: object) -> bool:
            choices.append(chance.random() < share)
            return bool(choices[-1])

        names = dict(self.synced)
        for changes in self.waiting.values():
            for change in filter(stays, changes):
                renamed(names, change)
        kept = {
            file: [piece for write in file.waiting for piece in write.torn(sector) if stays(piece)]
            for file in names.values()
            if file.waiting
        }
        choices[0] = PIECES.index(sector)
        return Image(names, kept, bytes(choices))


@dataclass(frozen=True)
class Image:
    """A disk as it is found: its names, and what is there of each file's waiting writes (not named: all)."""

    names: Names
    kept: Mapping[File, Sequence[Write]]
    choices: bytes = b""

    def find(self, path: str) -> File | None:
        """Give the file of a path whose folders are all there."""
        above = path
        while above:
            if above not in self.names:
                return None
            above = folder_of(above)
        return self.names[path]

    def read(self, path: str) -> bytearray | None:
        """Give a file's bytes."""
        file = self.find(path)
        return file and file.content(self.kept.get(file, file.waiting))

    def sha256(self, path: str) -> str | None:
        """Give the hash of a file's bytes."""
        file = self.find(path)
        if file is None or not file.waiting:
            return file and file.sha256
        return hashlib.sha256(file.content(self.kept.get(file, file.waiting))).hexdigest()

    def lay_out(self, folder: Path) -> None:
        """Write all of it into a new folder."""
        folder.mkdir()
        for name, file in sorted(self.names.items()):
            content = self.read(name)
            if content is None:
                continue
            if file.is_folder:
                (folder / name).mkdir()
            else:
                (folder / name).write_bytes(content)
