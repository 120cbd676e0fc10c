"""What a study must fulfil: scores, credits, modules and dates (R3.5 to R3.9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from edu_pilot.rules.calendar import months_after, registration_day, season, year_of
from edu_pilot.rules.identity import id_faults, name_fault, normalise_id, normalise_name
from edu_pilot.rules.lookups import major_code, named, offered_at, point_code, takes
from edu_pilot.rules.people import TEXTS, facts_of_number
from edu_pilot.workflow.policy import Policy, Row
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule

TERM_MONTHS = 6
# Six digits are the form of the national catalogue of junior college majors.
_NATIONAL_MAJOR = re.compile("[0-9]{6}")


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


def credits_of(policy: Policy, major: str, passed: Iterable[str]) -> int:
    """R3.6: the credits of the passed courses that a major's plan holds, each counted once."""
    earned = set(passed)
    return sum(int(course["credits"]) for course in plan(policy, major) if course["code"] in earned)


def term_of(intake: str, day: date) -> int:
    """R3.10: the term of study on a day; the first begins with the registration month."""
    first = registration_day(intake)
    return ((day.year - first.year) * 12 + day.month - first.month) // TERM_MONTHS + 1


def term_begins(intake: str, term: int) -> date:
    """R3.10: the first day of a term."""
    return months_after(registration_day(intake), (term - 1) * TERM_MONTHS)


def warning_due(policy: Policy, ends_on: date, warned_months: int | None, today: date) -> int | None:
    """R3.5: the months before its end that a study must be warned of today, or None; never twice the same."""
    reached = [n for n in policy.get("study.warnings_months") if months_after(ends_on, -n) <= today < ends_on]
    due = min(reached, default=None)
    return due if due is not None and (warned_months is None or due < warned_months) else None


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
def no_status_is_taken_over(attempt: Attempt) -> Blocked:
    """R3.5: a status that comes with its number draws no other while the import is still to be carried out."""
    if not attempt.record.takeover_waits:
        return None
    text = N_(
        "The number and day of this school status come from an import that is still being carried out; "
        "if it does not end by itself, the administrator looks at the follow-ups that were refused."
    )
    return blocked(text, who="admin")


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
    if not wanted:
        text = N_("The programme has no teaching plan for this major, so its completion cannot be judged here.")
        return blocked(text, who="registrar")
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
def face_comparison_not_failed(attempt: Attempt) -> Blocked:
    """R3.9: while the face comparison has failed no diploma is recorded, so no claim's time begins."""
    record = attempt.record
    if record.face_check != "failed":
        return None
    text = N_("The face comparison of %(day)s failed; the diploma waits until it is passed.")
    return blocked(text, who="registrar", day=record.face_checked_on.isoformat())


@rule(on_input=True)
def diploma_not_before_face_comparison(attempt: Attempt) -> Blocked:
    """R3.9: the diploma is not dated before the day on which the face comparison was passed."""
    passed_on, day = attempt.record.face_checked_on, attempt.input.get("diploma_on")
    if passed_on is None or day is None or day >= passed_on:
        return None
    text = N_("The face comparison was passed on %(day)s; the diploma cannot be dated before.")
    return blocked(text, field="diploma_on", who="registrar", day=passed_on.isoformat())


@rule(on_input=True)
def face_comparison_is_dated_soundly(attempt: Attempt) -> Blocked:
    """R3.9: a face comparison is dated within the study so far; a mistyped day is corrected by entering it anew."""
    return _dated(attempt, "face_checked_on", attempt.record.confirmed_on)


@rule(on_input=True)
def welfare_post_is_dated_soundly(attempt: Attempt) -> Blocked:
    """R3.10: the post was taken after the school status began and not in the future."""
    return _dated(attempt, "welfare_post_on", attempt.record.confirmed_on)


def _dated(attempt: Attempt, field: str, first: date) -> Blocked:
    day, last = attempt.input.get(field), attempt.today
    if day and first <= day <= last:
        return None
    text = N_("The day must lie between %(first)s and %(last)s.")
    return blocked(text, field=field, who="registrar", first=first.isoformat(), last=last.isoformat())


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


@rule
def double_certificate_issued(attempt: Attempt) -> Blocked:
    """R3.9: only what was issued can be issued again, after a loss or a corrected name."""
    if attempt.record.double_certificate_on is not None:
        return None
    return blocked(N_("The completion certificate has not been issued yet."), who="registrar")


