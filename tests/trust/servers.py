"""Real server processes over an installation, to be asked over HTTP and killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from tests.app import TODAY, Place, at_work, opened

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30
WORKER = ("-m", "edu_pilot.cli", "worker")


@dataclass
class Site:
    """A group of server processes: `base` is its address, `log` what they said."""

    place: Place
    port: int
    workers: int
    on: date
    helped: bool
    log: Path
    group: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Give the address without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def environ(self) -> dict[str, str]:
        """Give the environment the processes run in."""
        return os.environ | {
            "EDU_PILOT_DATA": str(self.place.data),
            "EDU_PILOT_DATABASE_URL": self.place.database_url,
            "EDU_PILOT_BASE_URL": self.base,
            "EDU_PILOT_TODAY": self.on.isoformat(),
            "PYTHONPATH": str(ROOT),
        }

    def start(self) -> float:
        """Start the processes and return the seconds until they were ready."""
        begun = time.monotonic()
        self._run("-m", "tests.trust.serve", str(self.port), str(self.workers))
        if self.helped:
            self._run(*WORKER)
        while not self._ready():
            self._require_alive(begun)
            time.sleep(0.02)
        return time.monotonic() - begun

    def _run(self, *words: str) -> None:
        with self.log.open("ab") as log:
            # A session of its own: one signal reaches the server and all its workers.
            process = subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=self.environ(), stdout=log, stderr=log, start_new_session=True
            )
        self.group.append(process)

    def _ready(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        except OSError:
            return False
        finally:
            line.close()

    def _require_alive(self, begun: float) -> None:
        ended = any(process.poll() is not None for process in self.group)
        if ended or time.monotonic() - begun > PATIENCE_SECONDS:
            raise RuntimeError(f"the server does not come up: {self.log.read_text('utf-8')[-2000:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to every process of the group and wait for their end."""
        for process in self.group:
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                continue
        for process in self.group:
            process.wait(PATIENCE_SECONDS)
        self.group.clear()

    def restart(self) -> float:
        """Kill the processes, start them anew, and return the seconds until they were ready."""
        self.kill()
        return self.start()

    def answering(self, line: http.client.HTTPConnection) -> int:
        """Return the id of the process that holds the other end of an open line."""
        end = f"socket:[{self._inode(line.sock.getsockname()[1])}]"
        for process in self.group:
            for worker in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                if any(_points_to(found, end) for found in Path(f"/proc/{worker}/fd").iterdir()):
                    return int(worker)
        raise LookupError(end)

    def _inode(self, port: int) -> str:
        """Return the inode of our end of the connection that comes from a port."""
        ends = f":{self.port:04X}", f":{port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return next(line[9] for line in lines if line[1].endswith(ends[0]) and line[2].endswith(ends[1]))

    def token(self, account: str) -> str:
        """Draw a new bearer token for an account."""
        with opened(self.place) as app, at_work(app, self.on):
            return accounts.token(account, OPERATOR)


@contextmanager
def served(place: Place, *, workers: int = 2, on: date = TODAY, helped: bool = False) -> Iterator[Site]:
    """Serve an installation by real processes for the block; `helped` runs the worker beside them."""
    site = Site(place, _free_port(), workers, on, helped, place.data / "server.log")
    site.start()
    try:
        yield site
    finally:
        site.kill()


def _points_to(link: Path, end: str) -> bool:
    try:
        return os.readlink(link) == end
    except FileNotFoundError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
