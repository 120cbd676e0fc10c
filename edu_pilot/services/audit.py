"""The append-only trail: numbered without gaps, each entry chained to the one before (R6.1)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from edu_pilot import clock
from edu_pilot.models import AuditEntry, AuditHead
from edu_pilot.services import anchors, cases
from edu_pilot.services.canonical import canonical, chained, stamp

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
    # The record's version after a step; 0 for a note beside the record, which moves nothing.
    record_version: int = 0


@dataclass(frozen=True)
class Verdict:
    """What a walk over the whole trail found."""

    ok: bool
    entries: int
    records: int
    first_bad: int | None = None
    reason: str | None = None


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
    rows = []
    for number, entry in enumerate(entries, first):
        plain = {name: getattr(entry, name) for name in COLUMNS[1:]} | {"number": number}
        told = {"on": on, "input": entry.input, "cause": entry.cause, "record_version": entry.record_version}
        body = canonical({**plain, **told, "at": stamp(at)})
        digest = chained(previous, body)
        rows.append({**plain, "at": at, "body": body, "previous_hash": previous, "hash": digest})
        previous = digest
    return rows, previous


def head(conn: Connection) -> dict[str, Any]:
    """Return the number and hash of the newest entry, to be kept outside the database."""
    number, digest = conn.execute(sa.select(HEAD.c.number, HEAD.c.hash)).one()
    return {"number": number, "hash": digest}


def read_head(text: str) -> dict[str, Any]:
    """Read a head or an anchor that was kept outside, as `head` and `anchor` print it; ValueError for anything else."""
    kept = json.loads(text)
    if not isinstance(kept, dict) or type(kept.get("number")) is not int or not isinstance(kept.get("hash"), str):
        raise ValueError("no head")
    names = {column.name for column in fields(anchors.Anchor)}
    if set(kept) not in ({"number", "hash"}, names):
        raise ValueError("neither a head nor an anchor")
    return kept


def verify(conn: Connection, kept: Mapping[str, Any] | None = None, keys: anchors.Keys | None = None) -> Verdict:
    """Walk the chain and its anchors, replay every record and compare.

    `kept` is a head or an anchor exported before; `keys` are public keys from outside, else the instance's own.
    A deleted entry n is named as n; of two swapped ones the first; where only an anchor tells, the entry it
    names; a record that is not what its entries say, by its last entry.
    """
    walk = _Walk(_promises(conn, kept, anchors.own_keys() if keys is None else keys))
    for row in _entries(conn):
        if fault := walk.step(row):
            return walk.verdict(fault)
    if fault := walk.end(conn.execute(sa.select(HEAD.c.number, HEAD.c.hash)).one()):
        return walk.verdict(fault)
    return _compared(conn, walk)


Fault = tuple[int | None, str]


@dataclass(frozen=True)
class Promises:
    """What the trail must be like: (number, hash) of every signed or exported head, and what is no promise."""

    heads: Mapping[int, frozenset[str]]
    broken: frozenset[int]


def _promises(conn: Connection, kept: Mapping[str, Any] | None, keys: anchors.Keys) -> Promises:
    found = anchors.kept(conn)
    heads = defaultdict(set)
    unsound = set(anchors.unsound(found, keys))
    for anchor in found:
        if anchor not in unsound:
            heads[anchor.number].add(anchor.hash)
    broken = {anchor.number for anchor in unsound}
    if kept:
        heads[kept["number"]].add(kept["hash"])
        if "anchor" in kept and not _still_there(found, anchors.Anchor(**kept), keys):
            broken.add(kept["number"])
    return Promises({number: frozenset(hashes) for number, hashes in heads.items()}, frozenset(broken))


def _still_there(found: Sequence[anchors.Anchor], kept: anchors.Anchor, keys: anchors.Keys) -> bool:
    """Whether an anchor that was carried out of the house is genuine, and still stands inside."""
    return kept.holds(keys) and kept in found[kept.anchor - 1 : kept.anchor]


def _entries(conn: Connection) -> Iterator[RowMapping]:
    query = sa.select(ENTRY).order_by(ENTRY.c.number).execution_options(yield_per=5000)
    # A walk that stops at a fault must not leave a cursor open on the server.
    with conn.execute(query) as found:
        yield from found.mappings()


# What the entries say of a record: its state, its version, the number of the last entry.
Standing = tuple[str, int, int]
UNBORN: Standing = ("", 0, 0)


class _Walk:
    """A walk along the chain: what is expected next, and how every record stands by what was read so far."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.number = 0
        self.hash = GENESIS
        self.standings: dict[tuple[str, str], Standing] = {}

    def verdict(self, fault: Fault) -> Verdict:
        """Return what a walk that ended at a fault found."""
        return Verdict(False, self.number, len(self.standings), *fault)

    def step(self, row: RowMapping) -> Fault | None:
        """Read one entry; return what is wrong with it, and then stay before it."""
        number = self.number + 1
        if row["number"] != number:
            return number, "missing"
        if number in self.promises.broken:
            return number, "anchor"
        body = _body(row)
        fault = _fault(row, body, number, self.hash) or self._promised(row, number) or self._moved(row, body, number)
        if fault is None:
            self.number, self.hash = number, row["hash"]
        return fault

    def _promised(self, row: RowMapping, number: int) -> Fault | None:
        heads = self.promises.heads.get(number, frozenset())
        return None if heads <= {row["hash"]} else (number, "content")

    def _moved(self, row: RowMapping, body: Mapping[str, Any], number: int) -> Fault | None:
        """Follow a record: each step starts where the one before ended, and counts one version more.

        A step that leaves no sign for others counts none; a note beside the record moves nothing.
        """
        key, version = (row["workflow"], row["reference"]), body.get("record_version", 0)
        state, before, _ = self.standings.get(key, UNBORN)
        still = row["from_state"] == row["to_state"]
        if not version and still and row["to_state"] in ("", state):
            self.standings[key] = (state, before, number)
            return None
        if row["from_state"] != state or version not in ((before, before + 1) if still and before else (before + 1,)):
            return number, "state"
        self.standings[key] = (row["to_state"], version, number)
        return None

    def end(self, head: Any) -> Fault | None:
        """Return what is wrong behind the last entry: promises that reach further, or another head."""
        following = self.number + 1
        if max(head.number, *self.promises.heads, 0) > self.number:
            return following, "missing"
        if any(not 0 < number < following for number in self.promises.broken):
            return following, "anchor"
        if head.number < self.number:
            return head.number + 1, "content"
        return None if head.hash == self.hash else (self.number, "content")


