"""What an application must fulfil on its way to admission."""

from __future__ import annotations

from typing import Any

from edu_pilot.rules.calendar import intake_is_known, registration_day
from edu_pilot.rules.identity import age_on
from edu_pilot.rules.lookups import (
    county_code,
    holds_the_level,
    major_code,
    named,
    occupation_code,
    offered_at,
    point_code,
    suited_occupations,
    takes,
)
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule


@rule(on_input=True)
def draft_is_my_own(attempt: Attempt) -> Blocked:
    """R3.1: a worker fills a draft for nobody but herself; staff enter drafts for others."""
    if "student" not in attempt.actor.roles or len(attempt.actor.roles) > 1:
        return None
    given = attempt.input.get("id_number")
    # An amendment that leaves the number alone is still about the person the draft is for.
    key = attempt.record.key_of_input(given) if given else attempt.record.id_index
    if key is not None and key == attempt.actor.person_key:
        return None
    return blocked(N_("You can enter your own application only."), field="id_number", who="clerk")


@rule(on_input=True)
def registered_place_is_kept(attempt: Attempt) -> Blocked:
    """R1.4: a case that is registered changes county and teaching point by move_county only."""
    if attempt.record.registered_on is None:
        return None
    text = N_("A registered case keeps its county and teaching point; the registrar changes them by “%(action)s”.")
    action = "label:application.actions.move_county"
    return [blocked(text, field=name, who="registrar", action=action) for name in _moved(attempt)]


@rule(on_input=True)
def draft_may_change_its_intake(attempt: Attempt) -> Blocked:
    """R1.5: a draft may be put into another intake of the programme; a registered case keeps its own (R1.4)."""
    given, record = attempt.input.get("new_intake"), attempt.record
    if given in (None, "", record.intake):
        return None
    if record.registered_on is not None:
        text = N_("A registered case keeps its intake; withdraw it and register for the other one.")
        return blocked(text, field="new_intake", who="clerk")
    if intake_is_known(attempt.policy, given):
        return None
    text = N_("%(intake)s is no intake of the programme; write year and month of registration in four digits (YYMM).")
    return blocked(text, code="intake_unknown", field="new_intake", who="clerk", intake=given)


def _moved(attempt: Attempt) -> list[str]:
    """Name what of the place would change; a form may repeat what stands."""
    record, given = attempt.record, attempt.input
    county = county_code(attempt.policy, given.get("county"))
    point = point_code(attempt.policy, given.get("point"), record.county)
    return [
        name for name, code in (("county", county), ("point", point)) if name in given and code != getattr(record, name)
    ]


@rule
def occupation_suits_major(attempt: Attempt) -> Blocked:
    """R4.2: the certificate wanted, where one is named, is one that suits the major."""
    record, policy = attempt.record, attempt.policy
    suited = suited_occupations(policy, major_code(policy, record.major))
    # An unknown major is its own fault.
    if not record.occupation or not suited or occupation_code(policy, record.occupation) in suited:
        return None
    text = N_("%(value)s is no certificate that suits this major; possible are: %(suited)s")
    names = "table:occupations:" + ",".join(suited)
    code = occupation_code(policy, record.occupation)
    value = f"table:occupations:{code}" if code else record.occupation
    return blocked(text, field="occupation", who="clerk", value=value, suited=names)


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
def a_place_is_left(attempt: Attempt) -> Blocked:
    """R1.4: a student who comes with a school status takes a place of the year too."""
    if attempt.record.places_free > 0:
        return None
    text = N_("No place of %(year)s is left.")
    return blocked(text, field="intake", who="admin", year="20" + attempt.record.intake[:2])


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
def answer_is_late(attempt: Attempt) -> Blocked:
    """R3.3: the day until which a return for correction could be answered has passed."""
    until = attempt.record.answer_until
    if until is not None and until < attempt.today:
        return None
    text = N_("The correction is in time until %(day)s.")
    return blocked(text, who="clerk", day=until.isoformat() if until else "-")


@rule
def place_is_reserved(attempt: Attempt) -> Blocked:
    """R1.4: a place of the year is reserved for the applicant."""
    if attempt.record.place == "reserved":
        return None
    return blocked(N_("No place is reserved for this applicant."), who="registrar")


