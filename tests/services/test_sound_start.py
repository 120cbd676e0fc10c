"""Nobody works on a database that may lose a commit: production refuses to start, elsewhere it warns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from edu_pilot.config import Misconfigured, Settings
from edu_pilot.services import readiness


def asked_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a setting that the database does not have."""
    monkeypatch.setattr(readiness, "SQLITE", readiness.SQLITE | {"synchronous": 3})


def in_production(app: Flask) -> Settings:
    settings: Settings = replace(app.config["SETTINGS"], env="production")
    return settings


def test_production_starts_on_safe_settings(app: Flask) -> None:
    readiness.require_sound(in_production(app))


def test_production_refuses_unsafe_ones_in_one_line(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for_more(monkeypatch)
    with pytest.raises(Misconfigured, match="synchronous must be 3, is 2") as refused:
        readiness.require_sound(in_production(app))
    assert "\n" not in str(refused.value)
    assert not readiness.checks()["settings"].fine


def test_an_old_library_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SAFE_WAL", (99, 0, 0))
    with pytest.raises(Misconfigured, match=r"SQLite must be 99\.0\.0 or newer"):
        readiness.require_sound(in_production(app))


def test_elsewhere_it_is_a_warning(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked_for_more(monkeypatch)
    readiness.require_sound(app.config["SETTINGS"])
    assert "may lose data" in capfd.readouterr().err
