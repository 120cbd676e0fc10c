"""Who can complete and graduate: every condition of both steps for each student, as the rules judge it (R3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Study
from edu_pilot.services import policies, worklists
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import rules_policy, unit_of, version_of
from edu_pilot.services.unit import Unit
from edu_pilot.services.worklists import Listed, Sought
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor, Attempt

STUDY = Study.__table__
# The step a student waits for, by the name its page has.
STEPS = ("complete", "graduate")
# Of both steps the conditions are shown, whichever comes next.
Checks = Mapping[str, tuple[Reason, ...]]


@dataclass(frozen=True)
class Readiness:
    """One student before a step: every condition of both, and what stands against the step itself."""

    case: Case
    checks: Checks
    against: tuple[Reason, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing stands against the step but what is entered with it."""
        return not self.against


def waiting(conn: Connection, actor: Actor, step: str, sought: Sought) -> Listed:
    """Return one page of the students from whose state the step can be taken."""
    sources = policies.in_force(conn, clock.today()).compiled.definition("study").actions[step].sources
    order = ("intake", "student_number", "reference")
    return worklists.listed(conn, "study", actor, sought, STUDY.c.state.in_(sources), order=order)


def judged(conn: Connection, cases: Sequence[Case], step: str, actor: Actor) -> list[Readiness]:
    """Return for every student what the rules say to both steps."""
    unit = unit_of(conn, actor)
    return [_judged(unit, case, step) for case in cases]


def _judged(unit: Unit, case: Case, step: str) -> Readiness:
    version = version_of(unit, case)
    engine, policy = version.compiled.engines[case.workflow], rules_policy(unit, version)
    told = {name: engine.checklist(Attempt(case, name, unit.actor, {}, policy, unit.today)) for name in STEPS}
    checks = {rule: reasons for name in STEPS for rule, reasons in told[name].items()}
    return Readiness(case, checks, tuple(reason for reasons in told[step].values() for reason in reasons))
