"""What may follow the first checks and the approval of a claim (R5.2, R5.5, R5.7, R5.8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from edu_pilot.workflow.registry import Actor
from tests.rules.shipped import attempt, changed, codes, holds, reasons
from tests.rules.test_claim import ARBITER, SUN_LI, ZHAO_MIN, check, claim

LIU_WEI = Actor(None, "student", frozenset({"student"}), None, "key of liu wei")
NOON = datetime(2025, 3, 18, 4, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=3)
CARD = "6222021601001234560"


# R5.2: the joint re-check


@pytest.mark.parametrize(
    ("given", "blocked"), [([], []), (["pass"], []), (["pass", "refuse"], ["bodies_still_differ"])]
)
def test_r5_2_a_recheck_is_open_until_both_gave_theirs(given: list[str], blocked: list[str]) -> None:
    checks = [check(who, outcome) for who, outcome in zip((ZHAO_MIN, SUN_LI), given, strict=False)]
    assert codes("bodies_still_differ", attempt(claim(checks=checks))) == blocked
    expected = [] if len(given) == 2 else ["rechecked_by_both"]
    assert codes("rechecked_by_both", attempt(claim(checks=checks), actor=ARBITER)) == expected


def test_r5_2_the_arbiter_is_not_told_whether_one_has_rechecked() -> None:
    told = [reasons("rechecked_by_both", attempt(claim(checks=checks))) for checks in ([], [check(ZHAO_MIN)])]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("first", "second", "open_still"),
    [
        (None, "pass", True), (None, "refuse", True), (None, "correct", True),
        ("pass", "refuse", True), ("refuse", "pass", True),
        ("pass", "pass", False), ("refuse", "refuse", False), ("pass", "correct", False),
    ],
)  # fmt: skip
def test_r5_2_a_recheck_leaves_it_open(first: str | None, second: str, open_still: bool) -> None:
    checks = [check(ZHAO_MIN, first)] if first else []
    tried = attempt(claim(checks=checks), {"outcome": second}, actor=SUN_LI)
    assert holds("recheck_leaves_it_open", tried) is open_still


def test_r5_2_rounds_do_not_change_who_is_a_party() -> None:
    """Who checked in an earlier round neither settles nor checks for the other body."""
    both = Actor("9", "second account", frozenset({"university_reviewer"}), None, ZHAO_MIN.person_key)
    settles = Actor("9", "third account", frozenset({"arbiter"}), None, ZHAO_MIN.person_key)
    record = claim(checks=[]) | {"checks_given": [check(ZHAO_MIN), check(SUN_LI, "refuse")]}
    assert codes("other_body_was_another_person", attempt(record, actor=both)) == ["other_body_was_another_person"]
    assert codes("not_checked_by_me", attempt(record, actor=settles)) == ["not_checked_by_me"]
    assert codes("other_body_was_another_person", attempt(record, actor=ZHAO_MIN)) == []


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        ({"decision": "pass"}, False), ({"decision": "refuse", "reasons": ["LATE"]}, False),
        ({"decision": "refuse"}, True), ({"decision": "pass", "reasons": ["LATE"]}, True),
        ({"resolution": "unfounded"}, False), ({"resolution": "founded", "reasons": ["FALSE_PAPERS"]}, False),
        ({"resolution": "founded"}, True), ({"resolution": "unfounded", "reasons": ["LATE"]}, True),
    ],
)  # fmt: skip
def test_r5_5_a_refusal_names_its_codes(given: dict[str, Any], blocked: bool) -> None:
    assert codes("refusal_has_reasons", attempt(given=given)) == (["refusal_has_reasons"] if blocked else [])


# R5.7: objection


@pytest.mark.parametrize(("today", "blocked"), [(date(2025, 3, 17), False), (date(2025, 3, 18), True)])
def test_r5_7_the_notice_runs_to_its_last_day(today: date, blocked: bool) -> None:
    tried = attempt({"notice_until": date(2025, 3, 17)}, today=today)
    assert codes("notice_is_running", tried) == (["notice_is_running"] if blocked else [])
    assert codes("notice_is_over", tried) == ([] if blocked else ["notice_is_over"])


def test_r5_7_the_objection_is_resolved() -> None:
    assert holds("objection_is_unfounded", attempt(given={"resolution": "unfounded"}))
    assert not holds("objection_is_unfounded", attempt(given={"resolution": "founded"}))


# R5.8: the account


def account(state: str = "approved", hours: float | None = None, confirmed: bool = False) -> dict[str, Any]:
    """Give a claim whose account was changed so many hours ago, if at all."""
    changed_at = None if hours is None else NOON - timedelta(hours=hours)
    return {
        "state": state, "moment": NOON, "account_changed_at": changed_at, "account_changed_by": "student",
        "account_changer_key": LIU_WEI.person_key, "account_confirmed_at": NOON if confirmed else None,
        "person": SimpleNamespace(name="刘伟"), "person_key": LIU_WEI.person_key, "heir": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("record", "faults"),
    [
        (account(), 0), (account(hours=72, confirmed=True), 0), (account("bounced", hours=72, confirmed=True), 0),
        (account("bounced"), 1), (account(hours=71.99, confirmed=True), 1),
        (account(hours=72), 1), (account(hours=1), 2),
    ],
)  # fmt: skip
def test_r5_8_a_changed_account_is_confirmed_and_waits(record: dict[str, Any], faults: int) -> None:
    """Not changed, or changed, confirmed and 72 hours old; a bounced one must be changed."""
    assert codes("account_is_settled", attempt(record)) == ["account_is_settled"] * faults


def test_r5_8_the_hours_of_waiting_are_policy() -> None:
    policy = changed("claim.account_hold_hours", 0)
    assert codes("account_is_settled", attempt(account(hours=0, confirmed=True), policy=policy)) == []


@pytest.mark.parametrize(
    ("number", "holder", "fields"),
    [
        (CARD, "刘伟", []), ("6222 0216 0100 1234 560", "刘伟", []), (CARD, "王芳", ["account_holder"]),
        (CARD[:-1] + "1", "刘伟", ["account_number"]), ("12", "王芳", ["account_number", "account_holder"]),
    ],
)  # fmt: skip
def test_edge_62_another_account_is_the_claimants_own(number: str, holder: str, fields: list[str]) -> None:
    tried = attempt(account(), {"account_number": number, "account_holder": holder})
    assert [r.field for r in reasons("new_account_is_own", tried)] == fields


def test_r5_8_what_stands_in_a_batch_is_not_touched() -> None:
    assert codes("not_in_a_batch", attempt({"open_batch": None})) == []
    assert codes("not_in_a_batch", attempt({"open_batch": "B2503-001"})) == ["not_in_a_batch"]


def test_r5_8_only_a_changed_account_is_confirmed_and_once() -> None:
    assert codes("account_was_changed", attempt(account())) == ["account_was_changed"]
    assert codes("account_was_changed", attempt(account(hours=1))) == []
    assert codes("account_was_changed", attempt(account(hours=1, confirmed=True))) == ["account_was_changed"]


@pytest.mark.parametrize(
    ("actor", "blocked"),
    [
        (ZHAO_MIN, False),
        (Actor("9", "other account", ZHAO_MIN.roles, "371425", LIU_WEI.person_key), True),
        (Actor("9", "student", ZHAO_MIN.roles, "371425", "another key"), True),
    ],
)
def test_r5_8_another_person_confirms_the_account(actor: Actor, blocked: bool) -> None:
    """By person and by account name."""
    expected = ["account_changed_by_another"] if blocked else []
    assert codes("account_changed_by_another", attempt(account(hours=1), actor=actor)) == expected


# R5.8: recovery


@pytest.mark.parametrize(("due", "blocked"), [(None, False), (1, False), (479_000, False), (479_001, True), (0, True)])
def test_r5_8_no_more_is_asked_back_than_was_paid(due: int | None, blocked: bool) -> None:
    tried = attempt({"payable_fen": 479_000, "recovery_fen": None}, {} if due is None else {"due_fen": due})
    assert codes("recovery_at_most_paid", tried) == (["recovery_at_most_paid"] if blocked else [])


@pytest.mark.parametrize(
    ("amount", "blocked", "all_back"),
    [(1, False, False), (79_000, False, True), (79_001, True, True), (0, True, False), (78_999, False, False)],
)
def test_r5_8_what_comes_in_is_at_most_the_rest(amount: int, blocked: bool, all_back: bool) -> None:
    tried = attempt({"recovery_fen": 479_000, "recovered_fen": 400_000}, {"recovered_fen": amount})
    assert codes("recovered_at_most_the_rest", tried) == (["recovered_at_most_the_rest"] if blocked else [])
    assert holds("all_is_recovered", tried) is all_back


# R5.8: what may be paid, and the bank's results


def payable(state: str = "approved", **more: Any) -> SimpleNamespace:
    known = {
        "state": state, "batch": None, "notice_until": date(2025, 3, 17),
        "account_changed_at": None, "account_confirmed_at": None, "moment": NOON, "certificate_pending": False,
    }  # fmt: skip
    return SimpleNamespace(**(known | more))


@pytest.mark.parametrize(
    ("claim_", "code"),
    [
        (payable(), None), (payable("bounced", account_changed_at=LONG_AGO, account_confirmed_at=NOON), None),
        (payable("bounced"), "account_is_settled"), (payable(account_changed_at=NOON), "account_is_settled"),
        (payable(batch="P1"), "claims_are_payable"), (payable("objected"), "claims_are_payable"),
        (payable("paid"), "claims_are_payable"), (payable(notice_until=date(2025, 3, 18)), "claims_are_payable"),
    ],
)  # fmt: skip
def test_r5_8_claims_are_payable(claim_: SimpleNamespace, code: str | None) -> None:
    record = {"claims_named": lambda _references: {"R1": claim_}, "beyond_budget": frozenset()}
    tried = attempt(record, {"claims": ["R1"]}, today=date(2025, 3, 18))
    assert codes("claims_are_payable", tried) == ([code] if code else [])


PAID_1, PAID_2 = {"number": "P1", "result": "paid"}, {"number": "P2", "result": "paid"}
BOUNCED_2 = {"number": "P2", "result": "bounced", "reason": "ACCOUNT_CLOSED"}
RESULTS: list[tuple[Any, list[str]]] = [
    ([], ["result_missing"] * 2),
    ([PAID_1, PAID_2], []),
    ([BOUNCED_2, PAID_1], []),
    ([PAID_1], ["result_missing"]),
    ([PAID_1, PAID_2, PAID_2], ["result_twice"]),
    ([PAID_1, PAID_2, {"number": "P3", "result": "paid"}], ["payment_unknown"]),
    ([PAID_1, PAID_2, "P1"], ["payment_unknown"]),
    ([PAID_1, {"number": "P2", "result": "bounced"}], ["result_unclear"]),
    ([PAID_1, {"number": "P2", "result": "bounced", "reason": "MOON"}], ["result_unclear"]),
    ([PAID_1, {"number": "P2", "result": "paid", "reason": "ACCOUNT_CLOSED"}], ["result_unclear"]),
    ([PAID_1, {"number": "P2", "result": "perhaps"}], ["result_unclear"]),
    ([PAID_1, {"number": "P2", "result": "bounced", "reason": ["ACCOUNT_CLOSED"]}], ["result_unclear"]),
    ([PAID_1, {"number": ["P2"], "result": "paid"}], ["payment_unknown", "result_missing"]),
]


@pytest.mark.parametrize(("results", "faults"), RESULTS)
def test_r5_8_results_cover_the_batch(results: Any, faults: list[str]) -> None:
    """Every payment once, a bounced one with its reason, and none of another batch."""
    record = {"items": [SimpleNamespace(number="P1"), SimpleNamespace(number="P2")]}
    tried = attempt(record, {"results": results})
    assert codes("results_cover_the_batch", tried) == faults
