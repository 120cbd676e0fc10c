"""The roster page is for those who may register others (R2.8)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask

from edu_pilot import clock
from edu_pilot.services import begun, uploads
from edu_pilot.services.spreadsheets import read_grid
from edu_pilot.services.vault import vault
from tests.factories import (
    CERTIFIED,
    GRADUATED,
    SAT,
    Pilot,
    case,
    certificate_number,
    contents,
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
    assert stranger.send("/status", code=code, id_tail=LIU_WEI.id_number[-6:]).status_code == 303
    assert stranger.get("/desk/roster").status_code == 403
    file = (io.BytesIO("姓名,身份证号\n".encode()), "roster.csv")
    assert stranger.send("/desk/roster", intake="2209", step="check", file=file).status_code == 403


def sheet(head: list[str], *lines: list[str]) -> tuple[io.BytesIO, str]:
    """Give a list as a file."""
    return io.BytesIO("\n".join(",".join(cells) for cells in (head, *lines)).encode()), "list.csv"


def looked_over(visitor: Visitor, path: str, **fields: object) -> str:
    """Send a list and give the address where it was looked over."""
    answer = visitor.send(path, **fields)
    assert answer.status_code == 303, text(answer)
    return str(answer.location)


def taken(visitor: Visitor, path: str, **fields: object) -> str:
    """Send a list, take its good rows, and give its page."""
    kept = looked_over(visitor, path, **fields)
    answer = visitor.send(f"{kept}/take")
    assert answer.status_code == 303, text(answer)
    return text(visitor.get(kept))


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
        kept = looked_over(registrar, "/lists/scores", file=sheet(head, *lines))
        told = text(registrar.get(kept))
        assert "Checked; nothing is written yet" in told and "Course" in told
        assert rows("score") == []
        assert registrar.send(f"{kept}/take").status_code == 303
        assert [s["course"] for s in rows("score")] == ["10002"]
        assert at_desk("examiner").get("/lists/scores").status_code == 200
        assert registrar.send("/lists/scores").status_code == 422


def test_a_column_that_nobody_reads_is_named(at_desk: AtDesk, hands: Pilot) -> None:
    file = sheet(
        ["姓名", "身份证号", "籍贯", "", "手机号"], [LIU_WEI.name, LIU_WEI.id_number, "德州", "x", LIU_WEI.phone]
    )
    clerk = at_desk("wang.fang")
    page = text(clerk.get(looked_over(clerk, "/desk/roster", intake="2209", file=file)))
    assert "Columns that are not read: 籍贯." in page


def test_a_diploma_list_graduates_from_the_page(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.completed()
    head = ["学号", "姓名", "毕业证书编号", "毕业日期"]
    line = [str(row("study", study)["student_number"]), LIU_WEI.name, diploma_number(study), "2025-01-31"]
    with clock.on(GRADUATED):
        registrar = at_desk("chen.hui")
        taken(registrar, "/lists/diplomas", file=sheet(head, line))
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
        taken(registrar, "/lists/cases", intake="2209", file=file)
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
    taken(examiner, "/lists/certificates", file=sheet(["证书编号"], [number]))
    assert [r["number"] for r in rows("listed_certificate")] == [number]
    assert at_desk("wang.fang").get("/lists/certificates").status_code == 403


MESSY = Path(__file__).parents[1] / "rosters" / "roster-qihe-messy.xlsx"


def messy() -> tuple[io.BytesIO, str]:
    """Give the roster of a county office as it came."""
    return io.BytesIO(MESSY.read_bytes()), MESSY.name


def test_a_messy_roster_is_shown_with_its_faults_in_the_cells(at_desk: AtDesk, hands: Pilot) -> None:
    clerk, before = at_desk("wang.fang"), rows("application")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    page = text(clerk.get(kept))
    assert "Take the 20 good rows" in page and rows("application") == before
    told = page.partition('<table class="cells">')[2].partition("</table>")[0]
    assert re.findall(r'<tr><th scope="row" data-label="Row">(\d+)', told) == [
        "10",
        "11",
        "13",
        "14",
        "20",
        "21",
        "22",
        "24",
        "25",
        "26",
        "27",
    ]
    assert told.count("bad-cell") == 12
    assert not re.search(r"\d{15}", page) and not re.search(r"1\d{10}", told)


def test_the_workbook_says_in_its_last_column_what_is_wrong(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    grid = read_grid(clerk.get(f"{kept}/workbook").data, "checked.xlsx")
    said = {row.number: str(row.cells[-1]) for row in grid.rows if str(row.cells[-1]).strip()}
    assert [number for number, text in said.items() if text != "What is wrong"] == [
        10, 11, 13, 14, 20, 21, 22, 24, 25, 26, 27
    ]  # fmt: skip
    assert "What is wrong" in said.values()
    assert rows("look_up")[-1]["kind"] == "export"


def test_the_own_column_of_a_workbook_that_comes_back_is_written_anew(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    sent = clerk.get(f"{kept}/workbook").data
    again = looked_over(clerk, "/desk/roster", intake="2209", file=(io.BytesIO(sent), "mended.xlsx"))
    page = text(clerk.get(again))
    assert "Take the 20 good rows" in page and "What is wrong" not in page
    first, second = (read_grid(data, "a.xlsx").rows for data in (sent, clerk.get(f"{again}/workbook").data))
    assert [row.cells for row in first] == [row.cells for row in second]


def test_only_columns_with_a_fault_are_shown(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    page = text(clerk.get(looked_over(clerk, "/desk/roster", intake="2209", file=messy())))
    shown = re.findall(r'<th scope="col">([^<]+)', page.partition('<table class="cells">')[2].partition("</thead>")[0])
    assert "Name" in shown and not {"Employer", "Job", "County"} & set(shown)


def test_a_roster_is_asked_for_an_open_intake(at_desk: AtDesk, hands: Pilot) -> None:
    page = text(at_desk("wang.fang").get("/desk/roster"))
    assert re.search(r'<select[^>]+name="intake".*<option value="2209"', page)


def test_a_roster_is_taken_and_taken_back_but_for_what_somebody_worked_on(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    assert clerk.send(f"{kept}/take").status_code == 303
    assert clerk.send(f"{kept}/take").status_code == 409
    made = [r["reference"] for r in rows("application")]
    assert len(made) == 20 and {state("application", r) for r in made} == {"registered"}
    hands.act("application", made[0], "return_for_correction", hands.wang_fang, faults=["ILLEGIBLE"])
    assert "Take the whole list back" in text(clerk.get(kept))
    assert clerk.send(f"{kept}/undo").status_code == 303
    assert state("application", made[0]) == "returned"
    assert {state("application", r) for r in made[1:]} == {"withdrawn"}
    page = text(clerk.get(kept))
    assert f">{made[0]}</a>" in page and "Taken back" in page
    assert "<dt>Taken back</dt><dd>19</dd>" in page and "<dt>Still there</dt><dd>1</dd>" in page
    assert "<dt>Taken</dt>" not in page
    assert clerk.send(f"{kept}/undo").status_code == 409
    # Whoever was entered by mistake can be entered again.
    again = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    assert "Take the 19 good rows" in text(clerk.get(again))


def test_a_long_list_is_left_to_the_worker(
    at_desk: AtDesk, hands: Pilot, site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 5)
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    clerk.send(f"{kept}/take")
    page = text(clerk.get(kept))
    assert "0 of 20 rows are taken" in page and 'http-equiv="refresh"' in page
    assert rows("application") == []
    assert (uploads.take_waiting(), uploads.take_waiting()) == (1, 0)
    assert len(rows("application")) == 20 and 'http-equiv="refresh"' not in text(clerk.get(kept))


def test_what_keeps_the_worker_from_a_list_is_told_on_its_page(
    at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 5)
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    clerk.send(f"{kept}/take")
    with clock.on(SAT.replace(year=2024)):
        assert uploads.take_waiting() == 1
        assert uploads.take_waiting() == 0
    assert rows("application") == [] and 'role="alert"' in text(clerk.get(kept))


def test_the_worker_leaves_a_list_alone_that_is_being_taken(
    at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, note = at_desk("wang.fang"), begun.note
    seen: list[object] = []
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())

    def watched(*told: Any, **values: Any) -> None:
        seen.append(begun.asked(uploads.AT_ONCE))
        note(*told, **values)

    monkeypatch.setattr(begun, "note", watched)
    clerk.send(f"{kept}/take")
    assert seen and not any(seen)


def test_a_list_that_fell_from_the_hands_of_a_request_is_left_to_the_worker(at_desk: AtDesk, hands: Pilot) -> None:
    kept = looked_over(at_desk("wang.fang"), "/desk/roster", intake="2209", file=messy())
    assert begun.ask(kept.rpartition("/")[2], 20) and uploads.take_waiting() == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=False):
        assert uploads.take_waiting() == 1


def test_a_list_that_was_taken_tells_for_good_what_it_did(
    at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round of the worker that saw the list waiting while it was being taken, and comes to it afterwards."""
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=messy())
    clerk.send(f"{kept}/take")
    (found,) = rows("begun")
    monkeypatch.setattr(begun, "asked", lambda _at_once: [(found["id"], found["account_id"])])
    uploads.take_waiting()
    for again in (clerk, at_desk("wang.fang")):
        page = text(again.get(kept))
        assert "<dt>Taken</dt><dd>20</dd>" in page and "already registered at" not in page
        assert "Take the whole list back" in page
    assert clerk.send(f"{kept}/undo").status_code == 303


