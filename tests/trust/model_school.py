"""G9's model of application and study (rulebook 1 to 3)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tests.trust.model import (
    COUNTIES,
    NAME,
    PHONE,
    POINTS,
    STEPS,
    Case,
    Step,
    Try,
    Who,
    World,
    age_fits,
    begins,
    create,
    hand_of,
    months_after,
    number_faults,
    plain,
    step,
    working_days_after,
)

# R1.2, and the first certificate that suits each major with its lowest level (R4.2).
MAJORS = {
    "大数据与会计": "530302", "电子商务": "530701", "建筑工程技术": "440301", "机电一体化技术": "460301",
    "工商企业管理": "530601", "行政管理": "590206",
}  # fmt: skip
FIRST_CERTIFICATE = {
    "530302": ("junior_accountant", "3"), "530701": ("ecommerce_specialist", "4"), "440301": ("bricklayer", "5"),
    "460301": ("electrician", "5"), "530601": ("hr_manager", "4"), "590206": ("labour_relations", "4"),
}  # fmt: skip
LEVEL = ("专科", "zhuanke")
ENOUGH = ("高中", "中专", "职高", "技校", "大专")
PAPERS = {"id_front", "id_back", "previous_diploma", "portrait", "migrant_work"}
PLANS = Path(__file__).parents[2] / "workflows" / "catalogue" / "plans"


@dataclass
class Permit:
    """R3.3: further faults that somebody let be named."""

    who: Who
    body: str | None
    faults: set[str]


@dataclass
class Application(Case):
    """One person's application for an intake."""

    form: dict[str, str] = field(default_factory=dict)
    typed_by: set[Who] = field(default_factory=set)
    place: str = "none"
    queue_number: int | None = None
    registered_on: date | None = None
    answer_until: date | None = None
    named: set[str] = field(default_factory=set)
    permits: list[Permit] = field(default_factory=list)
    offered: str = ""
    offer_until: date | None = None
    study: str = ""

    @property
    def intake(self) -> str:
        """The intake as it stands in the form."""
        return self.form["intake"]

    @property
    def year(self) -> str:
        """The year of the intake."""
        return "20" + self.intake[:2]


FORM = {
    "name": "text", "id_number": "text?", "sex": "choice SEX?", "birth_on": "date?", "phone": "text?",
    "county": "text?", "point": "text?", "intake": "text", "level": "text?", "major": "text?",
    "previous_school": "text?", "previous_diploma": "text?", "employer": "text?", "job": "text?",
    "union_member": "choice YESNO?", "occupation": "text?",
}  # fmt: skip
AMENDED = {name: kind for name, kind in FORM.items() if name not in ("name", "intake")} | {
    "new_name": "text?", "new_intake": "text?",
}  # fmt: skip


def is_intake(text: str) -> bool:
    """R1.5: whether a text names an intake of the programme."""
    return re.fullmatch("[0-9]{2}(03|09)", text) is not None and text >= "2209"


def person_of(world: World, number: str) -> str:
    """Return who has an ID number."""
    return next((person for person, held in world.ids.items() if held == number), number)


def _about(t: Try, given: dict[str, Any]) -> Iterator[str]:
    """R1.3, R3.1, R6.3: what may not be typed into a draft."""
    county = given.get("county")
    if county and county not in COUNTIES:
        yield "county_unknown"
    if t.who.role == "clerk" and COUNTIES.get(county or "", t.who.county) != t.who.county:
        yield "county_not_yours"
    if t.who.role == "student":
        number = given.get("id_number")
        person = person_of(t.world, number) if number else t.case and t.case.person
        if person != t.who.person:
            yield "draft_is_my_own"


@create("application", by="clerk student registrar")
def application(t: Try) -> str:
    given = t.read(**FORM)
    t.refuse({*_about(t, given), *([] if is_intake(given["intake"]) else ["intake_unknown"])})
    case = Application("application", "", "draft", COUNTIES.get(given.get("county", ""), t.who.county), form=given)
    case.person = person_of(t.world, given["id_number"]) if "id_number" in given else None
    case.typed_by.add(t.who)
    return t.world.add(case, given["intake"])


