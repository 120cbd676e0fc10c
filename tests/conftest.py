"""What every test may use, and the rule that in CI nothing is skipped."""

import os
from collections.abc import Generator, Iterator
from typing import TypeVar

import pytest

from tests import postgres as postgres_server

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """Give a PostgreSQL server; `postgres.fresh_database("name")` is an empty database."""
    bin_folder = postgres_server.programs()
    if bin_folder is None:
        pytest.skip(postgres_server.WITHOUT_SERVER)
    with postgres_server.running_server(bin_folder) as server:
        yield server