def test_a_list_is_for_the_account_that_sent_it(at_desk: AtDesk, hands: Pilot) -> None:
    kept = looked_over(at_desk("wang.fang"), "/desk/roster", intake="2209", file=messy())
    other, before = at_desk("decheng.clerk"), contents()
    for path in (kept, f"{kept}/workbook"):
        assert other.get(path).status_code == 404
    for step in ("take", "undo"):
        assert other.send(f"{kept}/{step}").status_code == 404
    assert contents() == before


def test_a_kept_list_is_sealed_and_dropped(at_desk: AtDesk, hands: Pilot, site: Flask) -> None:
    looked_over(at_desk("wang.fang"), "/desk/roster", intake="2209", file=messy())
    stored = rows("begun")[0]
    assert MESSY.read_bytes()[:100] not in stored["content"] and "姓名".encode() not in stored["told"]
    assert begun.purge() == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31), tick=False):
        assert begun.purge() == 1
    assert rows("begun") == []


def test_no_account_lets_lists_pile_up(at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "LISTS", 2)
    clerk = at_desk("wang.fang")
    kept = [looked_over(clerk, "/desk/roster", intake="2209", file=messy()) for _ in range(3)]
    assert [clerk.get(one).status_code for one in kept] == [404, 200, 200]


@pytest.mark.parametrize(("kind", "who"), [("rosters", "wang.fang"), ("scores", "chen.hui")])
def test_every_list_names_its_columns_and_offers_an_empty_one(
    at_desk: AtDesk, hands: Pilot, kind: str, who: str
) -> None:
    visitor = at_desk(who)
    page = text(visitor.get(f"/lists/{kind}"))
    heads = read_grid(visitor.get(f"/lists/{kind}/template").data, "template.xlsx").rows[0].cells
    assert heads and all(str(head).strip("*") in page for head in heads)
    assert any(str(head).endswith("*") for head in heads)


