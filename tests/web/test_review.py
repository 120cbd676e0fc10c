"""The reviewers' desks: own queues, blind checks with own readings, who holds what, the conflict desk, the notice."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from edu_pilot.extensions import db, read, write
from edu_pilot.services import papers, reviewing, waiting
from edu_pilot.services.pictures import pdf_of
from tests.factories import CHECKED, Pilot, corrected, on, passed, receipt, refused, rows, state
from tests.people import LIU_WEI, worker
from tests.services.test_claim_ways import context
from tests.web.visitor import SEEN, Visitor, masked, text

AtDesk = Callable[[str], Visitor]


@pytest.fixture(autouse=True)
def _on_the_day(hands: Pilot, at_desk: AtDesk) -> Iterator[None]:
    """Let every test run on the day of the checks."""
    with on(CHECKED):
        yield


@pytest.fixture
def claims(hands: Pilot) -> list[str]:
    """Give three claims that wait for both bodies."""
    return [hands.submitted(hands.graduated(who)) for who in (LIU_WEI, worker(1), worker(2))]


def judged(visitor: Visitor, claim: str, action: str = "check", **changes: str) -> object:
    """Decide on a claim from its page, with a pass unless said otherwise."""
    fields = {
        "outcome": "pass", "reading-line_0": "4,790.00", "reading-id_tail": LIU_WEI.id_number[-4:],
        "reading-diploma_on": "20250131", "then": "next",
    }  # fmt: skip
    seen = SEEN.search(text(visitor.get(f"/review/{claim}")))
    fields["seen_version"] = seen.group(1) if seen else "0"
    return visitor.send(f"/review/{claim}/{action}", **(fields | changes))


def test_r5_2_a_queue_holds_what_waits_for_the_own_body_and_tells_nothing_of_the_other(
    at_desk: AtDesk, hands: Pilot, claims: list[str]
) -> None:
    union, university = at_desk("zhao.min"), at_desk("sun.li")
    before = masked(university.get("/review")), masked(university.get(f"/review/{claims[0]}"))
    hands.check(claims[0], hands.zhao_min)
    assert (masked(university.get("/review")), masked(university.get(f"/review/{claims[0]}"))) == before
    mine = text(union.get("/review"))
    assert claims[0] not in mine and claims[1] in mine and claims[2] in mine


def test_each_wrong_entry_has_a_link_of_its_own(at_desk: AtDesk, claims: list[str]) -> None:
    gone = {"outcome": "", "reading-line_0": "x", "reading-id_tail": "", "reading-diploma_on": ""}
    page = text(judged(at_desk("sun.li"), claims[0], **gone))
    summary = page.partition('class="summary"')[2].partition("</section>")[0]
    linked = dict(re.findall(r'<a href="#([^"]+)">([^<]+)</a>', summary))
    assert linked == {
        "check-outcome": "Outcome is missing.",
        "reading-line_0": "Amount of receipt 1: Write the amount in yuan, such as 4790.00.",
        "reading-id_tail": "Last four of the ID number is missing.",
        "reading-diploma_on": "Date on the diploma is missing.",
    }
    assert all(f'id="{place}"' in page for place in linked)


def test_r5_2_what_the_university_mends_names_no_other_body(at_desk: AtDesk, claims: list[str]) -> None:
    university = at_desk("sun.li")
    page = text(judged(university, claims[0], reasons="ACCOUNT_WRONG"))
    summary = page.partition('class="summary"')[2].partition("</section>")[0]
    assert "Choose reasons that belong to the outcome" in summary and "union" not in summary
    assert "You can mend it yourself." in summary
    assert "asked once more to confirm that it is you; what you have filled in is kept." in page


def test_a_check_sums_what_was_read_and_leads_to_the_next_of_the_same_queue(at_desk: AtDesk, claims: list[str]) -> None:
    union = at_desk("zhao.min")
    answer = judged(union, claims[0], county="", major="530701", points="identity", stage="checks")
    assert (answer.status_code, answer.location) == (303, f"/review/{claims[1]}?stage=checks&major=530701")
    check = rows("claim_check")[0]
    assert check["reading"] == {
        "amount_fen": 479_000, "id_tail": LIU_WEI.id_number[-4:], "diploma_on": "2025-01-31",
    }  # fmt: skip
    assert check["points"] == ["identity"]


def test_every_receipt_is_read_by_itself(at_desk: AtDesk, hands: Pilot) -> None:
    given = [receipt("1", amount_fen=100_000), receipt("2", amount_fen=379_000)]
    claim = hands.submitted(hands.graduated(), receipts=given)
    union = at_desk("zhao.min")
    short = judged(union, claim, **{"reading-line_0": "1000"})
    assert short.status_code == 422 and rows("claim_check") == []
    assert (
        judged(union, claim, **{"reading-line_0": "1000", "reading-line_1": "3790.5"}, meant="yes").status_code == 303
    )
    assert rows("claim_check")[0]["reading"]["amount_fen"] == 479_050


def test_other_wants_an_explanation_which_the_claimant_reads(at_desk: AtDesk, hands: Pilot, claims: list[str]) -> None:
    union = at_desk("zhao.min")
    bare = judged(union, claims[0], outcome="correct", reasons="OTHER")
    assert bare.status_code == 409 and "writes down what it is" in text(bare) and rows("claim_check") == []
    assert 'value="4,790.00"' in text(bare)
    assert judged(union, claims[0], outcome="correct", reasons="OTHER", note="票据缺章").status_code == 303
    hands.check(claims[0], hands.sun_li, corrected("ACCOUNT_WRONG"))
    assert state("claim", claims[0]) == "returned"
    assert context("return_notice")["note"] == "齐河县总工会：票据缺章"


def test_a_faulty_check_stays_on_the_page_though_the_proof_is_old(at_desk: AtDesk, claims: list[str]) -> None:
    union = at_desk("zhao.min")
    with write() as conn:
        conn.execute(sa.text("UPDATE login_session SET stepped_up_at = NULL"))
    answer = judged(union, claims[0], **{"reading-id_tail": "", "note": "看不清"})
    page = text(answer)
    assert answer.status_code == 422 and rows("claim_check") == []
    assert 'value="4,790.00"' in page and "看不清" in page and 'href="#reading-id_tail"' in page


def test_r5_2_a_refusal_needs_the_own_reading_and_the_page_says_why(at_desk: AtDesk, claims: list[str]) -> None:
    union = at_desk("zhao.min")
    bare = {"reading-line_0": "", "reading-id_tail": "", "reading-diploma_on": ""}
    answer = judged(union, claims[0], outcome="refuse", reasons="NOT_MEMBER", **bare)
    assert answer.status_code == 422 and rows("claim_check") == []
    reading = text(answer).partition('id="check-reading"')[2].partition("</section>")[0]
    assert "a refusal too" in reading and "side by side" in reading
    unread = bare | {"reading-line_0": "0", "reading-id_tail": "002X", "reading-diploma_on": "20250131"}
    assert judged(union, claims[0], outcome="refuse", reasons="ILLEGIBLE", **unread).status_code == 303
    assert rows("claim_check")[0]["reading"]["amount_fen"] == 0


def test_the_reasons_stand_in_families_each_offered_once(at_desk: AtDesk, claims: list[str]) -> None:
    page = text(at_desk("zhao.min").get(f"/review/{claims[0]}"))
    refuse = page.partition('data-family="refuse"')[2].partition("</fieldset>")[0]
    correct = page.partition('data-family="correct"')[2].partition("</fieldset>")[0]
    assert 'value="NOT_MEMBER"' in refuse and 'value="PAPER_MISSING"' not in refuse
    assert 'value="PAPER_MISSING"' in correct and 'value="NOT_MEMBER"' not in correct
    assert 'value="RECEIPT_DETAILS_WRONG"' in correct and 'value="PORTRAIT_UNSUITABLE"' not in correct
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_no_data_is_told_apart_from_a_match(at_desk: AtDesk, claims: list[str]) -> None:
    page = text(at_desk("zhao.min").get(f"/review/{claims[0]}"))
    assert "○ no data" in page.partition("Not paid from other public money")[2].partition("</tr>")[0]
    assert "✓ matches" in page.partition("The account is the claimant's own")[2].partition("</tr>")[0]
    assert "The national register" not in page


def test_a_claim_is_taken_on_seen_by_colleagues_and_bars_nobody(at_desk: AtDesk, claims: list[str]) -> None:
    union, colleague, university = at_desk("zhao.min"), at_desk("zhao.min.colleague"), at_desk("sun.li")
    assert union.send(f"/review/{claims[0]}/hold", step="take", seen="").status_code == 303
    assert "zhao.min" in text(colleague.get("/review")) and "zhao.min" not in text(university.get("/review"))
    assert claims[0] not in text(colleague.get("/review?whose=free")) and claims[0] in text(
        union.get("/review?whose=mine")
    )
    late = colleague.send(f"/review/{claims[0]}/hold", step="take", seen="")
    assert late.status_code == 409 and "zhao.min has taken this claim on already" in text(late)
    assert judged(colleague, claims[0]).status_code == 303
    assert rows("case_hold") == []


def test_a_hold_is_handed_back_and_taken_over_by_name(at_desk: AtDesk, claims: list[str]) -> None:
    union, colleague = at_desk("zhao.min"), at_desk("zhao.min.colleague")
    path = f"/review/{claims[0]}/hold"
    union.send(path, step="take", seen="")
    colleague.send(path, step="hand_back")
    assert rows("case_hold")[0]["held_by"] == "zhao.min"
    assert colleague.send(path, step="take", seen="zhao.min").status_code == 303
    assert rows("case_hold")[0]["held_by"] == "zhao.min.colleague"
    colleague.send(path, step="hand_back")
    assert rows("case_hold") == []


def test_filters_stand_in_the_address_and_a_page_knows_its_place(at_desk: AtDesk, claims: list[str]) -> None:
    university = at_desk("sun.li")
    assert claims[0] in text(university.get("/review?county=371425"))
    assert claims[0] not in text(university.get("/review?county=371402"))
    assert claims[0] not in text(university.get("/review?age=20")) and claims[0] in text(
        university.get("/review?age=5")
    )
    page = text(university.get(f"/review/{claims[1]}?county=371425"))
    assert "2 of 3" in page and f"/review/{claims[2]}?stage=checks&county=371425" in page


def test_the_conflict_desk_shows_both_readings_and_marks_where_they_differ(
    at_desk: AtDesk, hands: Pilot, claims: list[str]
) -> None:
    other = {"amount_fen": 470_000, "id_tail": LIU_WEI.id_number[-4:], "diploma_on": "2025-01-31"}
    hands.check(claims[0], hands.zhao_min, refused() | {"reading": other})
    hands.check(claims[0], hands.sun_li)
    union, arbiter = at_desk("zhao.min"), at_desk("arbiter")
    page = text(union.get(f"/review/{claims[0]}?stage=conflicts"))
    table = page.partition('id="readings"')[2].partition("</table>")[0]
    marked = re.findall(r'<tr class="differing"><th scope="row">([^<]+?)\s*<', table)
    assert marked == ["Outcome", "Reasons", "Amount read"]
    assert claims[0] not in text(arbiter.get("/review"))
    assert judged(union, claims[0], "recheck", outcome="refuse", reasons="NOT_MEMBER").status_code == 303
    assert f">{claims[0]}<" not in text(union.get("/review?stage=conflicts"))
    assert claims[0] not in text(arbiter.get("/review")) and claims[0] in text(
        at_desk("sun.li").get("/review?stage=conflicts")
    )
    hands.act("claim", claims[0], "recheck", hands.sun_li, CHECKED, **passed())
    assert claims[0] in text(arbiter.get("/review"))
    assert judged(arbiter, claims[0], "settle", decision="pass").status_code == 303
    assert state("claim", claims[0]) == "approved"


def test_the_notice_names_masked_people_and_leads_to_objections(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    union = at_desk("zhao.min")
    page = text(union.get("/review/notice"))
    assert claim in page and LIU_WEI.id_number[-4:] in page and LIU_WEI.id_number not in page
    assert union.send("/review/notice", step="publish").status_code == 303
    assert "GS2503-" in text(union.get("/review/notice"))
    hands.act("claim", claim, "object", hands.wang_fang, CHECKED, objection="不是会员")
    arbiter = at_desk("arbiter")
    assert claim in text(arbiter.get("/review?stage=objections"))
    page = text(arbiter.get(f"/review/{claim}?stage=objections"))
    assert 'data-when="founded"' in page and 'data-family="correct"' not in page
    decided = {"resolution": "founded", "reasons": "NOT_MEMBER", "note": "经核查异议成立"}
    assert judged(arbiter, claim, "resolve_objection", **decided).status_code == 303
    assert state("claim", claim) == "refused"


def test_no_page_shows_a_full_number(at_desk: AtDesk, claims: list[str]) -> None:
    for name in ("zhao.min", "sun.li", "arbiter", "xu.ning"):
        desk = at_desk(name)
        for path in ("/review", f"/review/{claims[0]}", "/review/notice"):
            assert LIU_WEI.id_number not in text(desk.get(path)) and LIU_WEI.phone not in text(desk.get(path))


def test_another_county_is_not_there(at_desk: AtDesk, hands: Pilot) -> None:
    hands.wang_fang = hands.decheng_clerk
    claim = hands.submitted(hands.graduated(county="德城区", point="德城区教学点"))
    union = at_desk("zhao.min")
    assert claim not in text(union.get("/review")) and claim in text(at_desk("sun.li").get("/review"))
    paths = (f"/review/{claim}", "/review/R2503-999999")
    assert [union.get(path).status_code for path in paths] == [404, 404]
    assert union.send(f"/review/{claim}/hold", step="take", seen="").status_code == 404 and rows("case_hold") == []


def queries(visitor: Visitor, path: str) -> int:
    """Count the statements that asking for a page takes."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert visitor.get(path).status_code == 200
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_a_queue_costs_the_same_however_long_it_is(
    site: Flask, at_desk: AtDesk, hands: Pilot, claims: list[str]
) -> None:
    university = at_desk("sun.li")
    few = queries(university, "/review")
    for n in range(3, 12):
        hands.submitted(hands.graduated(worker(n)))
    assert queries(university, "/review") == few <= 20
    assert queries(university, f"/review/{claims[0]}") <= 36


