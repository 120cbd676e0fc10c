"""Facts about who had a hand in a case: accounts as the trail names them, and the persons behind them (C4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Account, Application, AuditEntry, Claim, PaymentItem, Person, Study
from edu_pilot.rules.four_eyes import Hands
from edu_pilot.services.cases import Case, fact

ACCOUNT = Account.__table__
APPLICATION = Application.__table__
CLAIM = Claim.__table__
ENTRY = AuditEntry.__table__
ITEM = PaymentItem.__table__
PERSON = Person.__table__
STUDY = Study.__table__
TYPING = ("create", "amend", "register")
# Entries that are no steps: handing in a paper, or telling the person, neither states nor decides anything.
NO_STEP = ("add_file", "tell")

# The steps by which a hand is laid on what a claim says.
HANDS_ON = ("create", "amend", "submit", "renew_register_code", "name_heir")

# A record as the trail names it.
Named = tuple[str, str]


class Step(NamedTuple):
    """One step on a record: the account that took it, and the person behind the account, if one is named."""

    workflow: str
    reference: str
    action: str
    actor: str
    key: str | None


@fact("application")
def typed_by(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who entered, amended or registered each application."""
    found = _hands(conn, [("application", c.reference) for c in cases], ENTRY.c.action.in_(TYPING))
    creators = {c.id: (c.created_by, c.creator_key) for c in cases}
    return {c.id: _joined([found["application", c.reference], _one(*creators[c.id])]) for c in cases}


@fact("claim")
def steps_behind(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Step]]:
    """The steps on each claim, its study and its application, read once for all that asks whose hands they were."""
    rests_on = {c.id: {("claim", c.reference), *_under(c)} for c in cases}
    taken = _taken(conn, frozenset[Named]().union(*rests_on.values()))
    return {record: [step for step in taken if step[:2] in names] for record, names in rests_on.items()}


def _under(case: Case) -> list[Named]:
    return [("study", case.study.reference), ("application", case.study.application)] if case.study_id else []


@fact("claim")
def entered_by(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who entered, amended or submitted each claim (R5.2)."""
    steps = {c.id: [s for s in c.steps_behind if s.workflow == "claim" and s.action in HANDS_ON] for c in cases}
    return {c.id: _joined([_of(steps[c.id]), _one(c.created_by, c.creator_key)]) for c in cases}


@fact("claim")
def prepared_by(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who took a step on the application and the study each claim rests on."""
    return {c.id: _of(s for s in c.steps_behind if s.workflow != "claim") for c in cases}


@fact("claim")
def objected_by(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who objected to each claim."""
    return {c.id: _of(s for s in c.steps_behind if (s.workflow, s.action) == ("claim", "object")) for c in cases}


@fact("payment")
def hands_on_items(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Mapping[str, Hands]]:
    """For each claim of each batch, who claims it or took a step on it."""
    query = sa.select(ITEM.c.payment_id, CLAIM.c.reference).join(CLAIM, CLAIM.c.id == ITEM.c.claim_id)
    lines = conn.execute(query.where(ITEM.c.payment_id.in_([c.id for c in cases]))).all()
    found = _on_claims(conn, [reference for _batch, reference in lines])
    told: dict[str, dict[str, Hands]] = defaultdict(dict)
    for batch, reference in lines:
        told[batch][reference] = found[reference]
    return {c.id: told[c.id] for c in cases}


@fact("payment")
def hands_on_named(
    conn: Connection, cases: Sequence[Case]
) -> Mapping[str, Callable[[tuple[str, ...]], Mapping[str, Hands]]]:
    """For claims by reference, who claims each or took a step on it."""
    return {c.id: lambda references: _on_claims(conn, references) for c in cases}


def _on_claims(conn: Connection, references: Sequence[str]) -> dict[str, Hands]:
    query = (
        sa.select(CLAIM.c.reference, CLAIM.c.created_by, CLAIM.c.creator_key, PERSON.c.id_index)
        .join(PERSON, PERSON.c.id == CLAIM.c.person_id)
        .where(CLAIM.c.reference.in_(references))
    )
    steps = _hands(conn, [("claim", reference) for reference in references])
    return {
        r.reference: _joined([steps["claim", r.reference], _one(r.created_by, r.creator_key), _one("", r.id_index)])
        for r in conn.execute(query)
    }


def _hands(conn: Connection, records: Iterable[Named], *which: sa.ColumnElement[bool]) -> Mapping[Named, Hands]:
    """Return who took steps on each record; a person who has several accounts is one person."""
    steps: dict[Named, list[Step]] = defaultdict(list)
    for step in _taken(conn, records, *which):
        steps[step[:2]].append(step)
    return defaultdict(Hands, {record: _of(taken) for record, taken in steps.items()})


def _taken(conn: Connection, records: Iterable[Named], *which: sa.ColumnElement[bool]) -> list[Step]:
    """Return the steps on records, with the person behind each account."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for workflow, reference in records:
        wanted[workflow].append(reference)
    named = [sa.and_(ENTRY.c.workflow == name, ENTRY.c.reference.in_(own)) for name, own in wanted.items()]
    query = (
        sa.select(ENTRY.c.workflow, ENTRY.c.reference, ENTRY.c.action, ENTRY.c.actor, ACCOUNT.c.person_key)
        .outerjoin(ACCOUNT, ACCOUNT.c.name == ENTRY.c.actor)
        .where(sa.or_(sa.false(), *named), ENTRY.c.action.not_in(NO_STEP), *which)
    )
    return [Step(*row) for row in conn.execute(query)]


def _of(steps: Iterable[Step]) -> Hands:
    taken = list(steps)
    return Hands(frozenset(s.actor for s in taken), frozenset(s.key for s in taken if s.key is not None))


def _one(name: str, key: str | None) -> Hands:
    return Hands(frozenset([name] if name else []), frozenset([key] if key else []))


def _joined(hands: Iterable[Hands]) -> Hands:
    every = list(hands)
    names, keys = ([h.names for h in every], [h.keys for h in every])
    return Hands(frozenset[str]().union(*names), frozenset[str]().union(*keys))
