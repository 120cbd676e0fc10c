"""What a card reader types or somebody pastes about a person, read as a whole: never stored, never logged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edu_pilot.clock import today
from edu_pilot.rules.identity import (
    birth_of,
    half_width,
    id_faults,
    id_is_well_formed,
    name_fault,
    normalise_id,
    normalise_phone,
    phone_fault,
    sex_of,
)

# More than any reader writes.
LONGEST = 2000
# An ID number in any grouping, old or new; a mobile number with or without its country.
_NUMBER = re.compile(r"(?<!\d)\d(?:[ \-]?\d){16}[ \-]?[\dXx](?![\dXx])|(?<!\d)\d{15}(?!\d)")
_PHONE = re.compile(r"(?<!\d)(?:\+?86[ \-]?)?1\d(?:[ \-]?\d){9}(?!\d)")
_NAMED = re.compile(r"姓\s*名[:\s]*([\u3400-\u9fff\U00020000-\U000323af·•]{2,50})")
_BREAKS = re.compile(r"[\s|,;:/\\，；：、]+")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af·•]{2,15}")
# What stands beside a name on a card and is none.
_NO_NAME = re.compile(
    r".*(?:姓名|性别|民族|出生|住址|地址|号码|身份|签发|机关|公安|有效|期限|长期|手机|电话|汉族|[省市县区镇乡村街路号])"
    r".*|.{1,5}族"
)


def read(text: str) -> dict[str, str]:
    """Return what a text says of a person: name, ID number, sex, birth date, phone, each as far as it is there.

    Sex and birth date are those of the number itself: a card cannot say otherwise.
    """
    plain = half_width(text[:LONGEST])
    found = dict(_number(plain))
    rest = _NUMBER.sub(" ", plain)
    if phone := next((normalise_phone(match.group())[0] for match in _PHONE.finditer(rest)), ""):
        found |= {} if phone_fault(phone) else {"phone": phone}
    if name := _name(plain, rest):
        found["name"] = name
    return found


def _number(text: str) -> Iterator[tuple[str, str]]:
    for match in _NUMBER.finditer(text):
        number = normalise_id(match.group().replace("-", ""))
        if not id_is_well_formed(number):
            continue
        yield "id_number", number
        if not id_faults(number, today()):
            born = birth_of(number)
            yield "sex", sex_of(number)
            yield "birth_on", born.isoformat() if born else ""
        return


def _name(text: str, rest: str) -> str:
    """Return the name a card names as such, else the first short word that can be one."""
    if named := _NAMED.search(text):
        word = re.split(r"性\s*别|民\s*族", named.group(1))[0]
        return "" if name_fault(word) else word
    words = (word for word in _BREAKS.split(rest) if _HAN.fullmatch(word))
    return next((word for word in words if not _NO_NAME.fullmatch(word) and not name_fault(word)), "")
