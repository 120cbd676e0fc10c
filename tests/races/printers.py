"""A worker in a process of its own that makes a print run, in step with another one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError

from edu_pilot.services import documents, printer
from tests.app import Place, at_work, opened

PATIENCE_SECONDS = 60
# The last stacks a worker may have to itself.
MEETING_SECONDS = 5


def work(place: Place, run: str, together: Barrier) -> None:
    """Make stack after stack; each is drawn by both workers before either keeps it."""
    printer_file = documents.printer_file

    def drawn(papers: Sequence[str]) -> bytes:
        content = printer_file(papers)
        with suppress(BrokenBarrierError):
            together.wait(MEETING_SECONDS)
        return content

    documents.printer_file = drawn
    with opened(place) as app, at_work(app):
        together.wait(PATIENCE_SECONDS)
        while printer.make_next(run):
            pass
