"""A roster as offices send it: where its head stands, which lines are data, what each cell says.

Only what the table itself shows is found here; whether a person may register is asked of the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType

from edu_pilot.rules.identity import (
    half_width,
    id_is_well_formed,
    normalise_id,
    normalise_name,
    normalise_phone,
    phone_fault,
    without_blanks,
)
from edu_pilot.rules.people import sex_code
from edu_pilot.services.spreadsheets import Cell, Grid, Row, is_empty
from edu_pilot.workflow.reasons import N_, Fact, Reason

HEAD_WITHIN = 20
# So many known heads make a line a head, though some that are needed are not among them.
LIKELY = 2
# Canonical columns and the heads under which offices send them.
Heads = Mapping[str, tuple[str, ...]]
HEADS: Heads = {
    "name": ("姓名",),
    "sex": ("性别",),
    "id_number": ("身份证号", "身份证号码", "公民身份号码"),
    "birth_on": ("出生日期",),
    "phone": ("手机号", "手机号码", "联系电话", "电话"),
    "county": ("县（市、区）", "县区", "所属县区"),
    "point": ("教学点", "报名点"),
    "level": ("报考层次", "层次"),
    "major": ("报考专业", "专业"),
    "previous_school": ("原毕业院校", "毕业学校"),
    "previous_diploma": ("原学历", "学历"),
    "employer": ("工作单位", "用人单位名称", "单位"),
    "job": ("岗位", "工种", "职务"),
    "union_member": ("工会会员", "是否工会会员"),
}
NEEDED_HEADS = ("name", "id_number")
# Heads of one file that are known to nobody else, and the columns a clerk says they are: none unless said.
Chosen = Mapping[str, str]
NONE_CHOSEN: Chosen = MappingProxyType({})
# The column that a list goes back with, in each language.
OWN_HEADS = ("问题说明", "whatiswrong")
# A line with one of these is data, whatever else it holds.
TELLING = ("id_number", "phone", "major")
NOT_DATA = ("合计", "总计", "小计", "备注", "说明", "填表", "审核", "制表")

COLUMN_OF: Mapping[str, str] = {
    "name_missing": "name",
    "name_format": "name",
    "name_dot_normalised": "name",
    "name_space_removed": "name",
    "name_unprintable": "name",
    "id_number_missing": "id_number",
    "id_number_format": "id_number",
    "id_number_checksum": "id_number",
    "id_number_date": "id_number",
    "id_number_lost_digits": "id_number",
    "id_number_normalised": "id_number",
    "region_unknown": "id_number",
    "duplicate_in_file": "id_number",
    "already_registered": "id_number",
    "age_out_of_range": "id_number",
    "sex_mismatch": "sex",
    "birth_mismatch": "birth_on",
    "date_repaired": "birth_on",
    "phone_missing": "phone",
    "phone_format": "phone",
    "phone_repaired": "phone",
    "phone_shared": "phone",
    "county_unknown": "county",
    "county_not_yours": "county",
    "county_filled_down": "county",
    "point_unknown": "point",
    "level_unknown": "level",
    "major_unknown": "major",
    "major_not_open": "major",
    "previous_diploma_too_low": "previous_diploma",
}
TEXTS: Mapping[str, str] = {
    "id_number_lost_digits": N_(
        "The spreadsheet kept the ID number as a number and lost its last digits; "
        "format the column as text and type the number again."
    ),
    "duplicate_in_file": N_(
        "The same ID number stands on row %(first_row)s: delete one of the two rows, "
        "or correct the number that is wrong."
    ),
    "name_dot_normalised": N_("The dot in the name was replaced by the proper one."),
    "name_space_removed": N_("Blanks were removed from the name."),
    "name_unprintable": N_("No installed font draws %(characters)s; papers with this name wait until one does."),
    "id_number_normalised": N_("The ID number was brought into its 18-character form."),
    "phone_repaired": N_("The mobile number was tidied."),
    "county_filled_down": N_("The county was taken from row %(from_row)s above."),
    "student_number_in_file": N_(
        "The same student number stands on row %(first_row)s: delete one of the two rows, "
        "or correct the number that is wrong."
    ),
    "region_unknown": N_("The first six digits of the ID number are in no list of regions."),
    "phone_shared": N_("This mobile number is also another person's."),
    "date_repaired": N_("The birth date was brought into the form year-month-day."),
}
HEADER_NOT_FOUND = N_("None of the first %(lines)s lines holds the heads of this list, at least: %(heads)s")

_YES = {"是", "yes", "y", "true", "1", "√", "✓", "✔", "会员", "是会员", "已入会", "有"}
_NO = {"否", "no", "n", "false", "0", "×", "x", "非会员", "未入会", "无", "不是"}
_LOST_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?E\+?[0-9]+|[0-9]{15,}\.0*")
_PLAIN_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_PARTS = re.compile(r"([0-9]{4})[-./年]([0-9]{1,2})[-./月]([0-9]{1,2})日?(?:[T ]?0{1,2}:00(?::00(?:\.0+)?)?)?")
_DATE_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:\.0+)?")
# Five digits reach from 1927 to 2173; fewer are rather a year or a slip.
_SERIAL = re.compile(r"([1-9][0-9]{4})(?:\.0+)?")
# Excel counts from here: its day 60 is a 29 February 1900 that never was.
_SERIAL_ZERO = date(1899, 12, 30)


@dataclass(frozen=True)
class Remark:
    """What is to be said of one cell: its canonical column, a code and the sentence's facts."""

    column: str
    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def reason(self) -> Reason:
        """Return the remark as a reason, with its sentence."""
        return Reason(self.code, TEXTS[self.code], dict(self.facts), ("clerk",), self.column)


