"""The frame of every page: where one may go, what waits, how it is shown, what helps when something fails."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from edu_pilot.extensions import read
from edu_pilot.services import waiting
from edu_pilot.services.wording import grouped
from edu_pilot.web.words import ABOUT_THE_READER, DONE_BY_ONES_OWN
from edu_pilot.workflow.registry import shipped
from tests.factories import BATCHED, CHECKED, CLAIMED, Pilot, contents, on, passed, row, rows
from tests.people import LIU_WEI, worker
from tests.web.queries import MOST, counted
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]
ENTRY = re.compile(
    r'<li><a href="([^"]+)"( aria-current="\w+")?>([^<]+)(?:<span class="badge-count">.*?</span> (\d+)<)?'
)


def menu(page: str) -> dict[str, tuple[bool, int]]:
    """Give the navigation of a page: address, whether it is here, and how much waits."""
    wide = page.partition('<ul class="container wide-only">')[2].partition("</ul>")[0]
    return {where: (bool(here), int(number or 0)) for where, here, _title, number in ENTRY.findall(wide)}


def test_everybody_finds_the_way_to_their_own_work_and_no_other(at_desk: AtDesk, hands: Pilot) -> None:
    assert list(menu(text(at_desk("wang.fang").get("/")))) == ["/desk", "/print-runs", "/dashboard"]
    assert list(menu(text(at_desk("zhao.min").get("/")))) == ["/review", "/dashboard"]
    assert menu(text(at_desk("wang.fang").get("/desk/roster")))["/desk"][0]


def test_the_clerk_sees_how_much_waits_in_the_own_county(at_desk: AtDesk, hands: Pilot) -> None:
    hands.draft(worker(1)), hands.registered(worker(2))
    hands.draft(worker(3), by=hands.decheng_clerk, county="德城区", point="德城区教学点")
    hands.withdraw(hands.registered(worker(4)))
    assert menu(text(at_desk("wang.fang").get("/desk")))["/desk"] == (True, 2)


def waits_for(who: str, name: str, hands: Pilot) -> int:
    actor = getattr(hands, who)
    with read() as conn:
        return waiting.numbers(conn, actor, [name])[name]


def test_a_claim_waits_for_each_body_until_that_body_has_checked_it(hands: Pilot) -> None:
    claims = [hands.submitted(hands.graduated(worker(n))) for n in range(2)]
    assert [waits_for(who, "review", hands) for who in ("zhao_min", "sun_li")] == [2, 2]
    hands.act("claim", claims[0], "check", hands.zhao_min, CHECKED, **passed())
    assert [waits_for(who, "review", hands) for who in ("zhao_min", "sun_li")] == [1, 2]
    hands.act("claim", claims[0], "check", hands.sun_li, CHECKED, **passed())
    assert [waits_for(who, "review", hands) for who in ("zhao_min", "sun_li")] == [1, 1]


def test_what_a_batch_holds_waits_for_its_release_and_not_for_another_batch(hands: Pilot) -> None:
    claim = hands.approved(hands.graduated(worker(1)))
    with on(BATCHED):
        assert waits_for("he_jun", "payments", hands) == 1
        hands.batch(claim)
        assert waits_for("he_jun", "payments", hands) == 0


def test_all_counts_are_one_query(hands: Pilot, site: Flask) -> None:
    with counted(site) as asked, read() as conn:
        waiting.numbers(conn, hands.chen_hui, list(waiting.COUNTS))
    assert len([query for query in asked if query.lstrip().startswith("SELECT")]) == 1


def test_the_desk_asks_no_more_for_many_rows(hands: Pilot, at_desk: AtDesk, site: Flask) -> None:
    clerk, numbers = at_desk("wang.fang"), []
    for n in range(2):
        hands.registered(worker(n)), hands.draft(worker(10 + n))
        with counted(site) as asked:
            clerk.get("/desk")
        numbers.append(len([query for query in asked if query.lstrip().startswith("SELECT")]))
    assert numbers[0] == numbers[1] <= MOST


def test_large_type_is_remembered_by_the_browser_alone(hands: Pilot, stranger: Visitor) -> None:
    assert 'class="elder"' not in text(stranger.get("/status"))
    before = contents()
    answer = stranger.send("/view/elder")
    assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert 'class="elder"' in text(stranger.get("/status"))
    stranger.send("/view/normal")
    assert 'class="elder"' not in text(stranger.get("/status"))
    assert stranger.send("/view/huge").status_code == 404
    assert contents() == before


def test_one_box_finds_by_every_strong_number(hands: Pilot, at_desk: AtDesk) -> None:
    study = hands.graduated(LIU_WEI)
    claim = hands.submitted(study)
    clerk, paper = at_desk("wang.fang"), rows("document", workflow="claim")[0]
    known = {
        claim: claim, claim.lower(): claim, row("study", study)["student_number"]: study, paper["number"]: claim,
        grouped(paper["code"]): claim, row("study", study)["diploma_number"]: study,
    }  # fmt: skip
    for number, reference in known.items():
        found = clerk.send("/search", number=f" {number} ").location
        if found.startswith("/search/"):
            assert number not in found
            assert reference in text(clerk.get(found)), number
        else:
            assert found.endswith(f"/{reference}"), number


def test_a_name_is_led_to_the_lists_that_are_searched_by_name(hands: Pilot, at_desk: AtDesk) -> None:
    reference, clerk = hands.registered(), at_desk("wang.fang")
    answer = clerk.send("/search", number=f" {LIU_WEI.name} ")
    page = text(answer)
    assert answer.status_code == 200 and "finds by number only" in page
    [address] = re.findall(r'href="(/records/application\?q=[^"]+)"', page)
    assert reference in text(clerk.get(address))


def test_nobody_finds_what_lies_outside_the_own_county(hands: Pilot, at_desk: AtDesk) -> None:
    reference, stranger = hands.registered(), at_desk("decheng.clerk")
    for number in (reference, rows("document")[0]["number"], rows("document")[0]["code"], LIU_WEI.phone):
        page = text(stranger.get(stranger.send("/search", number=number).location))
        assert reference not in page and "No record that you may see" in page


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/admin", 403), ("/language/en", 405)])
def test_an_error_says_what_one_can_do(at_desk: AtDesk, hands: Pilot, path: str, status: int) -> None:
    answer = at_desk("wang.fang").get(path)
    assert answer.status_code == status
    assert 'href="/"' in text(answer) and f"Page {status}" in text(answer)


def test_a_refusal_without_a_page_of_its_own_leads_back(at_desk: AtDesk, hands: Pilot) -> None:
    batch = hands.batch(hands.approved(hands.graduated(worker(1))))
    answer = at_desk("he.jun").get(f"/payments/{batch}/bank-file", headers={"Referer": "http://localhost/payments"})
    page = text(answer)
    assert answer.status_code == 403 and "Nothing was changed" in page
    assert 'href="/payments"' in page.partition("<main")[2]


def test_the_history_is_told_in_words(hands: Pilot, at_desk: AtDesk) -> None:
    reference = hands.registered()
    page = text(at_desk("wang.fang").get(f"/records/application/{reference}")).partition('id="history"')[2]
    assert "<dd>Qihe</dd>" in page and "<dd>371425</dd>" not in page
    assert "teaching-point clerk Qihe (wang.fang)" in page


def test_a_page_says_when_it_will_be_signed_out(hands: Pilot, at_desk: AtDesk, stranger: Visitor) -> None:
    page = text(at_desk("wang.fang").get("/desk"))
    assert 'data-minutes="30"' in page and "shell.js" in page
    assert "shell.js" not in text(stranger.get("/login"))


def test_what_concerns_the_reader_names_rules_that_there_are() -> None:
    known = set(shipped.rules)
    assert known >= ABOUT_THE_READER | DONE_BY_ONES_OWN


def test_who_stands_in_the_own_way_is_sent_to_a_colleague(hands: Pilot, at_desk: AtDesk) -> None:
    claim = hands.submitted(hands.graduated(worker(1)))
    hands.act("claim", claim, "check", hands.zhao_min, CHECKED, **passed())
    with on(CLAIMED):
        page = text(at_desk("zhao.min").get(f"/records/claim/{claim}"))
    step = page.partition('id="step-check"')[2].partition("</section>")[0]
    assert "Now it is the turn of:" in step and "You can mend it" not in step