@step("application", by="clerk student", of="draft returned")
def amend(t: Try) -> None:
    given, case = t.read(**AMENDED), t.case
    codes = set(_about(t, given))
    if case.registered_on and any(
        name in given and known.get(given[name], given[name]) != known.get(case.form.get(name), case.form.get(name))
        for name, known in (("county", COUNTIES), ("point", {}))
    ):
        codes.add("registered_place_is_kept")
    intake = given.get("new_intake", case.intake)
    if intake != case.intake and case.registered_on:
        codes.add("draft_may_change_its_intake")
    elif intake != case.intake and not is_intake(intake):
        codes.add("intake_unknown")
    t.refuse(codes)
    case.typed_by |= hand_of(t.who)
    renamed = {"new_name": "name", "new_intake": "intake"}
    if MAJORS.get(given.get("major"), given.get("major", case.form.get("major"))) != case.form.get("major"):
        case.offered, case.offer_until = "", None
    case.form |= {renamed.get(name, name): value for name, value in given.items()}
    case.person = person_of(t.world, given["id_number"]) if "id_number" in given else case.person
    case.county = COUNTIES.get(given.get("county", ""), case.county)


def form_faults(t: Try) -> set[str]:
    """R2 and R3.2: everything that is wrong with what was typed."""
    form, case = t.case.form, t.case
    found = number_faults(form.get("id_number", ""), t.day)
    if not NAME.fullmatch(form["name"]):
        found.add("name_format")
    if not form.get("phone"):
        found.add("phone_missing")
    elif not PHONE.fullmatch(form["phone"]):
        found.add("phone_format")
    if not {"id_number_format", "id_number_missing", "id_number_date"} & found:
        found |= set() if age_fits(form["id_number"], begins(case.intake)) else {"age_out_of_range"}
    found |= set() if case.county else {"county_unknown"}
    # An unknown county is its own fault: then any point will do.
    point = POINTS.get(form.get("point", ""))
    found |= set() if point and case.county in (None, point) else {"point_unknown"}
    found |= set() if form.get("level") in LEVEL else {"level_unknown"}
    found |= set() if form.get("major") in (*MAJORS, *MAJORS.values()) else {"major_unknown"}
    return found | (set() if form.get("previous_diploma") in ENOUGH else {"previous_diploma_too_low"})


def _elsewhere(t: Try) -> bool:
    # R2.8: one live case per level, and this world has one level only.
    if t.case.form.get("level") not in LEVEL:
        return False
    return t.world.live.get(t.case.person, t.case.reference) != t.case.reference


def _barred(t: Try) -> bool:
    return t.world.bars.get(t.case.person, date.min) >= t.day


def _may_enter(t: Try) -> set[str]:
    """What stands against a registration or a take-over alike."""
    found = form_faults(t)
    found |= {"not_barred"} if _barred(t) else set()
    return found | ({"already_registered"} if _elsewhere(t) else set())


@step("application", by="clerk", of="draft returned", to="registered")
def register(t: Try) -> None:
    case, found = t.case, _may_enter(t)
    first = begins(case.intake)
    if case.registered_on is None and not months_after(first, -3) <= t.day <= first.replace(day=15):
        found.add("intake_closed")
    t.refuse(found)
    t.read()
    late = case.answer_until is not None and t.day > case.answer_until
    if case.queue_number is None or late:
        series = f"queue{case.intake[:2]}"
        t.world.numbers[series] = case.queue_number = t.world.numbers.get(series, 0) + 1
    if late:
        release_place(t)
    case.registered_on, case.answer_until = t.day, None
    # A correction may have changed the person: the case moves along.
    _release_case(t)
    t.world.live[case.person] = case.reference
    t.world.names[case.person] = case.form["name"]
    case.typed_by |= hand_of(t.who)


def release_place(t: Try) -> None:
    """R1.4: a place that was held goes to the first who waits."""
    case = t.case
    if case.place in ("reserved", "used"):
        t.world.taken[case.year] -= 1
        case.place = "released"
        t.world.then("application", "first_waiting", "admit", year=case.intake[:2])


