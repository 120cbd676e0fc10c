"""The side ways of a study: changes, corrections, ends, each in real rows and in the trail (R3.5, R3.10)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.rules.study import plan
from edu_pilot.services import accounts, audit, cases, due, outbox, papers, presenting, search, staffing, statistics
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import Case
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import (
    A_PDF,
    BATCHED,
    CHECKED,
    CLAIMED,
    COMPLETED,
    CONFIRMED,
    GRADUATED,
    SETTLED,
    SIGN_UP,
    Pilot,
    bank_says,
    case,
    contents,
    diploma_number,
    on,
    row,
    rows,
    state,
)
from tests.people import DECHENG, LIU_WEI, QIHE, Human, id_number, worker
from tests.rules.shipped import POLICY

SECOND_TERM = date(2023, 3, 1)
THIRD_TERM = date(2023, 9, 1)
NEW_NUMBER = id_number(date(1985, 1, 2), 999)
PROOF = "identity_proof"
ECOMMERCE, ACCOUNTING = ({c["code"]: c for c in plan(POLICY, major)} for major in ("530701", "530302"))


def told_of(study: str) -> tuple[Any, frozenset[str]]:
    """Give the person behind a study and the numbers the person had before."""
    with read() as conn:
        record = cases.by_reference(conn, vault(), "study", study)
        return record.person, record.numbers_before


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.reasons]


def found(number: str) -> list[Case]:
    """Give the records found by an ID number."""
    with write() as conn:
        return search.by_person(conn, OPERATOR, number, None)


def sound_trail() -> bool:
    with read() as conn:
        return audit.verify(conn).ok


# Change of major


def change_major(pilot: Pilot, study: str, major: str, day: date = SECOND_TERM, **more: Any) -> None:
    pilot.act("study", study, "change_major", pilot.chen_hui, day, new_major=major, **more)


def test_r3_10_a_new_major_counts_what_its_plan_holds(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    given = {"formative": "80", "final": "70", "sat_on": date(2023, 1, 7)}
    shared, only_here = "10002", next(c for c in ECOMMERCE if c not in ACCOUNTING)
    for course in (shared, only_here):
        any_pilot.act("study", study, "record_score", any_pilot.chen_hui, date(2023, 2, 1), course=course, **given)
    before = row("study", study)["credits"]
    change_major(any_pilot, study, "大数据与会计")
    after = row("study", study)
    assert (after["major"], after["reimbursable"], after["major_changed_on"]) == ("530302", True, SECOND_TERM)
    assert after["credits"] == before - int(ECOMMERCE[only_here]["credits"]) > 0


def test_edge_24_leaving_the_programme_needs_consent_and_ends_the_reimbursement(pilot: Pilot) -> None:
    study = pilot.studying()
    before = contents()
    with pytest.raises(Refused) as refused:
        change_major(pilot, study, "520201")
    assert codes(refused) == ["consent_to_leave_the_programme"]
    assert contents() == before
    change_major(pilot, study, "520201", consent="yes")
    after = row("study", study)
    assert (after["major"], after["reimbursable"], after["credits"]) == ("520201", False, 0)
    with pytest.raises(Refused) as refused:
        pilot.act("study", study, "complete", pilot.chen_hui, COMPLETED)
    assert codes(refused) == ["credits_reached"]


def test_edge_24_who_returns_to_the_programme_does_not_get_the_reimbursement_back(pilot: Pilot) -> None:
    study = pilot.studying()
    change_major(pilot, study, "520201", consent="yes")
    change_major(pilot, study, "530701", THIRD_TERM)
    assert row("study", study)["reimbursable"] is False


def test_edge_25_a_change_in_the_first_term_is_told_the_first_possible_day(pilot: Pilot) -> None:
    study = pilot.studying()
    with pytest.raises(Refused) as refused:
        change_major(pilot, study, "530302", date(2023, 2, 28))
    [reason] = refused.value.reasons
    assert (reason.code, reason.facts["day"]) == ("not_in_first_term", "2023-03-01")
    assert row("study", study)["major"] == "530701"


def test_edge_25_a_second_change_in_a_term_is_told_the_next_possible_day(pilot: Pilot) -> None:
    study = pilot.studying()
    change_major(pilot, study, "530302")
    with pytest.raises(Refused) as refused:
        change_major(pilot, study, "530701", date(2023, 8, 31))
    [reason] = refused.value.reasons
    assert (reason.code, reason.facts["day"]) == ("no_change_this_term", "2023-09-01")
    change_major(pilot, study, "530701", THIRD_TERM)
    assert row("study", study)["major"] == "530701"


def test_edge_26_a_change_of_job_leaves_the_study_as_it_is(pilot: Pilot) -> None:
    """No rule of the study asks for the job again."""
    study = pilot.studying()
    assert "employer" not in row("study", study)


def test_edge_28_a_missing_formative_score_makes_the_course_void(pilot: Pilot) -> None:
    study = pilot.studying()
    course = next(c for c, r in ECOMMERCE.items() if r["formative_share"] == "0.5")
    pilot.score(study, course, formative="", final="72")
    [sitting] = rows("score")
    assert (sitting["formative"], sitting["final"], sitting["composite"], sitting["passed"]) == (None, 72, None, False)
    assert row("study", study)["credits"] == 0


def test_edge_29_a_composite_of_59_and_a_half_is_60_and_passes(pilot: Pilot) -> None:
    study = pilot.studying()
    course = next(c for c, r in ECOMMERCE.items() if (r["formative_share"], r["both_parts"]) == ("0.5", "no"))
    pilot.score(study, course, formative="60", final="59")
    [sitting] = rows("score")
    assert (sitting["composite"], sitting["passed"]) == (60, True)


# Flags


def test_edge_27_a_public_welfare_post_is_noted_and_excludes_nobody(any_pilot: Pilot) -> None:
    study = any_pilot.completed()
    step = ("study", study, "note_welfare_post", any_pilot.wang_fang)
    with pytest.raises(Refused) as refused:
        any_pilot.act(*step, GRADUATED, welfare_post_on=CLAIMED)
    assert codes(refused) == ["welfare_post_is_dated_soundly"]
    any_pilot.act(*step, GRADUATED, welfare_post_on=date(2024, 3, 1))
    with on(GRADUATED), read() as conn:
        shown = presenting.show(conn, search.get(conn, "study", study, any_pilot.wang_fang), any_pilot.wang_fang)
    assert shown.facts["welfare_post_on"] == date(2024, 3, 1)
    any_pilot.graduate(study)
    assert state("claim", any_pilot.approved(study)) == "approved"


def test_edge_37_a_failed_face_comparison_blocks_the_diploma_and_no_claim_runs(any_pilot: Pilot) -> None:
    study = any_pilot.completed()
    step = ("study", study, "note_face_comparison", any_pilot.chen_hui, GRADUATED)
    any_pilot.act(*step, face_check="failed", face_checked_on=GRADUATED)
    with pytest.raises(Refused) as refused:
        any_pilot.graduate(study)
    assert codes(refused) == ["face_comparison_not_failed"]
    with pytest.raises(Refused) as refused:
        any_pilot.claim(study)
    assert codes(refused) == ["diploma_recorded"]
    passed_on = date(2025, 7, 20)
    step = ("study", study, "note_face_comparison", any_pilot.chen_hui, passed_on)
    any_pilot.act(*step, face_check="passed", face_checked_on=passed_on)
    step = ("study", study, "graduate", any_pilot.chen_hui, date(2025, 8, 1))
    with pytest.raises(Refused) as refused:
        any_pilot.graduate(study)
    assert codes(refused) == ["diploma_not_before_face_comparison"]
    day = date(2025, 7, 31)
    any_pilot.act(*step, diploma_number=diploma_number(study, day), diploma_on=day)
    assert row("study", study)["diploma_on"] == day


def test_edge_37_a_mistyped_day_of_the_comparison_is_corrected_and_the_trail_keeps_it(pilot: Pilot) -> None:
    study = pilot.completed()
    step = ("study", study, "note_face_comparison", pilot.chen_hui, GRADUATED)
    right = row("study", study)["confirmed_on"]
    pilot.act(*step, face_check="passed", face_checked_on=GRADUATED)
    with pytest.raises(Refused) as refused:
        pilot.act(*step, face_check="passed", face_checked_on=right - timedelta(days=1))
    assert codes(refused) == ["face_comparison_is_dated_soundly"]
    pilot.act(*step, face_check="passed", face_checked_on=right)
    assert row("study", study)["face_checked_on"] == right
    assert len(rows("audit_entry", action="note_face_comparison")) == 2
    assert pilot.graduate(study).state == "graduated"


# Change of point


def test_edge_22_the_county_follows_the_point_and_the_paying_union_stays(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    step = ("study", study, "change_point", any_pilot.chen_hui, SECOND_TERM)
    any_pilot.act(*step, new_point="德城区教学点")
    after = row("study", study)
    assert (after["county"], after["point"], after["union_county"]) == (DECHENG, "371402-01", QIHE)
    assert {r["county"] for r in rows("certification")} == {DECHENG}
    assert [r["point"] for r in rows("live_case")] == ["371402-01"]


def test_figures_of_a_day_before_a_change_of_point_keep_the_old_county(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    any_pilot.act("study", study, "change_point", any_pilot.chen_hui, SECOND_TERM, new_point="371402-01")
    with read() as conn:
        for day, county in ((date(2023, 2, 28), QIHE), (SECOND_TERM, DECHENG)):
            told = statistics.persons(conn, OPERATOR, day, ["workflow", "county"])
            assert [r["county"] for r in told["rows"] if r["workflow"] == "study"] == [county]


@pytest.mark.parametrize("point", ["齐河县教学点", "北京教学点"])
def test_the_same_or_an_unknown_point_is_refused(pilot: Pilot, point: str) -> None:
    study = pilot.studying()
    with pytest.raises(Refused) as refused:
        pilot.act("study", study, "change_point", pilot.chen_hui, SECOND_TERM, new_point=point)
    assert codes(refused) == ["new_point_is_known"]


# Correction of identity


def with_proof(pilot: Pilot, study: str) -> str:
    papers.add("study", study, PROOF, A_PDF, pilot.chen_hui)
    return study


def correct(pilot: Pilot, study: str, day: date = CONFIRMED, **given: Any) -> None:
    pilot.act("study", study, "correct_identity", pilot.chen_hui, day, **given)


def test_edge_05_a_corrected_number_is_found_by_the_old_and_the_new_one(any_pilot: Pilot) -> None:
    study = with_proof(any_pilot, any_pilot.studying())
    before = {c.reference for c in found(LIU_WEI.id_number)}
    correct(any_pilot, study, new_id_number=NEW_NUMBER)
    assert {c.reference for c in found(NEW_NUMBER)} == {c.reference for c in found(LIU_WEI.id_number)} == before
    assert len(before) == 3
    person, _ = told_of(study)
    assert (person.id_number, person.birth_on, person.sex) == (NEW_NUMBER, date(1985, 1, 2), "male")
    application = case("application", str(rows("application")[0]["reference"]))
    assert (application.id_number, application.birth_on) == (NEW_NUMBER, date(1985, 1, 2))
    assert sound_trail()


def test_edge_05_nobody_registers_again_under_the_old_or_the_new_number(any_pilot: Pilot) -> None:
    study = with_proof(any_pilot, any_pilot.studying())
    correct(any_pilot, study, new_id_number=NEW_NUMBER)
    for number in (LIU_WEI.id_number, NEW_NUMBER):
        draft = any_pilot.draft(Human("刘伟", number, "13900000001"))
        with pytest.raises(Refused) as refused:
            any_pilot.act("application", draft, "register", any_pilot.wang_fang, SIGN_UP)
        assert codes(refused) == ["already_registered"]
    assert len(rows("person")) == 1


def test_edge_05_who_comes_back_with_the_old_number_is_the_same_person(any_pilot: Pilot) -> None:
    study = with_proof(any_pilot, any_pilot.studying())
    correct(any_pilot, study, new_id_number=NEW_NUMBER)
    any_pilot.act("study", study, "withdraw", any_pilot.chen_hui, CONFIRMED, withdrawal="PERSONAL")
    again = any_pilot.registered()
    assert len(rows("person")) == 1
    assert case("application", again).id_number == NEW_NUMBER
    assert [r["id_index"] for r in rows("live_case")] == [rows("person")[0]["id_index"]]


def test_edge_05_the_own_staff_account_stays_the_same_persons(pilot: Pilot) -> None:
    """R5.2: a claimant must not slip past the self-review rule by a corrected number."""
    accounts.add("liu.wei", ("union_reviewer",), QIHE, LIU_WEI.id_number, OPERATOR, password="demoliu.wei")
    study = with_proof(pilot, pilot.studying())
    correct(pilot, study, new_id_number=NEW_NUMBER)
    assert accounts.named("liu.wei").person_key == told_of(study)[0].key


def account_of(pilot: Pilot, name: str, number: str, *roles: str, county: str | None = None) -> Any:
    accounts.add(name, roles, county, number, OPERATOR, password="demo" + name)
    return accounts.named(name)


def test_an_account_under_the_corrected_number_waits_for_the_operators_word(any_pilot: Pilot) -> None:
    """R5.2: nobody is made one with a member of staff by a slip of the pen."""
    account_of(any_pilot, "liu", NEW_NUMBER, "university_reviewer")
    study = with_proof(any_pilot, any_pilot.studying())
    before = contents()
    with pytest.raises(Refused) as refused:
        correct(any_pilot, study, new_id_number=NEW_NUMBER)
    [reason] = refused.value.reasons
    assert (reason.code, reason.who, reason.facts["accounts"]) == (
        "accounts_of_the_number_are_confirmed", ("admin",), "liu",
    )  # fmt: skip
    assert contents() == before
    for who in (any_pilot.chen_hui, accounts.named("admin")):
        with pytest.raises(Forbidden):
            accounts.belongs_to("liu", study, who)
    accounts.belongs_to("liu", study, OPERATOR)
    assert rows("audit_entry", workflow="account", action="person")[0]["actor"] == OPERATOR.name
    correct(any_pilot, study, new_id_number=NEW_NUMBER)
    assert accounts.named("liu").person_key == told_of(study)[0].key
    assert sound_trail()


def test_a_correction_that_makes_one_of_two_reviewers_leaves_their_acts_as_they_were(any_pilot: Pilot) -> None:
    """R3.10: both bodies' checks of one claim were given by one human being under two numbers; no conflict for ever."""
    union = account_of(any_pilot, "liu.union", LIU_WEI.id_number, "union_reviewer", county=QIHE)
    university = account_of(any_pilot, "liu.university", NEW_NUMBER, "university_reviewer")
    claim = any_pilot.submitted(any_pilot.graduated(worker(1)))
    given = {"outcome": "pass", "reading": {"amount_fen": 479_000, "id_tail": worker(1).id_number[-4:]}}
    given["reading"] |= {"diploma_on": "2025-01-31"}
    for actor in (union, university):
        any_pilot.act("claim", claim, "check", actor, CHECKED, **given)
    study = with_proof(any_pilot, any_pilot.studying())
    accounts.belongs_to("liu.university", study, OPERATOR)
    correct(any_pilot, study, CHECKED, new_id_number=NEW_NUMBER)
    keys = {accounts.named(name).person_key for name in ("liu.union", "liu.university")}
    assert keys == {told_of(study)[0].key}
    assert len({check["person_key"] for check in rows("claim_check")}) == 2
    body = rows("audit_entry", action="correct_identity")[0]["body"]
    assert '"acts_left_under_the_old_number":1' in body
    assert sound_trail()


