"""Facts about certifications and exam sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Certification, Session, Study
from edu_pilot.services.cases import Case, fact

CERTIFICATION = Certification.__table__
SESSION = Session.__table__
STUDY = Study.__table__


_NUMBERS = sa.select(STUDY.c.id, STUDY.c.student_number).where(STUDY.c.id.in_(sa.bindparam("studies", expanding=True)))


@fact("certification")
def student_number(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str | None]:
    """The student number of the study each certification runs beside."""
    numbers = dict(conn.execute(_NUMBERS, {"studies": {c.study_id for c in cases}}).all())
    return {c.id: numbers[c.study_id] for c in cases}


@fact("certification")
def session_named(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str | None], Any]]:
    """An exam session by its reference."""

    def named(reference: str | None) -> Any:
        return conn.execute(sa.select(SESSION).where(SESSION.c.reference == reference)).one_or_none()

    return {c.id: named for c in cases}


def _sessions(conn: Connection, cases: Sequence[Case]) -> dict[str, Any]:
    ids = {c.session_id for c in cases if c.session_id}
    return {r.id: r for r in conn.execute(sa.select(SESSION).where(SESSION.c.id.in_(ids)))} if ids else {}


@fact("certification")
def session_state(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The state of the session each candidate has entered."""
    found = _sessions(conn, cases)
    return {c.id: found[c.session_id].state for c in cases if c.session_id}


@fact("certification")
def session_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The reference of the session each candidate has entered."""
    found = _sessions(conn, cases)
    return {c.id: found[c.session_id].reference for c in cases if c.session_id}


@fact("certification")
def held_on(conn: Connection, cases: Sequence[Case]) -> Mapping[str, date]:
    """The day of the session each candidate has entered."""
    found = _sessions(conn, cases)
    return {c.id: found[c.session_id].held_on for c in cases if c.session_id}


@fact("certification", fresh=True)
def free_seat(conn: Connection, cases: Sequence[Case]) -> Mapping[str, tuple[str, int]]:
    """The first free seat of the session each candidate has entered, as (room, number)."""
    found = _sessions(conn, cases)
    return {c.id: seat for c in cases if c.session_id and (seat := _first_free(conn, found[c.session_id]))}


def _first_free(conn: Connection, session: Any) -> tuple[str, int] | None:
    query = sa.select(CERTIFICATION.c.room, CERTIFICATION.c.seat).where(CERTIFICATION.c.session_id == session.id)
    taken = set(conn.execute(query))
    seats = ((room["room"], n) for room in session.rooms for n in range(1, room["seats"] + 1))
    return next((seat for seat in seats if seat not in taken), None)


@fact("session", fresh=True)
def candidates_without_scores(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many seated candidates of a session have no scores yet."""
    query = (
        sa.select(CERTIFICATION.c.session_id, sa.func.count())
        .where(CERTIFICATION.c.session_id.in_([c.id for c in cases]))
        .where(CERTIFICATION.c.state.in_(("seated", "sat")))
        .group_by(CERTIFICATION.c.session_id)
    )
    return dict(conn.execute(query).all())
