"""What a student does not see yet: marks, and the outcome they give away, until they are published (R4.5, R3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Score, Session
from edu_pilot.rules.certification import PARTS
from edu_pilot.rules.study import credits_of
from edu_pilot.services import policies
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case
from edu_pilot.workflow.registry import Actor

SESSION = Session.__table__
SCORE = Score.__table__
# The states that tell how an examination ended, and the one shown in their place.
TELLING, SHOWN = ("passed", "failed"), "sat"


def shown_state(actor: Actor, table: sa.Table) -> sa.ColumnElement[str]:
    """Return the column by which an actor's lists are filtered and counted."""
    if actor.roles != {STUDENT} or table.name != "certification":
        return table.c.state
    published = sa.select(SESSION.c.id).where(SESSION.c.published_on.is_not(None))
    hidden = table.c.state.in_(TELLING), table.c.session_id.not_in(published)
    return sa.case((sa.and_(*hidden), SHOWN), else_=table.c.state)


def veiled(conn: Connection, case: Case, actor: Actor) -> Case:
    """Return a record as the actor may see it; only a student's is ever another than the stored one."""
    if actor.roles != {STUDENT}:
        return case
    return _VEILS.get(case.workflow, _plain)(conn, case)


def _plain(_conn: Connection, case: Case) -> Case:
    return case


def _examined(_conn: Connection, case: Case) -> Case:
    if not _unpublished(case):
        return case
    marks = {n: None for part in PARTS if _of_this_session(case, part) for n in (part, f"{part}_on")}
    known = {"resit_reference": None, **marks}
    telling = {"state": SHOWN, "since_on": case.held_on} if case.state in TELLING else {}
    return case.seen_as(**known, **telling)


def _unpublished(case: Case) -> bool:
    return case.workflow == "certification" and case.session_id is not None and case.published_on is None


def _of_this_session(case: Case, part: str) -> bool:
    """A part kept from an earlier session is known already."""
    return bool(getattr(case, f"{part}_on") == case.held_on)


def _studied(conn: Connection, case: Case) -> Case:
    hidden = {(sitting.course, sitting.sat_on) for sitting in _hidden(conn, case)}
    if not hidden:
        return case
    policy = policies.of(conn, case.policy_version_id).policy
    told = [s for s in case.scores if (s.course, s.sat_on) not in hidden]
    passed = {s.course for s in told if s.passed}
    return case.seen_as(credits=credits_of(policy, case.major, passed), scores=told)


def _hidden(conn: Connection, case: Case) -> Sequence[Any]:
    """Return the sittings of a study that are recorded and not published yet."""
    own = SCORE.c.study_id == case.id, SCORE.c.published_on > clock.today()
    return conn.execute(sa.select(SCORE.c.course, SCORE.c.sat_on).where(*own)).all()


_VEILS = {"certification": _examined, "study": _studied}


def entries(conn: Connection, case: Case, actor: Actor, told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what of a record's history the actor may see."""
    if actor.roles != {STUDENT}:
        return list(told)
    if _unpublished(case):
        return [_untold(entry) for entry in told if entry["action"] != "score"]
    hidden = {(s.course, s.sat_on.isoformat()) for s in _hidden(conn, case)} if case.workflow == "study" else set()
    return [entry for entry in told if entry["action"] != "record_score" or _sitting(entry["input"]) not in hidden]


def _untold(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {end: SHOWN for end in ("from", "to") if entry[end] in TELLING}


def _sitting(given: Mapping[str, Any]) -> tuple[Any, Any]:
    return given.get("course"), given.get("sat_on")
