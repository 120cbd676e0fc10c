"""Nothing is written while host and database do not agree on the instant (R6.4)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock, instants
from edu_pilot.extensions import clocks, db, write
from edu_pilot.instants import ClocksDisagree
from edu_pilot.services import readiness
from tests.factories import Pilot, rows

pytestmark = pytest.mark.xdist_group("postgres")
REAL_NOW = clock.now


def set_host(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the host's clock be ahead of the database's."""
    monkeypatch.setattr(clock, "now", lambda: REAL_NOW() + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [60, -60, 86_400])
def test_r6_4_writes_are_refused_while_the_clocks_disagree(
    pg_app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    pilot = Pilot()
    pilot.draft()
    set_host(monkeypatch, seconds)
    before = len(rows("audit_entry"))
    with pytest.raises(ClocksDisagree):
        pilot.registered()
    found = readiness.checks()["clock"]
    assert not found.fine and abs(found.facts["seconds_apart"] + seconds) < 5
    assert len(rows("audit_entry")) == before
    set_host(monkeypatch, 0)
    pilot.registered()


@pytest.mark.parametrize("seconds", [0, 20, -20])
def test_some_seconds_are_no_matter(pg_app: Flask, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    set_host(monkeypatch, seconds)
    Pilot().draft()
    assert readiness.checks()["clock"].fine


def test_the_database_is_not_asked_at_each_write(pg_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for _ in range(3):
        with write() as conn:
            conn.execute(sa.text("SELECT 1"))
    assert sum("clock_timestamp" in statement for statement in asked) == 1
    monkeypatch.setattr(clocks(), "looked", instants.time.monotonic() - instants.AGREED - 1)
    with write():
        pass
    assert sum("clock_timestamp" in statement for statement in asked) == 2


def test_pages_and_programs_are_told_to_come_again(pg_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    set_host(monkeypatch, 60)
    client = pg_app.test_client()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_sqlite_has_no_clock_of_its_own(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    pilot.draft()
    set_host(monkeypatch, 60)
    pilot.registered()
    assert readiness.checks()["clock"].fine