@dataclass(frozen=True)
class RosterRow:
    """One line of data: values as they would be stored, cells as in the file, and the remarks."""

    number: int
    values: dict[str, str]
    raw: dict[str, str]
    faults: list[Remark]
    notices: list[Remark]


@dataclass(frozen=True)
class Header:
    """Where the head stands and which canonical column each position holds."""

    row: int
    columns: Mapping[str, int]


class HeaderNotFound(Exception):
    """No line near the top holds the heads of a list."""

    def __init__(self, heads: Heads, needed: Sequence[str]) -> None:
        facts: dict[str, Fact] = {"lines": HEAD_WITHIN, "heads": "、".join(heads[name][0] for name in needed)}
        self.reason = Reason("header_not_found", HEADER_NOT_FOUND, facts, ("clerk",))
        super().__init__(self.reason.english())


def find_header(
    grid: Grid, heads: Heads = HEADS, needed: Sequence[str] = NEEDED_HEADS, chosen: Chosen = NONE_CHOSEN
) -> Header:
    """Return the line among the first 20 with the most known heads; raises HeaderNotFound."""
    sound = [head for head in _candidates(grid, heads, chosen) if head.columns.keys() >= set(needed)]
    if not sound:
        raise HeaderNotFound(heads, needed)
    return max(sound, key=_width)


def likely_header(grid: Grid, heads: Heads, needed: Sequence[str], chosen: Chosen = NONE_CHOSEN) -> Header:
    """Return the head, or a line that looks like one though needed heads are missing; raises HeaderNotFound."""
    try:
        return find_header(grid, heads, needed, chosen)
    except HeaderNotFound:
        best = max(_candidates(grid, heads, chosen), key=_width, default=None)
        if best is None or _width(best) < LIKELY:
            raise
        return best


def unrecognised(row: Row, heads: Heads) -> list[str]:
    """Return the texts of a line that are nobody's head, each once; the system's own remarks are no column."""
    known = _known(heads, NONE_CHOSEN)
    texts = {
        _head(str(cell)): as_text(cell).strip() for cell in row.cells if not (_column(cell, known) or is_own(cell))
    }
    return [text for text in texts.values() if text]


def is_own(cell: Cell) -> bool:
    """Return whether a head is that of the column in which the system itself says what is wrong."""
    return _head(as_text(cell)) in OWN_HEADS


def _candidates(grid: Grid, heads: Heads, chosen: Chosen) -> list[Header]:
    known = _known(heads, chosen)
    return [_header(row, known) for row in grid.rows if row.number <= HEAD_WITHIN]


def _known(heads: Heads, chosen: Chosen) -> dict[str, str]:
    known = {_head(head): column for column, names in heads.items() for head in (column, *names)}
    return known | {_head(text): column for text, column in chosen.items()}


def _width(header: Header) -> int:
    return len(header.columns)


