"""The one lock that keeps servers and workers away while an installation is changed as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edu_pilot import process
from edu_pilot.config import Settings
from edu_pilot.services.archive import Unfit
from edu_pilot.workflow.reasons import N_


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep servers and workers away for the block; raises Unfit where one is at work."""
    with process.alone(settings.data) as nobody:
        if not nobody:
            raise in_use()
        yield


def in_use() -> Unfit:
    """Return the refusal of what needs the installation for itself."""
    return Unfit("at_work", N_("A server or worker is at work here: stop it first."))
