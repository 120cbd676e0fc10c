"""Facts about payment batches: their lines, and the claims a new batch names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Claim, PaymentItem
from edu_pilot.services.cases import Case, fact

CLAIM = Claim.__table__
ITEM = PaymentItem.__table__


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


@dataclass(frozen=True)
class Payable:
    """A claim as a new batch sees it; `batch` is set while another batch holds it."""

    id: str
    reference: str
    state: str
    notice_until: date
    payable_fen: int
    batch: str | None


@fact("payment")
def items(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Item]]:
    """The lines of each batch, in order of their numbers."""
    found: dict[str, list[Item]] = defaultdict(list)
    query = (
        sa.select(ITEM, CLAIM.c.reference, CLAIM.c.payable_fen, CLAIM.c.state)
        .join(CLAIM, CLAIM.c.id == ITEM.c.claim_id)
        .where(ITEM.c.payment_id.in_([c.id for c in cases]))
        .order_by(ITEM.c.number)
    )
    for r in conn.execute(query):
        item = Item(r.id, r.number, r.reference, r.amount_fen, r.payable_fen, r.state, r.result)
        found[r.payment_id].append(item)
    return {c.id: found[c.id] for c in cases}


@fact("payment")
def claims_named(
    conn: Connection, cases: Sequence[Case]
) -> Mapping[str, Callable[[tuple[str, ...]], dict[str, Payable]]]:
    """Claims by reference, with the batch that holds them."""

    def named(references: tuple[str, ...]) -> dict[str, Payable]:
        query = (
            sa.select(CLAIM, ITEM.c.number.label("batch"))
            .join(ITEM, sa.and_(ITEM.c.claim_id == CLAIM.c.id, ITEM.c.live), isouter=True)
            .where(CLAIM.c.reference.in_(references))
        )
        rows = conn.execute(query)
        return {r.reference: Payable(r.id, r.reference, r.state, r.notice_until, r.payable_fen, r.batch) for r in rows}

    return {c.id: named for c in cases}
