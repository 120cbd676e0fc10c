"""Rosters as offices send them: three of theirs, one of ours with every remaining trouble."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
import xlwt
import yaml
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from edu_pilot import paths
from edu_pilot.rules import people
from edu_pilot.rules.identity import id_checksum
from edu_pilot.rules.lookups import known_regions
from edu_pilot.services import glyphs
from edu_pilot.services.roster_reading import (
    COLUMN_OF,
    HEADS,
    HeaderNotFound,
    RosterRow,
    find_header,
    note_shared_phones,
    note_unknown_regions,
    note_unprintable,
    problems_of,
    read_rows,
)
from edu_pilot.services.spreadsheets import read_grid
from edu_pilot.workflow.policy import Policy, read_tables
from edu_pilot.workflow.registry import Actor, Attempt, shipped
from edu_pilot.workflow.versions import read_folder

ROSTERS = Path(__file__).parent.parent / "rosters"
REAL = ("roster-decheng-gb18030.csv", "roster-pilot-1000.xlsx", "roster-qihe-messy.xlsx")
RULES = [rule for rule in shipped.rules.values() if rule.ask.__module__ == people.__name__]
TODAY = date(2022, 9, 1)

Lines = list[list[Any]]
Writer = Callable[[Lines], bytes]


@pytest.fixture(scope="module")
def policy() -> Policy:
    files = read_folder(paths.workflows())
    parameters = yaml.safe_load(files["policies.yaml"])
    return Policy(1, date(2022, 1, 1), parameters, dict(read_tables(files)))


def number(body17: str) -> str:
    return body17 + id_checksum(body17)


def rows_of(data: bytes, filename: str) -> list[RosterRow]:
    grid = read_grid(data, filename)
    return read_rows(grid, find_header(grid))


def judged(row: RosterRow, policy: Policy, actor: Actor, elsewhere: Any = None) -> list[str]:
    """The codes of a row's problems, the rules asked one after the other."""
    record = SimpleNamespace(**row.values, intake="2209", person_elsewhere=elsewhere)
    attempt = Attempt(record, "register", actor, {}, policy, TODAY)
    reasons = [reason for rule in RULES for reason in rule.reasons(attempt)]
    return [reason.code for reason in problems_of(row, reasons)]


def report(rows: list[RosterRow], policy: Policy, county: str | None = None) -> dict[str, Any]:
    """The answer of an import in the short form of the expected files."""
    actor = Actor(None, "operator", frozenset({"clerk"}), county)
    note_unknown_regions(rows, known_regions(policy))
    note_shared_phones(rows, set())
    problems = [[row.number, code] for row in rows for code in judged(row, policy, actor)]
    rejected = {number for number, _ in problems}
    taken = [row for row in rows if row.number not in rejected]
    return {
        "accepted": len(taken),
        "rejected": len(rejected),
        "problems": problems,
        "notices": [[row.number, notice.code] for row in taken for notice in row.notices],
    }


@pytest.mark.parametrize("filename", REAL)
def test_real_rosters_are_read_as_expected(filename: str, policy: Policy) -> None:
    file = ROSTERS / filename
    expected = json.loads(file.with_name(f"{filename}.expected.json").read_text("utf-8"))
    assert report(rows_of(file.read_bytes(), filename), policy) == expected


HEAD = [
    "序号",
    "*姓 名",
    "性别",
    "身份证号码（必填）",
    "出生日期",
    "联系电话",
    "县(市、区)",
    "报名点",
    "层次",
    "专业",
    "毕业学校",
    "学历",
    "单位",
    "工种",
    "是否工会会员",
]
LIU = number("37140219850101999")
LI = number("37140219900202002")


def line(place: int, name: str, id_number: Any, phone: Any, **changes: Any) -> list[Any]:
    cells = {
        "sex": "",
        "birth_on": "",
        "county": "陵县",
        "point": "陵城区教学点",
        "level": "大专",
        "major": "电子商务",
        "previous_school": "",
        "previous_diploma": "中专",
        "employer": "",
        "job": "",
        "union_member": "",
        **changes,
    }
    sex, birth_on, *rest = cells.values()
    return [place, name, sex, id_number, birth_on, phone, *rest]


