"""The places of a year are hard; who finds none waits in order and moves up by itself (R1.4)."""

from __future__ import annotations

from datetime import date

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import due, outbox
from edu_pilot.services.actors import SYSTEM
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import (
    ADMITTED,
    CONFIRMED,
    GRADUATED,
    SIGN_UP,
    VERIFIED,
    Pilot,
    on,
    publish_places,
    row,
    rows,
    state,
)
from tests.people import DECHENG, worker


def states(references: list[str]) -> list[str]:
    return [state("application", reference) for reference in references]


def places() -> tuple[int, int, int]:
    """Give places, reserved and used of 2022, once they agree with the applications."""
    year = rows("quota", year="2022")[0]
    held = [r["place"] for r in rows("application")]
    assert (held.count("reserved"), held.count("used")) == (year["reserved"], year["used"])
    return year["places"], year["reserved"], year["used"]


@pytest.fixture
def five(any_pilot: Pilot) -> list[str]:
    """Give five verified applicants for three places, in the order of their registration."""
    publish_places(3, day=SIGN_UP)
    return [any_pilot.verified(worker(n)) for n in range(5)]


@pytest.fixture
def decided(any_pilot: Pilot, five: list[str]) -> list[str]:
    """Give them after the decision: three admitted, two waiting."""
    for reference in five:
        any_pilot.admit(reference)
    return five


def test_a_place_is_reserved_when_an_application_is_verified(any_pilot: Pilot, five: list[str]) -> None:
    assert [row("application", r)["place"] for r in five] == ["reserved"] * 3 + ["none"] * 2
    assert places() == (3, 3, 0)


def test_exactly_the_places_of_the_year_are_given(decided: list[str]) -> None:
    assert states(decided) == ["admitted"] * 3 + ["waitlisted"] * 2
    assert places() == (3, 0, 3)
    assert len(rows("study")) == len(rows("document", kind="admission_notice")) == 3


def test_nobody_on_the_waiting_list_has_a_study(decided: list[str]) -> None:
    waiting = [row("application", r)["id"] for r in decided[3:]]
    assert not [s for s in rows("study") if s["application_id"] in waiting]


def test_a_withdrawal_moves_the_first_up_by_itself(any_pilot: Pilot, decided: list[str]) -> None:
    any_pilot.withdraw(decided[1])
    with on(ADMITTED):
        outbox.drain()
    assert states(decided) == ["admitted", "withdrawn", "admitted", "admitted", "waitlisted"]
    assert places() == (3, 0, 3)
    moved = rows("audit_entry", reference=decided[3], to_state="admitted")[0]
    assert moved["actor"] == "system"


def test_a_withdrawal_closes_the_study_it_had_opened(any_pilot: Pilot, decided: list[str]) -> None:
    any_pilot.withdraw(decided[0])
    with on(ADMITTED):
        outbox.drain()
    gone = row("application", decided[0])["id"]
    assert [s["state"] for s in rows("study", application_id=gone)] == ["withdrawn"]


def test_edge_18_the_second_waits_for_the_first(any_pilot: Pilot, decided: list[str]) -> None:
    """Even where the first place that frees is not given out at once, nobody jumps the queue."""
    any_pilot.withdraw(decided[0])
    with pytest.raises(Refused) as refusal:
        any_pilot.admit(decided[4])
    assert [r.code for r in refusal.value.reasons] == ["next_in_the_queue"]
    assert refusal.value.reasons[0].facts["ahead"] == 1
    assert any_pilot.admit(decided[3]).state == "admitted"


def test_a_late_comer_does_not_jump_the_queue(any_pilot: Pilot, decided: list[str]) -> None:
    any_pilot.withdraw(decided[0])
    late = any_pilot.verified(worker(9))
    assert row("application", late)["place"] == "none"
    with pytest.raises(Refused) as refusal:
        any_pilot.admit(late)
    assert [r.code for r in refusal.value.reasons] == ["next_in_the_queue"]


