"""Records as the rules see them: columns, opened personal values, and related facts loaded for a whole batch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import Base
from edu_pilot.models.base import Sealed
from edu_pilot.services.vault import Vault

Load = Callable[[Connection, Sequence["Case"]], Mapping[str, Any]]


@dataclass(frozen=True)
class Fact:
    """A named value about a record that other tables hold; a fresh one is asked anew each time."""

    load: Load
    fresh: bool


FACTS: dict[tuple[str, str], Fact] = {}


def fact(*workflows: str, fresh: bool = False) -> Callable[[Load], Load]:
    """Register a bulk loader: for a batch of cases it answers {record id: value} in a bounded number of queries."""

    def keep(load: Load) -> Load:
        for workflow in workflows:
            FACTS[workflow, load.__name__] = Fact(load, fresh)
        return load

    return keep


class NotFound(Exception):
    """No such record, or none this actor may see: the two are told in the same words."""


@dataclass
class Batch:
    """The cases read together, and the facts already loaded for all of them."""

    conn: Connection
    vault: Vault
    workflow: str
    cases: list[Case] = field(default_factory=list)
    loaded: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    # A page takes no step: within its one view nothing changes from record to record.
    still: bool = False

    def value(self, name: str, case: Case) -> Any:
        """Return a fact of one case, loading it for the whole batch on first use."""
        known = FACTS.get((self.workflow, name))
        if known is None:
            raise AttributeError(f"{self.workflow} has no column and no fact {name}")
        if known.fresh and not self.still:
            return known.load(self.conn, [case]).get(case.id)
        if name not in self.loaded:
            self.loaded[name] = known.load(self.conn, self.cases)
        return self.loaded[name].get(case.id)


class Case:
    """One record, read-only: `case.county`, `case.id_number` in clear, `case.papers` on demand."""

    __slots__ = ("_batch", "_row")

    def __init__(self, batch: Batch, row: Mapping[str, Any]) -> None:
        self._batch = batch
        self._row = row

    def __getattr__(self, name: str) -> Any:
        row = self._row
        if name not in row:
            return self._batch.value(name, self)
        value = row[name]
        if isinstance(value, bytes) and name in sealed_columns(self._batch.workflow):
            return self._batch.vault.open(f"{self._batch.workflow}.{name}", row["id"], value)
        return value

    def seen_as(self, **values: Any) -> Case:
        """Return the same record with other values in the place of some; nothing is stored."""
        return Case(self._batch, {**self._row, **values})

    @property
    def workflow(self) -> str:
        """The workflow this record belongs to."""
        return self._batch.workflow

    @property
    def row(self) -> Mapping[str, Any]:
        """The stored columns, sealed ones still sealed."""
        return self._row


def table(workflow: str) -> sa.Table:
    """Return the table of a workflow; NotFound if there is none."""
    found = Base.metadata.tables.get(workflow)
    if found is None or "policy_version_id" not in found.c or "state" not in found.c:
        raise NotFound(workflow)
    return found


def workflows() -> list[str]:
    """Return the names of all tables that hold records of a workflow."""
    return [n for n, t in Base.metadata.tables.items() if "state" in t.c and "policy_version_id" in t.c]


_SEALED: dict[str, frozenset[str]] = {}


def sealed_columns(workflow: str) -> frozenset[str]:
    """Return the names of a table's sealed columns."""
    if workflow not in _SEALED:
        columns = Base.metadata.tables[workflow].c
        _SEALED[workflow] = frozenset(c.name for c in columns if isinstance(c.type, Sealed))
    return _SEALED[workflow]


def batch_of(
    conn: Connection, vault: Vault, workflow: str, rows: Iterable[Mapping[str, Any]], *, still: bool = False
) -> list[Case]:
    """Wrap rows read together, so that their facts are loaded together; `still` ones are only looked at."""
    batch = Batch(conn, vault, workflow, still=still)
    batch.cases = [Case(batch, row) for row in rows]
    return batch.cases


def candidate(conn: Connection, vault: Vault, workflow: str, rows: Iterable[Mapping[str, Any]]) -> list[Case]:
    """Wrap values that are not stored yet; columns that are not given are None."""
    blank = {c.name: None for c in table(workflow).c}
    return batch_of(conn, vault, workflow, [blank | dict(row) for row in rows])


CHUNK = 500


def by_ids(conn: Connection, vault: Vault, workflow: str, ids: Sequence[str], *, lock: bool = False) -> list[Case]:
    """Read records by row id, in id order; `lock` holds them until the transaction ends."""
    records = table(workflow)
    rows: list[Mapping[str, Any]] = []
    for start in range(0, len(ids), CHUNK):
        part = {"ids": ids[start : start + CHUNK]}
        rows += _rows(conn.execute(_held(_of_ids(records), conn, lock), part))
    return batch_of(conn, vault, workflow, rows)


def by_reference(
    conn: Connection, vault: Vault, workflow: str, reference: str, *, lock: bool = False, still: bool = False
) -> Case:
    """Read one record by its reference; NotFound if there is none. A `still` one is only looked at."""
    records = table(workflow)
    query = _held(_of_reference(records), conn, lock)
    rows = _rows(conn.execute(query, {"reference": reference}))
    if not rows:
        raise NotFound(reference)
    return batch_of(conn, vault, workflow, rows, still=still)[0]


# Built once per table: SQLAlchemy finds its compiled form by the object, without looking into it.
@cache
def _of_ids(records: sa.Table) -> sa.Select[Any]:
    wanted = records.c.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(records).where(wanted).order_by(records.c.id)


@cache
def _of_reference(records: sa.Table) -> sa.Select[Any]:
    return sa.select(records).where(records.c.reference == sa.bindparam("reference"))


@cache
def _for_update(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.with_for_update()


def _held(query: sa.Select[Any], conn: Connection, lock: bool) -> sa.Select[Any]:
    # SQLite ignores FOR UPDATE: its writers are one after the other already.
    return _for_update(query) if lock and conn.dialect.name != "sqlite" else query


def _rows(result: sa.CursorResult[Any]) -> list[Mapping[str, Any]]:
    """Return the rows as dicts, which rules read many times faster than the result's own mappings."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def load_facts() -> None:
    """Import the modules that register facts, once at start."""
    names = (
        "people",
        "bars",
        "application",
        "study",
        "certification",
        "claim",
        "claim_after",
        "claim_files",
        "payment",
        "hands",
    )
    for name in names:
        importlib.import_module(f"edu_pilot.services.facts.{name}")
