"""Uploaded tables as rows of raw cells with the row numbers a spreadsheet shows; read behind the wall."""

from __future__ import annotations

import codecs
import csv
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from edu_pilot.sandboxed import Refusal
from edu_pilot.workflow.reasons import N_, Fact, Reason

Cell = str | int | float | bool | date | datetime | time | timedelta

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_ENTRIES = 200
MAX_RATIO = 100
MAX_ROWS = 20_000
MAX_COLUMNS = 60
SPREADSHEET_ROWS = 1_048_576
SPREADSHEET_COLUMNS = 16_384

PIECE = 64 * 1024

_ZIP_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY_ENDINGS = (".xlsx", ".xls", ".ods")
_TEXT_ENDINGS = (".csv",)
_OPEN_CELLS = ("table-cell", "covered-table-cell")
_CELL_CONTENT = ("v", "f", "is", "p")

NOT_A_TABLE = N_("The file is not a table that can be read; use .xlsx, .xls, .ods or .csv.")
DAMAGED = N_("The file is damaged or protected by a password and cannot be read.")
STRANGE = N_("The file is built as no office program builds a table, and is not read.")
TOO_LARGE = N_("The file is larger than %(limit)s MB.")
TOO_LARGE_UNPACKED = N_("The file unpacks to more than is allowed for a table.")
TOO_MANY_ROWS = N_("The table has more than %(limit)s rows; split it.")
TOO_MANY_COLUMNS = N_("The table has more than %(limit)s columns.")
EMPTY = N_("The file holds no data.")
BAD_ENCODING = N_("The text is neither UTF-8 nor GB18030; save it again as one of them.")
BAD_LINE = N_(
    "Near line %(line)s a quotation mark is not closed, so the lines after it run together, or a cell is too long."
)


class Unreadable(Exception):
    """The file is no table that may be read; `reason` says why, with the code file_unreadable."""

    def __init__(self, text: str, **facts: Fact) -> None:
        self.reason = Reason("file_unreadable", text, dict(facts), ("clerk",))
        super().__init__(self.reason.english())


@dataclass(frozen=True)
class Row:
    """One line of a table: its number as the spreadsheet shows it, and its cells ('' if empty)."""

    number: int
    cells: tuple[Cell, ...]

    def filled(self) -> list[Cell]:
        """Return the cells that hold something other than blanks."""
        return [cell for cell in self.cells if not is_empty(cell)]


@dataclass(frozen=True)
class Grid:
    """The first sheet with data, from its first line on."""

    sheet: str
    rows: tuple[Row, ...]


