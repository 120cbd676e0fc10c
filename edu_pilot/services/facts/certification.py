"""Facts about certifications and exam sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Ban, Certification, ListedCertificate, Person, Session, Study
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.visibility import resit_is_told

CERTIFICATION = Certification.__table__
SESSION = Session.__table__
STUDY = Study.__table__
PERSON = Person.__table__
BAN = Ban.__table__
LISTED = ListedCertificate.__table__
# Who stands on the list of a session: a seat is asked for, or held.
COMING = ("entered", "seated")


@dataclass(frozen=True)
class Sitting:
    """Another sitting a person has entered for."""

    reference: str
    session: str
    held_on: date
    starts: str


@dataclass(frozen=True)
class Candidate:
    """One person on the list of a session."""

    id: str
    reference: str
    state: str
    name: str
    person_id: str
    room: str | None
    seat: int | None
    ticket_version: int


_NUMBERS = sa.select(STUDY.c.id, STUDY.c.student_number).where(STUDY.c.id.in_(sa.bindparam("studies", expanding=True)))


@fact("certification")
def student_number(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str | None]:
    """The student number of the study each certification runs beside."""
    numbers = dict(conn.execute(_NUMBERS, {"studies": {c.study_id for c in cases}}).all())
    return {c.id: numbers[c.study_id] for c in cases}


@fact("certification")
def study(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Any]:
    """The study each certification runs beside."""
    rows = conn.execute(sa.select(STUDY).where(STUDY.c.id.in_({c.study_id for c in cases})))
    found = {r.id: r for r in rows}
    return {c.id: found[c.study_id] for c in cases}


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
def session(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Any]:
    """The session each candidate has entered."""
    found = _sessions(conn, cases)
    return {c.id: found[c.session_id] for c in cases if c.session_id}


@fact("certification")
def published_on(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, date]:
    """The day the scores of each candidate's session were published."""
    return {c.id: c.session.published_on for c in cases if c.session_id}


@fact("certification")
def banned_until(conn: Connection, cases: Sequence[Case]) -> Mapping[str, date]:
    """The last day of each person's longest ban."""
    query = (
        sa.select(BAN.c.person_id, sa.func.max(BAN.c.until_on))
        .where(BAN.c.person_id.in_({c.person_id for c in cases}))
        .group_by(BAN.c.person_id)
    )
    found = dict(conn.execute(query).all())
    return {c.id: found[c.person_id] for c in cases if c.person_id in found}


@fact("certification", fresh=True)
def other_sittings(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Sitting]]:
    """The other sittings each person has entered for and not sat yet."""
    query = (
        sa.select(CERTIFICATION.c.id, CERTIFICATION.c.person_id, CERTIFICATION.c.reference, SESSION)
        .join(SESSION, SESSION.c.id == CERTIFICATION.c.session_id)
        .where(CERTIFICATION.c.person_id.in_({c.person_id for c in cases}), CERTIFICATION.c.state.in_(COMING))
        .order_by(CERTIFICATION.c.reference)
    )
    found: dict[str, list[tuple[str, Sitting]]] = defaultdict(list)
    for row, person, reference, *rest in conn.execute(query):
        taken = dict(zip(SESSION.c.keys(), rest, strict=True))
        sitting = Sitting(reference, taken["reference"], taken["held_on"], taken["starts"])
        found[person].append((row, sitting))
    return {c.id: [sitting for row, sitting in found[c.person_id] if row != c.id] for c in cases}


_SPENT = sa.or_(
    CERTIFICATION.c.state.in_(("sat", "passed", "failed", "certified")),
    # A sitting voided without a ban was not the candidate's fault and may be repeated.
    sa.and_(CERTIFICATION.c.state == "void", BAN.c.id.is_not(None)),
)


