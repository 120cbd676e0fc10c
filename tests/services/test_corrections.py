"""What an amendment may change, and where a corrected case stands afterwards (R2.3, R2.8, R3.1, R3.3, R6.3)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from edu_pilot.services.actors import student
from edu_pilot.services.perform import create, perform
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import SIGN_UP, Pilot, application_form, contents, on, row, rows, state
from tests.people import LIU_WEI, worker

OTHER = worker(7)
AFTER_SIGN_UP = date(2022, 9, 16)
LATE_RETURN = date(2022, 9, 14)


def returned(pilot: Pilot, day: date = SIGN_UP, **changes: Any) -> str:
    """Give a case that was registered and sent back."""
    reference = pilot.registered(**changes)
    step = ("application", reference, "return_for_correction", pilot.chen_hui, day)
    pilot.act(*step, faults=["ID_NUMBER_DIFFERS"])
    return reference


def key(number: str) -> str:
    return vault().index("id_number", number)


def codes_of(pilot: Pilot, reference: str, actor: Actor, **given: Any) -> list[str]:
    """Amend, and give the codes of the refusal; nothing may be left of it."""
    before = contents()
    with pytest.raises(Refused) as refusal:
        pilot.act("application", reference, "amend", actor, SIGN_UP, **given)
    assert contents() == before
    return [reason.code for reason in refusal.value.reasons]


def test_a_corrected_number_moves_the_live_case(any_pilot: Pilot) -> None:
    """R2.8: the person behind the new number is the one who is registered; the other is free again."""
    reference = returned(any_pilot)
    any_pilot.act("application", reference, "amend", any_pilot.wang_fang, SIGN_UP, id_number=OTHER.id_number)
    any_pilot.act("application", reference, "register", any_pilot.wang_fang, SIGN_UP)
    assert [live["id_index"] for live in rows("live_case")] == [key(OTHER.id_number)]
    with pytest.raises(Refused) as refusal:
        any_pilot.registered(OTHER)
    assert [reason.code for reason in refusal.value.reasons] == ["already_registered"]
    assert state("application", any_pilot.registered(LIU_WEI)) == "registered"


def test_a_corrected_number_of_one_who_is_registered_is_refused(any_pilot: Pilot) -> None:
    any_pilot.registered(OTHER)
    reference = returned(any_pilot)
    any_pilot.act("application", reference, "amend", any_pilot.wang_fang, SIGN_UP, id_number=OTHER.id_number)
    with pytest.raises(Refused) as refusal:
        any_pilot.act("application", reference, "register", any_pilot.wang_fang, SIGN_UP)
    assert [reason.code for reason in refusal.value.reasons] == ["already_registered"]
    assert len(rows("live_case")) == 2


def test_a_corrected_number_brings_its_own_sex_and_birth(pilot: Pilot) -> None:
    """R2.3: what was derived from the wrong number goes with it."""
    reference = returned(pilot)
    pilot.act("application", reference, "amend", pilot.wang_fang, SIGN_UP, id_number=OTHER.id_number)
    amended = row("application", reference)
    assert (amended["sex"], amended["birth_on"]) == (None, None)
    pilot.act("application", reference, "register", pilot.wang_fang, SIGN_UP)
    assert f"{row('application', reference)['birth_on']:%Y%m%d}" == OTHER.id_number[6:14]


def test_a_number_typed_again_keeps_what_was_typed_with_it(pilot: Pilot) -> None:
    reference = pilot.draft(sex="female", birth_on="1985-01-02")
    pilot.act("application", reference, "amend", pilot.wang_fang, SIGN_UP, id_number=LIU_WEI.id_number)
    assert (row("application", reference)["sex"], row("application", reference)["birth_on"]) == (
        "female",
        date(1985, 1, 2),
    )


def test_a_correction_is_answered_after_sign_up_has_closed(pilot: Pilot) -> None:
    """R3.3: the case was in time once; a new draft is not."""
    reference = returned(pilot, LATE_RETURN)
    pilot.act("application", reference, "amend", pilot.wang_fang, AFTER_SIGN_UP, job="电工")
    assert pilot.act("application", reference, "register", pilot.wang_fang, AFTER_SIGN_UP).state == "registered"
    new = pilot.draft(OTHER)
    with pytest.raises(Refused) as refusal:
        pilot.act("application", new, "register", pilot.wang_fang, AFTER_SIGN_UP)
    assert [reason.code for reason in refusal.value.reasons] == ["intake_closed"]


@pytest.mark.parametrize("given", [{"county": "德城区"}, {"point": "乐陵市教学点"}])
def test_a_registered_case_changes_its_place_by_move_county_only(pilot: Pilot, given: dict[str, str]) -> None:
    reference = returned(pilot, county="齐河县")
    assert "registered_place_is_kept" in codes_of(pilot, reference, pilot.wang_fang, **given)


def test_a_returned_case_may_repeat_its_place(pilot: Pilot) -> None:
    """A form sends all its fields."""
    reference = returned(pilot)
    given = {"county": "齐河县", "point": "齐河县教学点", "job": "电工"}
    pilot.act("application", reference, "amend", pilot.wang_fang, SIGN_UP, **given)
    assert row("application", reference)["job"] == "电工"


def test_a_returned_case_can_be_moved_by_the_registrar(pilot: Pilot) -> None:
    """What the refusal above tells to do is possible."""
    reference = returned(pilot)
    step = ("application", reference, "move_county", pilot.chen_hui, SIGN_UP)
    pilot.act(*step, new_county="德城区", new_point="德城区教学点")
    assert [live["point"] for live in rows("live_case")] == ["371402-01"]


def test_a_draft_is_not_amended_into_another_county(pilot: Pilot) -> None:
    assert codes_of(pilot, pilot.draft(), pilot.wang_fang, county="德城区") == ["county_not_yours"]


def test_a_worker_puts_nobody_elses_number_into_the_own_draft(pilot: Pilot) -> None:
    """R3.1: anything else of it is the worker's to amend."""
    liu_wei = student(key(LIU_WEI.id_number))
    draft = pilot.draft(by=liu_wei)
    assert codes_of(pilot, draft, liu_wei, id_number=OTHER.id_number) == ["draft_is_my_own"]
    pilot.act("application", draft, "amend", liu_wei, SIGN_UP, job="电工")
    assert row("application", draft)["job"] == "电工"