OUR_ROSTER: Lines = [
    ["陵城区报名表"],
    [],
    HEAD,
    line(1, "刘伟", LIU, "13800000001", sex="男", birth_on="1985.1.1", union_member="是"),
    line(2, "李娜", LI, "13800000001", county="", sex="女性", birth_on="1990年2月2日"),
    line(3, "张敏", "371402780303998", "13800000003", county="", birth_on="19780303"),
    line(4, "赵强", number("99999919900303001"), "+86 138-0000-0004", birth_on="32935"),
    line(5, "", "", ""),
    line(6, "Sun Li", number("37140220070101001"), "123", county="济南市", point="济南教学点"),
    line(7, "何军", LIU, "13800000007", birth_on="1985-01-02", sex="女", level="本科"),
    line(8, "徐宁", "3.71402E+17", "13800000008", major="临床医学", previous_diploma="初中"),
    line(9, "陈辉", number("37140220300101001"), "13800000009", county="德城", point="德城区教学点"),
    line(10, "王芳", LI[:17] + "0", "13800000010", birth_on="some day"),
    ["小计", "", "", "", "", "", "", "9人"],
    ["11"],
    ["备注：请核对", "", "", "", "", "", "", "", "", "", "", "", "", "", "章"],
    line(12, "周杰", LIU[:16], "13800000012", sex="女", birth_on="1985-01-02"),
]
OUR_PROBLEMS = [
    [8, "name_missing"],
    [8, "id_number_missing"],
    [8, "phone_missing"],
    [9, "name_format"],
    [9, "age_out_of_range"],
    [9, "phone_format"],
    [9, "county_unknown"],
    [9, "point_unknown"],
    [10, "sex_mismatch"],
    [10, "duplicate_in_file"],
    [10, "birth_mismatch"],
    [10, "level_unknown"],
    [11, "id_number_lost_digits"],
    [11, "major_unknown"],
    [11, "previous_diploma_too_low"],
    [12, "id_number_date"],
    [12, "county_not_yours"],
    [13, "id_number_checksum"],
    [13, "birth_mismatch"],
    [17, "id_number_format"],
]
OUR_NOTICES = [
    [4, "date_repaired"],
    [5, "date_repaired"],
    [5, "county_filled_down"],
    [5, "phone_shared"],
    [6, "id_number_normalised"],
    [6, "date_repaired"],
    [6, "county_filled_down"],
    [7, "date_repaired"],
    [7, "phone_repaired"],
    [7, "region_unknown"],
]


