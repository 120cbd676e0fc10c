"""The queues of those who judge claims: what waits for one's own body, in the order it came (R5.2, R5.7, R5.8).

Whether the other body has checked shows nowhere: not in a queue, its order, its numbers or its ages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import CaseHold, Claim, ClaimCheck, PaymentItem, Study
from edu_pilot.rules.claim import BODIES
from edu_pilot.services import cases, disclosure, holds, policies
from edu_pilot.services.holds import Held
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor

CLAIM, STUDY = Claim.__table__, Study.__table__
CHECK, HOLD, ITEM = ClaimCheck.__table__, CaseHold.__table__, PaymentItem.__table__
PAGE = 25
# By these numbers of days a queue can be narrowed.
AGES = (5, 10, 15, 20)
WHOSE = ("mine", "free")
CHECKS, CONFLICTS, OBJECTIONS, ACCOUNTS = "checks", "conflicts", "objections", "accounts"
# In whose day each queue stands; the auditor looks at them all.
STAGES: Mapping[str, frozenset[str]] = {
    CHECKS: frozenset({*BODIES, "auditor"}),
    CONFLICTS: frozenset({*BODIES, "arbiter", "auditor"}),
    OBJECTIONS: frozenset({"arbiter", "auditor"}),
    ACCOUNTS: frozenset({"union_reviewer", "auditor"}),
}
ORDER = (CLAIM.c.first_submitted_at, CLAIM.c.reference)


@dataclass(frozen=True)
class Queue:
    """One of the queues, and how it is narrowed."""

    stage: str
    county: str | None = None
    major: str | None = None
    age: int | None = None
    whose: str | None = None


@dataclass(frozen=True)
class Line:
    """One claim of a queue, as its reviewer sees it."""

    reference: str
    name: str | None
    id_number: str | None
    county: str
    major: str
    payable_fen: int | None
    since_on: date
    days: int
    held: Held | None


@dataclass(frozen=True)
class Place:
    """Where a claim stands in a queue, and its neighbours; a claim that has left it stands at 0."""

    number: int
    of: int
    before: str | None
    after: str | None


def stages(actor: Actor) -> list[str]:
    """Return the queues of an actor's day."""
    return [name for name, roles in STAGES.items() if roles & actor.roles]


def counted(conn: Connection, actor: Actor) -> dict[str, int]:
    """Return how many claims wait in each of an actor's queues, in one query."""
    columns = [number.label(name) for name, number in numbers(actor).items()]
    if not columns:
        return {}
    with walled(conn, actor):
        return dict(conn.execute(sa.select(*columns)).mappings().one())


def numbers(actor: Actor) -> dict[str, sa.ScalarSelect[int]]:
    """Return how many claims wait in each of an actor's queues, as columns of a query."""
    return {name: _number(_of(actor, Queue(name))) for name in stages(actor)}


