"""Whether a migration left alone what it was not meant to change: rows counted and summed before and after.

A revision that changes values says so by `CHANGES = {"table": {"column"}}`, one that adds or drops rows by
`ROWS = {"table"}`; columns and tables that come or go need no word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.services import figures

Kept = dict[str, dict[str, Any]]
# The weakest lock of PostgreSQL under which a table's rows may have been changed.
CHANGING = ("RowExclusiveLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


class Harmed(RuntimeError):
    """A migration changed rows that it does not name; nothing of it is kept."""


def noted(conn: Connection) -> Kept:
    """Return count and checksums of every table, each column for itself."""
    _prepare(conn)
    return {table.name: _noted(conn, table, table.c.keys()) for table in figures.tables(conn)}


def _prepare(conn: Connection) -> None:
    if conn.dialect.name == "sqlite":
        conn.connection.driver_connection.create_function("row_sum", 1, _row_sum)  # type: ignore[union-attr]


def _row_sum(value: object) -> int:
    text = value if isinstance(value, bytes) else repr(value).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest())


def _noted(conn: Connection, table: sa.Table, columns: Iterable[str]) -> dict[str, Any]:
    names = sorted(columns)
    if conn.dialect.name == "sqlite":
        sums = [sa.func.sum(sa.func.row_sum(sa.type_coerce(table.c[name], sa.String))) for name in names]
    else:
        text = [sa.func.coalesce(sa.cast(table.c[name], sa.Text), "\x01") for name in names]
        sums = [sa.func.sum(sa.func.hashtext(one).cast(sa.BigInteger)) for one in text]
    count, *found = conn.execute(sa.select(sa.func.count(), *sums).select_from(table)).one()
    return {"": count, **dict(zip(names, map(_number, found), strict=True))}


def _number(value: Any) -> int:
    return int(value or 0)


def require(conn: Connection, before: Kept, revisions: Iterable[Any]) -> None:
    """Compare what may have been touched with what was noted; raise Harmed where more changed than was said."""
    changes, rows = _said(revisions)
    present = {table.name: table for table in figures.tables(conn)}
    for name in sorted(before.keys() & present.keys() & _touched(conn, before)):
        if name in rows:
            continue
        same = set(before[name]) & set(present[name].c.keys()) - changes.get(name, set())
        after = _noted(conn, present[name], same)
        if wrong := sorted(column or "rows" for column, found in after.items() if before[name][column] != found):
            raise Harmed(f"the migration changed {name}: {', '.join(wrong)}; nothing of it was kept")


def _said(revisions: Iterable[Any]) -> tuple[Mapping[str, set[str]], set[str]]:
    changes: dict[str, set[str]] = {}
    rows: set[str] = set()
    for module in revisions:
        rows |= set(getattr(module, "ROWS", ()))
        for table, columns in getattr(module, "CHANGES", {}).items():
            changes.setdefault(table, set()).update(columns)
    return changes, rows


def _touched(conn: Connection, before: Kept) -> set[str]:
    """Return the tables this transaction may have changed; on SQLite each, for rows may go by cascade anywhere."""
    if conn.dialect.name == "sqlite":
        return set(before)
    query = sa.text(
        "SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " WHERE l.pid = pg_backend_pid() AND l.mode = ANY(:modes)"
    )
    return set(conn.execute(query, {"modes": list(CHANGING)}).scalars())
