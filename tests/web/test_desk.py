"""The clerk's desk: entry by keyboard, what is known told at once, papers together, slips, and what waits how long."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pypdf
import pytest
from flask import Flask
from PIL import Image

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.models import Application
from edu_pilot.rules.claim_dates import claim_deadline
from edu_pilot.services import begun, cards, erasure, policies, rendering
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.vault import vault
from edu_pilot.services.wording import grouped
from tests.factories import CLAIMED, Pilot, application_form, contents, row, rows, state
from tests.people import LIU_WEI, worker
from tests.web.queries import MOST, counted
from tests.web.visitor import Visitor, text

APPLICATION = Application.__table__
AtDesk = Callable[[str], Visitor]
JSON = {"Accept": "application/json"}


def typed(**changes: str) -> dict[str, str]:
    """Give what a clerk types for Liu Wei."""
    return {name: str(value) for name, value in application_form().items()} | changes


def test_draft_and_registration_are_one_step_and_the_next_form_keeps_what_stays_the_same(
    at_desk: AtDesk, hands: Pilot
) -> None:
    clerk = at_desk("wang.fang")
    answer = clerk.send("/desk/register", step="register", **typed(county="371425", point="371425-01"))
    assert answer.status_code == 303, text(answer)
    (made,) = rows("application")
    assert made["state"] == "registered" and made["reference"] in answer.location
    for number in (LIU_WEI.id_number, LIU_WEI.phone, LIU_WEI.name):
        assert number not in answer.location
    page = text(clerk.get(answer.location))
    assert 'value="371425" selected' in page or 'selected value="371425"' in page
    assert f"/desk/slip/{made['reference']}" in page and f'value="{LIU_WEI.name}"' not in page


def test_only_what_a_whole_stack_has_in_common_is_kept_for_the_next(at_desk: AtDesk, hands: Pilot) -> None:
    given = typed(county="371425", point="371425-01", occupation="ecommerce_specialist", previous_diploma="高中")
    answer = at_desk("wang.fang").send("/desk/register", step="register", **given)
    kept = {name for name, _text in parse_qsl(urlsplit(answer.location).query)}
    assert kept == {"last", "county", "point", "intake", "level", "major"}


def test_a_major_the_point_does_not_take_is_named_at_its_field(at_desk: AtDesk, hands: Pilot) -> None:
    given = typed(county="371425", point="371425-02", major="460301", intake="2303")
    with clock.on(date(2022, 12, 5)):
        answer = at_desk("wang.fang").send("/desk/register", step="register", **given)
    page = text(answer)
    told = "does not take Mechatronics (460301); in this county it is taken at: Qihe Teaching Point."
    assert answer.status_code == 409 and page.count(told) == 2
    assert re.search(r'id="create-major-fault">[^<]*Mechatronics', page)


def test_a_character_no_font_draws_is_told_while_the_card_lies_there(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    answer = clerk.send("/desk/register", step="register", **typed(name="谢\U0002ebf0"))
    assert answer.status_code == 303, text(answer)
    assert "No installed font draws \U0002ebf0 U+2EBF0" in text(clerk.get(answer.location))
    answer = clerk.send("/desk/register", step="register", **typed(employer="齐河\ue000公司"))
    assert answer.status_code == 422 and "private use" in text(answer)


def test_what_is_refused_keeps_nothing_but_the_entries_on_the_page(at_desk: AtDesk, hands: Pilot) -> None:
    before = contents()
    answer = at_desk("wang.fang").send("/desk/register", step="register", **typed(phone="123"))
    page = text(answer)
    assert answer.status_code == 409 and f'value="{LIU_WEI.name}"' in page
    assert 'href="#create-phone"' in page
    after = contents()
    assert (after["application"], after["audit_entry"]) == (before["application"], before["audit_entry"])


def test_an_unfinished_one_can_be_kept_as_a_draft(at_desk: AtDesk, hands: Pilot) -> None:
    answer = at_desk("wang.fang").send("/desk/register", step="draft", **typed(phone=""))
    assert answer.status_code == 303 and state("application", answer.location.rpartition("/")[2]) == "draft"


def test_the_printed_slip_page_is_without_its_button_and_hint(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    page = text(clerk.get(f"/desk/slip/{hands.registered()}"))
    rest = page.partition('class="card-box slip"')[2].partition("</section>")[2]
    assert rest.lstrip().startswith("<p><a class=") and "Ctrl+P" in rest
    printed = text(clerk.get("/static/app.css")).partition("@media print {")[2]
    assert ".slip ~ p" in printed.partition("display: none")[0]


def test_only_clerks_register(at_desk: AtDesk, hands: Pilot) -> None:
    for who in ("chen.hui", "zhao.min", "xu.ning", "admin"):
        assert at_desk(who).get("/desk/register").status_code == 403


READ = [
    f"姓名：刘伟 性别：男 民族：汉 出生：1987年3月5日 住址：山东省齐河县 公民身份号码：{LIU_WEI.id_number}",
    f"刘伟|男|汉|19870305|山东省德州市齐河县晏城街道1号|{LIU_WEI.id_number}|齐河县公安局|20150101-20350101",
    f"{LIU_WEI.id_number[:6]} {LIU_WEI.id_number[6:14]} {LIU_WEI.id_number[14:]}\t刘伟\t{LIU_WEI.phone}",
    f"刘伟，{LIU_WEI.id_number}，+86 {LIU_WEI.phone}",
    f"山东省 汉族 男 刘伟 {LIU_WEI.id_number}",
]


@pytest.mark.parametrize("told", READ)
def test_a_card_is_read_as_a_whole(told: str, site: Flask) -> None:
    found = cards.read(told)
    assert (found["name"], found["id_number"]) == ("刘伟", LIU_WEI.id_number)
    assert found["birth_on"].replace("-", "") == LIU_WEI.id_number[6:14]
    assert found.get("phone") in (None, LIU_WEI.phone)


@pytest.mark.parametrize("told", ["", "x" * 5000, "1" * 40, "姓名：", "男 汉族 山东省", "\u202e\u0000刘"])
def test_what_is_no_card_gives_nothing_wrong(told: str, site: Flask) -> None:
    assert set(cards.read(told)) <= {"name"} and cards.read(told).get("name", "") in ("", "刘")


def test_a_card_fills_the_form_with_and_without_scripts(at_desk: AtDesk, hands: Pilot) -> None:
    clerk, before = at_desk("wang.fang"), contents()
    page = text(clerk.send("/desk/card", card=READ[0], employer="齐河建筑公司"))
    assert f'value="{LIU_WEI.id_number}"' in page and 'value="齐河建筑公司"' in page
    told = clerk._open("POST", "/desk/card", data={**token(clerk), "card": READ[0]}, headers=JSON).json
    assert told["found"]["id_number"] == LIU_WEI.id_number
    after = contents()
    assert {name for name in after if after[name] != before[name]} <= {"login_session"}


def token(visitor: Visitor) -> dict[str, str]:
    """Give the token a script reads from the form."""
    page = text(visitor.get("/desk/register"))
    return {"csrf_token": page.partition('name="csrf_token" value="')[2].partition('"')[0]}


def test_r2_8_a_number_that_is_registered_is_told_at_once_and_who_asked_is_on_record(
    at_desk: AtDesk, hands: Pilot
) -> None:
    reference = hands.registered()
    own, other = at_desk("wang.fang"), at_desk("decheng.clerk")

    def ask(visitor: Visitor, number: str) -> dict[str, list[str]]:
        answer = visitor._open("POST", "/desk/known", data={**token(visitor), "id_number": number}, headers=JSON)
        assert answer.json is not None
        return dict(answer.json)

    told = ask(own, LIU_WEI.id_number)
    assert [r["reference"] for r in told["records"]] == [reference]  # type: ignore[index]
    assert "already registered at" in told["reasons"][0]
    # The other county learns what the registration itself would tell, and of no record.
    elsewhere = ask(other, LIU_WEI.id_number.lower())
    assert elsewhere["reasons"] == told["reasons"] and elsewhere["records"] == []
    assert [(r["actor"], r["field"]) for r in rows("look_up")] == [
        ("wang.fang", "id_number"), ("decheng.clerk", "id_number")
    ]  # fmt: skip
    assert ask(own, worker(5).id_number)["reasons"] == []
    assert ask(own, "12345") == {"sound": False, "reasons": [], "records": []}
    assert len(rows("look_up")) == 3


def test_what_was_typed_is_kept_sealed_for_this_account_alone(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    assert clerk.send("/desk/kept", **typed(phone="")).status_code == 303
    (kept,) = rows("begun")
    assert LIU_WEI.id_number.encode() not in kept["content"] and LIU_WEI.name.encode() not in kept["content"]
    page = text(clerk.get("/desk/register"))
    assert f'value="{LIU_WEI.id_number}"' in page and "not registered yet" in page
    assert LIU_WEI.id_number not in text(at_desk("decheng.clerk").get("/desk/register"))
    clerk.send("/desk/kept", drop="1", **typed())
    assert rows("begun") == [] and LIU_WEI.id_number not in text(clerk.get("/desk/register"))


def test_what_is_registered_is_no_longer_kept(at_desk: AtDesk, hands: Pilot) -> None:
    clerk = at_desk("wang.fang")
    clerk.send("/desk/kept", **typed())
    assert clerk.send("/desk/register", step="register", **typed()).status_code == 303
    assert rows("begun") == []


def test_a_form_in_which_only_the_county_is_chosen_is_not_kept(at_desk: AtDesk, hands: Pilot) -> None:
    at_desk("wang.fang").send("/desk/kept", county="371425", intake="2209")
    assert rows("begun") == []


def test_an_erasure_drops_what_may_name_the_person(at_desk: AtDesk, hands: Pilot) -> None:
    at_desk("wang.fang").send("/desk/kept", **typed())
    reference = hands.registered()
    hands.withdraw(reference)
    with read() as conn:
        assert begun.form_of(conn, "application", hands.wang_fang)
    erasure.erase(reference, "REQUEST_OF_PERSON", OPERATOR)
    assert rows("begun") == []


def picture() -> tuple[io.BytesIO, str]:
    """Give a small photo as a browser sends it."""
    target = io.BytesIO()
    Image.new("RGB", (90, 120), "grey").save(target, "JPEG")
    return io.BytesIO(target.getvalue()), "photo.jpg"


def test_several_papers_are_handed_in_together_and_what_is_wrong_is_told_at_its_place(
    at_desk: AtDesk, hands: Pilot
) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    path = f"/records/application/{reference}/papers"
    assert clerk.send(path).status_code == 422
    answer = clerk.send(path, portrait=picture(), id_front=picture(), id_back=(io.BytesIO(b"no picture"), "x.jpg"))
    assert answer.status_code == 422
    slot = text(answer).partition('for="paper-id_back"')[2].partition("</li>")[0]
    assert 'role="alert"' in slot and "missing" in slot
    assert sorted(p["kind"] for p in rows("paper")) == ["id_front", "portrait"]
    assert clerk.send(path, id_back=picture()).status_code == 303
    assert at_desk("decheng.clerk").send(path, portrait=picture()).status_code == 404


def test_the_slip_shows_the_code_and_a_lost_one_gets_another(at_desk: AtDesk, hands: Pilot, stranger: Visitor) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    old = opened(reference)
    assert grouped(old) in text(clerk.get(f"/desk/slip/{reference}"))
    assert [r["field"] for r in rows("look_up")] == ["query_code"]
    assert clerk.act(f"/records/application/{reference}", "renew_query_code").status_code == 303
    new = opened(reference)
    assert new != old and grouped(new) in text(clerk.get(f"/desk/slip/{reference}"))
    assert stranger.send("/status", code=old, id_tail=LIU_WEI.id_number[-6:]).status_code == 404
    assert stranger.send("/status", code=new, id_tail=LIU_WEI.id_number[-6:]).status_code == 303
    forms = [d for d in rows("document") if d["kind"] == "registration_form"]
    assert [bool(d["voided_at"]) for d in sorted(forms, key=lambda d: d["number"])] == [True, False]
    assert grouped(new) in vault().open(
        "document.context", forms[-1]["id"], max(forms, key=lambda d: d["number"])["context"]
    )
    assert at_desk("decheng.clerk").get(f"/desk/slip/{reference}").status_code == 404


def test_the_slip_is_a_paper_whose_counterfoil_keeps_the_code_to_itself(at_desk: AtDesk, hands: Pilot) -> None:
    if rendering.missing_pieces():
        pytest.skip("documents cannot be rendered here")
    reference, clerk = hands.registered(), at_desk("wang.fang")
    pdf = clerk.get(f"/desk/slip/{reference}.pdf").data
    told = "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())
    assert (
        told.count(grouped(opened(reference))) == 1 and told.count(LIU_WEI.name) == 2 and LIU_WEI.id_number not in told
    )
    assert [r["field"] for r in rows("look_up")] == ["query_code"]
    assert at_desk("decheng.clerk").get(f"/desk/slip/{reference}.pdf").status_code == 404


def opened(reference: str) -> str:
    """Give an application's query code in clear."""
    found = row("application", reference)
    return vault().open("application.query_code", found["id"], found["query_code"])


