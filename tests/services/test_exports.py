"""Tables that leave the house hold no formula and no link, and long numbers keep their digits."""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pytest

from edu_pilot.services import exports

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1", "  =1", "\u3000=1", "\ufeff=1",
    "刘\n=1", "刘\r\n@x", "\tx",
]  # fmt: skip
PLAIN = ["刘伟", "371425199003079990", "a=b", "a-b", "6222021601001234560", "", "刘\n伟", "http://x/?a=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_line_of_a_text_begins_as_a_formula(text: str) -> None:
    (cell,), *_ = csv.reader(io.StringIO(exports.csv_text([[text]]), newline=""))
    assert cell.replace("'", "") == text
    assert not any(line.strip("\ufeff \u3000")[:1] in tuple("=+-@＝＋－＠") for line in cell.splitlines() if line)
    assert cell[:1] not in tuple("\t\r\n")


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    (cell,), *_ = csv.reader(io.StringIO(exports.csv_text([[text]]), newline="")) if text else [[""]]
    assert cell == text


def test_a_workbook_holds_texts_and_nothing_that_acts() -> None:
    lines = [[text, 7] for text in (*FORMULAS, *PLAIN, "http://127.0.0.1/", "x" * 40_000)]
    book = exports.workbook({"a": lines})
    sheet = openpyxl.load_workbook(io.BytesIO(book))["a"]
    assert {cell.data_type for row in sheet for cell in row if cell.value is not None} <= {"s", "n"}
    assert {row[0].number_format for row in sheet} == {"@"}
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
        assert not [name for name in parts.namelist() if "rels" in name and "sheet" in name]
