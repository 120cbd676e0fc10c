"""Money, dates and numbers as the documents write them, with the way back."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edu_pilot.services import wording

UNITS = {"拾": 10, "佰": 100, "仟": 1_000}


def fen_of(text: str) -> int:
    """Read capitals back; the independent inverse of `capitals`."""
    whole, has_yuan, rest = text.rpartition("元")
    total = 100 * whole_of(whole) if has_yuan else 0
    digit = 0
    for letter in rest.removesuffix("整"):
        if letter in "角分":
            total += digit * (10 if letter == "角" else 1)
        else:
            digit = wording.DIGITS.index(letter)
    return total


def whole_of(text: str) -> int:
    """Read whole yuan; 亿 and 万 multiply all that stands before them."""
    for letter, factor in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = text.rpartition(letter)
        if found:
            return whole_of(head) * factor + whole_of(tail)
    total = digit = 0
    for letter in text:
        if letter in UNITS:
            total, digit = total + digit * UNITS[letter], 0
        else:
            digit = wording.DIGITS.index(letter)
    return total + digit


@pytest.mark.parametrize(
    "fen, text",
    [
        (479_000, "肆仟柒佰玖拾元整"),
        (561_000, "伍仟陆佰壹拾元整"),
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角"),
        (53, "伍角叁分"),
        (1_000, "壹拾元整"),
        (1_005, "壹拾元零伍分"),
        (100_001, "壹仟元零壹分"),
        (100_000, "壹仟元整"),
        (150_000, "壹仟伍佰元整"),
        # the examples of the People's Bank's rules for filling in bills
        (140_950, "壹仟肆佰零玖元伍角"),
        (600_714, "陆仟零柒元壹角肆分"),
        (168_032, "壹仟陆佰捌拾元零叁角贰分"),
        (10_700_053, "壹拾万柒仟元零伍角叁分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        (10_000_000_100, "壹亿零壹元整"),
        (10**14, "壹万亿元整"),
        (10**14 + 2 * 10**10, "壹万零贰亿元整"),
    ],
)
def test_capitals_follow_the_rules_of_banks(fen: int, text: str) -> None:
    assert wording.capitals(fen) == text


@given(st.integers(0, 10**18 - 1))
def test_capitals_read_back_give_the_amount(fen: int) -> None:
    assert fen_of(wording.capitals(fen)) == fen


@given(st.integers(0, 10_000_000))
def test_claim_sized_capitals_read_back_give_the_amount(fen: int) -> None:
    text = wording.capitals(fen)
    assert fen_of(text) == fen
    assert "零零" not in text and text.endswith("整") == (fen % 100 == 0)


@pytest.mark.parametrize("fen", [-1, 10**18])
def test_capitals_refuse_what_cannot_be_written(fen: int) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        wording.capitals(fen)


@given(st.integers(-(10**15), 10**15))
def test_yuan_reads_back(fen: int) -> None:
    assert int(wording.yuan(fen).replace(",", "").replace(".", "")) == fen


def test_yuan_separates_thousands() -> None:
    assert wording.yuan(479_000) == "4,790.00"
    assert wording.yuan(-5) == "-0.05"


def test_dates_are_written_in_three_ways() -> None:
    assert wording.date_zh("2022-09-01") == "2022年9月1日"
    assert wording.date_en(date(2022, 9, 1)) == "1 September 2022"
    assert wording.date_capitals("2025-01-31") == "二〇二五年一月三十一日"
    assert wording.date_capitals("2030-10-20") == "二〇三〇年十月二十日"
    assert wording.date_capitals("2011-12-10") == "二〇一一年十二月十日"


@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_capital_dates_read_back(day: date) -> None:
    year, _, rest = wording.date_capitals(day).partition("年")
    month, _, last = rest.partition("月")
    assert [calendar_number(part) for part in (month, last.removesuffix("日"))] == [
        day.month,
        day.day,
    ]
    assert int("".join(str(wording.CALENDAR_DIGITS.index(c)) for c in year)) == day.year


def calendar_number(text: str) -> int:
    """Read 一 to 三十一."""
    tens, found, units = text.rpartition("十")
    ten = (wording.CALENDAR_DIGITS.index(tens) if tens else 1) * 10 if found else 0
    return ten + (wording.CALENDAR_DIGITS.index(units) if units else 0)


def test_personal_numbers_are_grouped_and_masked() -> None:
    assert wording.grouped_id("13102619870305002X") == "131026 19870305 002X"
    assert wording.grouped_phone("13800001234") == "138 0000 1234"
    assert wording.masked_id("371402199001010016") == "371402********0016"
    assert wording.masked_phone("13800001234") == "138****1234"
    assert wording.account_tail("6222 0000 0000 0123") == "0123"
