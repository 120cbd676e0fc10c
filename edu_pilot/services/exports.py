"""Tables that leave the house: the one writer, in which no text is ever a formula or a link."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

Lines = Iterable[Sequence[Any]]
# What a spreadsheet takes for a formula, at the start of a text or of a line in it; full-width signs count too.
FORMULA = re.compile(r"\A(?=[\t\r\n])|(?:\A|(?<=[\r\n]))(?!\n)(?=[\s\ufeff\u200b]*[=+\-@＝＋－＠])")
CELL_LENGTH = 32_767
MARK = {"bg_color": "#FFF2A8", "border": 1}
SAFE = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def workbook(sheets: Mapping[str, Lines], *, marked: Collection[tuple[int, int]] = ()) -> bytes:
    """Return a workbook of some sheets; texts are cells of text, so that long numbers keep their digits.

    Cells named in `marked`, by row and column from 0, stand on yellow.
    """
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, SAFE) as book:
        as_text, striking = book.add_format({"num_format": "@"}), book.add_format({"num_format": "@", **MARK})
        for name, lines in sheets.items():
            sheet = book.add_worksheet(name)
            for row, line in enumerate(lines):
                for column, value in enumerate(line):
                    look = striking if (row, column) in marked else as_text
                    if isinstance(value, str):
                        sheet.write_string(row, column, value[:CELL_LENGTH], look)
                    elif value is not None:
                        sheet.write(row, column, value)
    return target.getvalue()


def csv_text(lines: Lines) -> str:
    """Return lines as comma-separated text; an apostrophe keeps a text from being a formula."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows([_harmless(value) for value in line] for line in lines)
    return target.getvalue()


def _harmless(value: Any) -> Any:
    return FORMULA.sub("'", value) if isinstance(value, str) else value
