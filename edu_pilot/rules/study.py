"""What a study must fulfil: scores, credits, modules and dates (R3.5 to R3.9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from edu_pilot.rules.calendar import registration_day, season, year_of
from edu_pilot.workflow.policy import Policy, Row
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule


@dataclass(frozen=True)
class Module:
    """A module of a teaching plan and how far a student is in it."""

    code: str
    minimum: int
    earned: int

    @property
    def missing(self) -> int:
        """Credits still missing."""
        return max(0, self.minimum - self.earned)


def plan(policy: Policy, major: str) -> tuple[Row, ...]:
    """Return the courses of a major's teaching plan."""
    row = policy.row("plans", major, "major")
    return policy.table(row["file"].removesuffix(".csv")) if row else ()


def credits_to_complete(policy: Policy, major: str) -> int:
    """R3.7: the credits a major's plan asks for."""
    row = policy.row("plans", major, "major")
    return int(row["credits_to_complete"]) if row else 0


def composite(course: Row, formative: int | None, final: int | None) -> int | None:
    """R3.6: formative × p + final × (1 − p), rounded half up once; None where the course is void."""
    share = Decimal(course["formative_share"])
    if (formative is None and share > 0) or (final is None and share < 1):
        return None
    exact = share * (formative or 0) + (1 - share) * (final or 0)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def passes(policy: Policy, course: Row, formative: int | None, final: int | None) -> bool:
    """R3.6: whether a sitting passes the course; some courses need both parts."""
    mark, total = policy.get("study.pass_mark"), composite(course, formative, final)
    if total is None or total < mark:
        return False
    both = course["both_parts"] == "yes"
    return not both or ((formative or 0) >= mark and (final or 0) >= mark)


def modules(policy: Policy, major: str, passed: Iterable[str]) -> list[Module]:
    """R3.7: every module of the plan with the credits earned in it."""
    earned = set(passed)
    found: dict[str, Module] = {}
    for course in plan(policy, major):
        code, minimum = course["module"], int(course["module_minimum"])
        plus = int(course["credits"]) if course["code"] in earned else 0
        before = found[code].earned if code in found else 0
        found[code] = Module(code, minimum, before + plus)
    return list(found.values())


def earliest_diploma(policy: Policy, intake: str) -> date:
    """R3.8: the day before which no diploma of this intake is dated."""
    given = policy.get("study.earliest_diploma")[season(intake)]
    return date(year_of(intake) + given["years"], given["month"], given["day"])


def score_of(text: str | None, full: int) -> int | None:
    """Return a whole score of 0 to the full mark, or None for an empty one; ValueError for anything else."""
    if text is None or not text.strip():
        return None
    if not re.fullmatch("[0-9]{1,4}", text.strip()) or int(text) > full:
        raise ValueError(text)
    return int(text)


@rule
def application_is_admitted(attempt: Attempt) -> Blocked:
    """R1.4: a school status is confirmed for one whose admission stands."""
    if attempt.record.application_state == "admitted":
        return None
    return blocked(N_("The application has been withdrawn."), who="registrar")


@rule
def withdrawn_through_the_application(attempt: Attempt) -> Blocked:
    """R1.4: until the student number is drawn the place hangs on the application, so that is withdrawn."""
    if attempt.record.state != "enrolled" or "system" in attempt.actor.roles:
        return None
    text = N_(
        "The school status is not confirmed yet: withdraw the application %(application)s, "
        "which gives the place back and closes this study."
    )
    return blocked(text, who="registrar", application=attempt.record.application_reference)


@rule
def follow_up_is_in_time(attempt: Attempt) -> Blocked:
    """R1.4: a follow-up closes a study only until the student number is drawn; nobody loses a confirmed place."""
    if attempt.record.state == "enrolled" or "system" not in attempt.actor.roles:
        return None
    return blocked(N_("The school status is confirmed; only the registrar withdraws the study."), who="registrar")


@rule
def registration_month_reached(attempt: Attempt) -> Blocked:
    """R3.5: the school status begins in the registration month of the intake."""
    day = registration_day(attempt.record.intake)
    if attempt.today >= day:
        return None
    text = N_("The school status can be confirmed from %(day)s on.")
    return blocked(text, who="registrar", day=day.isoformat())


@rule(on_input=True)
def course_is_in_plan(attempt: Attempt) -> Blocked:
    """R3.6: the course belongs to the teaching plan of the major."""
    if _course(attempt):
        return None
    text = N_("%(course)s is no course of this teaching plan.")
    return blocked(text, field="course", who="registrar", course=attempt.input.get("course", ""))


@rule(on_input=True)
def scores_are_sound(attempt: Attempt) -> Blocked:
    """R3.6: each part is a whole number from 0 to the full mark, and at least one is given."""
    full = attempt.policy.get("study.full_mark")
    given = {name: attempt.input.get(name) for name in ("formative", "final")}
    faults: list[Reason] = [
        blocked(N_("A score is a whole number from 0 to %(full)s."), field=name, who="registrar", full=full)
        for name, text in given.items()
        if not _is_score(text, full)
    ]
    if not any(given.values()):
        faults.append(blocked(N_("Enter at least one of the two scores."), field="final", who="registrar"))
    return faults


