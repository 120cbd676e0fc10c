"""Print runs: made stack by stack, taken up after a stop, left out with a reason, logged for every paper (R2.9)."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pypdf
import pytest

from edu_pilot import clock, server
from edu_pilot.extensions import read, write
from edu_pilot.models import Document, Person, PrintStack
from edu_pilot.models.base import new_id
from edu_pilot.services import audit, documents, erasure, look_ups, notices, outbox, prints, store, upkeep
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.prints import Found, Wanted
from edu_pilot.workflow.reasons import Malformed, Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import SIGN_UP, Pilot, on, rows
from tests.people import LIU_WEI, worker

pytestmark = pytest.mark.usefixtures("renderer")
FORMS = Wanted("application", "registration_form")
LATER = clock.today().replace(year=2026)


@pytest.fixture(autouse=True)
def small_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "STACK", 2)


def found(actor: Actor, wanted: Wanted = FORMS) -> Found:
    with read() as conn:
        return prints.find(conn, actor, wanted)


def asked(actor: Actor, wanted: Wanted = FORMS, why: str = "", key: str = "") -> str:
    """Ask for all that fits, as the page does that has told how many there are."""
    return prints.ask(wanted, len(found(actor, wanted).numbers), why, key or new_id(), actor)


def printed(actor: Actor, wanted: Wanted = FORMS, why: str = "") -> str:
    number = asked(actor, wanted, why)
    outbox.drain(task="print")
    return number


def forms(pilot: Pilot, number: int) -> list[str]:
    """Give the numbers of so many registration forms of Qihe, in their order."""
    for n in range(number):
        pilot.registered(worker(n))
    return sorted(str(row["number"]) for row in rows("document", kind="registration_form"))


def run_of(number: str) -> Mapping[str, Any]:
    return rows("print_run", number=number)[0]


def sheets(number: str) -> list[Mapping[str, Any]]:
    return sorted(rows("print_sheet", run_id=run_of(number)["id"]), key=lambda row: int(row["position"]))


def words(pdf: bytes) -> list[str]:
    """Give the text of each page."""
    return ["".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refusal.value.reasons]


def stored() -> list[str]:
    """Give the keys of the printer's files that lie in the store."""
    return [entry.key for entry in store.store().entries() if entry.key.startswith("prints/")]


def test_a_run_is_made_stack_by_stack_and_opened_in_order(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 3), pilot.wang_fang
    with on(SIGN_UP):
        number = asked(clerk)
        assert number == "PR2207-000001"
        assert (run_of(number)["stacks"], run_of(number)["made"], run_of(number)["done_at"]) == (2, 0, None)
        assert outbox.drain(task="print") == 3
    assert run_of(number)["made"] == 2 and run_of(number)["done_at"]
    assert [row["document"] for row in sheets(number)] == numbers and all(row["made_at"] for row in sheets(number))
    pages = [page for stack in (1, 2) for page in words(prints.stack_file(number, stack, clerk))]
    assert [n for n in numbers for page in pages if n in page] == numbers and len(pages) == 3
    # Who had the sheets is on record, for each paper by itself, and explained by the run.
    looks = [(look["actor"], look["kind"], look["field"], look["reason"]) for look in rows("look_up")]
    assert sorted(looks) == sorted(("wang.fang", look_ups.PRINT, n, number) for n in numbers)
    with read() as conn:
        assert not any(day.alarm for day in look_ups.days(conn))
        assert {n: times.number for n, times in prints.times(conn, numbers).items()} == dict.fromkeys(numbers, 1)
        assert audit.verify(conn).ok
    (entry,) = rows("audit_entry", workflow="print_run")
    assert (entry["reference"], entry["action"], entry["actor"]) == (number, "ask", "wang.fang")


