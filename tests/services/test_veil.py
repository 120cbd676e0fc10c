"""What students see before publication: neither marks nor what gives them away (R3.6, R4.5)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import counts, outbox, presenting, search
from edu_pilot.services.actors import student
from edu_pilot.services.cases import NotFound
from edu_pilot.services.vault import vault
from edu_pilot.workflow.registry import Actor
from tests.factories import EXAM, SAT, Pilot, on, row, rows
from tests.people import LIU_WEI

PUBLISHED = date(2024, 6, 27)


@pytest.fixture
def liu_wei(any_pilot: Pilot) -> Actor:
    """Give the student."""
    return student(vault().index("id_number", LIU_WEI.id_number))


def seen(workflow: str, reference: str, actor: Actor, day: date) -> dict[str, Any]:
    """Give everything an actor is told of a record, as the API would say it."""
    with on(day), read() as conn:
        found = search.get(conn, workflow, reference, actor)
        shown = presenting.as_json(presenting.show(conn, found, actor), "en")
        lists = search.find(conn, workflow, actor, search.Wanted())[0]
        told = {"history": presenting.history(conn, found, actor), "list": [c.state for c in lists]}
        return shown | told | {"counts": dict(counts.by_state(conn, workflow, actor))}


def scored(pilot: Pilot, practical: str = "41") -> tuple[str, str]:
    """Give a certification with marks and its session, held and not published yet."""
    reference = pilot.trained(pilot.studying())
    taken = row("certification", reference)
    session = pilot.exam(taken["occupation"], taken["level"])
    pilot.act("certification", reference, "enter", pilot.wang_fang, EXAM, session=session)
    pilot.act("session", session, "seat_all", pilot.examiner, EXAM)
    with on(EXAM):
        outbox.drain()
    pilot.act("session", session, "hold", pilot.examiner, EXAM)
    pilot.act("certification", reference, "mark_sat", pilot.examiner, EXAM)
    pilot.act("certification", reference, "score", pilot.examiner, EXAM, theory="73", practical=practical)
    return reference, session


@pytest.mark.parametrize("practical", ["41", "81"])
def test_r4_5_a_student_sees_neither_marks_nor_outcome_before_publication(
    any_pilot: Pilot, liu_wei: Actor, practical: str
) -> None:
    reference, session = scored(any_pilot, practical)
    before = seen("certification", reference, liu_wei, EXAM)
    assert (before["state"], before["facts"]["theory"], before["facts"]["practical"]) == ("sat", None, None)
    assert (before["facts"]["theory_kept_until"], before["list"], before["counts"]) == (None, ["sat"], {"sat": 1})
    assert "score" not in [entry["action"] for entry in before["history"]]
    assert not {"passed", "failed", "73"} & set(str(before["history"]).replace("'", " ").split())
    with on(EXAM), read() as conn:
        assert search.find(conn, "certification", liu_wei, search.Wanted(state="passed"))[0] == []
        assert search.find(conn, "certification", liu_wei, search.Wanted(state="failed"))[0] == []
        standing = [s for s in search.standings(conn, str(liu_wei.person_key)) if s.workflow == "certification"]
    assert [s.state for s in standing] == ["sat"]
    for step in ("score_all", "publish"):
        any_pilot.act("session", session, step, any_pilot.examiner, EXAM)
    after = seen("certification", reference, liu_wei, EXAM)
    assert (after["facts"]["theory"], after["facts"]["practical"]) == (73, int(practical))
    assert after["state"] == ("passed" if practical == "81" else "failed")


def test_r4_5_the_examiner_sees_what_she_entered(any_pilot: Pilot) -> None:
    reference, _session = scored(any_pilot)
    told = seen("certification", reference, any_pilot.examiner, EXAM)
    assert (told["state"], told["facts"]["theory"], told["counts"]) == ("failed", 73, {"failed": 1})


def test_r4_5_a_resit_shows_once_the_failure_is_published(any_pilot: Pilot, liu_wei: Actor) -> None:
    reference, session = scored(any_pilot)
    any_pilot.act("certification", reference, "resit", any_pilot.examiner, EXAM)
    [resit] = [str(c["reference"]) for c in rows("certification") if c["previous_id"]]
    before = seen("certification", reference, liu_wei, EXAM)
    assert (before["facts"]["resit"], before["list"]) == (None, ["sat"])
    with pytest.raises(NotFound):
        seen("certification", resit, liu_wei, EXAM)
    for step in ("score_all", "publish"):
        any_pilot.act("session", session, step, any_pilot.examiner, EXAM)
    assert seen("certification", reference, liu_wei, EXAM)["facts"]["resit"] == resit
    assert seen("certification", resit, liu_wei, EXAM)["state"] == "planned"


def test_r3_6_a_course_mark_shows_when_it_is_published(any_pilot: Pilot, liu_wei: Actor) -> None:
    study = any_pilot.studying()
    any_pilot.score(study, "10002")
    early, later = (seen("study", study, liu_wei, day) for day in (SAT, PUBLISHED))
    assert early["facts"]["credits"] == 0
    assert not any(module["earned"] for module in early["facts"]["modules"])
    assert any(module["earned"] for module in later["facts"]["modules"])
    assert "record_score" not in [entry["action"] for entry in early["history"]]
    assert later["facts"]["credits"] > 0
    assert "record_score" in [entry["action"] for entry in later["history"]]
    assert seen("study", study, any_pilot.chen_hui, SAT)["facts"]["credits"] > 0
