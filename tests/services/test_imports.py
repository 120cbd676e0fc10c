"""Score lists and diploma lists: each line judged like the single step, told like a roster, taken once (R3.6, R3.9)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from edu_pilot.extensions import read
from edu_pilot.services import audit, outbox, papers
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.imports import DIPLOMAS, SCORES, Kind, import_list
from edu_pilot.services.rosters import TAKE_OVER, Report, Unusable, import_roster
from edu_pilot.workflow.reasons import Forbidden, Refused
from edu_pilot.workflow.registry import Actor
from tests.cli.test_cli import typed
from tests.factories import A_PDF, GRADUATED, SAT, Pilot, contents, diploma_number, on, row, rows, state
from tests.people import LIU_WEI, id_number, worker
from tests.services.test_roster_reading import HEAD, as_csv, as_xlsx, line

SCORE_HEAD = ["学号", "姓名", "课程代码", "课程名称", "形考成绩", "终考成绩", "考试日期"]
DIPLOMA_HEAD = ["学号", "姓名", "身份证号", "毕业证书编号", "毕业日期"]
ON = {"record_score": SAT, "graduate": GRADUATED}


def sent(kind: Kind, lines: list[list[Any]], actor: Actor = OPERATOR, **more: Any) -> Report:
    """Import a list as a workbook on the day it would come."""
    head = SCORE_HEAD if kind is SCORES else DIPLOMA_HEAD
    with on(ON[kind.action]):
        return import_list(kind, as_xlsx([["国家开放大学"], head, *lines]), "list.xlsx", actor, **more)


def told(report: Report) -> list[tuple[int, str, str]]:
    return [(t.row, t.column, t.reason.code) for t in report.problems]


def score(number: str, course: str = "10002", **changes: str) -> list[Any]:
    """Give a line of a score list about Liu Wei."""
    line = {
        "number": number, "name": LIU_WEI.name, "course": course, "course_name": "", "formative": "80",
        "final": "70", "sat_on": "2024-06-15",
    }  # fmt: skip
    return list((line | changes).values())


def student_number(study: str) -> str:
    return str(row("study", study)["student_number"])


@pytest.fixture
def number(any_pilot: Pilot) -> str:
    """Give the student number of Liu Wei."""
    return student_number(any_pilot.studying())


def test_r3_6_a_score_list_records_each_line_once(any_pilot: Pilot, number: str) -> None:
    lines = [score(number), score(number, "10001", final=""), score(number, sat_on="2024-01-13", final="40")]
    first = sent(SCORES, lines)
    assert (first.rows, first.accepted, told(first)) == (3, 3, [])
    assert [r for r, _ in first.records] == [3, 4, 5]
    kept = {(s["course"], s["sat_on"], s["composite"], s["passed"]) for s in rows("score")}
    assert kept == {
        ("10002", date(2024, 6, 15), 75, True),
        ("10001", date(2024, 6, 15), 80, True),
        ("10002", date(2024, 1, 13), 60, True),
    }
    before = contents()
    again = sent(SCORES, lines)
    assert (again.accepted, {code for _, _, code in told(again)}) == (0, {"sitting_not_recorded"})
    assert contents() == before


def test_the_same_reasons_as_the_single_step_and_all_of_a_line_at_once(any_pilot: Pilot, number: str) -> None:
    lines = [
        score(number, "99999", formative="101", final="缺考", sat_on="2021-06-15"),
        score("2237006499999"),
        score(number, "10001", name="刘维"),
        score(number, sat_on="下周"),
        score(number),
        score(number),
    ]
    before = contents()
    report = sent(SCORES, lines, dry_run=True)
    assert told(report) == [
        (3, "course", "course_is_in_plan"),
        (3, "formative", "scores_are_sound"),
        (3, "final", "scores_are_sound"),
        (3, "sat_on", "sitting_within_study"),
        (4, "student_number", "student_number_unknown"),
        (5, "name", "name_mismatch"),
        (6, "sat_on", "field_malformed"),
        (8, "student_number", "duplicate_in_file"),
    ]
    assert (report.accepted, report.rejected, report.records) == (1, 5, ())
    assert contents() == before


def test_a_score_for_a_student_who_may_get_none_is_told_at_the_number(any_pilot: Pilot) -> None:
    study = any_pilot.studying()
    any_pilot.act("study", study, "suspend", any_pilot.chen_hui, SAT, suspension="WORK")
    report = sent(SCORES, [score(student_number(study))])
    assert told(report) == [(3, "student_number", "not_from_this_state")]


def test_another_name_of_the_course_is_a_notice(any_pilot: Pilot, number: str) -> None:
    report = sent(SCORES, [score(number, course_name="思想道德修养"), score(number, "10001", course_name="")])
    assert [(t.row, t.column, t.reason.code) for t in report.notices] == [(3, "course_name", "course_name_differs")]
    assert report.accepted == 2


def test_a_list_is_recorded_with_who_brought_it(any_pilot: Pilot, number: str) -> None:
    sent(SCORES, [score(number)], any_pilot.chen_hui)
    sent(SCORES, [score(number, "10001")])
    entries = sorted(rows("audit_entry", action="record_score"), key=lambda e: int(e["number"]))
    assert [e["actor"] for e in entries] == ["chen.hui", "operator"]
    with read() as conn:
        assert audit.verify(conn).ok


def test_who_records_no_score_imports_none(pilot: Pilot) -> None:
    with pytest.raises(Forbidden):
        sent(SCORES, [score("x")], pilot.wang_fang)


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"nothing of the kind", "list.xlsx", "file_unreadable"),
        (as_csv([["学号", "姓名"], ["1", "刘伟"]]), "list.csv", "header_not_found"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused_whole(app: Flask, data: bytes, filename: str, code: str) -> None:
    with pytest.raises(Unusable) as refused:
        import_list(SCORES, data, filename, OPERATOR)
    assert refused.value.code == code


def test_a_missing_head_is_named(app: Flask) -> None:
    with pytest.raises(Unusable) as refused:
        import_list(DIPLOMAS, as_csv([["学号", "姓名"], ["1", "刘伟"]]), "list.csv", OPERATOR)
    assert "毕业证书编号" in refused.value.reasons[0].english()


# Diplomas


def diploma(study: str, **changes: Any) -> list[Any]:
    """Give a line of a diploma list about Liu Wei."""
    line = {
        "number": student_number(study), "name": LIU_WEI.name, "id_number": LIU_WEI.id_number,
        "diploma_number": diploma_number(study), "diploma_on": date(2025, 1, 31),
    }  # fmt: skip
    return list((line | changes).values())


def test_r3_9_a_diploma_list_graduates_whom_it_names_once(any_pilot: Pilot) -> None:
    study = any_pilot.completed()
    report = sent(DIPLOMAS, [diploma(study)])
    assert (told(report), report.records) == ([], ((3, study),))
    after = row("study", study)
    assert (after["state"], after["diploma_on"]) == ("graduated", date(2025, 1, 31))
    before = contents()
    again = sent(DIPLOMAS, [diploma(study)])
    assert told(again) == [(3, "student_number", "not_from_this_state")]
    assert contents() == before


def test_a_diploma_that_is_not_this_students_is_refused(any_pilot: Pilot) -> None:
    study, other = any_pilot.completed(), any_pilot.completed(worker(1))
    lines = [
        diploma(study, id_number=worker(1).id_number, diploma_number="511615202405000001"),
        diploma(study),
        diploma(other, name=worker(1).name, id_number=worker(1).id_number, diploma_number=diploma_number(study)),
        diploma(other, name=worker(1).name, id_number=3.71402e17, diploma_number=5.11615202506e17),
    ]
    report = sent(DIPLOMAS, lines)
    assert told(report) == [
        (3, "id_number", "id_number_mismatch"),
        (3, "diploma_number", "diploma_number_is_sound"),
        (4, "student_number", "duplicate_in_file"),
        (5, "diploma_number", "duplicate_in_file"),
        (6, "student_number", "duplicate_in_file"),
        (6, "id_number", "id_number_lost_digits"),
        (6, "diploma_number", "diploma_number_lost_digits"),
    ]
    assert {state("study", s) for s in (study, other)} == {"completed"}


def test_the_answer_masks_the_id_number(any_pilot: Pilot) -> None:
    study = any_pilot.completed()
    report = sent(DIPLOMAS, [diploma(study, id_number=worker(1).id_number)])
    [problem] = report.as_dict(lambda reason: reason.english())["problems"]
    assert problem["column"] == "id_number"
    assert worker(1).id_number not in str(problem)


def test_edge_05_a_diploma_under_the_old_number_is_still_the_students(any_pilot: Pilot) -> None:
    study = any_pilot.completed()
    papers.add("study", study, "identity_proof", A_PDF, any_pilot.chen_hui)
    corrected = id_number(date(1985, 1, 2), 999)
    any_pilot.act("study", study, "correct_identity", any_pilot.chen_hui, SAT, new_id_number=corrected)
    assert sent(DIPLOMAS, [diploma(study)]).accepted == 1


# Students a county already has

CASE_HEAD = [*HEAD, "学号", "注册日期"]


def existing(number: str = "2237006450017", day: str = "2022年9月6日") -> list[Any]:
    """Give a line about Liu Wei, who has studied since 2022."""
    return [*line(1, "刘伟", LIU_WEI.id_number, LIU_WEI.phone), number, day]


def taken_over(lines: list[list[Any]], **more: Any) -> Report:
    """Import a county's students in June 2024, when sign-up is long closed."""
    with on(SAT):
        report = import_roster(as_xlsx([CASE_HEAD, *lines]), "a.xlsx", "2209", OPERATOR, kind=TAKE_OVER, **more)
        outbox.drain()
    return report


