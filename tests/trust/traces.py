"""What a program did to the files below a folder, in order, as strace wrote it down."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# All that changes files or makes them last. Those without a reader below are refused if they touch the folder.
CALLS = (
    "open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,"
    "renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,link,linkat,symlink,symlinkat,"
    "sendfile,copy_file_range"
)
# Every string in full and as hex, every handle with the path it stands for at that moment.
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "100000000", "-e", "signal=none")
TEXT = rb"((?:\\x[0-9a-f]{2})*)"
HANDLE = rb"(\d+)<" + TEXT + rb">(?:\(deleted\))?"
LINE = re.compile(rb"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<" + TEXT + rb">)?")
WRITTEN = re.compile(HANDLE + rb', "' + TEXT + rb'"(\.\.\.)?, \d+(?:, (\d+))?')
HELD = re.compile(HANDLE + rb"(?:, (\d+))?")
QUOTED = re.compile(rb'"' + TEXT + rb'"')


@dataclass(frozen=True)
class Event:
    """One act: made, folder, write, size, rename, unlink, sync or mark; paths are relative to the folder."""

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    target: str = ""


def record(words: Sequence[str], trace: Path, environ: dict[str, str]) -> None:
    """Run a program to its end with its file calls written down; raises CalledProcessError if it fails."""
    command = [*STRACE, "-o", str(trace), "-e", f"trace={CALLS}", *words]
    subprocess.run(command, env=os.environ | environ, check=True, capture_output=True)


def read(trace: Path, folder: Path, marks: Path) -> list[Event]:
    """Read a trace; a line written to `marks` is a mark, whatever is elsewhere is left out."""
    return list(_Reader(folder, marks).events(trace))


def plain(text: bytes) -> bytes:
    r"""Read strace's \x writing."""
    return bytes.fromhex(text.replace(rb"\x", b"").decode())


class _Reader:
    def __init__(self, folder: Path, marks: Path) -> None:
        self.folder, self.marks = str(folder), str(marks)
        self.places: dict[tuple[bytes, bytes], int] = {}

    def events(self, trace: Path) -> Iterator[Event]:
        """Walk over the lines."""
        known = [b"".join(b"\\x%02x" % byte for byte in path.encode()) for path in (self.folder, self.marks)]
        with trace.open("rb") as lines:
            for line in lines:
                if any(path in line for path in known):
                    yield from self._read(line)

    def _read(self, line: bytes) -> Iterator[Event]:
        match = LINE.match(line)
        # Two threads at once would leave halves of lines: the recorded program has one that writes.
        assert match, f"cannot be read: {line[:200]!r}"
        process, call, given, result, opened = match.groups()
        if int(result) < 0:
            return
        if call in (b"open", b"openat", b"creat"):
            self.places[process, result] = 0
            yield from self._opened(plain(opened or b""), given)
        elif call in (b"write", b"pwrite64"):
            yield from self._written(process, given, int(result))
        elif call in (b"fsync", b"fdatasync", b"ftruncate"):
            yield from self._held(call, given)
        else:
            yield from self._named(call, given)

    def _inside(self, path: bytes) -> str | None:
        """Give a path below the folder; the index of a log is memory, not a file."""
        text = path.decode("utf-8", "replace")
        if text == self.folder:
            return ""
        inside = text.startswith(f"{self.folder}/") and not text.endswith("-shm")
        return text[len(self.folder) + 1 :] if inside else None

    def _opened(self, path: bytes, given: bytes) -> Iterator[Event]:
        inside, flags = self._inside(path), given.rpartition(b'"')[2]
        if inside is None:
            return
        if b"O_CREAT" in flags:
            yield Event("made", inside)
        if b"O_TRUNC" in flags:
            yield Event("size", inside)

    def _written(self, process: bytes, given: bytes, length: int) -> Iterator[Event]:
        match = WRITTEN.match(given)
        if not match:  # a pipe or a socket, whatever it says
            return
        handle, path, text, cut, at = match.groups()
        assert not cut, "the trace is cut off"
        place = int(at) if at is not None else self.places.get((process, handle), 0)
        if at is None:
            self.places[process, handle] = place + length
        yield from self._write(plain(path), place, plain(text)[:length])

    def _write(self, path: bytes, place: int, data: bytes) -> Iterator[Event]:
        if path.decode("utf-8", "replace") == self.marks:
            yield Event("mark", "", data=data)
        elif inside := self._inside(path):
            yield Event("write", inside, place, data)

    def _held(self, call: bytes, given: bytes) -> Iterator[Event]:
        match = HELD.match(given)
        inside = self._inside(plain(match[2])) if match else None
        if match and inside is not None:
            yield Event("size", inside, int(match[3])) if call == b"ftruncate" else Event("sync", inside)

    def _named(self, call: bytes, given: bytes) -> Iterator[Event]:
        paths = [self._inside(plain(text)) for text in QUOTED.findall(given)]
        if set(paths) == {None}:
            return
        path, target = (*paths, "")[:2]
        kinds = {b"rename": "rename", b"unlink": "unlink", b"mkdir": "folder"}
        assert call in kinds and path and target is not None, f"{call!r} is not among what is modelled"
        yield Event(kinds[call], path, target=target)
