"""The append-only trail: numbered without gaps, each entry chained to the one before (R6.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from edu_pilot import clock
from edu_pilot.models import AuditEntry, AuditHead
from edu_pilot.services import cases

ENTRY = AuditEntry.__table__
HEAD = AuditHead.__table__
GENESIS = "0" * 64
COLUMNS = ("number", "actor", "workflow", "reference", "action", "from_state", "to_state", "policy_version")


@dataclass(frozen=True)
class Entry:
    """One step to record; `input` holds ids and codes, never a personal value."""

    actor: str
    workflow: str
    reference: str
    action: str
    from_state: str = ""
    to_state: str = ""
    policy_version: int = 0
    input: Mapping[str, Any] = field(default_factory=dict)
    cause: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What a walk over the whole trail found."""

    ok: bool
    entries: int
    records: int
    first_bad: int | None = None
    reason: str | None = None


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Mapping[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, unescaped."""
    return _CANONICAL.encode(value)


def chained(previous: str, body: str) -> str:
    """Return the hash of an entry: SHA-256 over the previous hash and the canonical body."""
    return hashlib.sha256((previous + body).encode()).hexdigest()


_RESERVE = (
    HEAD.update()
    .where(HEAD.c.id == 1)
    .values(number=HEAD.c.number + sa.bindparam("count"))
    .returning(HEAD.c.number, HEAD.c.hash)
)
_CLOSE = HEAD.update().where(HEAD.c.id == 1).values(hash=sa.bindparam("newest"))
_INSERT = ENTRY.insert()


def append(conn: Connection, entries: Sequence[Entry]) -> int:
    """Append entries as the last act of a transaction; return the number of the first.

    The head row is locked from here to the commit, so two appenders never fork the chain.
    """
    if not entries:
        return 0
    last, previous = conn.execute(_RESERVE, {"count": len(entries)}).one()
    first = last - len(entries) + 1
    rows, newest = _chain(entries, first, previous)
    conn.execute(_INSERT, rows)
    conn.execute(_CLOSE, {"newest": newest})
    return int(first)


def _chain(entries: Sequence[Entry], first: int, previous: str) -> tuple[list[dict[str, Any]], str]:
    at, on = clock.now(), clock.today().isoformat()
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    rows = []
    for number, entry in enumerate(entries, first):
        plain = {name: getattr(entry, name) for name in COLUMNS[1:]} | {"number": number}
        body = canonical({**plain, "at": stamp, "on": on, "input": entry.input, "cause": entry.cause})
        digest = chained(previous, body)
        rows.append({**plain, "at": at, "body": body, "previous_hash": previous, "hash": digest})
        previous = digest
    return rows, previous


def head(conn: Connection) -> dict[str, Any]:
    """Return the number and hash of the newest entry, to be kept outside the database."""
    number, digest = conn.execute(sa.select(HEAD.c.number, HEAD.c.hash)).one()
    return {"number": number, "hash": digest}


def verify(conn: Connection, kept: Mapping[str, Any] | None = None) -> Verdict:
    """Walk the chain, replay every record's state and compare; `kept` is a head exported before.

    A deleted entry n is named as n; of two swapped ones the first; a record whose state is not
    what its entries say, by its last entry.
    """
    states: dict[tuple[str, str], tuple[str, int]] = {}
    previous, expected = GENESIS, 1
    for row in _entries(conn):
        if fault := _fault(row, expected, previous):
            at, reason = fault
            return Verdict(False, expected - 1, len(states), at, reason)
        if kept and row["number"] == kept["number"] and row["hash"] != kept["hash"]:
            return Verdict(False, expected, len(states), expected, "content")
        states[row["workflow"], row["reference"]] = (row["to_state"], expected)
        previous, expected = row["hash"], expected + 1
    newest = max(head(conn)["number"], kept["number"] if kept else 0)
    if newest >= expected:
        return Verdict(False, expected - 1, len(states), expected, "missing")
    return _replayed(conn, states, expected - 1)


def _entries(conn: Connection) -> Iterator[RowMapping]:
    query = sa.select(ENTRY).order_by(ENTRY.c.number).execution_options(yield_per=5000)
    # A walk that stops at a fault must not leave a cursor open on the server.
    with conn.execute(query) as found:
        yield from found.mappings()


def _fault(row: RowMapping, expected: int, previous: str) -> tuple[int, str] | None:
    if row["number"] != expected:
        return expected, "missing"
    try:
        body = json.loads(row["body"])
    except ValueError:
        return expected, "content"
    if body.get("number") != expected and chained(row["previous_hash"], row["body"]) == row["hash"]:
        return expected, "order"
    if chained(previous, row["body"]) != row["hash"] or row["previous_hash"] != previous:
        return expected, "content"
    return None if _same(row, body) else (expected, "content")


def _same(row: RowMapping, body: Mapping[str, Any]) -> bool:
    stamp: datetime = row["at"]
    return body["at"] == stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ") and all(row[c] == body[c] for c in COLUMNS)


def _replayed(conn: Connection, states: Mapping[tuple[str, str], tuple[str, int]], entries: int) -> Verdict:
    records, wrong = 0, []
    for workflow in cases.workflows():
        columns = cases.table(workflow).c
        stored = dict(conn.execute(sa.select(columns.reference, columns.state)).all())
        records += len(stored)
        replayed = {ref: found for (name, ref), found in states.items() if name == workflow}
        for reference in stored.keys() | replayed.keys():
            state, number = replayed.get(reference, ("", 0))
            if stored.get(reference) != state:
                wrong.append(number)
    if wrong:
        return Verdict(False, entries, records, min(wrong) or None, "state")
    return Verdict(True, entries, records)
