"""The ways of a claim beside the straight one: re-check, correction, objection, withdrawal, recovery (R5.2 to R5.8)."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import alerts, audit, documents, idempotency, outbox, presenting, search
from edu_pilot.services.actors import SYSTEM, student
from edu_pilot.services.idempotency import Once
from edu_pilot.services.perform import create
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import (
    BATCHED,
    CHECKED,
    CLAIMED,
    SETTLED,
    VERIFIED,
    Pilot,
    corrected,
    on,
    passed,
    publish_change,
    receipt,
    refused,
    row,
    rows,
    state,
)
from tests.people import DECHENG, LIU_WEI, QIHE, Human, worker

NOTICE_LAST = date(2025, 3, 17)
SETTLES = {"decision": "pass"}


def shown(claim: str, actor: Actor) -> dict[str, Any]:
    """Give everything an actor sees of a claim."""
    with read() as conn:
        whole = presenting.whole(conn, search.get(conn, "claim", claim, actor), actor)
        return {"record": presenting.as_json(whole.shown, "en"), "history": whole.history, "papers": whole.documents}


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return sorted(r.code for r in refusal.value.reasons)


def context(kind: str) -> dict[str, Any]:
    """Give what the one document of a kind says; it can be printed."""
    (number,) = [d["number"] for d in rows("document", kind=kind)]
    assert documents.render(number).startswith(b"%PDF")
    with read() as conn:
        return documents.frozen(conn, number=number).context


def disputed(pilot: Pilot) -> str:
    """Give a claim that the union passed and the university refused."""
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min)
    assert pilot.check(claim, pilot.sun_li, refused("RECEIPT_VOID")).state == "not_agreed"
    return claim


def recheck(pilot: Pilot, claim: str, actor: Actor, given: dict[str, Any] | None = None) -> str:
    return pilot.act("claim", claim, "recheck", actor, CHECKED, **(given or passed())).state


def liu_wei() -> Actor:
    return student(vault().index("id_number", LIU_WEI.id_number))


# Not agreed


def test_edge_52_both_see_both_reasons_and_readings(any_pilot: Pilot) -> None:
    claim = disputed(any_pilot)
    for actor in (any_pilot.zhao_min, any_pilot.sun_li):
        checks = shown(claim, actor)["record"]["facts"]["checks"]
        assert [(c["body"], c["outcome"], c["reasons"]) for c in checks] == [
            ("union_reviewer", "pass", []), ("university_reviewer", "refuse", ["RECEIPT_VOID"]),
        ]  # fmt: skip
        assert all(c["reading"]["amount_fen"] == 479_000 for c in checks)
    assert rows("document", kind="decision_notice") == []


def test_edge_52_the_first_recheck_is_as_sealed_as_the_first_check(any_pilot: Pilot) -> None:
    """Page, API, history and version tell neither the other body nor the claimant, clerk or arbiter anything."""
    claim = disputed(any_pilot)
    others = (any_pilot.sun_li, any_pilot.sun_lis_colleague, any_pilot.arbiter, any_pilot.wang_fang, liu_wei())
    before = [shown(claim, actor) for actor in others]
    assert recheck(any_pilot, claim, any_pilot.zhao_min, refused()) == "not_agreed"
    assert [shown(claim, actor) for actor in others] == before
    assert len(shown(claim, any_pilot.zhao_min)["history"]) == len(before[0]["history"]) + 1


@pytest.mark.parametrize("first", ["zhao_min", "sun_li"])
def test_edge_52_two_passes_of_the_recheck_approve(pilot: Pilot, first: str) -> None:
    """In either order."""
    claim = disputed(pilot)
    order = sorted((pilot.zhao_min, pilot.sun_li), key=lambda actor: actor is not getattr(pilot, first))
    assert [recheck(pilot, claim, actor) for actor in order] == ["not_agreed", "approved"]
    assert row("claim", claim)["notice_until"] == NOTICE_LAST
    assert {(c["round"], c["outcome"]) for c in shown(claim, pilot.zhao_min)["record"]["facts"]["checks"]} == {
        (2, "pass")
    }


def test_edge_52_two_refusals_of_the_recheck_refuse(pilot: Pilot) -> None:
    claim = disputed(pilot)
    recheck(pilot, claim, pilot.zhao_min, refused("NOT_MEMBER"))
    assert recheck(pilot, claim, pilot.sun_li, refused("RECEIPT_VOID")) == "refused"
    assert [r["zh"] for r in context("decision_notice")["reasons"]] == ["不是工会会员", "票据已作废或红冲"]


def test_edge_52_each_body_rechecks_once_and_then_the_arbiter_settles(any_pilot: Pilot) -> None:
    claim = disputed(any_pilot)
    with pytest.raises(Refused) as early:
        any_pilot.act("claim", claim, "settle", any_pilot.arbiter, CHECKED, **SETTLES)
    assert codes(early) == ["rechecked_by_both"]
    recheck(any_pilot, claim, any_pilot.sun_li, refused("RECEIPT_VOID"))
    with pytest.raises(Refused) as again:
        recheck(any_pilot, claim, any_pilot.sun_lis_colleague)
    assert codes(again) == ["my_body_has_not_checked"]
    assert recheck(any_pilot, claim, any_pilot.zhao_mins_colleague) == "not_agreed"
    with pytest.raises(Refused) as third:
        recheck(any_pilot, claim, any_pilot.zhao_min)
    assert "bodies_still_differ" in codes(third)
    checks = shown(claim, any_pilot.zhao_min)["record"]["facts"]["checks"]
    assert {(c["round"], c["outcome"]) for c in checks} == {(2, "pass"), (2, "refuse")}
    done = any_pilot.act("claim", claim, "settle", any_pilot.arbiter, CHECKED, **SETTLES)
    assert done.state == "approved"
    assert [len(rows("claim_check", round=n)) for n in (1, 2, 3)] == [2, 2, 0]


def test_r5_5_the_arbiter_refuses_with_codes_only(pilot: Pilot) -> None:
    claim = disputed(pilot)
    for actor, given in ((pilot.zhao_min, passed()), (pilot.sun_li, refused("RECEIPT_VOID"))):
        recheck(pilot, claim, actor, given)
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "settle", pilot.arbiter, CHECKED, decision="refuse")
    assert codes(refusal) == ["decision_has_reasons"]
    pilot.act("claim", claim, "settle", pilot.arbiter, CHECKED, decision="refuse", reasons=["RECEIPT_VOID"])
    assert [r["by_zh"] for r in context("decision_notice")["reasons"]] == ["德州市总工会"]
    assert {r["live"] for r in rows("receipt")} == {False}


def test_r5_2_a_recheck_may_send_back_and_the_next_round_is_a_new_one(pilot: Pilot) -> None:
    claim = disputed(pilot)
    recheck(pilot, claim, pilot.zhao_min, corrected("RECEIPT_DETAILS_WRONG"))
    assert recheck(pilot, claim, pilot.sun_li) == "returned"
    pilot.submit(claim)
    assert (row("claim", claim)["round"], row("claim", claim)["recheck_until"]) == (3, None)
    # What both decided before is known to both; what is being decided now is not.
    assert {check["round"] for check in shown(claim, pilot.sun_li)["record"]["facts"]["checks"]} == {2}
    pilot.check(claim, pilot.zhao_min)
    assert pilot.check(claim, pilot.sun_li).state == "approved"


# Refusal and correction on paper


def test_edge_38_a_refusal_says_why_and_how_to_object(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min, refused("NOT_ADMITTED_VIA_PROGRAMME"))
    pilot.check(claim, pilot.sun_li, refused("DIPLOMA_OUT_OF_WINDOW"))
    said = context("decision_notice")
    assert [(r["zh"], r["by_zh"]) for r in said["reasons"]] == [
        ("不是通过本项目录取", "齐河县总工会"), ("毕业证书日期不在规定期间内", "德州广播电视大学"),
    ]  # fmt: skip
    assert (said["review_days"], said["review_until"], said["union_zh"]) == (10, "2025-03-24", "德州市总工会")
    assert rows("document", kind="return_notice") == []


def test_r5_2_a_return_names_every_fault_of_both_bodies_at_once(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min, passed(outcome="correct", reasons=["UNION_MEMBERSHIP_UNCLEAR", "ILLEGIBLE"]))
    assert rows("document", kind="return_notice") == []
    pilot.check(claim, pilot.sun_li, corrected("ACCOUNT_WRONG"))
    said = context("return_notice")
    assert [f["en"] for f in said["faults"]] == [
        "The union membership is unclear", "The papers are illegible", "The account is wrong",
    ]  # fmt: skip
    assert (said["answer_until"], said["reference"]) == ("2025-03-24", claim)
    assert "2026年7月31日" in said["after_zh"]
    assert rows("document", kind="decision_notice") == []


def test_r3_3_an_application_sent_back_gets_the_same_notice(pilot: Pilot) -> None:
    application = pilot.complete()
    given = {"faults": ["ILLEGIBLE", "PORTRAIT_UNSUITABLE"], "note": "照片背景须为白色"}
    pilot.act("application", application, "return_for_correction", pilot.wang_fang, VERIFIED, **given)
    said = context("return_notice")
    assert [f["zh"] for f in said["faults"]] == ["材料无法辨认", "照片不合格"]
    assert (said["note"], said["answer_until"]) == (
        given["note"],
        row("application", application)["answer_until"].isoformat(),
    )


# Receipts


def test_edge_41_the_same_receipt_is_free_again_once_its_claim_is_refused(pilot: Pilot) -> None:
    first, second = pilot.graduated(), pilot.graduated(worker(1))
    shared = receipt("77")
    claim = pilot.submitted(first, receipts=[shared])
    with pytest.raises(Refused) as used:
        pilot.claim(second, receipts=[shared])
    assert codes(used) == ["receipts_not_used"]
    pilot.check(claim, pilot.zhao_min, refused())
    pilot.check(claim, pilot.sun_li, refused())
    assert state("claim", pilot.claim(second, receipts=[shared])) == "draft"


def test_r5_3_only_the_claim_of_the_same_receipt_is_told_of(pilot: Pilot) -> None:
    """Another issuer's receipt of the same number under another code is no double."""

    def given(who: Human, code: str) -> list[dict[str, Any]]:
        return [receipt("1", who.name, kind="fiscal_ebill", code=code) | {"number": "0000000077"}]

    studies = [pilot.graduated(who) for who in (LIU_WEI, worker(1), worker(2))]
    first = pilot.claim(studies[0], receipts=given(LIU_WEI, "11111111"))
    pilot.claim(studies[1], receipts=given(worker(1), "22222222"))
    with pytest.raises(Refused):
        pilot.claim(studies[2], receipts=given(worker(2), "11111111"))
    assert {a["claim_id"] for a in rows("alert")} == {row("claim", first)["id"]}