@pytest.mark.parametrize(
    "written", [LIU_WEI.id_number.lower(), f" {LIU_WEI.id_number[:6]} {LIU_WEI.id_number[6:]}", "fifteen"]
)
def test_a_worker_may_write_the_own_number_in_any_form(pilot: Pilot, written: str) -> None:
    """R2.1, R2.2: blanks, full width and the old 15 digits are the same number."""
    number = LIU_WEI.id_number
    typed = number[:6] + number[8:17] if written == "fifteen" else written
    draft = pilot.draft(by=student(key(number)), id_number=typed)
    assert row("application", draft)["id_index"] == key(number)


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("county", "371402x", "county_unknown"),
        ("county", "火星", "county_unknown"),
        ("intake", "a/b1", "intake_unknown"),
        ("intake", "2210", "intake_unknown"),
        ("major", "x" * 40, "field_malformed"),
        ("point", "点" * 70, "field_malformed"),
        ("level", "层" * 70, "field_malformed"),
        ("name", "刘" * 70, "field_malformed"),
    ],
)
def test_nothing_is_cut_to_make_it_fit(pilot: Pilot, field: str, text: str, code: str) -> None:
    """R1.3, R1.5: what is no code of the programme is refused, or kept as it was typed."""
    before = contents()
    with on(SIGN_UP), pytest.raises(Refused) as refusal:
        create("application", pilot.wang_fang, application_form(**{field: text}))
    assert [(r.code, r.field) for r in refusal.value.reasons] == [(code, field)]
    assert contents() == before


def test_an_unknown_county_is_refused_in_an_amendment(pilot: Pilot) -> None:
    assert codes_of(pilot, pilot.draft(), pilot.wang_fang, county="371402x") == ["county_unknown"]


def test_an_unknown_major_waits_in_the_draft_for_registration(pilot: Pilot) -> None:
    draft = pilot.draft(major="临床医学")
    with on(SIGN_UP), pytest.raises(Refused) as refusal:
        perform("application", draft, "register", pilot.wang_fang)
    assert [reason.code for reason in refusal.value.reasons] == ["major_unknown"]


def test_years_without_a_table_of_holidays_are_told_in_the_trail(pilot: Pilot) -> None:
    """R6.4: a dead-line that counts Monday to Friday says so."""
    reference = pilot.registered()
    step = ("application", reference, "return_for_correction", pilot.chen_hui, date(2099, 3, 2))
    pilot.act(*step, faults=["ILLEGIBLE"])
    body = rows("audit_entry", reference=reference, action="return_for_correction")[0]["body"]
    assert '"years_without_holidays":[2099]' in body
