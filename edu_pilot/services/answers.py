"""What people type, read into the types that a workflow's fields declare; all faults at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from edu_pilot.logs import masked
from edu_pilot.rules.identity import private_characters
from edu_pilot.workflow.definition import Need
from edu_pilot.workflow.reasons import N_, Fact, Malformed, Reason

TEXT_LIMIT = 2000
# A name is judged by its own rule.
NAME = "name"
# Fields that are sealed wherever they are stored, or hold a number that only looks like a person's.
NUMBERED = ("_number", "phone", "code", "note", "objection")
LIST_LIMIT = 5000
# What a field that can be cleared holds when it is given empty.
CLEARED = ""


class _Fault(Exception):
    """A value that is not of its type."""


def read(needs: Iterable[Need], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed input; raise Malformed with one reason per faulty, missing or unknown field.

    A field that can be cleared and is given empty is told as empty; any other empty one is as not given.
    Dates are read from 2022-09-01, 20220901, 2022.9.1 or 2022年9月1日; money is whole fen.
    """
    wanted = {need.name: need for need in needs}
    faults = [_unknown(name) for name in given if name not in wanted]
    answers: dict[str, Any] = {}
    for need in wanted.values():
        try:
            cleared = need.clearable and need.name in given and given[need.name] in (None, CLEARED)
            answers[need.name] = CLEARED if cleared else _value(need, given.get(need.name))
        except _Fault as fault:
            faults.append(_fault(need, str(fault)))
    if faults:
        raise Malformed(faults)
    return {name: value for name, value in answers.items() if value is not None}


def _value(need: Need, given: Any) -> Any:
    if given is None or given == "" or (need.type == "list" and given == []):
        if need.required:
            raise _Fault(N_("%(field)s is missing."))
        return None
    return _READERS[need.type](need, given)


def _unknown(name: str) -> Reason:
    return Reason("field_unknown", N_("%(field)s is not asked here."), {"field": name[:64]}, (), name[:64])


def _fault(need: Need, text: str) -> Reason:
    code = "field_missing" if "missing" in text else "field_malformed"
    facts: dict[str, Fact] = {"field": f"need:{need.label.zh}|{need.label.en}"}
    return Reason(code, text, facts, (), need.name)


def _text(need: Need, given: Any) -> str:
    if not isinstance(given, str) or len(given) > TEXT_LIMIT or "\x00" in given:
        raise _Fault(N_("%(field)s must be a text of at most 2,000 characters."))
    # All other texts are stored in clear, and the trail keeps some of them for ever (R2.9).
    if not need.name.endswith(NUMBERED) and masked(given) != given:
        raise _Fault(N_("An ID number, phone or card does not belong into %(field)s."))
    if need.name != NAME and private_characters(given):
        raise _Fault(
            N_("%(field)s holds characters of private use, which every computer draws differently; type them anew.")
        )
    return given.strip()


_DATE = re.compile(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})\D?")


def read_date(given: Any) -> date | None:
    """Return the date a person typed in any of the usual ways, or None."""
    if isinstance(given, date):
        return given
    found = _DATE.fullmatch(str(given).strip())
    if not found or (str(given).strip().isdigit() and len(str(given).strip()) != 8):
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def _day(_need: Need, given: Any) -> date:
    day = read_date(given)
    if day is None:
        raise _Fault(N_("%(field)s must be a real date such as 2022-09-01."))
    return day


def _money(_need: Need, given: Any) -> int:
    text = str(given)
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or len(text) > 12:
        raise _Fault(N_("%(field)s must be a whole number of fen."))
    return int(text)


def _choice(need: Need, given: Any) -> str:
    """Read a choice by its code, by its label in either language, or yes and no as a truth value."""
    if isinstance(given, bool):
        given = "yes" if given else "no"
    if isinstance(given, str) and given not in need.choices:
        given = _labelled(need, given.strip())
    if not isinstance(given, str) or (need.choices and given not in need.choices):
        raise _Fault(N_("%(field)s must be one of the values offered."))
    return given


def _labelled(need: Need, text: str) -> str:
    return next((code for code, label in need.choices.items() if text in (label.zh, label.en)), text)


def _list(need: Need, given: Any) -> list[Any]:
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, list) or len(items) > LIST_LIMIT:
        raise _Fault(N_("%(field)s must be a list."))
    if need.choices and not all(isinstance(item, str) and item in need.choices for item in items):
        raise _Fault(N_("%(field)s must hold only values offered."))
    return items


def _object(_need: Need, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or len(given) > 100:
        raise _Fault(N_("%(field)s must be a set of named values."))
    return given


_READERS: dict[str, Callable[[Need, Any], Any]] = {
    "text": _text,
    "date": _day,
    "money_fen": _money,
    "choice": _choice,
    "file": _text,
    "list": _list,
    "object": _object,
}
