"""The finance office: a batch every month, drawn by one person and released by another (R5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from edu_pilot.sample.calendar import Life
from edu_pilot.sample.hands import Hands

PAY_DAY = 20
RELEASED_AFTER, SETTLED_AFTER = timedelta(days=2), timedelta(days=7)


def months(hands: Hands, first: date) -> Life:
    """Pay out every month what is payable; the month that cannot be settled in time is left to the next."""
    day = first.replace(day=PAY_DAY)
    while day + RELEASED_AFTER + SETTLED_AFTER <= hands.last:
        yield hands.office(day)
        yield from _paid(hands, [c for c in hands.payable(hands.calendar.today) if c not in hands.kept_back])
        day += relativedelta(months=1)


def _paid(hands: Hands, claims: Sequence[str]) -> Life:
    if not claims:
        return
    batch = _drawn(hands, claims)
    if hands.serial("batches") == 1:
        # The first list was printed with an error: it is cancelled and drawn anew.
        hands.act(hands.staff["finance.maker"], "payment", batch, "cancel")
        batch = _drawn(hands, claims)
    yield hands.calendar.today + RELEASED_AFTER
    hands.act(hands.staff["finance.release"], "payment", batch, "release")
    yield hands.calendar.today + SETTLED_AFTER
    hands.act(hands.staff["finance.maker"], "payment", batch, "settle")


def _drawn(hands: Hands, claims: Sequence[str]) -> str:
    return hands.new("payment", hands.staff["finance.maker"], claims=list(claims)).reference


def at_the_bank(hands: Hands) -> Life:
    """On the business date one batch is released and not settled yet."""
    yield hands.office(hands.last - timedelta(days=8))
    claims = _kept_back(hands, "in_payment")
    if not claims:
        return
    batch = _drawn(hands, claims)
    yield hands.office(hands.last - timedelta(days=4))
    hands.act(hands.staff["finance.release"], "payment", batch, "release")


def on_the_desk(hands: Hands) -> Life:
    """On the business date one batch is drawn and waits for its release."""
    yield hands.office(hands.last - timedelta(days=1))
    if claims := _kept_back(hands, "approved"):
        _drawn(hands, claims)


def _kept_back(hands: Hands, ending: str) -> list[str]:
    payable = hands.payable(hands.calendar.today)
    return [claim for claim in payable if hands.kept_back.get(claim) == ending]
