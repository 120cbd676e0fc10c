"""The door: every route is listed, nothing beside its declared methods reaches a view (C3, T31, T36)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Blueprint, Flask

from edu_pilot import create_app
from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from edu_pilot.web import access
from tests.access_table import LINE, PAGE, differences
from tests.app import CHEAP
from tests.factories import Pilot, application_form, contents, row
from tests.web.visitor import Visitor, text

OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


def test_every_route_is_listed_as_it_runs(site: Flask) -> None:
    assert differences(site) == []


def test_every_line_gives_a_reason() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert len(LINE.findall("\n".join(lines))) == len(lines) > 50


def plant(app: Flask, guard: Callable[..., object] | None, methods: tuple[str, ...] = ("GET",)) -> None:
    """Register a blueprint with one route of its own."""
    planted = Blueprint("planted", __name__)

    def view() -> str:
        return "wide open"

    planted.route("/planted", methods=list(methods))(guard(view) if guard else view)
    app.register_blueprint(planted)


def test_a_planted_route_without_a_guard_is_reported(site: Flask) -> None:
    plant(site, None)
    assert differences(site) == ["not listed: /planted · GET · UNDECLARED"]
    with pytest.raises(access.Undeclared, match=r"planted\.view"):
        access.require_declared(site)
    # Even where nobody looked at the start, it answers nobody.
    assert site.test_client().get("/planted").status_code == 404


def test_a_planted_route_that_is_guarded_but_not_listed_is_reported(site: Flask) -> None:
    plant(site, access.staff)
    assert differences(site) == ["not listed: /planted · GET · staff"]


def test_a_stale_line_and_another_method_are_reported(site: Flask) -> None:
    told = PAGE.read_text("utf-8")
    stale = told + "| `/gone` | GET | public | nothing |\n"
    assert differences(site, stale) == ["stale: /gone · GET · public"]
    narrower = told.replace("| `/v/<code>` | GET | public |", "| `/v/<code>` | GET POST | public |")
    assert len(differences(site, narrower)) == 2
    other = told.replace("| `/admin` | GET | admin, auditor |", "| `/admin` | GET | staff |")
    assert len(differences(site, other)) == 2


def test_a_guard_above_the_route_holds_too(site: Flask) -> None:
    """T36: the declaration stands on the view itself, so the order of decorators is no matter."""
    planted = Blueprint("planted", __name__)

    @access.staff
    @planted.get("/planted")
    def view() -> str:
        return "behind the door"

    site.register_blueprint(planted)
    assert access.permission_of(view) == access.STAFF
    assert site.test_client().get("/planted").status_code == 302


def test_head_never_reaches_a_writing_view(site: Flask) -> None:
    """T36: HEAD is only ever answered where GET is, by the very same view."""
    heads = {rule.endpoint for rule in site.url_map.iter_rules() if "HEAD" in (rule.methods or ())}
    gets = {rule.endpoint for rule in site.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert heads == gets
    both = {rule.endpoint for rule in site.url_map.iter_rules() if {"GET", "POST"} <= (rule.methods or set())}
    # The API's classes keep a function for each method; a page's function answers one method only.
    assert both and all(hasattr(site.view_functions[name], "view_class") for name in both)


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_header_makes_one_method_another(
    hands: Pilot, at_desk: Callable[[str], Visitor], header: str, site: Flask
) -> None:
    reference = hands.draft()
    clerk = at_desk("wang.fang")
    before = contents()
    for method in ("POST", "DELETE", "PUT"):
        path = f"/records/application/{reference}"
        assert clerk.get(path, headers={header: method}).status_code == 200
        assert clerk.get(f"{path}/register?_method={method}", headers={header: method}).status_code == 302
    assert contents() == before


FORGED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-User": "admin",
    "X-Remote-User": "admin",
    "Remote-User": "admin",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-Forwarded-Prefix": "//evil.example",
}


def test_a_forged_header_opens_no_door(stranger: Visitor, at_desk: Callable[[str], Visitor]) -> None:
    answer = stranger.get("/admin", headers=FORGED)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/admin")
    clerk = at_desk("wang.fang")
    assert clerk.get("/desk", headers=FORGED).status_code == 200
    assert clerk.get("/admin", headers=FORGED).status_code == 403
    assert "evil.example" not in text(clerk.get("/desk", headers=FORGED))


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\tevil", "///evil.example",
        "http:evil.example", "javascript:alert(1)", "/\nevil", "https:///evil.example", " //evil.example",
    ],
)  # fmt: skip
def test_no_way_back_leads_to_another_site(stranger: Visitor, where: str) -> None:
    assert stranger.sign_in("wang.fang", next=where).headers["Location"] == "/"
    back = stranger.send("/language/zh")
    assert back.headers["Location"].startswith("/") and "evil" not in back.headers["Location"]


def test_a_referrer_elsewhere_is_no_way_back(stranger: Visitor) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', text(stranger.get("/login")))
    assert token
    for referrer in ("https://evil.example/x", "//evil.example", "http://localhost.evil.example/x"):
        answer = stranger._open(
            "POST", "/language/zh", data={"csrf_token": token.group(1)}, headers={"Referer": referrer}
        )
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")


SMUGGLED = {
    "state": "admitted", "version": "99", "county": "371402", "policy_version_id": "x", "created_by": "admin",
    "creator_key": "x", "person_id": "x", "id": "x", "pinned": "1", "reference": "A2209-999999", "place": "used",
    "queue_number": "1", "payable_fen": "1", "live": "0", "round": "9",
}  # fmt: skip


def test_a_field_that_no_form_has_changes_nothing(hands: Pilot, at_desk: Callable[[str], Visitor]) -> None:
    """T31: what is kept comes from the fields a step names, never from whatever was sent."""
    reference = hands.draft()
    clerk = at_desk("wang.fang")
    before = dict(row("application", reference))
    assert clerk.act(f"/records/application/{reference}", "register", **SMUGGLED).status_code == 303
    after = row("application", reference)
    assert (after["state"], after["version"]) == ("registered", 2)
    changed = {name for name, value in after.items() if before[name] != value}
    assert changed & set(SMUGGLED) == {"state", "version", "person_id", "queue_number", "pinned"}
    assert not {str(after[name]) for name in changed} & {"x", "99", "admitted"}


def test_a_new_record_takes_only_the_fields_of_its_form(at_desk: Callable[[str], Visitor], hands: Pilot) -> None:
    form = application_form() | SMUGGLED | {"county": "371425"}
    answer = at_desk("wang.fang").send("/records/application/new", **form)
    assert answer.status_code == 303
    born = row("application", answer.headers["Location"].rpartition("/")[2])
    assert (born["state"], born["version"], born["county"]) == ("draft", 1, "371425")
    assert (born["created_by"], born["person_id"], born["place"]) == ("wang.fang", None, "none")


def test_a_program_is_refused_a_field_that_is_not_asked(hands: Pilot, site: Flask) -> None:
    clerk = {"Authorization": f"Bearer {accounts.token('wang.fang', OPERATOR)}"}
    before, path = contents(), "/api/v1/records/application"
    for name, value in SMUGGLED.items():
        body = application_form() | {name: value}
        if name not in application_form():
            assert site.test_client().post(path, json=body, headers=clerk).status_code == 422, name
    assert contents() == before


def test_the_application_starts_with_every_route_declared(site: Flask) -> None:
    again = create_app(site.config["SETTINGS"], **CHEAP)
    access.require_declared(again)
