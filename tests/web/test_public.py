"""What a stranger may ask: is this paper genuine; and what an address that leads nowhere says."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.exc import DataError

from edu_pilot import paths
from edu_pilot.services import accounts, documents
from edu_pilot.services.actors import OPERATOR
from tests.app import TODAY
from tests.factories import Pilot, rows
from tests.people import LIU_WEI
from tests.web.visitor import Visitor, text


def test_a_code_shows_what_the_paper_says(stranger: Visitor, hands: Pilot) -> None:
    hands.registered()
    document = rows("document")[0]
    answer = stranger.send("/verify", code=document["code"].lower())
    assert answer.headers["Location"] == f"/v/{document['code']}"
    page = text(stranger.get(answer.headers["Location"]))
    assert document["number"] in page and LIU_WEI.name in page and LIU_WEI.id_number[-4:] in page
    assert LIU_WEI.id_number not in page


def test_a_code_that_is_not_ours_is_unknown(stranger: Visitor) -> None:
    answer = stranger.get("/v/ABCDEFGHJKLMNPQR")
    assert answer.status_code == 404
    assert "We know no such paper" in text(answer)


def test_a_file_that_is_not_ours_is_unknown(stranger: Visitor) -> None:
    answer = stranger.send("/verify", file=(io.BytesIO(b"%PDF-1.7 nothing"), "paper.pdf"))
    assert answer.status_code == 200
    assert "This file does not come from us" in text(answer) and "type the code" in text(answer)
    assert stranger.send("/verify").status_code == 422


def test_our_own_file_is_called_genuine_and_unaltered(stranger: Visitor, hands: Pilot) -> None:
    hands.registered()
    number = rows("document")[0]["number"]
    sealed = documents.render(number)
    page = text(stranger.send("/verify", file=(io.BytesIO(sealed), "paper.pdf")))
    assert "This file is genuine and unaltered" in page and number in page and LIU_WEI.id_number not in page
    changed = sealed.replace(b"/Type /Catalog", b"/Type /catalog") if b"/Type /Catalog" in sealed else sealed[:-20]
    assert "This file was altered" in text(stranger.send("/verify", file=(io.BytesIO(changed), "paper.pdf")))


def test_a_replaced_paper_says_so(stranger: Visitor, hands: Pilot) -> None:
    reference = hands.registered()
    old = rows("document")[0]
    hands.act("application", reference, "reissue_form", hands.wang_fang, TODAY)
    page = text(stranger.get(f"/v/{old['code']}"))
    assert "This paper was replaced by a newer one" in page and "20 August 2022" in page
    hands.withdraw(reference)
    assert "This paper was replaced" in text(stranger.get(f"/v/{old['code']}"))


def test_a_trial_installation_offers_codes_to_try_and_no_other(
    stranger: Visitor, hands: Pilot, site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = hands.registered()
    old = rows("document")[0]["code"]
    hands.act("application", reference, "reissue_form", hands.wang_fang, TODAY)
    assert old in text(stranger.get("/verify"))
    settings = site.config["SETTINGS"]
    monkeypatch.setitem(site.config, "SETTINGS", replace(settings, env="production"))
    assert old not in text(stranger.get("/verify"))


def test_an_error_page_speaks_plainly_in_both_languages(site: Flask, stranger: Visitor) -> None:
    answers = stranger.get("/nothing-here"), Visitor(site, "zh").get("/nothing-here")
    assert [a.status_code for a in answers] == [404, 404]
    assert "There is nothing here that you may see." in text(answers[0])
    assert "没有您可查看的内容" in text(answers[1])
    assert stranger._open("DELETE", "/status").status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v/ABC%00", 404),
        ("/records/application/A2209%00", 404),
        ("/records/application?q=%00", 400),
        ("/records/claim/new?study=%00", 400),
        ("/api/v1/verify/ABC%00", 404),
        ("/api/v1/records/application?q=%00", 422),
    ],
)
def test_a_nul_in_an_address_is_no_fault_of_ours(site: Flask, stranger: Visitor, path: str, status: int) -> None:
    stranger.sign_in("wang.fang")
    with site.app_context():
        token = accounts.token("wang.fang", OPERATOR)
    headers = {"Authorization": f"Bearer {token}"} if path.startswith("/api/") else {}
    assert stranger.get(path, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/login", {"username": "wang\x00", "password": "x"}),
        ("/status", {"code": "A\x00", "id_tail": "1"}),
        ("/verify", {"code\x00": "A"}),
    ],
)
def test_a_nul_in_a_form_is_refused(stranger: Visitor, path: str, fields: dict[str, str]) -> None:
    assert stranger.send(path, **fields).status_code == 400


def test_what_no_column_takes_is_a_bad_request(site: Flask, stranger: Visitor) -> None:
    def broken() -> str:
        raise DataError("", {}, ValueError())

    site.view_functions["public.verify"] = broken
    broken.permission = "public"  # type: ignore[attr-defined]
    assert stranger.get("/verify").status_code == 400


def test_a_failure_shows_no_trace(site: Flask, stranger: Visitor) -> None:
    site.config["PROPAGATE_EXCEPTIONS"] = False

    def broken() -> str:
        raise RuntimeError("secret 371425")

    site.view_functions["public.verify"] = broken
    broken.permission = "public"  # type: ignore[attr-defined]
    answer = stranger.get("/verify")
    assert answer.status_code == 500
    assert "Nothing was changed" in text(answer)
    assert "secret" not in text(answer) and "Traceback" not in text(answer)


def test_too_much_is_told_as_such(site: Flask, stranger: Visitor) -> None:
    site.config["MAX_CONTENT_LENGTH"] = 1000
    answer = stranger.send("/verify", file=(io.BytesIO(b"x" * 5000), "paper.pdf"))
    assert answer.status_code == 413
    assert "too large" in text(answer)


@pytest.mark.parametrize(
    ("path", "said"), [("/", "registration slip or form"), ("/status", "registration slip and on")]
)
def test_where_the_query_code_stands_is_told_as_it_is_printed(stranger: Visitor, path: str, said: str) -> None:
    papers = (paths.templates() / "documents" / kind / "body.html" for kind in ("slip", "registration_form"))
    assert all("{{ query_code }}" in paper.read_text() for paper in papers)
    assert said in text(stranger.get(path))
