"""What a certification and an exam session must fulfil (R4.1 to R4.7)."""

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
        (SimpleNamespace(occupation="welder", level="4", state="open", held_on=EXAM), []),
        (SimpleNamespace(occupation="welder", level="5", state="open", held_on=EXAM), ["session_fits"]),
        (SimpleNamespace(occupation="cook", level="4", state="open", held_on=EXAM), ["session_fits"]),
        (SimpleNamespace(occupation="welder", level="4", state="planned", held_on=EXAM), ["session_fits"]),
        (SimpleNamespace(occupation="welder", level="4", state="seated", held_on=EXAM), ["session_fits"]),
        (SimpleNamespace(occupation="welder", level="4", state="open", held_on=date(2024, 5, 17)), ["session_fits"]),
        (None, ["session_fits"]),
    ],
)
def test_r4_4_session_fits(session: Any, blocked: list[str]) -> None:
    record = {"session_named": lambda _reference: session, "occupation": "welder", "level": "4"}
    assert codes("session_fits", attempt(record, {"session": "X2405-001"}, today=EXAM)) == blocked


@pytest.mark.parametrize(
    ("new", "session_state", "blocked"),
    [
        ("X2405-002", "open", []),
        ("X2405-002", "seated", []),
        ("X2405-002", "held", ["new_session_fits"]),
        ("X2405-001", "open", ["same_session"]),
    ],
)
def test_r4_4_new_session_fits(new: str, session_state: str, blocked: list[str]) -> None:
    session = SimpleNamespace(occupation="welder", level="4", state=session_state, held_on=EXAM)
    record = {
        "session_named": lambda _reference: session, "occupation": "welder", "level": "4",
        "session_reference": "X2405-001",
    }  # fmt: skip
    assert codes("new_session_fits", attempt(record, {"new_session": new}, today=EXAM)) == blocked


@pytest.mark.parametrize(("hours", "blocked"), [(40, []), (None, ["is_trained"])])
def test_r4_is_trained(hours: int | None, blocked: list[str]) -> None:
    assert codes("is_trained", attempt({"hours": hours})) == blocked


@pytest.mark.parametrize(
    ("end", "blocked"),
    [(None, []), (EXAM, []), (date(2024, 5, 17), ["id_card_is_valid"])],
)
def test_r4_4_id_card_is_valid(end: date | None, blocked: list[str]) -> None:
    record = {"session_named": lambda _reference: SimpleNamespace(held_on=EXAM)}
    assert codes("id_card_is_valid", attempt(record, {"session": "X", "id_card_until": end})) == blocked


RESITS = POLICY.get("certification.resits_max")


@pytest.mark.parametrize(("used", "blocked"), [(0, []), (RESITS, []), (RESITS + 1, ["resits_left"])])
def test_r4_3_resits_left(used: int, blocked: list[str]) -> None:
    """R4.3: one first sitting and the re-sits of the policy."""
    assert codes("resits_left", attempt({"sittings_used": used})) == blocked


@pytest.mark.parametrize(("resit", "blocked"), [(None, []), ("C2209-000002", ["resit_not_planned"])])
def test_r4_3_resit_not_planned(resit: str | None, blocked: list[str]) -> None:
    assert codes("resit_not_planned", attempt({"resit_reference": resit})) == blocked


@pytest.mark.parametrize(
    ("until", "banned"), [(None, False), (date(2024, 5, 17), False), (EXAM, True), (date(2025, 1, 1), True)]
)
@pytest.mark.parametrize("field", ["session", "new_session"])
def test_r4_7_not_banned(until: date | None, banned: bool, field: str) -> None:
    """R4.7: the last day of a ban is a day of it; what counts is the day of the session."""
    record = {"session_named": lambda _reference: SimpleNamespace(held_on=EXAM), "banned_until": until}
    found = reasons("not_banned", attempt(record, {field: "X2405-001"}, today=date(2024, 3, 1)))
    assert [reason.field for reason in found] == ([field] if banned else [])


@pytest.mark.parametrize(
    ("held_on", "until", "blocked"),
    [
        (None, EXAM, ["ban_is_over"]),
        (None, date(2024, 5, 17), []),
        (date(2024, 5, 19), EXAM, []),
        (date(2024, 5, 1), EXAM, ["ban_is_over"]),
        (EXAM, None, []),
    ],
)
def test_r4_7_ban_is_over(held_on: date | None, until: date | None, blocked: list[str]) -> None:
    """R4.7: today, or a sitting still to come; a past sitting does not count."""
    assert codes("ban_is_over", attempt({"held_on": held_on, "banned_until": until}, today=EXAM)) == blocked


LENGTH = POLICY.get("certification.sitting_minutes")


@pytest.mark.parametrize(
    ("held_on", "starts", "clash"),
    [
        (EXAM, "09:00", True),
        (EXAM, f"{9 + (LENGTH - 1) // 60:02d}:{(LENGTH - 1) % 60:02d}", True),
        (EXAM, f"{9 + LENGTH // 60:02d}:{LENGTH % 60:02d}", False),
        (date(2024, 5, 19), "09:00", False),
    ],
)
@pytest.mark.parametrize(
    "rule", ["sittings_do_not_overlap", "new_sitting_does_not_overlap", "own_sitting_does_not_overlap"]
)
def test_r4_4_sittings_do_not_overlap(held_on: date, starts: str, clash: bool, rule: str) -> None:
    """R4.4: two sittings of one day that start less than a sitting apart."""
    session = SimpleNamespace(held_on=EXAM, starts="09:00")
    other = SimpleNamespace(session="X2405-009", held_on=held_on, starts=starts)
    record = {"session": session, "session_named": lambda _reference: session, "other_sittings": [other]}
    found = reasons(rule, attempt(record, {"session": "X", "new_session": "X"}))
    assert [reason.facts["other"] for reason in found] == (["X2405-009"] if clash else [])