def test_an_empty_list_that_is_filled_in_is_understood(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    heads = [str(head) for head in read_grid(clerk.get("/lists/rosters/template").data, "a.xlsx").rows[0].cells]
    known = {"姓名": LIU_WEI.name, "身份证号": LIU_WEI.id_number, "手机号": LIU_WEI.phone}
    known |= {"县（市、区）": "齐河县", "教学点": "齐河县教学点", "报考层次": "专科", "报考专业": "电子商务"}
    known |= {"原毕业院校": "一中", "原学历": "高中"}
    kept = looked_over(
        clerk, "/desk/roster", intake="2209", file=sheet(heads, [known.get(h.strip("*"), "") for h in heads])
    )
    assert "Take the 1 good rows" in text(clerk.get(kept))


STRANGE = ["姓名", "证件编码", "联系方式", "县区", "教学点", "层次", "专业", "毕业学校", "文化程度", "籍贯"]


def strange(name: str = "刘伟") -> tuple[io.BytesIO, str]:
    """Give a roster of one good row, of whose heads nobody told the office."""
    there = ["齐河县", "齐河县教学点", "专科", "电子商务", "一中", "高中", "德州"]
    return sheet(STRANGE, [name, LIU_WEI.id_number, LIU_WEI.phone, *there])


def chosen(page: str, **fields: str) -> dict[str, str]:
    """Give the answers of the page's form: which heads hold the named fields."""
    asked = dict(re.findall(r'<label for="(column-\d+)">([^<]+)<', page))
    place = {head.strip(): name for name, head in asked.items()}
    return {place[head]: field for field, head in fields.items()}


def test_a_column_that_is_not_recognised_is_given_its_field_by_hand(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=strange())
    page = text(clerk.get(kept))
    # The ID number is needed for a head to be known at all: the list is kept, and asks which column it is.
    assert "None of the first 20 lines" in page and rows("application") == []
    given = chosen(page, id_number="证件编码", phone="联系方式", previous_diploma="文化程度")
    assert len(set(given)) == 3 and 'id="column-3"' in page and 'id="column-4"' not in page
    assert clerk.send(f"{kept}/columns", **given).status_code == 303
    page = text(clerk.get(kept))
    assert "Take the 1 good rows" in page and rows("application") == []
    assert len(re.findall(r'<option value="\w+" selected', page)) == 3
    assert "Columns that are not read: 籍贯." in page
    assert clerk.send(f"{kept}/take").status_code == 303
    (made,) = rows("application")
    assert (case("application", made["reference"]).id_number, made["state"]) == (LIU_WEI.id_number, "registered")
    told = text(clerk.get(kept))
    assert "证件编码" in told and "<select" not in told
    assert clerk.send(f"{kept}/columns", **given).status_code == 409


def test_a_long_list_is_committed_by_the_columns_that_were_chosen(
    at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 0)
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=strange())
    given = chosen(text(clerk.get(kept)), id_number="证件编码", phone="联系方式", previous_diploma="文化程度")
    clerk.send(f"{kept}/columns", **given)
    clerk.send(f"{kept}/take")
    assert rows("application") == [] and uploads.take_waiting() == 1
    assert [case("application", made["reference"]).phone for made in rows("application")] == [LIU_WEI.phone]
    # The workbook marks the file by the same columns.
    assert clerk.get(f"{kept}/workbook").status_code == 200


