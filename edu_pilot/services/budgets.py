"""The money of a year: who is paid from it, in the order of approval, and who waits for the next (R5.8)."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Claim, Payment, PaymentItem
from edu_pilot.services import numbers, policies

CLAIM, PAYMENT, ITEM = Claim.__table__, Payment.__table__, PaymentItem.__table__
HELD = sa.select(ITEM.c.claim_id).where(ITEM.c.live)


def beyond(conn: Connection, *, lock: bool = False) -> frozenset[str]:
    """Return the references of approved claims that this year's money does not reach; none where no budget is set.

    `lock` lets nobody else draw a batch until the transaction ends.
    """
    today = clock.today()
    budgets = policies.in_force(conn, today).policy.find("claim.budget_fen", {})
    # A year is text or a number, as whoever wrote the file quoted it.
    budget = {str(year): fen for year, fen in budgets.items()}.get(str(today.year))
    if budget is None:
        return frozenset()
    if lock:
        # Two makers must not both spend the last of the money: whoever draws numbers draws alone.
        numbers.draw(conn, f"payment{today.year}", 0)
    return _waiting(conn, budget - _spent(conn, today.year))


def _spent(conn: Connection, year: int) -> int:
    """R5.8: what is paid or on its way this year; what the bank sent back stays reserved for its claim."""
    drawn = sa.select(sa.func.coalesce(sa.func.sum(ITEM.c.amount_fen), 0)).join(PAYMENT)
    first, last = date(year, 1, 1), date(year, 12, 31)
    this_year = drawn.where(ITEM.c.live, PAYMENT.c.created_on.between(first, last))
    back = sa.select(sa.func.coalesce(sa.func.sum(CLAIM.c.payable_fen), 0))
    reserved = back.where(CLAIM.c.state == "bounced", CLAIM.c.id.not_in(HELD))
    return int(conn.execute(this_year).scalar_one()) + int(conn.execute(reserved).scalar_one())


def _waiting(conn: Connection, left: int) -> frozenset[str]:
    """From the first claim that the money does not reach all later ones wait too, however small they are."""
    query = sa.select(CLAIM.c.reference, CLAIM.c.payable_fen).where(
        CLAIM.c.state == "approved", CLAIM.c.id.not_in(HELD)
    )
    late: list[str] = []
    for reference, payable in conn.execute(query.order_by(CLAIM.c.approved_on, CLAIM.c.reference)):
        left -= payable
        if late or left < 0:
            late.append(reference)
    return frozenset(late)
