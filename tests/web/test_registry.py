"""The registrar's pages: queues judged and taken together, progress, and who can graduate (R1.4, R3.7, R3.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from edu_pilot import clock
from edu_pilot.extensions import db
from tests import crowds
from tests.factories import (
    COMPLETED,
    DIPLOMA,
    GRADUATED,
    Pilot,
    diploma_number,
    publish_places,
    row,
    state,
)
from tests.people import worker
from tests.web.visitor import Visitor, text

Desk = Callable[[str], Visitor]
QUERIES = 20


@contextmanager
def asked() -> Iterator[list[str]]:
    """Collect what the block puts to the database."""
    found: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def queries(visitor: Visitor, path: str) -> int:
    """Give how many questions a page puts to the database."""
    with asked() as found:
        assert visitor.get(path).status_code == 200
    return len(found)


def test_r1_4_everybody_on_the_page_is_admitted_and_who_was_skipped_is_told_why(hands: Pilot, at_desk: Desk) -> None:
    references = crowds.verified(hands, 4)
    hands.withdraw(references[1])
    registrar = at_desk("chen.hui")
    page = text(registrar.get("/registry/queue/admit"))
    assert "3 on this page, 3 of them can be done" in page and references[1] not in page
    answer = registrar.send("/registry/queue/admit", chosen=[*references, "A2209-999999"])
    told = text(answer)
    assert answer.status_code == 200
    assert [state("application", r) for r in references] == ["admitted", "withdrawn", "admitted", "admitted"]
    assert "Admit is not possible while the case is: Withdrawn" in told
    assert "There is no such case, or none that you may see." in told
    assert re.findall(r"<dd>(\d+)</dd>", told) == ["5", "3", "2"]


def test_one_reason_of_many_is_told_once_with_everybody_below_it(hands: Pilot, at_desk: Desk) -> None:
    references = crowds.verified(hands, 4)
    for reference in references:
        hands.withdraw(reference)
    told = text(at_desk("chen.hui").send("/registry/queue/admit", chosen=[*references, "A2209-999999"]))
    assert told.count("Admit is not possible while the case is: Withdrawn") == 1
    first, second = re.findall(r'<details[^>]*><summary>Whom it concerns <span class="count">(\d)</span>', told)
    assert (first, second) == ("4", "1") and all(told.count(f">{r}</a>") == 1 for r in references)


def test_r1_4_the_last_place_goes_to_the_first_in_the_queue(hands: Pilot, at_desk: Desk) -> None:
    references = crowds.verified(hands, 2)
    publish_places(2)
    third = crowds.verified(hands, 1, first=5)[0]
    registrar = at_desk("chen.hui")
    # Ticked in the wrong order.
    registrar.send("/registry/queue/admit", chosen=[third, *reversed(references)])
    assert [state("application", r) for r in (*references, third)] == ["admitted", "admitted", "waitlisted"]
    page = text(registrar.get("/registry/queue/waiting"))
    assert "No. 1" in page and "No place of 2022 is free; waiting number 1." in page


def test_the_box_for_all_counts_without_a_script(hands: Pilot, at_desk: Desk) -> None:
    references = crowds.complete(hands, 3)
    answer = at_desk("chen.hui").send("/registry/queue/verify", all="1", listed=references[:2], chosen=references[2])
    assert answer.status_code == 200
    assert [state("application", r) for r in references] == ["verified", "verified", "registered"]


def test_what_stands_against_a_step_is_told_beforehand(hands: Pilot, at_desk: Desk) -> None:
    hands.registered(worker(3))
    page = text(at_desk("chen.hui").get("/registry/queue/verify"))
    assert "1 on this page, 0 of them can be done" in page and "Papers not yet handed in" in page


def test_a_form_without_anybody_and_one_with_too_many_say_so(hands: Pilot, at_desk: Desk) -> None:
    registrar = at_desk("chen.hui")
    nobody = registrar.send("/registry/queue/admit")
    assert nobody.status_code == 422 and "Choose at least one person." in text(nobody)
    many = registrar.send("/registry/queue/admit", chosen=[f"A2209-{n:06d}" for n in range(201)])
    assert many.status_code == 422 and "At most 200 records can be sent at once." in text(many)
    assert registrar.get("/registry/queue/nothing").status_code == 404


def test_the_auditor_reads_the_lists_and_takes_no_step(hands: Pilot, at_desk: Desk) -> None:
    reference = hands.verified()
    auditor = at_desk("xu.ning")
    page = text(auditor.get("/registry/queue/admit"))
    assert reference in page and 'name="chosen"' not in page and "This step is taken by: " in page
    assert auditor.send("/registry/queue/admit", chosen=reference).status_code == 403
    assert at_desk("wang.fang").get("/registry/queue/admit").status_code == 403
    assert state("application", reference) == "verified"


def test_a_list_shows_no_full_number_and_keeps_its_filters(hands: Pilot, at_desk: Desk) -> None:
    hands.verified()
    registrar = at_desk("chen.hui")
    assert "371425198501019992" not in text(registrar.get("/registry/queue/admit"))
    assert "No record fits these filters." in text(registrar.get("/registry/queue/admit?county=371402"))
    page = text(registrar.get("/registry/queue/admit?county=371425&intake=2209&page=7"))
    assert "刘伟" in page and "county=371425" in page


def test_r3_7_progress_names_what_is_missing_in_each_module(hands: Pilot, at_desk: Desk) -> None:
    study = hands.studying()
    hands.score(study, "10002")
    registrar = at_desk("chen.hui")
    page = text(registrar.get("/registry/progress"))
    assert "3 / 79" in page and "3 / 15" in page and "12 missing" in page
    record = text(registrar.get(f"/records/study/{study}"))
    assert "Credits by module" in record and "76 credits are missing" in record


def test_r3_7_those_who_meet_everything_complete_together(hands: Pilot, at_desk: Desk) -> None:
    ready, other = crowds.studying(hands, 2)
    hands.pass_courses(ready)
    with clock.on(COMPLETED):
        registrar = at_desk("chen.hui")
        page = text(registrar.get("/registry/graduation/complete"))
        assert "1 on this page meet everything" in page and page.count('name="chosen"') == 1
        assert "required, elective or free" in page
        [(earned, wanted), none] = re.findall(r"free credits: (\d+) of (\d+)", page)
        assert none == ("0", wanted) and int(earned) >= int(wanted) > 0
        answer = registrar.send("/registry/graduation/complete", chosen=[ready, other])
        assert "of 79 credits are reached" in text(answer)
    assert (state("study", ready), state("study", other)) == ("completed", "studying")


def test_r3_9_a_wrong_diploma_stands_in_its_cell_and_the_right_ones_are_taken(hands: Pilot, at_desk: Desk) -> None:
    first, second = hands.completed(worker(1)), hands.completed(worker(2))
    number = diploma_number(first)
    typed = {f"diploma_number-{first}": number, f"diploma_number-{second}": number, "diploma_on": DIPLOMA.isoformat()}
    with clock.on(GRADUATED):
        registrar = at_desk("chen.hui")
        assert "not compared yet; keeps nobody back" in text(registrar.get("/registry/graduation/graduate"))
        answer = registrar.send("/registry/graduation/graduate", listed=[first, second], **typed)
        page = text(answer)
        assert answer.status_code == 409 and "1 diplomas are recorded." in page
        assert "This diploma number is recorded for another student." in page
        assert f'id="diploma_number-{second}-fault"' in page and f'value="{number}"' in page
        empty = registrar.send("/registry/graduation/graduate", listed=[second])
        assert empty.status_code == 422 and "Type at least one diploma number." in text(empty)
    assert (state("study", first), row("study", first)["diploma_number"]) == ("graduated", number)
    assert state("study", second) == "completed"


def test_r3_8_before_the_time_the_reason_stands_in_the_row(hands: Pilot, at_desk: Desk) -> None:
    study = hands.completed()
    with clock.on(COMPLETED):
        page = text(at_desk("chen.hui").get("/registry/graduation/graduate"))
    assert "from 31 January 2025 on" in page and f"diploma_number-{study}" not in page


PAGES = ("/registry", "/registry/queue/admit", "/registry/queue/verify", "/registry/progress",
         "/registry/graduation/complete")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_more_rows_are_no_more_questions(hands: Pilot, at_desk: Desk, path: str) -> None:
    registrar = at_desk("chen.hui")
    few = _crowd(hands, 0, 2) or queries(registrar, path)
    more = _crowd(hands, 10, 6) or queries(registrar, path)
    assert few == more <= QUERIES


def _crowd(hands: Pilot, first: int, number: int) -> None:
    crowds.studying(hands, number, first)
    crowds.verified(hands, number, first + 20)
    crowds.complete(hands, number, first + 40)
