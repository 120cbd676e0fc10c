"""The pages of print runs: counted before anything is done, asked for once, opened in order, printed again (R2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import Document
from edu_pilot.services import documents, outbox, prints, store
from tests.factories import A_PDF, SIGN_UP, Pilot, rows
from tests.people import worker
from tests.web.test_registry import QUERIES, queries
from tests.web.visitor import Visitor, masked, text

Desk = Callable[[str], Visitor]
FORMS = "/print-runs?paper=application.registration_form"
HIDDEN = re.compile(r'name="(key|seen)" value="(\w+)"')


def forms(hands: Pilot, number: int) -> None:
    """Let so many people of Qihe be registered, their forms kept as the worker would have kept them."""
    for n in range(number):
        hands.registered(worker(n))
    for document in rows("document"):
        key, digest = store.keep("documents", A_PDF, ".pdf")
        with write() as conn:
            made = {"store_key": key, "sha256": digest, "rendered_at": clock.now()}
            conn.execute(Document.__table__.update().where(Document.id == document["id"]).values(made))


def ask(visitor: Visitor, path: str = FORMS, **more: str) -> str:
    """Send the form of the page as it stands there; give where it leads."""
    fields = dict(HIDDEN.findall(text(visitor.get(path)))) | {"paper": "application.registration_form"} | more
    answer = visitor.send("/print-runs", **fields)
    assert answer.status_code == 303, text(answer)
    outbox.drain(task="print")
    return answer.headers["Location"]


def test_the_number_is_told_before_anything_is_done_and_the_form_asks_once(hands: Pilot, at_desk: Desk) -> None:
    forms(hands, 3)
    clerk = at_desk("wang.fang")
    page = text(clerk.get(FORMS))
    assert "Print 3 sheets" in page and "Only those not printed yet" in page and rows("print_run") == []
    fields = dict(HIDDEN.findall(page)) | {"paper": "application.registration_form"}
    first, second = (clerk.send("/print-runs", **fields) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"] == "/print-runs/PR2208-000001"
    assert len(rows("print_run")) == 1 and len(rows("outbox", task="print")) == 1
    waiting = text(clerk.get(first.headers["Location"]))
    assert 'http-equiv="refresh"' in waiting and "0 of 1 stacks are made" in waiting
    outbox.drain(task="print")
    done = text(clerk.get(first.headers["Location"]))
    assert 'http-equiv="refresh"' not in done and "Open stack 1" in done and "1–3" in done
    assert "No paper fits." in text(clerk.get(FORMS))


def test_a_stack_is_opened_and_put_on_record(hands: Pilot, at_desk: Desk) -> None:
    forms(hands, 2)
    clerk = at_desk("wang.fang")
    run = ask(clerk)
    pdf, bundle = clerk.get(f"{run}/stacks/1.pdf"), clerk.get(f"{run}/stacks/1.zip")
    assert (pdf.status_code, pdf.content_type, pdf.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert pdf.headers["Content-Disposition"].startswith('inline; filename="PR2208-000001-1.pdf"')
    assert (bundle.status_code, bundle.content_type) == (200, "application/zip")
    assert len(rows("look_up", kind="print", reason="PR2208-000001")) == 4
    assert [clerk.get(f"{run}/stacks/{n}.pdf").status_code for n in ("2", "0", "x")] == [404] * 3
    record = rows("application")[0]["reference"]
    assert "printed 1 times, last on" in text(clerk.get(f"/records/application/{record}"))


def test_what_was_printed_before_asks_for_a_reason(hands: Pilot, at_desk: Desk) -> None:
    forms(hands, 2)
    clerk = at_desk("wang.fang")
    run = ask(clerk)
    page = text(clerk.get(f"{FORMS}&which=all"))
    assert "2 of these papers were printed before" in page and "The printer jammed" in page
    fields = dict(HIDDEN.findall(page)) | {"paper": "application.registration_form", "which": "all"}
    without = clerk.send("/print-runs", **fields)
    assert without.status_code == 422 and "say why they are printed again" in text(without)
    assert len(rows("print_run")) == 1
    ask(clerk, f"{FORMS}&which=all", which="all", why="SPOILT")
    jammed = clerk.send(f"{run}/again", first="2", last="2", why="JAMMED", key="0" * 32)
    assert jammed.headers["Location"] == "/print-runs/PR2208-000003"
    assert clerk.send(f"{run}/again", first="2", last="9", why="JAMMED").status_code == 422
    listed = text(clerk.get("/print-runs"))
    assert "Printed again: The printer jammed or left pages out" in listed
    outbox.drain(task="print")
    assert "2 times, last on" in text(clerk.get("/print-runs/PR2208-000003"))
    # The paper itself tells who had it printed, when and why.
    told = text(clerk.get(f"/documents/{rows('document')[1]['number']}"))
    assert re.findall(r"run (PR2208-00000\d), sheet (\d)", told) == [
        ("PR2208-000003", "1"), ("PR2208-000002", "2"), ("PR2208-000001", "2"),
    ]  # fmt: skip


def test_r6_3_a_foreign_run_answers_like_a_missing_one(hands: Pilot, at_desk: Desk) -> None:
    forms(hands, 1)
    run = ask(at_desk("wang.fang"))
    for name in ("decheng.clerk", "examiner"):
        stranger = at_desk(name)
        assert run not in text(stranger.get("/print-runs"))
        for end in ("", "/stacks/1.pdf", "/stacks/1.zip"):
            hidden, missing = stranger.get(run + end), stranger.get(f"/print-runs/PR2208-000099{end}")
            assert hidden.status_code == missing.status_code == 404 and masked(hidden) == masked(missing)
        assert stranger.send(f"{run}/again", first="1", last="1", why="JAMMED").status_code == 404
        # Nor are the papers of others counted.
        assert "Print 1 sheets" not in text(stranger.get(f"{FORMS}&which=all&county=371425"))
    assert at_desk("chen.hui").get(run).status_code == 200
    assert [at_desk(name).get("/print-runs").status_code for name in ("he.jun", "xu.ning")] == [403, 403]
    assert rows("look_up") == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_days_places_and_nonsense_are_read(hands: Pilot, at_desk: Desk, lang: str) -> None:
    forms(hands, 2)
    registrar = at_desk("chen.hui")
    registrar.headers["Accept-Language"] = lang
    told = {"en": "Print 2 sheets", "zh": "打印 2 份"}[lang]
    day = SIGN_UP.isoformat()
    for narrowed in (f"&since={day}&until={day}", "&county=371425", "&point=371425-01", "&since=20220705"):
        shown = told in text(registrar.get(FORMS + narrowed))
        assert shown, narrowed
    for beyond in ("&since=2022-07-06", "&until=2022-07-04", "&county=371402", "&point=XX"):
        assert told not in text(registrar.get(FORMS + beyond)), beyond
    page = text(registrar.get("/print-runs"))
    assert 'value="371402-01"' in page and 'value="371402"' in page
    own = text(at_desk("wang.fang").get("/print-runs"))
    assert 'value="371425-02"' in own and 'value="371402-01"' not in own and 'id="county"' not in own
    wrong = text(registrar.get(f"{FORMS}&since=never"))
    assert {"en": "This is no day", "zh": "日期不对"}[lang] in wrong and told not in wrong
    for sent in ({}, {"paper": "payment.payment_list"}, {"paper": "application.registration_form", "since": "x"}):
        assert registrar.send("/print-runs", **sent).status_code == 422
    assert rows("print_run") == []


def test_more_sheets_are_no_more_questions(hands: Pilot, at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "STACK", 2)
    forms(hands, 5)
    clerk = at_desk("wang.fang")
    run = ask(clerk)
    assert queries(clerk, run) <= QUERIES and queries(clerk, f"{run}?stack=3") <= QUERIES
    assert queries(clerk, FORMS) <= QUERIES
    assert rows("print_run")[0]["made"] == 3 and prints.ROWS >= 5
