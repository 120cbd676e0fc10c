"""Identity by form (rulebook §2), one table per function."""

from datetime import date

import pytest

from edu_pilot.rules.identity import (
    LOOK_ALIKE_DOTS,
    age_on,
    birth_of,
    card_fault,
    id_checksum,
    id_faults,
    name_fault,
    normalise_id,
    normalise_name,
    normalise_phone,
    phone_fault,
    sex_of,
)

TODAY = date(2022, 9, 1)


def number(body17: str) -> str:
    return body17 + id_checksum(body17)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("11010519491231002", "X"),
        ("44052418800101001", "4"),
        ("37140219891111998", "1"),
    ],
)
def test_check_digit_is_mod_11_2(body: str, check: str) -> None:
    assert id_checksum(body) == check


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("371402198911119981", "371402198911119981"),
        ("３７１４０２１９９９０１１７９９９３", "371402199901179993"),
        ("371402 19771003 9999", "371402197710039999"),
        ("\u202d371402198911119981\u202c", "371402198911119981"),
        ("11010519491231002x", "11010519491231002X"),
        ("11010519491231002ｘ", "11010519491231002X"),
        ("371402891111998", "371402198911119981"),
        ("37140219830726996", "37140219830726996"),
        ("①71402198911119981", "①71402198911119981"),
        ("", ""),
    ],
)
def test_number_is_tidied_and_an_old_one_made_new(text: str, stored: str) -> None:
    assert normalise_id(text) == stored


@pytest.mark.parametrize(
    ("id18", "faults"),
    [
        (number("37140219891111998"), []),
        (number("37142119760308997"), []),  # region abolished
        (number("11010519491231002"), []),  # region outside the city
        (number("37140319500101001"), []),  # region assigned after the birth year
        (number("99999919890101001"), []),  # region of no edition is a notice, no fault
        (number("81000019900101001"), []),  # residence permits: Hong Kong, Macao, Taiwan
        (number("82000019900101002"), []),
        (number("83000019900101003"), []),
        (number("37140220000229001"), []),  # leap day
        (number("37140220220901001"), []),  # born today
        (number("37140219000229001"), ["id_number_date"]),  # 1900 was no leap year
        (number("37140219900230001"), ["id_number_date"]),
        (number("37140220220902001"), ["id_number_date"]),  # born tomorrow
        (number("37140200000101001"), ["id_number_date"]),
        ("371402198911119982", ["id_number_checksum"]),
        ("371402199002309999", ["id_number_checksum", "id_number_date"]),
        ("37140219830726996", ["id_number_format"]),
        ("3714021983072699６1", ["id_number_format"]),
        ("X71402198307269961", ["id_number_format"]),
        ("", ["id_number_format"]),
    ],
)
def test_number_is_judged_by_form_check_digit_and_date(id18: str, faults: list[str]) -> None:
    assert id_faults(id18, TODAY) == faults


@pytest.mark.parametrize(
    ("id18", "born"),
    [
        ("371402198911119981", date(1989, 11, 11)),
        ("371402200002290010", date(2000, 2, 29)),
        ("371402199002300010", None),
    ],
)
def test_birth_date_is_in_the_number(id18: str, born: date | None) -> None:
    assert birth_of(id18) == born


