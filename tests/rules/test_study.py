"""What a study must fulfil (R3.5 to R3.9)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from edu_pilot.rules.study import (
    composite,
    credits_to_complete,
    earliest_diploma,
    modules,
    passes,
    plan,
    term_begins,
    term_of,
    warning_due,
)
from edu_pilot.workflow.registry import Actor
from tests.rules.shipped import POLICY, attempt, changed, codes, reasons

MAJORS = [row["code"] for row in POLICY.table("majors")]
COURSES = plan(POLICY, "530701")


def course(share: str, both: str = "no") -> dict[str, str]:
    return {"formative_share": share, "both_parts": both}


@pytest.mark.parametrize(
    ("share", "formative", "final", "expected"),
    [
        ("0.5", 80, 70, 75),
        ("0.5", 60, 59, 60),
        ("0.5", 59, 60, 60),
        ("0.5", 59, 59, 59),
        ("0.3", 61, 59, 60),
        ("0.7", 59, 61, 60),
        ("0.5", 0, 100, 50),
        ("0.5", None, 100, None),
        ("0.5", 100, None, None),
        ("1.0", 60, None, 60),
        ("1.0", None, 100, None),
        ("0", None, 60, 60),
        ("0", 100, None, None),
        ("0.5", None, None, None),
        ("0.45", 50, 70, 61),
        ("0.05", 70, 60, 61),
    ],
)
def test_r3_6_composite_rounds_half_up_once(
    share: str, formative: int | None, final: int | None, expected: int | None
) -> None:
    """Formative missing while it counts makes the course void, whatever the final; 60.5 is 61."""
    assert composite(course(share), formative, final) == expected


@pytest.mark.parametrize(
    ("both", "formative", "final", "passed"),
    [
        ("no", 60, 60, True),
        ("no", 60, 59, True),
        ("no", 59, 59, False),
        ("no", 20, 100, True),
        ("yes", 60, 60, True),
        ("yes", 59, 100, False),
        ("yes", 100, 59, False),
        ("no", None, 100, False),
    ],
)
def test_r3_6_some_courses_need_both_parts(both: str, formative: int | None, final: int | None, passed: bool) -> None:
    assert passes(POLICY, course("0.5", both), formative, final) is passed


@pytest.mark.parametrize("major", MAJORS)
def test_r3_7_every_plan_can_be_completed(major: str) -> None:
    """Six modules, 79 credits to complete, each minimum within what is offered."""
    offered = modules(POLICY, major, {c["code"] for c in plan(POLICY, major)})
    assert credits_to_complete(POLICY, major) == 79
    assert len(offered) == 6
    assert [m.code for m in offered if m.missing] == []
    assert sum(m.earned for m in offered) >= 79 >= sum(m.minimum for m in offered)


@pytest.mark.parametrize(
    ("credits", "blocked"), [(79, []), (80, []), (78, ["credits_reached"]), (0, ["credits_reached"])]
)
def test_r3_7_credits_reached(credits: int, blocked: list[str]) -> None:
    tried = attempt({"major": "530701", "credits": credits})
    assert codes("credits_reached", tried) == blocked
    for reason in reasons("credits_reached", tried):
        assert reason.facts["missing"] == 79 - credits


def test_r3_7_modules_reached_says_which_and_by_how_much() -> None:
    """Short of a module: not graduable, however many credits."""

    def sat(module: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(course=c["code"], passed=c["module"] != module) for c in COURSES]

    for module in {c["module"] for c in COURSES}:
        tried = attempt({"major": "530701", "scores": sat(module)})
        found = reasons("modules_reached", tried)
        minimum = int(next(c["module_minimum"] for c in COURSES if c["module"] == module))
        if minimum:
            assert [(r.facts["module"], r.facts["missing"]) for r in found] == [(f"table:modules:{module}", minimum)]
    assert codes("modules_reached", attempt({"major": "530701", "scores": sat("none")})) == []


@pytest.mark.parametrize(
    ("intake", "day"),
    [
        ("2209", date(2025, 1, 31)),
        ("2303", date(2025, 7, 31)),
        ("2309", date(2026, 1, 31)),
        ("2403", date(2026, 7, 31)),
    ],
)
def test_r3_8_earliest_diploma(intake: str, day: date) -> None:
    assert earliest_diploma(POLICY, intake) == day
    before = date.fromordinal(day.toordinal() - 1)
    assert codes("diploma_date_reached", attempt({"intake": intake}, today=day)) == []
    assert codes("diploma_date_reached", attempt({"intake": intake}, today=before)) == ["diploma_date_reached"]


@pytest.mark.parametrize(
    ("day", "blocked"),
    [
        (date(2025, 1, 31), []),
        (date(2025, 3, 3), []),
        (date(2025, 1, 30), ["diploma_not_too_early"]),
        (date(2025, 3, 4), ["diploma_not_too_early"]),
        (None, ["diploma_not_too_early"]),
    ],
)
def test_r3_8_diploma_not_too_early(day: date | None, blocked: list[str]) -> None:
    given = {"diploma_on": day} if day else {}
    assert codes("diploma_not_too_early", attempt({"intake": "2209"}, given)) == blocked


GOOD = "511615202506000001"


@pytest.mark.parametrize(
    ("number", "blocked"),
    [
        (GOOD, []),
        (GOOD[:-1], ["diploma_number_is_sound"]),
        (GOOD + "1", ["diploma_number_is_sound"]),
        ("511615202406000001", ["diploma_number_is_sound"]),
        ("411615202506000001", ["diploma_number_is_sound"]),
        ("511615202505000001", ["diploma_number_is_sound"]),
        ("51161520250600000X", ["diploma_number_is_sound"]),
        ("５１１６１５２０２５０６０００００１", ["diploma_number_is_sound"]),
        ("", ["diploma_number_is_sound"]),
    ],
)
def test_r3_9_diploma_number_is_sound(number: str, blocked: list[str]) -> None:
    """18 digits; the year is the graduation year, 06 the level."""
    given = {"diploma_number": number, "diploma_on": date(2025, 1, 31)}
    assert codes("diploma_number_is_sound", attempt({"level": "zhuanke"}, given)) == blocked


def test_r3_9_the_form_of_a_diploma_number_is_policy() -> None:
    """Another school and a longer serial number need another policy, not another program."""
    number = "77161520250600000001"
    given = {"diploma_number": number, "diploma_on": date(2025, 1, 31)}
    other = changed("study", POLICY.get("study") | {
        "school_code": "77161",
        "diploma_number": POLICY.get("study.diploma_number") | {"serial_digits": 8},
    })  # fmt: skip
    assert codes("diploma_number_is_sound", attempt({"level": "zhuanke"}, given, policy=other)) == []
    [reason] = reasons("diploma_number_is_sound", attempt({"level": "zhuanke"}, {}, policy=other))
    assert reason.facts == {"digits": 20, "school": "77161", "level": "06"}


def test_r3_6_the_full_mark_is_policy() -> None:
    tried = attempt(given={"final": "101"}, policy=changed("study.full_mark", 150))
    assert codes("scores_are_sound", tried) == []
    assert codes("scores_are_sound", attempt(given={"final": "101"})) == ["scores_are_sound"]


@pytest.mark.parametrize(
    ("state", "roles", "blocked"),
    [
        ("enrolled", {"registrar"}, {"withdrawn_through_the_application"}),
        ("enrolled", {"system"}, set()),
        ("studying", {"registrar"}, set()),
        ("studying", {"system"}, {"follow_up_is_in_time"}),
    ],
)
def test_r1_4_who_withdraws_a_study(state: str, roles: set[str], blocked: set[str]) -> None:
    """Until the student number is drawn through the application, then by the registrar."""
    record = {"state": state, "application_reference": "A2209-000001"}
    tried = attempt(record, actor=Actor(None, "x", frozenset(roles)))
    rules = ("withdrawn_through_the_application", "follow_up_is_in_time")
    assert {code for rule in rules for code in codes(rule, tried)} == blocked


@pytest.mark.parametrize(("state", "blocked"), [("admitted", []), ("withdrawn", ["application_is_admitted"])])
def test_r1_4_application_is_admitted(state: str, blocked: list[str]) -> None:
    assert codes("application_is_admitted", attempt({"application_state": state})) == blocked


@pytest.mark.parametrize(("taken", "blocked"), [(False, []), (True, ["diploma_number_is_free"])])
def test_r3_9_diploma_number_is_free(taken: bool, blocked: list[str]) -> None:
    record = {"number_is_taken": lambda column, number: taken and column == "diploma_number"}
    assert codes("diploma_number_is_free", attempt(record, {"diploma_number": GOOD})) == blocked


@pytest.mark.parametrize(
    ("certificates", "issued", "blocked"),
    [
        (["4"], None, []),
        ([], None, ["holds_a_skill_certificate"]),
        (["4"], date(2025, 2, 1), ["double_certificate_not_issued"]),
    ],
)
def test_r3_9_double_certificate(certificates: list[str], issued: date | None, blocked: list[str]) -> None:
    tried = attempt({"certificates": certificates, "double_certificate_on": issued})
    found = [c for r in ("holds_a_skill_certificate", "double_certificate_not_issued") for c in codes(r, tried)]
    assert found == blocked


@pytest.mark.parametrize(
    ("intake", "today", "blocked"),
    [
        ("2209", date(2022, 9, 1), []),
        ("2209", date(2022, 8, 31), ["registration_month_reached"]),
        ("2303", date(2023, 2, 28), ["registration_month_reached"]),
    ],
)
def test_r3_5_registration_month_reached(intake: str, today: date, blocked: list[str]) -> None:
    assert codes("registration_month_reached", attempt({"intake": intake}, today=today)) == blocked


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        ({"formative": "0", "final": "100"}, []),
        ({"formative": "", "final": "60"}, []),
        ({"final": "60"}, []),
        ({"formative": "101", "final": "60"}, ["formative"]),
        ({"formative": "-1", "final": "6.5"}, ["formative", "final"]),
        ({"formative": "缺考"}, ["formative"]),
        ({}, ["final"]),
        ({"formative": "", "final": ""}, ["final"]),
    ],
)
def test_r3_6_scores_are_sound(given: dict[str, str], blocked: list[str]) -> None:
    """Absent is not zero: a part that is not given stays empty."""
    assert [r.field for r in reasons("scores_are_sound", attempt(given=given))] == blocked


def test_r3_6_course_is_in_plan() -> None:
    for code in (COURSES[0]["code"], COURSES[-1]["code"]):
        assert codes("course_is_in_plan", attempt({"major": "530701"}, {"course": code})) == []
    for code in ("", "99999"):
        assert codes("course_is_in_plan", attempt({"major": "530701"}, {"course": code})) == ["course_is_in_plan"]


@pytest.mark.parametrize(
    ("day", "blocked"),
    [
        (date(2022, 9, 10), []),
        (date(2025, 3, 3), []),
        (date(2022, 9, 9), ["sitting_within_study"]),
        (date(2025, 3, 4), ["sitting_within_study"]),
        (None, ["sitting_within_study"]),
    ],
)
def test_r3_6_sitting_within_study(day: date | None, blocked: list[str]) -> None:
    given = {"sat_on": day} if day else {}
    assert codes("sitting_within_study", attempt({"confirmed_on": date(2022, 9, 10)}, given)) == blocked


@pytest.mark.parametrize(
    ("code", "day", "blocked"),
    [
        ("10001", date(2023, 6, 1), ["sitting_not_recorded"]),
        ("10001", date(2023, 6, 2), []),
        ("10002", date(2023, 6, 1), []),
    ],
)
def test_r3_6_a_resit_is_a_later_sitting(code: str, day: date, blocked: list[str]) -> None:
    scores: list[Any] = [SimpleNamespace(course="10001", sat_on=date(2023, 6, 1))]
    given = {"course": code, "sat_on": day}
    assert codes("sitting_not_recorded", attempt({"scores": scores}, given)) == blocked


# Changes and ends (R3.5, R3.10)


@pytest.mark.parametrize(
    ("intake", "day", "term"),
    [
        ("2209", date(2022, 9, 1), 1),
        ("2209", date(2023, 2, 28), 1),
        ("2209", date(2023, 3, 1), 2),
        ("2209", date(2023, 9, 1), 3),
        ("2303", date(2023, 8, 31), 1),
        ("2303", date(2023, 9, 1), 2),
        ("2303", date(2024, 3, 1), 3),
    ],
)
def test_r3_10_terms_are_half_years_from_the_registration_month(intake: str, day: date, term: int) -> None:
    assert term_of(intake, day) == term
    assert term_begins(intake, term) <= day < term_begins(intake, term + 1)


def student(**changes: Any) -> dict[str, Any]:
    person = SimpleNamespace(name="刘伟", id_number="371425198501019993")
    return {
        "intake": "2209", "major": "530701", "point": "371425-01", "major_changes": [], "papers": frozenset(),
        "person": person, "number_is_anothers": lambda number: False, "ends_on": date(2030, 9, 10),
        "warned_months": None,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("today", "changes", "expected"),
    [
        (date(2023, 2, 28), [], ["not_in_first_term"]),
        (date(2023, 3, 1), [], []),
        (date(2023, 8, 31), [date(2023, 3, 1)], ["no_change_this_term"]),
        (date(2023, 9, 1), [date(2023, 3, 1)], []),
    ],
)
def test_edge_25_when_the_major_can_be_changed(today: date, changes: list[date], expected: list[str]) -> None:
    tried = attempt(student(major_changes=changes), today=today)
    assert [c for rule in ("not_in_first_term", "no_change_this_term") for c in codes(rule, tried)] == expected


@pytest.mark.parametrize(
    ("major", "consent", "expected"),
    [
        ("530302", None, []),
        ("大数据与会计", None, []),
        ("530701", None, ["new_major_is_known"]),
        ("电子商务", None, ["new_major_is_known"]),
        ("会计", None, ["new_major_is_known"]),
        ("5207", None, ["new_major_is_known"]),
        ("520201", None, ["consent_to_leave_the_programme"]),
        ("520201", "yes", []),
    ],
)
def test_edge_24_which_major_can_be_taken(major: str, consent: str | None, expected: list[str]) -> None:
    tried = attempt(student(), {"new_major": major, "consent": consent})
    rules = ("new_major_is_known", "consent_to_leave_the_programme")
    assert [c for rule in rules for c in codes(rule, tried)] == expected


@pytest.mark.parametrize(
    ("point", "expected"),
    [("371402-01", []), ("德城区教学点", []), ("371425-01", ["new_point_is_known"]), ("", ["new_point_is_known"])],
)
def test_edge_22_which_point_can_be_taken(point: str, expected: list[str]) -> None:
    assert codes("new_point_is_known", attempt(student(), {"new_point": point})) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"new_id_number": "371425198501029990"}, ["id_number_checksum"]),
        ({"new_id_number": "371425850102999"}, []),
        ({"new_id_number": "3714"}, ["id_number_format"]),
        ({"new_name": "刘·"}, ["name_format"]),
        ({"new_name": "刘维"}, []),
        ({"new_name": "刘 伟"}, ["correction_is_sound"]),
        ({"new_id_number": "371425 19850101 9993"}, ["correction_is_sound"]),
        ({}, ["correction_is_sound"]),
    ],
)
def test_edge_05_what_is_a_correction(given: dict[str, str], expected: list[str]) -> None:
    assert codes("correction_is_sound", attempt(student(), given)) == expected


@pytest.mark.parametrize(
    ("today", "warned", "due"),
    [
        (date(2028, 9, 9), None, None),
        (date(2028, 9, 10), None, 24),
        (date(2028, 9, 10), 24, None),
        (date(2029, 9, 9), 24, None),
        (date(2029, 9, 10), 24, 12),
        (date(2029, 9, 10), None, 12),
        (date(2030, 3, 10), 12, 6),
        (date(2030, 9, 9), 6, None),
        (date(2030, 9, 10), None, None),
    ],
)
def test_edge_31_which_warning_is_due(today: date, warned: int | None, due: int | None) -> None:
    assert warning_due(POLICY, date(2030, 9, 10), warned, today) == due
    blocked = codes("a_warning_is_due", attempt(student(warned_months=warned), today=today))
    assert blocked == ([] if due else ["a_warning_is_due"])


@pytest.mark.parametrize(("today", "over"), [(date(2030, 9, 9), False), (date(2030, 9, 10), True)])
def test_edge_31_the_years_are_over_on_the_day(today: date, over: bool) -> None:
    assert codes("years_are_over", attempt(student(), today=today)) == ([] if over else ["years_are_over"])


def test_edge_30_a_short_module_is_named_with_what_is_missing() -> None:
    passed = [c["code"] for c in COURSES if c["module"] != "general"]
    record = student(scores=[SimpleNamespace(course=c, passed=True) for c in passed], credits=90)
    [reason] = reasons("modules_reached", attempt(record))
    assert reason.facts["module"] == "table:modules:general"
    assert reason.facts["missing"] == next(m for m in modules(POLICY, "530701", passed) if m.missing).minimum


def test_a_major_without_a_plan_here_is_never_complete() -> None:
    assert codes("credits_reached", attempt(student(major="520201", credits=0))) == ["credits_reached"]
