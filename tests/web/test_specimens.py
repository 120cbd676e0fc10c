"""Specimens: the administrator sees every kind on paper, and nobody can take one for a document."""

from __future__ import annotations

import io
from collections.abc import Callable

import pypdf
import pytest
from flask import Flask

from edu_pilot.services import specimens
from tests.factories import Pilot, contents
from tests.web.queries import MOST, counted
from tests.web.visitor import Visitor, text

pytestmark = pytest.mark.usefixtures("renderer")

AtDesk = Callable[[str], Visitor]
PAGES = ("/admin/specimens", "/admin/specimens.pdf")


def test_the_page_offers_every_kind_and_names_what_no_font_draws(hands: Pilot, at_desk: AtDesk, site: Flask) -> None:
    admin, before = at_desk("admin"), contents()
    with counted(site) as asked:
        page = text(admin.get("/admin/specimens"))
    assert len([query for query in asked if query.lstrip().startswith("SELECT")]) <= MOST
    assert all(f'value="{kind}"' in page for kind in specimens.CONTEXTS)
    assert all(hard.name in page for hard in specimens.hard_names())
    assert "no font draws U+2EBF0" in page
    assert admin.get("/admin/specimens.pdf").status_code == 200
    assert contents() == before


@pytest.mark.parametrize("kind", specimens.CONTEXTS)
def test_a_specimen_is_drawn_with_the_name_and_says_what_it_is(at_desk: AtDesk, kind: str) -> None:
    answer = at_desk("admin").get(f"/admin/specimens.pdf?kind={kind}&name=1")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.data)).pages]
    assert all("样张" in page and "SPECIMEN" in page for page in pages)
    told = "".join("".join(pages).split())
    assert specimens.HOLDER not in told
    assert ("李\u4dae" in told) is (specimens.HOLDER in str(specimens.CONTEXTS[kind]))


def test_nobody_takes_a_specimen_for_a_document(at_desk: AtDesk, stranger: Visitor) -> None:
    specimen = at_desk("admin").get("/admin/specimens.pdf").data
    told = text(stranger.send("/verify", file=(io.BytesIO(specimen), "paper.pdf")))
    assert "This file does not come from us" in told and "This file is genuine" not in told
    code = specimens.NOBODYS["code"].replace("-", "")
    assert stranger.get(f"/v/{code}").status_code == 404
    assert stranger.get(f"/api/v1/verify/{code}").json["result"] == "unknown"


def test_a_name_that_no_font_draws_is_told_and_not_printed(at_desk: AtDesk) -> None:
    place = [hard.name for hard in specimens.hard_names()].index("谢\U0002ebf0") + 1
    answer = at_desk("admin").get(f"/admin/specimens.pdf?name={place}")
    assert answer.status_code == 503 and "U+2EBF0" in text(answer)
    assert "This paper cannot be drawn yet" in text(answer) and "starting" not in text(answer)


@pytest.mark.parametrize("asked", ["kind=nothing", "name=0", "name=51", "kind=../claim_form"])
def test_what_is_no_specimen_is_not_found(at_desk: AtDesk, asked: str) -> None:
    assert at_desk("admin").get(f"/admin/specimens.pdf?{asked}").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_only_the_administrator_draws_specimens(at_desk: AtDesk, stranger: Visitor, page: str) -> None:
    assert at_desk("wang.fang").get(page).status_code == 403
    assert at_desk("xu.ning").get(page).status_code == 403
    assert stranger.get(page).status_code == 302
