"""Facts about applications: the person elsewhere, places of the year, the waiting list."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Account, Application, AuditEntry, ClaimCheck, LiveCase, Quota, Study
from edu_pilot.services import policies
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.facts.people import newest_keys

APPLICATION = Application.__table__
LIVE = LiveCase.__table__
QUOTA = Quota.__table__
STUDY = Study.__table__
ENTRY = AuditEntry.__table__
CHECK = ClaimCheck.__table__
ACCOUNT = Account.__table__
# Who sits in a class, or may still come to.
IN_A_CLASS = ("registered", "returned", "verified", "waitlisted", "admitted")


@dataclass(frozen=True)
class Elsewhere:
    """Where and since when a person is registered: all that a second clerk learns (R2.8)."""

    point_name: str
    since: date


@fact("application")
def person_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Elsewhere]:
    """The live case of the same person and level that another application holds."""
    newest = newest_keys(conn, (c.id_index for c in cases if c.id_index))
    query = sa.select(LIVE).where(LIVE.c.id_index.in_(set(newest.values())))
    held = {(r.id_index, r.level): r for r in conn.execute(query)} if newest else {}
    names = policies.in_force(conn, clock.today()).policy
    return {
        record: Elsewhere(names.label("points", row.point), row.since_on)
        for key, record in ((k, c.id) for c in cases for k in [(newest.get(c.id_index), c.level)])
        if (row := held.get(key)) and row.application_id != record
    }


@fact("application", fresh=True)
def places_free(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """The places of the intake's year that are neither reserved nor used."""
    left = QUOTA.c.places - QUOTA.c.reserved - QUOTA.c.used
    years = {f"20{c.intake[:2]}" for c in cases}
    found = dict(conn.execute(sa.select(QUOTA.c.year, left).where(QUOTA.c.year.in_(years))).all())
    return {c.id: found.get(f"20{c.intake[:2]}", 0) for c in cases}


