"""What steps of a certification and of an exam session write."""

from __future__ import annotations

import sqlalchemy as sa

from edu_pilot.models import Certification, Study
from edu_pilot.rules.certification import whole
from edu_pilot.rules.study import score_of
from edu_pilot.services.unit import Change, LostRace
from edu_pilot.workflow.registry import effect

CERTIFICATION = Certification.__table__
STUDY = Study.__table__


@effect
def enter_certification(change: Change) -> None:
    """§4: one record per person, occupation, level and attempt."""
    given = dict(change.input)
    query = sa.select(STUDY.c.id).where(STUDY.c.reference == given.pop("study"))
    change.note["intake"] = given.pop("intake")
    change.values |= given | {"study_id": change.conn.execute(query).scalar_one()}
    change.values["attempt"] = 1 + _attempts(change)


def _attempts(change: Change) -> int:
    """Return the number of the person's last attempt; of two opened at once the unique key refuses one."""
    columns = (CERTIFICATION.c.person_id, CERTIFICATION.c.occupation, CERTIFICATION.c.level)
    same = (column == change.values[column.name] for column in columns)
    query = sa.select(sa.func.max(CERTIFICATION.c.attempt)).where(*same)
    return change.conn.execute(query).scalar() or 0


@effect
def note_training(change: Change) -> None:
    """§4: hours and attendance of the class."""
    change.values |= {name: whole(change.input[name]) for name in ("hours", "attendance_percent")}


@effect
def note_session(change: Change) -> None:
    """R4.4: the session the candidate has entered."""
    change.values["session_id"] = change.case.session_named(change.input["session"]).id


@effect
def take_seat(change: Change) -> None:
    """R4.4: the first free seat; the unique key lets one of two candidates have it."""
    seat = change.case.free_seat
    if seat is None:
        raise LostRace
    change.values |= {"room": seat[0], "seat": seat[1]}


@effect
def note_marks(change: Change) -> None:
    """R4.3: both parts with the day they were sat."""
    full = change.attempt.policy.get("certification.full_mark")
    for part in ("theory", "practical"):
        change.values |= {part: score_of(change.input[part], full), f"{part}_on": change.case.held_on}


@effect
def record_certificate(change: Change) -> None:
    """R4.6: number and date from the body's list."""
    change.values |= {name: change.input[name] for name in ("certificate_number", "certified_on")}


@effect
def enter_session(change: Change) -> None:
    """R4.4: a session with its rooms."""
    change.values |= dict(change.input)
