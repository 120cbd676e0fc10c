"""The dates of a claim: until when it is submitted, corrected, checked once more (R5.2, R5.6)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from edu_pilot.rules.calendar import months_after, working_days_after
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule

SHANGHAI = ZoneInfo("Asia/Shanghai")


def claim_deadline(policy: Policy, diploma_on: date) -> date:
    """R5.6: the last day on which a claim is submitted; by the policy a day off moves to the next working day."""
    last = months_after(diploma_on, policy.get("claim.deadline_months"))
    # A version published before there was this choice leaves the day where it is.
    rolls = policy.find("claim.deadline_rolls", False)
    return working_days_after(policy, last - timedelta(days=1), 1) if rolls else last


def corrected_in_time(record: Any, today: date) -> bool:
    """R3.3: whether a claim that was sent back is answered within the days its notice gave."""
    return record.state == "returned" and record.answer_until is not None and today <= record.answer_until


def day_of(moment: datetime) -> date:
    """R6.4: the day of an instant in Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def counted_on(record: Any, today: date) -> date:
    """R5.6: the day from which a claim counts if it is submitted today."""
    return day_of(record.first_submitted_at) if corrected_in_time(record, today) else today


def too_late(policy: Policy, diploma_on: date, counted: date) -> Reason | None:
    """R5.6: what stands against a claim that counts from a day after the last one."""
    last = claim_deadline(policy, diploma_on)
    if counted <= last:
        return None
    text = N_("The claim had to be submitted by %(last)s.")
    return blocked(text, code="within_claim_window", who="arbiter", last=last.isoformat())


@rule
def within_claim_window(attempt: Attempt) -> Blocked:
    """R5.6: submitted by the last day, that day included; a correction in time counts from the first submission."""
    record = attempt.record
    if record.study.diploma_on is None:
        return None
    return too_late(attempt.policy, record.study.diploma_on, counted_on(record, attempt.today))


@rule
def correction_has_lapsed(attempt: Attempt) -> Blocked:
    """R3.3, R5.6: neither the time for the correction nor the one for a new submission is left."""
    record = attempt.record
    last = max(record.answer_until or date.max, claim_deadline(attempt.policy, record.study.diploma_on))
    if last < attempt.today:
        return None
    return blocked(N_("The claim can be submitted again until %(last)s."), who="system", last=last.isoformat())


@rule
def recheck_is_in_time(attempt: Attempt) -> Blocked:
    """R5.2: after its last day the joint re-check has gone to the arbiter."""
    if attempt.record.escalated_on is None:
        return None
    return blocked(N_("The time for the joint re-check is over; the arbiter settles the claim."), who="arbiter")


@rule
def recheck_is_overdue(attempt: Attempt) -> Blocked:
    """R5.2: the joint re-check goes to the arbiter once, when its last day is past."""
    record = attempt.record
    if record.escalated_on is not None:
        return blocked(N_("The claim is with the arbiter already."), who="arbiter")
    if record.recheck_until is not None and record.recheck_until < attempt.today:
        return None
    last = record.recheck_until.isoformat() if record.recheck_until else "—"
    return blocked(N_("The bodies can check once more until %(last)s."), who="system", last=last)