def test_the_identity_is_asked_before_the_form(at_desk: AtDesk, claims: list[str]) -> None:
    union = at_desk("zhao.min")
    with write() as conn:
        conn.execute(sa.text("UPDATE login_session SET stepped_up_at = NULL"))
    page = text(union.get(f"/review/{claims[0]}"))
    assert 'action="/prove"' in page and 'name="outcome"' not in page
    wrong = union.send("/prove", next=f"/review/{claims[0]}", step_up_code="000000")
    assert wrong.status_code == 403 and f'value="/review/{claims[0]}"' in text(wrong)


def test_a_pdf_stands_beside_what_it_proves_page_by_page(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.claim(hands.graduated())
    two = pdf_of([(jpeg, (100, 60)) for jpeg in (picture("white"), picture("black"))])
    file = papers.add("claim", claim, "receipt", two, hands.wang_fang)
    hands.submit(claim)
    union = at_desk("zhao.min")
    address = f"/records/claim/{claim}/files/{file}/pages"
    page = text(union.get(f"/review/{claim}"))
    assert f'src="{address}/1"' in page and f'src="{address}/2"' in page and f'src="{address}/3"' not in page
    answers = [union.get(f"{address}/{number}") for number in ("1", "2", "3", "0", "x")]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 404]
    shades = [Image.open(io.BytesIO(answer.data)).convert("L").getpixel((5, 5)) for answer in answers[:2]]
    assert shades == [255, 0] and answers[0].headers["Content-Type"] == "image/jpeg"
    assert {row["field"] for row in rows("look_up", actor="zhao.min")} == {f"receipt:{file}"}


