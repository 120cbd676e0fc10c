"""Files of strangers are read in a process of their own, walled in and limited; here is the way to it."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edu_pilot import sandboxed
from edu_pilot.sandboxed import NAME_LENGTH, PID, TASKS, Refusal

# Each child may take a quarter of a gigabyte; more at once would take the machine from the pages.
AT_ONCE = 4
START_SECONDS = 60.0
slots = threading.BoundedSemaphore(AT_ONCE)


class Beyond(Exception):
    """The work crashed its reader, or took more time or memory than it may; nothing else is known of it."""


@dataclass(frozen=True)
class Done:
    """What came of a piece of work: facts, bytes, and the most memory its child held."""

    facts: dict[str, Any]
    content: bytes
    peak_kb: int


class Warden:
    """The walled-in process of this one, started when it is first needed and again if it has died."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.walls: dict[str, Any] = {}
        self._owner = 0
        self._control: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def line(self) -> tuple[socket.socket, int]:
        """Return a connection to a fresh child, and the child's process id; raises OSError if it cannot be had."""
        with self.lock:
            try:
                return self._handed_over()
            except (OSError, EOFError):
                self.end()
                return self._handed_over()

    def _handed_over(self) -> tuple[socket.socket, int]:
        control = self._at_hand()
        ours, theirs = socket.socketpair()
        ours.settimeout(START_SECONDS)
        try:
            with theirs:
                socket.send_fds(control, [b"."], [theirs.fileno()])
            return ours, PID.unpack(sandboxed.take(ours, PID.size))[0]
        except (OSError, EOFError):
            ours.close()
            raise

    def _at_hand(self) -> socket.socket:
        # A forked process has not its parent's warden: two would answer on one line.
        if self._control is None or self._owner != os.getpid():
            self._start()
        assert self._control is not None
        return self._control

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(START_SECONDS)
        with theirs:
            command = [sys.executable, "-I", "-B", str(sandboxed.HOME / "sandboxed.py"), str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env={"LC_ALL": "C.UTF-8"}, cwd="/", stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.walls, _ = sandboxed.receive(ours, NAME_LENGTH * 64)
        self._control, self._owner = ours, os.getpid()

    def end(self) -> None:
        """Let the walled-in process end, if it is this one's own."""
        if self._control is not None:
            self._control.close()
        if self.process is not None and self._owner == os.getpid():
            self.process.kill()
            self.process.wait()
        self._control = self.process = None


warden = Warden()
atexit.register(warden.end)


def run(task: str, content: bytes, **facts: str) -> Done:
    """Have a piece of work done by a child that nothing outlives.

    Raises Refusal with the reader's own reason, Beyond where there was no proper answer.
    """
    with slots:
        line, pid = warden.line()
        # Held by a handle: the number itself may be another process's by the time it is needed.
        child = _handle(pid)
        # The child ends itself first; this is for one that its file has taken over.
        late = threading.Timer(TASKS[task].wall_seconds + 1, _kill, [child])
        late.start()
        try:
            with line:
                return _asked(line, task, content, facts)
        except (OSError, EOFError, ValueError, RecursionError, KeyError, TypeError):
            raise Beyond from None
        finally:
            late.cancel()
            late.join()
            _end(child)


def _asked(line: socket.socket, task: str, content: bytes, facts: dict[str, str]) -> Done:
    line.settimeout(None)
    line.sendall(task.ljust(NAME_LENGTH).encode())
    with suppress(BrokenPipeError):
        sandboxed.send(line, facts, content)
    answer, made = sandboxed.receive(line, TASKS[task].answer)
    told = answer["told"]
    if refused := told.get("refused"):
        raise Refusal(str(refused["code"]), str(refused["text"]), **dict(refused["facts"]))
    return Done(told, made, int(answer["peak_kb"]))


def _handle(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None


def _kill(child: int | None) -> None:
    if child is not None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)


def _end(child: int | None) -> None:
    _kill(child)
    if child is not None:
        os.close(child)


def walls() -> dict[str, Any]:
    """Return which walls stand around the readers: `network` and `files`."""
    line, pid = warden.line()
    line.close()
    _end(_handle(pid))
    return dict(warden.walls)
