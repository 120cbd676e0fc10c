"""Score lists, diploma lists and existing students by POST: one shape with rosters, one guard with the steps."""

from __future__ import annotations

import io
from typing import Any

from tests.factories import SAT, Pilot, on, row, rows
from tests.people import LIU_WEI
from tests.services.test_imports import CASE_HEAD, SCORE_HEAD, existing, score
from tests.services.test_roster_reading import as_csv
from tests.web.api.conftest import Caller, Programs


def post(caller: Caller, kind: str, lines: list[list[Any]], **fields: str) -> Any:
    with on(SAT):
        return caller.form(f"/imports/{kind}", file=(io.BytesIO(as_csv(lines)), "list.csv"), **fields)


def test_a_score_list_is_judged_first_and_taken_then(programs: Programs, pilot: Pilot) -> None:
    number = str(row("study", pilot.studying())["student_number"])
    lines = [SCORE_HEAD, score(number), score(number, "1")]
    trial = post(programs("examiner"), "scores", lines, dry_run="true").get_json()
    taken = post(programs("examiner"), "scores", lines).get_json()
    assert set(taken) == {"rows", "accepted", "rejected", "problems", "notices", "records"}
    assert trial["problems"] == taken["problems"]
    assert (taken["accepted"], taken["rejected"], len(taken["records"])) == (1, 1, 1)
    assert taken["problems"][0]["code"] == "course_is_in_plan"
    assert "1 is no course" in taken["problems"][0]["text"]


def test_a_list_without_a_file_or_by_somebody_else_is_refused(programs: Programs) -> None:
    assert programs("examiner").form("/imports/scores").status_code == 422
    assert post(programs("zhao.min"), "diplomas", [SCORE_HEAD]).status_code == 403
    assert post(programs("examiner"), "cheques", [SCORE_HEAD]).status_code == 404


def test_existing_students_are_taken_over_by_the_registrar(programs: Programs, pilot: Pilot) -> None:
    taken = post(programs("chen.hui"), "cases", [CASE_HEAD, existing()], intake="2209").get_json()
    assert (taken["accepted"], taken["problems"]) == (1, [])
    assert [r["state"] for r in rows("study")] == ["studying"]
    assert rows("person")[0]["name"] == LIU_WEI.name
    history = programs("chen.hui").get(f"/records/application/{taken['records'][0]['reference']}/history").get_json()
    assert [(e["action"], e["actor"]) for e in history["entries"]] == [
        ("create", "chen.hui"),
        ("take_over", "chen.hui"),
    ]