def test_a_correction_takes_along_every_act(any_pilot: Pilot) -> None:
    """R5.2: who asked for roles under the old number does not confirm them under the new one."""
    account_of(any_pilot, "liu.admin", LIU_WEI.id_number, "admin")
    study = with_proof(any_pilot, any_pilot.studying())
    staffing.grant("wang.fang", ["registrar"], None, accounts.named("liu.admin"))
    correct(any_pilot, study, new_id_number=NEW_NUMBER)
    assert [row["asked_key"] for row in rows("role_grant")] == [accounts.named("liu.admin").person_key]


def test_edge_04_a_fifteen_digit_correction_is_kept_in_its_long_form(pilot: Pilot) -> None:
    study = with_proof(pilot, pilot.studying())
    short = NEW_NUMBER[:6] + NEW_NUMBER[8:17]
    correct(pilot, study, new_id_number=short)
    assert told_of(study)[0].id_number == NEW_NUMBER


def test_edge_06_a_number_of_somebody_else_is_a_hard_stop(pilot: Pilot) -> None:
    study = with_proof(pilot, pilot.studying())
    other = pilot.studying(worker(1))
    before = contents()
    with pytest.raises(Refused) as refused:
        correct(pilot, study, new_id_number=worker(1).id_number)
    assert codes(refused) == ["corrected_number_is_free"]
    assert contents() == before
    correct(pilot, with_proof(pilot, other), new_id_number=NEW_NUMBER)
    with pytest.raises(Refused) as refused:
        correct(pilot, study, new_id_number=worker(1).id_number)
    assert codes(refused) == ["corrected_number_is_free"]


