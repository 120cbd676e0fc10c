"""Signing in and out, what a page needs before it opens, and what every answer says to the browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Blueprint, Flask

from edu_pilot import clock, config, create_app, web
from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.services.vault import vault
from edu_pilot.web import access, browser
from tests.app import CHEAP, Place, build
from tests.factories import Pilot, contents, row
from tests.people import LIU_WEI
from tests.web.visitor import Visitor, masked, text

ACCOUNT = Account.__table__


def test_she_signs_in_and_out(stranger: Visitor) -> None:
    assert stranger.get("/desk").headers["Location"] == "/login?next=/desk"
    assert stranger.sign_in("wang.fang", next="/desk").headers["Location"] == "/desk"
    assert stranger.get("/desk").status_code == 200
    stranger.send("/logout")
    assert stranger.get("/desk").status_code == 302


@pytest.mark.parametrize("code", ["", "000000", "12345", "wang.fang", "１２３４５６"])
def test_without_the_second_factor_nobody_gets_in(stranger: Visitor, code: str) -> None:
    assert stranger.sign_in("wang.fang", code=code).status_code == 401
    assert stranger.get("/desk").status_code == 302


@pytest.mark.parametrize("name", ["wang.fang", "nobody"])
def test_a_wrong_password_and_a_wrong_name_are_told_alike(stranger: Visitor, name: str) -> None:
    answer = stranger.send("/login", username=name, password="wrong")
    assert answer.status_code == 401
    assert "User name, password or code is not right." in text(answer)
    assert stranger.get("/desk").status_code == 302


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"])
def test_signing_in_never_leads_to_another_site(stranger: Visitor, where: str) -> None:
    assert stranger.sign_in("wang.fang", next=where).headers["Location"] == "/"


def test_a_closed_account_is_out_at_once(at_desk: Callable[[str], Visitor], site: Flask) -> None:
    clerk = at_desk("wang.fang")
    with site.app_context(), write() as conn:
        conn.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == "wang.fang").values(active=False))
    assert clerk.get("/desk").status_code == 302


def test_a_route_without_a_permission_stops_the_start(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Blueprint("planted", __name__)
    planted.add_url_rule("/open-door", "open_door", lambda: "come in")
    monkeypatch.setattr(web.public, "pages", planted)
    with pytest.raises(access.Undeclared, match="open_door"):
        build(sqlite_place)


def test_a_form_without_its_token_changes_nothing(at_desk: Callable[[str], Visitor], hands: Pilot) -> None:
    draft = hands.draft()
    clerk, before = at_desk("wang.fang"), contents()
    with clerk.site.app_context():
        answer = clerk.client.post(f"/records/application/{draft}/register", data={"seen_version": "1"})
    assert answer.status_code == 400
    assert contents() == before


def test_asking_for_pages_writes_nothing(at_desk: Callable[[str], Visitor], hands: Pilot) -> None:
    reference = hands.registered()
    clerk, before = at_desk("wang.fang"), contents()
    paths = ("/", "/desk", "/records/application", "/records/application/new", "/dashboard", "/desk/roster")
    for path in (*paths, f"/records/application/{reference}", f"/records/application/{reference}/verify"):
        assert clerk.get(path).status_code in (200, 302), path
    assert contents() == before


def test_every_answer_carries_the_headers(stranger: Visitor) -> None:
    for path in ("/", "/login", "/nothing-here", "/static/app.css"):
        headers = stranger.get(path).headers
        assert {name: headers[name] for name in browser.HEADERS} == browser.HEADERS
        assert ("no-store" in headers.get("Cache-Control", "")) == (not path.startswith("/static"))
    assert "unsafe" not in browser.CONTENT_POLICY


def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: Visitor) -> None:
    cookie = stranger.sign_in("wang.fang").headers["Set-Cookie"]
    assert cookie.startswith("session=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_over_https_the_cookie_belongs_to_this_host_alone(sqlite_place: Place) -> None:
    environ = {"EDU_PILOT_DATA": str(sqlite_place.data), "EDU_PILOT_BASE_URL": "https://pilot.example"}
    app = create_app(config.read(environ), **CHEAP)
    answer = app.test_client().get("/login", base_url="https://pilot.example")
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    assert "Secure" in answer.headers["Set-Cookie"] and "Domain" not in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]


def test_the_language_is_changed_and_kept(stranger: Visitor) -> None:
    assert '<html lang="en">' in text(stranger.get("/status"))
    answer = stranger.send("/language/zh")
    assert answer.status_code == 303
    page = text(stranger.get("/status"))
    assert '<html lang="zh-CN">' in page and "办理进度查询" in page
    assert stranger.send("/language/xx").status_code == 404


def test_changing_the_language_leads_back_to_the_page(stranger: Visitor) -> None:
    stranger.headers["Referer"] = "http://localhost/verify"
    assert stranger.send("/language/zh").headers["Location"] == "/verify"
    stranger.headers["Referer"] = "http://evil.example/verify"
    assert stranger.send("/language/zh").headers["Location"] == "/"


def query_code(reference: str) -> str:
    """Give the code printed on a registration form."""
    found = row("application", reference)
    return vault().open("application.query_code", found["id"], found["query_code"])


def test_a_person_sees_the_own_cases_for_half_an_hour(stranger: Visitor, hands: Pilot) -> None:
    own, other = hands.registered(), hands.draft()
    answer = stranger.send("/status", code=query_code(own), id_tail=LIU_WEI.id_number[-6:])
    # Led on to a page of its own: coming back to it sends nothing anew.
    assert (answer.status_code, answer.headers["Location"]) == (303, "/status")
    answer = stranger.get("/status")
    assert "Registered" in text(answer) and LIU_WEI.name not in text(answer)
    assert stranger.get(f"/records/application/{own}").status_code == 200
    assert stranger.get(f"/records/session/{other}").status_code == 404
    assert stranger.get("/desk").status_code == 403
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        assert stranger.get(f"/records/application/{own}").status_code == 302


def test_every_miss_of_the_status_page_is_the_same(stranger: Visitor, hands: Pilot) -> None:
    code = query_code(hands.registered())
    wrong = ({"code": code, "id_tail": "000000"}, {"code": "X" * 12, "id_tail": "000000"}, {"code": "", "id_tail": ""})
    answers = [stranger.send("/status", **given) for given in wrong]
    assert {a.status_code for a in answers} == {404}
    # The code that was typed stands there still; nothing else differs.
    pages = {
        masked(a).replace(f' value="{given["code"]}"'.encode(), b"") for a, given in zip(answers, wrong, strict=True)
    }
    assert len(pages) == 1