@fact("application", fresh=True)
def waiting_ahead(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many stand before each applicant on the waiting list of the year."""
    if len(cases) == 1:
        return {c.id: conn.execute(_ahead(c)).scalar_one() for c in cases}
    lines = _lines(conn, {c.intake[:2] for c in cases})
    return {c.id: _before(lines[c.intake[:2]], c.queue_number) for c in cases}


def _lines(conn: Connection, years: set[str]) -> dict[str, list[int]]:
    """Return the numbers on the waiting list of each year, in order."""
    waiting = APPLICATION.c.state == "waitlisted", APPLICATION.c.queue_number.is_not(None)
    query = sa.select(APPLICATION.c.queue_number).where(*waiting).order_by(APPLICATION.c.queue_number)
    return {y: list(conn.execute(query.where(APPLICATION.c.intake.like(f"{y}%"))).scalars()) for y in years}


def _before(line: Sequence[int], number: int | None) -> int:
    return len(line) if number is None else bisect_left(line, number)


def _ahead(case: Case) -> sa.Select[Any]:
    number = case.queue_number
    query = (
        sa.select(sa.func.count())
        .select_from(APPLICATION)
        .where(
            APPLICATION.c.state == "waitlisted",
            APPLICATION.c.intake.like(f"{case.intake[:2]}%"),
        )
    )
    return query if number is None else query.where(APPLICATION.c.queue_number < number)


@fact("application")
def study_state(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The state of the study that admission opened."""
    query = sa.select(STUDY.c.application_id, STUDY.c.state).where(STUDY.c.application_id.in_([c.id for c in cases]))
    return dict(conn.execute(query).all())


@fact("application")
def study_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The reference of the study that admission opened."""
    query = sa.select(STUDY.c.application_id, STUDY.c.reference).where(
        STUDY.c.application_id.in_([c.id for c in cases])
    )
    return dict(conn.execute(query).all())


_OTHERS_NUMBER = sa.select(STUDY.c.id).where(
    STUDY.c.student_number == sa.bindparam("number"), STUDY.c.id != sa.bindparam("mine")
)


@fact("application", "study")
def student_number_is_anothers(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str | None], bool]]:
    """Whether a student number is that of another study."""

    def asks(case: Case) -> Callable[[str | None], bool]:
        def taken(number: str | None) -> bool:
            given = {"number": number, "mine": case.id}
            return number is not None and conn.execute(_OTHERS_NUMBER, given).first() is not None

        return taken

    return {c.id: asks(c) for c in cases}


@fact("application")
def class_size(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many have chosen the same major at the same point for the same intake, each applicant included."""
    columns = (APPLICATION.c.intake, APPLICATION.c.point, APPLICATION.c.major)
    query = sa.select(*columns, sa.func.count()).where(APPLICATION.c.state.in_(IN_A_CLASS)).group_by(*columns)
    sizes = {(r[0], r[1], r[2]): r[3] for r in conn.execute(query)}
    return {c.id: sizes.get((c.intake, c.point, c.major), 0) for c in cases}


RETURN, PERMIT = "return_for_correction", "permit_new_faults"


@dataclass(frozen=True)
class Permit:
    """Further faults that somebody let be named; `body` is the one of a claim it is for."""

    actor: str
    person_key: str | None
    body: str | None
    faults: frozenset[str]


@fact("application", "claim")
def faults_named(conn: Connection, cases: Sequence[Case]) -> Mapping[str, frozenset[str]]:
    """The faults that were named when each case was returned before; a claim's checks of this round are no return."""
    named: dict[str, set[str]] = defaultdict(set)
    for entry, given in _told(conn, cases):
        if entry.action == RETURN:
            named[entry.reference].update(given["faults"])
    rounds = {c.id: c.round for c in cases if c.workflow == "claim"}
    columns = (CHECK.c.claim_id, CHECK.c.round, CHECK.c.reasons)
    query = sa.select(*columns).where(CHECK.c.claim_id.in_(rounds), CHECK.c.outcome == "correct")
    for row in conn.execute(query) if rounds else ():
        if row.round < rounds[row.claim_id]:
            named[row.claim_id].update(row.reasons)
    return {c.id: frozenset(named[c.reference] | named[c.id]) for c in cases}


@fact("application", "claim")
def faults_permitted(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Permit]]:
    """Who permitted which further faults since the last return of each case."""
    found: dict[str, list[Permit]] = defaultdict(list)
    told = list(_told(conn, cases))
    keys = _person_keys(conn, {entry.actor for entry, _ in told})
    for entry, given in told:
        if entry.action != PERMIT:
            found[entry.reference].clear()
            continue
        permit = Permit(entry.actor, keys.get(entry.actor), given.get("body"), frozenset(given["faults"]))
        found[entry.reference].append(permit)
    return {c.id: found[c.reference] for c in cases}


def _person_keys(conn: Connection, names: set[str]) -> dict[str, str | None]:
    """Return the person behind each account."""
    query = sa.select(ACCOUNT.c.name, ACCOUNT.c.person_key).where(ACCOUNT.c.name.in_(names))
    return dict(conn.execute(query).all()) if names else {}


def _told(conn: Connection, cases: Sequence[Case]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield the returns of cases and the permits between them with their inputs, oldest first, from the audit."""
    columns = (ENTRY.c.reference, ENTRY.c.actor, ENTRY.c.action, ENTRY.c.body)
    of_these = ENTRY.c.workflow == cases[0].workflow, ENTRY.c.reference.in_([c.reference for c in cases])
    returned = sa.and_(ENTRY.c.to_state == "returned", ENTRY.c.from_state != "returned")
    query = sa.select(*columns).where(*of_these, sa.or_(returned, ENTRY.c.action == PERMIT)).order_by(ENTRY.c.number)
    for row in conn.execute(query):
        yield row, json.loads(row.body)["input"]
