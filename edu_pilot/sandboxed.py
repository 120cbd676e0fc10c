"""The walled-in side: a process without network, files, rights or secrets, which reads what strangers send.

It is started by its path, so that neither the application nor its settings are ever loaded here. One process
loads the readers once, walls itself in and forks a fresh child for each piece of work: nothing that a file
does to its reader outlives that file. Another, the press, sets our own documents one after the other: what it is
sent are our own templates, filled, and a fork would cost as much as half a document.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent
MB = 1024 * 1024
NOBODY = 65534
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
# What is left of the file system: a PDF may print in fonts it does not bring along.
# Debian names some fonts by links that lead over the alternatives.
SEEN = ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/alternatives")
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
CAPABILITY_VERSION = 0x20080522
LENGTHS = struct.Struct("!QQ")
PID = struct.Struct("!i")
NAME_LENGTH = 16
# A file of the largest kind and what belongs to it.
MOST_SENT = 32 * MB
Work = Callable[..., tuple[dict[str, Any], bytes]]


@dataclass(frozen=True)
class Task:
    """A piece of work: the function that does it, and the bytes of memory, seconds and bytes of answer it may take."""

    module: str
    function: str
    memory: int
    cpu_seconds: int
    wall_seconds: int
    answer: int


# With the readers themselves this stays below 256 MB.
MEMORY = 225 * MB
TASKS = {
    "paper": Task("edu_pilot.services.pictures", "made_anew", MEMORY, 2, 30, 40 * MB),
    "page": Task("edu_pilot.services.pictures", "first_page", MEMORY, 2, 30, 8 * MB),
    "sheets": Task("edu_pilot.services.pictures", "joined", MEMORY, 10, 30, 40 * MB),
    "table": Task("edu_pilot.services.spreadsheets", "told", MEMORY, 2, 30, 100 * MB),
}


# The press: what one document may take, and after how many a fresh press takes over.
PRESS_MEMORY = 1536 * MB
PRESS_SECONDS = 10
PRESS_MOST = 96 * MB
PRESS_DOCUMENTS = 1000
PRESS_SWEEP = 20
PRESS = "press"


class Refusal(Exception):
    """What a reader refuses with a reason of its own: a code, an English message id and its facts."""

    def __init__(self, code: str, text: str, **facts: str | int) -> None:
        self.code, self.text, self.facts = code, text, facts
        super().__init__(code)


def main(handle: int) -> None:
    """Load the readers, wall this process in, and fork one child for each connection handed over."""
    control = socket.socket(fileno=handle)
    works = {name: _loaded(task) for name, task in TASKS.items()}
    own = _address_space()
    # What a file makes its reader say belongs in no log.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    send(control, wall_in())
    os.dup2(nowhere, 2)
    # Nobody waits for the children; they must leave no trace either.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := _next_line(control):
        pid = os.fork()
        if not pid:
            control.close()
            _work(line, works, own)
            os._exit(0)
        with line, suppress(OSError):
            line.sendall(PID.pack(pid))


def press(handle: int, fonts: str) -> None:
    """Load the renderer and the fonts, wall this process in, and set one document after the other."""
    line = socket.socket(fileno=handle)
    typesetting = importlib.import_module("edu_pilot.services.typesetting")
    folder = Path(fonts) if fonts else None
    try:
        typesetting.make_ready(folder)
    except OSError as problem:
        send(line, {"problem": str(problem)})
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    send(line, {"versions": typesetting.versions(), **wall_in((*SEEN, fonts) if fonts else SEEN)})
    os.dup2(nowhere, 2)
    _limit_press()
    for _turn in range(PRESS_DOCUMENTS // PRESS_SWEEP):
        for _document in range(PRESS_SWEEP):
            _set(line, typesetting.drawn)
        # By hand and rarely: a sweep in the middle of a document costs a tenth of it.
        gc.collect()


def _set(line: socket.socket, drawn: Work) -> None:
    """Set one document within its time; one that takes the memory away ends the press."""
    try:
        facts, content = receive(line, PRESS_MOST)
    except EOFError:
        os._exit(0)
    signal.setitimer(signal.ITIMER_REAL, float(facts.pop("seconds")))
    try:
        told, made = drawn(content, **facts)
    except Refusal as refusal:
        told, made = {"refused": {"code": refusal.code, "text": refusal.text, "facts": refusal.facts}}, b""
    except MemoryError:
        os._exit(1)
    except Exception as fault:  # whatever it was, the next document is another one
        told, made = {"refused": {"code": "broken", "text": "", "facts": {"problem": type(fault).__name__}}}, b""
    signal.setitimer(signal.ITIMER_REAL, 0)
    send(line, told, made)


def _limit_press() -> None:
    gc.disable()
    # The text library looks for fonts in threads of its own; counted over all presses of this user.
    _limit(PRESS_MEMORY, open_files=64, processes=512)


def _loaded(task: Task) -> Work:
    """Return the function of a task, once everything it loads while it works is loaded: behind the wall is nothing."""
    module = importlib.import_module(task.module)
    module.rehearse()
    work: Work = getattr(module, task.function)
    return work


def _address_space() -> int:
    """Return the bytes of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _next_line(control: socket.socket) -> socket.socket | None:
    """Return the connection to one who wants work done; None when the application has gone."""
    _, handles, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=handles[0]) if handles else None


