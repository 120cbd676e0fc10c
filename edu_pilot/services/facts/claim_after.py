"""Facts about claims after their first check: all rounds of checks, the batch that holds a claim, the moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import ClaimCheck, Document, Incident, Payment, PaymentItem
from edu_pilot.rules.claim import BODIES
from edu_pilot.services import budgets
from edu_pilot.services.cases import Case, fact

CHECK = ClaimCheck.__table__
ITEM = PaymentItem.__table__
PAYMENT = Payment.__table__
INCIDENT, DOCUMENT = Incident.__table__, Document.__table__


@fact("claim", fresh=True)
def checks_given(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Any]]:
    """Every check of each claim, in all rounds, oldest round first."""
    found: dict[str, list[Any]] = defaultdict(list)
    query = sa.select(CHECK).where(CHECK.c.claim_id.in_([c.id for c in cases]))
    for row in conn.execute(query.order_by(CHECK.c.round, CHECK.c.body)):
        found[row.claim_id].append(row)
    return {c.id: found[c.id] for c in cases}


@fact("claim")
def decided_checks(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Any]]:
    """The checks of each claim's newest round that both bodies gave: what may be shown (R5.2)."""
    return {c.id: _newest_pair(c.checks_given) for c in cases}


def _newest_pair(given: Sequence[Any]) -> list[Any]:
    rounds: dict[int, list[Any]] = defaultdict(list)
    for check in given:
        rounds[check.round].append(check)
    whole = [number for number, pair in rounds.items() if len(pair) == len(BODIES)]
    return rounds[max(whole)] if whole else []


@fact("claim")
def open_batch(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The payment batch each claim stands in; a paid line holds its claim for ever (R5.8)."""
    query = (
        sa.select(ITEM.c.claim_id, PAYMENT.c.reference)
        .join(PAYMENT, PAYMENT.c.id == ITEM.c.payment_id)
        .where(ITEM.c.live, ITEM.c.claim_id.in_([c.id for c in cases]))
    )
    return dict(conn.execute(query).all())


@fact("claim")
def moment(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, datetime]:
    """The present moment on the business date, for what is counted in hours."""
    now = clock.moment()
    return {c.id: now for c in cases}


@fact("claim")
def next_year(conn: Connection, cases: Sequence[Case]) -> Mapping[str, bool]:
    """Whether this year's money does not reach an approved claim, so that it is paid from the next year's (R5.8)."""
    waiting = any(c.state == "approved" for c in cases)
    late = budgets.beyond(conn) if waiting else frozenset()
    return {c.id: c.reference in late for c in cases}


@fact("claim")
def incidents(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[dict[str, str]]]:
    """The lists that showed each claim's person by mistake and were taken down: what the person is told."""
    query = sa.select(INCIDENT, DOCUMENT.c.number).join(DOCUMENT).order_by(INCIDENT.c.recorded_at)
    found: dict[str, list[dict[str, str]]] = {c.reference: [] for c in cases}
    for row in conn.execute(query):
        for reference in set(row.claims) & found.keys():
            told = {"document": row.number, "reason": row.reason, "taken_down_on": row.recorded_on.isoformat()}
            found[reference].append(told)
    return {c.id: found[c.reference] for c in cases}