@fact("certification", fresh=True)
def sittings_used(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many sittings each person has used up for the occupation and level; absence uses none."""
    key = (CERTIFICATION.c.person_id, CERTIFICATION.c.occupation, CERTIFICATION.c.level)
    query = (
        sa.select(*key, sa.func.count())
        .join(BAN, BAN.c.certification_id == CERTIFICATION.c.id, isouter=True)
        .where(CERTIFICATION.c.person_id.in_({c.person_id for c in cases}), _SPENT)
        .group_by(*key)
    )
    found = {tuple(row[:3]): row[3] for row in conn.execute(query)}
    return {c.id: found.get((c.person_id, c.occupation, c.level), 0) for c in cases}


@fact("certification")
def resit_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The re-sit that follows each attempt."""
    query = sa.select(CERTIFICATION.c.previous_id, CERTIFICATION.c.reference)
    return dict(conn.execute(query.where(CERTIFICATION.c.previous_id.in_([c.id for c in cases]))).all())


@fact("certification")
def session_state(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The state of the session each candidate has entered."""
    return {c.id: c.session.state for c in cases if c.session_id}


@fact("certification")
def session_reference(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The reference of the session each candidate has entered."""
    return {c.id: c.session.reference for c in cases if c.session_id}


@fact("certification")
def held_on(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, date]:
    """The day of the session each candidate has entered."""
    return {c.id: c.session.held_on for c in cases if c.session_id}


@fact("certification")
def sitting_place(conn: Connection, cases: Sequence[Case]) -> Mapping[str, tuple[str, str]]:
    """When the session of each candidate starts, and where it is held."""
    found = _sessions(conn, cases)
    return {c.id: (found[c.session_id].starts, found[c.session_id].site) for c in cases if c.session_id}


@fact("certification", fresh=True)
def free_seat(conn: Connection, cases: Sequence[Case]) -> Mapping[str, tuple[str, int]]:
    """The first free seat of the session each candidate has entered, as (room, number)."""
    sessions = {c.session_id: c.session for c in cases if c.session_id}
    seats = {key: _first_free(conn, session) for key, session in sessions.items()}
    return {c.id: seat for c in cases if c.session_id and (seat := seats[c.session_id])}


@fact("certification", fresh=True)
def free_seat_in(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[Any], tuple[str, int] | None]]:
    """The first free seat of a given session, as (room, number)."""
    return {c.id: lambda session: _first_free(conn, session) for c in cases}


def _first_free(conn: Connection, session: Any) -> tuple[str, int] | None:
    query = sa.select(CERTIFICATION.c.room, CERTIFICATION.c.seat).where(CERTIFICATION.c.session_id == session.id)
    taken = set(conn.execute(query))
    seats = ((room["room"], n) for room in session.rooms for n in range(1, room["seats"] + 1))
    return next((seat for seat in seats if seat not in taken), None)


@fact("session", fresh=True)
def candidates(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Candidate]]:
    """Everybody who has entered for each session and not sat yet, in the order of their references."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    query = (
        sa.select(CERTIFICATION, PERSON.c.name)
        .join(PERSON, PERSON.c.id == CERTIFICATION.c.person_id)
        .where(CERTIFICATION.c.session_id.in_([c.id for c in cases]), CERTIFICATION.c.state.in_(COMING))
        .order_by(CERTIFICATION.c.reference)
    )
    for r in conn.execute(query):
        candidate = Candidate(r.id, r.reference, r.state, r.name, r.person_id, r.room, r.seat, r.ticket_version)
        found[r.session_id].append(candidate)
    return {c.id: found[c.id] for c in cases}


@fact("session", fresh=True)
def candidates_scored(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[str]]:
    """The references of everybody with scores in each session."""
    found: dict[str, list[str]] = defaultdict(list)
    query = sa.select(CERTIFICATION.c.session_id, CERTIFICATION.c.reference).where(
        CERTIFICATION.c.session_id.in_([c.id for c in cases]),
        CERTIFICATION.c.state.in_(("passed", "failed", "certified")),
    )
    for session, reference in conn.execute(query.order_by(CERTIFICATION.c.reference)):
        found[session].append(reference)
    return {c.id: found[c.id] for c in cases}


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


@fact("certification", fresh=True)
def is_listed(conn: Connection, cases: Sequence[Case]) -> Mapping[str, bool]:
    """Whether the national query shows each certificate."""
    query = sa.select(LISTED.c.number).where(LISTED.c.number.in_([c.certificate_number for c in cases]))
    shown = set(conn.execute(query).scalars())
    return {c.id: c.certificate_number in shown for c in cases}


@fact("certification")
def follows_untold_failure(conn: Connection, cases: Sequence[Case]) -> Mapping[str, bool]:
    """Whether each record is a re-sit whose failed attempt is not published yet."""
    query = sa.select(CERTIFICATION.c.id).where(CERTIFICATION.c.id.in_([c.id for c in cases]))
    told = set(conn.execute(query.where(resit_is_told(CERTIFICATION))).scalars())
    return {c.id: c.id not in told for c in cases}