def test_edge_40_one_receipt_at_two_unions_counts_in_the_first(pilot: Pilot) -> None:
    first = pilot.claim(pilot.graduated(), receipts=[receipt("88")])
    decheng = Pilot()
    decheng.wang_fang = decheng.decheng_clerk
    study = decheng.graduated(worker(2), by=decheng.decheng_clerk, county="德城区", point="德城区教学点")
    with pytest.raises(Refused) as used:
        decheng.claim(study, receipts=[receipt("88", worker(2).name)])
    assert codes(used) == ["receipts_not_used"]
    assert [(c["reference"], c["state"]) for c in rows("claim")] == [(first, "draft")]
    # Both unions are told, each once; only the first learns which claim it is.
    with pytest.raises(Refused):
        decheng.claim(study, receipts=[receipt("88", worker(2).name)])
    assert sorted((a["county"], a["other_county"]) for a in rows("alert")) == [(DECHENG, QIHE), (QIHE, DECHENG)]
    there = Actor("9", "decheng.union", frozenset({"union_reviewer"}), DECHENG, "key")
    with read() as conn:
        told = [alerts.of_actor(conn, who) for who in (pilot.zhao_min, there, pilot.wang_fang)]
        assert [[(a["number"], a["reference"]) for a in one] for one in told] == [
            [("88".zfill(20), first)], [("88".zfill(20), None)], [],
        ]  # fmt: skip
        assert audit.verify(conn).ok