@pytest.mark.parametrize(("seat", "blocked"), [(("A101", 1), []), (None, ["new_session_has_a_seat"])])
def test_r4_4_new_session_has_a_seat(seat: tuple[str, int] | None, blocked: list[str]) -> None:
    record = {"session_named": lambda _reference: SimpleNamespace(), "free_seat_in": lambda _session: seat}
    assert codes("new_session_has_a_seat", attempt(record, {"new_session": "X"})) == blocked


def candidates(*states: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(reference=f"C2209-{n:06d}", state=state) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "seats", "rule", "blocked"),
    [
        ((), 1, "somebody_has_entered", True),
        (("entered",), 1, "somebody_has_entered", False),
        (("entered", "seated"), 2, "seats_for_all", False),
        (("entered", "seated", "entered"), 2, "seats_for_all", True),
        (("seated",), 2, "everybody_is_seated", False),
        (("seated", "entered"), 2, "everybody_is_seated", True),
    ],
)
def test_r4_4_a_session_and_its_seats(states: tuple[str, ...], seats: int, rule: str, blocked: bool) -> None:
    record = {"candidates": candidates(*states), "rooms": [{"room": "A101", "seats": seats}]}
    assert codes(rule, attempt(record)) == ([rule] if blocked else [])


def test_r4_4_a_seat_needs_an_open_session_with_room() -> None:
    assert codes("session_is_open", attempt({"session_state": "open"})) == []
    assert codes("session_is_open", attempt({"session_state": "seated"})) == []
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


UNSAT = {"theory": None, "theory_on": None, "practical": None, "practical_on": None, "held_on": EXAM}


@pytest.mark.parametrize(
    ("since", "theory", "faulty", "passed"),
    [
        (date(2023, 5, 18), None, [], True),
        (date(2023, 5, 18), "80", ["part_is_kept"], None),
        (date(2023, 5, 17), None, ["marks_are_sound"], None),
        (date(2023, 5, 17), "80", [], True),
        (date(2023, 5, 17), "59", [], False),
        (EXAM, "80", [], True),
    ],
)
def test_r4_3_a_kept_part(since: date, theory: str | None, faulty: list[str], passed: bool | None) -> None:
    """R4.3: a part passed within twelve months to the day counts and is not sat again; later it is asked anew."""
    given = {"practical": "60"} | ({"theory": theory} if theory else {})
    tried = attempt(UNSAT | {"theory": 75, "theory_on": since}, given)
    assert codes("marks_are_sound", tried) == faulty
    if passed is not None:
        assert holds("both_parts_pass", tried) is passed


PUBLISHED = date(2024, 5, 30)


@pytest.mark.parametrize(
    ("published", "today", "blocked"),
    [
        (None, PUBLISHED, ["scores_are_published"]),
        (PUBLISHED, PUBLISHED, []),
        (PUBLISHED, date(2024, 6, 6), []),
        (PUBLISHED, date(2024, 6, 7), ["objection_in_time"]),
    ],
)
def test_r4_5_objection_in_time(published: date | None, today: date, blocked: list[str]) -> None:
    """R4.5: five working days after publication, the last included."""
    tried = attempt({"published_on": published}, today=today)
    assert codes("scores_are_published", tried) + codes("objection_in_time", tried) == blocked


@pytest.mark.parametrize(
    ("made", "closed", "blocked"),
    [
        (None, None, ["objection_is_open"]),
        (PUBLISHED, None, ["not_objected_yet", "no_objection_is_open"]),
        (PUBLISHED, PUBLISHED, ["not_objected_yet", "objection_is_open"]),
    ],
)
def test_r4_5_one_objection(made: date | None, closed: date | None, blocked: list[str]) -> None:
    tried = attempt({"objection_on": made, "objection_closed_on": closed})
    rules = ("not_objected_yet", "objection_is_open", "no_objection_is_open")
    assert [code for rule in rules for code in codes(rule, tried)] == blocked


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
    tried = attempt(UNSAT, {"theory": theory, "practical": practical})
    assert [r.field for r in reasons("marks_are_sound", tried)] == faulty
    if passed is not None:
        assert holds("both_parts_pass", tried) is passed


def test_r4_3_the_full_mark_is_policy() -> None:
    tried = attempt(UNSAT, {"theory": "101", "practical": "101"}, policy=changed("certification.full_mark", 150))
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
    tried = attempt({"held_on": EXAM}, {"certified_on": day}, today=date(2024, 7, 1))
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


def test_r4_4_a_level_that_is_not_examined_is_told_those_that_are() -> None:
    [reason] = reasons("session_is_described", attempt(given=SESSION | {"level": "5"}))
    assert (reason.field, reason.facts["levels"]) == ("level", "4, 3, 2, 1")


@pytest.mark.parametrize(("number", "blocked"), [(None, []), (0, []), (3, ["all_candidates_scored"])])
def test_r4_5_all_candidates_scored(number: int | None, blocked: list[str]) -> None:
    assert codes("all_candidates_scored", attempt({"candidates_without_scores": number})) == blocked
