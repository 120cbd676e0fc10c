"""Programs that call the API, each with the token of one of the staff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edu_pilot import clock
from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from edu_pilot.web import access, api, health
from tests.app import TODAY
from tests.factories import Pilot

ROOT = "/api/v1"


@dataclass(frozen=True)
class Caller:
    """A program with a token, or with none."""

    client: FlaskClient
    token: str | None = None

    def get(self, path: str, **given: Any) -> TestResponse:
        """Ask an address below the API's root."""
        return self._ask("GET", path, **given)

    def post(self, path: str, data: Any, key: str | None = None, **given: Any) -> TestResponse:
        """Send JSON."""
        headers = given.pop("headers", {}) | ({"Idempotency-Key": key} if key else {})
        return self._ask("POST", path, json=data, headers=headers)

    def form(self, path: str, key: str | None = None, **fields: Any) -> TestResponse:
        """Send a form with files."""
        return self._ask("POST", path, data=fields, headers={"Idempotency-Key": key} if key else {})

    def _ask(self, method: str, path: str, **given: Any) -> TestResponse:
        headers = {"Accept-Language": "en"} | given.pop("headers", {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        # A context of its own, as a server has it: nothing of the test's is seen.
        with self.client.application.app_context():
            return self.client.open(ROOT + path, method=method, headers=headers, **given)


class Programs:
    """One caller per account, made when first asked for."""

    def __init__(self, site: Flask) -> None:
        self.site = site
        self.known: dict[str, Caller] = {}

    def __call__(self, account: str) -> Caller:
        if account not in self.known:
            with self.site.app_context():
                token = accounts.token(account, OPERATOR)
            self.known[account] = Caller(self.site.test_client(), token)
        return self.known[account]


@pytest.fixture
def site(site: Flask) -> Flask:
    """Give the application with the API and the health routes."""
    api.init_app(site)
    health.init_app(site)
    access.require_declared(site)
    return site


@pytest.fixture
def programs(site: Flask) -> Iterator[Programs]:
    """Give everybody's programs on 20 August 2022."""
    with clock.on(TODAY):
        yield Programs(site)


@pytest.fixture
def clerk(programs: Programs) -> Caller:
    """Give Wang Fang's program."""
    return programs("wang.fang")


@pytest.fixture
def registrar(programs: Programs) -> Caller:
    """Give Chen Hui's program."""
    return programs("chen.hui")


@pytest.fixture
def anybody(site: Flask) -> Caller:
    """Give a program without a token."""
    return Caller(site.test_client())


@pytest.fixture
def pilot(site: Flask, programs: Programs) -> Iterator[Pilot]:
    """Give everybody's hands beside their programs."""
    with site.app_context():
        yield Pilot()
