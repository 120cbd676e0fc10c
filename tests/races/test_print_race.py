"""Two workers at one print run: every stack is kept once, and no file of the loser is left lying (R2.9)."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import pytest
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.models.base import new_id
from edu_pilot.services import documents, prints, store
from tests.app import Place
from tests.factories import A_PDF, Pilot, rows
from tests.people import worker
from tests.races.printers import FORMS, PATIENCE_SECONDS, ask, work

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def pilot(pg_app: Flask) -> Pilot:
    """Give three registration forms of Qihe, kept as the worker would have kept them."""
    pilot = Pilot()
    for n in range(3):
        pilot.registered(worker(n))
    for document in rows("document"):
        key, _digest = store.keep("documents", A_PDF, ".pdf")
        with write() as conn:
            one = Document.__table__.update().where(Document.id == document["id"])
            conn.execute(one.values(store_key=key))
    return pilot


def run_both(target: Callable[..., None], *given: object) -> None:
    """Run something in two processes at once; the last argument is a barrier for both."""
    processes = multiprocessing.get_context("spawn")
    together = processes.Barrier(2)
    both = [processes.Process(target=target, args=(*given, together)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(PATIENCE_SECONDS)
    assert [one.exitcode for one in both] == [0, 0]


def test_two_workers_at_one_run_keep_every_stack_once(
    postgres_place: Place, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "STACK", 1)
    run = prints.ask(FORMS, 3, "", new_id(), pilot.wang_fang)
    run_both(work, postgres_place, run)
    kept = rows("print_stack")
    assert sorted(row["stack"] for row in kept) == [1, 2, 3]
    files = {entry.key for entry in store.store().entries() if entry.key.startswith("prints/")}
    assert files == {row["store_key"] for row in kept}
    assert all(row["made_at"] and not row["refusal"] for row in rows("print_sheet"))
    with read() as conn:
        assert {times.number for times in prints.times(conn, [r["number"] for r in rows("document")]).values()} == {1}


def test_two_who_ask_for_the_same_papers_at_once_get_one_run(postgres_place: Place, pilot: Pilot) -> None:
    asked = multiprocessing.get_context("spawn").Queue()
    run_both(ask, postgres_place, asked)
    assert {asked.get(timeout=PATIENCE_SECONDS) for _ in range(2)} == {
        rows("print_run")[0]["number"],
        "nothing_to_print",
    }
    assert len(rows("print_sheet")) == 3