# The walls


def wall_in(seen: Iterable[str] = SEEN) -> dict[str, Any]:
    """Leave network, files and rights behind for ever; return which of the walls stand."""
    libc = ctypes.CDLL(None, use_errno=True)
    network = _of_its_own(libc, CLONE_NEWNET)
    files = _of_its_own(libc, CLONE_NEWNS) and _without_files(libc, seen)
    _without_rights(libc)
    return {"network": network, "files": files}


def _of_its_own(libc: Any, kind: int) -> bool:
    """Leave a namespace: as root, or as anybody where the kernel lets everybody be root over nothing."""
    if libc.unshare(kind) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | kind) != 0:
        return False
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return True


def _without_files(libc: Any, seen: Iterable[str]) -> bool:
    """Leave nothing of the file system but the fonts, which a PDF need not bring along; return whether it worked."""
    try:
        _mount(libc, b"none", b"/", b"", MS_REC | MS_PRIVATE)
        # By handle: one of them may itself be below /tmp.
        handles = {folder: os.open(folder, os.O_PATH | os.O_CLOEXEC) for folder in filter(os.path.isdir, seen)}
        _mount(libc, b"tmpfs", b"/tmp", b"tmpfs", 0)
        for folder, handle in handles.items():
            place = Path(f"/tmp{folder}")
            place.mkdir(parents=True, exist_ok=True)
            _mount(libc, f"/proc/self/fd/{handle}".encode(), bytes(place), b"", MS_BIND | MS_REC)
            os.close(handle)
        _mount(libc, b"tmpfs", b"/tmp", b"", MS_REMOUNT | MS_RDONLY)
        os.chdir("/tmp")
        os.chroot(".")
    except OSError:
        return False
    return True


def _mount(libc: Any, source: bytes, target: bytes, kind: bytes, flags: int) -> None:
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def _without_rights(libc: Any) -> None:
    with suppress(OSError):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)())
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Nor may another process of this user look into a child while it works.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


# The work


def _work(line: socket.socket, works: Mapping[str, Work], own: int) -> None:
    """Do one piece of work within its limits; whatever ends this process ends the work without an answer."""
    name = line.recv(NAME_LENGTH, socket.MSG_WAITALL).decode().strip()
    task = TASKS[name]
    _limit(own + task.memory, open_files=16, processes=0)
    resource.setrlimit(resource.RLIMIT_CPU, (task.cpu_seconds, task.cpu_seconds))
    signal.setitimer(signal.ITIMER_REAL, task.wall_seconds)
    facts, content = receive(line, MOST_SENT)
    try:
        told, made = works[name](content, **facts)
    except Refusal as refusal:
        told, made = {"refused": {"code": refusal.code, "text": refusal.text, "facts": refusal.facts}}, b""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    send(line, {"told": told, "peak_kb": peak}, made)


def _limit(memory: int, open_files: int, processes: int) -> None:
    """Let this process have so many bytes of address space, open files and processes; it writes no file."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


# The language of both sides: two lengths, a JSON object, bytes


def send(line: socket.socket, facts: Mapping[str, Any], content: bytes = b"") -> None:
    """Send an object and bytes."""
    head = json.dumps(facts).encode()
    line.sendall(LENGTHS.pack(len(head), len(content)) + head)
    line.sendall(content)


def receive(line: socket.socket, most: int) -> tuple[dict[str, Any], bytes]:
    """Return an object and bytes; EOFError if the other side ended, ValueError for what is no such thing."""
    head, body = LENGTHS.unpack(take(line, LENGTHS.size))
    if head + body > most:
        raise ValueError("more than was allowed")
    facts = json.loads(take(line, head))
    if not isinstance(facts, dict):
        raise ValueError("not an object")
    return facts, take(line, body)


def take(line: socket.socket, length: int) -> bytes:
    """Return exactly so many bytes; EOFError if there are fewer."""
    found = bytearray(length)
    view, at = memoryview(found), 0
    while at < length:
        got = line.recv_into(view[at:])
        if not got:
            raise EOFError
        at += got
    return bytes(found)


def _without_the_application() -> None:
    """Make the package known by its folder alone: its own first lines would load the whole application."""
    package = types.ModuleType("edu_pilot")
    package.__path__ = [str(HOME)]
    sys.modules["edu_pilot"] = package
    sys.modules["edu_pilot.sandboxed"] = sys.modules["__main__"]


if __name__ == "__main__":
    _without_the_application()
    if sys.argv[1] == PRESS:
        press(int(sys.argv[2]), sys.argv[3])
    else:
        main(int(sys.argv[1]))
