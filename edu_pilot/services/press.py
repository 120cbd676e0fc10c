"""The way to the press: a process of its own, walled in, that sets documents into pages one after the other."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from edu_pilot import sandboxed
from edu_pilot.sandboxed import PRESS, PRESS_DOCUMENTS, PRESS_MOST, PRESS_SECONDS, Refusal
from edu_pilot.services import cut_fonts

START_SECONDS = 60.0
# Between the end that the press sets itself and the end that is set from here.
GRACE_SECONDS = 2.0
# A list of names of libraries and fonts.
HELLO = 64 * 1024


class Missing(Exception):
    """The text libraries are not installed; the message names what the press did not find."""


class Beyond(Exception):
    """A document crashed the press, or took more time or memory than it may; nothing else is known of it."""


class Press:
    """The press of this process, started when it is first needed and again when it has ended."""

    def __init__(self) -> None:
        # One document at a time: the text library is not made for two threads.
        self.lock = threading.RLock()
        self.hello: dict[str, Any] = {}
        self.left = 0
        self._owner = 0
        self._line: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def set(
        self, facts: Mapping[str, Any], content: bytes, seconds: float = PRESS_SECONDS
    ) -> tuple[dict[str, Any], bytes]:
        """Have a document set; return what the press tells of it, and the PDF.

        Raises Missing, Refusal with the press's own reason, Beyond where there was no proper answer.
        """
        with self.lock:
            line = self._at_hand()
            line.settimeout(seconds + GRACE_SECONDS)
            try:
                sandboxed.send(line, {**facts, "seconds": seconds}, content)
                told, made = sandboxed.receive(line, PRESS_MOST)
            except (OSError, EOFError, ValueError, RecursionError):
                self.end()
                raise Beyond from None
            self._count()
        if refused := told.get("refused"):
            raise Refusal(str(refused["code"]), str(refused["text"]), **dict(refused["facts"]))
        return told, made

    def versions(self) -> str:
        """Return what the press names itself and its libraries; raises Missing."""
        with self.lock:
            self._at_hand()
            return str(self.hello["versions"])

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.end()

    def _at_hand(self) -> socket.socket:
        # A forked process has not its parent's press: two would talk on one line.
        if self._line is None or self._owner != os.getpid():
            self._start()
        assert self._line is not None
        return self._line

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(START_SECONDS)
        with theirs:
            script, handle = str(sandboxed.HOME / "sandboxed.py"), theirs.fileno()
            command = [sys.executable, "-I", "-B", script, PRESS, str(handle), str(cut_fonts.folder() or "")]
            self.process = subprocess.Popen(
                command, pass_fds=[handle], env={"LC_ALL": "C.UTF-8"}, cwd="/", stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._line, self._owner, self.left = ours, os.getpid(), PRESS_DOCUMENTS
        try:
            self.hello, _ = sandboxed.receive(ours, HELLO)
        except (OSError, EOFError, ValueError):
            self.hello = {"problem": "the press does not start"}
        if problem := self.hello.get("problem"):
            self.end()
            raise Missing(str(problem))

    def end(self) -> None:
        """Let the press end, if it is this process's own."""
        if self._line is not None:
            self._line.close()
        if self.process is not None and self._owner == os.getpid():
            self.process.kill()
            self.process.wait()
        self._line = self.process = None


press = Press()
atexit.register(press.end)
