"""The web server and the worker: two processes for a county, as many as needed for a nation."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType

import click
import structlog
from granian.constants import Interfaces
from granian.server import Server

from edu_pilot import faults
from edu_pilot.config import LOOPBACK, Misconfigured, Settings
from edu_pilot.process import at_work
from edu_pilot.services import archive, cut_fonts, due, outbox, readiness, snapshots, uploads

POLL_SECONDS = 1.0
DUE_SECONDS = 3600.0
RENDER_AT_ONCE = 20
# A web process that does not end by itself when told to is ended after this time.
STOP_SECONDS = 10
# The old process has ended already; the library waits so long before it looks after it.
RESPAWN_SECONDS = 0.1
WORKER = (sys.executable, "-m", "edu_pilot.cli", "worker")
log = structlog.get_logger()


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until interrupted, with a worker process beside the server where the database is embedded."""
    if settings.env == "local" and host not in LOOPBACK:
        raise Misconfigured("EDU_PILOT_ENV: local mode serves this machine only; use --host 127.0.0.1")
    _require_free(host, port)
    readiness.require_sound(settings)
    at_work(settings.data)
    embedded = settings.database_url.startswith("sqlite")
    click.echo(f"edu-pilot: http://{host}:{port}", err=True)
    with helped(WORKER) if embedded else nullcontext():
        web(host, port)


def _require_free(host: str, port: int) -> None:
    """Refuse a port somebody listens on: two servers sharing one would answer in turns."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(f"--port: {host}:{port} cannot be used ({error.strerror}); choose another") from None


@contextmanager
def helped(command: Sequence[str], pause: float = POLL_SECONDS) -> Iterator[None]:
    """Keep a process running beside the block: one that ends is started again after a pause in seconds."""
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(command, stop, pause), daemon=True)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        watch.join()


def _watch(command: Sequence[str], stop: threading.Event, pause: float) -> None:
    while not stop.is_set():
        process = subprocess.Popen(command)
        while process.poll() is None and not stop.wait(pause):
            pass
        if not stop.is_set():
            log.error("the worker ended and is started again", exit_code=process.returncode)
            stop.wait(pause)
            continue
        process.terminate()
        process.wait(timeout=30)


def web(host: str, port: int, *, app: str = "edu_pilot.wsgi:app", workers: int = 2) -> None:
    """Answer requests by so many processes until told to stop."""
    Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=1,
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
        # One whose disk failed ends itself.
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_SECONDS,
    ).serve()


def work(settings: Settings) -> None:
    """Carry out what waits, again and again, until told to stop; a stop lets the present task end.

    After an I/O fault the process ends with an exit code of its own, to be started anew.
    """
    readiness.require_sound(settings)
    at_work(settings.data)
    archive.clean(settings.data)
    stop = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, told)
    # Once on each computer, and here rather than while somebody waits for the first paper.
    cut_fonts.folder()
    rounds = Rounds()
    while not stop.is_set():
        stop.wait(0 if rounds.busy() else POLL_SECONDS)
        if faults.broken():
            sys.exit(faults.EXIT_CODE)


class Rounds:
    """The worker's rounds: what waits each time, what the calendar asks for once an hour."""

    def __init__(self) -> None:
        self.next_due = 0.0
        self.keeper = snapshots.Keeper()

    def busy(self) -> bool:
        """Carry out one round and return whether there was work; a fault ends the round, never the worker."""
        try:
            return self._round()
        except Exception:  # the database may be away for a while; the next round tries again
            log.exception("the worker's round broke off")
            return False

    def _round(self) -> bool:
        if time.monotonic() >= self.next_due:
            self.next_due = time.monotonic() + DUE_SECONDS
            due.run()
        self._keep()
        taken = uploads.take_waiting() + outbox.drain() + outbox.drain(RENDER_AT_ONCE, task="render")
        # One stack a round: a run of thousands keeps nobody's step waiting.
        return bool(taken + outbox.drain(1, task="print"))

    def _keep(self) -> None:
        """Take a snapshot when it is time; one that cannot be taken must not stop the work."""
        try:
            self.keeper.round()
        except Exception:  # a full disk, say: the next round tries again, and the log tells
            log.exception("no snapshot could be taken")