def test_edge_19_who_waits_is_told_the_place_in_the_queue(any_pilot: Pilot, decided: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        any_pilot.admit(decided[4])
    facts = refusal.value.reasons[0].facts
    assert (facts["year"], facts["number"]) == ("2022", 2)


def test_a_rejection_gives_its_reserved_place_back(any_pilot: Pilot, five: list[str]) -> None:
    any_pilot.reject(five[0])
    assert places() == (3, 2, 0)


def test_a_reopened_application_may_reserve_again(any_pilot: Pilot, five: list[str]) -> None:
    """R1.4: a place is reserved at verification, also at the second one."""
    any_pilot.reject(five[0])
    any_pilot.act("application", five[0], "reopen", any_pilot.chen_hui, ADMITTED, note="申诉成立")
    any_pilot.act("application", five[0], "verify", any_pilot.chen_hui, ADMITTED)
    assert row("application", five[0])["place"] == "reserved"
    assert places() == (3, 3, 0)


def test_a_reserved_place_outlives_a_correction(any_pilot: Pilot, five: list[str]) -> None:
    """R3.3: who answers in time keeps place and number."""
    before = row("application", five[0])["queue_number"]
    step = ("application", five[0], "return_for_correction", any_pilot.chen_hui, VERIFIED)
    any_pilot.act(*step, faults=["ILLEGIBLE", "WORK_NOT_PROVEN"])
    with on(date(2022, 8, 3)):
        due.run()
    any_pilot.act("application", five[0], "register", any_pilot.wang_fang, date(2022, 8, 3))
    # The day of the answer is over by now; it was given, so nothing lapses.
    with on(date(2022, 8, 4)):
        due.run()
    any_pilot.act("application", five[0], "verify", any_pilot.wang_fang, date(2022, 8, 4))
    after = row("application", five[0])
    assert (after["queue_number"], after["place"]) == (before, "reserved")
    assert places() == (3, 3, 0)


def test_a_late_answer_draws_a_new_number(any_pilot: Pilot, five: list[str]) -> None:
    """R3.3: 10 working days after 20 July 2022 end on 3 August."""
    step = ("application", five[3], "return_for_correction", any_pilot.chen_hui, VERIFIED)
    any_pilot.act(*step, faults=["ILLEGIBLE"])
    assert row("application", five[3])["answer_until"] == date(2022, 8, 3)
    any_pilot.act("application", five[3], "register", any_pilot.wang_fang, date(2022, 8, 4))
    assert row("application", five[3])["queue_number"] == 6


IN_TIME, LATE = date(2022, 8, 3), date(2022, 8, 4)


@pytest.fixture
def unanswered(any_pilot: Pilot, five: list[str]) -> list[str]:
    """Give the five, the first sent back with its reserved place, the fourth on the waiting list."""
    step = ("application", five[0], "return_for_correction", any_pilot.chen_hui, VERIFIED)
    any_pilot.act(*step, faults=["ILLEGIBLE"])
    any_pilot.act("application", five[3], "admit", any_pilot.chen_hui, VERIFIED)
    return five


def test_a_place_is_kept_until_the_last_day_of_the_answer(unanswered: list[str]) -> None:
    with on(IN_TIME):
        assert due.run()["places_given_back"] == 0
    assert row("application", unanswered[0])["place"] == "reserved"
    assert state("application", unanswered[3]) == "waitlisted"


def test_a_place_that_waits_for_a_late_answer_moves_the_first_up(unanswered: list[str]) -> None:
    """R1.4, R3.3: the case itself stays where it is; a second run finds nothing."""
    with on(LATE):
        assert [due.run()["places_given_back"], due.run()["places_given_back"]] == [1, 0]
    assert (state("application", unanswered[0]), state("application", unanswered[3])) == ("returned", "admitted")
    assert row("application", unanswered[0])["place"] == "released"
    assert places() == (3, 2, 1)
    with read() as conn:
        assert not outbox.refused(conn)


def test_a_late_answer_gives_the_reserved_place_back(any_pilot: Pilot, unanswered: list[str]) -> None:
    """R3.3: also on a day on which nobody looked at the calendar yet; then it queues up behind the others."""
    any_pilot.act("application", unanswered[0], "register", any_pilot.wang_fang, LATE)
    late = row("application", unanswered[0])
    assert (late["place"], late["queue_number"], late["answer_until"]) == ("released", 6, None)
    with on(LATE):
        outbox.drain()
    assert state("application", unanswered[3]) == "admitted"
    any_pilot.act("application", unanswered[0], "verify", any_pilot.wang_fang, LATE)
    assert row("application", unanswered[0])["place"] == "released"
    assert places() == (3, 2, 1)


def test_only_the_system_gives_a_late_place_back(any_pilot: Pilot, unanswered: list[str]) -> None:
    for actor in (any_pilot.wang_fang, any_pilot.chen_hui):
        with pytest.raises(Forbidden):
            any_pilot.act("application", unanswered[0], "release_late_place", actor, LATE)
    for day in (VERIFIED, IN_TIME):
        with pytest.raises(Refused) as refusal:
            any_pilot.act("application", unanswered[0], "release_late_place", SYSTEM, day)
        assert [r.code for r in refusal.value.reasons] == ["answer_is_late"]
    assert places() == (3, 3, 0)


def study_of(application: str) -> str:
    """Give the study that an admission opened."""
    return str(rows("study", application_id=row("application", application)["id"])[0]["reference"])


def test_an_unconfirmed_study_is_withdrawn_through_its_application(any_pilot: Pilot, decided: list[str]) -> None:
    """R1.4: else the place would stay with an application that nobody uses."""
    with pytest.raises(Refused) as refusal:
        step = ("study", study_of(decided[0]), "withdraw", any_pilot.chen_hui, ADMITTED)
        any_pilot.act(*step, withdrawal="PERSONAL")
    assert [r.code for r in refusal.value.reasons] == ["withdrawn_through_the_application"]
    assert refusal.value.reasons[0].facts == {"application": decided[0]}
    assert state("study", study_of(decided[0])) == "enrolled"
    assert places() == (3, 0, 3)


def test_a_confirmed_study_is_withdrawn_by_the_registrar_only(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    with pytest.raises(Refused) as refusal:
        any_pilot.act("study", study, "withdraw", SYSTEM, GRADUATED, withdrawal="PERSONAL")
    assert [r.code for r in refusal.value.reasons] == ["follow_up_is_in_time"]
    assert any_pilot.act("study", study, "withdraw", any_pilot.chen_hui, GRADUATED, withdrawal="PERSONAL").state


def test_a_study_is_not_confirmed_once_its_application_is_withdrawn(any_pilot: Pilot, decided: list[str]) -> None:
    """R1.4: also before the follow-up has closed the study."""
    any_pilot.withdraw(decided[0])
    assert state("study", study_of(decided[0])) == "enrolled"
    with pytest.raises(Refused) as refusal:
        any_pilot.act("study", study_of(decided[0]), "confirm_status", any_pilot.chen_hui, CONFIRMED)
    assert [r.code for r in refusal.value.reasons] == ["application_is_admitted"]
    assert row("study", study_of(decided[0]))["student_number"] is None


def test_who_withdrew_can_be_admitted_again(any_pilot: Pilot) -> None:
    """§4: the planned certification goes with the study, and the new one is the next attempt."""
    first = any_pilot.admitted()
    any_pilot.withdraw(first)
    with on(ADMITTED):
        outbox.drain()
    assert [c["state"] for c in rows("certification")] == ["withdrawn"]
    assert any_pilot.admitted() != first
    assert sorted((c["attempt"], c["state"]) for c in rows("certification")) == [(1, "withdrawn"), (2, "planned")]


def test_a_certification_not_yet_sat_ends_with_the_study(any_pilot: Pilot) -> None:
    """R3.10: whoever leaves the programme takes no seat from others."""
    study = any_pilot.studying()
    certification = any_pilot.trained(study)
    any_pilot.act("study", study, "withdraw", any_pilot.chen_hui, GRADUATED, withdrawal="PERSONAL")
    with on(GRADUATED):
        outbox.drain()
    assert state("certification", certification) == "withdrawn"


def test_more_places_go_to_those_who_wait(any_pilot: Pilot, decided: list[str]) -> None:
    """`due run` gives what stayed free to the first of the list; a second run finds nothing."""
    publish_places(4, day=ADMITTED)
    with on(ADMITTED):
        assert [due.run()["moved_up"], due.run()["moved_up"]] == [1, 0]
    assert states(decided) == ["admitted"] * 4 + ["waitlisted"]
    assert places() == (4, 0, 4)


def test_a_move_to_another_county_keeps_the_number(any_pilot: Pilot, decided: list[str]) -> None:
    """R1.4: county shares are soft, the city may move a case."""
    before = row("application", decided[3])["queue_number"]
    step = ("application", decided[3], "move_county", any_pilot.chen_hui, ADMITTED)
    any_pilot.act(*step, new_county="德城区", new_point="德城区教学点")
    after = row("application", decided[3])
    assert (after["county"], after["queue_number"], after["state"]) == (DECHENG, before, "waitlisted")


def test_edge_18_nobody_loses_a_confirmed_place(any_pilot: Pilot, decided: list[str]) -> None:
    """R1.4: after the student number is drawn the application can no longer be withdrawn."""
    admitted = row("application", decided[0])["id"]
    study = rows("study", application_id=admitted)[0]["reference"]
    any_pilot.act("study", study, "confirm_status", any_pilot.chen_hui, date(2022, 9, 10))
    with pytest.raises(Refused) as refusal:
        any_pilot.withdraw(decided[0])
    assert [r.code for r in refusal.value.reasons] == ["student_number_not_confirmed"]
    assert places() == (3, 0, 3)


def test_each_year_has_places_of_its_own(any_pilot: Pilot, decided: list[str]) -> None:
    with on(date(2023, 1, 10)):
        spring = any_pilot.draft(worker(20), intake="2303")
    assert row("application", spring)["intake"] == "2303"
    any_pilot.act("application", spring, "register", any_pilot.wang_fang, date(2023, 1, 10))
    any_pilot.hand_in_papers(spring)
    any_pilot.act("application", spring, "verify", any_pilot.wang_fang, date(2023, 1, 12))
    assert row("application", spring)["place"] == "reserved"
    assert rows("quota", year="2023")[0]["reserved"] == 1