def picture(colour: str) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (100, 60), colour).save(target, "JPEG")
    return target.getvalue()


def test_the_navigation_counts_what_the_queues_hold(hands: Pilot, claims: list[str]) -> None:
    hands.check(claims[0], hands.zhao_min, refused())
    hands.check(claims[0], hands.sun_li)
    for actor in (hands.zhao_min, hands.sun_li, hands.arbiter):
        with read() as conn:
            queues = reviewing.counted(conn, actor)
            assert waiting.numbers(conn, actor, ["review"])["review"] == sum(queues.values())
        assert sum(queues.values()) == (0 if actor is hands.arbiter else 3)


def test_r5_2_a_claim_passed_on_another_amount_asks_whether_that_is_meant(hands: Pilot, at_desk: AtDesk) -> None:
    claim = hands.submitted(hands.graduated())
    union = at_desk("zhao.min")
    asked = judged(union, claim, **{"reading-line_0": "4,340.00"})
    assert asked.status_code == 422 and "read another amount than is claimed" in text(asked)
    assert 'value="4,340.00"' in text(asked) and state("claim", claim) == "submitted" and not rows("claim_check")
    assert judged(union, claim, **{"reading-line_0": "4,340.00"}, meant="yes").status_code == 303
    assert rows("claim_check")[0]["reading"]["amount_fen"] == 434_000
