"""A student's own pages: where I stand, the claim from the telephone, are my data right."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from edu_pilot import clock
from edu_pilot.extensions import db
from edu_pilot.services import deadlines, papers
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import CARD, CHECKED, CLAIMED, Pilot, corrected, receipt, refused, row, rows, state
from tests.people import LIU_WEI, Human
from tests.web.visitor import Visitor, text


def photo(colour: str) -> bytes:
    """Give a small picture that looks like no other."""
    target = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(target, "PNG")
    return target.getvalue()


def picture(colour: str) -> tuple[io.BytesIO, str]:
    """Give a picture as a browser sends it."""
    return io.BytesIO(photo(colour)), f"{colour}.png"


def query_code(who: Human) -> str:
    """Give the code on a person's registration form."""
    known = next(r for r in rows("application", id_index=vault().index("id_number", who.id_number)) if r["query_code"])
    return vault().open("application.query_code", known["id"], known["query_code"])


@pytest.fixture
def come_in(site: Flask) -> Iterator[Callable[[date], Visitor]]:
    """Let Liu Wei come in by the query code on a day."""
    days = []

    def enter(day: date, who: Human = LIU_WEI) -> Visitor:
        days.append(clock.on(day))
        days[-1].__enter__()
        visitor = Visitor(site)
        with site.app_context():
            code = query_code(who)
        assert visitor.send("/status", code=code, id_tail=who.id_number[-6:]).status_code == 303
        return visitor

    yield enter
    for day in reversed(days):
        day.__exit__(None, None, None)


def receipt_fields(field: str, number: str = "1") -> dict[str, str]:
    """Give what a student types of a receipt, and what was filled in beforehand."""
    told = {
        "number": number.zfill(20), "paid_on": "2022-09-12", "amount_fen": "4790", "kind": "digital_invoice",
        "issuer": "德州广播电视大学", "payer": LIU_WEI.name, "item": "tuition",
    }  # fmt: skip
    return {f"{field}-0-{name}": value for name, value in told.items()} | {f"{field}-1-payer": LIU_WEI.name}


