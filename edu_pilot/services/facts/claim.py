"""Facts about claims: the study claimed for, receipts here and elsewhere, the checks of this round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Application, Claim, Receipt, Study
from edu_pilot.rules.calendar import registration_day
from edu_pilot.rules.claim import ReceiptGiven, ReceiptKey
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.visibility import visible_to
from edu_pilot.workflow.registry import Actor

CLAIM = Claim.__table__
RECEIPT = Receipt.__table__
STUDY = Study.__table__
APPLICATION = Application.__table__
# A study with what was stated at registration.
WHOLE_STUDY = sa.select(
    STUDY, APPLICATION.c.reference.label("application"), APPLICATION.c.employer, APPLICATION.c.union_member
).join(APPLICATION, APPLICATION.c.id == STUDY.c.application_id)


@dataclass(frozen=True)
class StudyClaimed:
    """What a claim needs of its study, and of the application behind it."""

    id: str
    reference: str
    person_id: str
    county: str
    major: str
    level: str
    intake: str
    state: str
    reimbursable: bool
    student_number: str | None
    from_on: date
    confirmed_on: date | None
    diploma_number: str | None
    diploma_on: date | None
    application: str
    employer: str | None
    union_member: bool | None


def _claimed(row: Any) -> StudyClaimed:
    begun = registration_day(row.intake)
    return StudyClaimed(
        id=row.id, reference=row.reference, person_id=row.person_id, county=row.union_county or row.county,
        major=row.major, level=row.level, intake=row.intake, state=row.state, reimbursable=row.reimbursable,
        student_number=row.student_number, from_on=min(begun, row.confirmed_on or begun),
        confirmed_on=row.confirmed_on,
        diploma_number=row.diploma_number, diploma_on=row.diploma_on,
        application=row.application, employer=row.employer, union_member=row.union_member,
    )  # fmt: skip


@fact("claim")
def study(conn: Connection, cases: Sequence[Case]) -> Mapping[str, StudyClaimed]:
    """The study each claim is for."""
    rows = conn.execute(WHOLE_STUDY.where(STUDY.c.id.in_({c.study_id for c in cases})))
    found = {row.id: _claimed(row) for row in rows}
    return {c.id: found[c.study_id] for c in cases}


@fact("claim")
def study_of_input(
    conn: Connection, cases: Sequence[Case]
) -> Mapping[str, Callable[[str | None, Actor], StudyClaimed | None]]:
    """The study a new claim names, if the actor may see it; a stored claim's own."""

    def named(case: Case) -> Callable[[str | None, Actor], StudyClaimed | None]:
        def find(reference: str | None, actor: Actor) -> StudyClaimed | None:
            if case.study_id:
                found: StudyClaimed = case.study
                return found
            query = WHOLE_STUDY.where(STUDY.c.reference == reference, visible_to(actor, STUDY))
            row = conn.execute(query).one_or_none()
            return _claimed(row) if row else None

        return find

    return {c.id: named(c) for c in cases}


@fact("claim")
def receipts(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Any]]:
    """The receipts of each claim, in order of payment."""
    found: dict[str, list[Any]] = defaultdict(list)
    query = sa.select(RECEIPT).where(RECEIPT.c.claim_id.in_([c.id for c in cases]))
    for row in conn.execute(query.order_by(RECEIPT.c.paid_on, RECEIPT.c.number)):
        found[row.claim_id].append(row)
    return {c.id: found[c.id] for c in cases}


@fact("claim")
def receipts_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[ReceiptKey]]:
    """The receipts that a live claim of somebody else or another study holds too (R5.3)."""
    mine, other = RECEIPT.alias(), RECEIPT.alias()
    same = sa.and_(*(mine.c[name] == other.c[name] for name in ReceiptKey._fields))
    query = (
        sa.select(mine.c.claim_id, *(mine.c[name] for name in ReceiptKey._fields))
        .join(other, sa.and_(same, other.c.claim_id != mine.c.claim_id, other.c.live))
        .where(mine.c.claim_id.in_([c.id for c in cases]))
    )
    found: dict[str, list[ReceiptKey]] = {c.id: [] for c in cases}
    for claim, *key in conn.execute(query):
        found[claim].append(ReceiptKey(*key))
    return found


@fact("claim")
def receipts_in_use(
    conn: Connection, cases: Sequence[Case]
) -> Mapping[str, Callable[[Sequence[ReceiptGiven]], list[ReceiptKey]]]:
    """Those among typed receipts that another live claim holds (R5.3)."""

    def asks(case: Case) -> Callable[[Sequence[ReceiptGiven]], list[ReceiptKey]]:
        def used(given: Sequence[ReceiptGiven]) -> list[ReceiptKey]:
            return [r.key for r in given if conn.execute(_held_elsewhere(case, r)).first()]

        return used

    return {c.id: asks(c) for c in cases}


def _held_elsewhere(case: Case, given: ReceiptGiven) -> sa.Select[Any]:
    same = [RECEIPT.c[name] == value for name, value in given.key._asdict().items()]
    return sa.select(RECEIPT.c.id).where(*same, RECEIPT.c.live, RECEIPT.c.claim_id != case.id)


@fact("claim")
def claim_for(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str], str | None]]:
    """The reference of the live claim for a study."""

    def found(study_id: str) -> str | None:
        query = sa.select(CLAIM.c.reference).where(CLAIM.c.study_id == study_id, CLAIM.c.live)
        return conn.execute(query).scalar_one_or_none()

    return {c.id: found for c in cases}


@fact("claim", fresh=True)
def checks(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, list[Any]]:
    """The checks given in each claim's present round; shown to nobody before the decision."""
    return {c.id: [check for check in c.checks_given if check.round == c.round] for c in cases}


@fact("claim")
def employer(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, str | None]:
    """The employer each claimant stated at registration (R5.3)."""
    return {c.id: c.study.employer for c in cases}


@fact("claim")
def union_member(_conn: Connection, cases: Sequence[Case]) -> Mapping[str, bool | None]:
    """Whether each claimant was a union member at registration."""
    return {c.id: c.study.union_member for c in cases}
