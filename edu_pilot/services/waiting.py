"""How much work waits for somebody's own step, counted for all their pages in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import Application, Certification, Claim, Payment, PaymentItem, Session, Study
from edu_pilot.rules.calendar import intake_is_known, intake_window
from edu_pilot.rules.claim_dates import claim_deadline
from edu_pilot.services import cases, reviewing
from edu_pilot.services.cases import Case
from edu_pilot.services.policies import Version
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor

APPLICATION = Application.__table__
STUDY = Study.__table__
CERTIFICATION = Certification.__table__
SESSION = Session.__table__
CLAIM = Claim.__table__
PAYMENT = Payment.__table__
ITEM = PaymentItem.__table__
Number = sa.ScalarSelect[int]
# What waits at a teaching point, in the order of its way.
AT_THE_DESK: Mapping[str, tuple[str, ...]] = {
    "application": ("registered", "returned", "draft"),
    "claim": ("returned", "draft"),
    "certification": ("planned", "training", "trained"),
}
Count = Callable[[Actor], Iterable[Number]]


def _number(actor: Actor, records: sa.Table, *where: sa.ColumnElement[bool]) -> Number:
    return sa.select(sa.func.count()).select_from(records).where(visible_to(actor, records), *where).scalar_subquery()


def _desk(actor: Actor) -> Iterable[Number]:
    """All that the page of the teaching point lists."""
    for workflow, states in AT_THE_DESK.items():
        records = cases.table(workflow)
        yield _number(actor, records, records.c.state.in_(states))


def _registry(actor: Actor) -> Iterable[Number]:
    """Who waits for admission, and who has done everything but has no diploma on record."""
    yield _number(actor, APPLICATION, APPLICATION.c.state == "verified")
    yield _number(actor, STUDY, STUDY.c.state == "completed")


def _exams(actor: Actor) -> Iterable[Number]:
    """Candidates without a seat, without marks or without their certificate; sessions that are to be closed."""
    yield _number(actor, CERTIFICATION, CERTIFICATION.c.state.in_(("entered", "sat", "passed")))
    yield _number(actor, SESSION, SESSION.c.state.in_(("held", "scored")))


def _review(actor: Actor) -> Iterable[Number]:
    """What stands in the queues of one's own body (R5.2)."""
    return reviewing.numbers(actor).values()


def _in_no_batch() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(ITEM.c.claim_id == CLAIM.c.id, ITEM.c.live)


def _payments(actor: Actor) -> Iterable[Number]:
    """What the maker can draw or settle, and what another's batch asks of the releaser (R5.8)."""
    if "finance_maker" in actor.roles:
        over = CLAIM.c.notice_until < clock.today()
        # What the bank sent back, or another account, waits for others first.
        plain = sa.and_(CLAIM.c.state == "approved", CLAIM.c.account_changed_at.is_(None))
        changed = sa.and_(CLAIM.c.state.in_(("approved", "bounced")), CLAIM.c.account_confirmed_at.is_not(None))
        yield _number(actor, CLAIM, over, sa.or_(plain, changed), _in_no_batch())
        yield _number(actor, PAYMENT, PAYMENT.c.state == "exported")
    if "finance_releaser" in actor.roles:
        drawn = sa.and_(PAYMENT.c.state == "drawn", PAYMENT.c.creator_key != actor.person_key)
        yield _number(actor, PAYMENT, sa.or_(drawn, PAYMENT.c.state == "released"))


@dataclass(frozen=True)
class Age:
    """How many records stand in a state, and since when the first of them."""

    number: int
    since: date


def ages(conn: Connection, actor: Actor, workflow: str, states: Sequence[str]) -> dict[str, Age]:
    """Return the number and the oldest of the visible records in each of the states that has any."""
    records = cases.table(workflow)
    seen = visible_to(actor, records), records.c.state.in_(states)
    query = sa.select(records.c.state, sa.func.count().label("number"), sa.func.min(records.c.since_on).label("since"))
    with walled(conn, actor):
        rows = conn.execute(query.where(*seen).group_by(records.c.state)).all()
    return {row.state: Age(row.number, row.since) for row in rows}


def foremost(conn: Connection, actor: Actor, workflow: str, states: Sequence[str], limit: int) -> list[Case]:
    """Return of each of the states the visible records that are due first, as far as their own columns tell."""
    records = cases.table(workflow)
    own_day = [records.c.answer_until] if "answer_until" in records.c else []
    order = (*(day.is_(None) for day in own_day), *own_day, records.c.since_on, records.c.reference)
    place = sa.func.row_number().over(partition_by=records.c.state, order_by=order).label("place")
    ranked = sa.select(records.c.id, place).where(visible_to(actor, records), records.c.state.in_(states)).subquery()
    query = sa.select(records).join(ranked, ranked.c.id == records.c.id).where(ranked.c.place <= limit)
    with walled(conn, actor):
        rows = all_rows(conn, query.order_by(records.c.since_on, records.c.reference))
    return cases.batch_of(conn, vault(), workflow, rows)


def due_on(case: Case, version: Version) -> date | None:
    """Return the last day a record should stand where it does: the one set for it, else by the days of its state."""
    own = _OWN_DAYS.get((case.workflow, case.state))
    if own and (day := own(case, version.policy)):
        return day
    days = version.compiled.definition(case.workflow).states[case.state].days
    return case.since_on + timedelta(days=days) if days is not None else None


def _sign_up_ends(case: Case, policy: Policy) -> date | None:
    """R1.5: after the last day of sign-up a draft is no longer registered."""
    return intake_window(policy, case.intake).closes if intake_is_known(policy, case.intake) else None


def _claims_end(case: Case, policy: Policy) -> date | None:
    """R5.6: after that day no claim is submitted any more."""
    return claim_deadline(policy, case.study.diploma_on) if case.study.diploma_on else None


def _answer_is_due(case: Case, _policy: Policy) -> date | None:
    until: date | None = case.answer_until
    return until


_OWN_DAYS: Mapping[tuple[str, str], Callable[[Case, Policy], date | None]] = {
    ("application", "draft"): _sign_up_ends,
    ("application", "returned"): _answer_is_due,
    ("claim", "draft"): _claims_end,
    ("claim", "returned"): _answer_is_due,
}


COUNTS: Mapping[str, Count] = {
    "desk": _desk, "registry": _registry, "exams": _exams, "review": _review, "payments": _payments,
}  # fmt: skip


def numbers(conn: Connection, actor: Actor, names: Iterable[str]) -> dict[str, int]:
    """Return how much waits for the actor under each of the named counts, in one query."""
    columns = [_sum(actor, name).label(name) for name in names]
    if not columns:
        return {}
    with walled(conn, actor):
        return dict(conn.execute(sa.select(*columns)).mappings().one())


def _sum(actor: Actor, name: str) -> sa.ColumnElement[int]:
    return sum(COUNTS[name](actor), start=sa.literal(0))
