"""The finance office: a batch every month, drawn by one person and released by another (R5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from edu_pilot.sample.calendar import Life
from edu_pilot.sample.hands import Hands

PAY_DAY = 20
RELEASED_AFTER, EXPORTED_AFTER, SETTLED_AFTER = timedelta(days=2), timedelta(days=1), timedelta(days=6)


def months(hands: Hands, first: date) -> Life:
    """Pay out every month what is payable; the month that cannot be settled in time is left to the next."""
    day = first.replace(day=PAY_DAY)
    while day + RELEASED_AFTER + EXPORTED_AFTER + SETTLED_AFTER <= hands.last:
        yield hands.office(day)
        yield from _paid(hands, [c for c in hands.payable(hands.calendar.today) if c not in hands.kept_back])
        day += relativedelta(months=1)


def _paid(hands: Hands, claims: Sequence[str]) -> Life:
    if not claims:
        return
    batch = _drawn(hands, claims)
    if hands.serial("batches") == 1:
        # The first list was printed with an error: it is cancelled and drawn anew.
        hands.act(hands.staff["finance.maker"], "payment", batch, "cancel", cancellation="ENTERED_BY_MISTAKE")
        batch = _drawn(hands, claims)
    yield hands.calendar.today + RELEASED_AFTER
    hands.act(hands.staff["finance.release"], "payment", batch, "release")
    yield hands.calendar.today + EXPORTED_AFTER
    hands.act(hands.staff["finance.release"], "payment", batch, "export")
    yield hands.calendar.today + SETTLED_AFTER
    hands.act(hands.staff["finance.maker"], "payment", batch, "settle", **_answer(hands, batch))


def _answer(hands: Hands, batch: str) -> dict[str, Any]:
    """What the bank answers: a result for every payment."""
    items = hands.items(batch)
    results = [{"number": number, **_result(hands, claim)} for number, claim in items]
    hands.sent_back -= {claim for _, claim in items}
    return {"results": results}


def _result(hands: Hands, claim: str) -> dict[str, str]:
    return {"result": "bounced", "reason": "ACCOUNT_CLOSED"} if claim in hands.sent_back else {"result": "paid"}


def _drawn(hands: Hands, claims: Sequence[str]) -> str:
    return hands.new("payment", hands.staff["finance.maker"], claims=list(claims)).reference


def at_the_bank(hands: Hands) -> Life:
    """On the business date one batch is released, and the bank has not answered another one."""
    yield hands.office(hands.last - timedelta(days=8))
    drawn = {ending: _drawn(hands, c) for ending in ("released", "exported") if (c := _kept_back(hands, ending))}
    yield hands.office(hands.last - timedelta(days=4))
    for batch in drawn.values():
        hands.act(hands.staff["finance.release"], "payment", batch, "release")
    yield hands.calendar.today + EXPORTED_AFTER
    if exported := drawn.get("exported"):
        hands.act(hands.staff["finance.release"], "payment", exported, "export")


def on_the_desk(hands: Hands) -> Life:
    """On the business date one batch is drawn and waits for its release."""
    yield hands.office(hands.last - timedelta(days=1))
    if claims := _kept_back(hands, "drawn"):
        _drawn(hands, claims)


def _kept_back(hands: Hands, ending: str) -> list[str]:
    payable = hands.payable(hands.calendar.today)
    return [claim for claim in payable if hands.kept_back.get(claim) == ending]
