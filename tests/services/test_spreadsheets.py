"""Uploaded tables: what is read, and what is refused with a reason instead of an error."""

import io
import random
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlwt

from edu_pilot.services import spreadsheets
from edu_pilot.services.spreadsheets import Unreadable, read_grid

ROSTERS = Path(__file__).parent.parent / "rosters"
QIHE = (ROSTERS / "roster-qihe-messy.xlsx").read_bytes()
SHEET = "xl/worksheets/sheet1.xml"
OPEN_DOCUMENT = (
    '<o:c xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><table:table>{}</table:table></o:c>'
)


def changed(part: str, content: bytes, data: bytes = QIHE) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return target.getvalue()


def archive(*entries: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", kind) as new:
        for name, content in entries:
            new.writestr(name, content)
    return target.getvalue()


def sheet_with(cell: str) -> bytes:
    return changed(
        SHEET,
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{cell}</sheetData></worksheet>".encode(),
    )


def workbook(*sheets: tuple[str, str, str]) -> bytes:
    """Sheets as (name, visibility, text of A1)."""
    book, target = openpyxl.Workbook(), io.BytesIO()
    for name, visibility, text in sheets:
        sheet = book.create_sheet(name)
        sheet.sheet_state = visibility
        sheet["A1"] = text or None
    book.remove(book.worksheets[0])
    book.save(target)
    return target.getvalue()


def wide_xls(rows: int, columns: int) -> bytes:
    book, target = xlwt.Workbook(), io.BytesIO()
    book.add_sheet("a").write(rows - 1, columns - 1, "x")
    book.save(target)
    return target.getvalue()


def test_rows_keep_the_numbers_the_spreadsheet_shows() -> None:
    grid = read_grid(QIHE, "roster.xlsx")
    assert [row.number for row in grid.rows] == list(range(1, 38))
    assert grid.rows[36].cells[0] == "合计：32人"


def test_blank_rows_on_top_count() -> None:
    grid = read_grid(sheet_with('<row r="3"><c r="B3"><v>7</v></c></row>'), "a.xlsx")
    assert (grid.rows[-1].number, grid.rows[-1].cells) == (3, ("", 7.0))


def test_first_visible_sheet_with_data_is_read() -> None:
    sheets = [("lists", "hidden", "x"), ("empty", "visible", ""), ("data", "visible", "y")]
    assert read_grid(workbook(*sheets), "a.xlsx").sheet == "data"


def test_quoted_line_breaks_do_not_shift_row_numbers() -> None:
    grid = read_grid(b'a,"b\nc"\n\nd,e\n', "a.csv")
    assert [(row.number, row.cells) for row in grid.rows] == [
        (1, ("a", "b\nc")),
        (2, ()),
        (3, ("d", "e")),
    ]


def test_styled_empty_cells_far_away_do_no_harm() -> None:
    far = '<row r="1"><c r="A1"><v>7</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    assert len(read_grid(sheet_with(far), "a.xlsx").rows) == 1


REFUSED = {
    "empty file": (b"", "a.xlsx"),
    "blank text": (b" \n\n", "a.csv"),
    "commas only": (b",,\n,,\n", "a.csv"),
    "no table": (b"%PDF-1.7", "a.pdf"),
    "page named table": (b"<html><table><tr><td>x</td></tr></table></html>", "a.xls"),
    "picture named table": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a.xlsx"),
    "table named text": (QIHE, "a.csv"),
    "bytes of no encoding": (b"\xff\xfe\xff\xff", "a.csv"),
    "wide characters": ("姓名".encode("utf-16"), "a.csv"),
    "quotation mark left open": ('a,b\n"刘,1\n李,2\n'.encode(), "a.csv"),
    "field beyond measure": (b"a" * 200_000, "a.csv"),
    "too many rows": (b"a\n" * 20_001, "a.csv"),
    "too many columns": (b"a," * 60 + b"a\n", "a.csv"),
    "truncated": (QIHE[:4000], "a.xlsx"),
    "archive of something else": (archive(("a.txt", b"x")), "a.xlsx"),
    "bomb": (archive((SHEET, b"\0" * 20_000_000)), "a.xlsx"),
    "too large unpacked": (archive((SHEET, b"\0" * (50 * 2**20 + 1))), "a.xlsx"),
    "too many parts": (archive(*((f"{n}.xml", b"<a/>") for n in range(201))), "a.xlsx"),
    "far row": (sheet_with('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'), "a.xlsx"),
    "far column": (sheet_with('<row r="1"><c r="XFD1"><v>1</v></c></row>'), "a.xlsx"),
    "far cell in a prefix": (sheet_with('<row r="1"><c r="ZZ90000"><is/></c></row>'), "a.xlsx"),
    "entities": (changed(SHEET, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "a.xlsx"),
    "no xml": (changed(SHEET, b"<a"), "a.xlsx"),
    "repeated rows": (
        archive(
            (
                "content.xml",
                OPEN_DOCUMENT.format(
                    '<table:table-row table:number-rows-repeated="1000000"><table:table-cell '
                    'table:number-columns-repeated="16000" o:value="1"/></table:table-row>'
                ).encode(),
            )
        ),
        "a.ods",
    ),
    "old file, far row": (wide_xls(65_536, 1), "a.xls"),
    "old file, far column": (wide_xls(1, 256), "a.xls"),
    "old file, damaged": (wide_xls(1, 1)[:600], "a.xls"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_sound_table_is_refused_with_a_reason(case: str) -> None:
    data, filename = REFUSED[case]
    with pytest.raises(Unreadable) as caught:
        read_grid(data, filename)
    assert caught.value.reason.code == "file_unreadable"
    assert caught.value.reason.english()


def test_too_large_a_file_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_FILE_BYTES", len(QIHE) - 1)
    with pytest.raises(Unreadable):
        read_grid(QIHE, "a.xlsx")


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native reader must not be reached."""
    monkeypatch.setattr(spreadsheets, "_opened", lambda data: pytest.fail("reader was reached"))


@pytest.mark.usefixtures("no_reader")
@pytest.mark.parametrize(
    "case",
    ["bomb", "far row", "far column", "far cell in a prefix", "entities", "repeated rows"],
)
def test_what_would_exhaust_the_machine_reaches_no_reader(case: str) -> None:
    with pytest.raises(Unreadable):
        read_grid(*REFUSED[case])


@pytest.mark.usefixtures("no_reader")
def test_size_that_lies_reaches_no_reader() -> None:
    data = bytearray(archive((SHEET, b"a" * 5000)))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        read_grid(bytes(data), "a.xlsx")


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_never_end_in_an_error(seed: int) -> None:
    chance = random.Random(seed)
    old = seed % 2
    data = bytearray(wide_xls(3, 3) if old else QIHE)
    for _ in range(chance.randint(1, 30)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        read_grid(bytes(data), "a.xls" if old else "a.xlsx")
    except Unreadable as refused:
        assert refused.reason.english()