def test_edge_40_a_request_sent_twice_alarms_nobody(any_pilot: Pilot) -> None:
    """The duplicate is judged while the first is being kept: the receipt that it meets is its own."""
    study = any_pilot.graduated()
    first = sent(any_pilot, study, "key")
    with pytest.raises(Refused) as met:
        sent(any_pilot, study, "key")
    assert "receipts_not_used" in codes(met) and rows("alert") == []
    # Sent with another key it is a second claim of the receipt.
    with pytest.raises(Refused):
        sent(any_pilot, study, "another key")
    assert {a["claim_id"] for a in rows("alert")} == {row("claim", first)["id"]}


def sent(pilot: Pilot, study: str, key: str) -> str:
    """Enter a claim by a request with a key, as if nobody had looked for the key before."""
    token = idempotency.once.set(Once("wang.fang", key, "hash"))
    try:
        return pilot.claim(study)
    finally:
        idempotency.once.reset(token)


def test_edge_40_other_refusals_alarm_nobody(pilot: Pilot) -> None:
    with pytest.raises(Refused):
        pilot.claim(pilot.graduated(), receipts=[receipt("1", amount_fen=0)])
    assert rows("alert") == []


@pytest.mark.parametrize("evidence", ["ebill_download", "issuer_copy", "original"])
def test_edge_46_a_lost_receipt_is_proved_by_its_issuer(pilot: Pilot, evidence: str) -> None:
    claim = pilot.submitted(pilot.graduated(), receipts=[receipt("9", evidence=evidence)])
    assert row("claim", claim)["payable_fen"] == 479_000