@pytest.mark.parametrize(("id18", "sex"), [("371402198911119981", "female"), ("371402198501019996", "male")])
def test_sex_is_in_the_number(id18: str, sex: str) -> None:
    assert sex_of(id18) == sex


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2006, 9, 1), date(2022, 9, 1), 16),
        (date(2006, 9, 2), date(2022, 9, 1), 15),
        (date(2004, 2, 29), date(2023, 2, 28), 18),
        (date(2004, 2, 29), date(2023, 3, 1), 19),
        (date(2004, 2, 29), date(2024, 2, 29), 20),
    ],
)
def test_age_counts_full_years(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


@pytest.mark.parametrize(
    ("typed", "name", "notices"),
    [
        ("刘伟", "刘伟", []),
        ("阿依古丽·买买提", "阿依古丽·买买提", []),
        *((f"阿依古丽{dot}买买提", "阿依古丽·买买提", ["name_dot_normalised"]) for dot in LOOK_ALIKE_DOTS),
        ("王 伟", "王伟", ["name_space_removed"]),
        ("\u3000王\u3000伟 ", "王伟", ["name_space_removed"]),
        ("王\u200b伟", "王伟", ["name_space_removed"]),
        ("阿依古丽 • 买买提", "阿依古丽·买买提", ["name_dot_normalised", "name_space_removed"]),
        ("Liu Wei", "Liu Wei", []),
        ("", "", []),
    ],
)
def test_name_is_tidied_with_a_notice(typed: str, name: str, notices: list[str]) -> None:
    assert normalise_name(typed) == (name, notices)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("刘伟", None),
        ("刘" * 50, None),
        ("王𬭚", None),  # extension C
        ("𠀀𪛖", None),  # extension B
        ("\U00031350\U0002ebf0", None),  # extensions H and I, newer than the interpreter's tables
        ("\ufa0e\U0002f800", None),  # compatibility ideographs
        ("李〇", None),
        ("阿依古丽·买买提", None),
        ("", "name_missing"),
        ("刘", "name_format"),
        ("𠀀", "name_format"),
        ("刘" * 51, "name_format"),
        ("·刘伟", "name_format"),
        ("刘伟·", "name_format"),
        ("刘··伟", "name_format"),
        ("Liu Wei", "name_format"),
        ("刘伟1", "name_format"),
        ("刘々", "name_format"),  # an iteration mark is no ideograph
        ("刘\ue000", "name_format"),  # private use
        ("刘\U0002ffff", "name_format"),  # no character at all
        ("刘⺀", "name_format"),  # a radical is no ideograph
        ("刘○", "name_format"),  # a circle is not the numeral 〇
        ("刘伟\n", "name_format"),
        ("葛\U000e0100城", "name_format"),
    ],
)
def test_name_is_han_and_separators_only(name: str, fault: str | None) -> None:
    assert name_fault(name) == fault


@pytest.mark.parametrize(
    ("typed", "phone", "notices"),
    [
        ("13812345678", "13812345678", []),
        ("13812345678.0", "13812345678", ["phone_repaired"]),
        ("1.3812345678E+10", "13812345678", ["phone_repaired"]),
        ("1.38E+10", "1.38E+10", []),  # the digits are gone
        ("１３８１２３４５６７８", "13812345678", ["phone_repaired"]),
        ("+86 138-1234-5678", "13812345678", ["phone_repaired"]),
        ("008613812345678", "13812345678", ["phone_repaired"]),
        (" 138 1234 5678", "13812345678", ["phone_repaired"]),
        ("1381234567", "1381234567", []),
        ("0534-2345678", "0534-2345678", []),
        ("", "", []),
    ],
)
def test_phone_is_repaired_with_a_notice(typed: str, phone: str, notices: list[str]) -> None:
    assert normalise_phone(typed) == (phone, notices)


@pytest.mark.parametrize(
    ("phone", "fault"),
    [
        ("13812345678", None),
        ("19912345678", None),
        ("", "phone_missing"),
        ("12812345678", "phone_format"),
        ("1381234567", "phone_format"),
        ("138123456789", "phone_format"),
    ],
)
def test_phone_is_a_mobile_number(phone: str, fault: str | None) -> None:
    assert phone_fault(phone) == fault


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        ("6222020200112230", None),
        ("6222020200112233440", "card_checksum"),
        ("622202020011223", "card_format"),
        ("62220202001122334455", "card_format"),
        ("6222 0202 0011 2230", "card_format"),
        ("", "card_missing"),
    ],
)
def test_card_has_16_to_19_digits_and_luhn(card: str, fault: str | None) -> None:
    assert card_fault(card) == fault
