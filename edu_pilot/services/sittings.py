"""Exam sessions as the examiner works on them: who stands on the list, who gets a seat, who came (R4.4, R4.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import read
from edu_pilot.models import Certification, Document, Session
from edu_pilot.services import outbox, search, worklists
from edu_pilot.services.bulk import Outcome, act
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import perform_many, unit_of, version_of
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.services.worklists import Listed, Sought
from edu_pilot.workflow.registry import Actor

CERTIFICATION = Certification.__table__
DOCUMENT = Document.__table__
SESSION = Session.__table__
PAPERS = ("door_list", "exam_ticket")
BY_SEAT = ("room", "seat", "reference")
# Who may be on the way into a session; the sessions nothing is left to do for.
COMING, OVER = ("trained", "planned"), ("published", "cancelled")


def opened(conn: Connection, reference: str, actor: Actor) -> Case:
    """Return a session to be looked at; NotFound for a missing and for a hidden one alike."""
    found = worklists.chosen(conn, "session", actor, [reference], still=True)
    if not found:
        raise NotFound(reference)
    return found[0]


def sessions(conn: Connection, actor: Actor, page: int, *, over: bool) -> Listed:
    """Return one page of the sessions that are still to be worked on, the next first; or of those that are over."""
    where = SESSION.c.state.in_(OVER) if over else SESSION.c.state.not_in(OVER)
    order = ("-held_on" if over else "held_on", "starts", "reference")
    return worklists.listed(conn, "session", actor, Sought(page=page), where, order=order)


def people(conn: Connection, session: Case, actor: Actor, page: int, *states: str) -> Listed:
    """Return one page of those on a session's list, by room and seat; of the given states or of all."""
    where = [CERTIFICATION.c.session_id == session.id]
    where += [CERTIFICATION.c.state.in_(states)] if states else []
    return worklists.listed(conn, "certification", actor, Sought(page=page), *where, order=BY_SEAT)


def could_enter(conn: Connection, session: Case, actor: Actor, page: int = 1) -> Listed:
    """Return those whose training is over and who wait for a session of this occupation and level."""
    same = CERTIFICATION.c.occupation == session.occupation, CERTIFICATION.c.level == session.level
    waiting = CERTIFICATION.c.state.in_(COMING), CERTIFICATION.c.hours.is_not(None)
    return worklists.listed(conn, "certification", actor, Sought(page=page), *same, *waiting)


def objections(conn: Connection, actor: Actor, sought: Sought, *, closed: bool) -> Listed:
    """Return the certifications whose marks somebody asked to be added again, the longest waiting first (R4.5)."""
    answered = CERTIFICATION.c.objection_closed_on
    where = CERTIFICATION.c.objection_on.is_not(None), answered.is_not(None) if closed else answered.is_(None)
    order = ("objection_on", "reference")
    return worklists.listed(conn, "certification", actor, sought, *where, order=order)


def counts(conn: Connection, sessions: Sequence[Case], actor: Actor) -> dict[str, dict[str, int]]:
    """Return how many of each session stand in each state, by the session's row id."""
    mine = visible_to(actor, CERTIFICATION), CERTIFICATION.c.session_id.in_([s.id for s in sessions])
    columns = (CERTIFICATION.c.session_id, CERTIFICATION.c.state)
    found: dict[str, dict[str, int]] = {session.id: {} for session in sessions}
    with walled(conn, actor):
        rows = conn.execute(sa.select(*columns, sa.func.count()).where(*mine).group_by(*columns)).all()
    for session, state, number in rows:
        found[session][state] = number
    return found


def papers(conn: Connection, session: Case, people: Sequence[Case]) -> Mapping[str, str]:
    """Return the number of the door list and of everybody's ticket that hold now, by the record's row id."""
    columns = (DOCUMENT.c.record_id, DOCUMENT.c.number)
    mine = DOCUMENT.c.record_id.in_([session.id, *(c.id for c in people)]), DOCUMENT.c.kind.in_(PAPERS)
    query = sa.select(*columns).where(*mine, DOCUMENT.c.voided_at.is_(None)).order_by(DOCUMENT.c.number)
    return dict(conn.execute(query).all())


@dataclass(frozen=True)
class Seating:
    """Who got a seat and who did not, how many are left, whether the list could be closed, who had a seat before."""

    outcome: Outcome
    left: int
    closed: bool
    before: int


def seat_all(reference: str, actor: Actor) -> Seating:
    """Give those who wait a seat, and close the list once nobody is left; who gets none stays with the reasons.

    Raises NotFound, or Refused where the list itself cannot be closed.
    """
    with read() as conn:
        session = search.get(conn, "session", reference, actor)
        closes = version_of(unit_of(conn, actor), session).compiled.definition("session").actions["seat_all"]
        is_open, ids = session.state in closes.sources, _waiting(conn, session, actor)
        before = _seated(conn, session, actor)
    # No request takes longer than that of the fullest page.
    now, left = ids[: worklists.MOST], len(ids[worklists.MOST :])
    outcome = Outcome(tuple(perform_many("certification", now, "seat", actor)))
    outbox.follow_up(outbox.FOLLOW_AT_ONCE)
    closed = is_open and not left and not outcome.skipped
    if closed:
        outbox.act("session", reference, closes.name, actor)
    return Seating(outcome, left, closed, before)


def _waiting(conn: Connection, session: Case, actor: Actor) -> list[str]:
    mine = visible_to(actor, CERTIFICATION), CERTIFICATION.c.session_id == session.id
    query = sa.select(CERTIFICATION.c.id).where(*mine, CERTIFICATION.c.state == "entered")
    return list(conn.execute(query.order_by(CERTIFICATION.c.reference)).scalars())


def _seated(conn: Connection, session: Case, actor: Actor) -> int:
    mine = visible_to(actor, CERTIFICATION), CERTIFICATION.c.session_id == session.id
    return conn.execute(sa.select(sa.func.count()).where(*mine, CERTIFICATION.c.seat.is_not(None))).scalar_one()


def attend(listed: Sequence[str], absent: Sequence[str], actor: Actor) -> Outcome:
    """Note of everybody named who came and who did not."""
    away = set(absent)
    came = act("certification", [r for r in listed if r not in away], "mark_sat", actor)
    left = act("certification", [r for r in listed if r in away], "mark_absent", actor)
    return Outcome(came.results + left.results)


def kept(case: Case, shown: Mapping[str, Any], part: str) -> bool:
    """Whether a part was passed before this session and counts on its day, so that it is not sat again (R4.3)."""
    until = shown.get(f"{part}_kept_until")
    return bool(until and case.held_on and getattr(case, f"{part}_on") < case.held_on <= until)
