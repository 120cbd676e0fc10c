"""What a claim must fulfil, and how two sealed checks decide it (R5.1 to R5.9)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from edu_pilot.rules.claim import ReceiptKey, read_receipt, receipt_signs
from edu_pilot.rules.four_eyes import Hands
from edu_pilot.workflow.registry import Actor
from tests.rules.shipped import POLICY, attempt, changed, codes, holds, reasons

ZHAO_MIN = Actor("3", "zhao.min", frozenset({"union_reviewer"}), "371425", "key of zhao min")
SUN_LI = Actor("4", "sun.li", frozenset({"university_reviewer"}), None, "key of sun li")
ARBITER = Actor("5", "arbiter", frozenset({"arbiter"}), None, "key of the arbiter")
RECEIPT = {
    "kind": "digital_invoice", "code": "", "number": "1" * 20, "issuer": "德州广播电视大学",
    "payer": "刘伟", "item": "学费", "paid_on": "2022-09-12", "amount_fen": 479_000,
}  # fmt: skip
ENTERED = Hands(frozenset({"wang.fang"}), frozenset({"key of wang fang"}))
EMPLOYER = "齐河建筑安装（集团）有限公司"
STUDY = SimpleNamespace(from_on=date(2022, 9, 1), diploma_on=date(2025, 1, 31))


def claim(**values: Any) -> dict[str, Any]:
    """Give a submitted claim that nothing speaks against."""
    record = {
        "study": STUDY, "person": SimpleNamespace(name="刘伟"), "person_key": "key of liu wei",
        "receipts": [paid()], "receipts_elsewhere": [],
        "receipt_files_elsewhere": None, "receipt_looks_elsewhere": 0, "other_money_fen": 0, "explanation": None,
        "account_number": "6222021601001234560", "account_holder": "刘伟", "certificates": [],
        "checks": [], "entered_by": ENTERED, "employer": EMPLOYER, "state": "draft", "answer_until": None,
        "escalated_on": None, "heir": None, "register_code_until": None,
    }  # fmt: skip
    return record | values | {"checks_given": values.get("checks", [])}


def paid(amount: int = 479_000, day: date = date(2022, 9, 12), payer: str = "刘伟") -> SimpleNamespace:
    known = {"number": "1" * 20, "amount_fen": amount, "paid_on": day, "payer": payer}
    return SimpleNamespace(**known, evidence="original", refunded_fen=0)


def check(actor: Actor, outcome: str = "pass") -> SimpleNamespace:
    body = next(iter(actor.roles))
    return SimpleNamespace(body=body, outcome=outcome, checked_by=actor.name, person_key=actor.person_key)


# R5.3: receipts as typed

READ: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"kind": "数电发票"}, ()),
    ({"kind": "Fully digital e-invoice"}, ()),
    ({"kind": "fiscal_ebill", "code": "1" * 8, "number": "2" * 10}, ()),
    ({"kind": "增值税普通发票", "code": "1" * 12, "number": "2" * 8}, ()),
    ({"item": "学分费"}, ()),
    ({"item": "registration_fee"}, ()),
    ({"kind": "paper"}, ("kind",)),
    ({"item": "住宿费"}, ("item",)),
    ({"number": "1" * 19}, ("number",)),
    ({"number": "1" * 21}, ("number",)),
    ({"number": "１" * 20}, ("number",)),
    ({"code": "1" * 8}, ("code",)),
    ({"kind": "fiscal_ebill", "code": "", "number": "2" * 10}, ("code",)),
    ({"issuer": "  "}, ("issuer",)),
    ({"payer": None}, ("payer",)),
    ({"paid_on": "2022-02-30"}, ("paid_on",)),
    ({"paid_on": "yesterday"}, ("paid_on",)),
    ({"amount_fen": 0}, ("amount_fen",)),
    ({"amount_fen": -1}, ("amount_fen",)),
    ({"amount_fen": "479000"}, ("amount_fen",)),
    ({"amount_fen": 4790.00}, ("amount_fen",)),
    ({"amount_fen": True}, ("amount_fen",)),
    ({"amount_fen": 10**10}, ("amount_fen",)),
    ({"evidence": "issuer_copy"}, ()),
    ({"evidence": "截图或照片"}, ()),
    ({"evidence": "hearsay"}, ("evidence",)),
    ({"refunded_fen": 479_000}, ()),
    ({"refunded_fen": 479_001}, ("refunded_fen",)),
    ({"refunded_fen": "1"}, ("refunded_fen",)),
    ({"refunded_fen": -1}, ("refunded_fen",)),
]


@pytest.mark.parametrize(("change", "faults"), READ)
def test_r5_3_a_receipt_is_read_or_its_faulty_parts_are_named(change: dict[str, Any], faults: tuple[str, ...]) -> None:
    given = RECEIPT | change
    assert read_receipt(POLICY, given).faults == faults
    expected = ["receipts_are_sound"] if faults else []
    assert codes("receipts_are_sound", attempt(given={"receipts": [given]})) == expected
    assert codes("new_receipts_are_sound", attempt(given={"new_receipts": [given]})) == expected


@pytest.mark.parametrize("given", [None, "text", 7, [], {}])
def test_r5_3_what_is_no_receipt_at_all_breaks_nothing(given: Any) -> None:
    assert len(read_receipt(POLICY, given).faults) >= 6


def test_r5_3_each_faulty_receipt_is_told_by_its_row() -> None:
    given = {"receipts": [RECEIPT, RECEIPT | {"issuer": ""}, RECEIPT, "text"]}
    assert [r.facts["row"] for r in reasons("receipts_are_sound", attempt(given=given))] == [2, 4]


@pytest.mark.parametrize(
    ("receipts", "blocked"),
    [
        ([paid()], []),
        ([paid(day=date(2022, 9, 1)), paid(day=date(2025, 1, 31))], []),
        ([], ["receipts_complete"]),
        ([paid(day=date(2022, 8, 31))], ["receipts_complete"]),
        ([paid(day=date(2025, 2, 1)), paid(), paid(day=date(2021, 1, 1))], ["receipts_complete"] * 2),
    ],
)
def test_r5_3_receipts_complete(receipts: list[Any], blocked: list[str]) -> None:
    """Paid within the school status, both ends included."""
    assert codes("receipts_complete", attempt(claim(receipts=receipts))) == blocked


@pytest.mark.parametrize(("number", "blocked"), [(None, []), (1, ["receipt_files_not_used"])])
def test_r5_3_receipt_files_not_used(number: int | None, blocked: list[str]) -> None:
    assert codes("receipt_files_not_used", attempt(claim(receipt_files_elsewhere=number))) == blocked


@pytest.mark.parametrize("number", [0, 3])
def test_r5_3_a_receipt_that_looks_alike_is_a_sign_and_no_block(number: int) -> None:
    signs = receipt_signs(SimpleNamespace(receipt_looks_elsewhere=number))
    assert [sign.facts for sign in signs] == [{"number": number}] * bool(number)


UIGHUR = "买买提·艾力"


@pytest.mark.parametrize(
    ("payer", "claimant", "employer", "blocked"),
    [
        ("刘伟", "刘伟", EMPLOYER, []),
        (" 刘 伟 ", "刘伟", EMPLOYER, []),
        ("买买提•艾力", UIGHUR, EMPLOYER, []),
        ("买买提.艾力", UIGHUR, EMPLOYER, []),
        ("买买提艾力", UIGHUR, EMPLOYER, []),
        (EMPLOYER, "刘伟", EMPLOYER, []),
        ("齐河建筑安装(集团)有限公司", "刘伟", EMPLOYER, []),
        ("刘玮", "刘伟", EMPLOYER, ["receipts_complete"]),
        ("德州某某商贸有限公司", "刘伟", EMPLOYER, ["receipts_complete"]),
        ("德州某某商贸有限公司", "刘伟", None, ["receipts_complete"]),
        ("·", "刘伟", None, ["receipts_complete"]),
        ("·", "刘伟", "", ["receipts_complete"]),
    ],
)
def test_r5_3_payer_is_the_student_or_the_employer(
    payer: str, claimant: str, employer: str | None, blocked: list[str]
) -> None:
    record = claim(person=SimpleNamespace(name=claimant), receipts=[paid(payer=payer)], employer=employer)
    found = reasons("receipts_complete", attempt(record))
    assert [reason.code for reason in found] == blocked
    assert [reason.facts["payer"] for reason in found] == [payer] * len(blocked)


def test_r5_3_receipts_not_used() -> None:
    assert codes("receipts_not_used", attempt(claim())) == []
    found = reasons(
        "receipts_not_used", attempt(claim(receipts_elsewhere=[ReceiptKey("k", "", n) for n in ("11", "22")]))
    )
    assert [reason.facts["number"] for reason in found] == ["11", "22"]


# R5.1, R5.6: study, diploma, window


@pytest.mark.parametrize(
    ("study", "unreachable", "unrecorded"),
    [
        (STUDY, [], []),
        (SimpleNamespace(diploma_on=None), [], ["diploma_recorded"]),
        (None, ["study_is_reachable"], []),
    ],
)
def test_r5_1_diploma_recorded(study: Any, unreachable: list[str], unrecorded: list[str]) -> None:
    tried = attempt({"study_of_input": lambda _reference, _actor: study}, {"study": "S2209-000001"})
    assert codes("study_is_reachable", tried) == unreachable
    assert codes("diploma_recorded", tried) == unrecorded


@pytest.mark.parametrize(
    ("diploma", "today", "blocked"),
    [
        (date(2025, 1, 31), date(2026, 7, 31), []),
        (date(2025, 1, 31), date(2026, 8, 1), ["within_claim_window"]),
        (date(2025, 8, 31), date(2027, 2, 28), []),
        (date(2025, 8, 31), date(2027, 3, 1), ["within_claim_window"]),
        (date(2022, 8, 31), date(2024, 2, 29), []),
        (None, date(2030, 1, 1), []),
    ],
)
def test_r5_6_within_claim_window(diploma: date | None, today: date, blocked: list[str]) -> None:
    """18 months, the last day included; a shorter month ends on its last day."""
    study = SimpleNamespace(diploma_on=diploma)
    assert codes("within_claim_window", attempt(claim(study=study), today=today)) == blocked


# R2.7: the account


@pytest.mark.parametrize(
    ("number", "holder", "faulty"),
    [
        ("6222021601001234560", "刘伟", []),
        ("6222021601001234561", "刘伟", ["account_number"]),
        ("62220216010", "刘伟", ["account_number"]),
        ("", "刘伟", ["account_number"]),
        (None, None, ["account_number", "account_holder"]),
        ("6222021601001234560", "刘玮", ["account_holder"]),
        ("6222021601001234560", "刘 伟", ["account_holder"]),
    ],
)
def test_r2_7_account_is_own(number: str | None, holder: str | None, faulty: list[str]) -> None:
    tried = attempt(claim(account_number=number, account_holder=holder))
    assert [reason.field for reason in reasons("account_is_own", tried)] == faulty


def test_r2_7_a_bank_may_drop_the_dot_of_a_name() -> None:
    person = SimpleNamespace(name="买买提·吐尔逊")
    for holder in ("买买提·吐尔逊", "买买提吐尔逊"):
        assert codes("account_is_own", attempt(claim(person=person, account_holder=holder))) == []


# R5.4, R5.9


@pytest.mark.parametrize(
    ("amount", "explanation", "blocked"),
    [
        (479_000, None, []),
        (479_001, None, ["excess_is_explained"]),
        (479_001, "", ["excess_is_explained"]),
        (479_001, "含重修学分费", []),
    ],
)
def test_r5_4_excess_is_explained(amount: int, explanation: str | None, blocked: list[str]) -> None:
    record = claim(receipts=[paid(amount)], explanation=explanation)
    assert codes("excess_is_explained", attempt(record)) == blocked


@pytest.mark.parametrize(
    ("required", "certificates", "blocked"),
    [(False, [], []), (True, ["4"], []), (True, [], ["skill_certificate_where_required"])],
)
def test_r5_9_the_skill_certificate_is_a_switch(required: bool, certificates: list[str], blocked: list[str]) -> None:
    policy = changed("claim.skill_certificate_required", required)
    tried = attempt(claim(certificates=certificates), policy=policy)
    assert codes("skill_certificate_where_required", tried) == blocked
    assert POLICY.get("claim.skill_certificate_required") is False


# R5.2: who checks


def of(actor: Actor, *roles: str, **changes: Any) -> Actor:
    values = {"account_id": "9", "name": actor.name, "county": None, "person_key": actor.person_key} | changes
    return Actor(roles=frozenset(roles) or actor.roles, **values)


WHO: list[tuple[str, dict[str, Any], Actor, list[str]]] = [
    ("acts_for_one_body", {}, ZHAO_MIN, []),
    ("acts_for_one_body", {}, of(ZHAO_MIN, "union_reviewer", "clerk"), []),
    ("acts_for_one_body", {}, of(ZHAO_MIN, "union_reviewer", "university_reviewer"), ["acts_for_one_body"]),
    ("has_a_person", {}, ZHAO_MIN, []),
    ("has_a_person", {}, of(ZHAO_MIN, person_key=None), ["has_a_person"]),
    ("not_own_case", {}, ZHAO_MIN, []),
    ("not_own_case", {"person_key": "key of zhao min"}, ZHAO_MIN, ["not_own_case"]),
    ("not_own_case", {"person_key": None}, of(ZHAO_MIN, person_key=None), []),
    ("not_entered_by_me", {}, ZHAO_MIN, []),
    ("not_entered_by_me", {"entered_by": Hands(frozenset({"zhao.min"}))}, ZHAO_MIN, ["not_entered_by_me"]),
    (
        "not_entered_by_me",
        {"entered_by": Hands(keys=frozenset({"key of zhao min"}))},
        of(ZHAO_MIN, name="other.account"),
        ["not_entered_by_me"],
    ),
    ("my_body_has_not_checked", {}, ZHAO_MIN, []),
    ("my_body_has_not_checked", {"checks": [check(SUN_LI)]}, ZHAO_MIN, []),
    (
        "my_body_has_not_checked",
        {"checks": [check(ZHAO_MIN)]},
        of(ZHAO_MIN, name="colleague"),
        ["my_body_has_not_checked"],
    ),
    ("other_body_was_another_person", {"checks": [check(ZHAO_MIN)]}, SUN_LI, []),
    (
        "other_body_was_another_person",
        {"checks": [check(ZHAO_MIN)]},
        of(SUN_LI, person_key="key of zhao min"),
        ["other_body_was_another_person"],
    ),
    ("not_checked_by_me", {"checks": [check(ZHAO_MIN), check(SUN_LI)]}, ARBITER, []),
    ("not_checked_by_me", {"checks": [check(ZHAO_MIN)]}, of(ZHAO_MIN, "arbiter"), ["not_checked_by_me"]),
]


@pytest.mark.parametrize(("rule", "change", "actor", "blocked"), WHO)
def test_r5_2_different_persons_check(rule: str, change: dict[str, Any], actor: Actor, blocked: list[str]) -> None:
    """Compared by person, over all accounts; never the claimant, never who entered the claim."""
    assert codes(rule, attempt(claim(**change), actor=actor)) == blocked


def test_r5_2_the_second_reviewer_of_a_body_is_told_who() -> None:
    tried = attempt(claim(checks=[check(ZHAO_MIN)]), actor=ZHAO_MIN)
    assert reasons("my_body_has_not_checked", tried)[0].facts == {"reviewer": "zhao.min"}


@pytest.mark.parametrize(
    ("outcome", "given", "blocked"),
    [
        ("pass", [], []),
        ("pass", ["NOT_MEMBER"], ["outcome_has_reasons"]),
        ("refuse", ["NOT_MEMBER"], []),
        ("refuse", [], ["outcome_has_reasons"]),
        ("refuse", ["AMOUNT_WRONG"], ["outcome_has_reasons"]),
        ("refuse", ["NOT_MEMBER", "AMOUNT_WRONG"], ["outcome_has_reasons"]),
        ("correct", ["ILLEGIBLE", "AMOUNT_WRONG"], []),
        ("correct", ["NOT_MEMBER"], ["outcome_has_reasons"]),
        ("correct", [], ["outcome_has_reasons"]),
        ("pass", None, []),
        ("refuse", None, ["outcome_has_reasons"]),
    ],
)
def test_r5_5_outcome_has_reasons(outcome: str, given: list[str] | None, blocked: list[str]) -> None:
    """Codes of refusal for a refusal, of correction for a correction, none for a pass."""
    entered = {"outcome": outcome} | ({} if given is None else {"reasons": given})
    assert codes("outcome_has_reasons", attempt(given=entered)) == blocked


@pytest.mark.parametrize(
    ("decision", "given", "blocked"),
    [
        ("pass", [], []),
        ("pass", ["NOT_MEMBER"], ["decision_has_reasons"]),
        ("refuse", ["NOT_MEMBER"], []),
        ("refuse", ["AMOUNT_WRONG"], ["decision_has_reasons"]),
        ("refuse", [], ["decision_has_reasons"]),
    ],
)
def test_r5_5_the_arbiters_refusal_has_a_code(decision: str, given: list[str], blocked: list[str]) -> None:
    assert codes("decision_has_reasons", attempt(given={"decision": decision, "reasons": given})) == blocked


READING = {"amount_fen": 479_000, "id_tail": "001X", "diploma_on": "2025-01-31"}


@pytest.mark.parametrize(
    ("change", "faulty"),
    [
        ({}, []),
        ({"id_tail": "001x"}, []),
        ({"amount_fen": 0}, []),
        ({"amount_fen": None}, ["amount_fen"]),
        ({"amount_fen": "479000"}, ["amount_fen"]),
        ({"amount_fen": True}, ["amount_fen"]),
        ({"amount_fen": -1}, ["amount_fen"]),
        ({"amount_fen": 10**10}, ["amount_fen"]),
        ({"id_tail": "00"}, ["id_tail"]),
        ({"id_tail": "X001"}, ["id_tail"]),
        ({"id_tail": 1234}, ["id_tail"]),
        ({"diploma_on": "2025-02-30"}, ["diploma_on"]),
        ({"diploma_on": "31 January"}, ["diploma_on"]),
        ({"diploma_on": None, "amount_fen": None, "id_tail": None}, ["amount_fen", "id_tail", "diploma_on"]),
    ],
)
def test_r5_2_a_check_reads_all_three_from_the_evidence(change: dict[str, Any], faulty: list[str]) -> None:
    given = {name: value for name, value in (READING | change).items() if value is not None}
    found = reasons("reading_is_complete", attempt(given={"reading": given}))
    labels = {"amount_fen": "amount", "id_tail": "last four of the ID number", "diploma_on": "date of the diploma"}
    expected = ["names:" + ",".join(labels[name] for name in faulty)] if faulty else []
    assert [reason.facts["parts"] for reason in found] == expected


@pytest.mark.parametrize("given", [None, {}, {"reading": {}}, {"reading": READING | {"note": "x"}}])
def test_r5_2_a_reading_is_these_three_and_nothing_else(given: dict[str, Any] | None) -> None:
    assert codes("reading_is_complete", attempt(given=given)) == ["reading_is_complete"]


REFUSALS = (
    "NOT_ADMITTED_VIA_PROGRAMME", "NO_DIPLOMA", "DIPLOMA_OUT_OF_WINDOW", "LEVEL_ALREADY_CLAIMED",
    "NOT_MEMBER", "RECEIPT_DUPLICATE", "RECEIPT_VOID", "RECEIPT_PAYER_MISMATCH", "ITEM_NOT_TUITION",
    "AMOUNT_EXCEEDS_RECEIPTS", "PAID_BY_EMPLOYER", "IDENTITY_MISMATCH", "ACCOUNT_NOT_OWN",
    "ILLEGIBLE", "LATE", "SELF_REVIEW",
)  # fmt: skip


def test_r5_5_every_refusal_code_is_there() -> None:
    assert set(REFUSALS) <= set(POLICY.get("decision_codes.refuse"))


DECIDED = {
    (None, "pass"): "submitted", (None, "refuse"): "submitted", (None, "correct"): "submitted",
    ("pass", "pass"): "approved", ("refuse", "refuse"): "refused", ("pass", "refuse"): "not_agreed",
    ("refuse", "pass"): "not_agreed", ("correct", "pass"): "returned", ("pass", "correct"): "returned",
    ("refuse", "correct"): "returned", ("correct", "refuse"): "returned", ("correct", "correct"): "returned",
}  # fmt: skip
BRANCHES = {
    "other_body_still_open": "submitted", "both_bodies_pass": "approved",
    "both_bodies_refuse": "refused", "one_passes_one_refuses": "not_agreed",
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), DECIDED)
def test_r5_1_only_both_passes_approve(first: str | None, second: str) -> None:
    """R5.1, R5.2: every pair of outcomes, in either order."""
    checks = [check(ZHAO_MIN, first)] if first else []
    tried = attempt(claim(checks=checks), {"outcome": second}, actor=SUN_LI)
    reached = [state for condition, state in BRANCHES.items() if holds(condition, tried)] or ["returned"]
    assert reached[0] == DECIDED[first, second]


def test_r5_2_the_arbiter_settles() -> None:
    assert holds("arbiter_passes", attempt(given={"decision": "pass"}))
    assert not holds("arbiter_passes", attempt(given={"decision": "refuse"}))


@pytest.mark.parametrize(
    ("until", "today", "blocked"),
    [
        (date(2025, 3, 17), date(2025, 3, 18), []),
        (date(2025, 3, 17), date(2025, 3, 17), ["notice_is_over"]),
        (None, date(2025, 3, 17), ["notice_is_over"]),
    ],
)
def test_r5_7_notice_is_over(until: date | None, today: date, blocked: list[str]) -> None:
    assert codes("notice_is_over", attempt({"notice_until": until}, today=today)) == blocked
