"""What a certification and an exam session must fulfil (R4.1 to R4.6)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from edu_pilot.rules.certification import whole
from tests.rules.shipped import POLICY, attempt, changed, codes, holds, reasons

EXAM = date(2024, 5, 18)


@pytest.mark.parametrize(
    ("text", "number"),
    [("40", 40), (" 7 ", 7), ("", None), (None, None), ("4.5", None), ("-1", None), ("12345", None), ("x", None)],
)
def test_a_whole_number_is_read(text: str | None, number: int | None) -> None:
    assert whole(text) == number


@pytest.mark.parametrize(("number", "blocked"), [("2237006450001", []), (None, ["status_confirmed"])])
def test_r4_1_status_confirmed(number: str | None, blocked: list[str]) -> None:
    assert codes("status_confirmed", attempt({"student_number": number})) == blocked


HOURS, ATTENDANCE = POLICY.get("certification.training_hours_min"), POLICY.get("certification.attendance_min_percent")


@pytest.mark.parametrize(
    ("hours", "attendance", "faulty"),
    [
        (str(HOURS), str(ATTENDANCE), []),
        (str(HOURS - 1), str(ATTENDANCE), ["hours"]),
        (str(HOURS), str(ATTENDANCE - 1), ["attendance_percent"]),
        (str(HOURS), "101", ["attendance_percent"]),
        ("many", "", ["hours", "attendance_percent"]),
    ],
)
def test_r4_training_is_enough(hours: str, attendance: str, faulty: list[str]) -> None:
    given = {"hours": hours, "attendance_percent": attendance}
    assert [r.field for r in reasons("training_is_enough", attempt(given=given))] == faulty


@pytest.mark.parametrize(
    ("session", "blocked"),
    [
        (SimpleNamespace(occupation="welder", level="4", state="open"), []),
        (SimpleNamespace(occupation="welder", level="5", state="open"), ["session_fits"]),
        (SimpleNamespace(occupation="cook", level="4", state="open"), ["session_fits"]),
        (SimpleNamespace(occupation="welder", level="4", state="planned"), ["session_fits"]),
        (None, ["session_fits"]),
    ],
)
def test_r4_4_session_fits(session: Any, blocked: list[str]) -> None:
    record = {"session_named": lambda _reference: session, "occupation": "welder", "level": "4"}
    assert codes("session_fits", attempt(record, {"session": "X2405-001"})) == blocked


def test_r4_4_a_seat_needs_an_open_session_with_room() -> None:
    assert codes("session_is_open", attempt({"session_state": "open"})) == []
    assert codes("session_is_open", attempt({"session_state": "held"})) == ["session_is_open"]
    assert codes("a_seat_is_free", attempt({"free_seat": ("A101", 1)})) == []
    assert codes("a_seat_is_free", attempt({"free_seat": None})) == ["a_seat_is_free"]


@pytest.mark.parametrize(
    ("today", "blocked"),
    [(EXAM, []), (date(2024, 5, 19), []), (date(2024, 5, 17), ["session_day_reached"])],
)
def test_r4_4_session_day_reached(today: date, blocked: list[str]) -> None:
    assert codes("session_day_reached", attempt({"held_on": EXAM}, today=today)) == blocked
    assert codes("session_day_reached", attempt({"held_on": None}, today=today)) == ["session_day_reached"]


@pytest.mark.parametrize(
    ("theory", "practical", "faulty", "passed"),
    [
        ("60", "60", [], True),
        ("100", "100", [], True),
        ("59", "100", [], False),
        ("100", "59", [], False),
        ("0", "0", [], False),
        ("101", "60", ["theory"], None),
        ("", "x", ["theory", "practical"], None),
    ],
)
def test_r4_3_both_parts_pass(theory: str, practical: str, faulty: list[str], passed: bool | None) -> None:
    """R4.3: each of 100, both at least 60; an empty mark is none."""
    tried = attempt(given={"theory": theory, "practical": practical})
    assert [r.field for r in reasons("marks_are_sound", tried)] == faulty
    if passed is not None:
        assert holds("both_parts_pass", tried) is passed


def test_r4_3_the_full_mark_is_policy() -> None:
    tried = attempt(given={"theory": "101", "practical": "101"}, policy=changed("certification.full_mark", 150))
    assert codes("marks_are_sound", tried) == []
    assert holds("both_parts_pass", tried)


GOOD = "S000037000000244000001"


@pytest.mark.parametrize(
    ("number", "fine"),
    [
        (GOOD, True),
        ("Y" + GOOD[1:], True),
        ("Z" + GOOD[1:], False),
        ("s" + GOOD[1:], False),
        (GOOD[:5] + "11" + GOOD[7:], False),
        (GOOD[:13] + "23" + GOOD[15:], False),
        (GOOD[:15] + "3" + GOOD[16:], False),
        (GOOD[:-1], False),
        (GOOD + "0", False),
        ("", False),
    ],
)
def test_r4_6_certificate_number_is_sound(number: str, fine: bool) -> None:
    """Letter and 21 digits; province, year and the level taken stand inside."""
    assert len(GOOD) == 22
    given = {"certificate_number": number, "certified_on": date(2024, 6, 28)}
    assert (codes("certificate_number_is_sound", attempt({"level": "4"}, given)) == []) is fine


@pytest.mark.parametrize(
    ("day", "fine"),
    [(EXAM, True), (date(2024, 6, 28), True), (date(2024, 5, 17), False), (date(2024, 7, 2), False), (None, False)],
)
def test_r4_6_certificate_not_before_exam(day: date | None, fine: bool) -> None:
    tried = attempt({"practical_on": EXAM}, {"certified_on": day}, today=date(2024, 7, 1))
    assert (codes("certificate_not_before_exam", tried) == []) is fine


@pytest.mark.parametrize("taken", [True, False])
def test_r4_6_certificate_number_is_free(taken: bool) -> None:
    record = {"number_is_taken": lambda _column, _number: taken}
    found = codes("certificate_number_is_free", attempt(record, {"certificate_number": GOOD}))
    assert found == (["certificate_number_is_free"] if taken else [])


SESSION = {
    "occupation": "ecommerce_specialist", "level": "4", "starts": "09:00",
    "rooms": [{"room": "A101", "seats": 30}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "faulty"),
    [
        ({}, []),
        ({"occupation": "king"}, ["occupation_unknown"]),
        ({"level": "5"}, ["occupation_unknown"]),
        ({"starts": "24:00"}, ["starts_malformed"]),
        ({"starts": "9:00"}, ["starts_malformed"]),
        ({"rooms": [{"room": "A101"}]}, ["rooms_malformed"]),
        ({"rooms": [{"room": "", "seats": 3}]}, ["rooms_malformed"]),
        ({"rooms": [{"room": "A101", "seats": 0}]}, ["rooms_malformed"]),
        ({"rooms": [{"room": "A101", "seats": True}]}, ["rooms_malformed"]),
        ({"rooms": [{"room": "A101", "seats": 3}, {"room": "A101", "seats": 3}]}, ["rooms_malformed"]),
        ({"rooms": ["A101"]}, ["rooms_malformed"]),
        (
            {"occupation": "x", "starts": "x", "rooms": ["x"]},
            ["occupation_unknown", "starts_malformed", "rooms_malformed"],
        ),
    ],
)
def test_r4_4_session_is_described(change: dict[str, Any], faulty: list[str]) -> None:
    assert codes("session_is_described", attempt(given=SESSION | change)) == faulty


@pytest.mark.parametrize(("number", "blocked"), [(None, []), (0, []), (3, ["all_candidates_scored"])])
def test_r4_5_all_candidates_scored(number: int | None, blocked: list[str]) -> None:
    assert codes("all_candidates_scored", attempt({"candidates_without_scores": number})) == blocked
