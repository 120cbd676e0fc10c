"""What an application must fulfil on its way to admission."""

from __future__ import annotations

from edu_pilot.rules.lookups import county_code, point_code, takes
from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule


@rule(on_input=True)
def draft_is_for_my_county(attempt: Attempt) -> Blocked:
    """R6.3: one who works for a county enters drafts for that county only (county_not_yours)."""
    county = county_code(attempt.policy, attempt.input.get("county"))
    if not county or attempt.actor.county in (None, county):
        return None
    return blocked(
        N_("You work for another county; the clerk of the applicant's county registers the case."),
        code="county_not_yours",
        field="county",
        who="clerk",
    )


@rule(on_input=True)
def draft_is_my_own(attempt: Attempt) -> Blocked:
    """R3.1: a worker fills a draft for nobody but herself; staff enter drafts for others."""
    if "student" not in attempt.actor.roles or len(attempt.actor.roles) > 1:
        return None
    if attempt.record.key_of_input(attempt.input.get("id_number")) == attempt.actor.person_key:
        return None
    return blocked(N_("You can enter your own application only."), field="id_number", who="clerk")


@rule
def papers_complete(attempt: Attempt) -> Blocked:
    """R3.2: every required paper has been handed in."""
    required = attempt.policy.get("papers")
    missing = [code for code in required if code not in attempt.record.papers]
    if not missing:
        return None
    return blocked(N_("Papers not yet handed in: %(papers)s"), who="clerk", papers=_labels("papers", missing))


def _labels(path: str, codes: list[str]) -> str:
    return "policy:" + path + ":" + ",".join(codes)


@rule
def work_stated(attempt: Attempt) -> Blocked:
    """R3.2: employer and job are stated."""
    if attempt.record.employer and attempt.record.job:
        return None
    return blocked(N_("Employer or job is not stated."), field="employer", who="clerk")


@rule
def school_stated(attempt: Attempt) -> Blocked:
    """R3.2: the previous school is stated."""
    if attempt.record.previous_school:
        return None
    return blocked(N_("The previous school is not stated."), field="previous_school", who="clerk")


@rule
def union_membership_stated(attempt: Attempt) -> Blocked:
    """R3.2: it is stated whether the applicant is a union member; no data is not a no."""
    if attempt.record.union_member is not None:
        return None
    text = N_("It is not stated whether the applicant is a union member.")
    return blocked(text, field="union_member", who="clerk")


@rule
def major_still_offered(attempt: Attempt) -> Blocked:
    """R3.4: admission is to a major that takes this intake."""
    major = attempt.policy.row("majors", attempt.record.major)
    if major and takes(major, attempt.record.intake):
        return None
    return blocked(N_("The major takes no applicants of this intake."), field="major", who="registrar")


@condition
def has_a_place(attempt: Attempt) -> bool:
    """R1.4: a place of the year is reserved for the applicant, or one is free."""
    return bool(attempt.record.place == "reserved" or attempt.record.places_free > 0)


@rule
def next_in_the_queue(attempt: Attempt) -> Blocked:
    """R1.4: free places go to the waiting list in its order; a reserved one is the applicant's own."""
    record = attempt.record
    ahead = record.waiting_ahead if record.place != "reserved" else 0
    if ahead and record.places_free > 0:
        text = N_("%(ahead)s others stand before this applicant on the waiting list.")
        return blocked(text, who="registrar", ahead=ahead)
    if record.state == "waitlisted" and not has_a_place(attempt):
        text = N_("No place of %(year)s is free; waiting number %(number)s.")
        return blocked(text, who="registrar", year="20" + record.intake[:2], number=ahead + 1)
    return None


@rule
def student_number_not_confirmed(attempt: Attempt) -> Blocked:
    """R1.4: until the student number is drawn the application can be withdrawn; then the study must."""
    if attempt.record.study_state in (None, "enrolled"):
        return None
    text = N_("The school status is confirmed; the study itself must be withdrawn.")
    return blocked(text, who="registrar")


@rule(on_input=True)
def new_place_is_known(attempt: Attempt) -> Blocked:
    """R1.3: the county and teaching point moved to exist and take the intake."""
    county = county_code(attempt.policy, attempt.input.get("new_county"))
    point = point_code(attempt.policy, attempt.input.get("new_point"), county)
    row = attempt.policy.row("points", point)
    if county and row and takes(row, attempt.record.intake):
        return None
    text = N_("County and teaching point do not belong together or do not take this intake.")
    return blocked(text, field="new_point", who="registrar")
