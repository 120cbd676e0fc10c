"""A teaching point closes or joins another, a major closes: who is there goes on (R1.2, R1.3, R3.10)."""

from __future__ import annotations

import json
from datetime import date

import pytest
from flask import Flask

from edu_pilot.extensions import read
from edu_pilot.services import points, presenting, search, statistics
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.cli.test_cli import typed
from tests.factories import SIGN_UP, Pilot, contents, on, publish_change, receipt, row, rows, state
from tests.people import LIU_WEI, QIHE, worker

QIHE_POINT, NEW_POINT = "371425-01", "371425-09"
CLOSING = date(2023, 5, 8)


def merge(day: date = CLOSING) -> None:
    """Publish that Qihe's point is closed and a new one takes everybody in."""
    old = f"{QIHE_POINT},371425,齐河县教学点,Qihe Teaching Point,2209,,,,"
    new = f"{NEW_POINT},371425,齐河开放大学教学点,Qihe Open University Point,2209,,,,"
    publish_change("catalogue/points.csv", old, old.replace("2209,,", "2209,2209,") + "\n" + new, day)


def test_edge_23_everybody_of_a_closed_point_moves_to_its_new_number(any_pilot: Pilot) -> None:
    study, finished = any_pilot.studying(), any_pilot.completed(worker(1))
    waiting, ended = any_pilot.verified(worker(2)), any_pilot.studying(worker(3))
    any_pilot.act("study", ended, "withdraw", any_pilot.chen_hui, CLOSING, withdrawal="PERSONAL")
    merge()
    before = contents()
    with on(CLOSING):
        judged = points.move(QIHE_POINT, NEW_POINT, any_pilot.chen_hui, dry_run=True)
        assert contents() == before
        moved = points.move(QIHE_POINT, NEW_POINT, any_pilot.chen_hui)
    assert [m.result.reference for m in moved] == [m.result.reference for m in judged] == [waiting, study, finished]
    assert not any(m.result.reasons for m in (*moved, *judged))
    assert [row("study", s)["point"] for s in (study, finished)] == [NEW_POINT, NEW_POINT]
    assert (row("application", waiting)["point"], row("study", ended)["point"]) == (NEW_POINT, QIHE_POINT)
    assert {r["actor"] for r in rows("audit_entry", action="change_point")} == {"chen.hui"}
    with on(CLOSING), read() as conn:
        shown = presenting.show(conn, search.get(conn, "application", waiting, OPERATOR), OPERATOR)
    assert (shown.facts["point_name"], shown.version.number) == ("齐河开放大学教学点", 1)
    with on(CLOSING):
        assert points.move(QIHE_POINT, NEW_POINT, any_pilot.chen_hui) == []


def test_edge_23_old_receipts_stay_valid(pilot: Pilot) -> None:
    study = pilot.graduated()
    merge(SIGN_UP)
    claim = pilot.claim(study, receipts=[receipt("1", LIU_WEI.name, issuer="齐河县教学点")])
    assert pilot.submit(claim).state == "submitted"


def test_edge_23_what_cannot_move_is_told_with_its_reason(pilot: Pilot) -> None:
    study = pilot.studying()
    old = "371402-01,371402,德城区教学点,Decheng Teaching Point,2209,,,,"
    publish_change("catalogue/points.csv", old, old.replace("2209,,,,", "2303,,,,"), CLOSING)
    with on(CLOSING):
        [left] = points.move(QIHE_POINT, "371402-01", pilot.chen_hui)
    assert [reason.code for reason in left.result.reasons] == ["new_point_is_known"]
    assert row("study", study)["point"] == QIHE_POINT


def test_edge_23_no_application_moves_to_a_point_that_lacks_its_major(pilot: Pilot) -> None:
    waiting = pilot.verified()
    old = "371402-01,371402,德城区教学点,Decheng Teaching Point,2209,,,,"
    publish_change("catalogue/points.csv", old, old.replace("2209,,", "2209,,530302"), CLOSING)
    with on(CLOSING):
        for dry_run in (True, False):
            [left] = points.move(QIHE_POINT, "371402-01", pilot.chen_hui, dry_run=dry_run)
            assert [reason.code for reason in left.result.reasons] == ["new_place_is_known"]
    assert row("application", waiting)["point"] == QIHE_POINT


def test_only_the_registrar_moves_a_point_and_only_to_one_that_is(pilot: Pilot) -> None:
    for actor in (pilot.wang_fang, OPERATOR):
        with pytest.raises(Forbidden):
            points.move(QIHE_POINT, "371402-01", actor)
    for source, target in ((QIHE_POINT, "999999-01"), ("999999-01", QIHE_POINT)):
        with pytest.raises(NotFound):
            points.move(source, target, pilot.chen_hui)


def test_the_command_line_tells_whom_it_moved(app: Flask, pilot: Pilot) -> None:
    study = pilot.studying()
    with on(CLOSING):
        result = typed(app)("point", "move", QIHE_POINT, "371402-01", "--as", "chen.hui", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["moved"], answer["left"]) == (0, 1, 0)
    assert [one["reference"] for one in answer["records"]] == [study]


def test_edge_20_a_closed_major_takes_nobody_new_and_its_students_finish(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    line = next(n for n in dict(max(rows("policy_version"), key=lambda r: int(r["number"]))["files"])[
        "catalogue/majors.csv"
    ].splitlines() if n.startswith("530701"))  # fmt: skip
    publish_change("catalogue/majors.csv", line, line.replace("2209,,", "2209,2209,"), date(2022, 12, 1))
    draft = any_pilot.draft(worker(1), intake="2303")
    with pytest.raises(Refused) as refused:
        any_pilot.act("application", draft, "register", any_pilot.wang_fang, date(2022, 12, 5))
    assert "major_not_open" in [reason.code for reason in refused.value.reasons]
    any_pilot.pass_courses(study)
    any_pilot.act("study", study, "complete", any_pilot.chen_hui, date(2024, 12, 20))
    any_pilot.graduate(study)
    assert state("study", study) == "graduated"
    with read() as conn:
        told = statistics.persons(conn, OPERATOR, date(2025, 3, 1), ["unit", "major"])
    assert told["rows"] == [{"unit": QIHE, "major": "530701", "persons": 1}]


def test_edge_20_a_student_of_a_closed_major_may_change_to_another(pilot: Pilot) -> None:
    study = pilot.studying()
    pilot.act("study", study, "change_major", pilot.chen_hui, date(2023, 3, 1), new_major="大数据与会计")
    assert row("study", study)["major"] == "530302"
