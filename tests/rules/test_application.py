"""What an application must fulfil on its way to admission (R1.2 to R1.4, R3.1 to R3.4)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from edu_pilot.workflow.registry import Actor
from tests.rules.shipped import CLERK, POLICY, attempt, codes, holds, reasons

PAPERS = frozenset(POLICY.get("papers"))
REGISTRAR = Actor("2", "chen.hui", frozenset({"registrar"}))
STUDENT = Actor(None, "student", frozenset({"student"}), None, "key of liu wei")


def test_the_pilot_sends_a_thousand_in_three_years() -> None:
    """R1.1: 1,000 migrant workers, the intakes of 2022, 2023 and 2024, six majors in the first year."""
    places = POLICY.get("quota.hard")
    assert sum(places[year] for year in ("2022", "2023", "2024")) == POLICY.get("programme.pilot_target")
    assert POLICY.get("programme.pilot_target") == 1000
    assert len([m for m in POLICY.table("majors") if m["from_intake"] <= "2209"]) == 6


@pytest.mark.parametrize("year", POLICY.get("quota.hard"))
def test_the_shares_of_the_counties_make_the_places_of_the_year(year: str) -> None:
    """R1.4: each county has a share, and they sum to the year."""
    shares = POLICY.get("quota.shares")[year]
    assert sum(shares.values()) == POLICY.get("quota.hard")[year]
    assert set(shares) == {row["code"] for row in POLICY.table("counties")}


@pytest.mark.parametrize(
    ("missing", "blocked"),
    [(set(), []), ({"portrait"}, ["papers_complete"]), (set(PAPERS), ["papers_complete"])],
)
def test_r3_2_papers_complete(missing: set[str], blocked: list[str]) -> None:
    tried = attempt({"papers": PAPERS - missing})
    assert codes("papers_complete", tried) == blocked
    for reason in reasons("papers_complete", tried):
        assert set(str(reason.facts["papers"]).removeprefix("policy:papers:").split(",")) == missing


@pytest.mark.parametrize(
    ("rule", "field", "fine", "faulty"),
    [
        ("school_stated", "previous_school", ["齐河一中"], [None, ""]),
        ("union_membership_stated", "union_member", [True, False], [None]),
    ],
)
def test_r3_2_what_must_be_stated(rule: str, field: str, fine: list[Any], faulty: list[Any]) -> None:
    """No data is not a no: a worker who is no member has stated it."""
    assert [codes(rule, attempt({field: value})) for value in fine] == [[]] * len(fine)
    assert [codes(rule, attempt({field: value})) for value in faulty] == [[rule]] * len(faulty)


@pytest.mark.parametrize(
    ("employer", "job", "blocked"),
    [("公司", "电工", []), ("公司", "", ["work_stated"]), (None, "电工", ["work_stated"])],
)
def test_r3_2_work_stated(employer: str | None, job: str | None, blocked: list[str]) -> None:
    assert codes("work_stated", attempt({"employer": employer, "job": job})) == blocked


@pytest.mark.parametrize(
    ("actor", "county", "blocked"),
    [
        (CLERK, "齐河县", []),
        (CLERK, "371425", []),
        (CLERK, "德城区", ["county_not_yours"]),
        (CLERK, "火星", []),
        (CLERK, None, []),
        (REGISTRAR, "德城区", []),
    ],
)
def test_r6_3_draft_is_for_my_county(actor: Actor, county: str | None, blocked: list[str]) -> None:
    """A county nobody knows is a fault of its own."""
    given = {"county": county} if county else {}
    assert codes("draft_is_for_my_county", attempt(given=given, actor=actor)) == blocked


@pytest.mark.parametrize(
    ("actor", "number", "blocked"),
    [
        (STUDENT, "of liu wei", []),
        (STUDENT, "of somebody", ["draft_is_my_own"]),
        (STUDENT, None, ["draft_is_my_own"]),
        (CLERK, "of somebody", []),
    ],
)
def test_r3_1_draft_is_my_own(actor: Actor, number: str | None, blocked: list[str]) -> None:
    record = {"key_of_input": lambda text: f"key {text}" if text else None, "id_index": None}
    given = {"id_number": number} if number else {}
    assert codes("draft_is_my_own", attempt(record, given, actor=actor)) == blocked


def test_r3_1_an_amendment_without_a_number_is_still_ones_own() -> None:
    record = {"id_index": STUDENT.person_key}
    assert codes("draft_is_my_own", attempt(record, actor=STUDENT)) == []
    nobody = Actor(None, "student", frozenset({"student"}))
    assert codes("draft_is_my_own", attempt({"id_index": None}, actor=nobody)) == ["draft_is_my_own"]


@pytest.mark.parametrize(
    ("county", "blocked"),
    [("齐河县", []), ("371402", []), (None, []), ("火星", ["county_unknown"]), ("371402x", ["county_unknown"])],
)
def test_r1_3_draft_county_is_known(county: str | None, blocked: list[str]) -> None:
    given = {"county": county} if county else {}
    assert codes("draft_county_is_known", attempt(given=given)) == blocked


REGISTERED = {"registered_on": date(2022, 7, 5), "county": "371425", "point": "371425-01"}


@pytest.mark.parametrize(
    ("record", "given", "faulty"),
    [
        ({"registered_on": None}, {"county": "德城区"}, []),
        (REGISTERED, {}, []),
        (REGISTERED, {"county": "齐河县", "point": "齐河县教学点"}, []),
        (REGISTERED, {"county": "371425", "point": "371425-01"}, []),
        (REGISTERED, {"county": "德城区"}, ["county"]),
        (REGISTERED, {"county": "德城区", "point": "德城区教学点"}, ["county", "point"]),
    ],
)
def test_r1_4_registered_place_is_kept(record: dict[str, Any], given: dict[str, str], faulty: list[str]) -> None:
    found = reasons("registered_place_is_kept", attempt(record, given))
    assert [reason.field for reason in found] == faulty
    assert {reason.code for reason in found} <= {"registered_place_is_kept"}


@pytest.mark.parametrize(
    ("until", "blocked"),
    [(date(2025, 3, 2), []), (date(2025, 3, 3), ["answer_is_late"]), (None, ["answer_is_late"])],
)
def test_r3_3_answer_is_late(until: date | None, blocked: list[str]) -> None:
    """The last day is in time."""
    assert codes("answer_is_late", attempt({"answer_until": until}, today=date(2025, 3, 3))) == blocked


@pytest.mark.parametrize("place", ["reserved", "used", "released", "none"])
def test_r1_4_place_is_reserved(place: str) -> None:
    assert codes("place_is_reserved", attempt({"place": place})) == (
        [] if place == "reserved" else ["place_is_reserved"]
    )


@pytest.mark.parametrize(
    ("major", "intake", "blocked"),
    [
        ("530701", "2209", []),
        ("530701", "2403", []),
        ("530701", "2203", ["major_still_offered"]),
        ("999999", "2209", ["major_still_offered"]),
    ],
)
def test_r3_4_major_still_offered(major: str, intake: str, blocked: list[str]) -> None:
    assert codes("major_still_offered", attempt({"major": major, "intake": intake})) == blocked


# place, free places, ahead in the queue, state, what happens
QUEUE: list[tuple[str, int, int, str, list[str], bool]] = [
    ("reserved", 0, 0, "verified", [], True),
    ("reserved", 0, 5, "verified", [], True),
    ("none", 1, 0, "verified", [], True),
    ("none", 1, 2, "verified", ["next_in_the_queue"], True),
    ("none", 0, 0, "verified", [], False),
    ("none", 0, 2, "verified", [], False),
    ("none", 1, 0, "waitlisted", [], True),
    ("none", 1, 1, "waitlisted", ["next_in_the_queue"], True),
    ("none", 0, 0, "waitlisted", ["next_in_the_queue"], False),
    ("none", 0, 3, "waitlisted", ["next_in_the_queue"], False),
    ("released", 1, 0, "verified", [], True),
]


@pytest.mark.parametrize(("place", "free", "ahead", "state", "blocked", "has_place"), QUEUE)
def test_r1_4_next_in_the_queue(
    place: str, free: int, ahead: int, state: str, blocked: list[str], has_place: bool
) -> None:
    """A reserved place is the applicant's own; a free one goes to the list in its order."""
    record = {"place": place, "places_free": free, "waiting_ahead": ahead, "state": state, "intake": "2209"}
    assert codes("next_in_the_queue", attempt(record)) == blocked
    assert holds("has_a_place", attempt(record)) is has_place


@pytest.mark.parametrize(
    ("state", "blocked"),
    [
        (None, []),
        ("enrolled", []),
        ("studying", ["student_number_not_confirmed"]),
        ("graduated", ["student_number_not_confirmed"]),
        ("withdrawn", ["student_number_not_confirmed"]),
    ],
)
def test_r1_4_student_number_not_confirmed(state: str | None, blocked: list[str]) -> None:
    assert codes("student_number_not_confirmed", attempt({"study_state": state})) == blocked


@pytest.mark.parametrize(
    ("county", "point", "blocked"),
    [
        ("德城区", "德城区教学点", []),
        ("371402", "371402-01", []),
        ("齐河县", "德城区教学点", ["new_place_is_known"]),
        ("火星", "德城区教学点", ["new_place_is_known"]),
        ("德城区", "", ["new_place_is_known"]),
    ],
)
def test_r1_3_new_place_is_known(county: str, point: str, blocked: list[str]) -> None:
    given = {"new_county": county, "new_point": point}
    assert codes("new_place_is_known", attempt({"intake": "2209", "major": "530701"}, given)) == blocked
