"""The receipts of the sample: drawn alike, read apart."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from edu_pilot.sample.papers import receipts
from edu_pilot.services.facts.claim_files import ALIKE_BITS, DETAIL_BITS
from edu_pilot.services.pictures import made_anew

RECEIPT = {
    "number": "22372000000000000001", "payer": "刘伟", "issuer": "德州广播电视大学", "item": "学分费",
    "paid_on": "2022-10-12", "amount_fen": 94_800,
}  # fmt: skip


def looks(number: str) -> tuple[int, int]:
    seen, _content = made_anew(receipts(number, [RECEIPT] * 6))
    return int(seen["look"], 16), int(seen["detail"], 16)


def test_the_sheets_of_two_claims_never_look_alike() -> None:
    """Far above the limits: receipts of the sample are no duplicates, whatever is written on them."""
    sheets = [looks(f"R2025-{n:06d}") for n in range(12)]
    for (look, detail), (other_look, other_detail) in combinations(sheets, 2):
        assert (look ^ other_look).bit_count() > ALIKE_BITS
        assert (detail ^ other_detail).bit_count() > DETAIL_BITS


def test_the_same_claim_gives_the_same_bytes() -> None:
    assert receipts("R2025-000001", [RECEIPT]) == receipts("R2025-000001", [RECEIPT])


@pytest.mark.parametrize(
    "change",
    [
        {"number": "22372000000000000002"}, {"payer": "王芳"}, {"issuer": "齐河县教学点"}, {"item": "注册费"},
        {"paid_on": "2022-10-13"}, {"amount_fen": 85_800},
    ],
)  # fmt: skip
def test_everything_a_reviewer_compares_stands_on_the_receipt(change: dict[str, Any]) -> None:
    assert receipts("R2025-000001", [RECEIPT | change]) != receipts("R2025-000001", [RECEIPT])
