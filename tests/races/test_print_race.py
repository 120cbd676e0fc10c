"""Two workers at one print run: every stack is kept once, and no file of the loser is left lying (R2.9)."""

from __future__ import annotations

import multiprocessing

import pytest
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.models.base import new_id
from edu_pilot.services import documents, prints, store
from tests.app import Place
from tests.factories import A_PDF, Pilot, rows
from tests.people import worker
from tests.races.printers import PATIENCE_SECONDS, work


@pytest.fixture
def place(postgres_place: Place) -> Place:
    return postgres_place


@pytest.mark.xdist_group("postgres")
def test_two_workers_at_one_run_keep_every_stack_once(
    place: Place, pg_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "STACK", 1)
    pilot = Pilot()
    for n in range(3):
        pilot.registered(worker(n))
    for document in rows("document"):
        key, _digest = store.keep("documents", A_PDF, ".pdf")
        with write() as conn:
            one = Document.__table__.update().where(Document.id == document["id"])
            conn.execute(one.values(store_key=key))
    wanted = prints.Wanted("application", "registration_form")
    run = prints.ask(wanted, 3, "", new_id(), pilot.wang_fang)
    processes = multiprocessing.get_context("spawn")
    together = processes.Barrier(2)
    workers = [processes.Process(target=work, args=(place, run, together)) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(PATIENCE_SECONDS)
    assert [one.exitcode for one in workers] == [0, 0]
    kept = rows("print_stack")
    assert sorted(row["stack"] for row in kept) == [1, 2, 3]
    files = {entry.key for entry in store.store().entries() if entry.key.startswith("prints/")}
    assert files == {row["store_key"] for row in kept}
    assert all(row["made_at"] and not row["refusal"] for row in rows("print_sheet"))
    with read() as conn:
        assert {times.number for times in prints.times(conn, [r["number"] for r in rows("document")]).values()} == {1}