@rule
def student_number_not_confirmed(attempt: Attempt) -> Blocked:
    """R1.4: until the student number is drawn the application can be withdrawn; then the study must."""
    if attempt.record.study_state in (None, "enrolled"):
        return None
    text = N_("The school status is confirmed; the study itself must be withdrawn.")
    return blocked(text, who="registrar")


@rule(on_input=True)
def new_place_is_known(attempt: Attempt) -> Blocked:
    """R1.3, R3.4: the county and teaching point moved to exist, take the intake and offer the major."""
    county = county_code(attempt.policy, attempt.input.get("new_county"))
    point = point_code(attempt.policy, attempt.input.get("new_point"), county)
    row = attempt.policy.row("points", point)
    if not county or not row or not takes(row, attempt.record.intake):
        text = N_("County and teaching point do not belong together or do not take this intake.")
        return blocked(text, field="new_point", who="registrar")
    if offered_at(attempt.policy, point, attempt.record.major):
        return None
    text = N_("%(point)s does not offer the applicant's major.")
    return blocked(text, field="new_point", who="registrar", point=f"table:points:{point}")


@rule
def class_is_too_small(attempt: Attempt) -> Blocked:
    """R3.4: another major is offered only where too few for a class have chosen this one."""
    least, size = attempt.policy.get("classes.size_min"), attempt.record.class_size
    if size < least:
        return None
    text = N_("%(size)s have chosen this major here, which is enough for a class (%(least)s).")
    return blocked(text, who="registrar", size=size, least=least)


@rule(on_input=True)
def offered_major_is_open(attempt: Attempt) -> Blocked:
    """R3.4: the major offered instead is another one that takes the intake at the same point."""
    return _not_open(attempt, attempt.input.get("offered_major"))


def _not_open(attempt: Attempt, wanted: str | None) -> Blocked:
    record, policy = attempt.record, attempt.policy
    row = policy.row("majors", major_code(policy, wanted))
    if (
        row
        and row["code"] != record.major
        and takes(row, record.intake)
        and offered_at(policy, record.point, row["code"])
    ):
        return None
    told = {"code": "offered_major_is_open", "field": "offered_major", "who": "registrar"}
    if row:
        text = N_("%(named)s (%(number)s) is no other major that takes this intake at this teaching point.")
        return blocked(text, **told, **named("majors", row["code"]))
    text = N_("%(value)s is no other major that takes this intake at this teaching point.")
    return blocked(text, **told, value=wanted or "-")


@rule
def offer_still_holds(attempt: Attempt) -> Blocked:
    """R3.4: the major offered is open at the point still, on the day it is accepted (offered_major_is_open)."""
    offered = attempt.record.offered_major
    return _not_open(attempt, offered) if offered else None


@rule
def an_offer_is_open(attempt: Attempt) -> Blocked:
    """R3.4: a major was offered and its day of answer has not passed; silence changes nothing."""
    until = attempt.record.offer_until
    if until is None:
        return blocked(N_("No other major is offered."), who="registrar")
    if attempt.today <= until:
        return None
    text = N_("The offer was to be answered by %(day)s; the application stays with its major.")
    return blocked(text, who="registrar", day=until.isoformat())


def remarks(policy: Policy, record: Any) -> list[Reason]:
    """R3.2: what the clerk should tell or ask for, though it keeps nobody from registering."""
    found = []
    if holds_the_level(policy, record.previous_diploma):
        text = N_("The applicant holds a diploma of this level already; tuition is reimbursed once per level.")
        found.append(Reason("level_already_held", text, {}, (), "previous_diploma"))
    if record.birth_on and intake_is_known(policy, record.intake):
        age, below = age_on(record.birth_on, registration_day(record.intake)), policy.find("guardian_signs_below", 0)
        if age < below:
            text = N_("The applicant is %(age)s: below %(below)s a guardian signs the registration form too.")
            found.append(Reason("guardian_signs_too", text, {"age": age, "below": below}, (), "birth_on"))
    return found