@step("application", by="registrar", of="draft", to="admitted")
def take_over(t: Try) -> None:
    case, found = t.case, _may_enter(t)
    found |= set() if begins(case.intake) <= t.day else {"intake_unknown"}
    found |= set() if t.world.free(case.year) > 0 else {"a_place_is_left"}
    t.refuse(found)
    given = t.read(student_number="text", confirmed_on="date")
    t.refuse(_status_faults(t, given))
    t.world.names[case.person] = case.form["name"]
    t.world.live[case.person] = case.reference
    case.registered_on = given["confirmed_on"]
    _take_place(t)
    open_study(t)
    day = given["confirmed_on"].isoformat()
    t.world.then("study", case.study, "take_over", student_number=given["student_number"], confirmed_on=day)


def _status_faults(t: Try, given: dict[str, Any]) -> set[str]:
    """R3.5: number and day of a status that existed before."""
    intake, number = t.case.intake, given["student_number"]
    serials = "[5-9][0-9]{4}" if intake.endswith("09") else "(?!00000)[0-4][0-9]{4}"
    found = set() if re.fullmatch(f"{intake[:2]}370064{serials}", number) else {"status_number_is_sound"}
    taken = any(s.student_number == number and s is not t.case for s in t.world.of("study"))
    found |= {"status_number_is_free"} if taken else set()
    return found if begins(intake) <= given["confirmed_on"] <= t.day else found | {"status_day_is_sound"}


plain("application", "reissue_form", by="clerk registrar", of="registered returned verified waitlisted")


def new_faults(t: Try, faults: list[str]) -> bool:
    """R3.3: whether faults are named that are neither told before nor permitted by another person."""
    case, who = t.case, t.who
    if not case.named:
        return False
    allowed = set(case.named)
    for permit in case.permits:
        another = permit.who.account != who.account and permit.who.person != who.person
        if another and permit.body in (None, who.role):
            allowed |= permit.faults
    return not set(faults) <= allowed


@step("application", by="clerk registrar", of="registered verified", to="returned")
def return_for_correction(t: Try) -> None:
    given = t.read(faults="list RETURN", note="text?")
    explained = "OTHER" not in given["faults"] or bool(given.get("note"))
    t.require(new_faults_are_permitted=not new_faults(t, given["faults"]), other_is_explained=explained)
    t.case.answer_until = working_days_after(t.day, 10)
    t.case.named |= set(given["faults"])
    t.case.permits.clear()


@step("application", by="registrar", of="registered verified")
def permit_new_faults(t: Try) -> None:
    t.require(not_own_record=t.not_own, was_returned_before=bool(t.case.named))
    given = t.read(faults="list RETURN", note="text?")
    t.case.permits.append(Permit(t.who, None, set(given["faults"])))


@step("application", by="system", of="returned")
def release_late_place(t: Try) -> None:
    late = t.case.answer_until is not None and t.case.answer_until < t.day
    t.require(answer_is_late=late, place_is_reserved=t.case.place == "reserved")
    t.read()
    release_place(t)


def _ahead(t: Try) -> int:
    """R1.4: how many stand before the applicant on the waiting list of the year."""
    waiting = [c for c in t.world.of("application", "waitlisted") if c.year == t.case.year]
    mine = t.case.queue_number
    return sum(mine is None or c.queue_number < mine for c in waiting)


@step("application", by="clerk registrar", of="registered", to="verified")
def verify(t: Try) -> None:
    form = t.case.form
    t.require(
        not_own_record=t.not_own,
        papers_complete=t.case.papers >= PAPERS,
        work_stated=bool(form.get("employer") and form.get("job")),
        school_stated=bool(form.get("previous_school")),
        union_membership_stated="union_member" in form,
    )
    t.read()
    if t.case.place not in ("reserved", "used") and not _ahead(t) and t.world.free(t.case.year) > 0:
        t.case.place = "reserved"
        t.world.taken[t.case.year] = t.world.taken.get(t.case.year, 0) + 1


def _had_a_hand(hands: set[Who], who: Who) -> bool:
    """C4: by account or by person."""
    return any(one.account == who.account or (who.person and one.person == who.person) for one in hands)


@step("application", by="registrar system", of="verified waitlisted")
def admit(t: Try) -> str:
    case, ahead, free = t.case, _ahead(t), t.world.free(t.case.year)
    mine = case.place == "reserved"
    blocked = not mine and ((ahead and free > 0) or (case.state == "waitlisted" and free <= 0))
    t.require(
        not_own_record=t.not_own, not_typed_by_me=not _had_a_hand(case.typed_by, t.who), next_in_the_queue=not blocked
    )
    t.read()
    if not mine and free <= 0:
        return "waitlisted"
    _take_place(t)
    open_study(t)
    return "admitted"


