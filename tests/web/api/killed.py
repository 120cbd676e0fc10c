"""A process that sends one request with a key and is killed on the way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edu_pilot.services import idempotency, unit
from edu_pilot.web import api
from tests import app as installations
from tests.app import Place
from tests.factories import application_form
from tests.web.api.conftest import Caller, Programs

PROCESSES = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 60


def die(*_given: Any, **_more: Any) -> None:
    """End as by a power cut, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


# Where the process is killed: what is replaced by its end, and whether the work stands afterwards.
MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before the key is written": (unit.idempotency, "claim", False),
    "between the key and the entry": (unit.audit, "append", False),
    "after the commit, before the answer is kept": (idempotency, "_keep", True),
}


@contextmanager
def caller(place: Place) -> Iterator[Caller]:
    """Give Wang Fang's program over an installation."""
    with installations.opened(place) as app, installations.at_work(app):
        api.init_app(app)
        yield Programs(app)("wang.fang")


def send(place: Place, moment: str) -> None:
    """Send the request, and be killed at the moment."""
    owner, name, _ = MOMENTS[moment]
    with caller(place) as program:
        setattr(owner, name, die)
        program.post("/records/application", application_form(), key="k")


def in_a_process(work: Callable[..., None], *given: Any) -> int | None:
    """Run it in a process of its own and return how that ended."""
    process = PROCESSES.Process(target=work, args=given)
    process.start()
    process.join(PATIENCE_SECONDS)
    return process.exitcode
