"""The examiner's pages: seats for many at once, marks as a grid, publication, objections (R3.6, R4.3 to R4.5)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest

from edu_pilot import clock
from edu_pilot.services import worklists
from tests import crowds
from tests.factories import EXAM, SAT, Pilot, row, rows, state
from tests.web.test_registry import QUERIES, queries
from tests.web.visitor import Visitor, text

Desk = Callable[[str], Visitor]


def states(references: list[str]) -> list[str]:
    """Give where the certifications stand."""
    return [state("certification", reference) for reference in references]


def sat(hands: Pilot, number: int) -> tuple[str, list[str]]:
    """Give a session that was held, and those who sat it."""
    session, found = crowds.entered(hands, number, seats=number)
    crowds.step("certification", found, "seat", hands.examiner, EXAM)
    for action in ("seat_all", "hold"):
        hands.act("session", session, action, hands.examiner, EXAM)
    crowds.step("certification", found, "mark_sat", hands.examiner, EXAM)
    return session, found


def test_r4_4_who_gets_no_seat_is_told_why_and_the_list_stays_open(hands: Pilot, at_desk: Desk) -> None:
    session, found = crowds.entered(hands, 3, seats=3)
    other, more = crowds.entered(hands, 1, seats=1, first=7)
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        # Banned since they entered: the seat is refused, the others have theirs.
        crowds.ban(found[1], EXAM + timedelta(days=300))
        answer = examiner.send(f"/exams/sessions/{session}/seats")
        told = text(answer)
        assert answer.status_code == 200 and "Banned from exams until" in told
        assert re.findall(r"<dd>(\d+)</dd>", told) == ["2", "0", "1"]
        assert "The list stays open" in told and state("session", session) == "open"
        hands.act("certification", found[1], "leave_session", hands.examiner)
        assert "Everybody has a seat" in text(examiner.send(f"/exams/sessions/{session}/seats"))
        page = text(examiner.get(f"/exams/sessions/{session}"))
    assert states(found) == ["seated", "trained", "seated"] and state("session", session) == "seated"
    assert "A101–01" in page and "A101–02" in page and "Door list" in page and "Exam ticket" in page
    assert (state("session", other), states(more)) == ("open", ["entered"])


def test_who_was_seated_one_by_one_is_told_as_seated(hands: Pilot, at_desk: Desk) -> None:
    session, found = crowds.entered(hands, 2, seats=2)
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        crowds.step("certification", found, "seat", hands.examiner, EXAM)
        for _again in range(2):
            told = text(examiner.send(f"/exams/sessions/{session}/seats"))
            assert "<dt>Given a seat now</dt><dd>0</dd>" in told and "<dt>Had a seat before</dt><dd>2</dd>" in told
            assert "<dt>Without a seat</dt><dd>0</dd>" in told and "<dt>Sent</dt>" not in told
    assert states(found) == ["seated"] * 2 and state("session", session) == "seated"


def test_the_tickets_of_a_page_come_in_one_file(hands: Pilot, at_desk: Desk) -> None:
    session, found = crowds.entered(hands, 2, seats=2)
    path = f"/exams/sessions/{session}/tickets"
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        none = examiner.send(path, listed=found)
        assert none.status_code == 409 and "There is no paper of this kind that you may open." in text(none)
        examiner.send(f"/exams/sessions/{session}/seats")
        assert "Tickets of this page as a ZIP" in text(examiner.get(f"/exams/sessions/{session}"))
        answer = examiner.send(path, listed=found)
    assert answer.status_code == 200 and answer.content_type == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert sorted(name[:12] for name in names) == sorted(found)
    assert [(look["actor"], look["reference"]) for look in rows("look_up")] == [("examiner", one) for one in found]


def test_r4_4_a_very_full_session_is_seated_in_portions(
    hands: Pilot, at_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, found = crowds.entered(hands, 3, seats=3)
    monkeypatch.setattr(worklists, "MOST", 2)
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        assert "1 more wait for a seat" in text(examiner.send(f"/exams/sessions/{session}/seats"))
        assert states(found) == ["seated", "seated", "entered"] and state("session", session) == "open"
        assert "Everybody has a seat" in text(examiner.send(f"/exams/sessions/{session}/seats"))


def test_r4_4_nobody_is_seated_where_nobody_has_entered(hands: Pilot, at_desk: Desk) -> None:
    session = hands.exam("ecommerce_specialist", "4")
    answer = at_desk("examiner").send(f"/exams/sessions/{session}/seats")
    assert answer.status_code == 409 and "Nobody has entered for this session." in text(answer)


def test_r4_4_the_trained_are_entered_together(hands: Pilot, at_desk: Desk) -> None:
    found = crowds.trained(hands, 2, occupation="ecommerce_specialist")
    level = row("certification", found[0])["level"]
    session = hands.exam("ecommerce_specialist", level)
    examiner = at_desk("examiner")
    path = f"/exams/sessions/{session}/entries"
    assert all(reference in text(examiner.get(path)) for reference in found)
    assert examiner.send(path).status_code == 422
    answer = examiner.send(path, all="1", listed=[*found, "C2209-999999"])
    assert re.findall(r"<dd>(\d+)</dd>", text(answer)) == ["3", "2", "1"]
    assert states(found) == ["entered", "entered"]


def test_who_was_absent_is_ticked_and_the_others_have_sat(hands: Pilot, at_desk: Desk) -> None:
    session, found = crowds.entered(hands, 3, seats=3)
    crowds.step("certification", found, "seat", hands.examiner, EXAM)
    hands.act("session", session, "seat_all", hands.examiner, EXAM)
    examiner = at_desk("examiner")
    early = examiner.send(f"/exams/sessions/{session}/attendance", listed=found)
    assert "The session is held on" in text(early) and states(found) == ["seated"] * 3
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        page = text(examiner.get(f"/exams/sessions/{session}"))
        assert "Tick who was absent" in page and page.count('name="chosen"') == 3
        examiner.send(f"/exams/sessions/{session}/attendance", listed=found, chosen=found[1])
    assert states(found) == ["sat", "absent", "sat"]


def test_r4_3_faults_stand_in_their_cells_and_the_right_rows_are_saved(hands: Pilot, at_desk: Desk) -> None:
    session, (first, second, third) = sat(hands, 3)
    path = f"/exams/sessions/{session}/scores"
    typed = {f"theory-{first}": "75", f"practical-{first}": "81", f"theory-{second}": "101", f"practical-{second}": "x"}
    everybody = [first, second, third]
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        checked = examiner.send(path, listed=everybody, step="check", **typed)
        assert checked.status_code == 409 and states(everybody) == ["sat"] * 3
        answer = examiner.send(path, listed=everybody, step="save", **typed)
        page = text(answer)
        assert answer.status_code == 409 and "1 rows are saved." in page and "1 rows are not taken yet" in page
        assert page.count("A score is a whole number from 0 to 100.") == 4
        summary = page.partition('id="grid-title"')[2].partition("</section>")[0]
        seat = "{room}–{seat:02d}".format(**row("certification", second))
        name = re.findall(rf'certification/{second}">([^<]+)</a>', page)[0]
        assert f"{name} {seat} · " in summary and f">{second}" not in summary
        assert f'id="theory-{second}-fault"' in page and f'id="practical-{second}-fault"' in page
        assert 'value="101"' in page and f'id="theory-{first}"' not in page
        assert states(everybody) == ["passed", "sat", "sat"]
        assert examiner.send(path, listed=everybody).status_code == 422
        rest = {f"{part}-{one}": "50" for part in ("theory", "practical") for one in (second, third)}
        assert examiner.send(path, listed=everybody, step="save", **rest).status_code == 303
    assert states(everybody) == ["passed", "failed", "failed"]


def test_r4_5_the_marks_are_published_from_the_page_of_the_session(hands: Pilot, at_desk: Desk) -> None:
    session, found = sat(hands, 2)
    crowds.step("certification", found, "score", hands.examiner, EXAM, theory="75", practical="81")
    path = f"/exams/sessions/{session}"
    with clock.on(EXAM):
        examiner = at_desk("examiner")
        for action in ("score_all", "publish"):
            page = text(examiner.get(path))
            told = "gets a score notice and sees the result. Objections can be made for 5 working days"
            assert (told in page) is (action == "publish")
            assert ('<details class="step"><summary' in page) is (action == "publish")
            seen = row("session", session)["version"]
            assert examiner.send(f"{path}/steps/{action}", seen_version=str(seen)).status_code == 303
        stale = examiner.send(f"{path}/steps/publish", seen_version="1")
        assert stale.status_code == 409 and "has changed since you opened it" in text(stale)
    assert state("session", session) == "published"
    assert len(rows("document", kind="score_notice")) == 2


def test_r4_5_open_objections_are_listed_until_they_are_answered(hands: Pilot, at_desk: Desk) -> None:
    session, found = sat(hands, 2)
    crowds.step("certification", found, "score", hands.examiner, EXAM, theory="55", practical="81")
    for action in ("score_all", "publish"):
        hands.act("session", session, action, hands.examiner, EXAM)
    hands.act("certification", found[0], "object_to_score", hands.wang_fang, EXAM, note="请复核")
    examiner = at_desk("examiner")
    page = text(examiner.get("/exams/objections"))
    assert found[0] in page and found[1] not in page and f"/records/certification/{found[0]}#step-readd" in page
    hands.act("certification", found[0], "readd", hands.examiner, EXAM, theory="60", practical="81")
    assert "No objection is open." in text(examiner.get("/exams/objections"))
    assert found[0] in text(examiner.get("/exams/objections?closed=1"))


SHEET = "/exams/scores?major=530701&course={course}&sat_on={day}"


def test_r3_6_a_course_is_typed_as_a_sheet_with_the_parts_of_its_plan(hands: Pilot, at_desk: Desk) -> None:
    first, second = crowds.studying(hands, 2)
    path = SHEET.format(course="10002", day=SAT.isoformat())
    typed = {f"formative-{first}": "80", f"final-{first}": "70", f"final-{second}": "７0.5"}
    with clock.on(SAT + timedelta(days=1)):
        examiner = at_desk("examiner")
        assert "Choose a major" in text(examiner.get("/exams/scores"))
        assert "The formative part counts 50 %, the final part 50 %." in text(examiner.get(path))
        answer = examiner.send(path, listed=[first, second], step="save", **typed)
        page = text(answer)
        assert answer.status_code == 409 and "1 rows are saved." in page
        assert f'id="final-{second}-fault"' in page and "passed" in page
        again = text(examiner.send(path, listed=[first], step="save", **{f"final-{first}": "90"}))
        assert "This sitting of the course is recorded already." in again
        only = text(examiner.get(SHEET.format(course="10001", day=SAT.isoformat())))
        assert "assessed by its formative part alone" in only and f"final-{first}" not in only
    assert [(s["course"], s["formative"], s["final"], s["composite"]) for s in rows("score")] == [("10002", 80, 70, 75)]


def test_r3_6_a_sheet_without_a_day_or_a_course_saves_nothing(hands: Pilot, at_desk: Desk) -> None:
    study = hands.studying()
    registrar = at_desk("chen.hui")
    no_course = registrar.send("/exams/scores?major=530701", listed=study, **{f"final-{study}": "70"})
    assert no_course.status_code == 422
    no_day = registrar.send("/exams/scores?major=530701&course=10002", listed=study, **{f"final-{study}": "70"})
    assert no_day.status_code == 409 and "is missing" in text(no_day)
    assert rows("score") == []


def test_r4_4_a_new_session_offers_the_levels_by_name(hands: Pilot, at_desk: Desk) -> None:
    page = text(at_desk("examiner").get("/records/session/new"))
    assert re.search(r'<option value="5">5 Level 5 \(junior worker\)</option>', page)
    assert re.search(r'<option value="3">3 Level 3 \(senior worker\) / Junior / Elementary</option>', page)


def test_the_doors_of_the_exam_pages(hands: Pilot, at_desk: Desk) -> None:
    session = hands.exam("ecommerce_specialist", "4")
    auditor, clerk = at_desk("xu.ning"), at_desk("wang.fang")
    for page in ("", "/entries", "/scores"):
        assert auditor.get(f"/exams/sessions/{session}{page}").status_code == 200
        assert clerk.get(f"/exams/sessions/{session}{page}").status_code == 403
    assert auditor.send(f"/exams/sessions/{session}/seats").status_code == 403
    assert auditor.get("/exams/sessions/X2412-999").status_code == 404
    assert clerk.get("/exams/scores").status_code == 403
    # A step that no session has.
    seen = str(row("session", session)["version"])
    assert at_desk("examiner").send(f"/exams/sessions/{session}/steps/admit", seen_version=seen).status_code == 404


@pytest.mark.parametrize("page", ["", "/entries", "/scores"])
def test_more_people_are_no_more_questions(hands: Pilot, at_desk: Desk, page: str) -> None:
    session, found = crowds.entered(hands, 2, seats=20)
    examiner = at_desk("examiner")
    few = queries(examiner, f"/exams/sessions/{session}{page}")
    more = crowds.trained(hands, 5, first=10, occupation="ecommerce_specialist")
    crowds.step("certification", more[:4], "enter", hands.wang_fang, EXAM, session=session)
    assert few <= queries(examiner, f"/exams/sessions/{session}{page}") <= QUERIES
    for path in ("/exams", "/exams/objections", SHEET.format(course="10002", day="2024-06-20")):
        assert queries(examiner, path) <= QUERIES
    assert states(found) == ["entered"] * 2
