"""Who handed in false papers is barred for the months of the policy, from claims and registrations alike."""

from __future__ import annotations

from datetime import date

from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule


@rule
def not_barred(attempt: Attempt) -> Blocked:
    """§5: no bar for false papers runs against the person."""
    return _barred(attempt.record.barred_until)


@rule(on_input=True)
def claimant_not_barred(attempt: Attempt) -> Blocked:
    """§5: no bar for false papers runs against the person of the study that is claimed for (not_barred)."""
    study = attempt.record.study_of_input(attempt.input.get("study"), attempt.actor)
    return _barred(attempt.record.barred_of(study.person_id)) if study else None


def _barred(until: date | None) -> Reason | None:
    if until is None:
        return None
    text = N_("Barred for false papers until %(until)s.")
    return blocked(text, code="not_barred", who="arbiter", until=until.isoformat())