def read_rows(grid: Grid, header: Header) -> list[RosterRow]:
    """Return every line of data below the head, in file order, blank and summing lines left out."""
    rows = [_read(row, header) for row in grid.rows if row.number > header.row]
    data = [row for row in rows if row is not None]
    _fill_counties_down(data)
    _mark_duplicates(data)
    return data


def problems_of(row: RosterRow, reasons: Iterable[Reason]) -> list[Reason]:
    """Return all problems of a row in column order: its own faults and what the rules say of it.

    Of a lost number that alone is told, though the rules find the rest of it malformed.
    """
    found = [fault.reason() for fault in row.faults]
    if number_lost(row):
        reasons = [reason for reason in reasons if reason.field != "id_number"]
    order = {column: place for place, column in enumerate(HEADS)}
    return sorted([*found, *reasons], key=lambda reason: order.get(column_of(reason), -1))


def column_of(reason: Reason) -> str:
    """Return the canonical column a problem or notice belongs to, or '' where it is about the whole row."""
    return reason.field or COLUMN_OF.get(reason.code, "")


def note_unknown_regions(rows: Iterable[RosterRow], regions: AbstractSet[str]) -> None:
    """R2.1: add the notice region_unknown where the first six digits are none of the regions."""
    for row in _with_number(rows):
        if row.values["id_number"][:6] not in regions:
            _notice(row, "id_number", "region_unknown")


def note_shared_phones(rows: Iterable[RosterRow], live: AbstractSet[str]) -> None:
    """R2.5: add the notice phone_shared to every row whose phone is live or stands further up."""
    seen = set(live)
    for row in rows:
        phone = row.values["phone"]
        if phone_fault(phone):
            continue
        if phone in seen:
            _notice(row, "phone", "phone_shared")
        seen.add(phone)


def note_unprintable(rows: Iterable[RosterRow], unprintable: Callable[[str], str]) -> None:
    """R2.4: add the notice name_unprintable where no font draws a name; the function names the characters."""
    for row in rows:
        if characters := unprintable(row.values["name"]):
            row.notices.append(Remark("name", "name_unprintable", {"characters": characters}))


def number_lost(row: RosterRow) -> bool:
    """Return whether the ID number cannot be judged because the file no longer holds it."""
    return any(fault.code == "id_number_lost_digits" for fault in row.faults)


def _header(row: Row, known: Mapping[str, str]) -> Header:
    columns: dict[str, int] = {}
    for position, cell in enumerate(row.cells):
        if column := _column(cell, known):
            columns.setdefault(column, position)
    return Header(row.number, columns)


def _column(cell: Cell, known: Mapping[str, str]) -> str | None:
    """A remark in brackets behind a head, such as （必填）, is not part of it."""
    head = _head(str(cell))
    return known.get(head) or known.get(re.sub(r"\(.*\)$", "", head))


def _head(text: str) -> str:
    return half_width(without_blanks(text)).strip("*:").lower()


def _read(row: Row, header: Header) -> RosterRow | None:
    cells = cells_of(row, header)
    if not is_data(row, cells):
        return None
    raw = {column: as_text(cells.get(column, "")) for column in dict.fromkeys((*HEADS, *header.columns))}
    result = RosterRow(row.number, {c: text.strip() for c, text in raw.items()}, raw, [], [])
    for column, read in _READERS.items():
        if column in raw:
            read(result, column, cells.get(column, ""))
    return result


def cells_of(row: Row, header: Header) -> dict[str, Cell]:
    """Return a line's cells by canonical column."""
    return {c: row.cells[at] if at < len(row.cells) else "" for c, at in header.columns.items()}


def is_data(row: Row, cells: Mapping[str, Cell], telling: Sequence[str] = TELLING) -> bool:
    """Return whether a line is data, not a blank, a sum or a remark."""
    if any(not is_empty(cells.get(column, "")) for column in telling):
        return True
    filled = row.filled()
    return len(filled) > 1 and not without_blanks(as_text(filled[0])).startswith(NOT_DATA)


def as_text(cell: Cell) -> str:
    """Return a cell as the file shows it; whole numbers have no decimal point."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else str(cell)
    return str(cell)


def digits_lost(cell: Cell) -> bool:
    """Return whether a number of 18 digits cannot be told any more, because the file kept it as a number."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return True
    return _LOST_DIGITS.fullmatch(normalise_id(as_text(cell))) is not None