def test_a_number_taken_back_is_an_alias_no_longer(pilot: Pilot) -> None:
    study = with_proof(pilot, pilot.studying())
    correct(pilot, study, new_id_number=NEW_NUMBER)
    correct(pilot, study, new_id_number=LIU_WEI.id_number)
    assert told_of(study)[0].id_number == LIU_WEI.id_number
    assert told_of(study)[1] == {NEW_NUMBER}


def test_a_corrected_name_is_the_persons_everywhere_and_not_in_the_trail(pilot: Pilot) -> None:
    study = with_proof(pilot, pilot.studying())
    correct(pilot, study, new_name="刘维")
    assert {r["name"] for r in (*rows("person"), *rows("application"))} == {"刘维"}
    entry = rows("audit_entry", action="correct_identity")[0]
    assert "刘维" not in entry["body"]


def test_a_correction_without_the_polices_proof_is_refused(pilot: Pilot) -> None:
    study = pilot.studying()
    with pytest.raises(Refused) as refused:
        correct(pilot, study, new_id_number=NEW_NUMBER)
    assert codes(refused) == ["identity_proof_handed_in"]


def test_a_faulty_correction_is_told_all_its_faults(pilot: Pilot) -> None:
    study = with_proof(pilot, pilot.studying())
    with pytest.raises(Refused) as refused:
        correct(pilot, study, new_name="Liu", new_id_number="371425198513459990")
    assert set(codes(refused)) == {"name_format", "id_number_checksum", "id_number_date"}
    with pytest.raises(Refused) as refused:
        correct(pilot, study, new_name=LIU_WEI.name)
    assert codes(refused) == ["correction_is_sound"]


