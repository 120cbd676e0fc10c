"""A clerk's entry of one applicant: who is registered already, and draft and registration in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import Application
from edu_pilot.rules.identity import id_faults, id_is_well_formed, normalise_id
from edu_pilot.services import cases, look_ups, outbox, policies
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import enter_many
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.reasons import Reason, Refused
from edu_pilot.workflow.registry import Actor, Attempt, shipped

WORKFLOW, STEP = "application", "register"
ONE_LIVE_CASE = "not_already_registered"
APPLICATION = Application.__table__
NEWEST = 8


@dataclass(frozen=True)
class Known:
    """What is known of a number: is it sound, why nobody can be registered under it, the own county's records."""

    sound: bool = False
    reasons: tuple[Reason, ...] = ()
    records: tuple[tuple[str, str], ...] = ()


def known(number: str, actor: Actor) -> Known:
    """Return what a clerk is told of an ID number while it is typed, by the rule itself; who asked stands on record.

    A number that is not sound asks nothing.
    """
    number = normalise_id(number)
    if not id_is_well_formed(number) or id_faults(number, clock.today()):
        return Known()
    with write() as conn:
        reasons = _elsewhere(conn, number, actor)
        own = _own(conn, number, actor)
        look_ups.keep(conn, actor, look_ups.SEARCH, own[0] if own else None, "id_number")
        return Known(True, tuple(reasons), tuple((case.reference, case.state) for case in own))


def _elsewhere(conn: Connection, number: str, actor: Actor) -> list[Reason]:
    """R2.8: ask the rule of one live case for every level there is."""
    policy = policies.in_force(conn, clock.today()).policy
    blank = {"id_number": number, "id_index": vault().index("id_number", number)}
    rows = [{**blank, "id": f"level-{level['code']}", "level": level["code"]} for level in policy.get("levels")]
    asked = (
        Attempt(case, STEP, actor, {}, policy, clock.today()) for case in cases.candidate(conn, vault(), WORKFLOW, rows)
    )
    return [reason for attempt in asked for reason in shipped.rules[ONE_LIVE_CASE].reasons(attempt)]


def _own(conn: Connection, number: str, actor: Actor) -> list[Case]:
    same = APPLICATION.c.id_index == vault().index("id_number", number)
    query = sa.select(APPLICATION).where(same, visible_to(actor, APPLICATION)).order_by(APPLICATION.c.reference.desc())
    with walled(conn, actor):
        rows = all_rows(conn, query.limit(NEWEST))
    return cases.batch_of(conn, vault(), WORKFLOW, rows)


def register(given: Mapping[str, Any], actor: Actor) -> str:
    """Enter and register an applicant in one commit and return the reference; raise Refused, and nothing is kept."""
    result = next(iter(enter_many(WORKFLOW, [given], STEP, actor)))
    if result.reasons:
        raise Refused(result.reasons)
    outbox.follow_up()
    return result.reference


def newest(conn: Connection, actor: Actor) -> Sequence[Case]:
    """Return the applications the account entered last, newest first."""
    own = APPLICATION.c.created_by == actor.name, visible_to(actor, APPLICATION)
    query = sa.select(APPLICATION).where(*own).order_by(APPLICATION.c.created_at.desc(), APPLICATION.c.reference.desc())
    with walled(conn, actor):
        rows = all_rows(conn, query.limit(NEWEST))
    return cases.batch_of(conn, vault(), WORKFLOW, rows)
