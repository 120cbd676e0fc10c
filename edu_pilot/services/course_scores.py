"""The score sheet of one course: who may have sat it, and which parts its plan examines (R3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from edu_pilot.models import Study
from edu_pilot.rules.study import plan
from edu_pilot.services import worklists
from edu_pilot.services.cases import Case
from edu_pilot.services.worklists import Listed, Sought
from edu_pilot.workflow.policy import Policy, Row
from edu_pilot.workflow.registry import Actor

STUDY = Study.__table__
ACTION = "record_score"
FORMATIVE, FINAL = "formative", "final"


@dataclass(frozen=True)
class Sheet:
    """A course of a plan with the parts it is assessed by."""

    code: str
    name_zh: str
    name_en: str
    parts: tuple[str, ...]
    # The formative part's share in per cent.
    share: int


def courses(policy: Policy, major: str | None) -> list[Sheet]:
    """Return the courses of a major's plan, none for an unknown major."""
    return [_sheet(row) for row in plan(policy, major or "")]


def _sheet(row: Row) -> Sheet:
    share = Decimal(row["formative_share"])
    parts = (*([FORMATIVE] if share > 0 else []), *([FINAL] if share < 1 else []))
    return Sheet(row["code"], row["course"], row["course_en"], parts, int(share * 100))


def students(conn: Connection, actor: Actor, sought: Sought) -> Listed:
    """Return one page of those who study the major, by student number."""
    order = ("student_number", "reference")
    return worklists.listed(conn, "study", actor, sought, STUDY.c.state == "studying", order=order)


def before(case: Case, course: str) -> Sequence[object]:
    """Return the sittings of a course that are recorded for a student."""
    return [sitting for sitting in case.scores if sitting.course == course]
