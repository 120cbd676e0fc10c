"""One act in a process of its own, watched by strace: which calls it makes to the disk, and its end at one of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import db
from tests.trust.client import NO_ANSWER, Answer
from tests.trust.lives import DAY, Act
from tests.trust.test_g04_faults import traced_by

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir")
PATIENCE_SECONDS = 60
LINE = re.compile(r"^(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Programs:
    """The programs of an installation's accounts, inside this process."""

    app: Flask
    tokens: Mapping[str, str]

    def ask(self, act: Act, key: str) -> Answer:
        """Send an act, on the day of the lives."""
        kind, content = act.encoded()
        headers = {"Authorization": f"Bearer {self.tokens[act.account]}", "Accept-Language": "en"}
        headers |= {"Idempotency-Key": key, "Content-Type": kind} if act.method == "POST" else {}
        # A context of its own, as a server has it: nothing of the test's is seen.
        with self.app.app_context(), clock.on(DAY):
            response = self.app.test_client().open(
                f"/api/v1{act.path}", method=act.method, headers=headers, data=content
            )
        body = response.json if response.is_json else response.get_data()
        return Answer(response.status_code, body, dict(response.headers))


@dataclass(frozen=True)
class Watch:
    """What strace is told, and the file it writes to."""

    words: tuple[str, ...]
    told: Path

    @classmethod
    def counting(cls, told: Path) -> Watch:
        """Write down every call."""
        return cls(("-e", f"trace={','.join(CALLS)}"), told)

    @classmethod
    def killing(cls, told: Path, call: str, number: int) -> Watch:
        """Kill the process as it makes the n-th call of a kind, before the kernel does anything."""
        return cls(("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"), told)

    @contextmanager
    def over(self, process: int) -> Iterator[None]:
        """Watch one process, not its children: each has a count of its own."""
        words = ["strace", "-qq", "-o", str(self.told), "-p", str(process), *self.words]
        tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        try:
            patience = time.monotonic() + PATIENCE_SECONDS
            while traced_by(process) == 0 and time.monotonic() < patience:
                time.sleep(0.002)
            yield
        finally:
            tracer.wait(PATIENCE_SECONDS)

    def calls(self) -> Counter[str]:
        """Give how often each call was made."""
        return Counter(LINE.findall(self.told.read_text("utf-8", "replace")))


def carried_out(programs: Programs, act: Act, key: str, watch: Watch) -> Answer:
    """Carry out an act in a watched child of this process; NO_ANSWER if it was killed before it told one."""
    (go_on, going), (told, telling) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _child(programs, act, key, go_on, telling)
    for end in (go_on, telling):
        os.close(end)
    with watch.over(child):
        os.write(going, b".")
        with os.fdopen(told, "rb") as pipe:
            content = pipe.read()
        os.close(going)
        os.waitpid(child, 0)
    return _read(content)


def _child(programs: Programs, act: Act, key: str, go_on: int, telling: int) -> None:
    try:
        os.read(go_on, 1)
        answer = programs.ask(act, key)
        body = answer.body.hex() if isinstance(answer.body, bytes) else answer.body
        os.write(
            telling, json.dumps([answer.status, isinstance(answer.body, bytes), body, dict(answer.headers)]).encode()
        )
        # What is in the log of the database goes into its file when the last connection is closed.
        with programs.app.app_context():
            db.engine.dispose()
    finally:
        os._exit(0)


def _read(content: bytes) -> Answer:
    if not content:
        return NO_ANSWER
    status, is_bytes, body, headers = json.loads(content)
    return Answer(status, bytes.fromhex(body) if is_bytes else body, headers)


def put_back(kept: Path, data: Path) -> None:
    """Let an installation's folder be what it was when a copy was kept."""
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(kept, data)
