"""The trail is append-only while its guards stand, and tells what was done when they were gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot.extensions import db, read, write
from edu_pilot.services import audit
from edu_pilot.services.audit import Verdict
from tests.factories import Pilot, row
from tests.people import worker

TRIGGERS = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT DISTINCT trigger_name, event_object_table FROM information_schema.triggers"
    " UNION SELECT 'audit_entry_no_truncate', 'audit_entry'",
}


def without_guards() -> None:
    """Drop every trigger, as somebody with the database's password could."""
    dialect = db.engine.dialect.name
    with write() as conn:
        for name, table in list(conn.execute(sa.text(TRIGGERS[dialect]))):
            on = "" if dialect == "sqlite" else f" ON {table}"
            conn.execute(sa.text(f"DROP TRIGGER {name}{on}"))


def tamper(*statements: str) -> None:
    """Write past every guard."""
    without_guards()
    with write() as conn:
        for statement in statements:
            conn.execute(sa.text(statement))


def verdict(kept: Mapping[str, Any] | None = None) -> Verdict:
    with read() as conn:
        return audit.verify(conn, kept)


def head() -> dict[str, Any]:
    with read() as conn:
        return audit.head(conn)


@pytest.fixture
def entries(any_pilot: Pilot) -> int:
    """Give the number of the newest entry, after an application's way to admission."""
    any_pilot.admitted()
    return int(head()["number"])


def test_an_untouched_trail_is_in_order(any_pilot: Pilot, entries: int) -> None:
    found = verdict(head())
    assert (found.ok, found.entries, found.records) == (True, entries, 3)
    assert (found.first_bad, found.reason) == (None, None)


def test_the_trail_is_walked_in_one_consistent_view(any_pilot: Pilot) -> None:
    """R6.1: a step taken while somebody reads is not seen half."""
    any_pilot.registered()
    with read() as conn:
        before = audit.head(conn)
        any_pilot.registered(worker(1))
        assert audit.head(conn) == before
        assert audit.verify(conn).ok
    assert head()["number"] > before["number"]


@pytest.mark.xdist_group("postgres")
def test_a_reader_cannot_write(pg_app: Flask) -> None:
    with pytest.raises(sa.exc.InternalError, match="read-only"), read() as conn:
        conn.execute(sa.text("UPDATE audit_head SET number = 7"))
    with write() as conn:
        conn.execute(sa.text("UPDATE quota SET places = places"))


def test_the_entries_are_numbered_without_gaps(entries: int) -> None:
    with read() as conn:
        numbers = list(conn.execute(sa.text("SELECT number FROM audit_entry ORDER BY number")).scalars())
    assert numbers == list(range(1, entries + 1))


@pytest.mark.parametrize("column", ["actor", "workflow", "reference", "action", "from_state", "to_state", "at", "body"])
def test_a_changed_text_is_found(any_pilot: Pilot, entries: int, column: str) -> None:
    """R6.1: every column is under the hash."""
    value = "'2022-01-01T00:00:00.000000Z'" if column == "at" else f"replace({column}, 'r', 's') || 'x'"
    tamper(f"UPDATE audit_entry SET {column} = {value} WHERE number = {entries - 3}")
    assert verdict() == Verdict(False, entries - 4, verdict().records, entries - 3, "content")


def test_a_changed_entry_with_its_hash_made_anew_is_found(any_pilot: Pilot, entries: int) -> None:
    with read() as conn:
        entry = conn.execute(sa.text("SELECT previous_hash, body FROM audit_entry WHERE number = 5")).one()
    body = entry.body.replace("2022-08-20", "2022-08-19")
    assert body != entry.body
    digest = audit.chained(entry.previous_hash, body)
    without_guards()
    with write() as conn:
        change = "UPDATE audit_entry SET body = :body, hash = :hash WHERE number = 5"
        conn.execute(sa.text(change), {"body": body, "hash": digest})
    found = verdict()
    assert (found.ok, found.first_bad, found.reason) == (False, 6, "content")


def test_a_deleted_entry_is_named(any_pilot: Pilot, entries: int) -> None:
    tamper("DELETE FROM audit_entry WHERE number = 4")
    found = verdict()
    assert (found.ok, found.first_bad, found.reason) == (False, 4, "missing")


def test_a_deleted_tail_is_named(any_pilot: Pilot, entries: int) -> None:
    tamper(f"DELETE FROM audit_entry WHERE number = {entries}")
    found = verdict()
    assert (found.ok, found.first_bad, found.reason) == (False, entries, "missing")


def test_a_deleted_tail_with_its_head_set_back_is_found_by_an_exported_head(any_pilot: Pilot, entries: int) -> None:
    kept = head()
    last = "(SELECT hash FROM audit_entry ORDER BY number DESC LIMIT 1)"
    tamper(
        f"DELETE FROM audit_entry WHERE number = {entries}",
        f"UPDATE audit_head SET number = {entries - 1}, hash = {last}",
    )
    found = verdict(kept)
    assert (found.ok, found.first_bad, found.reason) == (False, entries, "missing")