def _number(where: Sequence[sa.ColumnElement[bool]]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(CLAIM).where(*where).scalar_subquery()


def page(conn: Connection, actor: Actor, queue: Queue, number: int = 1) -> tuple[list[Line], int]:
    """Return one page of a queue, oldest first, and how many claims it has in all."""
    where = _of(actor, queue)
    query = sa.select(CLAIM).where(*where).order_by(*ORDER).limit(PAGE).offset(PAGE * (max(1, number) - 1))
    with walled(conn, actor):
        total = conn.execute(sa.select(sa.func.count()).select_from(CLAIM).where(*where)).scalar_one()
        rows = all_rows(conn, query)
    found = cases.batch_of(conn, vault(), "claim", rows)
    taken = holds.held(conn, [case.id for case in found], actor)
    policy = policies.in_force(conn, clock.today()).policy
    return [_line(policy, actor, case, taken.get(case.id)) for case in found], total


def _line(policy: Policy, actor: Actor, case: cases.Case, held: Held | None) -> Line:
    person = {"name": case.person.name, "id_number": None if case.storage_only_on else case.person.id_number}
    told = disclosure.disclosed(person, actor, policy)
    days = (clock.today() - case.since_on).days
    major, payable = case.study.major, case.payable_fen
    return Line(case.reference, told["name"], told["id_number"], case.county, major, payable, case.since_on, days, held)


def place(conn: Connection, actor: Actor, queue: Queue, reference: str) -> Place:
    """Return where a claim stands in a queue; of one that has left it, `after` is the first that came later."""
    with walled(conn, actor):
        keys = [tuple(row) for row in conn.execute(sa.select(*ORDER).where(*_of(actor, queue)).order_by(*ORDER))]
        own = next((key for key in keys if key[-1] == reference), None) or _key(conn, actor, reference)
    # Behind the last one the queue begins anew: nobody is passed over for good.
    at = bisect_left(keys, own) if own else 0
    names = [key[-1] for key in keys]
    if reference not in names:
        return Place(0, len(names), None, names[at % len(names)] if names else None)
    return Place(at + 1, len(names), names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None)


def _key(conn: Connection, actor: Actor, reference: str) -> tuple[Any, ...] | None:
    """Return where a claim would stand that has left its queue; one that was never submitted stands nowhere."""
    own = CLAIM.c.reference == reference, CLAIM.c.first_submitted_at.is_not(None), visible_to(actor, CLAIM)
    row = conn.execute(sa.select(*ORDER).where(*own)).one_or_none()
    return tuple(row) if row else None


def majors(conn: Connection, actor: Actor, stage: str) -> list[str]:
    """Return the majors of the claims in a queue, for its filter."""
    own = sa.select(CLAIM.c.study_id).where(*_of(actor, Queue(stage)))
    query = sa.select(STUDY.c.major).where(STUDY.c.id.in_(own), visible_to(actor, STUDY)).distinct()
    with walled(conn, actor):
        return list(conn.execute(query.order_by(STUDY.c.major)).scalars())


def _of(actor: Actor, queue: Queue) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a queue as narrowed."""
    where = [visible_to(actor, CLAIM), *_STAGED[queue.stage](actor)]
    if queue.county:
        where.append(CLAIM.c.county == queue.county)
    if queue.major:
        where.append(CLAIM.c.study_id.in_(sa.select(STUDY.c.id).where(STUDY.c.major == queue.major)))
    if queue.age:
        where.append(CLAIM.c.since_on <= clock.today() - timedelta(days=queue.age))
    if queue.whose in WHOSE:
        where.append(_held(actor, queue.whose))
    return where


def _held(actor: Actor, whose: str) -> sa.ColumnElement[bool]:
    mine = sa.exists().where(HOLD.c.claim_id == CLAIM.c.id, HOLD.c.body == (holds.body_of(actor) or ""))
    return mine.where(HOLD.c.held_by == actor.name) if whose == "mine" else ~mine


def _to_check(actor: Actor) -> list[sa.ColumnElement[bool]]:
    return [CLAIM.c.state == "submitted", *_open_for_me(actor)]


def _open_for_me(actor: Actor) -> list[sa.ColumnElement[bool]]:
    """R5.2: what one's own body has checked in this round is no work any more."""
    body = holds.body_of(actor)
    given = sa.exists().where(CHECK.c.claim_id == CLAIM.c.id, CHECK.c.round == CLAIM.c.round, CHECK.c.body == body)
    return [~given] if body else []


def _differing(actor: Actor) -> list[sa.ColumnElement[bool]]:
    """R5.2: for the bodies until they looked again, for the arbiter from then on; lone re-checks stay hidden."""
    disputed = CLAIM.c.state == "not_agreed"
    if "arbiter" in actor.roles:
        return [disputed, with_the_arbiter()]
    if holds.body_of(actor) is None:
        return [disputed]
    return [disputed, CLAIM.c.escalated_on.is_(None), *_open_for_me(actor)]


def with_the_arbiter() -> sa.ColumnElement[bool]:
    """R5.2: both bodies have looked again, or the time for it is over."""
    given = sa.select(sa.func.count()).where(CHECK.c.claim_id == CLAIM.c.id, CHECK.c.round == CLAIM.c.round)
    return sa.or_(CLAIM.c.escalated_on.is_not(None), given.scalar_subquery() == len(BODIES))


def _objected(_actor: Actor) -> list[sa.ColumnElement[bool]]:
    return [CLAIM.c.state == "objected"]


def _unconfirmed(_actor: Actor) -> list[sa.ColumnElement[bool]]:
    """R5.8: changed accounts; of a claim that stands in a batch nothing can change."""
    changed = CLAIM.c.account_changed_at.is_not(None), CLAIM.c.account_confirmed_at.is_(None)
    batched = sa.exists().where(ITEM.c.claim_id == CLAIM.c.id, ITEM.c.live)
    return [CLAIM.c.state.in_(("approved", "bounced")), *changed, ~batched]


_STAGED = {CHECKS: _to_check, CONFLICTS: _differing, OBJECTIONS: _objected, ACCOUNTS: _unconfirmed}
