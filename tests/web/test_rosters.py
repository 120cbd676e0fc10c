"""The roster page is for those who may register others (R2.8)."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from edu_pilot import clock
from edu_pilot.services.vault import vault
from tests.factories import (
    CERTIFIED,
    GRADUATED,
    SAT,
    Pilot,
    certificate_number,
    diploma_number,
    row,
    rows,
    state,
)
from tests.people import LIU_WEI
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]


def test_a_worker_is_offered_no_roster(stranger: Visitor, hands: Pilot) -> None:
    """A dry run of somebody's number would tell where that person is registered."""
    found = row("application", hands.registered())
    code = vault().open("application.query_code", found["id"], found["query_code"])
    assert stranger.send("/status", code=code, id_tail=LIU_WEI.id_number[-6:]).status_code == 200
    assert stranger.get("/desk/roster").status_code == 403
    file = (io.BytesIO("姓名,身份证号\n".encode()), "roster.csv")
    assert stranger.send("/desk/roster", intake="2209", step="check", file=file).status_code == 403


def sheet(head: list[str], *lines: list[str]) -> tuple[io.BytesIO, str]:
    """Give a list as a file."""
    return io.BytesIO("\n".join(",".join(cells) for cells in (head, *lines)).encode()), "list.csv"


def test_a_score_list_is_judged_first_and_taken_on_request(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.studying()
    number = str(row("study", study)["student_number"])
    head = ["学号", "姓名", "课程代码", "形考成绩", "终考成绩", "考试日期"]
    lines = [
        [number, LIU_WEI.name, "10002", "80", "70", "2022-09-20"],
        [number, LIU_WEI.name, "1", "", "7", "2022-09-20"],
    ]
    with clock.on(SAT):
        registrar = at_desk("chen.hui")
        assert "/lists/scores" in text(registrar.get("/registry"))
        told = text(registrar.send("/lists/scores", step="check", file=sheet(head, *lines)))
        assert "Checked; nothing is written yet" in told and "Course" in told
        assert rows("score") == []
        assert registrar.send("/lists/scores", step="take", file=sheet(head, *lines)).status_code == 200
        assert [s["course"] for s in rows("score")] == ["10002"]
        assert at_desk("examiner").get("/lists/scores").status_code == 200
        assert registrar.send("/lists/scores").status_code == 422


def test_a_diploma_list_graduates_from_the_page(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.completed()
    head = ["学号", "姓名", "毕业证书编号", "毕业日期"]
    line = [str(row("study", study)["student_number"]), LIU_WEI.name, diploma_number(study), "2025-01-31"]
    with clock.on(GRADUATED):
        registrar = at_desk("chen.hui")
        assert registrar.send("/lists/diplomas", step="take", file=sheet(head, line)).status_code == 200
    assert state("study", study) == "graduated"


def test_existing_students_are_taken_over_from_the_page(at_desk: AtDesk, hands: Pilot) -> None:
    head = [
        "姓名",
        "身份证号",
        "手机号",
        "县区",
        "教学点",
        "层次",
        "专业",
        "原毕业院校",
        "原学历",
        "拟考证书",
        "学号",
        "注册日期",
    ]
    rest = ["齐河县", "齐河县教学点", "专科", "电子商务", "一中", "高中", "互联网营销师", "2237006450017", "2022-09-06"]
    with clock.on(SAT):
        registrar = at_desk("chen.hui")
        file = sheet(head, [LIU_WEI.name, LIU_WEI.id_number, LIU_WEI.phone, *rest])
        answer = registrar.send("/lists/cases", intake="2209", step="take", file=file)
        assert answer.status_code == 200, text(answer)
    assert [(s["state"], s["student_number"]) for s in rows("study")] == [("studying", "2237006450017")]
    assert rows("certification")[0]["occupation"] == "online_marketer"


@pytest.mark.parametrize(
    ("kind", "open_to"),
    [
        ("rosters", {"wang.fang"}),
        ("cases", {"chen.hui"}),
        ("scores", {"chen.hui", "examiner"}),
        ("diplomas", {"chen.hui"}),
    ],
)
def test_r6_3_each_list_is_for_those_whose_step_it_takes(
    at_desk: AtDesk, hands: Pilot, kind: str, open_to: set[str]
) -> None:
    everybody = ("wang.fang", "chen.hui", "examiner", "zhao.min", "sun.li", "he.jun", "releaser", "xu.ning", "admin")
    seen = {name: at_desk(name).get(f"/lists/{kind}").status_code for name in everybody}
    assert seen == {name: 200 if name in open_to else 403 for name in everybody}


def test_there_is_no_other_list(at_desk: AtDesk, hands: Pilot) -> None:
    assert at_desk("chen.hui").get("/lists/persons").status_code == 404


def test_the_examiner_sends_the_list_of_the_national_query(at_desk: AtDesk, hands: Pilot) -> None:
    examiner, number = at_desk("examiner"), certificate_number("4", "C2209-000999", CERTIFIED)
    assert "/lists/certificates" in text(examiner.get("/exams"))
    answer = examiner.send("/lists/certificates", step="take", file=sheet(["证书编号"], [number]))
    assert answer.status_code == 200, text(answer)
    assert [r["number"] for r in rows("listed_certificate")] == [number]
    assert at_desk("wang.fang").get("/lists/certificates").status_code == 403