def test_the_page_says_where_i_stand_who_holds_it_and_whom_to_call(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.registered()
    page = text(come_in(date(2022, 8, 20)).get("/status"))
    assert "Please hand in: ID card, portrait side" in page
    assert "Qihe Teaching Point" in page and 'href="tel:0534-0002501"' in page
    assert "Since 5 July 2022" in page and LIU_WEI.id_number not in page


@pytest.mark.parametrize(("reach", "office"), [("registered", "齐河县教学点"), ("submitted", "齐河县总工会")])
def test_one_office_is_named_to_call_the_one_that_holds_the_case(
    hands: Pilot, come_in: Callable[[date], Visitor], reach: str, office: str
) -> None:
    hands.registered() if reach == "registered" else hands.submitted(hands.graduated())
    student = come_in(date(2022, 8, 20) if reach == "registered" else CLAIMED)
    student.headers["Accept-Language"] = "zh"
    with_whom = re.findall(r"<dt>现由谁办</dt><dd>(.*?)</dd>", text(student.get("/status")), re.S)
    held = [told for told in with_whom if office in told]
    assert len(held) == 1 and all(told.count('class="contact"') <= 1 for told in with_whom)


def test_a_dispute_that_was_handed_over_is_with_the_arbiter(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    claim = hands.submitted(hands.graduated())
    hands.check(claim, hands.zhao_min)
    hands.check(claim, hands.sun_li, refused("RECEIPT_VOID"))
    over = row("claim", claim)["recheck_until"] + timedelta(days=1)
    with clock.on(over):
        assert deadlines.claims()["escalated"] == 1
    page = text(come_in(over).get("/status"))
    told = re.findall(r"<dt>Now with</dt><dd>(.*?)</dd>", page, re.S)
    assert re.findall(r"0534-\d+", told[0].partition("</a>")[0])[-1:] == ["0534-0000004"]
    assert told[0].count('class="contact"') == 1


def test_nobody_elses_step_is_offered(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    reference = hands.registered()
    page = text(come_in(date(2022, 8, 20)).get(f"/records/application/{reference}"))
    assert "Verify" not in page and "step-withdraw" in page and "step-reject" not in page


def test_a_claim_with_two_photos_from_the_telephone(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    hands.graduated()
    student = come_in(CLAIMED)
    assert "Claim the tuition" in text(student.get("/status")) and student.get("/my/claim/done").status_code == 404
    photos = [(io.BytesIO(photo(name)), f"{name}.png") for name in ("red", "blue")]
    given = receipt_fields("receipts") | {"account_number": CARD, "account_holder": LIU_WEI.name}
    entered = student.send("/my/claim", **given, photos=photos)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/my/claim/check")
    [claim] = rows("claim")
    assert claim["state"] == "draft" and len(rows("paper", record_id=claim["id"])) == 2
    page = text(student.get("/my/claim/check"))
    assert "¥4,790.00" in page and CARD[-4:] in page and CARD not in page
    assert 'href="/my/claim/receipts">Change' in page
    assert student.send("/my/claim/submit", seen_version="9" * 5000).status_code == 409
    sent = student.send("/my/claim/submit", seen_version=str(claim["version"]))
    assert (sent.status_code, sent.headers["Location"]) == (303, "/my/claim/done")
    assert state("claim", claim["reference"]) == "submitted"
    done = text(student.get("/my/claim/done"))
    assert claim["reference"] in done and "Qihe County Federation of Trade Unions" in done and ".png" in done


def test_a_photo_that_is_none_is_named_and_nothing_else_is_lost(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    student = come_in(CLAIMED)
    photos = [
        (io.BytesIO(photo("red")), "a.png"),
        (io.BytesIO(b"no picture"), "b.png"),
        (io.BytesIO(photo("red")), "a.png"),
    ]
    given = receipt_fields("receipts") | {"account_number": CARD, "account_holder": LIU_WEI.name}
    answer = student.send("/my/claim", **given, photos=photos)
    page = text(answer)
    assert answer.status_code == 422 and "Photo 2" in page and "neither a JPEG or PNG" in page
    assert "has been handed in for this claim already" in page
    assert len(rows("paper", record_id=rows("claim")[0]["id"])) == 1


def test_faults_of_a_claim_stand_at_their_fields_and_keep_what_was_typed(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    student = come_in(CLAIMED)
    given = receipt_fields("receipts") | {"account_number": "", "account_holder": LIU_WEI.name}
    answer = student.send("/my/claim", **given)
    assert answer.status_code == 422 and 'href="#create-account_number"' in text(answer)
    assert rows("claim") == [] and "1".zfill(20) in text(answer)


def test_one_part_of_a_claim_is_changed_and_the_others_stay(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    claim = hands.claim(hands.graduated())
    student = come_in(CLAIMED)
    assert "to do" not in text(student.get("/my/claim"))
    version = str(row("claim", claim)["version"])
    changed = student.send("/my/claim/more", seen_version=version, union_of="none", explanation="两张发票")
    assert changed.headers["Location"] == "/my/claim/check"
    page = text(student.get("/my/claim/check"))
    assert "join the union of the township" in page and "I declare this and submit" not in page
    assert "to do" in text(student.get("/my/claim"))
    assert row("claim", claim)["union_of"] == "none" and row("claim", claim)["account_holder"] is not None
    there = text(student.get("/my/claim/receipts"))
    assert "1".zfill(6) in there and there.count('<details class="receipt empty"') == 5
    assert not re.search(r'<details class="receipt[^>]* open', there)
    assert student.get("/my/claim/nothing").status_code == 404


def test_a_faulty_receipt_stands_open_whichever_it_is(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    hands.graduated()
    wrong = {"receipts-1-number": "2".zfill(20), "receipts-1-amount_fen": "many", "account_number": CARD}
    page = text(come_in(CLAIMED).send("/my/claim", **receipt_fields("receipts"), **wrong, account_holder=LIU_WEI.name))
    blocks = re.findall(r'<details class="receipt[^>]*>', page)
    assert [" open" in block for block in blocks] == [False, True, False, False, False, False]
    assert not any("name=" in block for block in blocks)


def test_a_card_that_was_mistyped_is_put_right(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    claim = hands.claim(hands.graduated())
    student, right = come_in(CLAIMED), "6222021001122334458"
    version = str(row("claim", claim)["version"])
    changed = student.send("/my/claim/card", seen_version=version, new_account_number=right)
    assert changed.headers["Location"] == "/my/claim/check"
    assert right[-4:] in text(student.get("/my/claim/check"))


def test_a_bookmark_leads_through_the_query_code_and_back(site: Flask, hands: Pilot) -> None:
    hands.registered()
    visitor = Visitor(site)
    away = visitor.get("/my/papers").headers["Location"]
    assert away == "/status?next=/my/papers"
    given = {"code": query_code(LIU_WEI), "id_tail": LIU_WEI.id_number[-6:]}
    assert visitor.send("/status", **given, next="/my/papers").headers["Location"] == "/my/papers"
    for elsewhere in ("/admin", "//evil.example/my/", "https://evil.example/my/"):
        assert Visitor(site).send("/status", **given, next=elsewhere).headers["Location"] == "/status"


def test_what_is_wrong_goes_to_the_office_and_changes_nothing(hands: Pilot, come_in: Callable[[date], Visitor]) -> None:
    reference = hands.registered()
    student = come_in(date(2022, 8, 20))
    page = text(student.get("/my/data"))
    assert LIU_WEI.name in page and LIU_WEI.id_number not in page
    before = row("application", reference)
    nothing = student.send("/my/data", seen_version=str(before["version"]), data_check="wrong")
    assert nothing.status_code == 409 and "Tick what is wrong." in text(nothing)
    said = student.send(
        "/my/data", seen_version=str(before["version"]), data_check="wrong", wrong_data=["portrait", "phone"]
    )
    assert said.headers["Location"] == "/status"
    assert row("application", reference)["name"] == before["name"]
    assert "Something is wrong (Photo, Mobile)" in text(student.get("/my/data")).replace("\n", " ")


def test_a_paper_is_shown_as_a_picture_to_its_readers_only(
    hands: Pilot, come_in: Callable[[date], Visitor], site: Flask
) -> None:
    hands.registered()
    number = rows("document")[0]["number"]
    student = come_in(date(2022, 8, 20))
    picture = student.get(f"/documents/{number}.png")
    assert picture.data.startswith(b"\x89PNG") and picture.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(picture.data)).width == 1080
    assert number in text(student.get("/my/papers"))
    stranger = Visitor(site)
    assert stranger.get(f"/documents/{number}.png").status_code == 302


def test_the_page_costs_the_same_however_much_there_is(
    hands: Pilot, come_in: Callable[[date], Visitor], site: Flask
) -> None:
    hands.paid(hands.graduated())
    student = come_in(CLAIMED)
    with site.app_context():
        engine = db.engine
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert student.get("/status").status_code == 200
    selects = [statement for statement in asked if statement.lstrip().upper().startswith("SELECT")]
    assert len(selects) <= 20, "\n".join(selects)


def test_the_clerk_copies_a_text_and_notes_that_it_was_told(hands: Pilot, at_desk: Callable[[str], Visitor]) -> None:
    reference = hands.registered()
    clerk, path = at_desk("wang.fang"), f"/records/application/{reference}"
    page = text(clerk.get(path))
    assert 'id="message-1" rows="5" readonly' in page and LIU_WEI.id_number not in page
    noted = clerk.send(f"{path}/told", message="send.papers", channel="sms")
    assert noted.headers["Location"] == f"{path}#telling"
    assert "Told so far" in text(clerk.get(path)) and "Papers missing · SMS" in text(clerk.get(path))
    again = clerk.send(f"{path}/told", message="send.papers", channel="pigeon")
    assert again.status_code == 422 and "Choose what was told and how." in text(again)


def notes_of(answer: str) -> list[str]:
    """Give the notes by which a form that came back carries its photos."""
    return re.findall(r'name="kept" value="([^"]+)"', answer)


def test_photos_of_a_faulty_form_are_kept_and_handed_in_with_the_next(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    student = come_in(CLAIMED)
    given = receipt_fields("receipts") | {"account_number": CARD, "account_holder": LIU_WEI.name}
    unread = student.send("/my/claim", **given | {"receipts-0-amount_fen": "many"}, photos=[picture("red")])
    assert unread.status_code == 422 and "Photos kept: 1" in text(unread)
    told = student.send(
        "/my/claim", **given | {"receipts-0-number": "12"}, kept=notes_of(text(unread)), photos=[picture("blue")]
    )
    notes = notes_of(text(told))
    assert told.status_code == 409 and len(notes) == 2 and rows("paper", kind="receipt") == []
    forged = [notes[0][:-3] + "abc"]
    assert student.send("/my/claim", **given, kept=[*notes, *forged]).status_code == 303
    claim = rows("claim")[0]
    assert len(rows("paper", record_id=claim["id"], kind="receipt")) == 2
    part = receipt_fields("new_receipts") | {"seen_version": str(claim["version"]), "new_receipts-0-amount_fen": "many"}
    faulty = student.send("/my/claim/receipts", **part, photos=[picture("green"), (io.BytesIO(b"none"), "b.png")])
    assert len(notes_of(text(faulty))) == 1 and "Photo 2" in text(faulty)


def test_a_kept_photo_is_its_senders_and_for_half_a_day(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    sender, other = (Actor(None, name, frozenset({"student"}), person_key=name) for name in ("one", "two"))
    [note], faults = papers.note_all([], [photo("red")], sender)
    assert list(papers.noted([note], sender)) == [note] and not faults
    assert papers.noted([note], other) == {}
    monkeypatch.setattr(papers, "NOTE_HOLDS", -1)
    assert papers.noted([note], sender) == {}


def test_a_claim_without_a_photo_says_so_before_and_after_it_is_submitted(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    claim = hands.claim(hands.graduated())
    student, warned = come_in(CLAIMED), "This claim has no photo of a receipt"
    page = text(student.get("/my/claim/check"))
    assert warned in page and 'href="/my/claim/receipts#photos"' in page and "I declare this and submit" in page
    student.send("/my/claim/submit", seen_version=str(row("claim", claim)["version"]))
    page = text(student.get("/my/claim/done"))
    assert warned in page and "teaching point" in page and 'href="/my/claim/receipts#photos"' not in page


def test_a_fault_of_a_receipt_names_its_form_and_leads_to_its_field(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    student = come_in(CLAIMED)
    page = text(student.get("/my/claim"))
    first = page.partition('class="rest"')[0]
    assert 'id="receipts-0-item"' in first and 'id="receipts-0-code"' in first
    assert "Fiscal e-bill: code of 8 digits, number of 10 digits" in first
    assert "Fully digital e-invoice: no code, number of 20 digits" in first
    second = {
        name.replace("-0-", "-1-"): value
        for name, value in receipt_fields("receipts").items()
        if name.startswith("receipts-0-")
    } | {"receipts-1-kind": "fiscal_ebill", "receipts-1-number": "1234567890"}
    answer = student.send(
        "/my/claim", **receipt_fields("receipts") | second, account_number=CARD, account_holder=LIU_WEI.name
    )
    page = text(answer)
    assert answer.status_code == 409 and 'href="#receipts-1-code"' in page
    assert "Fiscal e-bill has a code of 8 digits and a number of 10 digits" in page
    blocks = re.findall(r'<details class="receipt[^>]*>', page)
    assert [" open" in block for block in blocks] == [False, True, False, False, False, False]
    assert 'id="receipts-1-code-fault"' in page and not re.search(r'class="rest" open', page)
    assert "<details><summary>Other particulars" in page
    assert "You can mend it yourself; so can: " in page


def test_the_program_is_told_as_the_page_is_that_the_student_can_mend_a_receipt(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    study = hands.graduated()
    with pytest.raises(Refused) as caught:
        hands.claim(study, receipts=[receipt("1", LIU_WEI.name) | {"number": "7"}])
    [reason] = caught.value.reasons
    assert reason.who == ("student", "clerk")
    assert reason.facts["digits"] == 20


def test_a_returned_claim_says_why_on_each_page_and_shows_nothing_named_as_done(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    claim = hands.submitted(hands.graduated())
    hands.check(claim, hands.zhao_min, corrected("RECEIPT_DETAILS_WRONG", "OTHER") | {"note": "第二张票据看不清"})
    hands.check(claim, hands.sun_li)
    student = come_in(CHECKED)
    for path in ("/my/claim", "/my/claim/receipts", "/my/claim/check"):
        page = text(student.get(path))
        assert "Details of a receipt are wrong" in page and "第二张票据看不清" in page, path
    tasks = re.findall(r"<li><span class=.task-name.*?</li>", text(student.get("/my/claim")), re.S)
    assert "tag-returned" in tasks[0] and "tag-passed" not in tasks[0]
    assert "Bank card" in tasks[3] and "tag-passed" in tasks[3]


def test_a_missed_code_stays_typed_and_every_miss_reads_the_same(site: Flask, hands: Pilot) -> None:
    hands.registered()
    known = query_code(LIU_WEI)
    pages = [
        text(Visitor(site).send("/status", code=code, id_tail=tail))
        for code, tail in ((known, "000000"), ("ABCDEFGHJKMN", LIU_WEI.id_number[-6:]))
    ]
    assert f'value="{known}"' in pages[0] and LIU_WEI.id_number[-6:] not in pages[1]
    assert "Your teaching point gives you a new one" in pages[0] and 'href="tel:0534-0002501"' in pages[0]
    assert _plain(pages[0].replace(known, "")) == _plain(pages[1].replace("ABCDEFGHJKMN", ""))


def _plain(page: str) -> str:
    return re.sub(r'(csrf_token" value|nonce)="[^"]*"', "", page)


def test_the_page_shows_whose_it_is_and_the_present_matter_first(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    page = text(come_in(CLAIMED).get("/status"))
    assert f"Signed in: {LIU_WEI.name[0]}*" in page and LIU_WEI.name not in page
    stages = re.findall(r'<h2 id="stage-\d+"><a href="/records/(\w+)/', page)
    assert stages[0] == "study" and stages[-1] == "application"
    todo = page.partition('class="now"')[2].partition("</section>")[0]
    assert "<strong>Claim</strong>" in todo and "<strong>Study</strong>" not in todo


def test_a_form_handed_in_again_takes_the_place_of_the_earlier_one(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    claim = hands.submitted(hands.graduated())
    hands.check(claim, hands.zhao_min, corrected("RECEIPT_DETAILS_WRONG"))
    hands.check(claim, hands.sun_li)
    hands.submit(claim)
    first, second = sorted(r["number"] for r in rows("document") if r["kind"] == "claim_form")
    student, marked = come_in(CHECKED), "Earlier version, replaced by a newer one"
    for path in ("/my/papers", f"/records/claim/{claim}", "/my/claim/done"):
        page = text(student.get(path))
        assert page.index(second) < page.index(first) and page.count(marked) == 1, path
        assert marked in page[page.index(first) :].partition("</li>")[0], path


def test_a_claim_that_can_no_longer_be_made_says_why_and_whom_to_call(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    study = hands.graduated()
    late = come_in(row("study", study)["diploma_on"] + timedelta(days=900))
    for path in ("/my/claim", f"/records/study/{study}"):
        page = text(late.get(path))
        assert "The claim had to be submitted by" in page and 'name="account_number"' not in page, path
        assert "/records/claim/new" not in page and 'href="/my/claim"' not in page
    assert 'href="tel:0534-0002501"' in text(late.get("/my/claim"))
    assert "Can be mended by" in text(late.get("/my/claim"))


def test_all_entries_that_cannot_be_read_are_told_in_one_round(
    hands: Pilot, come_in: Callable[[date], Visitor]
) -> None:
    hands.graduated()
    given = receipt_fields("receipts") | {"account_number": "", "account_holder": LIU_WEI.name}
    given |= {"receipts-0-amount_fen": "25OO.00", "receipts-0-paid_on": "2023-02-30"}
    page = text(come_in(CLAIMED).send("/my/claim", **given))
    for field in ("receipts-0-amount_fen", "receipts-0-paid_on", "create-account_number"):
        assert f'href="#{field}"' in page and f'id="{field}"' in page, field
