"""What a reviewer compares, point by point: what is stated, what the rules of the machine say to it (R5.2, R5.3).

A rule that has nothing to go by has found nothing: that is told as “no data”, never as a match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import all_rows
from edu_pilot.models import Application, Paper
from edu_pilot.rules.claim import receipt_signs
from edu_pilot.services import papers, store
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import rules_policy, unit_of, version_of
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor, Attempt

APPLICATION, PAPER = Application.__table__, Paper.__table__
MATCH, DIFFERS, NO_DATA = "match", "differs", "no_data"
# The step whose rules looked at all this before the bodies did.
STEP = "submit"


@dataclass(frozen=True)
class Point:
    """The rules that speak to a point, and whether the machine knows anything that they can go by."""

    rules: tuple[str, ...] = ()
    known: Callable[[Case], bool] = lambda case: True
    # What was in time on the day of submission does not come late by waiting for its check.
    as_submitted: bool = False


@dataclass(frozen=True)
class Found:
    """What the machine says to one point of a body's checklist."""

    code: str
    verdict: str
    reasons: tuple[Reason, ...]


def _nothing(_case: Case) -> bool:
    return False


POINTS: Mapping[str, Point] = {
    "identity": Point(("not_barred",), lambda case: bool(case.person.id_number)),
    "programme": Point(("reimbursement_not_lost",), lambda case: bool(case.study.student_number)),
    "membership": Point(("membership_held", "union_is_joined"), lambda case: case.member_since_on is not None),
    # No other fund and no employer is asked by a line from here.
    "other_money": Point(known=_nothing),
    "account": Point(("account_is_own", "heir_is_proved"), lambda case: bool(case.account_number)),
    "school_status": Point(("diploma_holds",), lambda case: bool(case.study.student_number)),
    "diploma": Point(("diploma_recorded", "register_code_stands"), lambda case: bool(case.study.diploma_number)),
    # The national register is asked by hand, with the code that the claimant gives.
    "register": Point(known=_nothing),
    "receipts": Point(
        ("receipts_complete", "receipt_evidence_suffices", "receipts_not_used", "receipt_files_not_used"),
        lambda case: bool(case.receipts),
    ),
    "amount": Point(("excess_is_explained",), lambda case: bool(case.receipts)),
    "window": Point(("within_claim_window",), lambda case: case.submitted_on is not None, True),
}


def findings(conn: Connection, case: Case, actor: Actor, body: str | None) -> list[Found]:
    """Return what the machine says to each point of a body's checklist, in the policy's order."""
    unit = unit_of(conn, actor)
    version = version_of(unit, case)
    rules = version.compiled.engines["claim"].registry.rules
    attempt = Attempt(case, STEP, actor, {}, rules_policy(unit, version), unit.today)
    listed: Mapping[str, Any] = version.policy.find(f"claim.checklist.{body}", {})
    return [_found(code, POINTS.get(code, Point(known=_nothing)), attempt, rules) for code in listed]


def _found(code: str, point: Point, attempt: Attempt, rules: Mapping[str, Any]) -> Found:
    if not point.known(attempt.record):
        return Found(code, NO_DATA, ())
    if point.as_submitted:
        attempt = replace(attempt, today=attempt.record.submitted_on)
    reasons: Sequence[Reason] = [reason for name in point.rules for reason in rules[name].reasons(attempt)]
    if code == "receipts":
        reasons = [*reasons, *receipt_signs(attempt.record)]
    return Found(code, DIFFERS if reasons else MATCH, tuple(reasons))


def differing(checks: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the fields in which the checks of one round differ, those of their readings by the reading's own names."""
    if len(checks) < len(("one", "other")):
        return frozenset()
    one, other = checks[0], checks[1]
    own = {"outcome"} if one["outcome"] != other["outcome"] else set()
    if set(one["reasons"]) != set(other["reasons"]):
        own.add("reasons")
    read = one["reading"].keys() | other["reading"].keys()
    return frozenset(own | {name for name in read if one["reading"].get(name) != other["reading"].get(name)})


@dataclass(frozen=True)
class File:
    """A file that proves something about a claim, with the record it was handed in for."""

    id: str
    workflow: str
    reference: str
    kind: str
    media_type: str
    store_key: str

    @property
    def is_picture(self) -> bool:
        """Whether it is one picture; any other is a PDF of pictures."""
        return self.media_type.startswith("image/")

    @property
    def sheets(self) -> int:
        """How many pages a PDF has."""
        return len(papers.pages(store.store().get(self.store_key)))


def files(conn: Connection, case: Case, actor: Actor) -> list[File]:
    """Return the files of a claim, then those of the claimant's application, as far as the actor sees that."""
    references = {"claim": case.reference, "application": case.study.application}
    behind = sa.select(APPLICATION.c.id).where(
        APPLICATION.c.reference == references["application"], visible_to(actor, APPLICATION)
    )
    own = sa.or_(PAPER.c.record_id == case.id, PAPER.c.record_id.in_(behind))
    with walled(conn, actor):
        rows = all_rows(conn, sa.select(PAPER).where(own, PAPER.c.erased_at.is_(None)))
    rows.sort(key=lambda row: (row["workflow"] != "claim", row["uploaded_at"], row["id"]))
    return [
        File(row["id"], row["workflow"], references[row["workflow"]], row["kind"], row["media_type"], row["store_key"])
        for row in rows
    ]