def test_edge_46_a_screenshot_is_not_enough_and_the_reason_says_what_is(pilot: Pilot) -> None:
    claim = pilot.claim(pilot.graduated(), receipts=[receipt("9", evidence="截图或照片")])
    with pytest.raises(Refused) as refusal:
        pilot.submit(claim)
    assert (codes(refusal), state("claim", claim)) == (["receipt_evidence_suffices"], "draft")
    offers = {o["action"]: o["reasons"] for o in shown(claim, pilot.wang_fang)["record"]["offers"]}
    assert offers["submit"][0]["text"] == (
        f"Receipt {'9'.zfill(20)}: this is not enough: Screenshot or photo. Hand in one of these: "
        "Original, E-bill downloaded again, Issuer's copy with stamp"
    )
    given = {"new_receipts": [receipt("9", evidence="issuer_copy")]}
    pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, **given)
    assert pilot.submit(claim).state == "submitted"


# Money


def test_edge_47_what_the_school_refunded_is_not_counted(pilot: Pilot) -> None:
    """Left, got part of the fee back, came again: one receipt refunded in part, one as a whole."""
    given = [
        receipt("1", amount_fen=200_000, refunded_fen=150_000),
        receipt("2", amount_fen=100_000, refunded_fen=100_000),
        receipt("3", amount_fen=300_000),
    ]
    claim = pilot.submitted(pilot.graduated(), receipts=given)
    assert (row("claim", claim)["counted_fen"], row("claim", claim)["payable_fen"]) == (350_000, 350_000)
    lines = {line["label_en"]: line["amount_fen"] for line in context("claim_form")["lines"]}
    assert (lines["Refunded by the school"], lines["Paid by the employer"]) == (250_000, 0)


