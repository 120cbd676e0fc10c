"""Who looks at a person's data, what is erased and what stays, and the copy a person may have (R2.9, edges 68-71)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import current_app

from edu_pilot import clock
from edu_pilot.extensions import Base, db, read, write
from edu_pilot.services import (
    audit,
    cases,
    documents,
    due,
    erasure,
    look_ups,
    outbox,
    own_data,
    papers,
    presenting,
    statistics,
    verification,
)
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import create
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Forbidden, Malformed, Refused
from tests.factories import A_PDF, CARD, SIGN_UP, Pilot, application_form, case, on, rows
from tests.people import LIU_WEI, worker

LATER = date(2026, 3, 2)


def looks() -> list[tuple[str, ...]]:
    with read() as conn:
        return [(r["actor"], r["kind"], r["reference"], r["field"], r["reason"]) for r in look_ups.newest(conn)]


def test_a_full_value_is_shown_for_a_reason_and_stands_on_record(any_pilot: Pilot) -> None:
    reference = any_pilot.registered()
    shown = look_ups.reveal("application", reference, "id_number", "COMPARE", any_pilot.wang_fang)
    assert shown == LIU_WEI.id_number
    assert looks() == [("wang.fang", "value", reference, "id_number", "COMPARE")]
    assert LIU_WEI.id_number not in str(rows("look_up") + rows("audit_entry"))
    with read() as conn:
        assert audit.verify(conn).ok


@pytest.mark.parametrize("column", ["reason = ''", "actor = 'nobody'"])
def test_the_record_of_look_ups_cannot_be_changed(any_pilot: Pilot, column: str) -> None:
    reference = any_pilot.registered()
    look_ups.reveal("application", reference, "phone", "CALL", any_pilot.wang_fang)
    for statement in (f"UPDATE look_up SET {column}", "DELETE FROM look_up"):
        with pytest.raises(sa.exc.DBAPIError, match="append_only"), write() as conn:
            conn.execute(sa.text(statement))
    assert len(looks()) == 1


def test_what_is_refused_shows_nothing_and_is_told_why(pilot: Pilot) -> None:
    reference = pilot.registered()
    look = ("application", reference)
    with pytest.raises(Forbidden):
        look_ups.reveal(*look, "id_number", "COMPARE", pilot.xu_ning)
    with pytest.raises(NotFound):
        look_ups.reveal(*look, "id_number", "COMPARE", pilot.decheng_clerk)
    with pytest.raises(Malformed) as refusal:
        look_ups.reveal(*look, "account_number", "CURIOUS", pilot.wang_fang)
    assert [r.code for r in refusal.value.reasons] == ["value_unknown", "reason_unknown"]
    assert looks() == []


def test_reading_papers_and_files_and_searching_stand_on_record(pilot: Pilot) -> None:
    reference = pilot.registered()
    file = papers.add("application", reference, "portrait", A_PDF, pilot.wang_fang)
    papers.content("application", reference, file, pilot.chen_hui)
    number = rows("document")[0]["number"]
    documents.content(number, pilot.wang_fang)
    told = [(actor, kind, field) for actor, kind, _ref, field, _why in looks()]
    assert told == [("wang.fang", "document", number), ("chen.hui", "file", f"portrait:{file}")]


def test_looking_around_without_a_task_rings(pilot: Pilot) -> None:
    """Edge 71: a clerk who looks at neighbours whose cases need nothing of clerks."""
    study = pilot.graduated()
    neighbours = [study, *(pilot.certified(s) for s in [study])]
    for _ in range(3):
        look_ups.reveal("certification", neighbours[1], "phone", "CALL", pilot.zhao_min)
    with read() as conn:
        days = {(day.actor, day.alarm): day.without_task for day in look_ups.days(conn)}
    assert days == {("zhao.min", True): 3}


# Erasing


def figures() -> Any:
    """Give what must be the same after an erasure: counts of persons, sums of money, the trail."""
    with read() as conn:
        money = [conn.execute(sa.select(sa.func.sum(c))).scalar() for c in _money()]
        counted = statistics.persons(conn, OPERATOR, LATER, ["workflow", "county", "major", "year", "state"])
        states = {w: [(r["reference"], r["state"]) for r in rows(w)] for w in cases.workflows()}
        return money, counted, states, audit.verify(conn).ok


def _money() -> list[sa.Column[Any]]:
    return [c for t in Base.metadata.sorted_tables for c in t.c if c.name.endswith("_fen")]


def everything_stored() -> str:
    """Give every stored value, with the sealed ones opened."""
    opener, found = vault(), []
    with read() as conn:
        for table in Base.metadata.sorted_tables:
            for row in conn.execute(sa.select(table)).mappings():
                for name, value in row.items():
                    sealed = isinstance(value, bytes) and "id" in row
                    found.append(opener.open(f"{table.name}.{name}", row["id"], value) if sealed else str(value))
    return "\n".join(found)


def traces() -> list[str]:
    names = (LIU_WEI.name, LIU_WEI.id_number, LIU_WEI.phone, CARD, "liuwei", "齐河建筑安装有限公司")
    stored = everything_stored()
    return [name for name in names if name in stored]


@contextmanager
def later(day: date = LATER) -> Iterator[None]:
    with clock.on(day):
        yield


def test_an_erased_person_leaves_no_trace_but_figures_and_trail(any_pilot: Pilot) -> None:
    study = any_pilot.graduated()
    any_pilot.certified(study)
    application = rows("application")[0]["reference"]
    papers.add("application", application, "portrait", A_PDF, any_pilot.wang_fang)
    kept = [row["number"] for row in rows("document")]
    content = documents.render(kept[0])
    store = Path(current_app.config["SETTINGS"].store_url)
    files = [p for p in store.rglob("*") if p.is_file()]
    before = figures()
    with later():
        done = erasure.erase(study, "REQUEST_OF_PERSON", OPERATOR)
    assert (done.kept, done.files) == ((), len(files))
    assert traces() == []
    after = figures()
    assert before[:3] == after[:3]
    assert after[3]
    # The holder's paper is still proved, its content is shown to nobody.
    assert verification.by_file(content).result == "genuine"
    with later(), pytest.raises(Refused) as refusal:
        documents.content(kept[0], any_pilot.wang_fang)
    assert [r.code for r in refusal.value.reasons] == ["erased"]
    assert [p for p in store.rglob("*") if p.is_file()] == []
    with read() as conn:
        record = cases.by_reference(conn, vault(), "study", study)
        policy = presenting.in_force(conn).policy
        shown = presenting.facts(record, policy, OPERATOR, policy)
    assert shown["erased_on"] == LATER


def test_an_erased_paper_waits_for_no_rendering(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    assert [row for row in rows("outbox", task="render") if row["done_at"] is None]
    with later():
        erasure.erase(study, "REQUEST_OF_PERSON", OPERATOR)
        outbox.drain(task="render")
    assert [(row["reference"], row["refusal"]) for row in rows("outbox", task="render") if row["done_at"] is None] == []


def test_nothing_is_erased_while_a_case_lives(pilot: Pilot) -> None:
    study = pilot.studying()
    before = everything_stored()
    with pytest.raises(Refused) as refusal:
        erasure.erase(study, "REQUEST_OF_PERSON", OPERATOR)
    assert {(r.code, r.facts["reference"]) for r in refusal.value.reasons} == {
        ("case_lives", study), ("case_lives", pilot.certification_of(study)),
    }  # fmt: skip
    assert everything_stored() == before


def test_only_who_administers_erases_and_only_for_a_known_reason(pilot: Pilot) -> None:
    study = pilot.graduated()
    with pytest.raises(Forbidden):
        erasure.erase(study, "REQUEST_OF_PERSON", pilot.wang_fang)
    with pytest.raises(Malformed):
        erasure.erase(study, "BECAUSE", OPERATOR)
    with pytest.raises(NotFound):
        erasure.erase("S9999-000001", "REQUEST_OF_PERSON", OPERATOR)


def test_paid_money_is_stored_for_accounting_until_its_time_is_over(pilot: Pilot) -> None:
    """Edge 68: storage only, then gone; the sums never change."""
    study = pilot.graduated()
    pilot.certified(study)
    claim = pilot.paid(study)
    before = figures()
    with later():
        assert erasure.erase(study, "WITHDRAWN_CONSENT", OPERATOR).kept == (claim,)
        assert case("claim", claim).account_number == CARD
        with read() as conn:
            policy = presenting.in_force(conn).policy
            shown = presenting.facts(cases.by_reference(conn, vault(), "claim", claim), policy, OPERATOR, policy)
        assert (shown["name"], shown["account_tail"], shown["account_holder"]) == (None, None, None)
        with pytest.raises(Refused):
            look_ups.reveal("claim", claim, "account_number", "CALL", pilot.zhao_min)
        assert due.run()["accounts_erased"] == 0
    with later(date(2056, 1, 1)):
        assert due.run()["accounts_erased"] == 1
        assert due.run()["accounts_erased"] == 0
    assert traces() == []
    assert figures()[:3] == before[:3]


def test_a_withdrawn_consent_stops_every_use(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    with later():
        erasure.restrict(study, "WITHDRAWN_CONSENT", OPERATOR)
        with pytest.raises(Refused) as refusal:
            look_ups.reveal("study", study, "id_number", "COMPARE", pilot.chen_hui)
        assert [r.code for r in refusal.value.reasons] == ["storage_only"]
        with pytest.raises(Refused):
            documents.content(rows("document")[0]["number"], pilot.wang_fang)
    with read() as conn:
        assert cases.by_reference(conn, vault(), "study", study).person.id_number == LIU_WEI.id_number


def test_the_calendar_erases_what_was_kept_long_enough(any_pilot: Pilot) -> None:
    with on(SIGN_UP):
        draft = create("application", any_pilot.wang_fang, application_form(worker(3))).reference
    study = any_pilot.graduated()
    any_pilot.certified(study)
    with later(date(2024, 1, 1)):
        assert erasure.run_due() == {"people_erased": 1, "accounts_erased": 0, "lists_erased": 0}
    assert rows("application", reference=draft)[0]["name"] == ""
    with later(date(2036, 1, 1)):
        assert erasure.run_due()["people_erased"] == 1
        assert erasure.run_due()["people_erased"] == 0
    assert traces() == []
    with read() as conn:
        assert audit.verify(conn).ok


def test_nothing_erased_is_left_in_the_file(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    file = Path(db.engine.url.database or "")
    with later():
        erasure.erase(study, "REQUEST_OF_PERSON", OPERATOR)
    erasure.keys.forget_old_pages([])
    found = file.read_bytes() + file.with_name(file.name + "-wal").read_bytes()
    assert LIU_WEI.name.encode() not in found


# A copy of one's own


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_person_gets_everything_and_nothing_of_others(pilot: Pilot) -> None:
    """Edge 69."""
    study = pilot.graduated()
    claim = pilot.approved(study)
    application = rows("application")[0]["reference"]
    papers.add("application", application, "portrait", A_PDF, pilot.wang_fang)
    documents.render(rows("document", kind="registration_form")[0]["number"])
    me = student(rows("person")[0]["id_index"])
    found = unzipped(own_data.export(claim, me))
    data = json.loads(found["data.json"])
    assert (data["person"]["id_number"], data["person"]["phone"]) == (LIU_WEI.id_number, LIU_WEI.phone)
    assert {record["workflow"] for record in data["records"]} == {"application", "study", "certification", "claim"}
    assert CARD in found["data.json"].decode()
    assert LIU_WEI.name in found["index.html"].decode()
    assert {name.partition("/")[0] for name in found} == {"data.json", "index.html", "documents", "files"}
    text = found["data.json"].decode() + found["index.html"].decode()
    assert [name for name in ("wang.fang", "zhao.min", "sun.li", "chen.hui") if name in text] == []
    assert looks()[0][:2] == ("student", "export")


def test_nobody_gets_the_copy_of_another(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.registered(worker(1))
    other = student(next(r["id_index"] for r in rows("person") if r["name"] != LIU_WEI.name))
    with pytest.raises(NotFound):
        own_data.export(study, other)
    with pytest.raises(Forbidden):
        own_data.export(study, pilot.wang_fang)
    assert looks() == []
