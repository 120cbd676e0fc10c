"""The board: its figures are those of the records, of one's own part alone, in pages, pictures and workbook."""

from __future__ import annotations

import io
from collections.abc import Callable

import openpyxl
import pypdf
import pytest
from flask import Flask

from edu_pilot.extensions import read
from edu_pilot.services import board, policies, presenting, rendering, telling
from edu_pilot.workflow.policy import Policy
from tests.factories import CHECKED, SIGN_UP, Pilot, files_in_force, on, publish
from tests.people import staff, worker
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]


@pytest.fixture
def world(app: Flask) -> Flask:
    """One paid, one graduated, one registered in one county; one registered in the other."""
    pilot = Pilot()
    pilot.registered(worker(1))
    pilot.graduated(worker(2))
    pilot.pay_out(pilot.batch(pilot.approved(pilot.graduated(worker(3)))))
    pilot.wang_fang = staff("decheng.clerk")
    pilot.registered(worker(4), county="德城区", point="德城区教学点")
    return app


def counted(name: str) -> board.Board:
    with on(CHECKED), read() as conn:
        return board.board(conn, staff(name), presenting.in_force(conn))


def way(found: board.Board) -> dict[str, int]:
    return {reached.stage.name: reached.number for reached in found.way}


def test_each_stage_counts_who_came_so_far(world: Flask) -> None:
    found = counted("chen.hui")
    assert way(found) == {
        "registered": 4, "admitted": 2, "confirmed": 2, "graduated": 2, "certified": 0, "claimed": 1, "paid": 1,
    }  # fmt: skip
    for dimension in board.DIMENSIONS:
        sums = [sum(column) for column in zip(*(numbers for _code, numbers in found.rows(dimension)), strict=True)]
        assert sums == list(way(found).values()), dimension
    assert found.target == 1000


def test_a_countys_staff_count_their_county(world: Flask) -> None:
    assert way(counted("decheng.clerk"))["registered"] == 1 and way(counted("wang.fang"))["registered"] == 3
    assert counted("wang.fang").places == []


def test_what_waits_names_who_holds_it_and_since_when(world: Flask) -> None:
    waiting = {(one.workflow, one.state): one for one in counted("chen.hui").waiting}
    registered = waiting["application", "registered"]
    assert registered.number == registered.long == 2 and "clerk" in registered.holders and registered.days > 30
    assert ("study", "graduated") not in waiting or waiting["study", "graduated"].holders
    assert ("claim", "paid") not in waiting


def test_money_that_came_back_waits_for_nobody(world: Flask) -> None:
    with read() as conn:
        definition = presenting.in_force(conn).definition("claim")
    assert [telling.holders(definition, state) for state in ("recovering", "recovered")] == [["finance_maker"], []]


def test_how_long_is_long_is_the_policys(world: Flask) -> None:
    """A version published before there was such a section takes what is shipped."""
    policies_text = files_in_force()["policies.yaml"]
    section = "overview:\n  long_days: 30\n"
    assert section in policies_text
    publish(files_in_force() | {"policies.yaml": policies_text.replace("long_days: 30", "long_days: 5000")}, SIGN_UP)
    found = counted("chen.hui")
    assert found.long_days == 5000 and sum(one.long for one in found.waiting) == 0
    older = Policy(1, SIGN_UP, {})
    assert policies.section(older, "overview")["long_days"] == 30


def test_page_and_workbook_tell_the_same(site: Flask) -> None:
    with site.app_context(), on(CHECKED):
        Pilot().graduated(worker(2))
    with on(CHECKED):
        registrar = Visitor(site)
        registrar.sign_in("chen.hui")
        page = text(registrar.get("/dashboard"))
        book = openpyxl.load_workbook(io.BytesIO(registrar.get("/dashboard/figures.xlsx").data))
    assert page.count("<svg") == 5 and "Of 1000 people of the pilot 1 are admitted." in page
    told = {row[0]: row[1] for row in book["The way"].iter_rows(min_row=2, values_only=True)}
    assert told["Admitted"] == told["Graduated"] == 1 and told["Paid"] == 0
    assert "/records/application?state=admitted&county=371425" in page.replace("&amp;", "&")


def test_the_report_tells_the_same_as_the_page_and_of_the_own_county_alone(site: Flask) -> None:
    if rendering.missing_pieces():
        pytest.skip("documents cannot be rendered here")
    with site.app_context(), on(CHECKED):
        Pilot().graduated(worker(2))
        Pilot().registered(worker(5))
    with on(CHECKED):
        city, other = Visitor(site), Visitor(site)
        city.sign_in("chen.hui")
        other.sign_in("decheng.clerk")
        whole, own = (words_of(visitor.get("/dashboard/report.pdf").data) for visitor in (city, other))
    for said in ("TheWholecity", "Registered2", "Admitted1", "Qihe2111", "Thepilotistoadmit1000people"):
        assert said.lower() in whole.lower(), said
    assert "Decheng" in own and "Registered0" in own and "Qihe" not in own and "1000" not in own


def words_of(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())