def _take_place(t: Try) -> None:
    if t.case.place != "reserved":
        t.world.taken[t.case.year] = t.world.taken.get(t.case.year, 0) + 1
    t.case.place = "used"


@step("application", by="registrar", of="verified waitlisted")
def offer_major(t: Try) -> None:
    # R3.4: in this small world no class ever has its fifteen.
    t.require(not_own_record=t.not_own)
    given = t.read(offered_major="text")
    code = MAJORS.get(given["offered_major"], given["offered_major"])
    t.require(offered_major_is_open=code in MAJORS.values() and code != major_of(t.case))
    t.case.offered, t.case.offer_until = code, working_days_after(t.day, 10)


def major_of(case: Any) -> str:
    """Return the code of the major in an application's form."""
    return MAJORS.get(case.form.get("major"), case.form.get("major", ""))


@step("application", by="clerk student", of="verified waitlisted")
def accept_major(t: Try) -> None:
    case = t.case
    t.require(an_offer_is_open=case.offer_until is not None and t.day <= case.offer_until)
    t.read()
    case.form["major"], case.offered, case.offer_until = case.offered, "", None


@step("application", by="registrar", of="registered verified waitlisted", to="rejected")
def reject(t: Try) -> None:
    t.require(not_own_record=t.not_own)
    t.read(rejection="choice REJECT", note="text?")
    release_place(t)
    _release_case(t)


def _release_case(t: Try) -> None:
    t.world.live = {person: case for person, case in t.world.live.items() if case != t.case.reference}


@step("application", by="registrar", of="rejected", to="registered")
def reopen(t: Try) -> None:
    t.require(not_barred=not _barred(t), not_own_record=t.not_own, already_registered=not _elsewhere(t))
    t.read(note="text?")
    t.world.live[t.case.person] = t.case.reference


@step("application", by="clerk registrar student", of="draft registered returned verified waitlisted admitted")
def withdraw(t: Try) -> str:
    study = t.world.cases.get(t.case.study)
    t.require(student_number_not_confirmed=study is None or study.state == "enrolled")
    given = t.read(withdrawal="choice WITHDRAW", note="text?")
    release_place(t)
    _release_case(t)
    if study:
        t.world.then("study", study.reference, "withdraw", withdrawal=given["withdrawal"])
    return "withdrawn"


@step("application", by="registrar", of="registered returned verified waitlisted")
def move_county(t: Try) -> None:
    given = t.read(new_county="text", new_point="text")
    county = COUNTIES.get(given["new_county"])
    t.require(new_place_is_known=county is not None and POINTS.get(given["new_point"]) == county)
    t.case.county = county
    t.case.form |= {"county": given["new_county"], "point": given["new_point"]}
    t.case.offered, t.case.offer_until = "", None


# The study


@dataclass
class Study(Case):
    """One school status."""

    application: str = ""
    intake: str = ""
    point: str = ""
    union_county: str = ""
    major: str = ""
    student_number: str = ""
    confirmed_on: date = date.max
    ends_on: date = date.max
    sat: set[tuple[str, str]] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    face_check: str = ""
    face_checked_on: date | None = None
    diploma_number: str = ""
    diploma_on: date | None = None
    double_on: date | None = None
    warned: int = 99
    changed: list[date] = field(default_factory=list)
    reimbursable: bool = True


def open_study(t: Try) -> None:
    """R3.5: admission opens the study, and beside it the certification (R4.2)."""
    case = t.case
    place = {"intake": case.intake, "point": case.form["point"], "union_county": case.county, "major": major_of(case)}
    study = Study("study", "", "enrolled", case.county, case.person, application=case.reference, **place)
    case.study = t.world.add(study, case.intake)
    plan = PLANNED[0]
    plan(t.world, study, FIRST_CERTIFICATE[major_of(case)])


# Set by the model of exams: how a certification is planned for a study.
PLANNED: list[Any] = []


@cache
def plan(major: str) -> tuple[dict[str, str], ...]:
    """Return the courses of a major's plan."""
    path = PLANS / f"{major}.csv"
    return tuple(csv.DictReader(path.read_text("utf-8").splitlines())) if path.exists() else ()