def test_a_county_brings_its_students_with_their_numbers_and_the_operator_is_recorded(any_pilot: Pilot) -> None:
    report = taken_over([existing()])
    assert (told(report), report.accepted) == ([], 1)
    [study], [application] = rows("study"), rows("application")
    assert (application["state"], study["state"], study["student_number"]) == ("admitted", "studying", "2237006450017")
    assert (study["confirmed_on"], study["ends_on"]) == (date(2022, 9, 6), date(2030, 9, 6))
    steps = {(e["workflow"], e["action"]): e["actor"] for e in rows("audit_entry")}
    assert steps["application", "take_over"] == "operator"
    assert steps["study", "take_over"] == "system"
    assert rows("quota", year="2022")[0]["used"] == 1
    with read() as conn:
        assert audit.verify(conn).ok
    assert sent(SCORES, [score("2237006450017")]).accepted == 1


def test_r3_5_a_status_that_is_being_taken_over_draws_no_other_number(any_pilot: Pilot) -> None:
    with on(SAT):
        import_roster(as_xlsx([CASE_HEAD, existing()]), "a.xlsx", "2209", OPERATOR, kind=TAKE_OVER)
        [study] = rows("study")
        with pytest.raises(Refused) as refused:
            any_pilot.act("study", study["reference"], "confirm_status", any_pilot.chen_hui, SAT)
        assert [(r.code, r.who) for r in refused.value.reasons] == [("no_status_is_taken_over", ("admin",))]
        outbox.drain()
    assert row("study", study["reference"])["student_number"] == "2237006450017"


