"""What every route of the site says to the browser, whoever asks and however (C15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from edu_pilot.web import browser
from tests.factories import Pilot
from tests.web.visitor import Visitor

# Header by header what each answer must carry; what a view says more strictly stays.
TABLE = {
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("DENY",),
    "Referrer-Policy": ("same-origin",),
    "Cross-Origin-Opener-Policy": ("same-origin",),
    "Permissions-Policy": ("camera=(), geolocation=(), microphone=()",),
    "Content-Security-Policy": (
        browser.CONTENT_POLICY, "default-src 'none'; sandbox", "sandbox; default-src 'none'",
    ),
}  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def addresses(site: Flask) -> Iterator[tuple[str, str]]:
    """Give (method, address) for every rule of the URL map; what it names need not be there."""
    for rule in site.url_map.iter_rules():
        path = filled(rule)
        yield from ((method, path) for method in METHODS if method in (rule.methods or ()))


def filled(rule: Rule) -> str:
    """Give an address of a rule."""
    values = dict.fromkeys(rule.arguments, "app.css" if rule.endpoint == "static" else "x")
    built = rule.build(values)
    assert built is not None
    return built[1]


@pytest.mark.parametrize("who", ["stranger", "clerk", "program"])
def test_every_route_carries_the_headers(
    site: Flask, at_desk: Callable[[str], Visitor], who: str, hands: Pilot
) -> None:
    visitor = at_desk("wang.fang") if who == "clerk" else Visitor(site)
    token = accounts.token("wang.fang", OPERATOR) if who == "program" else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    asked = set(addresses(site))
    assert len(asked) > 100
    for method, path in asked - {("POST", "/logout")}:
        answer = visitor._open(method, path, headers=headers)
        assert answer.status_code < 500, (method, path)
        sent = {name: answer.headers.get(name) for name in TABLE}
        if path == "/verify/offline" and method in ("GET", "HEAD"):
            # One file of its own, which may run its two scripts and nothing else.
            policy = sent.pop("Content-Security-Policy") or ""
            assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
        assert {name: value for name, value in sent.items() if value not in TABLE[name]} == {}, (method, path)
        kept = answer.headers.get("Cache-Control", "")
        assert path.startswith("/static/") or kept == "no-store", (method, path, kept)
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert "HttpOnly" in cookie and "SameSite=Lax" in cookie, (method, path)


def test_no_page_needs_a_script_or_a_style_of_its_own() -> None:
    assert "unsafe" not in browser.CONTENT_POLICY
    assert browser.CONTENT_POLICY.startswith("default-src 'self'; ")
