"""A year's money: in the order of approval, and who comes too late waits for the next year (R5.8)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import search
from edu_pilot.services.perform import create
from edu_pilot.workflow.reasons import Refused
from tests.factories import BATCHED, CHECKED, CLAIMED, SETTLED, Pilot, on, passed, publish_change, receipt, row, state
from tests.people import worker
from tests.services.test_claim_ways import shown

NEXT_YEAR = date(2026, 1, 5)


def with_budget(fen: int) -> None:
    publish_change("policies.yaml", "  budget_fen: {}", f'  budget_fen: {{"2025": {fen}}}', CLAIMED)


def approved(pilot: Pilot, number: int, day: date = CHECKED, amount: int = 479_000) -> str:
    """Give the claim of a worker, approved on a day."""
    who = worker(number)
    given = [receipt(str(900 + number), who.name, amount_fen=amount)]
    claim = pilot.submitted(pilot.graduated(who), receipts=given)
    for actor in (pilot.zhao_min, pilot.sun_li):
        pilot.act("claim", claim, "check", actor, day, **passed())
    return claim


def draw(pilot: Pilot, *claims: str, day: date = BATCHED) -> str:
    with on(day):
        return create("payment", pilot.he_jun, {"claims": list(claims)}).reference


def test_edge_63_when_the_money_is_used_up_claims_wait_in_their_order(any_pilot: Pilot) -> None:
    with_budget(479_000 * 2)
    first, second, third = (approved(any_pilot, n) for n in range(3))
    small = approved(any_pilot, 3, CHECKED + timedelta(days=1), amount=100)
    with pytest.raises(Refused) as beyond:
        draw(any_pilot, first, third)
    assert [(r.code, r.facts["claim"], r.facts["year"]) for r in beyond.value.reasons] == [
        ("budget_used_up", third, 2026)
    ]
    any_pilot.pay_out(draw(any_pilot, first, second))
    # A small one does not slip in before a larger one that was approved earlier.
    for waiting in (third, small):
        with on(SETTLED):
            assert shown(waiting, any_pilot.wang_fang)["record"]["facts"]["next_year"] is True
        with pytest.raises(Refused):
            draw(any_pilot, waiting, day=SETTLED)
        assert state("claim", waiting) == "approved"
    with on(SETTLED), read() as conn:
        assert search.payable(conn, any_pilot.he_jun) == []
    assert row("payment", draw(any_pilot, third, small, day=NEXT_YEAR))["total_fen"] == 479_100


def test_edge_63_what_bounced_keeps_its_money(pilot: Pilot) -> None:
    with_budget(479_000)
    first, second = approved(pilot, 0), approved(pilot, 1)
    batch = draw(pilot, first)
    pilot.export(batch)
    pilot.settle(batch, bounced={first: "ACCOUNT_CLOSED"})
    with pytest.raises(Refused) as beyond:
        draw(pilot, second, day=SETTLED)
    assert [r.code for r in beyond.value.reasons] == ["budget_used_up"]


def test_edge_63_without_a_budget_nobody_waits(pilot: Pilot) -> None:
    claims = [approved(pilot, n) for n in range(2)]
    assert state("payment", draw(pilot, *claims)) == "drawn"


def test_edge_63_a_year_written_without_quotes_is_a_limit_too(pilot: Pilot) -> None:
    publish_change("policies.yaml", "  budget_fen: {}", "  budget_fen: {2025: 100}", CLAIMED)
    with pytest.raises(Refused) as beyond:
        draw(pilot, approved(pilot, 0))
    assert [r.code for r in beyond.value.reasons] == ["budget_used_up"]