def test_nobody_is_taken_over_twice(any_pilot: Pilot) -> None:
    taken_over([existing()])
    before = contents()
    again = taken_over([existing()])
    assert {code for _, _, code in told(again)} == {"already_registered", "status_number_is_free"}
    assert contents() == before


def test_a_faulty_status_is_told_beside_the_faults_of_the_person(any_pilot: Pilot) -> None:
    other = [*line(2, "王芳", worker(3).id_number, worker(3).phone), "2237006450017", ""]
    report = taken_over([existing("2237006400017", "2022-08-31"), existing(), other], dry_run=True)
    assert told(report) == [
        (2, "student_number", "status_number_is_sound"),
        (2, "confirmed_on", "status_day_is_sound"),
        (3, "id_number", "duplicate_in_file"),
        (4, "student_number", "student_number_in_file"),
        (4, "confirmed_on", "status_day_is_sound"),
    ]
    assert rows("application") == []


def test_a_number_drawn_later_passes_over_one_that_was_taken_over(any_pilot: Pilot) -> None:
    taken_over([existing("2237006450001")])
    assert student_number(any_pilot.studying(worker(1))) == "2237006450002"


def test_a_clerk_admits_nobody_by_a_list(pilot: Pilot) -> None:
    with pytest.raises(Forbidden):
        import_roster(as_xlsx([CASE_HEAD, existing()]), "a.xlsx", "2209", pilot.wang_fang, kind=TAKE_OVER)


# The command line


def test_the_lists_go_in_by_the_command_line_too(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    number = student_number(pilot.studying())
    file, run = tmp_path / "scores.xlsx", typed(app)
    file.write_bytes(as_xlsx([SCORE_HEAD, score(number), score(number, "1")]))
    with on(SAT):
        result = run("scores", "import", str(file), "--json", "--report", str(tmp_path / "report.xlsx"))
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["accepted"], answer["problems"][0]["row"]) == (0, 1, 3)
    assert (tmp_path / "report.xlsx").stat().st_size > 0
    for words in (("diplomas", "import"), ("cases", "import", "--intake", "2209")):
        with on(SAT):
            result = run(*words, str(file), "--json")
        assert (result.exit_code, json.loads(result.stdout)["error"]) == (2, "header_not_found")


def test_a_registrar_registers_nobody_by_a_roster(pilot: Pilot) -> None:
    """Drafts are hers to enter, but registering belongs to the county's clerk (R3.1)."""
    with pytest.raises(Forbidden):
        import_roster(
            as_xlsx([HEAD, line(1, "刘伟", LIU_WEI.id_number, "13800000001")]), "a.xlsx", "2209", pilot.chen_hui
        )