def test_the_worker_makes_one_stack_a_round(pilot: Pilot) -> None:
    forms(pilot, 3)
    number, rounds = asked(pilot.wang_fang), server.Rounds()
    # Not what is due by the hour.
    rounds.next_due = math.inf
    assert [(rounds.busy(), run_of(number)["made"]) for _ in range(2)] == [(True, 1), (True, 2)]
    while rounds.busy():
        pass
    assert run_of(number)["done_at"] and not rows("outbox", task="print", done_at=None)


def test_the_kept_files_of_a_stack_come_as_a_zip_with_safe_names(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 2), pilot.wang_fang
    number = printed(clerk)
    with zipfile.ZipFile(io.BytesIO(prints.stack_papers(number, 1, clerk))) as archive:
        names = archive.namelist()
        assert [archive.read(name) for name in names] == [documents.render(n) for n in numbers]
    assert all(name.endswith(f"-registration_form-{n}.pdf") for name, n in zip(names, numbers, strict=True))
    assert len(rows("look_up", kind=look_ups.PRINT)) == 2


def test_a_stopped_run_is_taken_up_with_no_sheet_twice_and_none_missing(
    pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, clerk = forms(pilot, 5), pilot.wang_fang
    number, printer_file, drawn = asked(clerk), documents.printer_file, []

    def killed(papers: Sequence[str]) -> bytes:
        if drawn:
            raise KeyboardInterrupt
        drawn.append(papers)
        return printer_file(papers)

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(documents, "printer_file", killed)
        outbox.drain(task="print")
    (first,) = rows("print_stack")
    assert (first["stack"], run_of(number)["made"], run_of(number)["done_at"]) == (1, 1, None)
    assert [row["made_at"] is None for row in sheets(number)] == [False, False, True, True, True]
    outbox.drain(task="print")
    assert first in rows("print_stack") and len(stored()) == 3
    pages = [page for stack in (1, 2, 3) for page in words(prints.stack_file(number, stack, clerk))]
    assert [n for n in numbers for page in pages if n in page] == numbers and len(pages) == 5
    assert outbox.drain(task="print") == 0


def test_a_sheet_that_cannot_be_drawn_is_left_out_with_its_reason_and_can_be_printed_later(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 2), pilot.wang_fang
    pilot.registered(LIU_WEI, name="刘\U0002ebf0")
    (bad,) = {str(row["number"]) for row in rows("document")} - set(numbers)
    number = printed(clerk)
    with read() as conn:
        (left,) = prints.left_out(conn, run_of(number))
    assert (left["document"], left["reason"].code) == (bad, "not_rendered") and "U+2EBF0" in left["reason"].english()
    assert run_of(number)["done_at"] and len(rows("print_stack")) == 2
    assert all(row["made_at"] for row in sheets(number) if row["document"] != bad)
    # It counts as not printed: the next run takes it up without a reason.
    assert found(clerk) == Found((bad,), 0)


def test_a_stack_without_a_sheet_has_no_file(pilot: Pilot) -> None:
    pilot.registered(LIU_WEI, name="刘\U0002ebf0")
    number = printed(pilot.wang_fang)
    assert run_of(number)["done_at"] and rows("print_stack")[0]["store_key"] == "" and stored() == []


def test_only_what_was_never_printed_is_offered_and_a_reprint_asks_for_a_reason(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 2), pilot.wang_fang
    asked(clerk)
    # Already from the moment it is asked for: a second click finds nothing.
    assert found(clerk) == Found((), 0)
    with pytest.raises(Refused) as nothing:
        asked(clerk)
    assert codes(nothing) == ["nothing_to_print"]
    every = Wanted("application", "registration_form", fresh=False)
    assert found(clerk, every) == Found(tuple(numbers), 2)
    for why in ("", "BECAUSE"):
        with pytest.raises(Malformed) as refusal:
            asked(clerk, every, why)
        assert codes(refusal) == ["reprint_reason"]
    assert len(rows("print_run")) == 1
    outbox.drain(task="print")
    number = printed(clerk, every, "JAMMED")
    assert run_of(number)["why"] == "JAMMED"
    with read() as conn:
        assert [row["before"].number for row in prints.sheets_of(conn, run_of(number), 1)] == [1, 1]
        assert {times.number for times in prints.times(conn, numbers).values()} == {2}
    assert '"reason":"JAMMED"' in rows("audit_entry", reference=number)[0]["body"]


def test_a_range_of_a_run_is_printed_again_for_a_reason(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 4), pilot.wang_fang
    first = printed(clerk)
    with pytest.raises(Malformed) as refusal:
        prints.again(first, 2, 3, "", new_id(), clerk)
    assert codes(refusal) == ["reprint_reason"]
    for begin, end in ((0, 2), (3, 2), (2, 5)):
        with pytest.raises(Malformed) as refusal:
            prints.again(first, begin, end, "JAMMED", new_id(), clerk)
        assert codes(refusal) == ["range_unknown"]
    second = prints.again(first, 2, 3, "JAMMED", new_id(), clerk)
    assert [row["document"] for row in sheets(second)] == numbers[1:3]


def test_a_form_sent_twice_asks_once_and_another_number_than_seen_is_told(pilot: Pilot) -> None:
    forms(pilot, 2)
    key, clerk = new_id(), pilot.wang_fang
    with pytest.raises(Refused) as changed:
        prints.ask(FORMS, 1, "", key, clerk)
    assert codes(changed) == ["papers_changed"]
    number = asked(clerk, key=key)
    assert asked(clerk, key=key) == number and len(rows("print_run")) == 1
    # A key is its account's own.
    with pytest.raises(NotFound):
        asked(pilot.chen_hui, key=key)


def test_r6_3_a_run_is_seen_by_its_county_and_by_who_sees_all(pilot: Pilot) -> None:
    forms(pilot, 2)
    other = pilot.draft(worker(7), by=pilot.decheng_clerk, county="德城区", point="德城区教学点")
    pilot.act("application", other, "register", pilot.decheng_clerk, SIGN_UP)
    own, whole = printed(pilot.wang_fang), printed(pilot.chen_hui)
    assert (run_of(own)["sheets"], run_of(whole)["sheets"]) == (2, 1)
    with read() as conn:
        assert prints.of_number(conn, own, pilot.chen_hui)["number"] == own
        assert [row["number"] for row in prints.newest(conn, pilot.wang_fang, 1).rows] == [own]
        for number, stranger in ((own, pilot.decheng_clerk), (whole, pilot.decheng_clerk), (own, pilot.examiner)):
            with pytest.raises(NotFound):
                prints.of_number(conn, number, stranger)
    for way in (prints.stack_file, prints.stack_papers):
        with pytest.raises(NotFound):
            way(own, 1, pilot.decheng_clerk)
    with pytest.raises(NotFound):
        prints.again(own, 1, 1, "JAMMED", new_id(), pilot.decheng_clerk)
    with pytest.raises(Malformed):
        prints.ask(Wanted("payment", "payment_list"), 1, "", new_id(), pilot.wang_fang)
    assert rows("look_up") == []


def test_who_may_have_a_paper_is_asked_again_when_it_is_drawn_and_when_it_is_opened(pilot: Pilot) -> None:
    numbers, clerk = forms(pilot, 4), pilot.wang_fang
    number = asked(clerk)
    void(numbers[0])
    outbox.drain(task="print")
    assert [row["refusal"]["code"] for row in sheets(number) if row["refusal"]] == ["revoked"]
    void(numbers[2])
    assert words(prints.stack_file(number, 1, clerk))
    with pytest.raises(Refused) as refusal:
        prints.stack_file(number, 2, clerk)
    assert [reason.facts for reason in refusal.value.reasons] == [{"paper": numbers[2]}]
    restrict()
    with pytest.raises(Refused) as refusal:
        prints.stack_papers(number, 1, clerk)
    assert codes(refusal) == ["storage_only"]
    assert len(rows("look_up")) == 1


def void(number: str) -> None:
    with write() as conn:
        conn.execute(Document.__table__.update().where(Document.number == number).values(voided_at=clock.now()))


def restrict() -> None:
    """Let everybody withdraw their consent."""
    with write() as conn:
        conn.execute(Person.__table__.update().values(restricted_on=clock.today()))


def test_what_an_account_asked_for_is_not_drawn_once_it_may_act_no_more(pilot: Pilot) -> None:
    forms(pilot, 1)
    number = asked(pilot.wang_fang)
    with write() as conn:
        conn.exec_driver_sql("UPDATE account SET active = 0 WHERE name = 'wang.fang'")
    outbox.drain(task="print")
    assert [row["refusal"]["code"] for row in sheets(number)] == ["account_ended"] and run_of(number)["done_at"]


def test_the_file_of_an_erased_person_goes_at_once_and_the_log_stays(any_pilot: Pilot) -> None:
    numbers, clerk = forms(any_pilot, 3), any_pilot.wang_fang
    number = printed(clerk)
    gone = str(rows("application")[0]["reference"])
    any_pilot.withdraw(gone)
    with on(LATER):
        erasure.erase(gone, "REQUEST_OF_PERSON", OPERATOR)
    files = {row["stack"]: row["store_key"] for row in rows("print_stack")}
    assert (files[1], stored()) == ("", [files[2]])
    with pytest.raises(Refused) as refusal:
        prints.stack_file(number, 1, clerk)
    assert codes(refusal) == ["erased"]
    assert words(prints.stack_file(number, 2, clerk))
    with read() as conn:
        assert sorted(prints.times(conn, numbers)) == numbers


def test_an_erasure_while_a_stack_is_drawn_leaves_no_file(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    forms(pilot, 2)
    number, gone, printer_file = (
        asked(pilot.wang_fang),
        str(rows("application")[0]["reference"]),
        documents.printer_file,
    )
    pilot.withdraw(gone)

    def slow(papers: Sequence[str]) -> bytes:
        content = printer_file(papers)
        if rows("person", erased_on=None) == rows("person"):
            with on(LATER):
                erasure.erase(gone, "REQUEST_OF_PERSON", OPERATOR)
        return content

    monkeypatch.setattr(documents, "printer_file", slow)
    outbox.drain(task="print")
    assert [row["refusal"] and row["refusal"]["code"] for row in sheets(number)] == ["erased", None]
    assert stored() == [rows("print_stack")[0]["store_key"]]


def test_files_go_after_the_days_of_the_policy_and_papers_can_be_printed_again(pilot: Pilot) -> None:
    forms(pilot, 1)
    number, clerk = printed(pilot.wang_fang), pilot.wang_fang
    aged(timedelta(days=14) - timedelta(minutes=1))
    assert upkeep.run()["prints_removed"] == 0
    aged(timedelta(days=14))
    assert upkeep.run()["prints_removed"] == 1 and stored() == []
    assert rows("print_stack")[0]["removed_at"] and sheets(number)[0]["made_at"]
    with pytest.raises(Refused) as refusal:
        prints.stack_file(number, 1, clerk)
    assert codes(refusal) == ["file_gone"]
    assert prints.stack_papers(number, 1, clerk)
    second = prints.again(number, 1, 1, "LOST", new_id(), clerk)
    outbox.drain(task="print")
    assert words(prints.stack_file(second, 1, clerk))


def aged(age: timedelta) -> None:
    with write() as conn:
        conn.execute(PrintStack.__table__.update().values(made_at=clock.now() - age))


def test_a_notice_for_the_public_is_no_paper_to_hand_out(pilot: Pilot) -> None:
    with read() as conn:
        assert notices.KIND not in {kind for _workflow, kind in prints.kinds(conn, pilot.chen_hui)}
        assert ("application", "registration_form") in prints.kinds(conn, pilot.wang_fang)
        assert {kind for _workflow, kind in prints.kinds(conn, pilot.examiner)} == {
            "exam_ticket", "door_list", "score_notice",
        }  # fmt: skip