@rule
def not_in_first_term(attempt: Attempt) -> Blocked:
    """R3.10: the major is not changed in the first term; the reason names the first possible day."""
    term = attempt.policy.get("study.change_major.from_term")
    day = term_begins(attempt.record.intake, term)
    if attempt.today >= day:
        return None
    text = N_("The major can be changed from term %(term)s on, that is from %(day)s.")
    return blocked(text, who="registrar", term=term, day=day.isoformat())


@rule
def no_change_this_term(attempt: Attempt) -> Blocked:
    """R3.10: one change of major a term; the reason names the next possible day."""
    record = attempt.record
    term = term_of(record.intake, attempt.today)
    changes = [day for day in record.major_changes if term_of(record.intake, day) == term]
    if len(changes) < attempt.policy.get("study.change_major.per_term"):
        return None
    text = N_("The major was changed on %(last)s; the next change is possible from %(day)s on.")
    day = term_begins(record.intake, term + 1)
    return blocked(text, who="registrar", last=changes[-1].isoformat(), day=day.isoformat())


def in_programme(policy: Policy, text: str | None) -> bool:
    """R1.2: whether what was typed names a major of the programme."""
    return major_code(policy, text) is not None


def _leaves_programme(attempt: Attempt) -> bool:
    """A national code that the catalogue does not hold is a major elsewhere; anything else is a slip."""
    text = attempt.input.get("new_major") or ""
    return not in_programme(attempt.policy, text) and _NATIONAL_MAJOR.fullmatch(text) is not None


@rule(on_input=True)
def new_major_is_known(attempt: Attempt) -> Blocked:
    """R3.10: another major that takes the same intake and is offered at the point, or one outside by its code."""
    record, text = attempt.record, attempt.input.get("new_major")
    row = attempt.policy.row("majors", major_code(attempt.policy, text))
    if (row["code"] if row else text) == record.major:
        return blocked(N_("The student is in this major already."), field="new_major", who="registrar")
    if row is None:
        told = N_("%(value)s is no major of the programme; a major outside it is named by its six-digit code.")
        return None if _leaves_programme(attempt) else _unknown_major(told, text)
    if takes(row, record.intake) and offered_at(attempt.policy, record.point, row["code"]):
        return None
    told = N_("%(named)s (%(number)s) does not take this intake at this teaching point.")
    return blocked(told, field="new_major", who="registrar", **named("majors", row["code"]))


def _unknown_major(told: str, text: str | None) -> Reason:
    return blocked(told, field="new_major", who="registrar", value=text or "-")


@rule(on_input=True)
def consent_to_leave_the_programme(attempt: Attempt) -> Blocked:
    """R3.10: a major outside the programme loses the reimbursement, so explicit consent comes first."""
    if not _leaves_programme(attempt) or attempt.input.get("consent") == "yes":
        return None
    text = N_(
        "%(major)s is outside the programme: the tuition will not be reimbursed. "
        "The change needs the student's explicit consent."
    )
    return blocked(text, field="consent", who="registrar", major=attempt.input["new_major"])


@rule(on_input=True)
def new_point_is_known(attempt: Attempt) -> Blocked:
    """R3.10: another teaching point of the programme that takes the intake and offers the major."""
    record, text = attempt.record, attempt.input.get("new_point")
    row = attempt.policy.row("points", point_code(attempt.policy, text))
    if row and row["code"] == record.point:
        return blocked(N_("The student is at this teaching point already."), field="new_point", who="registrar")
    if row and takes(row, record.intake) and offered_at(attempt.policy, row["code"], record.major):
        return None
    if row:
        told = N_("%(named)s (%(number)s) does not take this intake or does not offer the major.")
        return blocked(told, field="new_point", who="registrar", **named("points", row["code"]))
    told = N_("%(value)s is no teaching point that takes this intake and offers the major.")
    return blocked(told, field="new_point", who="registrar", value=text or "-")


@rule
def identity_proof_handed_in(attempt: Attempt) -> Blocked:
    """R3.10: the police's proof of the correction is there."""
    if "identity_proof" in attempt.record.papers:
        return None
    text = N_("Paper not yet handed in: %(papers)s")
    return blocked(text, who="registrar", papers="policy:other_papers:identity_proof")


