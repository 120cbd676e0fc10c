"""Many people at once, by the steps people take; their papers are copies of the first one's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from edu_pilot import clock
from edu_pilot.extensions import Base, write
from edu_pilot.models.base import new_id
from edu_pilot.services.perform import perform_many
from edu_pilot.workflow.registry import Actor
from tests.factories import ADMITTED, CONFIRMED, EXAM, VERIFIED, Pilot, row, rows
from tests.people import worker

PAPER, BAN = Base.metadata.tables["paper"], Base.metadata.tables["ban"]


def step(workflow: str, references: Sequence[str], action: str, actor: Actor, day: date, **given: Any) -> None:
    """Take one step on everybody."""
    ids = [str(row(workflow, reference)["id"]) for reference in references]
    with clock.on(day):
        refused = [r for r in perform_many(workflow, ids, action, actor, given) if r.reasons]
    assert refused == []


def complete(pilot: Pilot, number: int, first: int = 0, **changes: Any) -> list[str]:
    """Register so many workers and hand in everybody's papers; give their applications."""
    found = [pilot.registered(worker(first + n), **changes) for n in range(number)]
    pilot.hand_in_papers(found[0])
    papers = rows("paper", record_id=row("application", found[0])["id"])
    with write() as conn:
        for reference in found[1:]:
            record = row("application", reference)["id"]
            conn.execute(PAPER.insert(), [{**paper, "id": new_id(), "record_id": record} for paper in papers])
    return found


def verified(pilot: Pilot, number: int, first: int = 0, **changes: Any) -> list[str]:
    """Verify so many workers; give their applications."""
    found = complete(pilot, number, first, **changes)
    step("application", found, "verify", pilot.wang_fang, VERIFIED)
    return found


def studying(pilot: Pilot, number: int, first: int = 0, **changes: Any) -> list[str]:
    """Admit so many workers and confirm their school status; give their studies."""
    admitted = verified(pilot, number, first, **changes)
    step("application", admitted, "admit", pilot.chen_hui, ADMITTED)
    applications = {row("application", reference)["id"] for reference in admitted}
    found = [str(s["reference"]) for s in rows("study") if s["application_id"] in applications]
    step("study", found, "confirm_status", pilot.chen_hui, CONFIRMED)
    return found


def trained(pilot: Pilot, number: int, first: int = 0, **changes: Any) -> list[str]:
    """Let so many students finish the training; give their certifications."""
    found = [pilot.certification_of(study) for study in studying(pilot, number, first, **changes)]
    step("certification", found, "start_training", pilot.wang_fang, CONFIRMED)
    step("certification", found, "finish_training", pilot.wang_fang, EXAM, hours="60", attendance_percent="95")
    return found


def entered(pilot: Pilot, number: int, seats: int, first: int = 0) -> tuple[str, list[str]]:
    """Enter so many for one session with so many seats; give the session and their certifications."""
    found = trained(pilot, number, first, occupation="ecommerce_specialist")
    taken = row("certification", found[0])
    session = pilot.exam(taken["occupation"], taken["level"], seats)
    step("certification", found, "enter", pilot.wang_fang, EXAM, session=session)
    return session, found


def ban(certification: str, until: date) -> None:
    """Ban the person of a certification from exams, as a sitting voided for cheating does."""
    known = row("certification", certification)
    told = {"person_id": known["person_id"], "certification_id": known["id"], "reason": "CHEATING", "until_on": until}
    with write() as conn:
        conn.execute(BAN.insert(), {"id": new_id(), **told})
