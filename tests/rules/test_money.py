"""The arithmetic of a claim in whole fen (R5.3, R5.4), and of a payment batch (R5.8)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edu_pilot.rules.money import Reckoning, reckon, tariff
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor
from tests.rules.shipped import POLICY, attempt, changed, codes, reasons

ME, EMPLOYER = "刘伟", "齐河建筑安装有限公司"


def of(*paid: tuple[str, int], other: int = 0, policy: Policy = POLICY) -> Reckoning:
    return reckon(policy, ME, [SimpleNamespace(payer=p, amount_fen=a, refunded_fen=0) for p, a in paid], other)


def test_r5_4_the_tariff_is_4790_yuan() -> None:
    """79 credits × 60 + 50; the cap as shipped is the tariff, the share 100 %."""
    assert tariff(POLICY) == POLICY.get("claim.cap_fen") == 479_000
    assert POLICY.get("claim.share_percent") == 100


# receipts, other money, counted, payable
SUMS: list[tuple[list[tuple[str, int]], int, int, int]] = [
    ([(ME, 479_000)], 0, 479_000, 479_000),
    ([(ME, 479_001)], 0, 479_000, 479_000),
    ([(ME, 900_000)], 0, 479_000, 479_000),
    ([(ME, 200_000), (ME, 100_050)], 0, 300_050, 300_050),
    ([(ME, 300_000), (EMPLOYER, 179_000)], 0, 300_000, 300_000),
    ([(EMPLOYER, 479_000)], 0, 0, 0),
    ([("刘 伟", 479_000)], 0, 479_000, 479_000),
    ([(ME, 300_000)], 100_000, 300_000, 200_000),
    ([(ME, 300_000)], 300_001, 300_000, 0),
    ([(ME, 900_000)], 100_000, 479_000, 379_000),
    ([], 0, 0, 0),
    ([(ME, 1)], 0, 1, 1),
]


@pytest.mark.parametrize(("paid", "other", "counted", "payable"), SUMS)
def test_r5_4_payable(paid: list[tuple[str, int]], other: int, counted: int, payable: int) -> None:
    found = of(*paid, other=other)
    assert (found.counted_fen, found.payable_fen) == (counted, payable)
    assert found.lines[-1].amount_fen == payable


@pytest.mark.parametrize(
    ("cap", "share", "payable"),
    [(479_000, 100, 333_333), (300_000, 100, 300_000), (479_000, 50, 166_666), (100_000, 50, 100_000), (0, 100, 0)],
)
def test_r5_4_cap_and_share_are_policy(cap: int, share: int, payable: int) -> None:
    """Half a fen is never paid."""
    policy = changed("claim.cap_fen", cap)
    policy = Policy(
        2, policy.holds_from, {**policy.parameters, "claim": {**policy.get("claim"), "share_percent": share}}
    )
    assert of((ME, 333_333), policy=policy).payable_fen == payable


AMOUNTS = st.lists(st.tuples(st.sampled_from([ME, EMPLOYER]), st.integers(1, 10**9)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(AMOUNTS, st.integers(0, 10**9))
def test_r5_4_the_lines_add_up_to_the_fen(paid: list[tuple[str, int]], other: int) -> None:
    """Never below 0, never above the cap, never more than was paid by oneself."""
    found = of(*paid, other=other)
    total, employer, above, counted, shared, others, payable = (line.amount_fen for line in found.lines)
    assert total - employer - above == counted == found.counted_fen
    assert payable == max(0, shared - others)
    assert 0 <= payable <= min(POLICY.get("claim.cap_fen"), found.own_fen)
    assert total == sum(amount for _, amount in paid)


HE_JUN = Actor("6", "he.jun", frozenset({"finance_maker"}), None, "key of he jun")
RELEASER = Actor("7", "releaser", frozenset({"finance_releaser"}), None, "key of the releaser")


def payable(**changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {"state": "approved", "batch": None, "notice_until": date(2025, 3, 17)}
    values |= {"payable_fen": 479_000, "account_changed_at": None, "account_confirmed_at": None, "moment": None}
    values["certificate_pending"] = False
    return SimpleNamespace(**(values | changes))


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (payable(), []),
        (None, ["There is no claim R2503-000001."]),
        (payable(state="submitted"), ["Claim R2503-000001 is not approved but: label:claim.states.submitted"]),
        (payable(state="paid"), ["Claim R2503-000001 is not approved but: label:claim.states.paid"]),
        (payable(batch="P2025-000001"), ["Claim R2503-000001 stands in line P2025-000001 of a batch."]),
        (
            payable(notice_until=date(2025, 3, 24)),
            ["Claim R2503-000001 waits: its public notice runs until 2025-03-24."],
        ),
        (payable(notice_until=date(2025, 3, 23)), []),
    ],
)
def test_r5_8_claims_are_payable(claim: Any, told: list[str]) -> None:
    """Each claim that cannot be paid says which of the four reasons it is."""
    record = {"claims_named": lambda names: {n: claim for n in names if claim}, "beyond_budget": frozenset()}
    tried = attempt(record, {"claims": ["R2503-000001"]}, actor=HE_JUN, today=date(2025, 3, 24))
    assert codes("claims_are_payable", tried) == ["claims_are_payable"] * len(told)
    assert [reason.english() for reason in reasons("claims_are_payable", tried)] == told


def test_r5_8_a_claim_stands_in_a_batch_once() -> None:
    record = {"claims_named": lambda names: {n: payable() for n in names}, "beyond_budget": frozenset()}
    given = {"claims": ["R2503-000001", "R2503-000002", "R2503-000001"]}
    assert codes("claims_are_payable", attempt(record, given, today=date(2025, 4, 1))) == ["claim_twice"]


@pytest.mark.parametrize(
    ("actor", "blocked"),
    [
        (RELEASER, []),
        (HE_JUN, ["drawn_by_another"]),
        (Actor("8", "he.jun.again", frozenset({"finance_releaser"}), None, "key of he jun"), ["drawn_by_another"]),
        (Actor("8", "he.jun", frozenset({"finance_releaser"}), None, "key of another"), ["drawn_by_another"]),
    ],
)
def test_r5_8_drawn_by_another(actor: Actor, blocked: list[str]) -> None:
    """By person and by account."""
    record = {"created_by": "he.jun", "creator_key": "key of he jun"}
    assert codes("drawn_by_another", attempt(record, actor=actor)) == blocked


def item(amount: int, claimed: int | None = None, state: str = "approved") -> SimpleNamespace:
    return SimpleNamespace(
        amount_fen=amount, payable_fen=amount if claimed is None else claimed, state=state, claim="R"
    )


@pytest.mark.parametrize(
    ("items", "total", "blocked"),
    [
        ([item(100), item(50)], 150, []),
        ([item(100), item(50)], 149, ["totals_agree"]),
        ([item(100, 90), item(50, 60)], 150, ["totals_agree"]),
        ([], 0, []),
    ],
)
def test_r5_8_totals_agree(items: list[Any], total: int, blocked: list[str]) -> None:
    """To the fen, in the sum and in every line."""
    assert codes("totals_agree", attempt({"items": items, "total_fen": total})) == blocked


@pytest.mark.parametrize(
    ("states", "blocked"),
    [(["in_payment"] * 2, []), (["in_payment", "approved"], ["claims_in_payment"]), (["paid"], ["claims_in_payment"])],
)
def test_r5_8_claims_in_payment(states: list[str], blocked: list[str]) -> None:
    items = [item(1, state=state) for state in states]
    assert codes("claims_in_payment", attempt({"items": items})) == blocked
