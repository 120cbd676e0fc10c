"""Identity by form alone: ID numbers, names, mobile numbers and bank cards (rulebook §2)."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

Sex = Literal["male", "female"]

SEPARATOR = "\u00b7"
LOOK_ALIKE_DOTS = "\u2022\u2027\u30fb\u2219\u22c5\uff0e."
# Only the full-width forms: NFKC would also read circled and raised digits as numbers.
_TO_HALF_WIDTH = {code + 0xFEE0: code for code in range(0x21, 0x7F)}
_TO_SEPARATOR = str.maketrans(dict.fromkeys(LOOK_ALIKE_DOTS, SEPARATOR))

# Spelt out because the interpreter's Unicode tables end before the newest extensions.
HAN_RANGES = (
    (0x3007, 0x3007),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFA6D),
    (0xFA70, 0xFAD9),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81D),
    (0x2B820, 0x2CEAD),
    (0x2CEB0, 0x2EBE0),
    (0x2EBF0, 0x2EE5D),
    (0x2F800, 0x2FA1D),
    (0x30000, 0x3134A),
    (0x31350, 0x33479),
)
_HAN = "[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in HAN_RANGES) + "]"
_HAN_AND_DOTS = re.compile(f"[{_HAN[1:-1]}{SEPARATOR}]*")
_NAME = re.compile(f"{_HAN}+(?:{SEPARATOR}{_HAN}+)*")
_ID_OLD = re.compile("[0-9]{15}")
_ID = re.compile("[0-9]{17}[0-9X]")
_PHONE = re.compile("1[3-9][0-9]{9}")
_CARD = re.compile("[0-9]{16,19}")
_NUMBER_CELL = re.compile(r"(1[3-9][0-9]{9})\.0+")
_SCIENTIFIC = re.compile(r"(1)\.([3-9][0-9]{0,9})E\+?10")
_NAME_MIN, _NAME_MAX = 2, 50


def without_blanks(text: str) -> str:
    """Return the text without white space and without invisible format characters."""
    return "".join(char for char in text if not _is_blank(char))


def half_width(text: str) -> str:
    """Return the text with full-width Latin letters, digits and signs in their usual width."""
    return text.translate(_TO_HALF_WIDTH)


def id_checksum(body17: str) -> str:
    """R2.1: the check digit (0-9 or X) of the first 17 digits, MOD 11-2 of ISO 7064."""
    return mod_11_2.calc_check_digit(body17)


def normalise_id(text: str) -> str:
    """R2.1, R2.2: the number as stored; what has no sound form comes back only tidied."""
    number = half_width(without_blanks(text)).upper()
    if not _ID_OLD.fullmatch(number):
        return number
    body = f"{number[:6]}19{number[6:]}"
    return body + id_checksum(body)


def id_is_well_formed(id18: str) -> bool:
    """R2.1: whether the number has the form 17 digits and a digit or X."""
    return _ID.fullmatch(id18) is not None


def id_faults(id18: str, today: date) -> list[str]:
    """R2.1: every fault of a normalised number: the form alone, else check digit and date; never the region."""
    if not id_is_well_formed(id18):
        return ["id_number_format"]
    checksum = [] if id_checksum(id18[:17]) == id18[17] else ["id_number_checksum"]
    return checksum + ([] if _born_by(id18, today) else ["id_number_date"])


def birth_of(id18: str) -> date | None:
    """R2.3: the birth date in a well-formed number, or None where no such day exists."""
    try:
        return date(int(id18[6:10]), int(id18[10:12]), int(id18[12:14]))
    except ValueError:
        return None


def sex_of(id18: str) -> Sex:
    """R2.3: the sex in a well-formed number; the 17th digit is odd for men."""
    return "male" if int(id18[16]) % 2 else "female"


def age_on(birth: date, day: date) -> int:
    """R2.6: full years of age on a day; one born on 29 February turns older on 1 March."""
    before_birthday = (day.month, day.day) < (birth.month, birth.day)
    return day.year - birth.year - before_birthday


def normalise_name(text: str) -> tuple[str, list[str]]:
    """R2.4: the name with true dots and without stray blanks, and a notice code for each repair."""
    dotted = text.translate(_TO_SEPARATOR)
    name = _without_stray_blanks(dotted)
    repairs = {"name_dot_normalised": dotted != text, "name_space_removed": name != dotted}
    return name, [code for code, done in repairs.items() if done]


def private_characters(text: str) -> str:
    """R2.4: the codes of a text's private characters, which every computer draws differently; empty without any."""
    return ", ".join(f"U+{ord(char):04X}" for char in dict.fromkeys(text) if unicodedata.category(char) == "Co")


def name_fault(text: str) -> str | None:
    """R2.4: name_missing or name_format of a normalised name, or None."""
    if not text:
        return "name_missing"
    sound = _NAME_MIN <= len(text) <= _NAME_MAX and _NAME.fullmatch(text)
    return None if sound else "name_format"


def normalise_phone(text: str) -> tuple[str, list[str]]:
    """R2.5: the eleven digits where the text holds them; phone_repaired if it needed mending."""
    tidy = half_width(without_blanks(text)).upper()
    tidy = re.sub(r"[-\u2010-\u2015\u2212]", "", tidy)
    phone = re.sub(r"^(?:\+|00)?86(?=1[0-9]{10}$)", "", _from_number_cell(tidy))
    if phone == text or not _PHONE.fullmatch(phone):
        return text.strip(), []
    return phone, ["phone_repaired"]


def phone_fault(text: str) -> str | None:
    """R2.5: phone_missing or phone_format of a normalised number, or None."""
    if not text:
        return "phone_missing"
    return None if _PHONE.fullmatch(text) else "phone_format"


def card_fault(number: str) -> str | None:
    """R2.7: card_missing, card_format (16 to 19 digits) or card_checksum (Luhn), or None."""
    if not number:
        return "card_missing"
    if not _CARD.fullmatch(number):
        return "card_format"
    return None if luhn.is_valid(number) else "card_checksum"


def _is_blank(char: str) -> bool:
    """Format characters count as blanks: chats and address books wrap copied numbers in them."""
    return char.isspace() or unicodedata.category(char) == "Cf"


def _born_by(id18: str, today: date) -> bool:
    birth = birth_of(id18)
    return birth is not None and birth <= today


def _without_stray_blanks(name: str) -> str:
    """Blanks between words of another script stay, so that the name is refused as it was typed."""
    tight = without_blanks(name)
    return tight if _HAN_AND_DOTS.fullmatch(tight) else name.strip()


def _from_number_cell(text: str) -> str:
    """A spreadsheet's number is taken only where all eleven digits are still there."""
    if plain := _NUMBER_CELL.fullmatch(text):
        return plain[1]
    if short := _SCIENTIFIC.fullmatch(text):
        return short[1] + short[2] if len(short[2]) == 10 else text
    return text
