"""Facts about who had a hand in a case: accounts as the trail names them, and the persons behind them (C4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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

# A record as the trail names it.
Named = tuple[str, str]


@fact("application")
def typed_by(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who entered, amended or registered each application."""
    found = _hands(conn, [("application", c.reference) for c in cases], ENTRY.c.action.in_(TYPING))
    creators = {c.id: (c.created_by, c.creator_key) for c in cases}
    return {c.id: _joined([found["application", c.reference], _one(*creators[c.id])]) for c in cases}


@fact("claim")
def prepared_by(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who took a step on the application and the study each claim rests on."""
    query = (
        sa.select(STUDY.c.id, STUDY.c.reference, APPLICATION.c.reference.label("application"))
        .join(APPLICATION, APPLICATION.c.id == STUDY.c.application_id)
        .where(STUDY.c.id.in_({c.study_id for c in cases}))
    )
    rests_on = {r.id: [("study", r.reference), ("application", r.application)] for r in conn.execute(query)}
    found = _hands(conn, [name for names in rests_on.values() for name in names])
    return {c.id: _joined(found[name] for name in rests_on.get(c.study_id, ())) for c in cases}


@fact("claim")
def objected_by(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Hands]:
    """Who objected to each claim."""
    found = _hands(conn, [("claim", c.reference) for c in cases], ENTRY.c.action == "object")
    return {c.id: found["claim", c.reference] for c in cases}


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
    wanted: dict[str, list[str]] = defaultdict(list)
    for workflow, reference in records:
        wanted[workflow].append(reference)
    names: dict[Named, set[str]] = defaultdict(set)
    for workflow, references in wanted.items():
        for reference, actor in conn.execute(_steps(workflow, references).where(*which)):
            names[workflow, reference].add(actor)
    keys = _keys(conn, frozenset[str]().union(*names.values()))
    found: dict[Named, Hands] = defaultdict(Hands)
    for record, actors in names.items():
        found[record] = Hands(frozenset(actors), frozenset(keys[name] for name in actors if name in keys))
    return found


def _steps(workflow: str, references: Sequence[str]) -> sa.Select[Any]:
    return sa.select(ENTRY.c.reference, ENTRY.c.actor).where(
        ENTRY.c.workflow == workflow, ENTRY.c.reference.in_(references), ENTRY.c.action.not_in(NO_STEP)
    )


def _keys(conn: Connection, names: Iterable[str]) -> dict[str, str]:
    query = sa.select(ACCOUNT.c.name, ACCOUNT.c.person_key).where(ACCOUNT.c.person_key.is_not(None))
    return dict(conn.execute(query.where(ACCOUNT.c.name.in_(names))).all())


def _one(name: str, key: str | None) -> Hands:
    return Hands(frozenset([name] if name else []), frozenset([key] if key else []))


def _joined(hands: Iterable[Hands]) -> Hands:
    every = list(hands)
    names, keys = ([h.names for h in every], [h.keys for h in every])
    return Hands(frozenset[str]().union(*names), frozenset[str]().union(*keys))
