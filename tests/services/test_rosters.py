"""Whole rosters through the engine into the database: what is taken, what is told, and nobody twice."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from edu_pilot import clock, i18n
from edu_pilot.extensions import read
from edu_pilot.services import presenting
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.perform import Result
from edu_pilot.services.rosters import Report, Unusable, import_roster, workbook
from edu_pilot.services.spreadsheets import read_grid
from edu_pilot.workflow.reasons import Forbidden, blocked
from tests.factories import Pilot, contents, publish_change, rows
from tests.people import LIU_WEI, worker
from tests.services.test_roster_reading import HEAD, as_csv, as_xlsx, line

ROSTERS = Path(__file__).parent.parent / "rosters"
SENT = sorted(path.name.removesuffix(".expected.json") for path in ROSTERS.glob("*.expected.json"))
LIU = LIU_WEI.id_number


def sent(filename: str, **more: Any) -> Report:
    """Import one of the rosters that clerks have sent."""
    return import_roster((ROSTERS / filename).read_bytes(), filename, "2209", OPERATOR, **more)


def told(report: Report) -> dict[str, Any]:
    """Give what was expected of a report: rows and codes."""
    remarks = {"problems": report.problems, "notices": report.notices}
    pairs = {name: [[t.row, t.reason.code] for t in found] for name, found in remarks.items()}
    return {"accepted": report.accepted, "rejected": report.rejected, **pairs}


@pytest.mark.parametrize("filename", SENT)
def test_rosters_as_clerks_send_them(app: Flask, filename: str) -> None:
    report = sent(filename)
    assert told(report) == json.loads((ROSTERS / f"{filename}.expected.json").read_text("utf-8"))
    taken = rows("application")
    assert {r["state"] for r in taken} == {"registered"}
    assert sorted(r["reference"] for r in taken) == sorted(reference for _, reference in report.records)


@pytest.mark.parametrize("filename", ["roster-qihe-messy.xlsx", "roster-decheng-gb18030.csv"])
def test_edge_72_a_second_import_takes_nobody_twice(any_app: Flask, filename: str) -> None:
    first = sent(filename)
    before = contents()
    again = sent(filename)
    assert again.accepted == 0
    refused = {t.row for t in again.problems if t.reason.code == "already_registered"}
    assert refused >= {row for row, _ in first.records}
    assert contents() == before


def test_a_dry_run_tells_the_same_and_writes_nothing(app: Flask) -> None:
    before = contents()
    dry = sent("roster-qihe-messy.xlsx", dry_run=True)
    assert contents() == before
    wet = sent("roster-qihe-messy.xlsx")
    assert (dry.problems, dry.notices, dry.accepted) == (wet.problems, wet.notices, wet.accepted)
    assert (dry.records, len(wet.records)) == ((), wet.accepted)


def test_edge_01_already_registered_says_where_and_since_when_and_nothing_else(app: Flask, pilot: Pilot) -> None:
    pilot.registered()
    lines = [HEAD, line(1, "刘伟", LIU_WEI.id_number, "13800000001")]
    report = import_roster(as_csv(lines), "a.csv", "2209", OPERATOR)
    [problem] = [t for t in report.problems if t.reason.code == "already_registered"]
    assert problem.reason.facts == {"point": "齐河县教学点", "since": "2022-07-05"}


def test_a_major_closed_for_the_intake_is_told(app: Flask) -> None:
    publish_change("catalogue/majors.csv", "530701,电子商务,E-commerce,2209,,", "530701,电子商务,E-commerce,2303,,")
    report = import_roster(as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")]), "a.csv", "2209", OPERATOR)
    assert [t.reason.code for t in report.problems] == ["major_not_open"]


def test_edge_04_fifteen_digits_are_the_same_person(app: Flask) -> None:
    old = LIU[:6] + LIU[8:17]
    report = import_roster(as_xlsx([HEAD, line(1, "刘伟", old, "13800000001")]), "a.xlsx", "2209", OPERATOR)
    assert [t.reason.code for t in report.notices] == ["id_number_normalised"]
    again = import_roster(as_xlsx([HEAD, line(1, "刘伟", LIU, "13800000001")]), "a.xlsx", "2209", OPERATOR)
    assert [t.reason.code for t in again.problems] == ["already_registered"]


@pytest.mark.parametrize(
    ("data", "intake", "day", "code"),
    [
        (b"\x00\x01", "2209", None, "file_unreadable"),
        (b"a,b\n1,2\n", "2209", None, "header_not_found"),
        (None, "2210", None, "intake_unknown"),
        (None, "2303", None, "intake_closed"),
        (None, "2209", date(2022, 9, 16), "intake_closed"),
    ],
)
def test_an_unusable_roster_is_refused_whole(
    app: Flask, data: bytes | None, intake: str, day: date | None, code: str
) -> None:
    before = contents()
    roster = as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")]) if data is None else data
    with clock.on(day or clock.today()), pytest.raises(Unusable) as caught:
        import_roster(roster, "a.csv", intake, OPERATOR)
    assert caught.value.code == code
    assert contents() == before


def test_a_clerk_takes_in_the_own_county_only(pilot: Pilot) -> None:
    lines = [HEAD, line(1, "刘伟", LIU, "13800000001", county="德城区", point="德城区教学点")]
    report = import_roster(as_csv(lines), "a.csv", "2209", pilot.wang_fang)
    assert [t.reason.code for t in report.problems] == ["county_not_yours"]
    with pytest.raises(Forbidden):
        import_roster(as_csv(lines), "a.csv", "2209", pilot.xu_ning)


def test_a_worker_learns_from_no_roster_who_is_registered(pilot: Pilot) -> None:
    """R2.8: only who registers others sees that somebody is registered already."""
    pilot.registered()
    roster = as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")])
    with pytest.raises(Forbidden) as refusal:
        import_roster(roster, "a.csv", "2209", student("a key"), dry_run=True)
    assert refusal.value.reasons[0].facts == {"roles": "roles:clerk,operator"}


TOO_LONG = [("employer", 120), ("job", 60), ("previous_school", 120), ("previous_school", 2500)]


@pytest.mark.parametrize(("column", "length"), TOO_LONG)
def test_a_text_that_is_too_long_is_told_and_the_others_are_taken(app: Flask, column: str, length: int) -> None:
    lines = [line(n, who.name, who.id_number, who.phone) for n, who in enumerate([worker(1), worker(2)], 1)]
    long = line(3, "刘伟", LIU, "13800000001", **{column: "长" * length})
    roster = as_csv([HEAD, *lines, long])
    dry = import_roster(roster, "a.csv", "2209", OPERATOR, dry_run=True)
    wet = import_roster(roster, "a.csv", "2209", OPERATOR)
    assert [(t.row, t.column, t.reason.code) for t in wet.problems] == [(4, column, "field_malformed")]
    assert (dry.problems, dry.accepted, wet.accepted, len(rows("application"))) == (wet.problems, 2, 2, 2)


def test_a_row_that_loses_a_race_is_told_without_a_column(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> list[Result]:
        return [Result("", "", (blocked("try again", code="conflict"),))]

    monkeypatch.setattr("edu_pilot.services.rosters.enter_many", lost)
    report = import_roster(as_csv([HEAD, line(1, "刘伟", LIU, "13800000001")]), "a.csv", "2209", OPERATOR)
    assert [(t.row, t.column, t.reason.code, t.value) for t in report.problems] == [(2, "", "conflict", "")]
    assert (report.accepted, report.rejected) == (0, 1)


def test_the_answer_masks_numbers_and_speaks_both_languages(app: Flask) -> None:
    report = sent("roster-qihe-messy.xlsx")
    with read() as conn:
        version = presenting.in_force(conn)
    zh = report.as_dict(lambda reason: i18n.say(reason, version, "zh"))
    en = report.as_dict(lambda reason: i18n.say(reason, version, "en"))
    shown = [p["value"] for p in zh["problems"] if p["column"] == "id_number"]
    assert all("********" in value or not value.isdigit() for value in shown)
    assert all(a["text"] != b["text"] for a, b in zip(zh["problems"], en["problems"], strict=True))
    grid = read_grid(workbook(zh), "report.xlsx")
    assert len(grid.rows) == len(zh["problems"]) + 1