def test_edge_47_fees_of_an_earlier_school_status_do_not_belong_to_the_diploma(pilot: Pilot) -> None:
    earlier = receipt("1", paid_on="2021-09-12")
    claim = pilot.claim(pilot.graduated(), receipts=[earlier, receipt("2")])
    with pytest.raises(Refused) as refusal:
        pilot.submit(claim)
    told = {r.code: r.facts.get("number") for r in refusal.value.reasons}
    assert told["receipts_complete"] == earlier["number"]
    assert state("claim", claim) == "draft"


def test_edge_39_before_the_diploma_no_claim_is_made(pilot: Pilot) -> None:
    with pytest.raises(Refused) as refusal:
        pilot.claim(pilot.completed())
    assert (codes(refusal), rows("claim"), rows("receipt")) == (["diploma_recorded"], [], [])


def test_edge_43_of_a_fee_the_employer_paid_half_only_the_own_half_counts(pilot: Pilot) -> None:
    halves = [receipt("1", amount_fen=239_500), receipt("2", "齐河建筑安装有限公司", amount_fen=239_500)]
    claim = pilot.submitted(pilot.graduated(), receipts=halves)
    assert row("claim", claim)["payable_fen"] == 239_500


@pytest.mark.parametrize(("other", "payable"), [(100_000, 379_000), (479_000, 0), (600_000, 0)])
def test_edge_44_money_already_received_is_deducted_never_below_zero(pilot: Pilot, other: int, payable: int) -> None:
    claim = pilot.submitted(pilot.graduated(), other_money_fen=other)
    assert row("claim", claim)["payable_fen"] == payable


def test_edge_45_more_than_the_tariff_waits_for_its_explanation(pilot: Pilot) -> None:
    claim = pilot.claim(pilot.graduated(), receipts=[receipt("1", amount_fen=561_000)])
    with pytest.raises(Refused) as refusal:
        pilot.submit(claim)
    assert (codes(refusal), state("claim", claim)) == (["excess_is_explained"], "draft")
    pilot.act("claim", claim, "amend", pilot.wang_fang, CHECKED, explanation="含重修课程学分费")
    pilot.submit(claim)
    assert row("claim", claim)["payable_fen"] == 479_000


def test_edge_51_nobody_decides_the_own_claim_at_any_step(pilot: Pilot) -> None:
    """Neither in the re-check, nor as arbiter, nor in asking money back."""
    claim = disputed(pilot)
    key = vault().index("id_number", LIU_WEI.id_number)
    reviewer = Actor("x", "liu.wei.union", frozenset({"union_reviewer"}), QIHE, key)
    arbiter = Actor("y", "liu.wei.city", frozenset({"arbiter"}), None, key)
    with pytest.raises(Refused) as rechecks:
        recheck(pilot, claim, reviewer)
    recheck(pilot, claim, pilot.zhao_min)
    recheck(pilot, claim, pilot.sun_li, refused())
    with pytest.raises(Refused) as settles:
        pilot.act("claim", claim, "settle", arbiter, CHECKED, **SETTLES)
    pilot.act("claim", claim, "settle", pilot.arbiter, CHECKED, **SETTLES)
    pilot.pay_out(pilot.batch(claim))
    with pytest.raises(Refused) as recovers:
        pilot.act("claim", claim, "recover", arbiter, SETTLED, recovery="OTHER")
    assert [codes(r) for r in (rechecks, settles, recovers)] == [["not_own_case"]] * 3


def test_edge_67_a_tariff_changed_meanwhile_does_not_touch_who_is_registered(pilot: Pilot) -> None:
    study = pilot.graduated()
    publish_change("policies.yaml", "cap_fen: 479000", "cap_fen: 300000", CLAIMED)
    assert row("claim", pilot.submitted(study))["payable_fen"] == 479_000


