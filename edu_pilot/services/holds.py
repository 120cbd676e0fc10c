"""Who of a body works on a claim just now: told to colleagues of that body alone, and barring nobody (R5.2).

Taking and handing back change nothing of the case, so they are no steps of it and no entries of its trail; the
other body sees nothing of them, for a claim that nobody works on any more would tell that it was checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read, write
from edu_pilot.models import CaseHold
from edu_pilot.models.base import new_id
from edu_pilot.rules.claim import BODIES
from edu_pilot.services import search
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

HOLD = CaseHold.__table__


@dataclass(frozen=True)
class Held:
    """Who holds a claim for a body, and since when."""

    by: str
    since: datetime


def body_of(actor: Actor) -> str | None:
    """Return the one body an actor checks for; None for nobody's and for who holds both roles."""
    mine = [body for body in BODIES if body in actor.roles]
    return mine[0] if len(mine) == 1 else None


def held(conn: Connection, claims: Sequence[str], actor: Actor) -> Mapping[str, Held]:
    """Return by row id which of these claims the actor's own body holds; nobody learns of the other's."""
    mine = HOLD.c.claim_id.in_(claims), HOLD.c.body == (body_of(actor) or "")
    rows = all_rows(conn, sa.select(HOLD).where(*mine))
    return {row["claim_id"]: Held(row["held_by"], row["taken_at"]) for row in rows}


def take(reference: str, actor: Actor, seen: str) -> None:
    """Take a claim on, from `seen` if somebody holds it; raise Refused where it has gone to somebody else meanwhile."""
    with read() as conn:
        case = search.get(conn, "claim", reference, actor)
    body = body_of(actor)
    if body is None:
        raise Refused([blocked(N_("Claims are taken on by the reviewers of one body."), code="no_reviewer")])
    mine = {"held_by": actor.name, "taken_at": clock.now()}
    which = HOLD.c.claim_id == case.id, HOLD.c.body == body
    try:
        with write() as conn:
            if seen:
                changed = conn.execute(HOLD.update().where(*which, HOLD.c.held_by == seen).values(mine)).rowcount
            else:
                changed = conn.execute(
                    HOLD.insert().values({"id": new_id(), "claim_id": case.id, "body": body} | mine)
                ).rowcount
    except IntegrityError:
        changed = 0
    if not changed:
        raise Refused([_gone(case.id, actor)])


def _gone(claim: str, actor: Actor) -> Reason:
    with read() as conn:
        now = held(conn, [claim], actor).get(claim)
    if now is None:
        return blocked(N_("The claim was handed back at this moment; take it on once more."), code="hold_gone")
    return blocked(N_("%(name)s has taken this claim on already."), code="held_already", name=now.by)


def hand_back(reference: str, actor: Actor) -> None:
    """Hand a claim back that one holds oneself; nothing happens to one held by others."""
    with read() as conn:
        case = search.get(conn, "claim", reference, actor)
    with write() as conn:
        mine = HOLD.c.claim_id == case.id, HOLD.c.body == (body_of(actor) or ""), HOLD.c.held_by == actor.name
        conn.execute(HOLD.delete().where(*mine))
