"""The page of a year's places: seen by those who plan, moved by the registrar alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.factories import Pilot, publish_places
from tests.people import DECHENG, QIHE, worker
from tests.web.visitor import Visitor, text

Desk = Callable[[str], Visitor]


def test_the_registrar_sees_the_shares_and_moves_places(at_desk: Desk) -> None:
    registrar = at_desk("chen.hui")
    assert registrar.get("/registry/places").location.endswith("/registry/places/2022")
    moved = registrar.send("/registry/places/2022", source=DECHENG, target=QIHE, places="5")
    assert moved.status_code == 303
    page = text(registrar.get("/registry/places/2022"))
    assert '<td data-label="Share">26</td>' in page
    assert '<td data-label="Share">36</td>' in page


def test_a_move_that_cannot_be_says_why_and_keeps_the_entry(at_desk: Desk) -> None:
    refused = at_desk("chen.hui").send("/registry/places/2022", source=DECHENG, target=QIHE, places="99")
    assert refused.status_code == 409
    assert "Only 31 places of the county are free to move." in text(refused)
    assert 'value="99"' in text(refused)


def test_others_read_or_see_nothing(at_desk: Desk) -> None:
    assert "Move places" not in text(at_desk("xu.ning").get("/registry/places/2022"))
    assert at_desk("wang.fang").get("/registry/places/2022").status_code == 403
    assert at_desk("xu.ning").send("/registry/places/2022", source=DECHENG, target=QIHE, places="1").status_code == 403


def test_r1_4_the_places_of_a_county_are_told_by_major(hands: Pilot, at_desk: Desk) -> None:
    hands.verified()
    publish_places(1)
    hands.admit(hands.verified(worker(1)))
    page = text(at_desk("chen.hui").get("/registry/places/2022"))
    line = page[page.index("By county and major") :]
    qihe = line[line.index("Qihe") :].partition("</tr>")[0]
    assert re.findall(r"\+?\d+", re.sub("<[^>]+>", " ", qihe)) == ["1", "+1", "31", "30"]


def test_a_number_longer_than_any_is_no_number(at_desk: Desk) -> None:
    told = at_desk("chen.hui").send("/registry/places/2022", source=DECHENG, target=QIHE, places="9" * 5000)
    assert told.status_code in (409, 422)
