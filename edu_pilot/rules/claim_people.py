"""Who stands behind a claim and what proves it: union, employer, heirs, the code of the diploma's register (§5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from edu_pilot.rules.claim_dates import counted_on
from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, rule

CLAIMANT = ("student", "clerk")


@rule
def membership_held(attempt: Attempt) -> Blocked:
    """§5: a union member at enrolment, at the claim, at both or at either, as the policy says (NOT_MEMBER).

    A membership that lapsed shortly before the claim counts for the policy's days of grace. Where no day is stated
    the union reviewer judges.
    """
    record, wanted = attempt.record, attempt.policy.get("claim.membership")
    if record.member_since_on is None:
        return None
    begun, claimed = record.study.from_on, counted_on(record, attempt.today)
    missed = {}
    if not _member(record, begun):
        missed["enrolment"] = blocked(N_("Not a union member at enrolment, on %(day)s."), **_told(begun))
    if not _member(record, claimed, wanted["grace_days"]):
        text = N_("Not a union member at the claim, on %(day)s; a lapsed membership counts %(grace)s days longer.")
        missed["claim"] = blocked(text, grace=wanted["grace_days"], **_told(claimed))
    if wanted["held_at"] == "either" and len(missed) < len(("enrolment", "claim")):
        return None
    return [reason for name, reason in missed.items() if wanted["held_at"] in (name, "both", "either")]


def _told(day: date) -> dict[str, Any]:
    return {"day": day.isoformat(), "field": "member_since_on", "who": (*CLAIMANT, "union_reviewer")}


def _member(record: Any, day: date, grace_days: int = 0) -> bool:
    last = record.member_until_on
    return bool(record.member_since_on <= day and (last is None or day <= last + timedelta(days=grace_days)))


@rule
def union_is_joined(attempt: Attempt) -> Blocked:
    """§5: whose unit has no union joins the one of the township or community first; the draft is kept."""
    if attempt.record.union_of != "none":
        return None
    text = N_("The unit has no union: join the union of the township or community first; the draft is kept.")
    return blocked(text, field="union_of", who=CLAIMANT)


@rule
def gone_employer_is_proved(attempt: Attempt) -> Blocked:
    """§5: where the employer is bankrupt and cannot stamp, another proof of the work takes the stamp's place."""
    others = attempt.policy.get("claim.gone_employer_papers")
    if attempt.record.employer_gone != "yes" or attempt.record.papers & set(others):
        return None
    text = N_("The employer exists no longer; hand in one of these instead of its stamp: %(papers)s")
    return blocked(text, who=CLAIMANT, papers=_papers(others))


@rule
def heir_is_proved(attempt: Attempt) -> Blocked:
    """§5: heirs claim for a graduate who has died with proof of the death and of the inheritance."""
    if attempt.record.heir is None and attempt.action != "name_heir":
        return None
    missing = [code for code in attempt.policy.get("claim.heir_papers") if code not in attempt.record.papers]
    if not missing:
        return None
    return blocked(N_("Papers of the heir not yet handed in: %(papers)s"), who="clerk", papers=_papers(missing))


def _papers(codes: Sequence[str]) -> str:
    return "policy:other_papers:" + ",".join(codes)


@rule
def register_code_stands(attempt: Attempt) -> Blocked:
    """§5: the university checks the diploma by a code that has not expired; what it checked before stands."""
    record = attempt.record
    if "university_reviewer" not in attempt.actor.roles or record.register_code_until is None:
        return None
    checked = any(check.body == "university_reviewer" for check in record.checks_given)
    if checked or attempt.today <= record.register_code_until:
        return None
    text = N_("The code of the diploma's register expired on %(day)s; ask for a new one. The claim keeps its place.")
    return blocked(text, who=CLAIMANT, day=record.register_code_until.isoformat())


@rule(on_input=True)
def new_register_code_holds(attempt: Attempt) -> Blocked:
    """§5: a new code that has expired already is none."""
    if attempt.input["code_until"] >= attempt.today:
        return None
    return blocked(N_("This code has expired already."), field="code_until", who=CLAIMANT)