# Objection


def objected(pilot: Pilot, claim: str, day: date = NOTICE_LAST) -> None:
    pilot.act("claim", claim, "object", pilot.wang_fang, day, objection="来电反映：单位已报销学费")


def test_edge_57_an_objection_stops_that_case_alone(any_pilot: Pilot) -> None:
    stopped, other = any_pilot.approved(any_pilot.graduated()), any_pilot.approved(any_pilot.graduated(worker(1)))
    objected(any_pilot, stopped)
    with on(BATCHED), pytest.raises(Refused) as refusal:
        create("payment", any_pilot.he_jun, {"claims": [stopped, other]})
    assert [r.facts["claim"] for r in refusal.value.reasons] == [stopped]
    any_pilot.pay_out(any_pilot.batch(other))
    assert (state("claim", stopped), state("claim", other)) == ("objected", "paid")


def test_edge_57_who_objects_is_protected_from_the_claimant(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    objected(pilot, claim)
    assert "来电反映" in json.dumps(shown(claim, pilot.arbiter)["history"], ensure_ascii=False)
    assert "来电反映" not in json.dumps(shown(claim, liu_wei()), ensure_ascii=False, default=str)
    entry = rows("audit_entry", reference=claim, action="object")[0]
    assert "来电反映" not in entry["body"]


def test_r5_7_an_objection_after_the_notice_is_too_late(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    with pytest.raises(Refused) as refusal:
        objected(pilot, claim, NOTICE_LAST + timedelta(days=1))
    assert (codes(refusal), state("claim", claim)) == (["notice_is_running"], "approved")


def test_r5_7_an_unfounded_objection_does_not_begin_the_notice_again(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    objected(pilot, claim)
    step = ("claim", claim, "resolve_objection", pilot.arbiter, BATCHED)
    assert pilot.act(*step, resolution="unfounded", note="经核实未报销").state == "approved"
    assert (row("claim", claim)["notice_until"], row("claim", claim)["approved_on"]) == (NOTICE_LAST, CHECKED)
    assert state("payment", pilot.batch(claim)) == "drawn"


def test_r5_7_a_founded_objection_refuses_on_paper(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    objected(pilot, claim)
    step = ("claim", claim, "resolve_objection", pilot.arbiter, BATCHED)
    given = {"resolution": "founded", "reasons": ["PAID_BY_EMPLOYER"], "note": "单位已于2023年报销"}
    assert pilot.act(*step, **given).state == "refused"
    said = context("decision_notice")
    assert [r["zh"] for r in said["reasons"]] == ["公示期间收到异议，经核查异议成立", "费用已由用人单位承担"]
    assert said["note"] == given["note"]


# Withdrawal


def test_r5_2_a_claim_withdrawn_under_check_tells_nothing_about_checks(any_pilot: Pilot) -> None:
    """Whether one body had checked, and what, stays sealed for everybody but that reviewer and the audit."""
    checked = any_pilot.submitted(any_pilot.graduated())
    any_pilot.check(checked, any_pilot.zhao_min, refused())
    any_pilot.act("claim", checked, "withdraw", liu_wei(), CHECKED)
    for actor in (liu_wei(), any_pilot.sun_li, any_pilot.wang_fang, any_pilot.arbiter):
        seen = shown(checked, actor)
        assert seen["record"]["facts"]["checks"] == []
        assert [e["action"] for e in seen["history"]] == ["create", "submit", "withdraw"]
    audited = shown(checked, any_pilot.xu_ning)["history"]
    assert [e["action"] for e in audited] == ["create", "submit", "check", "withdraw"]
    assert {r["live"] for r in rows("receipt")} == {False}


def test_r5_8_nothing_is_withdrawn_out_of_a_batch(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    pilot.batch(claim)
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "withdraw", pilot.wang_fang, BATCHED)
    assert (codes(refusal), state("claim", claim)) == (["not_in_a_batch"], "approved")


# Recovery


def test_edge_65_a_revoked_diploma_is_paid_back_in_instalments(any_pilot: Pilot) -> None:
    claim = any_pilot.paid(any_pilot.graduated())
    any_pilot.act("claim", claim, "recover", SYSTEM, SETTLED, recovery="DIPLOMA_REVOKED")
    back = ("claim", claim, "confirm_recovered", any_pilot.he_jun, SETTLED)
    assert any_pilot.act(*back, recovered_fen=179_000).state == "recovering"
    with pytest.raises(Refused) as too_much:
        any_pilot.act(*back, recovered_fen=300_001)
    assert codes(too_much) == ["recovered_at_most_the_rest"]
    assert any_pilot.act(*back, recovered_fen=300_000).state == "recovered"
    stored = row("claim", claim)
    assert (stored["recovery_fen"], stored["recovered_fen"], stored["payable_fen"]) == (479_000,) * 3


def test_edge_42_of_a_reversed_receipt_only_that_part_is_asked_back(pilot: Pilot) -> None:
    claim = pilot.paid(pilot.graduated())
    step = ("claim", claim, "recover", pilot.arbiter, SETTLED)
    with pytest.raises(Refused) as too_much:
        pilot.act(*step, recovery="RECEIPT_REVERSED", due_fen=479_001)
    assert codes(too_much) == ["recovery_at_most_paid"]
    pilot.act(*step, recovery="RECEIPT_REVERSED", due_fen=99_000, note="第三张票据已红冲")
    back = ("claim", claim, "confirm_recovered", pilot.he_jun, SETTLED)
    assert pilot.act(*back, recovered_fen=99_000).state == "recovered"


def test_edge_42_the_rest_can_be_asked_back_later(any_pilot: Pilot) -> None:
    claim = any_pilot.paid(any_pilot.graduated())
    ask, back = (
        ("claim", claim, step, who, SETTLED)
        for step, who in (("recover", any_pilot.arbiter), ("confirm_recovered", any_pilot.he_jun))
    )
    any_pilot.act(*ask, recovery="RECEIPT_REVERSED", due_fen=99_000)
    assert any_pilot.act(*back, recovered_fen=99_000).state == "recovered"
    for due in (99_000, 479_001):
        with pytest.raises(Refused) as refusal:
            any_pilot.act(*ask, recovery="RECEIPT_REVERSED", due_fen=due)
        assert codes(refusal) == ["recovery_at_most_paid"]
    assert any_pilot.act(*ask, recovery="RECEIPT_REVERSED", due_fen=100_000).state == "recovering"
    assert any_pilot.act(*ask, recovery="FALSE_PAPERS").state == "recovering"
    stored = row("claim", claim)
    assert (stored["recovery_fen"], stored["recovered_fen"]) == (479_000, 99_000)
    assert any_pilot.act(*back, recovered_fen=380_000).state == "recovered"
    with pytest.raises(Refused) as nothing_left:
        any_pilot.act(*ask, recovery="OTHER")
    assert codes(nothing_left) == ["recovery_at_most_paid"]


def test_edge_61_a_wrong_amount_is_mended_by_its_own_entry(pilot: Pilot) -> None:
    """What was paid is never edited: the line of the batch and the claim's amount stay."""
    claim = pilot.paid(pilot.graduated())
    pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="OTHER", due_fen=100)
    pilot.act("claim", claim, "confirm_recovered", pilot.he_jun, SETTLED, recovered_fen=100)
    assert [i["amount_fen"] for i in rows("payment_item")] == [479_000]
    assert row("claim", claim)["payable_fen"] == 479_000
    assert {e["action"] for e in rows("audit_entry", reference=claim)} >= {
        "confirm_paid",
        "recover",
        "confirm_recovered",
    }
    with read() as conn:
        assert audit.verify(conn).ok
        assert outbox.refused(conn) == []