def _is_score(text: str | None, full: int) -> bool:
    try:
        score_of(text, full)
    except ValueError:
        return False
    return True


@rule(on_input=True)
def sitting_within_study(attempt: Attempt) -> Blocked:
    """R3.6: a sitting lies after the confirmation of the school status and not in the future."""
    day = attempt.input.get("sat_on")
    if day and attempt.record.confirmed_on <= day <= attempt.today:
        return None
    text = N_("The sitting must lie between %(first)s and %(last)s.")
    first, last = attempt.record.confirmed_on.isoformat(), attempt.today.isoformat()
    return blocked(text, field="sat_on", who="registrar", first=first, last=last)


@rule(on_input=True)
def sitting_not_recorded(attempt: Attempt) -> Blocked:
    """R3.6: one sitting of a course is recorded once; a re-sit is a later one."""
    key = (attempt.input.get("course"), attempt.input.get("sat_on"))
    if key not in {(s.course, s.sat_on) for s in attempt.record.scores}:
        return None
    text = N_("This sitting of the course is recorded already.")
    return blocked(text, field="sat_on", who="registrar")


def _course(attempt: Attempt) -> Row | None:
    code = attempt.input.get("course")
    return next((c for c in plan(attempt.policy, attempt.record.major) if c["code"] == code), None)


@rule
def credits_reached(attempt: Attempt) -> Blocked:
    """R3.7: the credits of the plan are reached."""
    wanted = credits_to_complete(attempt.policy, attempt.record.major)
    if attempt.record.credits >= wanted:
        return None
    text = N_("%(earned)s of %(wanted)s credits are reached; %(missing)s are missing.")
    earned = attempt.record.credits
    return blocked(text, who="registrar", earned=earned, wanted=wanted, missing=wanted - earned)


@rule
def modules_reached(attempt: Attempt) -> Blocked:
    """R3.7: each module's minimum is reached; the reason says which is short and by how much."""
    passed = {s.course for s in attempt.record.scores if s.passed}
    short = [m for m in modules(attempt.policy, attempt.record.major, passed) if m.missing]
    text = N_("Module %(module)s: %(earned)s of %(minimum)s credits; %(missing)s are missing.")
    return [
        blocked(
            text, who="registrar", module=f"table:modules:{m.code}", earned=m.earned,
            minimum=m.minimum, missing=m.missing,
        )
        for m in short
    ]  # fmt: skip


@rule
def diploma_date_reached(attempt: Attempt) -> Blocked:
    """R3.8: nobody of an intake graduates before its earliest diploma date."""
    day = earliest_diploma(attempt.policy, attempt.record.intake)
    if attempt.today >= day:
        return None
    text = N_("The diploma of this intake is dated %(day)s at the earliest.")
    return blocked(text, who="registrar", day=day.isoformat())


@rule(on_input=True)
def diploma_not_too_early(attempt: Attempt) -> Blocked:
    """R3.8: the diploma is dated within the permitted time."""
    first, day = earliest_diploma(attempt.policy, attempt.record.intake), attempt.input.get("diploma_on")
    if day and first <= day <= attempt.today:
        return None
    text = N_("The diploma must be dated between %(first)s and %(last)s.")
    return blocked(text, field="diploma_on", who="registrar", first=first.isoformat(), last=attempt.today.isoformat())


@rule(on_input=True)
def diploma_number_is_sound(attempt: Attempt) -> Blocked:
    """R3.9: school, kind, graduation year, level and serial, each with the digits of the policy."""
    form, school = attempt.policy.get("study.diploma_number"), attempt.policy.get("study.school_code")
    number, day = attempt.input.get("diploma_number", ""), attempt.input.get("diploma_on")
    level = next(r["diploma_code"] for r in attempt.policy.get("levels") if r["code"] == attempt.record.level)
    kind, serial = (f"[0-9]{{{form[part]}}}" for part in ("kind_digits", "serial_digits"))
    if day and re.fullmatch(f"{school}{kind}{day.year}{level}{serial}", number):
        return None
    text = N_(
        "A diploma number has %(digits)s digits: the school %(school)s, the kind, the year of the diploma, "
        "the level %(level)s and a serial number."
    )
    digits = sum(form.values())
    return blocked(text, field="diploma_number", who="registrar", digits=digits, school=school, level=level)


@rule(on_input=True)
def diploma_number_is_free(attempt: Attempt) -> Blocked:
    """R3.9: a diploma number belongs to one study."""
    if not attempt.record.number_is_taken("diploma_number", attempt.input.get("diploma_number")):
        return None
    text = N_("This diploma number is recorded for another student.")
    return blocked(text, field="diploma_number", who="registrar")


@rule
def holds_a_skill_certificate(attempt: Attempt) -> Blocked:
    """R3.9: the double certificate needs a second certificate beside the diploma."""
    if attempt.record.certificates:
        return None
    text = N_("No skill certificate, professional title or 1+X certificate is recorded yet.")
    return blocked(text, who="examiner")


@rule
def double_certificate_not_issued(attempt: Attempt) -> Blocked:
    """R3.9: the completion certificate is issued once."""
    if attempt.record.double_certificate_on is None:
        return None
    text = N_("The completion certificate was issued on %(day)s.")
    return blocked(text, who="registrar", day=attempt.record.double_certificate_on.isoformat())
