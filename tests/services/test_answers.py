"""What people type is read into the type of its field; every fault is named at once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from edu_pilot.services import answers
from edu_pilot.workflow.definition import Need
from edu_pilot.workflow.reading import Label
from edu_pilot.workflow.reasons import Malformed

YES = {"yes": Label("是", "Yes")}


def need(kind: str, **values: Any) -> Need:
    return Need("field", kind, Label("栏目", "Field"), **values)


READ: list[tuple[str, Any, Any]] = [
    ("text", "  刘伟 ", "刘伟"),
    ("text", "x" * 2000, "x" * 2000),
    ("date", "2022-09-01", date(2022, 9, 1)),
    ("date", "20220901", date(2022, 9, 1)),
    ("date", "2022.9.1", date(2022, 9, 1)),
    ("date", "2022年9月1日", date(2022, 9, 1)),
    ("date", date(2022, 9, 1), date(2022, 9, 1)),
    ("date", " 2024/02/29 ", date(2024, 2, 29)),
    ("money_fen", "479000", 479_000),
    ("money_fen", 0, 0),
    ("choice", "yes", "yes"),
    ("list", ["a", {"b": 1}], ["a", {"b": 1}]),
    ("list", "a", ["a"]),
    ("object", {"a": 1}, {"a": 1}),
    ("file", "an id", "an id"),
]
REFUSED: list[tuple[str, Any]] = [
    ("text", 7),
    ("text", ["x"]),
    ("text", "x" * 2001),
    ("text", "a\x00b"),
    ("text", "齐河\ue000公司"),
    ("date", "2022-02-30"),
    ("date", "1.9.2022"),
    ("date", "220901"),
    ("date", "2022901"),
    ("date", "soon"),
    ("date", 44805),
    ("date", {}),
    ("money_fen", -1),
    ("money_fen", 1.5),
    ("money_fen", "12.50"),
    ("money_fen", True),
    ("money_fen", "１２"),
    ("money_fen", "9" * 13),
    ("choice", "no"),
    ("choice", 1),
    ("choice", ["yes"]),
    ("list", {"a": 1}),
    ("list", 5),
    ("list", ["x"] * 5001),
    ("object", "text"),
    ("object", ["a"]),
    ("object", {str(n): n for n in range(101)}),
]


@pytest.mark.parametrize(("kind", "given", "expected"), READ)
def test_an_answer_is_read_into_its_type(kind: str, given: Any, expected: Any) -> None:
    asked = need(kind, choices=YES if kind == "choice" else {})
    assert answers.read([asked], {"field": given}) == {"field": expected}


@pytest.mark.parametrize(("kind", "given"), REFUSED)
def test_an_answer_of_another_type_is_malformed(kind: str, given: Any) -> None:
    asked = need(kind, choices=YES if kind == "choice" else {})
    with pytest.raises(Malformed) as refusal:
        answers.read([asked], {"field": given})
    reason = refusal.value.reasons[0]
    assert (reason.code, reason.field) == ("field_malformed", "field")
    assert reason.facts["field"] == "need:栏目|Field"


@pytest.mark.parametrize("kind", ["text", "date", "money_fen", "choice", "list", "object", "file"])
@pytest.mark.parametrize("given", [{}, {"field": None}, {"field": ""}])
def test_a_missing_answer_is_named_unless_it_is_optional(kind: str, given: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refusal:
        answers.read([need(kind)], given)
    assert refusal.value.reasons[0].code == "field_missing"
    assert answers.read([need(kind, required=False)], given) == {}


def test_an_empty_list_is_a_missing_answer() -> None:
    with pytest.raises(Malformed) as refusal:
        answers.read([need("list")], {"field": []})
    assert refusal.value.reasons[0].code == "field_missing"


def test_a_list_with_choices_holds_only_those() -> None:
    asked = need("list", choices=YES)
    assert answers.read([asked], {"field": ["yes"]}) == {"field": ["yes"]}
    for given in (["no"], ["yes", 1], [["yes"]]):
        with pytest.raises(Malformed):
            answers.read([asked], {"field": given})


def test_what_is_not_asked_is_refused() -> None:
    with pytest.raises(Malformed) as refusal:
        answers.read([], {"state": "admitted", "x" * 100: 1})
    assert [r.field for r in refusal.value.reasons] == ["state", "x" * 64]