def test_a_field_that_is_chosen_twice_is_refused_with_a_sentence(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = looked_over(clerk, "/desk/roster", intake="2209", file=strange())
    page = text(clerk.get(kept))
    twice = {**chosen(page, id_number="证件编码"), **chosen(page, id_number="联系方式")}
    answer = clerk.send(f"{kept}/columns", **twice)
    assert answer.status_code == 409
    assert "身份证号 is held by more than one column (证件编码、联系方式)" in text(answer)
    # What another column holds already is not given away either, and nothing outside the list is a field.
    for column, refusal in (("name", "姓名、证件编码"), ("state", "Choose one of the fields")):
        answer = clerk.send(f"{kept}/columns", **chosen(page, **{column: "证件编码"}))
        assert answer.status_code in (409, 422) and refusal in text(answer)
    assert "good rows</button>" not in text(clerk.get(kept)) and rows("application") == []


def test_columns_are_chosen_for_the_own_list_alone(at_desk: AtDesk, hands: Pilot) -> None:
    kept = looked_over(at_desk("wang.fang"), "/desk/roster", intake="2209", file=strange())
    other, before = at_desk("decheng.clerk"), contents()
    assert other.send(f"{kept}/columns", **{"column-0": "id_number"}).status_code == 404
    assert contents() == before
