"""What a failing disk means to a process: it never says yes, and one whose disk failed to sync is replaced."""

from __future__ import annotations

import errno
import os
import threading
import time

import structlog
from flask import Flask, abort, current_app
from werkzeug.wrappers import Response

# SQLite's code for a fault of the disk; the extended codes carry it in their lowest byte.
SQLITE_IOERR = 10
# sysexits.h: an error occurred while doing I/O on some file.
EXIT_CODE = 74
# Seconds. The answer must leave first; and a supervisor takes processes that end within 5.5 s for a crash loop.
ANSWER_TIME, LEAST_AGE = 0.3, 6.0
log = structlog.get_logger()
_broken = threading.Event()


def is_io_fault(error: BaseException | None) -> bool:
    """Whether an error says that the disk did not do what it was told; a full disk is none of these."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return bool(code & 0xFF == SQLITE_IOERR)
    return isinstance(error, OSError) and error.errno == errno.EIO


def note(error: BaseException | None) -> None:
    """Remember an I/O fault: after a failed sync nobody knows what the kernel still holds of what was written."""
    if is_io_fault(error) and not _broken.is_set():
        _broken.set()
        log.critical("the disk failed; this process takes no more work", fault=type(error).__name__)


def broken() -> bool:
    """Whether this process has met an I/O fault and must be replaced."""
    return _broken.is_set()


def forget() -> None:
    """Start over, as a new process does."""
    _broken.clear()


def init_app(app: Flask) -> None:
    """Refuse requests after an I/O fault, and end the process where a supervisor replaces it."""
    app.config.setdefault("REPLACEABLE", False)
    # A forked process has its modules from its parent, but makes its application itself.
    app.extensions["born"] = time.monotonic()
    app.before_request(_refuse)
    app.after_request(_leave)


def _refuse() -> None:
    if broken():
        abort(503)


def _leave(response: Response) -> Response:
    if broken() and current_app.config["REPLACEABLE"]:
        pause = max(ANSWER_TIME, LEAST_AGE - (time.monotonic() - current_app.extensions["born"]))
        timer = threading.Timer(pause, os._exit, (EXIT_CODE,))
        timer.daemon = True
        timer.start()
    return response
