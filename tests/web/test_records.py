"""Lists, records and steps as the staff see them: wired to the services, with nothing decided here."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from edu_pilot import clock, paths
from edu_pilot.extensions import read
from edu_pilot.services import documents, papers, policies
from edu_pilot.workflow.versions import read_folder
from tests.app import TODAY
from tests.factories import (
    A_PDF,
    CARD,
    CLAIMED,
    Pilot,
    application_form,
    contents,
    on,
    publish_change,
    row,
    rows,
    state,
    store_instead,
)
from tests.people import LIU_WEI, Human, worker
from tests.web.queries import MOST, counted
from tests.web.visitor import Visitor, masked, text

FIRST = Path(__file__).parents[1] / "workflow" / "versions" / "first"
AtDesk = Callable[[str], Visitor]


def typed(**changes: str) -> dict[str, str]:
    """Give what a clerk types for Liu Wei."""
    return {name: str(value) for name, value in application_form().items()} | changes


def test_a_clerk_enters_and_registers_a_worker(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    made = clerk.send("/records/application/new", **typed())
    assert made.status_code == 303
    path = made.headers["Location"]
    with on(CLAIMED.replace(2022, 7, 5)):
        assert clerk.act(path, "register").status_code == 303
    assert state("application", path.rpartition("/")[2]) == "registered"
    assert "Done: Register. Now: Registered; waiting for: " in text(clerk.get(path))


def test_the_list_keeps_its_filters_in_the_address(at_desk: AtDesk, hands: Pilot) -> None:
    drafted, registered = hands.draft(worker(1)), hands.registered()
    page = text(at_desk("wang.fang").get("/records/application?state=registered&q=liuw"))
    assert registered in page and drafted not in page
    assert 'value="liuw"' in page and 'value="registered" selected' in page


def test_a_long_list_goes_on_where_it_ended(at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edu_pilot.web.records.PAGE", 1)
    first, second = hands.draft(worker(1)), hands.draft(worker(2))
    page = text(at_desk("wang.fang").get("/records/application?state=draft"))
    assert first in page and second not in page
    assert f"after={first}&state=draft" in page


def found(visitor: Visitor, number: str) -> str:
    """Give the page that a search by number leads to; its address does not hold the number."""
    address = visitor.send("/search", number=number).location
    assert number not in address
    return text(visitor.get(address))


def test_what_was_searched_is_opened_by_who_searched(at_desk: AtDesk, hands: Pilot) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    address = clerk.send("/search", number=LIU_WEI.id_number).location
    assert reference in text(clerk.get(address))
    assert at_desk("chen.hui").get(address).status_code == clerk.get(address + "x").status_code == 404


def test_a_person_is_found_by_number_and_never_by_address(at_desk: AtDesk, hands: Pilot) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    for number in (LIU_WEI.id_number, LIU_WEI.phone, LIU_WEI.id_number.lower()):
        assert reference in found(clerk, number)
    assert reference not in text(clerk.get(f"/records/application?q={LIU_WEI.id_number}"))
    assert reference not in found(at_desk("decheng.clerk"), LIU_WEI.id_number)


def test_edge_10_two_of_one_name_are_told_apart_by_the_end_of_their_numbers(at_desk: AtDesk, hands: Pilot) -> None:
    other = Human(LIU_WEI.name, worker(3).id_number, worker(3).phone)
    hands.registered()
    hands.registered(other)
    page = text(at_desk("wang.fang").get("/records/application"))
    for who in (LIU_WEI, other):
        assert f">{who.id_number[-4:]}</span>" in page
        assert who.id_number not in page


def test_numbers_are_masked_on_every_page(at_desk: AtDesk, hands: Pilot) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    for path in ("/desk", "/records/application", f"/records/application/{reference}"):
        page = text(clerk.get(path))
        assert LIU_WEI.id_number not in page and LIU_WEI.phone not in page


def test_a_blocked_step_shows_every_reason_and_who_can_mend_it(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered(employer="", job="", union_member="")
    path, clerk = f"/records/application/{reference}", at_desk("wang.fang")
    page = text(clerk.get(path))
    section = page.partition('id="step-verify"')[2].partition("</section>")[0]
    assert section.count("<li>") == 3
    assert section.count("You can mend it yourself.") == 3
    assert "<button" not in section


def test_what_leaves_a_record_where_it_stands_is_no_main_button(at_desk: AtDesk, hands: Pilot) -> None:
    page = text(at_desk("wang.fang").get(f"/records/application/{hands.registered()}"))
    assert re.search(r'id="step-reissue_form">.*?<button class="button quiet-button">', page, re.DOTALL)
    renewed = page.partition('<details class="step" id="step-renew_query_code">')[2].partition("</details>")[0]
    assert "stop working at once" in renewed.partition("<button")[0]


def test_a_lost_slip_is_replaced_from_whatever_record_is_at_hand(at_desk: AtDesk, hands: Pilot, site: Flask) -> None:
    study = hands.graduated()
    application, claim = rows("application")[0]["reference"], hands.submitted(study)
    step = f'href="/records/application/{application}#step-renew_query_code"'
    later = {"study": study, "certification": hands.certification_of(study), "claim": claim}
    for workflow, reference in later.items():
        for who, may in (("wang.fang", True), ("chen.hui", True), ("zhao.min", False), ("sun.li", False)):
            assert (step in text(at_desk(who).get(f"/records/{workflow}/{reference}"))) is may, (workflow, who)
        clerk = at_desk("wang.fang")
        with counted(site) as asked:
            clerk.get(f"/records/{workflow}/{reference}")
        assert len([query for query in asked if query.lstrip().startswith("SELECT")]) <= MOST
    assert 'id="step-renew_query_code"' in text(at_desk("wang.fang").get(f"/records/application/{application}"))


def test_a_refusal_shows_the_record_again_with_all_reasons(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered(employer="", job="", union_member="")
    path, clerk, before = f"/records/application/{reference}", at_desk("wang.fang"), contents()
    answer = clerk.send(f"{path}/verify", seen_version=str(row("application", reference)["version"]))
    assert answer.status_code == 409
    summary = text(answer).partition('role="alert"')[2].partition("</section>")[0]
    assert "Papers not yet handed in" in summary and summary.count("<li>") == 3
    assert contents() == before


def test_an_incomplete_form_keeps_what_was_entered(at_desk: AtDesk, hands: Pilot) -> None:
    reference, before_note = hands.registered(), "the portrait is too dark"
    path, clerk, before = f"/records/application/{reference}", at_desk("wang.fang"), contents()
    answer = clerk.act(path, "return_for_correction", note=before_note)
    page = text(answer)
    assert answer.status_code == 422
    assert before_note in page
    assert 'href="#return_for_correction-faults"' in page and 'id="return_for_correction-faults"' in page
    assert contents() == before


def test_a_new_record_that_is_refused_keeps_its_entries(at_desk: AtDesk, hands: Pilot) -> None:
    answer = at_desk("wang.fang").send("/records/application/new", **typed(county="德城区"))
    assert answer.status_code == 409
    assert f'value="{LIU_WEI.name}"' in text(answer)
    assert rows("application") == []


def test_a_step_on_a_page_that_is_old_is_told_who_was_first(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered()
    path, clerk, before = f"/records/application/{reference}", at_desk("wang.fang"), contents()
    answer = clerk.act(path, "withdraw", seen_version="1", withdrawal="PERSONAL")
    assert answer.status_code == 409
    assert "wang.fang did “Register”" in text(answer)
    assert contents() == before


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_a_step_without_a_version_is_never_taken(at_desk: AtDesk, hands: Pilot, seen: str) -> None:
    reference = hands.complete()
    path = f"/records/application/{reference}"
    assert at_desk("wang.fang").send(f"{path}/verify", seen_version=seen).status_code == 409
    assert state("application", reference) == "registered"


def test_another_countys_record_is_missing_byte_for_byte(at_desk: AtDesk, hands: Pilot) -> None:
    reference, clerk = hands.registered(), at_desk("decheng.clerk")
    hidden, missing = f"/records/application/{reference}", "/records/application/A2209-999999"
    assert masked(clerk.get(hidden)) == masked(clerk.get(missing))
    for action in ("withdraw", "nonsense", "files"):
        answers = [clerk.send(f"{path}/{action}", seen_version="1") for path in (hidden, missing)]
        assert [a.status_code for a in answers] == [404, 404]
        assert masked(answers[0]) == masked(answers[1])
    paper = papers.add("application", reference, "portrait", A_PDF, hands.wang_fang)
    document = f"/documents/{issued(reference)}"
    for address in (f"{hidden}/files/{paper}", document, f"{document}.pdf"):
        assert clerk.get(address).status_code == 404


def issued(reference: str) -> str:
    """Give the number of the document issued for an application."""
    return str(rows("document", record_id=row("application", reference)["id"])[0]["number"])


def test_a_step_of_another_role_is_forbidden(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.verified()
    answer = at_desk("wang.fang").act(f"/records/application/{reference}", "admit")
    assert answer.status_code == 403
    assert state("application", reference) == "verified"


def test_papers_are_handed_in_and_shown_to_those_who_see_the_record(at_desk: AtDesk, hands: Pilot) -> None:
    path, clerk = f"/records/application/{hands.registered()}", at_desk("wang.fang")
    sent = clerk.send(f"{path}/files", kind="portrait", file=(io.BytesIO(A_PDF), "照片.pdf"))
    assert sent.status_code == 303
    address = f"{path}/files/{rows('paper')[0]['id']}"
    assert address in text(clerk.get(path))
    answer = clerk.get(address)
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_file_that_is_no_paper_is_refused(at_desk: AtDesk, hands: Pilot) -> None:
    path, clerk = f"/records/application/{hands.registered()}", at_desk("wang.fang")
    answer = clerk.send(f"{path}/files", kind="portrait", file=(io.BytesIO(b"<html>"), "x.jpg"))
    assert answer.status_code == 422
    assert "neither a JPEG or PNG picture nor a PDF" in text(answer)
    assert rows("paper") == []


def test_a_document_that_cannot_be_drawn_says_why_in_the_readers_language(
    at_desk: AtDesk, hands: Pilot, site: Flask
) -> None:
    number, clerk = issued(hands.registered(employer="齐河\U0002ebf0公司")), at_desk("wang.fang")
    assert "U+2EBF0" in text(clerk.get(f"/documents/{number}.pdf"))
    assert "No installed font can draw: \U0002ebf0 U+2EBF0 (工作单位 employer)" in text(
        clerk.get(f"/documents/{number}")
    )


def test_r2_9_a_document_is_offered_to_those_it_is_for(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered()
    number = issued(reference)
    pages = (f"/records/application/{reference}", f"/documents/{number}")
    for name, opens in (("wang.fang", True), ("zhao.min", False)):
        desk = at_desk(name)
        assert [f"{number}.pdf" in text(desk.get(page)) for page in pages] == [opens, opens]
    assert at_desk("zhao.min").get(f"/documents/{number}.pdf").status_code == 403


def test_a_document_opens_for_those_who_see_its_record(
    at_desk: AtDesk, hands: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, clerk = issued(hands.registered()), at_desk("wang.fang")
    assert number in text(clerk.get(f"/documents/{number}"))
    monkeypatch.setattr(documents, "render", lambda asked: asked.encode())
    answer = clerk.get(f"/documents/{number}.pdf")
    assert answer.data == number.encode() and answer.content_type == "application/pdf"


def receipts(**changes: str) -> dict[str, str]:
    """Give the fields of one receipt row."""
    row = {
        "kind": "digital_invoice", "number": "1".zfill(20), "issuer": "德州广播电视大学", "payer": LIU_WEI.name,
        "item": "tuition", "paid_on": "2022年9月12日", "amount_fen": "4,790.00",
    }  # fmt: skip
    return {f"receipts-0-{name}": value for name, value in (row | changes).items()}


def test_a_claim_is_typed_in_yuan_and_kept_in_fen(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.graduated()
    given = {"study": study, "account_number": CARD, "account_holder": LIU_WEI.name, "other_money_fen": "100.5"}
    with on(CLAIMED):
        answer = at_desk("wang.fang").send("/records/claim/new", **given, **receipts())
    assert answer.status_code == 303, text(answer)
    claim = row("claim", answer.headers["Location"].rpartition("/")[2])
    assert claim["other_money_fen"] == 10_050
    assert [r["amount_fen"] for r in rows("receipt")] == [479_000]


def test_r1_6_the_form_of_a_claim_stands_under_an_earlier_version(app: Flask, at_desk: AtDesk, hands: Pilot) -> None:
    store_instead(app, read_folder(paths.workflows()) | read_folder(FIRST))
    answer = at_desk("wang.fang").get("/records/claim/new")
    assert answer.status_code == 200, text(answer)


def test_r1_6_the_form_of_a_claim_offers_what_its_study_was_promised(at_desk: AtDesk, hands: Pilot) -> None:
    study, credit = hands.graduated(), "    credit: {zh: 学分费"
    publish_change("policies.yaml", credit, "    books: {zh: 教材费, en: Books}\n" + credit, TODAY)
    clerk = at_desk("wang.fang")
    assert 'value="books"' in text(clerk.get("/records/claim/new"))
    assert 'value="books"' not in text(clerk.get(f"/records/claim/new?study={study}"))


def test_an_amount_that_is_none_is_told_at_its_field(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.graduated()
    given = {"study": study, "account_number": CARD, "account_holder": LIU_WEI.name, "other_money_fen": "4790 fen"}
    with on(CLAIMED):
        answer = at_desk("wang.fang").send("/records/claim/new", **given, **receipts(amount_fen="12.345"))
    page = text(answer)
    assert answer.status_code == 422
    assert page.count("Write the amount in yuan, such as 4790.00.") >= 2
    assert 'value="12.345"' in page and 'value="4790 fen"' in page
    assert rows("claim") == []


def checking(**changes: str) -> dict[str, str]:
    """Give the fields of a check that passes."""
    reading = {"amount_fen": "4790", "id_tail": LIU_WEI.id_number[-4:], "diploma_on": "20250131"}
    return {"outcome": "pass"} | {f"reading-{name}": value for name, value in reading.items()} | changes


def test_neither_body_sees_that_the_other_has_checked(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.submitted(hands.graduated())
    path, university = f"/records/claim/{claim}", at_desk("sun.li")
    before = masked(university.get(path))
    assert at_desk("zhao.min").act(path, "check", **checking()).status_code == 303
    assert rows("claim_check")[0]["reading"] == {
        "amount_fen": 479_000, "id_tail": LIU_WEI.id_number[-4:], "diploma_on": "2025-01-31",
    }  # fmt: skip
    assert masked(university.get(path)) == before
    assert "zhao.min" not in text(university.get("/review"))


def test_a_check_asks_for_the_whole_reading(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.submitted(hands.graduated())
    answer = at_desk("zhao.min").act(f"/records/claim/{claim}", "check", **checking(**{"reading-id_tail": ""}))
    assert answer.status_code == 422
    assert rows("claim_check") == []


AREAS = {
    "wang.fang": {"/desk"},
    "chen.hui": {"/registry"},
    "examiner": {"/exams"},
    "sun.li": {"/review"},
    "arbiter": {"/review"},
    "releaser": {"/payments"},
    "admin": {"/admin"},
    "xu.ning": {"/desk", "/registry", "/exams", "/review", "/payments", "/admin"},
}


@pytest.mark.parametrize("name", AREAS)
def test_everybody_has_the_own_areas_and_the_overview(at_desk: AtDesk, hands: Pilot, name: str) -> None:
    hands.admitted()
    staff = at_desk(name)
    for path in set.union(*AREAS.values()):
        assert staff.get(path).status_code == (200 if path in AREAS[name] else 403), path
    assert staff.get("/dashboard").status_code == staff.get("/").status_code == 200


ROSTER = "姓名,身份证号,手机号,县（市、区）,教学点,报考层次,报考专业,原毕业院校,原学历,工作单位,岗位,是否工会会员\n"


def roster() -> tuple[io.BytesIO, str]:
    """Give a roster of two rows: the first is right, the second has no phone."""
    rest = "齐河县,齐河县教学点,专科,电子商务,一中,高中,厂,焊工,是\n"
    good = f"{LIU_WEI.name},{LIU_WEI.id_number},{LIU_WEI.phone},{rest}"
    bad = f"{worker(1).name},{worker(1).id_number},,{rest}"
    return io.BytesIO((ROSTER + good + bad).encode()), "roster.csv"


def test_a_roster_is_judged_first_and_taken_on_request(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    kept = clerk.send("/desk/roster", intake="2209", file=roster()).location
    page = text(clerk.get(kept))
    assert "Checked; nothing is written yet" in page and "Mobile" in page
    assert rows("application") == []
    clerk.send(f"{kept}/take")
    assert [r["state"] for r in rows("application")] == ["registered"]


def test_a_file_that_is_no_roster_says_why(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    answer = clerk.send("/desk/roster", intake="2209", file=(io.BytesIO(b"nothing"), "roster.csv"))
    assert answer.status_code == 422 and 'role="alert"' in text(answer)
    assert clerk.send("/desk/roster", intake="2209").status_code == 422
    assert at_desk("chen.hui").get("/desk/roster").status_code == 403


def test_a_receipts_file_on_the_wrong_claim_is_struck_from_its_page(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.claim(hands.graduated())
    file = papers.add("claim", claim, "receipt", A_PDF, hands.wang_fang)
    card = papers.add("claim", claim, "id_front", A_PDF, hands.wang_fang)
    clerk, path = at_desk("wang.fang"), f"/records/claim/{claim}"
    page = text(clerk.get(path))
    assert f"{path}/files/{file}/strike" in page and f"{path}/files/{card}/strike" not in page
    assert clerk.send(f"{path}/files/{file}/strike").status_code == 303
    assert [kept["id"] for kept in rows("paper", workflow="claim")] == [card]
    assert "File struck" in text(clerk.get(path))


def test_what_was_said_is_shown_in_the_form_and_emptied_it_is_taken_back(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.claim(hands.graduated(), heir="王小明", employer_gone="yes", member_since_on="2021-01-01")
    clerk, path = at_desk("wang.fang"), f"/records/claim/{claim}"
    page = text(clerk.get(path))
    assert 'value="王小明"' in page and 'value="2021-01-01"' in page and "taken back" in page
    assert clerk.act(path, "amend", heir="", employer_gone="no").status_code == 303
    kept = row("claim", claim)
    assert (kept["heir"], kept["employer_gone"], str(kept["member_since_on"])) == (None, "no", "2021-01-01")
    assert "—" in text(clerk.get(path))


def _offered(part: str) -> set[str]:
    """Give the kinds of paper that a part of a page has a place for."""
    return set(re.findall(r'type="file" id="paper-(\w+)"', part))


def test_only_papers_that_a_record_can_need_are_offered(at_desk: AtDesk, hands: Pilot) -> None:
    draft, study = hands.draft(), hands.studying(worker(7))
    clerk = at_desk("wang.fang")
    first, _more, second = text(clerk.get(f"/records/application/{draft}")).partition('<details class="more-papers">')
    now, further = _offered(first), _offered(second)
    assert now == {"id_front", "id_back", "previous_diploma", "portrait", "migrant_work"}
    assert "other" in further and not further & {"death_proof", "heir_proof", "receipt", "employer_letter"}
    page = text(at_desk("chen.hui").get(f"/records/study/{study}"))
    kinds = re.findall(r'<option value="(\w+)"', page.partition('id="kind"')[2].partition("</select>")[0])
    assert kinds == ["identity_proof", "consent", "other"]


def test_the_rule_of_papers_names_kinds_and_states_that_there_are(hands: Pilot) -> None:
    with read() as conn:
        compiled = policies.in_force(conn, clock.today()).compiled
    policy, rule = compiled.policy, compiled.policy.get("papers_offered")
    known = {*policy.get("papers"), *policy.get("other_papers")}
    assert {kind for kinds in rule.values() for kind in kinds} == known
    assert rule.keys() == compiled.engines.keys()
    for workflow, kinds in rule.items():
        assert {s for states in kinds.values() for s in states} <= compiled.definition(workflow).states.keys()