@step("study", by="registrar", of="enrolled", to="studying")
def confirm_status(t: Try) -> None:
    case = t.case
    t.require(
        not_own_record=t.not_own,
        application_is_admitted=t.world.cases[case.application].state == "admitted",
        registration_month_reached=t.day >= begins(case.intake),
    )
    t.read()
    autumn = case.intake.endswith("09")
    series = f"student{case.intake}"
    numbers = {s.student_number for s in t.world.of("study")}
    while not case.student_number or case.student_number in numbers:
        serial = t.world.numbers[series] = t.world.numbers.get(series, 50_000 if autumn else 0) + 1
        case.student_number = f"{case.intake[:2]}370064{serial:05d}"
    case.confirmed_on, case.ends_on = t.day, months_after(t.day, 96)


@step("study", by="system", of="enrolled", to="studying")
def take_over__study(t: Try) -> None:
    t.require(application_is_admitted=t.world.cases[t.case.application].state == "admitted")
    given = t.read(student_number="text", confirmed_on="date")
    t.refuse(_status_faults(t, given))
    t.case.student_number, t.case.confirmed_on = given["student_number"], given["confirmed_on"]
    t.case.ends_on = months_after(given["confirmed_on"], 96)


def _is_score(text: str | None, full: int = 100) -> bool:
    return text is None or (re.fullmatch("[0-9]{1,4}", text) is not None and int(text) <= full)


@step("study", by="registrar examiner", of="studying")
def record_score(t: Try) -> None:
    t.require(not_own_record=t.not_own)
    given = t.read(course="text", sat_on="date", formative="text?", final="text?")
    parts = given.get("formative"), given.get("final")
    course = next((row for row in plan(t.case.major) if row["code"] == given["course"]), None)
    day = given["sat_on"]
    t.require(
        course_is_in_plan=course is not None,
        scores_are_sound=all(map(_is_score, parts)) and any(parts),
        sitting_within_study=t.case.confirmed_on <= day <= t.day,
        sitting_not_recorded=(given["course"], day.isoformat()) not in t.case.sat,
    )
    t.case.sat.add((given["course"], day.isoformat()))
    if course and _passes(course, *parts):
        t.case.passed.add(given["course"])


def _passes(course: dict[str, str], formative: str | None, final: str | None) -> bool:
    """R3.6: composite rounded half up once; without the part that counts the course is void."""
    share = round(float(course["formative_share"]) * 100)
    if (formative is None and share > 0) or (final is None and share < 100):
        return False
    first, second = int(formative or 0), int(final or 0)
    both = course["both_parts"] != "yes" or (first >= 60 and second >= 60)
    return both and (share * first + (100 - share) * second + 50) // 100 >= 60


@step("study", by="registrar", of="studying", to="suspended")
def suspend(t: Try) -> None:
    t.read(suspension="choice SUSPEND", note="text?")


plain("study", "resume", by="registrar", of="suspended", to="studying")


def _term(intake: str, day: date) -> int:
    first = begins(intake)
    return ((day.year - first.year) * 12 + day.month - first.month) // 6 + 1


@step("study", by="registrar", of="studying")
def change_major(t: Try) -> None:
    case = t.case
    term = _term(case.intake, t.day)
    t.require(
        not_in_first_term=term >= 2, no_change_this_term=term not in [_term(case.intake, d) for d in case.changed]
    )
    given = t.read(new_major="text", consent="choice YES?")
    code = MAJORS.get(given["new_major"], given["new_major"])
    outside = code not in MAJORS.values()
    national = re.fullmatch("[0-9]{6}", code) is not None
    t.require(
        new_major_is_known=code != case.major and (not outside or national),
        consent_to_leave_the_programme=not (outside and national) or given.get("consent") == "yes",
    )
    case.major, case.reimbursable = code, case.reimbursable and not outside
    case.changed.append(t.day)


@step("study", by="registrar", of="enrolled studying suspended completed")
def change_point(t: Try) -> None:
    given, case = t.read(new_point="text"), t.case
    t.require(new_point_is_known=given["new_point"] in POINTS and given["new_point"] != case.point)
    case.point = given["new_point"]
    case.county = POINTS[case.point]
    for one in t.world.of("certification"):
        if one.study == case.reference:
            one.county = case.county