@rule(on_input=True)
def correction_is_sound(attempt: Attempt) -> Blocked:
    """R3.10, R2.1, R2.4: a new name or number is given, well-formed, and differs from what is recorded."""
    given, person = attempt.input, attempt.record.person
    name, number = corrected_name(given.get("new_name")), corrected_number(given.get("new_id_number"))
    if name in (None, person.name) and number in (None, person.id_number):
        text = N_("Enter the corrected name or ID number; what is entered is recorded already.")
        return blocked(text, field="new_id_number", who="registrar")
    faults = [("new_name", fault)] if name is not None and (fault := name_fault(name)) else []
    faults += [("new_id_number", fault) for fault in (id_faults(number, attempt.today) if number is not None else [])]
    told = {code: facts_of_number(code, number or "") for _field, code in faults}
    return [blocked(TEXTS[code], code=code, field=field, who="registrar", **told[code]) for field, code in faults]


def corrected_name(text: str | None) -> str | None:
    """R2.4: a corrected name as stored, or None where the name is not corrected."""
    return normalise_name(text)[0] if text else None


def corrected_number(text: str | None) -> str | None:
    """R2.1: a corrected number as stored, or None where the number is not corrected."""
    return normalise_id(text) if text else None


@rule(on_input=True)
def corrected_number_is_free(attempt: Attempt) -> Blocked:
    """R3.10: the corrected number is nobody else's; two persons are never merged by the system."""
    number = corrected_number(attempt.input.get("new_id_number"))
    if number is None or not attempt.record.number_is_anothers(number):
        return None
    text = N_(
        "This number is recorded for another person. "
        "Look into both cases by hand; the system never makes one person of two."
    )
    return blocked(text, field="new_id_number", who="registrar")


@rule(on_input=True)
def accounts_of_the_number_are_confirmed(attempt: Attempt) -> Blocked:
    """R3.10, R5.2: an account under the corrected number is this person's only if the operator says so."""
    number = corrected_number(attempt.input.get("new_id_number"))
    strange = attempt.record.accounts_of(number) if number else []
    if not strange:
        return None
    text = N_(
        "The staff account %(accounts)s stands under this number. If it is this student's, the operator says so "
        "first (edu-pilot users person NAME --study %(study)s); if not, one of the two numbers is wrong."
    )
    study = attempt.record.reference
    return blocked(text, field="new_id_number", who="admin", accounts=", ".join(strange), study=study)


@rule
def a_warning_is_due(attempt: Attempt) -> Blocked:
    """R3.5: the end is 24, 12 or 6 months away and has not been warned of yet."""
    record = attempt.record
    if warning_due(attempt.policy, record.ends_on, record.warned_months, attempt.today) is not None:
        return None
    text = N_("No warning is due today; the school status ends on %(day)s.")
    return blocked(text, who="system", day=record.ends_on.isoformat())


@rule
def years_are_over(attempt: Attempt) -> Blocked:
    """R3.5: the school status ends on its day, not before; a suspension does not move it."""
    if attempt.today >= attempt.record.ends_on:
        return None
    text = N_("The school status lasts until %(day)s.")
    return blocked(text, who="system", day=attempt.record.ends_on.isoformat())


@rule(on_input=True)
def status_number_is_sound(attempt: Attempt) -> Blocked:
    """R3.5: 13 digits: year of the intake, province, branch, and a serial of the season."""
    form, intake = attempt.policy.get("study.student_number"), attempt.record.intake
    number = attempt.input.get("student_number") or ""
    start = f"{intake[:2]}{form['province']}{form['middle']}"
    serial = number.removeprefix(start)
    if number.startswith(start) and re.fullmatch(f"[0-9]{{{form['serial_digits']}}}", serial):
        autumn = int(serial) >= form["autumn_from"]
        if autumn == (season(intake) == "autumn") and int(serial) >= form["spring_from"]:
            return None
    text = N_(
        "The student number does not have the form of intake %(intake)s: 13 digits that begin with %(start)s. "
        "Correct the number, or choose the intake that it belongs to."
    )
    return blocked(text, field="student_number", who="registrar", intake=intake, start=start)


@rule(on_input=True)
def status_number_is_free(attempt: Attempt) -> Blocked:
    """R3.5: a student number belongs to one study."""
    if not attempt.record.student_number_is_anothers(attempt.input.get("student_number")):
        return None
    text = N_("This student number is recorded for another student; compare it with the school status record.")
    return blocked(text, field="student_number", who="registrar")


@rule(on_input=True)
def status_day_is_sound(attempt: Attempt) -> Blocked:
    """R3.5: the status was confirmed in or after the registration month and not in the future."""
    first, day = registration_day(attempt.record.intake), attempt.input.get("confirmed_on")
    if day and first <= day <= attempt.today:
        return None
    text = N_("The school status must have been confirmed between %(first)s and %(last)s.")
    last = attempt.today.isoformat()
    return blocked(text, field="confirmed_on", who="registrar", first=first.isoformat(), last=last)
