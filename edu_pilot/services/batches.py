"""What the two persons of the payment see: whom money can go to now, what holds the others back, the batches (R5.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import Claim, Payment, PaymentItem
from edu_pilot.services import cases, disclosure, policies
from edu_pilot.services.cases import Case
from edu_pilot.services.facts.payment import judged
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor

CLAIM, BATCH, ITEM = Claim.__table__, Payment.__table__, PaymentItem.__table__
PAGE = 50


@dataclass(frozen=True)
class Payee:
    """A claim that is to be paid, as the payment's people may see it, and what holds it back."""

    reference: str
    state: str
    name: str | None
    account_holder: str | None
    account_tail: str | None
    payable_fen: int
    again: bool
    bounce_reason: str | None
    confirmed: bool | None
    free_at: datetime | None
    reason: Reason | None


@dataclass(frozen=True)
class Standing:
    """All claims that are to be paid and stand in no batch: those that can be now, and the others."""

    ready: Sequence[tuple[str, int]]
    waiting: Mapping[str, Reason]
    bounced: Sequence[str]
    changed: Sequence[str]

    @property
    def ready_fen(self) -> int:
        """What all that can be paid now comes to."""
        return sum(amount for _id, amount in self.ready)


def standing(conn: Connection, actor: Actor) -> Standing:
    """Judge every claim that is to be paid by the rules of a new batch; a claim in a batch is none of them."""
    found = judged(conn, visible_to(actor, CLAIM))
    return Standing(
        [(claim.id, claim.payable_fen) for claim, reason in found if reason is None],
        {claim.id: reason for claim, reason in found if reason is not None},
        [claim.id for claim, _reason in found if claim.state == "bounced"],
        [claim.id for claim, reason in found if reason and claim.account_changed_at and claim.state != "bounced"],
    )


def payees(conn: Connection, actor: Actor, ids: Sequence[str], known: Standing) -> list[Payee]:
    """Return claims by row id, in the order of their references; names and accounts as the policy discloses them."""
    query = sa.select(CLAIM).where(CLAIM.c.id.in_(ids), visible_to(actor, CLAIM)).order_by(CLAIM.c.reference)
    with walled(conn, actor):
        rows = all_rows(conn, query)
    found = cases.batch_of(conn, vault(), "claim", rows)
    policy = policies.in_force(conn, clock.today()).policy
    return [_payee(case, actor, policy, known.waiting.get(case.id)) for case in found]


def _payee(case: Case, actor: Actor, policy: Policy, reason: Reason | None) -> Payee:
    given = {"name": case.person.name, "account_holder": case.account_holder, "account_tail": case.account_tail}
    told, changed = disclosure.disclosed(given, actor, policy), case.account_changed_at
    return Payee(
        case.reference,
        case.state,
        told["name"],
        told["account_holder"],
        told["account_tail"],
        case.payable_fen,
        again=case.bounce_reason is not None,
        bounce_reason=case.bounce_reason,
        confirmed=None if changed is None else case.account_confirmed_at is not None,
        free_at=None if changed is None else changed + timedelta(hours=policy.get("claim.account_hold_hours")),
        reason=reason,
    )


@dataclass(frozen=True)
class Line:
    """One payment of a batch: to whom, to which account, how much, and how it ended."""

    number: str
    claim: str
    name: str | None
    account_holder: str | None
    account_tail: str | None
    amount_fen: int
    result: str | None
    other_holder: bool


@dataclass(frozen=True)
class Sheet:
    """The lines of a batch, and the three sums that must be the same; amounts in fen."""

    lines: Sequence[Line]
    total_fen: int
    lines_fen: int
    claims_fen: int

    @property
    def agrees(self) -> bool:
        """Whether the batch's total, its lines and its claims come to the same (R5.8)."""
        return self.total_fen == self.lines_fen == self.claims_fen


def sheet(conn: Connection, case: Case, actor: Actor) -> Sheet:
    """Return what is paid by a batch, so that another person can see whom the money goes to before it is released."""
    policy = policies.in_force(conn, clock.today()).policy
    lines = [_line(item, actor, policy) for item in case.items]
    amounts = sum(item.amount_fen for item in case.items), sum(item.payable_fen or 0 for item in case.items)
    return Sheet(lines, case.total_fen, *amounts)


def _line(item: Any, actor: Actor, policy: Policy) -> Line:
    given = {"name": item.name, "account_holder": item.account_holder, "account_tail": item.account_tail}
    told = disclosure.disclosed(given, actor, policy)
    other = (item.account_holder or "").replace("·", "") != item.name.replace("·", "")
    shown = told["name"], told["account_holder"], told["account_tail"]
    return Line(item.number, item.claim, *shown, item.amount_fen, item.result, other)


@dataclass(frozen=True)
class Batch:
    """One batch in the list; amounts in fen."""

    reference: str
    state: str
    since_on: Any
    created_by: str
    released_by: str | None
    total_fen: int
    lines: int
    lines_fen: int
    bounced: int


def batches(conn: Connection, actor: Actor, state: str | None = None, page: int = 1) -> tuple[list[Batch], int]:
    """Return one page of the batches, newest first, and how many there are."""
    where = [visible_to(actor, BATCH), *([BATCH.c.state == state] if state else [])]
    names = ("reference", "state", "since_on", "created_by", "released_by", "total_fen")
    columns = [BATCH.c[name] for name in names]
    lines = sa.func.count(ITEM.c.id), sa.func.coalesce(sa.func.sum(ITEM.c.amount_fen), 0)
    bounced = sa.func.coalesce(sa.func.sum(sa.case((ITEM.c.result == "bounced", 1), else_=0)), 0)
    source = BATCH.join(ITEM, ITEM.c.payment_id == BATCH.c.id, isouter=True)
    query = sa.select(*columns, *lines, bounced).select_from(source).where(*where).group_by(*columns)
    query = query.order_by(BATCH.c.reference.desc()).limit(PAGE).offset(PAGE * (max(1, page) - 1))
    with walled(conn, actor):
        total = conn.execute(sa.select(sa.func.count()).select_from(BATCH).where(*where)).scalar_one()
        found = conn.execute(query).all()
    return [Batch(*row[:6], *(int(number) for number in row[6:])) for row in found], total


def answerable(conn: Connection, actor: Actor) -> list[Any]:
    """Return reference, state and total of the batches that the bank was given, those without its answer first."""
    columns = BATCH.c.reference, BATCH.c.state, BATCH.c.total_fen
    query = sa.select(*columns).where(visible_to(actor, BATCH), BATCH.c.state.in_(("exported", "settled")))
    waits = sa.case((BATCH.c.state == "exported", 0), else_=1)
    with walled(conn, actor):
        return list(conn.execute(query.order_by(waits, BATCH.c.reference.desc()).limit(PAGE)))
