"""The web server and the worker: two processes for a county, as many as needed for a nation."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from types import FrameType

import click
import structlog
from granian.constants import Interfaces
from granian.server import Server

from edu_pilot.config import LOOPBACK, Misconfigured, Settings
from edu_pilot.services import due, outbox

POLL_SECONDS = 1.0
DUE_SECONDS = 3600.0
RENDER_AT_ONCE = 20
log = structlog.get_logger()


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until interrupted, with a worker process beside the server where the database is embedded."""
    if settings.env == "local" and host not in LOOPBACK:
        raise Misconfigured("EDU_PILOT_ENV: local mode serves this machine only; use --host 127.0.0.1")
    embedded = settings.database_url.startswith("sqlite")
    helper = subprocess.Popen([sys.executable, "-m", "edu_pilot.cli", "worker"]) if embedded else None
    click.echo(f"edu-pilot: http://{host}:{port}", err=True)
    try:
        _web(host, port)
    finally:
        if helper:
            helper.terminate()
            helper.wait(timeout=30)


def _web(host: str, port: int) -> None:
    Server(
        "edu_pilot.wsgi:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=1,
        log_access=False,
    ).serve()


def work() -> None:
    """Carry out what waits, again and again, until told to stop; a stop lets the present task end."""
    stop = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, told)
    last_due = 0.0
    while not stop.is_set():
        if time.monotonic() - last_due >= DUE_SECONDS or not last_due:
            due.run()
            last_due = time.monotonic()
        busy = outbox.drain() + outbox.drain(RENDER_AT_ONCE, task="render")
        stop.wait(0 if busy else POLL_SECONDS)