@step("study", by="registrar", of="enrolled studying suspended completed graduated")
def correct_identity(t: Try) -> None:
    t.require(not_own_record=t.not_own, identity_proof_handed_in="identity_proof" in t.case.papers)
    given, world, person = t.read(new_name="text?", new_id_number="text?", note="text?"), t.world, t.case.person
    name, number = given.get("new_name"), given.get("new_id_number")
    if name in (None, world.names[person]) and number in (None, world.ids[person]):
        t.refuse(["correction_is_sound"])
    faults = {"name_format"} if name and not NAME.fullmatch(name) else set()
    faults |= number_faults(number, t.day) if number else set()
    faults |= {"corrected_number_is_free"} if number and known_elsewhere(world, number, person) else set()
    t.refuse(faults)
    world.names[person] = name or world.names[person]


def known_elsewhere(world: World, number: str, person: str) -> bool:
    """R3.10: whether an ID number is that of somebody else who is entered."""
    return any(held == number and other != person and other in world.names for other, held in world.ids.items())


@step("study", by="system", of="studying suspended completed")
def warn_of_expiry(t: Try) -> None:
    due = [n for n in (24, 12, 6) if months_after(t.case.ends_on, -n) <= t.day < t.case.ends_on]
    t.require(a_warning_is_due=bool(due) and min(due) < t.case.warned)
    t.read()
    t.case.warned = min(due)


@step("study", by="system", of="studying suspended completed", to="expired")
def expire(t: Try) -> None:
    t.require(years_are_over=t.day >= t.case.ends_on)
    t.read()
    _end_live(t)


def _end_live(t: Try) -> None:
    t.world.live = {person: case for person, case in t.world.live.items() if case != t.case.application}


@step("study", by="registrar", of="studying", to="completed")
def complete(t: Try) -> None:
    courses = plan(t.case.major)
    earned: dict[str, int] = {}
    for row in courses:
        earned[row["module"]] = earned.get(row["module"], 0) + int(row["credits"]) * (row["code"] in t.case.passed)
    short = [row for row in courses if earned[row["module"]] < int(row["module_minimum"])]
    enough = bool(courses) and sum(earned.values()) >= 79
    t.require(not_own_record=t.not_own, credits_reached=enough, modules_reached=not short)
    t.read()


def earliest_diploma(intake: str) -> date:
    """R3.8: 31 July two years on, or 31 January three years on."""
    year = 2000 + int(intake[:2])
    return date(year + 3, 1, 31) if intake.endswith("09") else date(year + 2, 7, 31)


@step("study", by="registrar", of="completed", to="graduated")
def graduate(t: Try) -> None:
    case, first = t.case, earliest_diploma(t.case.intake)
    t.require(
        not_own_record=t.not_own, face_comparison_not_failed=case.face_check != "failed",
        diploma_date_reached=t.day >= first,
    )  # fmt: skip
    given = t.read(diploma_number="text", diploma_on="date")
    number, day = given["diploma_number"], given["diploma_on"]
    t.require(
        diploma_number_is_sound=re.fullmatch(f"51161[0-9]{day.year}06[0-9]{{6}}", number) is not None,
        diploma_number_is_free=all(s.diploma_number != number for s in t.world.of("study") if s is not case),
        diploma_not_too_early=first <= day <= t.day,
        diploma_not_before_face_comparison=case.face_checked_on is None or day >= case.face_checked_on,
    )
    case.diploma_number, case.diploma_on = number, day
    _end_live(t)


@step("study", by="registrar", of="studying suspended completed")
def note_face_comparison(t: Try) -> None:
    t.require(not_own_record=t.not_own)
    given = t.read(face_check="choice FACE", face_checked_on="date")
    t.require(face_comparison_is_dated_soundly=t.case.confirmed_on <= given["face_checked_on"] <= t.day)
    t.case.face_check, t.case.face_checked_on = given["face_check"], given["face_checked_on"]


@step("study", by="clerk registrar", of="studying suspended completed graduated")
def note_welfare_post(t: Try) -> None:
    given = t.read(welfare_post_on="date")
    t.require(welfare_post_is_dated_soundly=t.case.confirmed_on <= given["welfare_post_on"] <= t.day)


