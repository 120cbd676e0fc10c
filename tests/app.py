"""Installations for tests: one made by `init` a session, every other one a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flask import Flask

from edu_pilot import clock, config, create_app
from edu_pilot.extensions import db
from edu_pilot.services import instance
from tests import people
from tests.postgres import Server

# A copy is a copy to the row id: a policy version compiled once serves all of them.
COMPILED: dict[str, object] = {}
TODAY = date(2022, 8, 20)
# Argon2's least memory at four lanes.
CHEAP = {"ARGON2_TIME_COST": 1, "ARGON2_MEMORY_KIB": 32, "TESTING": True}


@dataclass(frozen=True)
class Place:
    """Where an installation is: its folder, and its database address unless that is SQLite there."""

    data: Path
    url: str | None = None

    @property
    def database_url(self) -> str:
        """Give the address of its database."""
        return self.url or f"sqlite:///{self.data / 'edu-pilot.db'}"


def build(place: Place) -> Flask:
    """Build the application over an installation, with a password hash that costs nothing."""
    environ = {"EDU_PILOT_DATA": str(place.data), "EDU_PILOT_DATABASE_URL": place.database_url}
    app = create_app(config.read(environ), **CHEAP)
    app.extensions["policies"] = COMPILED
    return app


@contextmanager
def opened(place: Place) -> Iterator[Flask]:
    """Give the application; its connections are closed at the end."""
    app = build(place)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@contextmanager
def at_work(app: Flask, day: date = TODAY) -> Iterator[Flask]:
    """Let the block run inside the application on a business date."""
    with app.app_context(), clock.on(day):
        yield app


def make_template(place: Place) -> None:
    """Initialise an installation with everybody's account."""
    with opened(place) as app, at_work(app):
        instance.init()
        people.give_accounts()


def copy_sqlite(template: Place, data: Path) -> Place:
    """Copy a closed installation: its keys and its database file."""
    shutil.copytree(template.data, data)
    return Place(data)


def copy_postgres(server: Server, template: Place, data: Path, name: str) -> Place:
    """Copy an installation whose database nobody is connected to."""
    shutil.copytree(template.data, data)
    assert template.url is not None
    return Place(data, server.copied_database(name, template.url.rpartition("/")[2]))