# Ends


def test_edge_31_warned_three_times_and_ended_on_the_day(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    ends = CONFIRMED + relativedelta(years=8)
    assert row("study", study)["ends_on"] == ends
    for months in (24, 12, 6):
        day = ends - relativedelta(months=months)
        assert due.run_on(day - relativedelta(days=1))["warned"] == 0
        assert due.run_on(day)["warned"] == 1
        assert due.run_on(day)["warned"] == 0
        assert row("study", study)["warned_months"] == months
    assert due.run_on(ends - relativedelta(days=1))["expired"] == 0
    assert due.run_on(ends)["expired"] == 1
    assert due.run_on(ends)["expired"] == 0
    assert state("study", study) == "expired"
    assert rows("live_case") == []
    assert sound_trail()


def test_edge_31_a_suspension_does_not_extend_the_years(pilot: Pilot) -> None:
    study = pilot.studying()
    pilot.act("study", study, "suspend", pilot.chen_hui, SECOND_TERM, suspension="WORK")
    due.run_on(CONFIRMED + relativedelta(years=8))
    assert state("study", study) == "expired"


def test_edge_31_a_worker_that_slept_for_a_year_warns_once_of_what_is_left(pilot: Pilot) -> None:
    study = pilot.studying()
    assert due.run_on(CONFIRMED + relativedelta(years=7, months=1))["warned"] == 1
    assert row("study", study)["warned_months"] == 12


def test_edge_16_a_cancelled_status_gives_its_place_back(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    step = ("study", study, "cancel", any_pilot.chen_hui, SECOND_TERM)
    any_pilot.act(*step, cancellation="FALSE_PAPERS", note="")
    with on(SECOND_TERM):
        outbox.drain()
    assert state("study", study) == "cancelled"
    assert (rows("quota", year="2022")[0]["used"], rows("application")[0]["place"]) == (0, "released")
    assert {r["state"] for r in rows("certification")} == {"withdrawn"}
    assert rows("live_case") == []


def test_r1_4_a_study_withdrawn_before_its_number_gives_its_place_back_once(any_pilot: Pilot) -> None:
    any_pilot.withdraw(any_pilot.admitted())
    outbox.drain()
    assert rows("quota", year="2022")[0]["used"] == 0
    other = any_pilot.enrolled(worker(1))
    any_pilot.act("study", other, "cancel", any_pilot.chen_hui, cancellation="NOT_REGISTERED", note="")
    assert rows("quota", year="2022")[0]["used"] == 0


def test_edge_64_death_ends_the_study_and_its_certification_and_keeps_the_place(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    any_pilot.act("study", study, "withdraw", any_pilot.chen_hui, SECOND_TERM, withdrawal="DEATH")
    with on(SECOND_TERM):
        outbox.drain()
    assert state("study", study) == "withdrawn"
    assert {r["state"] for r in rows("certification")} == {"withdrawn"}
    assert rows("quota", year="2022")[0]["used"] == 1
    assert rows("live_case") == []


def revoke(pilot: Pilot, study: str, day: date) -> None:
    pilot.act("study", study, "revoke_diploma", pilot.chen_hui, day, revocation="FALSE_PAPERS", note="")
    with on(day):
        outbox.drain()


def test_edge_65_a_diploma_revoked_after_payment_opens_a_recovery(any_pilot: Pilot) -> None:
    study = any_pilot.graduated()
    claim = any_pilot.paid(study)
    revoke(any_pilot, study, SETTLED)
    assert state("study", study) == "revoked"
    assert state("claim", claim) == "recovering"
    entry = rows("audit_entry", workflow="claim", action="recover")[0]
    assert (entry["actor"], "DIPLOMA_REVOKED" in entry["body"]) == ("system", True)
    assert sound_trail()


@pytest.mark.parametrize("back", [0, 99_000])
def test_edge_65_a_diploma_revoked_after_a_partial_recovery_asks_for_the_rest(pilot: Pilot, back: int) -> None:
    study = pilot.graduated()
    claim = pilot.paid(study)
    pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="RECEIPT_REVERSED", due_fen=99_000)
    if back:
        pilot.act("claim", claim, "confirm_recovered", pilot.he_jun, SETTLED, recovered_fen=back)
    revoke(pilot, study, SETTLED)
    stored = row("claim", claim)
    assert (stored["state"], stored["recovery_fen"], stored["recovered_fen"]) == ("recovering", 479_000, back)
    assert due.run_on(SETTLED)["recovered"] == 0


def test_edge_65_of_what_is_asked_back_whole_a_revoked_diploma_asks_nothing_more(pilot: Pilot) -> None:
    study = pilot.graduated()
    claim = pilot.paid(study)
    pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="FALSE_PAPERS")
    revoke(pilot, study, SETTLED)
    assert len(rows("audit_entry", workflow="claim", action="recover")) == 1
    with read() as conn:
        assert outbox.refused(conn) == []


def test_edge_65_money_on_its_way_is_recovered_when_the_bank_has_answered(any_pilot: Pilot) -> None:
    study = any_pilot.graduated()
    claim = any_pilot.approved(study)
    batch = any_pilot.batch(claim)
    any_pilot.export(batch)
    revoke(any_pilot, study, BATCHED)
    assert state("claim", claim) == "in_payment"
    assert due.run_on(BATCHED)["recovered"] == 0
    any_pilot.act("payment", batch, "settle", any_pilot.he_jun, SETTLED, results=bank_says(batch))
    assert due.run_on(SETTLED)["recovered"] == 1
    assert state("claim", claim) == "recovering"
    assert due.run_on(SETTLED)["recovered"] == 0


def test_edge_16_a_diploma_revoked_before_payment_stops_the_claim(any_pilot: Pilot) -> None:
    study = any_pilot.graduated()
    claim = any_pilot.submitted(study)
    revoke(any_pilot, study, CHECKED)
    assert state("claim", claim) == "withdrawn"
    assert not any(r["live"] for r in rows("receipt"))


def test_edge_65_the_completion_certificate_of_a_revoked_diploma_is_void(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    pilot.act("study", study, "issue_double_certificate", pilot.chen_hui, GRADUATED)
    revoke(pilot, study, CLAIMED)
    [paper] = rows("document", kind="completion_certificate")
    assert paper["voided_at"] is not None
    assert all(r["voided_at"] is None for r in rows("document") if r["workflow"] != "study")


def test_a_status_is_suspended_and_resumed(app: Flask, pilot: Pilot) -> None:
    study = pilot.studying()
    pilot.act("study", study, "suspend", pilot.chen_hui, SECOND_TERM, suspension="ILLNESS")
    assert state("study", study) == "suspended"
    pilot.act("study", study, "resume", pilot.chen_hui, THIRD_TERM)
    assert state("study", study) == "studying"
