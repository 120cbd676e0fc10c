"""How much work waits for somebody's own step, counted for all their pages in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import all_rows
from edu_pilot.models import Certification, Claim, Payment
from edu_pilot.rules.calendar import intake_is_known, intake_window
from edu_pilot.rules.claim_dates import claim_deadline
from edu_pilot.services import cases, reviewing
from edu_pilot.services.cases import Case
from edu_pilot.services.facts.payment import drawable
from edu_pilot.services.policies import Version
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor

CERTIFICATION = Certification.__table__
CLAIM = Claim.__table__
PAYMENT = Payment.__table__
Number = sa.ScalarSelect[int]
# What waits at a teaching point, in the order of its way.
AT_THE_DESK: Mapping[str, tuple[str, ...]] = {
    "application": ("registered", "returned", "draft"),
    "claim": ("returned", "draft"),
    "certification": ("planned", "training", "trained"),
}
# What waits for one's own step elsewhere, as the state it stands in; whatever moves on by itself waits for nobody.
AT_THE_REGISTRY = {"application": ("verified",), "study": ("enrolled", "completed")}
AT_THE_EXAMS = {"certification": ("entered", "sat", "passed"), "session": ("held", "scored")}
# What is no state of its own: marks somebody objected to, claims that the rules of a new batch let in.
OBJECTED, PAYABLE = "objected", "payable"
Part = tuple[str, str]
Count = Callable[[Actor], Mapping[Part, Number]]


def _number(actor: Actor, records: sa.Table, *where: sa.ColumnElement[bool]) -> Number:
    return sa.select(sa.func.count()).select_from(records).where(visible_to(actor, records), *where).scalar_subquery()


def _standing(actor: Actor, states: Mapping[str, tuple[str, ...]]) -> dict[Part, Number]:
    tables = {workflow: cases.table(workflow) for workflow in states}
    known = ((workflow, state) for workflow, of in states.items() for state in of)
    return {(w, state): _number(actor, tables[w], tables[w].c.state == state) for w, state in known}


def _desk(actor: Actor) -> Mapping[Part, Number]:
    """All that the page of the teaching point lists."""
    return _standing(actor, AT_THE_DESK)


def _registry(actor: Actor) -> Mapping[Part, Number]:
    """Who waits for admission, for the school status, or has done everything but has no diploma on record."""
    return _standing(actor, AT_THE_REGISTRY)


def _exams(actor: Actor) -> Mapping[Part, Number]:
    """Candidates without a seat, without marks or without their certificate; sessions to be closed; objections."""
    objected = CERTIFICATION.c.objection_on.is_not(None), CERTIFICATION.c.objection_closed_on.is_(None)
    objections = {("certification", OBJECTED): _number(actor, CERTIFICATION, *objected)}
    return _standing(actor, AT_THE_EXAMS) | objections


def _review(actor: Actor) -> Mapping[Part, Number]:
    """What stands in the queues of one's own body (R5.2)."""
    return {("claim", stage): number for stage, number in reviewing.numbers(actor).items()}


def _payments(actor: Actor) -> Mapping[Part, Number]:
    """The batches that the maker settles, and what another's batch asks of the releaser (R5.8)."""
    found = {}
    if "finance_maker" in actor.roles:
        found["payment", "exported"] = _number(actor, PAYMENT, PAYMENT.c.state == "exported")
    if "finance_releaser" in actor.roles:
        drawn = PAYMENT.c.state == "drawn", PAYMENT.c.creator_key != actor.person_key
        found["payment", "drawn"] = _number(actor, PAYMENT, *drawn)
        found["payment", "released"] = _number(actor, PAYMENT, PAYMENT.c.state == "released")
    return found


def _payable(conn: Connection, actor: Actor) -> dict[Part, int]:
    """What the maker can draw a batch of, as the rules of a batch judge it."""
    if "finance_maker" not in actor.roles:
        return {}
    return {("claim", PAYABLE): len(drawable(conn, visible_to(actor, CLAIM)))}


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
    """Return how much waits for the actor under each of the named counts."""
    return {name: sum(found.values()) for name, found in parts(conn, actor, names).items()}


def parts(conn: Connection, actor: Actor, names: Iterable[str]) -> dict[str, dict[Part, int]]:
    """Return what waits for the actor under each of the named counts, by workflow and state, in one query.

    What can be paid is judged besides, for those who make batches.
    """
    found: dict[str, dict[Part, int]] = {name: {} for name in names}
    asked = [(name, part, number) for name in found for part, number in COUNTS[name](actor).items()]
    if asked:
        columns = [number.label(f"number_{place}") for place, (_name, _part, number) in enumerate(asked)]
        with walled(conn, actor):
            row = conn.execute(sa.select(*columns)).one()
        for (name, part, _number_of), number in zip(asked, row, strict=True):
            found[name][part] = number
    if "payments" in found:
        found["payments"] = _payable(conn, actor) | found["payments"]
    return found