def test_my_county_today_tells_how_long_the_oldest_waits(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered()
    with clock.on(date(2022, 9, 1)):
        page = text(at_desk("wang.fang").get("/desk"))
    assert reference in page and "overdue" in page
    assert reference not in text(at_desk("decheng.clerk").get("/desk"))


def test_what_is_due_today_or_overdue_stands_first_with_its_day(at_desk: AtDesk, hands: Pilot) -> None:
    draft, (late, today, later) = hands.draft(worker(20)), (hands.registered(worker(n)) for n in range(3))
    returned = hands.registered(worker(3))
    hands.act("application", returned, "return_for_correction", hands.wang_fang, faults=["ILLEGIBLE"])
    # Registered by the state's five days; the draft by the last day of sign-up; the correction by its own day.
    for reference, since in ((late, 18), (today, 20), (later, 21)):
        with write() as conn:
            known = APPLICATION.c.reference == reference
            conn.execute(APPLICATION.update().where(known).values(since_on=date(2022, 8, since)))
    with clock.on(date(2022, 8, 25)):
        page = text(at_desk("wang.fang").get("/desk"))
    assert "Due today: 1 · overdue: 1<" in page
    lines = page.partition('id="due"')[2].partition("</table>")[0]
    told = [(r, re.sub(r"<[^>]+>", " ", line)) for r in (late, today, later, draft, returned)
            for line in lines.split("<tr>") if f">{r}</a>" in line]  # fmt: skip
    order = sorted(told, key=lambda one: lines.index(f">{one[0]}</a>"))
    assert [r for r, _line in order][:3] == [late, today, later] and len(order) == 5
    said = dict(told)
    assert "23 August 2022" in said[late] and "overdue" in said[late]
    assert "25 August 2022" in said[today] and "due today" in said[today]
    assert "26 August 2022" in said[later] and "due" not in said[later].partition("2022")[2]
    until = row("application", returned)["answer_until"]
    assert f"{until.day} {until:%B %Y}" in said[returned]
    # Of a state with a limit the first due day stands above; no dash where there is a day.
    above = page.partition('id="ages"')[2].partition("</table>")[0]
    assert "23 August 2022" in above and "overdue" in above and "—" not in above


def test_nothing_due_is_said_and_the_rest_of_a_long_list_is_one_press_away(at_desk: AtDesk, hands: Pilot) -> None:
    references = [hands.draft(worker(n)) for n in range(17)]
    with clock.on(date(2022, 7, 5)):
        clerk = at_desk("wang.fang")
        page, whole = text(clerk.get("/desk")), text(clerk.get("/desk?all=1"))
    assert "Due today: 0 · overdue: 0<" in page and sum(f">{r}</a>" in page for r in references) == 15
    assert 'href="/desk?all=1#due">Show the other 2 as well<' in page
    assert all(f">{r}</a>" in whole for r in references) and "as well<" not in whole


def test_a_claim_at_the_desk_is_due_by_its_last_day(at_desk: AtDesk, hands: Pilot) -> None:
    study = hands.graduated()
    reference = hands.claim(study)
    with clock.on(CLAIMED):
        page = text(at_desk("wang.fang").get("/desk"))
    with read() as conn:
        policy = policies.in_force(conn, CLAIMED).policy
    until = claim_deadline(policy, row("study", study)["diploma_on"])
    line = next(part for part in page.split("<tr>") if f">{reference}</a>" in part)
    assert f"{until.day} {until:%B %Y}" in line


def test_the_desk_asks_no_more_with_many_rows(at_desk: AtDesk, hands: Pilot, site: Flask) -> None:
    clerk, asked_for = at_desk("wang.fang"), []
    hands.submitted(hands.graduated(worker(50)))
    for n in range(2):
        hands.registered(worker(n)), hands.draft(worker(20 + n))
        for path in ("/desk", "/desk/register"):
            with counted(site) as asked:
                clerk.get(path)
            asked_for.append(len([query for query in asked if query.lstrip().startswith("SELECT")]))
    assert asked_for[:2] == asked_for[2:] and max(asked_for) <= MOST
