"""The receipts, ID cards and diplomas of the sample: drawn alike, read apart."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from typing import Any

import pytest

from edu_pilot.sample.papers import receipts, specimen
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


FORM = {
    "name": "刘伟", "sex": "male", "birth_on": "1990-05-04", "id_number": "371425199005049961", "county": "齐河县",
    "previous_school": "齐河县第一中学", "previous_diploma": "高中",
}  # fmt: skip
DAY = date(2022, 9, 1)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("id_front", {"name": "王芳", "sex": "female", "birth_on": "1990-05-05", "id_number": "371425199005049972"}),
        ("id_back", {"county": "禹城市", "birth_on": "1970-05-04"}),
        ("previous_diploma", {"name": "王芳", "birth_on": "1991-05-04", "previous_school": "齐河县技工学校"}),
    ],
)
def test_id_card_and_diploma_say_whose_they_are(kind: str, changes: dict[str, str]) -> None:
    drawn = specimen(kind, FORM, DAY)
    assert drawn == specimen(kind, FORM, DAY) and len(drawn) <= 120_000
    assert made_anew(drawn)[0]["media_type"] == "image/jpeg"
    others = {specimen(kind, FORM | {field: text}, DAY) for field, text in changes.items()}
    assert len(others - {drawn}) == len(changes)