def _read_name(row: RosterRow, column: str, cell: Cell) -> None:
    row.values[column], codes = normalise_name(as_text(cell))
    _notice(row, column, *codes)


def _read_id(row: RosterRow, column: str, cell: Cell) -> None:
    text = as_text(cell)
    number = normalise_id(text)
    row.values[column] = number
    if digits_lost(cell):
        row.faults.append(Remark(column, "id_number_lost_digits"))
    elif number != text and id_is_well_formed(number):
        _notice(row, column, "id_number_normalised")


def _read_phone(row: RosterRow, column: str, cell: Cell) -> None:
    # repr keeps the decimal point of a number cell, so that the repair is told.
    text = repr(float(cell)) if isinstance(cell, int | float) else as_text(cell)
    row.values[column], codes = normalise_phone(text)
    _notice(row, column, *codes)


def _read_sex(row: RosterRow, column: str, cell: Cell) -> None:
    text = as_text(cell).strip()
    code = sex_code(text)
    row.values[column] = text if code is None else code


def _read_union_member(row: RosterRow, column: str, cell: Cell) -> None:
    text = without_blanks(as_text(cell)).lower()
    row.values[column] = "yes" if text in _YES else "no" if text in _NO else ""


def _read_birth(row: RosterRow, column: str, cell: Cell) -> None:
    text = as_text(cell).strip()
    born = day_of(cell)
    row.values[column] = born.isoformat() if born else text
    if born and not isinstance(cell, date) and not _PLAIN_DATE.fullmatch(text):
        _notice(row, column, "date_repaired")


def _read_day(row: RosterRow, column: str, cell: Cell) -> None:
    if day := day_of(cell):
        row.values[column] = day.isoformat()


def day_of(cell: Cell) -> date | None:
    """Return the day that a cell means, or None."""
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else _date(half_width(as_text(cell)))


def _date(text: str) -> date | None:
    """Return the day that a text means, or None; a bare number is Excel's count of days."""
    tight = re.sub(r"\s*([-./年月日])\s*", r"\1", text.strip())
    if parts := _DATE_PARTS.fullmatch(tight) or _DATE_DIGITS.fullmatch(tight):
        return _day(*map(int, parts.groups()))
    if serial := _SERIAL.fullmatch(tight):
        return _SERIAL_ZERO + timedelta(days=int(serial[1]))
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _notice(row: RosterRow, column: str, *codes: str) -> None:
    row.notices.extend(Remark(column, code) for code in codes)


_READERS = {
    "name": _read_name,
    "sex": _read_sex,
    "id_number": _read_id,
    "birth_on": _read_birth,
    "phone": _read_phone,
    "union_member": _read_union_member,
    "confirmed_on": _read_day,
}


def _fill_counties_down(rows: list[RosterRow]) -> None:
    """A merged cell holds its value in the first line only; each line that borrows it says so."""
    county, from_row = "", 0
    for row in rows:
        if row.values["county"]:
            county, from_row = row.values["county"], row.number
        elif county:
            row.values["county"] = county
            row.notices.append(Remark("county", "county_filled_down", {"from_row": from_row}))


def _mark_duplicates(rows: list[RosterRow]) -> None:
    first: dict[str, int] = {}
    for row in _with_number(rows):
        number = row.values["id_number"]
        if number in first:
            facts = {"first_row": first[number]}
            row.faults.append(Remark("id_number", "duplicate_in_file", facts))
        first.setdefault(number, row.number)


def mark_repeated_numbers(rows: Iterable[RosterRow]) -> None:
    """R3.5: add a fault to every row whose student number stands further up."""
    first: dict[str, int] = {}
    for row in rows:
        number = row.values["student_number"]
        if number and first.setdefault(number, row.number) != row.number:
            facts: dict[str, Fact] = {"first_row": first[number]}
            row.faults.append(Remark("student_number", "student_number_in_file", facts))


def _with_number(rows: Iterable[RosterRow]) -> Iterator[RosterRow]:
    """From a missing, malformed or lost number nothing is derived."""
    for row in rows:
        if id_is_well_formed(row.values["id_number"]) and not number_lost(row):
            yield row
