"""Who prints in a process of their own, in step with another one: workers at one run, clerks at the same papers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError

from sqlalchemy import Connection

from edu_pilot.models.base import new_id
from edu_pilot.services import documents, printer, prints
from edu_pilot.services.prints import Found, Wanted
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.app import Place, at_work, opened
from tests.people import staff

FORMS = Wanted("application", "registration_form")
PATIENCE_SECONDS = 60
# The last stacks a worker may have to itself.
MEETING_SECONDS = 2


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


def ask(place: Place, asked: Queue[str], together: Barrier) -> None:
    """Ask for every registration form of Qihe; both have found the same ones, where nothing keeps them apart."""
    find = prints.find

    def found(conn: Connection, actor: Actor, wanted: Wanted) -> Found:
        papers = find(conn, actor, wanted)
        with suppress(BrokenBarrierError):
            together.wait(MEETING_SECONDS)
        return papers

    prints.find = found
    with opened(place) as app, at_work(app):
        try:
            asked.put(prints.ask(FORMS, 3, "", new_id(), staff("wang.fang")))
        except Refused as refused:
            asked.put(refused.reasons[0].code)
