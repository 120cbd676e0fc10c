"""Facts about studies: scores, certificates, numbers in use."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Account, Application, AuditEntry, Certification, Claim, Outbox, PersonAlias, Score
from edu_pilot.services.cases import Case, fact, table
from edu_pilot.services.facts.people import holder_of
from edu_pilot.services.vault import vault

APPLICATION = Application.__table__
SCORE = Score.__table__
ACCOUNT = Account.__table__
CERTIFICATION = Certification.__table__
CLAIM = Claim.__table__
ENTRY = AuditEntry.__table__
ALIAS = PersonAlias.__table__
OUTBOX = Outbox.__table__


@dataclass(frozen=True)
class Sitting:
    """One recorded sitting of a course."""

    course: str
    sat_on: date
    formative: int | None
    final: int | None
    composite: int | None
    passed: bool


@dataclass(frozen=True)
class Certificate:
    """A skill certificate in hand."""

    kind: str
    occupation: str
    level: str
    number: str
    certified_on: date
    verified_on: date | None


_APPLICATIONS = sa.select(APPLICATION.c.id, APPLICATION.c.state, APPLICATION.c.reference).where(
    APPLICATION.c.id.in_(sa.bindparam("applications", expanding=True))
)


def _of_application(conn: Connection, cases: Sequence[Case], column: str) -> Mapping[str, str]:
    rows = conn.execute(_APPLICATIONS, {"applications": [c.application_id for c in cases]})
    found = {row.id: getattr(row, column) for row in rows}
    return {c.id: found[c.application_id] for c in cases}


@fact("study")
def application_state(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The state of the application that opened each study."""
    return _of_application(conn, cases, "state")


@fact("study")
def application_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The reference of the application that opened each study."""
    return _of_application(conn, cases, "reference")


@fact("study")
def scores(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Sitting]]:
    """Every sitting of each study, oldest first."""
    found: dict[str, list[Sitting]] = defaultdict(list)
    query = sa.select(SCORE).where(SCORE.c.study_id.in_([c.id for c in cases])).order_by(SCORE.c.sat_on)
    for r in conn.execute(query):
        found[r.study_id].append(Sitting(r.course, r.sat_on, r.formative, r.final, r.composite, r.passed))
    return {c.id: found[c.id] for c in cases}


@fact("study", "claim")
def certificates(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Certificate]]:
    """The skill certificates each person holds."""
    found: dict[str, list[Certificate]] = defaultdict(list)
    query = sa.select(CERTIFICATION).where(
        CERTIFICATION.c.person_id.in_({c.person_id for c in cases}), CERTIFICATION.c.state == "certified"
    )
    for r in conn.execute(query.order_by(CERTIFICATION.c.certified_on)):
        certificate = Certificate(r.kind, r.occupation, r.level, r.certificate_number, r.certified_on, r.verified_on)
        found[r.person_id].append(certificate)
    return {c.id: found[c.person_id] for c in cases}


@fact("study", "certification")
def number_is_taken(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str, str | None], bool]]:
    """Whether another record of the workflow has a number."""

    def asks(case: Case) -> Callable[[str, str | None], bool]:
        records = table(case.workflow)

        def taken(column: str, number: str | None) -> bool:
            query = sa.select(records.c.id).where(records.c[column] == number, records.c.id != case.id)
            return number is not None and conn.execute(query).first() is not None

        return taken

    return {c.id: asks(c) for c in cases}


@fact("study")
def claim_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The live claim for each study's diploma."""
    query = sa.select(CLAIM.c.study_id, CLAIM.c.reference).where(
        CLAIM.c.study_id.in_([c.id for c in cases]), CLAIM.c.live
    )
    return dict(conn.execute(query).all())


@fact("study")
def major_changes(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[date]]:
    """The days on which each study's major was changed, oldest first, as the audit tells them."""
    found: dict[str, list[date]] = {c.reference: [] for c in cases}
    query = sa.select(ENTRY.c.reference, ENTRY.c.body).where(
        ENTRY.c.workflow == "study", ENTRY.c.reference.in_(found), ENTRY.c.action == "change_major"
    )
    for reference, body in conn.execute(query.order_by(ENTRY.c.number)):
        found[reference].append(date.fromisoformat(json.loads(body)["on"]))
    return {c.id: found[c.reference] for c in cases}


@fact("study")
def number_is_anothers(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str], bool]]:
    """Whether an ID number is or was that of another person than the record's."""

    def asks(case: Case) -> Callable[[str], bool]:
        def known(number: str) -> bool:
            return holder_of(conn, vault().index("id_number", number)) not in (None, case.person_id)

        return known

    return {c.id: asks(c) for c in cases}


@fact("study")
def numbers_before(conn: Connection, cases: Sequence[Case]) -> Mapping[str, frozenset[str]]:
    """The ID numbers each student had before corrections."""
    found: dict[str, set[str]] = defaultdict(set)
    query = sa.select(ALIAS).where(ALIAS.c.person_id.in_({c.person_id for c in cases}))
    for row in conn.execute(query):
        found[row.person_id].add(vault().open("person_alias.id_number", row.id, row.id_number))
    return {c.id: frozenset(found[c.person_id]) for c in cases}


@fact("study")
def takeover_waits(conn: Connection, cases: Sequence[Case]) -> Mapping[str, bool]:
    """Whether the follow-up that hands each study its number and day is still to be carried out."""
    waits = OUTBOX.c.workflow == "study", OUTBOX.c.action == "take_over", OUTBOX.c.done_at.is_(None)
    query = sa.select(OUTBOX.c.reference).where(*waits, OUTBOX.c.reference.in_([c.reference for c in cases]))
    open_ones = set(conn.execute(query).scalars())
    return {c.id: c.reference in open_ones for c in cases}


@fact("study")
def accounts_of(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str], list[str]]]:
    """The names of the accounts under an ID number that is not the record's own person's."""

    def asks(case: Case) -> Callable[[str], list[str]]:
        def names(number: str) -> list[str]:
            key = vault().index("id_number", number)
            query = sa.select(ACCOUNT.c.name).where(ACCOUNT.c.person_key == key).order_by(ACCOUNT.c.name)
            return [] if key == case.person_key else list(conn.execute(query).scalars())

        return names

    return {c.id: asks(c) for c in cases}
