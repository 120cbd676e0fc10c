"""The side ways of an application: returned twice, another major offered, another intake, the certificate wanted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from edu_pilot.extensions import read, write
from edu_pilot.models import Account
from edu_pilot.services import documents, papers, presenting, search, statistics
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.perform import create
from edu_pilot.workflow.reasons import Malformed, Refused
from tests.factories import (
    A_PDF,
    ADMITTED,
    CONFIRMED,
    SETTLED,
    SIGN_UP,
    VERIFIED,
    Pilot,
    application_form,
    contents,
    files_in_force,
    on,
    publish_change,
    row,
    rows,
    state,
)
from tests.people import LIU_WEI, id_number, worker

AFTER_THE_OFFER = date(2022, 8, 4)
LATER = date(2025, 6, 10)
IN_SPRING = date(2023, 1, 10)


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.reasons]


def facts(reference: str) -> dict[str, Any]:
    """Give the facts of an application as the registrar sees them."""
    with read() as conn:
        case = search.get(conn, "application", reference, OPERATOR)
        return presenting.show(conn, case, OPERATOR).facts


# Returned twice


def send_back(pilot: Pilot, reference: str, *faults: str, by: str = "wang_fang") -> str:
    step = ("application", reference, "return_for_correction", getattr(pilot, by), SIGN_UP)
    return pilot.act(*step, faults=list(faults)).state


def answered(pilot: Pilot) -> str:
    """Give a case that was returned once and came back."""
    reference = pilot.registered()
    send_back(pilot, reference, "ILLEGIBLE")
    pilot.act("application", reference, "register", pilot.wang_fang, SIGN_UP)
    return reference


def test_edge_53_a_second_return_with_new_faults_needs_another_persons_permit(any_pilot: Pilot) -> None:
    reference = answered(any_pilot)
    before = contents()
    with pytest.raises(Refused) as refused:
        send_back(any_pilot, reference, "ILLEGIBLE", "PORTRAIT_UNSUITABLE")
    [reason] = refused.value.reasons
    assert (reason.code, reason.who) == ("new_faults_are_permitted", ("registrar",))
    assert str(reason.facts["faults"]).endswith(":PORTRAIT_UNSUITABLE")
    assert contents() == before
    permit = ("application", reference, "permit_new_faults", any_pilot.chen_hui, SIGN_UP)
    any_pilot.act(*permit, faults=["PORTRAIT_UNSUITABLE"])
    with pytest.raises(Refused) as refused:
        send_back(any_pilot, reference, "PORTRAIT_UNSUITABLE", by="chen_hui")
    assert codes(refused) == ["new_faults_are_permitted"]
    assert send_back(any_pilot, reference, "PORTRAIT_UNSUITABLE") == "returned"


def test_what_no_code_names_is_put_into_words(pilot: Pilot) -> None:
    """Who gets an application back reads what “other” is."""
    reference = pilot.registered()
    before = contents()
    with pytest.raises(Refused) as refused:
        send_back(pilot, reference, "OTHER")
    assert codes(refused) == ["other_is_explained"] and refused.value.reasons[0].field == "note"
    assert contents() == before
    step = ("application", reference, "return_for_correction", pilot.wang_fang, SIGN_UP)
    assert pilot.act(*step, faults=["OTHER"], note="照片背景须为白色").state == "returned"


def test_the_form_of_who_registers_again_takes_the_place_of_the_first(pilot: Pilot) -> None:
    answered(pilot)
    forms = rows("document", kind="registration_form")
    assert [form["voided_at"] is None for form in sorted(forms, key=lambda form: form["number"])] == [False, True]


CLAIMS_ALONE = ["RECEIPT_DETAILS_WRONG", "AMOUNT_WRONG", "ACCOUNT_WRONG"]


@pytest.mark.parametrize("code", CLAIMS_ALONE)
def test_r3_3_a_return_takes_only_what_an_application_can_lack(pilot: Pilot, code: str) -> None:
    reference = pilot.registered()
    before = contents()
    with pytest.raises(Malformed) as refused:
        send_back(pilot, reference, code)
    assert [(reason.code, reason.field) for reason in refused.value.reasons] == [("field_malformed", "faults")]
    assert contents() == before


def test_edge_53_the_same_fault_again_needs_no_permit(pilot: Pilot) -> None:
    assert send_back(pilot, answered(pilot), "ILLEGIBLE") == "returned"


def test_edge_53_a_permit_serves_one_return_and_only_what_it_names(pilot: Pilot) -> None:
    reference = answered(pilot)
    step = ("application", reference, "permit_new_faults", pilot.chen_hui, SIGN_UP)
    pilot.act(*step, faults=["NAME_DIFFERS"])
    with pytest.raises(Refused) as refused:
        send_back(pilot, reference, "DIPLOMA_UNCLEAR")
    assert codes(refused) == ["new_faults_are_permitted"]
    send_back(pilot, reference, "NAME_DIFFERS")
    pilot.act("application", reference, "register", pilot.wang_fang, SIGN_UP)
    with pytest.raises(Refused) as refused:
        send_back(pilot, reference, "DIPLOMA_UNCLEAR")
    assert codes(refused) == ["new_faults_are_permitted"]


def test_edge_53_a_permit_from_ones_own_second_account_permits_nothing(pilot: Pilot) -> None:
    reference = answered(pilot)
    pilot.act("application", reference, "permit_new_faults", pilot.chen_hui, SIGN_UP, faults=["NAME_DIFFERS"])
    accounts = Account.__table__
    with write() as conn:
        same = accounts.update().where(accounts.c.name == pilot.chen_hui.name)
        conn.execute(same.values(person_key=pilot.wang_fang.person_key))
    with pytest.raises(Refused) as refused:
        send_back(pilot, reference, "NAME_DIFFERS")
    assert codes(refused) == ["new_faults_are_permitted"]


def test_a_first_return_needs_no_permit_and_gets_none(pilot: Pilot) -> None:
    reference = pilot.registered()
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "permit_new_faults", pilot.chen_hui, SIGN_UP, faults=["ILLEGIBLE"])
    assert codes(refused) == ["was_returned_before"]


# A class that is too small


def offered(pilot: Pilot) -> str:
    """Give a verified case that was offered another major."""
    reference = pilot.verified()
    pilot.act("application", reference, "offer_major", pilot.chen_hui, VERIFIED, offered_major="大数据与会计")
    return reference


def test_edge_21_who_accepts_the_offer_moves_to_the_other_major(any_pilot: Pilot) -> None:
    reference = offered(any_pilot)
    kept = row("application", reference)
    assert (kept["offered_major"], kept["offer_until"], kept["major"]) == ("530302", date(2022, 8, 3), "530701")
    any_pilot.act("application", reference, "accept_major", student(kept["id_index"]), VERIFIED)
    after = row("application", reference)
    assert (after["major"], after["offered_major"], after["state"]) == ("530302", None, "verified")
    assert after["queue_number"] == kept["queue_number"]
    with read() as conn:
        for day, major in ((SIGN_UP, "530701"), (VERIFIED, "530302")):
            told = statistics.persons(conn, OPERATOR, day, ["major"])
            assert [r["major"] for r in told["rows"]] == [major]


def test_edge_21_silence_changes_nothing(pilot: Pilot) -> None:
    reference = offered(pilot)
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "accept_major", pilot.wang_fang, AFTER_THE_OFFER)
    assert codes(refused) == ["an_offer_is_open"]
    assert pilot.act("application", reference, "admit", pilot.chen_hui, ADMITTED).state == "admitted"
    assert rows("study")[0]["major"] == "530701"


def test_edge_21_nothing_is_offered_where_a_class_comes_together(pilot: Pilot) -> None:
    publish_change("policies.yaml", "size_min: 15", "size_min: 2", SIGN_UP)
    reference = pilot.verified()
    pilot.registered(worker(1))
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "offer_major", pilot.chen_hui, VERIFIED, offered_major="530302")
    assert codes(refused) == ["class_is_too_small"]


@pytest.mark.parametrize("major", ["电子商务", "临床医学"])
def test_edge_21_only_another_open_major_is_offered(pilot: Pilot, major: str) -> None:
    reference = pilot.verified()
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "offer_major", pilot.chen_hui, VERIFIED, offered_major=major)
    assert codes(refused) == ["offered_major_is_open"]


DECHENG_ROW = "371402-01,371402,德城区教学点,Decheng Teaching Point,2209,,,,"


def decheng_offers_only(majors: str) -> None:
    publish_change(
        "catalogue/points.csv", DECHENG_ROW, DECHENG_ROW.replace("2209,,", f"2209,,{majors}"), date(2022, 6, 1)
    )


def test_r3_4_nobody_moves_to_a_point_that_does_not_offer_the_major(pilot: Pilot) -> None:
    decheng_offers_only("530302")
    reference = pilot.verified()
    with pytest.raises(Refused) as refused:
        step = ("application", reference, "move_county", pilot.chen_hui, VERIFIED)
        pilot.act(*step, new_county="德城区", new_point="371402-01")
    assert [(r.code, r.field) for r in refused.value.reasons] == [("new_place_is_known", "new_point")]


def test_r3_4_an_offer_ends_with_a_move(pilot: Pilot) -> None:
    reference = offered(pilot)
    step = ("application", reference, "move_county", pilot.chen_hui, VERIFIED)
    pilot.act(*step, new_county="德城区", new_point="371402-01")
    kept = row("application", reference)
    assert (kept["offered_major"], kept["offer_until"]) == (None, None)


def test_r3_4_an_offer_ends_with_another_choice(pilot: Pilot) -> None:
    reference = offered(pilot)
    send_back(pilot, reference, "ILLEGIBLE")
    step = ("application", reference, "amend", pilot.wang_fang, VERIFIED)
    pilot.act(*step, job="电工")
    assert row("application", reference)["offered_major"] == "530302"
    pilot.act(*step, major="大数据与会计")
    kept = row("application", reference)
    assert (kept["major"], kept["offered_major"], kept["offer_until"]) == ("530302", None, None)


def test_r3_4_a_major_that_has_closed_since_is_not_accepted(pilot: Pilot) -> None:
    reference = offered(pilot)
    old = next(line for line in files_in_force()["catalogue/points.csv"].splitlines() if line.startswith("371425-01"))
    publish_change("catalogue/points.csv", old, old.replace("2209,,", "2209,,530701"), VERIFIED)
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "accept_major", pilot.wang_fang, VERIFIED)
    assert codes(refused) == ["offered_major_is_open"]


# Barred for false papers


def test_who_was_barred_since_is_neither_reopened_nor_taken_over(pilot: Pilot) -> None:
    claim = pilot.paid(pilot.graduated())
    form = {"intake": "2509", "major": "大数据与会计"}
    with on(SETTLED):
        first, second = (create("application", pilot.wang_fang, application_form(**form)).reference for _ in "ab")
    pilot.act("application", first, "register", pilot.wang_fang, LATER)
    pilot.act("application", first, "reject", pilot.chen_hui, LATER, rejection="NOT_IN_CITY")
    pilot.act("claim", claim, "recover", pilot.arbiter, LATER, recovery="FALSE_PAPERS")
    with pytest.raises(Refused) as refused:
        pilot.act("application", first, "reopen", pilot.chen_hui, LATER)
    assert codes(refused) == ["not_barred"]
    status = {"student_number": "2537006450001", "confirmed_on": LATER}
    with pytest.raises(Refused) as refused:
        pilot.act("application", second, "take_over", pilot.chen_hui, LATER, **status)
    assert "not_barred" in codes(refused)


# The intake of a draft


def test_r1_5_a_draft_may_be_put_into_another_intake(pilot: Pilot) -> None:
    draft = pilot.draft()
    pilot.act("application", draft, "amend", pilot.wang_fang, SIGN_UP, new_intake="2303")
    assert row("application", draft)["intake"] == "2303"
    with pytest.raises(Refused) as refused:
        pilot.act("application", draft, "amend", pilot.wang_fang, SIGN_UP, new_intake="2310")
    assert [(r.code, r.field) for r in refused.value.reasons] == [("intake_unknown", "new_intake")]


def test_r1_4_a_returned_case_keeps_its_intake(pilot: Pilot) -> None:
    reference = pilot.registered()
    send_back(pilot, reference, "ILLEGIBLE")
    with pytest.raises(Refused) as refused:
        pilot.act("application", reference, "amend", pilot.wang_fang, SIGN_UP, new_intake="2303")
    assert codes(refused) == ["draft_may_change_its_intake"]
    pilot.act("application", reference, "amend", pilot.wang_fang, SIGN_UP, new_intake="2209", job="电工")


# The certificate wanted


def test_r4_2_the_certificate_asked_for_at_registration_is_the_one_that_is_planned(any_pilot: Pilot) -> None:
    reference = any_pilot.admitted(occupation="互联网营销师")
    assert facts(reference)["occupation"] == "online_marketer"
    assert [c["occupation"] for c in rows("certification")] == ["online_marketer"]


def test_r4_2_a_certificate_that_does_not_suit_the_major_blocks_the_registration(pilot: Pilot) -> None:
    draft = pilot.draft(occupation="junior_accountant")
    with pytest.raises(Refused) as refused:
        pilot.act("application", draft, "register", pilot.wang_fang, SIGN_UP)
    assert [(r.code, r.field) for r in refused.value.reasons] == [("occupation_suits_major", "occupation")]


# What the clerk is told


def test_edge_03_who_holds_the_level_is_told_that_tuition_is_paid_once(pilot: Pilot) -> None:
    reference = pilot.registered(previous_diploma="大专")
    assert [remark["code"] for remark in facts(reference)["remarks"]] == ["level_already_held"]
    assert facts(pilot.registered(worker(1)))["remarks"] == []


def test_edge_14_from_sixteen_on_a_guardian_signs_and_below_nobody_registers(pilot: Pilot) -> None:
    reference = pilot.registered(id_number=id_number(date(2005, 6, 1), 999))
    assert [remark["code"] for remark in facts(reference)["remarks"]] == ["guardian_signs_too"]
    fifteen = pilot.draft(worker(6), id_number=id_number(date(2006, 9, 2), 999))
    with pytest.raises(Refused) as refused:
        pilot.act("application", fifteen, "register", pilot.wang_fang, SIGN_UP)
    assert codes(refused) == ["age_out_of_range"]


# The edge cases of signing up


def test_edge_01_at_a_second_point_the_clerk_learns_the_place_and_the_registrar_moves_the_case(
    any_pilot: Pilot,
) -> None:
    first = any_pilot.registered()
    with on(SIGN_UP):
        form = application_form(county="德城区", point="德城区教学点", id_number=_short(LIU_WEI.id_number))
        second = create("application", any_pilot.decheng_clerk, form).reference
    with pytest.raises(Refused) as refused:
        any_pilot.act("application", second, "register", any_pilot.decheng_clerk, SIGN_UP)
    [reason] = refused.value.reasons
    assert (reason.code, reason.facts) == ("already_registered", {"point": "齐河县教学点", "since": "2022-07-05"})
    step = ("application", first, "move_county", any_pilot.chen_hui, SIGN_UP)
    any_pilot.act(*step, new_county="德城区", new_point="德城区教学点")
    assert row("application", first)["county"] == "371402"


def _short(number: str) -> str:
    """Give the 15 digits of an old card."""
    return number[:6] + number[8:17]


def test_edge_02_a_live_school_status_keeps_the_draft_until_it_is_left(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    draft = any_pilot.draft(intake="2303")
    with pytest.raises(Refused) as refused:
        any_pilot.act("application", draft, "register", any_pilot.wang_fang, IN_SPRING)
    assert codes(refused) == ["already_registered"]
    assert state("application", draft) == "draft"
    any_pilot.act("study", study, "withdraw", any_pilot.chen_hui, IN_SPRING, withdrawal="OTHER_SCHOOL")
    assert any_pilot.act("application", draft, "register", any_pilot.wang_fang, IN_SPRING).state == "registered"


def test_edge_07_a_changed_name_stands_in_the_history_and_old_papers_keep_theirs(pilot: Pilot) -> None:
    study = pilot.studying()
    [form] = rows("document", kind="registration_form")
    papers.add("study", study, "identity_proof", A_PDF, pilot.chen_hui)
    pilot.act("study", study, "correct_identity", pilot.chen_hui, CONFIRMED, new_name="刘维")
    with on(CONFIRMED), read() as conn:
        case = search.get(conn, "study", study, pilot.chen_hui)
        told = presenting.history(conn, case, pilot.chen_hui)[-1]
        assert (case.person.name, told["action"], told["input"]["new_name"]) == ("刘维", "correct_identity", "刘维")
        assert documents.frozen(conn, number=form["number"]).context["name"] == LIU_WEI.name


def test_edge_08_a_rare_character_is_kept_as_it_is(any_pilot: Pilot) -> None:
    reference = any_pilot.registered(name="刘\U00030edd䶮")
    assert row("application", reference)["name"] == "刘\U00030edd䶮" == rows("person")[0]["name"]


@pytest.mark.parametrize("typed", ["阿依·买买提", "阿依•买买提", "阿依.买买提", "阿依・买买提", "阿依 · 买买提"])
def test_edge_09_any_dot_becomes_the_proper_one(pilot: Pilot, typed: str) -> None:
    assert row("application", pilot.registered(name=typed))["name"] == "阿依·买买提"


def test_edge_12_who_comes_from_elsewhere_qualifies_by_the_place_of_work(pilot: Pilot) -> None:
    """R2.1: the region of the number is never a refusal."""
    beijing = id_number(date(1988, 3, 3), 999, "110105")
    assert state("application", pilot.registered(id_number=beijing)) == "registered"


def test_edge_12_who_works_elsewhere_is_rejected_with_a_reason_people_read(pilot: Pilot) -> None:
    reference = pilot.registered()
    assert pilot.reject(reference).state == "rejected"
    with on(ADMITTED), read() as conn:
        case = search.get(conn, "application", reference, pilot.wang_fang)
        assert presenting.history(conn, case, pilot.wang_fang)[-1]["input"]["rejection"] == "NOT_IN_CITY"


def test_r3_3_who_is_rejected_is_told_why_and_how_to_object(pilot: Pilot) -> None:
    reference = pilot.registered()
    pilot.reject(reference)
    with read() as conn:
        said = documents.frozen(conn, kind="refusal_notice").context
    assert [reason["zh"] for reason in said["reasons"]] == ["不在本市务工"] and said["reference"] == reference
    assert said["number"].startswith("BL")


@pytest.mark.parametrize("typed", ["371421", "陵县", "陵城区"])
def test_edge_13_the_former_ling_county_counts_as_lingcheng(pilot: Pilot, typed: str) -> None:
    with on(SIGN_UP):
        form = application_form(
            county=typed, point="陵城区教学点", id_number=id_number(date(1988, 3, 3), 999, "371421")
        )
        reference = create("application", pilot.chen_hui, form).reference
    assert (facts(reference)["county"], facts(reference)["county_name"]) == ("371403", "陵城区")


def test_edge_15_above_the_age_the_refusal_names_the_limits(pilot: Pilot) -> None:
    draft = pilot.draft(id_number=id_number(date(1962, 8, 31), 999))
    with pytest.raises(Refused) as refused:
        pilot.act("application", draft, "register", pilot.wang_fang, SIGN_UP)
    [reason] = refused.value.reasons
    assert (reason.code, reason.facts["age"], reason.facts["max"]) == ("age_out_of_range", 60, 59)


def test_edge_17_who_typed_for_the_worker_is_recorded_and_the_signed_paper_is_kept(pilot: Pilot) -> None:
    reference = pilot.registered()
    assert row("application", reference)["created_by"] == "wang.fang"
    with on(SIGN_UP), read() as conn:
        number = rows("document", kind="registration_form")[0]["number"]
        assert documents.frozen(conn, number=number).context["clerk"] == "wang.fang"
    with on(SIGN_UP):
        papers.add("application", reference, "consent", A_PDF, pilot.wang_fang)
    assert rows("paper", kind="consent")[0]["uploaded_by"] == "wang.fang"