def read_grid(data: bytes, filename: str) -> Grid:
    """Return the first sheet with data of an .xlsx, .xls, .ods or .csv file; raises Unreadable."""
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(TOO_LARGE, limit=MAX_FILE_BYTES // 1024 // 1024)
    if not data.strip():
        raise Unreadable(EMPTY)
    return _first_with_data(_sheets(data, filename.lower()))


def told(data: bytes, filename: str) -> tuple[dict[str, Any], bytes]:
    """Return a grid's sheet and its rows as JSON, for the other side of the wall; raises Refusal."""
    try:
        grid = read_grid(data, filename)
    except Unreadable as fault:
        facts = {name: value for name, value in fault.reason.facts.items() if value is not None}
        raise Refusal(fault.reason.code, fault.reason.text, **facts) from None
    rows = [[row.number, [_written(cell) for cell in row.cells]] for row in grid.rows]
    return {"sheet": grid.sheet}, json.dumps(rows, ensure_ascii=False).encode("utf-8", "surrogatepass")


def rehearse() -> None:
    """Load what is loaded only while a table is read."""
    for encoding in ("utf-8-sig", "gb18030", "cp437"):
        codecs.lookup(encoding)
    with suppress(Unreadable):
        read_grid(_OLE_MAGIC, "a.xls")


def untold(facts: dict[str, Any], content: bytes) -> Grid:
    """Return the grid that `told` wrote."""
    rows = json.loads(content.decode("utf-8", "surrogatepass"))
    return Grid(str(facts["sheet"]), tuple(Row(int(n), tuple(_cell(cell) for cell in cells)) for n, cells in rows))


def _written(cell: Cell) -> Any:
    if isinstance(cell, timedelta):
        return {"timedelta": cell.total_seconds()}
    # A datetime is a date too: the type itself says which it is.
    return {type(cell).__name__: cell.isoformat()} if isinstance(cell, date | time) else cell


def _cell(written: Any) -> Cell:
    if not isinstance(written, dict):
        return written if isinstance(written, str | int | float) else ""
    ((kind, value),) = written.items()
    return _MOMENTS[kind](value)


_MOMENTS: Mapping[str, Callable[[Any], Cell]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda seconds: timedelta(seconds=seconds),
}


def is_empty(cell: Cell) -> bool:
    """Return whether the cell holds nothing, or nothing but blanks."""
    return isinstance(cell, str) and not cell.strip()


def _sheets(data: bytes, filename: str) -> Iterable[Grid]:
    # The content decides between the binary kinds: offices rename .xlsx to .xls and back.
    if filename.endswith(_BINARY_ENDINGS) and data.startswith(_ZIP_MAGIC):
        return _workbook(_repacked(data))
    if filename.endswith(_BINARY_ENDINGS) and data.startswith(_OLE_MAGIC):
        return _workbook(data)
    if filename.endswith(_TEXT_ENDINGS):
        return [_csv(data)]
    raise Unreadable(NOT_A_TABLE)


def _first_with_data(sheets: Iterable[Grid]) -> Grid:
    for grid in sheets:
        if any(row.filled() for row in grid.rows):
            return grid
    raise Unreadable(EMPTY)


def _grid(sheet: str, lines: Iterable[Sequence[Cell]]) -> Grid:
    rows = []
    for number, cells in enumerate(lines, start=1):
        row = Row(number, tuple(cells))
        _within_bounds(row)
        if number <= MAX_ROWS:
            rows.append(Row(number, row.cells[:MAX_COLUMNS]))
    return Grid(sheet, tuple(rows))


def _within_bounds(row: Row) -> None:
    # Blank lines below the data are usual in exports; more than a spreadsheet has are not.
    if row.number > (MAX_ROWS if row.filled() else SPREADSHEET_ROWS):
        raise Unreadable(TOO_MANY_ROWS, limit=MAX_ROWS)
    if any(not is_empty(cell) for cell in row.cells[MAX_COLUMNS:]):
        raise Unreadable(TOO_MANY_COLUMNS, limit=MAX_COLUMNS)


def _csv(data: bytes) -> Grid:
    text = _decoded(data)
    delimiter = max(",;\t", key=text.count)
    # Strict, because an unclosed quotation mark would otherwise swallow the rows below it.
    lines = csv.reader(_lines(text, delimiter), delimiter=delimiter, strict=True)
    try:
        return _grid("", lines)
    except csv.Error:
        raise Unreadable(BAD_LINE, line=lines.line_num) from None


def _lines(text: str, delimiter: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if line.count(delimiter) > SPREADSHEET_COLUMNS:
            raise Unreadable(TOO_MANY_COLUMNS, limit=MAX_COLUMNS)
        yield line


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable(BAD_ENCODING)


def _workbook(data: bytes) -> Iterator[Grid]:
    workbook = _opened(data)
    for meta in workbook.sheets_metadata:
        if meta.typ == SheetTypeEnum.WorkSheet and meta.visible == SheetVisibleEnum.Visible:
            yield _sheet(workbook, meta.name)


def _opened(data: bytes) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except BaseException as error:
        raise _translated(error) from None


def _sheet(workbook: CalamineWorkbook, name: str) -> Grid:
    try:
        sheet = workbook.get_sheet_by_name(name)
        _sheet_within_bounds(sheet)
        lines = sheet.to_python(skip_empty_area=False)
    except BaseException as error:
        raise _translated(error) from None
    return _grid(name, lines)


def _sheet_within_bounds(sheet: CalamineSheet) -> None:
    last_row, last_column = sheet.end or (0, 0)
    if last_row >= MAX_ROWS:
        raise Unreadable(TOO_MANY_ROWS, limit=MAX_ROWS)
    if last_column >= MAX_COLUMNS:
        raise Unreadable(TOO_MANY_COLUMNS, limit=MAX_COLUMNS)


def _translated(error: BaseException) -> BaseException:
    """A panic of the native reader is a BaseException, so only real interruptions pass."""
    if isinstance(error, KeyboardInterrupt | SystemExit | Unreadable):
        return error
    return Unreadable(DAMAGED)


def _repacked(data: bytes) -> bytes:
    """Return a fresh archive of what was unpacked and checked, so that the reader meets no other.

    Sizes that lie, overlapping or doubled entries and encrypted parts end here.
    """
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as fresh:
            _archive_within_bounds(source.infolist())
            for info in source.infolist():
                fresh.writestr(zipfile.ZipInfo(info.filename), _unpacked(source, info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Unreadable(DAMAGED) from None
    except (OSError, ValueError, OverflowError):
        raise Unreadable(DAMAGED) from None
    return target.getvalue()


def _archive_within_bounds(entries: Sequence[zipfile.ZipInfo]) -> None:
    unpacked = sum(info.file_size for info in entries)
    packed = sum(info.compress_size for info in entries)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(TOO_LARGE_UNPACKED)
    if unpacked > MAX_RATIO * max(packed, 1):
        raise Unreadable(TOO_LARGE_UNPACKED)
    names = {info.filename for info in entries}
    if len(names) < len(entries) or any(name.startswith("/") or ".." in name for name in names):
        raise Unreadable(STRANGE)


def _unpacked(source: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # Piece by piece: read at one go, a part whose stated size lies is inflated whole before it is cut.
    with source.open(info) as part:
        content = b"".join(iter(partial(part.read, PIECE), b""))
    if info.filename.endswith(".xml"):
        _Extent().scan(content)
    return content


class _Extent:
    """Refuses a sheet whose farthest filled cell lies out of bounds, before it is unfolded.

    The reader lays a sheet out as a full rectangle: one cell in the last corner of a small file
    would ask for hundreds of gigabytes.
    """

    def __init__(self) -> None:
        self._row = self._column = 0
        self._row_times = self._column_times = 1
        self._in_cell = False

    def scan(self, content: bytes) -> None:
        """Raise Unreadable where the part is out of bounds, not XML or defines entities."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            parser.Parse(content, True)
        except (expat.ExpatError, ValueError):
            raise Unreadable(DAMAGED) from None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        elif name == "c":
            self._enter_excel_cell(attributes.get("r", ""))
        elif name == "table-row":
            self._enter_open_row(_times(attributes, "number-rows-repeated"))
        elif name in _OPEN_CELLS:
            self._enter_open_cell(attributes)
        elif self._in_cell and name in _CELL_CONTENT:
            self._refuse_outside()
        elif name == "table":
            self._row, self._row_times = 0, 1

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] in ("c", *_OPEN_CELLS):
            self._in_cell = False

    def _enter_excel_cell(self, reference: str) -> None:
        letters = reference.rstrip("0123456789")
        self._column = _column_number(letters) if letters else self._column + 1
        self._row = int(reference[len(letters) :] or self._row)
        self._in_cell = True

    def _enter_open_row(self, times: int) -> None:
        self._row += self._row_times
        self._row_times = times
        self._column, self._column_times = 0, 1

    def _enter_open_cell(self, attributes: dict[str, str]) -> None:
        self._column += self._column_times
        self._column_times = _times(attributes, "number-columns-repeated")
        self._in_cell = True
        if any(key.endswith(("value", "formula")) for key in attributes):
            self._refuse_outside()

    def _refuse_outside(self) -> None:
        if self._row + self._row_times - 1 > MAX_ROWS:
            raise Unreadable(TOO_MANY_ROWS, limit=MAX_ROWS)
        if self._column + self._column_times - 1 > MAX_COLUMNS:
            raise Unreadable(TOO_MANY_COLUMNS, limit=MAX_COLUMNS)


def _refuse_doctype(*_: object) -> None:
    raise Unreadable(STRANGE)


def _times(attributes: dict[str, str], name: str) -> int:
    found = (int(value) for key, value in attributes.items() if key.endswith(name))
    return next(found, 1)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