def as_csv(lines: Lines, encoding: str = "utf-8-sig", delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(lines)
    return text.getvalue().encode(encoding)


def as_xlsx(lines: Lines, merged: tuple[int, int, int] | None = None) -> bytes:
    """`merged` is (first row, last row, column), from 0, of one merged cell."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet("报名表")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(place, column, cell, day)
                else:
                    sheet.write(place, column, cell)
        if merged:
            first, last, column = merged
            sheet.merge_range(first, column, last, column, lines[first][column])
    return target.getvalue()


def as_xls(lines: Lines) -> bytes:
    book, target = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("报名表")
    for place, cells in enumerate(lines):
        for column, cell in enumerate(cells):
            sheet.write(place, column, cell)
    book.save(target)
    return target.getvalue()


def as_ods(lines: Lines) -> bytes:
    document, target = OpenDocumentSpreadsheet(), io.BytesIO()
    table = Table(name="报名表")
    for cells in lines:
        row = TableRow()
        for cell in cells:
            row.addElement(_open_cell(cell))
        table.addElement(row)
    document.spreadsheet.addElement(table)
    document.save(target)
    return target.getvalue()


def _open_cell(value: Any) -> TableCell:
    if isinstance(value, int | float):
        return TableCell(valuetype="float", value=str(value))
    cell = TableCell(valuetype="string")
    if value != "":
        cell.addElement(P(text=value))
    return cell


WRITERS: dict[str, Writer] = {"a.xlsx": as_xlsx, "a.xls": as_xls, "a.ods": as_ods, "a.csv": as_csv}


@pytest.mark.parametrize("filename", WRITERS)
def test_our_roster_reads_alike_in_every_format(filename: str, policy: Policy) -> None:
    rows = rows_of(WRITERS[filename](OUR_ROSTER), filename)
    answer = report(rows, policy, county="371403")
    assert answer["problems"] == OUR_PROBLEMS
    assert answer["notices"] == OUR_NOTICES


def test_every_code_of_the_contract_is_met_in_a_roster(policy: Policy) -> None:
    real = [json.loads((ROSTERS / f"{name}.expected.json").read_text("utf-8")) for name in REAL]
    told = [item for answer in real for kind in ("problems", "notices") for item in answer[kind]]
    met = {code for _, code in [*told, *OUR_PROBLEMS, *OUR_NOTICES]}
    # The first two need records, the last hangs on the fonts of the computer.
    assert met == set(COLUMN_OF) - {"already_registered", "major_not_open", "name_unprintable"}


def test_a_name_that_no_font_draws_is_told_and_taken() -> None:
    rows = rows_of(as_csv([HEAD, line(1, "刘\U0002ebf0", LIU, "13800000001")]), "a.csv")
    note_unprintable(rows, lambda name: "U+2EBF0" if "\U0002ebf0" in name else "")
    assert [(told.column, told.code) for told in rows[0].notices] == [("name", "name_unprintable")]
    assert rows[0].faults == []


def test_closed_major_and_earlier_registration_are_told_together(policy: Policy) -> None:
    [row] = rows_of(as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")]), "a.csv")
    closed = [{**major, "to_intake": "2203"} for major in policy.table("majors")]
    later = Policy(2, TODAY, policy.parameters, {**policy.tables, "majors": tuple(closed)})
    elsewhere = SimpleNamespace(point_name="齐河县教学点", since=date(2022, 6, 7))
    actor = Actor(None, "operator", frozenset({"clerk"}))
    assert judged(row, later, actor, elsewhere) == ["already_registered", "major_not_open"]


def test_merged_county_reaches_the_rows_it_spans_and_each_borrower_says_so() -> None:
    lines = [HEAD, *(line(n, "刘伟", LIU, "13800000001", county="") for n in range(1, 4))]
    lines[1][6] = "陵县"
    rows = rows_of(as_xlsx(lines, merged=(1, 3, 6)), "a.xlsx")
    assert [row.values["county"] for row in rows] == ["陵县"] * 3
    filled = [n.facts for row in rows for n in row.notices if n.code == "county_filled_down"]
    assert filled == [{"from_row": 2}, {"from_row": 2}]
    assert rows[1].raw["county"] == ""


@pytest.mark.parametrize("filename", ["a.xlsx", "a.xls", "a.ods"])
def test_number_cells_lose_an_id_but_not_a_phone(filename: str) -> None:
    lines = [HEAD, line(1, "刘伟", 371402198501019996, 13812345678)]
    [row] = rows_of(WRITERS[filename](lines), filename)
    assert [fault.code for fault in row.faults] == ["id_number_lost_digits"]
    assert (row.values["phone"], row.raw["phone"]) == ("13812345678", "13812345678")
    assert [notice.code for notice in row.notices] == ["phone_repaired"]


@pytest.mark.parametrize(
    ("cell", "value", "repaired"),
    [
        (datetime(1978, 3, 3), "1978-03-03", False),
        ("1978-03-03", "1978-03-03", False),
        (28552, "1978-03-03", True),
        ("28552", "1978-03-03", True),
        (19780303, "1978-03-03", True),
        ("1978.3.3", "1978-03-03", True),
        ("1978/03/03", "1978-03-03", True),
        ("1978-03-03 00:00:00", "1978-03-03", True),
        ("１９７８年３月３日", "1978-03-03", True),
        ("1978 年 3 月 3 日", "1978-03-03", True),
        ("1978-02-30", "1978-02-30", False),
        ("1978", "1978", False),
        ("78.3.3", "78.3.3", False),
        ("", "", False),
    ],
)
def test_birth_dates_become_plain_and_repairs_are_told(cell: Any, value: str, repaired: bool) -> None:
    lines = [HEAD, line(1, "刘伟", LIU, "13800000001", birth_on=cell)]
    [row] = rows_of(as_xlsx(lines), "a.xlsx")
    assert row.values["birth_on"] == value
    assert ("date_repaired" in [notice.code for notice in row.notices]) is repaired


@pytest.mark.parametrize(
    ("cell", "value"),
    [("是", "yes"), ("会员", "yes"), ("否", "no"), ("非会员", "no"), ("", ""), ("不清楚", "")],
)
def test_union_membership_is_yes_no_or_open(cell: str, value: str) -> None:
    lines = [HEAD, line(1, "刘伟", LIU, "13800000001", union_member=cell)]
    assert rows_of(as_csv(lines), "a.csv")[0].values["union_member"] == value


def test_a_lost_number_hides_nothing_else_and_nothing_follows_from_it(policy: Policy) -> None:
    lost = line(1, "", "3.71402E+17", "1", sex="女", birth_on="1985-01-02")
    rows = rows_of(as_csv([HEAD, lost, lost]), "a.csv")
    actor = Actor(None, "operator", frozenset({"clerk"}))
    expected = ["name_missing", "id_number_lost_digits", "phone_format"]
    assert [judged(row, policy, actor) for row in rows] == [expected, expected]


def test_phone_already_live_is_told_on_the_first_row_too() -> None:
    rows = rows_of(as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")]), "a.csv")
    note_shared_phones(rows, {"13800000001"})
    assert [notice.code for notice in rows[0].notices] == ["phone_shared"]


def test_a_name_that_no_font_draws_is_told_before_anything_is_printed() -> None:
    rows = rows_of(as_csv([HEAD, line(1, "谢\U0002ebf0", LIU, "1"), line(2, "李\u4dae", LIU, "2")]), "a.csv")
    note_unprintable(rows, glyphs.not_drawn)
    told = [[notice.reason().english() for notice in row.notices if notice.column == "name"] for row in rows]
    assert told == [
        ["No installed font draws \U0002ebf0 U+2EBF0; papers with this name wait until one does."],
        [],
    ]


@pytest.mark.parametrize("above", [0, 19])
def test_head_may_stand_on_any_of_the_first_twenty_lines(above: int) -> None:
    lines = [["title"]] * above + [HEAD, line(1, "刘伟", LIU, "13800000001")]
    assert rows_of(as_csv(lines), "a.csv")[0].number == above + 2


@pytest.mark.parametrize("lines", [[["title"]] * 20 + [HEAD], [["姓名", "性别", "电话"]], [["a"]]])
def test_without_a_head_there_is_no_roster(lines: Lines) -> None:
    with pytest.raises(HeaderNotFound) as caught:
        rows_of(as_csv(lines), "a.csv")
    assert caught.value.reason.code == "header_not_found"


@pytest.mark.parametrize("column", HEADS)
def test_every_head_seen_is_known(column: str) -> None:
    for head in HEADS[column]:
        others = ["姓名", "身份证号"] if column not in ("name", "id_number") else []
        heads = [*others, head] if others else [head, *({"name", "id_number"} - {column})]
        grid = read_grid(as_csv([heads]), "a.csv")
        assert column in find_header(grid).columns


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_whatever_its_encoding_and_delimiter(encoding: str, delimiter: str) -> None:
    lines = [HEAD, line(1, "王𬭚", LIU, "13800000001")]
    [row] = rows_of(as_csv(lines, encoding, delimiter), "a.csv")
    assert (row.number, row.values["name"]) == (2, "王𬭚")
