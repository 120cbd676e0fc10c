"""Facts about persons and papers, for every workflow that has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Bar, Paper, Person, PersonAlias
from edu_pilot.rules.identity import normalise_id
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.vault import Vault, vault

PERSON = Person.__table__
PAPER = Paper.__table__
BAR = Bar.__table__
ALIAS = PersonAlias.__table__
WITH_PERSON = ("study", "certification", "claim")
ALL = ("application", "study", "certification", "claim", "session", "payment")


@dataclass(frozen=True)
class Human:
    """A person in clear, for rules and documents; never logged."""

    id: str
    key: str
    name: str
    id_number: str
    phone: str
    sex: str
    birth_on: date


@dataclass(frozen=True)
class Standing:
    """Since when a person's data may only be stored, and since when they are gone."""

    restricted_on: date | None = None
    erased_on: date | None = None


@fact(*WITH_PERSON)
def person(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Human]:
    """The person behind each record."""
    keys = vault()
    return {c.id: _human(keys, c.person_row) for c in cases}


def humans(conn: Connection, ids: set[str]) -> dict[str, Human]:
    """Return persons by row id, opened."""
    keys = vault()
    return {row.id: _human(keys, row) for row in conn.execute(sa.select(PERSON).where(PERSON.c.id.in_(ids)))}


def _human(keys: Vault, row: Any) -> Human:
    return Human(
        id=row.id,
        key=row.id_index,
        name=row.name,
        id_number=keys.open("person.id_number", row.id, row.id_number),
        phone=keys.open("person.phone", row.id, row.phone),
        sex=row.sex,
        birth_on=row.birth_on,
    )


def holder_of(conn: Connection, key: str) -> str | None:
    """Return the row id of the person who has an ID number, or had it before a correction (R3.10)."""
    now = sa.select(PERSON.c.id).where(PERSON.c.id_index == key)
    before = sa.select(ALIAS.c.person_id).where(ALIAS.c.id_index == key)
    return conn.execute(now.union(before)).scalar()


def newest_keys(conn: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Return the present index of every person known by one of these, superseded ones included (R3.10)."""
    wanted = set(keys)
    query = sa.select(ALIAS.c.id_index, PERSON.c.id_index).join(PERSON, PERSON.c.id == ALIAS.c.person_id)
    found = conn.execute(query.where(ALIAS.c.id_index.in_(wanted))).all() if wanted else []
    return {key: key for key in wanted} | dict(found)


def _barred_until() -> sa.ScalarSelect[Any]:
    own = BAR.c.person_id == PERSON.c.id, BAR.c.until_on >= clock.today()
    return sa.select(sa.func.max(BAR.c.until_on)).where(*own).scalar_subquery()


@fact(*ALL)
def person_row(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Any]:
    """The stored row of each record's person, personal values still sealed, with the last day of a running bar."""
    ids = {c.row["person_id"] for c in cases if c.row.get("person_id")}
    query = sa.select(PERSON, _barred_until().label("barred_until")).where(PERSON.c.id.in_(ids))
    found = {row.id: row for row in conn.execute(query)} if ids else {}
    return {c.id: found.get(c.row.get("person_id", "")) for c in cases}


@fact(*ALL)
def person_key(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, str | None]:
    """The blind index of each record's person; sessions and batches have none."""
    return {c.id: c.row.get("id_index") or (c.person_row and c.person_row.id_index) for c in cases}


@fact("application", *WITH_PERSON)
def person_standing(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Standing]:
    """Whether what is known of the person may still be used, or is erased."""
    return {c.id: _standing(c) for c in cases}


def _standing(case: Case) -> Standing:
    known = case.person_row
    return Standing(known.restricted_on, known.erased_on) if known else Standing(None, case.row.get("erased_on"))


@fact(*ALL)
def papers(conn: Connection, cases: Sequence[Case]) -> Mapping[str, frozenset[str]]:
    """The kinds of papers handed in for each record."""
    found: dict[str, set[str]] = defaultdict(set)
    query = sa.select(PAPER.c.record_id, PAPER.c.kind).where(PAPER.c.record_id.in_([c.id for c in cases]))
    for record, kind in conn.execute(query):
        found[record].add(kind)
    return {c.id: frozenset(found[c.id]) for c in cases}


@fact("application")
def key_of_input(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str | None], str | None]]:
    """The blind index that a typed ID number would have, in whatever form it is typed (R2.1, R2.2)."""
    keys = vault()
    return {c.id: lambda text: keys.index("id_number", normalise_id(text)) if text else None for c in cases}
