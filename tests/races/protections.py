"""What keeps two from winning, and how to do without it: to show that the harness would notice.

A protection is taken away in the contestants' code, or in the schema of the database they use.
`transaction`: on SQLite every statement by itself instead of BEGIN IMMEDIATE; on PostgreSQL the
record is read without FOR UPDATE. `version`: the UPDATE of a record no longer asks for the state
and version it was read with. `places`: a place is taken after a look instead of with a condition.
`claims_held`: nothing that is read is held until the end of the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa

from edu_pilot import extensions
from edu_pilot.services import cases, perform
from edu_pilot.services.effects import application
from edu_pilot.services.unit import Change


@contextmanager
def taken_away(names: Sequence[str]) -> Iterator[None]:
    """Let an application that is built in the block run without the protections of these names."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(_WITHOUT[name]())
        yield


@contextmanager
def _without_transaction() -> Iterator[None]:
    # SQLite's driver is in autocommit mode: without a BEGIN others' statements come in between.
    with (
        mock.patch.object(extensions, "_sqlite_begin", lambda _connection: None),
        mock.patch.object(cases, "_held", lambda query, _conn, _lock: query),
    ):
        yield


@contextmanager
def _without_version() -> Iterator[None]:
    with mock.patch.object(perform, "_write", _write_blindly):
        yield


def _write_blindly(change: Change, action: Any) -> None:
    case, records = change.case, cases.table(change.workflow)
    moved = change.to_state != case.state
    values: dict[str, Any] = {"state": change.to_state, **change.values}
    if moved or not action.sealed:
        values["version"] = case.version + 1
    change.conn.execute(records.update().where(records.c.id == case.id).values(values))
    perform._insert_rows(change)


@contextmanager
def _without_places() -> Iterator[None]:
    with mock.patch.object(application, "_quota", _quota_after_a_look):
        yield


def _quota_after_a_look(change: Change, moves: Mapping[str, int], *, free: bool = False) -> bool:
    if free and change.case.places_free < 1:
        return False
    quota = application.QUOTA
    query = quota.update().where(quota.c.year == f"20{change.case.intake[:2]}")
    values = {name: quota.c[name] + by for name, by in moves.items()}
    return bool(change.conn.execute(query.values(values)).rowcount)


@contextmanager
def _without_claims_held() -> Iterator[None]:
    # What a new batch reads of its claims is no longer held until it is drawn.
    with mock.patch.object(sa.Select, "with_for_update", lambda query, **_how: query):
        yield


_WITHOUT: Mapping[str, Callable[[], Any]] = {
    "transaction": _without_transaction,
    "version": _without_version,
    "places": _without_places,
    "claims_held": _without_claims_held,
}


def drop_constraints(table: str, *names: str) -> None:
    """Take a table's constraints away: by name on PostgreSQL, all of them on SQLite."""
    with extensions.write() as conn:
        if conn.dialect.name == "sqlite":
            statements = [
                f"CREATE TABLE bare AS SELECT * FROM {table}",
                f"DROP TABLE {table}",
                f"ALTER TABLE bare RENAME TO {table}",
            ]
        else:
            statements = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name in names]
        for statement in statements:
            conn.execute(sa.text(statement))
