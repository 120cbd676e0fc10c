"""What may stand in a log: no ID number, phone or card, whoever wrote the line and however it got there (R2.9)."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog
from flask.logging import default_handler

# Digits in a row, or in the groups in which people write ID numbers and cards; the last may be an X.
_LONG = re.compile(r"(?<!\d)\d(?:[ -]?\d){13,17}[ -]?[\dXx](?!\d)")
# With or without the country's number before it.
_PHONE = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")
_GROUPS = str.maketrans("", "", " -")
_record = logging.LogRecord


def masked(text: str) -> str:
    """Hide what looks like an ID number, a card or a phone; the last four stay, to find the case again."""
    return _PHONE.sub(_hidden, _LONG.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    return "****" + found[0].translate(_GROUPS)[-4:]


def clean(value: Any) -> Any:
    """Mask every text inside a value."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {clean(name): clean(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(one) for one in value]
    return value if value is None or isinstance(value, (bool, float)) else masked(str(value))


def _mask_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: clean(value) for name, value in event.items()}


def configure() -> None:
    """Send every line to standard error, masked: ours, the libraries', and what nobody caught."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            # As text and without the local variables, which hold people's data in clear.
            structlog.processors.format_exc_info,
            _mask_event,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        # Standard output belongs to the answers of commands; the stream is asked for at every line.
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
    )
    logging.setLogRecordFactory(_Masked)
    default_handler.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


class _Masked(_record):
    """A line of the standard library's logging, masked when it is made: no handler ever sees the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.msg, self.args = masked(self.getMessage()), None
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = masked("".join(traceback.format_exception(*self.exc_info)).rstrip())
            self.exc_info = None


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
