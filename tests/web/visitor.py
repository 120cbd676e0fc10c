"""A browser without eyes: it keeps its cookies and sends back the tokens of the forms it sees."""

from __future__ import annotations

import html
import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.people import fresh_code

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
SEEN = re.compile(r'name="seen_version" value="(\d+)"')


class Visitor:
    """One person at one browser."""

    def __init__(self, site: Flask, lang: str = "en") -> None:
        self.site = site
        self.client = site.test_client()
        self.headers = {"Accept-Language": lang}

    def get(self, path: str, **given: Any) -> TestResponse:
        """Open an address."""
        return self._open("GET", path, **given)

    def send(self, path: str, **fields: Any) -> TestResponse:
        """Send a form as the page it stands on would: with the session's token."""
        token = TOKEN.search(text(self.get("/login")))
        assert token
        return self._open("POST", path, data={"csrf_token": token.group(1), **fields})

    def act(self, path: str, action: str, **fields: Any) -> TestResponse:
        """Take a step from a record's page, with the version that it shows."""
        seen = SEEN.search(text(self.get(path)))
        fields.setdefault("seen_version", seen.group(1) if seen else "0")
        return self.send(f"{path}/{action}", **fields)

    def sign_in(self, name: str, **fields: str) -> TestResponse:
        """Sign in with the password and the second factor every test account has."""
        with self.site.app_context():
            fields.setdefault("code", fresh_code(name))
        return self.send("/login", username=name, password="demo" + name, **fields)

    def _open(self, method: str, path: str, **given: Any) -> TestResponse:
        headers = self.headers | given.pop("headers", {})
        # A context of its own, as a server has it: nothing of the test's is seen.
        with self.site.app_context():
            return self.client.open(path, method=method, headers=headers, buffered=True, **given)


def text(answer: TestResponse) -> str:
    """Give the page as text."""
    return html.unescape(answer.get_data(as_text=True))


def masked(answer: TestResponse) -> bytes:
    """Give the page without the session's own token."""
    return re.sub(rb'name="csrf_token" value="[^"]+"', b"", answer.data)