def _body(row: RowMapping) -> dict[str, Any]:
    """Return what an entry says; what cannot be read says nothing."""
    try:
        body = json.loads(row["body"])
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _fault(row: RowMapping, body: Mapping[str, Any], expected: int, previous: str) -> Fault | None:
    if body.get("number") != expected and chained(row["previous_hash"], row["body"]) == row["hash"]:
        return expected, "order"
    if chained(previous, row["body"]) != row["hash"] or row["previous_hash"] != previous:
        return expected, "content"
    return None if _same(row, body) else (expected, "content")


def _same(row: RowMapping, body: Mapping[str, Any]) -> bool:
    return body.get("at") == stamp(row["at"]) and all(row[c] == body.get(c) for c in COLUMNS)


def _compared(conn: Connection, walk: _Walk) -> Verdict:
    """Compare every record with what its entries say of it."""
    records, wrong = 0, []
    for workflow in cases.workflows():
        columns = cases.table(workflow).c
        query = sa.select(columns.reference, columns.state, columns.version)
        stored = {row.reference: (row.state, row.version) for row in conn.execute(query)}
        records += len(stored)
        told = {ref: found for (name, ref), found in walk.standings.items() if name == workflow}
        for reference in stored.keys() | told.keys():
            *standing, number = told.get(reference, UNBORN)
            if stored.get(reference) != tuple(standing):
                wrong.append(number)
    if wrong:
        return Verdict(False, walk.number, records, min(wrong) or None, "state")
    return Verdict(True, walk.number, records)
