"""Facts about payment batches: their lines, and the claims a new batch names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import BankFile, Claim, PaymentItem, Person, Study
from edu_pilot.rules.claim import certificate_pending
from edu_pilot.rules.payment import held_back
from edu_pilot.services import budgets, policies
from edu_pilot.services.cases import Case, batch_of, fact
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Reason

CLAIM = Claim.__table__
STUDY = Study.__table__
ITEM = PaymentItem.__table__
PERSON = Person.__table__
FILE = BankFile.__table__

CLAIM_COLUMNS = ("reference", "payable_fen", "state", "account_holder", "account_tail")


@dataclass(frozen=True)
class Item:
    """One line of a batch and the claim it pays."""

    id: str
    number: str
    claim: str
    amount_fen: int
    payable_fen: int
    state: str
    result: str | None
    name: str
    account_holder: str
    account_tail: str
    study_state: str


@dataclass(frozen=True)
class Payable:
    """A claim as a new batch sees it; `batch` is set while another batch holds it."""

    id: str
    reference: str
    state: str
    notice_until: date
    payable_fen: int
    batch: str | None
    account_changed_at: datetime | None
    account_confirmed_at: datetime | None
    moment: datetime
    certificate_pending: bool


@fact("payment")
def items(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Item]]:
    """The lines of each batch, in order of their numbers."""
    found: dict[str, list[Item]] = defaultdict(list)
    query = (
        sa.select(ITEM, *(CLAIM.c[name] for name in CLAIM_COLUMNS), PERSON.c.name, STUDY.c.state.label("study_state"))
        .join(CLAIM, CLAIM.c.id == ITEM.c.claim_id)
        .join(STUDY, STUDY.c.id == CLAIM.c.study_id)
        .join(PERSON, PERSON.c.id == CLAIM.c.person_id)
        .where(ITEM.c.payment_id.in_([c.id for c in cases]))
        .order_by(ITEM.c.number)
    )
    for r in conn.execute(query):
        claim = (r.payable_fen, r.state, r.result, r.name, r.account_holder, r.account_tail, r.study_state)
        item = Item(r.id, r.number, r.reference, r.amount_fen, *claim)
        found[r.payment_id].append(item)
    return {c.id: found[c.id] for c in cases}


@fact("payment")
def bank_file_sha256(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The fingerprint of the bank file of each exported batch."""
    query = sa.select(FILE.c.payment_id, FILE.c.sha256).where(FILE.c.payment_id.in_([c.id for c in cases]))
    return dict(conn.execute(query).all())


@fact("payment", fresh=True)
def beyond_budget(conn: Connection, cases: Sequence[Case]) -> Mapping[str, frozenset[str]]:
    """The claims that this year's money does not reach; nobody else draws a batch meanwhile."""
    late = budgets.beyond(conn, lock=True)
    return {c.id: late for c in cases}


@fact("payment")
def claims_named(
    conn: Connection, cases: Sequence[Case]
) -> Mapping[str, Callable[[tuple[str, ...]], dict[str, Payable]]]:
    """Claims by reference, with the batch that holds them."""

    def named(references: tuple[str, ...]) -> dict[str, Payable]:
        # Held until the batch is drawn, so that nobody changes an account or withdraws meanwhile.
        query = _standing().where(CLAIM.c.reference.in_(references)).with_for_update(of=CLAIM)
        return {claim.reference: claim for claim in _payables(conn, query)}

    return {c.id: named for c in cases}


@fact("payment")
def claims_of_lines(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Payable]]:
    """The claims of each batch's live lines as they stand now."""
    rows = conn.execute(
        sa.select(ITEM.c.payment_id, ITEM.c.claim_id).where(ITEM.c.payment_id.in_([c.id for c in cases]), ITEM.c.live)
    )
    batches = {claim: batch for batch, claim in rows}
    found: dict[str, list[Payable]] = {c.id: [] for c in cases}
    for claim in _payables(conn, _standing().where(CLAIM.c.id.in_(batches))):
        found[batches[claim.id]].append(claim)
    return found


def _standing() -> sa.Select[Any]:
    held = sa.and_(ITEM.c.claim_id == CLAIM.c.id, ITEM.c.live)
    return sa.select(CLAIM, ITEM.c.number.label("batch")).join(ITEM, held, isouter=True).order_by(CLAIM.c.id)


def drawable(conn: Connection, *where: sa.ColumnElement[bool]) -> list[str]:
    """Return the row ids of the claims that the rules of a new batch let in today (R5.8)."""
    return [claim.id for claim, reason in judged(conn, *where) if reason is None]


def judged(conn: Connection, *where: sa.ColumnElement[bool]) -> list[tuple[Payable, Reason | None]]:
    """Return every claim that is to be paid and stands in no batch, with what holds it back today (R5.8)."""
    today = clock.today()
    judge = partial(held_back, policies.in_force(conn, today).policy, today, budgets.beyond(conn))
    claims = _payables(conn, _standing().where(CLAIM.c.state.in_(("approved", "bounced")), ITEM.c.id.is_(None), *where))
    return [(claim, judge(claim.reference, claim)) for claim in claims]


def _payables(conn: Connection, query: sa.Select[Any]) -> list[Payable]:
    """Return the claims of a query as a batch sees them."""
    rows = conn.execute(query).mappings().all()
    pending = _pending(conn, rows)
    return [_payable(row, row["id"] in pending) for row in rows]


def _pending(conn: Connection, rows: Sequence[sa.RowMapping]) -> set[str]:
    """Return the claims that wait for the national query, each by its own policy version (R5.9)."""
    cases = batch_of(conn, vault(), "claim", [dict(row) for row in rows])
    return {
        c.id for c in cases if certificate_pending(policies.of(conn, c.row["policy_version_id"]).policy, c.certificates)
    }


def _payable(row: sa.RowMapping, pending: bool) -> Payable:
    return Payable(
        id=row["id"],
        reference=row["reference"],
        state=row["state"],
        notice_until=row["notice_until"],
        payable_fen=row["payable_fen"],
        batch=row["batch"],
        account_changed_at=row["account_changed_at"],
        account_confirmed_at=row["account_confirmed_at"],
        moment=clock.moment(),
        certificate_pending=pending,
    )
