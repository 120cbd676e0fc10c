"""Counts of a past day, told from the audit on each database."""

from __future__ import annotations

from datetime import date, timedelta

from edu_pilot.extensions import read
from edu_pilot.services import readiness, statistics
from edu_pilot.workflow.registry import Actor
from tests.factories import ADMITTED, CONFIRMED, SIGN_UP, VERIFIED, Pilot, on
from tests.people import QIHE, worker


def counted(actor: Actor, day: date, *by: str) -> dict[tuple[str, ...], int]:
    with read() as conn:
        rows = statistics.persons(conn, actor, day, by)["rows"]
    return {tuple(row[name] for name in by): row["persons"] for row in rows}


def test_each_day_tells_what_was_so_on_it(any_pilot: Pilot) -> None:
    any_pilot.studying()
    any_pilot.registered(worker(1))
    seen = {day: counted(any_pilot.chen_hui, day, "workflow", "state") for day in (SIGN_UP, VERIFIED, ADMITTED)}
    assert counted(any_pilot.chen_hui, SIGN_UP - timedelta(1), "state") == {}
    assert seen[SIGN_UP] == {("application", "registered"): 2}
    assert seen[VERIFIED] == {("application", "registered"): 1, ("application", "verified"): 1}
    assert seen[ADMITTED] == {
        ("application", "admitted"): 1,
        ("application", "registered"): 1,
        ("certification", "planned"): 1,
        ("study", "enrolled"): 1,
    }
    assert counted(any_pilot.chen_hui, CONFIRMED, "workflow", "state")["study", "studying"] == 1


def test_a_county_counts_whom_it_had_on_the_day(any_pilot: Pilot) -> None:
    reference = any_pilot.registered()
    step = ("application", reference, "move_county", any_pilot.chen_hui, VERIFIED)
    any_pilot.act(*step, new_county="德城区", new_point="德城区教学点")
    assert counted(any_pilot.wang_fang, SIGN_UP, "county") == {(QIHE,): 1}
    assert counted(any_pilot.decheng_clerk, SIGN_UP, "county") == {}
    assert counted(any_pilot.wang_fang, VERIFIED, "county") == {}
    assert counted(any_pilot.decheng_clerk, VERIFIED, "county") == {("371402",): 1}


def test_a_draft_amended_later_keeps_its_major_of_then(any_pilot: Pilot) -> None:
    reference = any_pilot.draft(county="", point="")
    any_pilot.act("application", reference, "amend", any_pilot.wang_fang, VERIFIED, major="行政管理", county="齐河县")
    before, after = (counted(any_pilot.chen_hui, day, "county", "major") for day in (SIGN_UP, VERIFIED))
    assert before == {(QIHE, "530701"): 1}
    assert set(after) != set(before)


def test_what_each_database_must_be_set_to_is_looked_at(any_pilot: Pilot) -> None:
    with on(SIGN_UP):
        checks = readiness.checks()
    assert checks["database"].fine
    assert set(checks["settings"].facts) >= {"foreign_keys"} or set(checks["settings"].facts) >= {"fsync"}


def test_a_setting_that_may_lose_a_commit_is_not_fine() -> None:
    sound = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "off"}
    assert readiness.postgresql_settings(sound).fine
    assert not readiness.postgresql_settings(sound | {"fsync": "off"}).fine
    assert readiness.postgresql_settings(sound).facts["warnings"] == ["data_checksums must be on, is off"]
    journal = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    assert readiness.sqlite_settings(journal).fine
    assert not readiness.sqlite_settings(journal | {"synchronous": 1}).fine
    assert not readiness.sqlite_settings(journal | {"foreign_keys": 0}).fine
    assert not readiness.sqlite_settings(journal | {"recursive_triggers": 0}).fine
    assert not readiness.sqlite_settings(journal | {"journal_mode": "delete"}).fine


def test_edge_73_a_person_counts_once_by_the_unit_of_the_school_status(any_pilot: Pilot) -> None:
    """R1.1: reproducible for any past day, whatever moved or ended since."""
    moved, left = any_pilot.studying(), any_pilot.studying(worker(1))
    any_pilot.enrolled(worker(2))
    day = date(2023, 3, 1)
    any_pilot.act("study", moved, "change_point", any_pilot.chen_hui, day, new_point="德城区教学点")
    assert counted(any_pilot.chen_hui, day, "unit", "year") == {(QIHE, "2022"): 2}
    assert counted(any_pilot.wang_fang, day, "unit") == {(QIHE,): 2}
    assert counted(any_pilot.decheng_clerk, day, "unit") == {}
    any_pilot.act("study", left, "cancel", any_pilot.chen_hui, date(2023, 4, 1), cancellation="NOT_REGISTERED")
    assert counted(any_pilot.chen_hui, date(2023, 4, 1), "unit") == {(QIHE,): 1}
    assert counted(any_pilot.chen_hui, day, "unit") == {(QIHE,): 2}


def test_edge_73_who_begins_again_is_still_one_person(any_pilot: Pilot) -> None:
    first = any_pilot.studying()
    any_pilot.act("study", first, "withdraw", any_pilot.chen_hui, CONFIRMED, withdrawal="PERSONAL")
    second = any_pilot.studying()
    assert first != second
    assert counted(any_pilot.chen_hui, CONFIRMED, "unit") == {(QIHE,): 1}