def test_a_tail_written_anew_is_found_by_an_exported_head(any_pilot: Pilot, entries: int) -> None:
    kept = head() | {"hash": "f" * 64}
    found = verdict(kept)
    assert (found.ok, found.first_bad, found.reason) == (False, entries, "content")


def test_a_swap_names_the_first(any_pilot: Pilot, entries: int) -> None:
    """Contract: a swap of m < n answers m."""
    tamper(
        "UPDATE audit_entry SET number = -1 WHERE number = 3",
        "UPDATE audit_entry SET number = 3 WHERE number = 6",
        "UPDATE audit_entry SET number = 6 WHERE number = -1",
    )
    found = verdict()
    assert (found.ok, found.first_bad, found.reason) == (False, 3, "order")


def test_a_state_changed_past_the_trail_is_found(any_pilot: Pilot, entries: int) -> None:
    """Contract: its last entry is named."""
    application = any_pilot.registered(worker(40))
    last = int(head()["number"])
    any_pilot.draft(worker(41))
    tamper(f"UPDATE application SET state = 'admitted' WHERE reference = '{application}'")
    found = verdict()
    assert (found.ok, found.first_bad, found.reason) == (False, last, "state")


def test_a_deleted_record_is_found(any_pilot: Pilot, entries: int) -> None:
    draft = any_pilot.draft(worker(40))
    tamper(f"DELETE FROM application WHERE reference = '{draft}'")
    found = verdict()
    assert (found.ok, found.reason) == (False, "state")


def test_a_record_without_entries_is_found(any_pilot: Pilot, entries: int) -> None:
    draft = any_pilot.draft(worker(40))
    columns = ", ".join(name for name in row("application", draft) if name not in ("id", "reference"))
    tamper(
        f"INSERT INTO application (id, reference, {columns})"
        f" SELECT 'x', 'A2209-777777', {columns} FROM application WHERE reference = '{draft}'"
    )
    found = verdict()
    assert (found.ok, found.reason) == (False, "state")


REFUSED = {
    "update": "UPDATE audit_entry SET actor = 'nobody' WHERE number = 2",
    "delete in the middle": "DELETE FROM audit_entry WHERE number = 2",
    "delete all": "DELETE FROM audit_entry",
    "swap": "UPDATE audit_entry SET number = -number",
}
REPLACE = (
    "INSERT OR REPLACE INTO audit_entry SELECT number, at, 'nobody', workflow, reference, action,"
    " from_state, to_state, policy_version, body, previous_hash, hash FROM audit_entry WHERE number = 2"
)


@pytest.mark.parametrize("kind", REFUSED)
def test_the_database_refuses_to_change_the_past(any_pilot: Pilot, entries: int, kind: str) -> None:
    """R6.1: append-only by trigger on both databases."""
    with pytest.raises(sa.exc.DBAPIError, match="audit_is_append_only"), write() as conn:
        conn.execute(sa.text(REFUSED[kind]))
    assert verdict(head()).ok


def test_sqlite_refuses_to_replace_an_entry(pilot: Pilot) -> None:
    """Without recursive triggers INSERT OR REPLACE would delete silently."""
    pilot.draft()
    with pytest.raises(sa.exc.DBAPIError, match="audit_is_append_only"), write() as conn:
        conn.execute(sa.text(REPLACE))
    assert verdict(head()).ok


@pytest.mark.xdist_group("postgres")
@pytest.mark.usefixtures("pg_app")
def test_postgresql_refuses_to_truncate() -> None:
    Pilot().draft()
    with pytest.raises(sa.exc.DBAPIError, match="audit_is_append_only"), write() as conn:
        conn.execute(sa.text("TRUNCATE audit_entry"))
    assert verdict(head()).ok


@pytest.mark.parametrize("state", ["admitted", "withdrawn", "no_such_state"])
def test_the_database_refuses_a_step_no_policy_allows(any_pilot: Pilot, state: str) -> None:
    """A record moves only along the edges of its own policy version, whoever writes."""
    draft = any_pilot.registered()
    change = f"UPDATE application SET state = '{state}' WHERE reference = '{draft}'"
    if state == "withdrawn":  # an edge there is: the trigger lets it pass, the trail tells it
        with write() as conn:
            conn.execute(sa.text(change))
        assert verdict().reason == "state"
        return
    with pytest.raises(sa.exc.DBAPIError, match="edge_not_allowed"), write() as conn:
        conn.execute(sa.text(change))
    assert row("application", draft)["state"] == "registered"


@pytest.mark.parametrize("state", ["registered", "admitted", ""])
def test_the_database_refuses_a_birth_in_another_state(any_pilot: Pilot, state: str) -> None:
    draft = any_pilot.draft()
    columns = ", ".join(n for n in row("application", draft) if n not in ("id", "reference", "state"))
    birth = (
        f"INSERT INTO application (id, reference, state, {columns})"
        f" SELECT 'x', 'A2209-777777', '{state}', {columns} FROM application"
    )
    with pytest.raises(sa.exc.DBAPIError, match="edge_not_allowed"), write() as conn:
        conn.execute(sa.text(birth))
    assert verdict().ok
