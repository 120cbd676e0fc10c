"""What every test may use, and the rule that in CI nothing is skipped."""

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from playwright.sync_api import Browser

from edu_pilot import instants
from edu_pilot.services import rendering
from tests import app as installations
from tests import postgres as postgres_server
from tests.app import TODAY, Place
from tests.browser.served import opened_browser, served_here
from tests.factories import Pilot
from tests.full_sample import Crowd, crowd_at

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
# The fonts of the documents are cut once for all installations of all tests.
os.environ.setdefault("EDU_PILOT_CACHE", str(Path(tempfile.gettempdir()) / f"edu-pilot-tests-{os.getuid()}"))
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def without_skip(report: Report) -> Report:
    """Turn a skip into a failure in CI, where everything must be there; expected failures stay."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hold the rule for tests and fixtures."""
    return without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Hold the rule for whole files that skip themselves."""
    return without_skip((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last and loud that something was not tested."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.write_sep("!", f"{skipped} skipped: NOT TESTED, see below", red=True)


@pytest.fixture
def renderer() -> None:
    """Skip where papers cannot be drawn: the application runs without that, and says which line mends it."""
    if missing := rendering.missing_pieces():
        pytest.skip(f"documents cannot be rendered here: {', '.join(missing)}; run: {rendering.APT_LINE}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """Give a PostgreSQL server; `postgres.fresh_database("name")` is an empty database."""
    bin_folder = postgres_server.programs()
    if bin_folder is None:
        pytest.skip(postgres_server.WITHOUT_SERVER)
    with postgres_server.running_server(bin_folder) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give an installation on SQLite made by `init`, for copying only."""
    place = Place(tmp_path_factory.mktemp("template") / "instance")
    installations.make_template(place)
    return place


@pytest.fixture(scope="session")
def postgres_template(postgres: postgres_server.Server, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give an installation on PostgreSQL made by `init`, for copying only."""
    url = postgres.fresh_database("template_of_the_pilot")
    place = Place(tmp_path_factory.mktemp("template") / "instance", url)
    installations.make_template(place)
    return place


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Give the sample of 75 people, in a campaign of 1,000; mark the module xdist_group("sample")."""
    return crowd_at(Place(tmp_path_factory.mktemp("crowd") / "instance"))


@pytest.fixture
def sqlite_place(sqlite_template: Place, tmp_path: Path) -> Place:
    """Give a fresh installation on SQLite."""
    return installations.copy_sqlite(sqlite_template, tmp_path / "instance")


@pytest.fixture
def postgres_place(postgres: postgres_server.Server, postgres_template: Place, tmp_path: Path) -> Place:
    """Give a fresh installation on PostgreSQL."""
    data = tmp_path / "instance"
    return installations.copy_postgres(postgres, postgres_template, data, "pilot_of_this_test")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
def any_place(request: pytest.FixtureRequest) -> Place:
    """Give a fresh installation on each database in turn."""
    place: Place = request.getfixturevalue(f"{request.param}_place")
    return place


@pytest.fixture
def site(sqlite_place: Place) -> Iterator[Flask]:
    """Give a fresh application on SQLite, without an open context: for requests and commands."""
    with installations.opened(sqlite_place) as app:
        yield app


@pytest.fixture
def app(site: Flask) -> Iterator[Flask]:
    """Give a fresh application on SQLite on 20 August 2022, its context open."""
    with installations.at_work(site):
        yield site


@pytest.fixture
def pg_app(postgres_place: Place) -> Iterator[Flask]:
    """Give a fresh application on PostgreSQL; mark the test xdist_group("postgres")."""
    with installations.opened(postgres_place) as app, installations.at_work(app):
        yield app


@pytest.fixture
def any_app(any_place: Place) -> Iterator[Flask]:
    """Give a fresh application on each database in turn, its context open."""
    with installations.opened(any_place) as app, installations.at_work(app):
        yield app


@pytest.fixture
def pilot(app: Flask) -> Pilot:
    """Give everybody's hands in the application on SQLite."""
    return Pilot()


@pytest.fixture
def any_pilot(any_app: Flask) -> Pilot:
    """Give everybody's hands in the application on each database in turn."""
    return Pilot()


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test move the host's clock: the database's own does not travel along."""
    monkeypatch.setattr(instants.Watch, "require_agreement", lambda _watch, _conn: None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give Debian's Chromium."""
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def address(site: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the site on a port of this machine, on the day of the tests."""
    monkeypatch.setenv("EDU_PILOT_TODAY", TODAY.isoformat())
    with served_here(site) as base:
        yield base