def _certified(t: Try) -> bool:
    return any(one.person == t.case.person for one in t.world.of("certification", "certified"))


@step("study", by="registrar", of="graduated")
def issue_double_certificate(t: Try) -> None:
    t.require(
        not_own_record=t.not_own, holds_a_skill_certificate=_certified(t),
        double_certificate_not_issued=t.case.double_on is None,
    )  # fmt: skip
    t.read()
    t.case.double_on = t.day


@step("study", by="registrar", of="graduated")
def reissue_double_certificate(t: Try) -> None:
    t.require(
        not_own_record=t.not_own, holds_a_skill_certificate=_certified(t),
        double_certificate_issued=t.case.double_on is not None,
    )  # fmt: skip
    t.read()


@step("study", by="registrar system", of="enrolled studying suspended completed", to="withdrawn")
def withdraw__study(t: Try) -> None:
    early, system = t.case.state == "enrolled", t.who.role == "system"
    t.require(withdrawn_through_the_application=not early or system, follow_up_is_in_time=early or not system)
    t.read(withdrawal="choice WITHDRAW")
    _end_live(t)
    _end_certifications(t)


def _end_certifications(t: Try) -> None:
    open_ones = t.world.of("certification", "planned", "training", "trained", "entered", "seated")
    for one in sorted(open_ones, key=lambda one: one.reference):
        if one.study == t.case.reference:
            t.world.then("certification", one.reference, "withdraw")


@step("study", by="registrar", of="enrolled studying suspended completed", to="cancelled")
def cancel(t: Try) -> None:
    t.read(cancellation="choice CANCEL", note="text?")
    _end_live(t)
    case = t.world.cases[t.case.application]
    if case.place == "used":
        case.place = "released"
        t.world.taken[case.year] -= 1
        t.world.then("application", "first_waiting", "admit", year=case.intake[:2])
    _end_certifications(t)


@step("study", by="registrar", of="graduated", to="revoked")
def revoke_diploma(t: Try) -> None:
    t.read(revocation="choice REVOKE", note="text?")
    claim = next((c for c in t.world.of("claim") if c.study == t.case.reference and c.live), None)
    if claim is None:
        return
    if claim.state in ("draft", "returned", "submitted", "not_agreed", "approved", "objected", "bounced"):
        t.world.then("claim", claim.reference, "withdraw")
    if claim.state in ("paid", "recovering", "recovered") and claim.recovery < claim.payable:
        t.world.then("claim", claim.reference, "recover", recovery="DIPLOMA_REVOKED")


# Rosters


def roster(
    world: World, who: Who, day: date, intake: str, rows: list[dict[str, str]]
) -> tuple[int, set[str], dict[int, set[str]]]:
    """Say what a roster comes to: the status, why the file is not taken, and why each row is not."""
    if who.role != "clerk":
        return 403, {"role_missing"}, {}
    if not is_intake(intake):
        return 422, {"intake_unknown"}, {}
    if not months_after(begins(intake), -3) <= day <= begins(intake).replace(day=15):
        return 422, {"intake_closed"}, {}
    told: dict[int, set[str]] = {}
    seen = set[str]()
    attempts = []
    # Every row is judged before any is taken.
    for n, row in enumerate(rows):
        attempt = _row(world, who, day, {**row, "intake": intake})
        codes = _may_enter(attempt)
        # Of a number that is none nothing more is told.
        codes |= {"duplicate_in_file"} if row["id_number"] in seen and "id_number_format" not in codes else set()
        codes |= {"county_not_yours"} if attempt.case.county not in (None, who.county) else set()
        seen.add(row["id_number"])
        if codes:
            told[n] = codes
        else:
            attempts.append(attempt)
    for attempt in attempts:
        world.add(attempt.case, intake)
        STEPS["application", "register"].run(attempt)
        attempt.case.state, attempt.case.version = "registered", 2
    return 200, set(), told


def _row(world: World, who: Who, day: date, form: dict[str, str]) -> Try:
    """Return the attempt to register the person of a row."""
    case = Application("application", "", "draft", COUNTIES.get(form["county"]), form=form)
    case.person = person_of(world, form["id_number"])
    case.typed_by, case.hands = hand_of(who), hand_of(who)
    return Try(world, Step(who, day, "application", "", "register"), case)
