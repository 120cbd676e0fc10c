"""What a database holds, in figures that two copies of it must share: counts, sums, samples, the audit's head."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

SAMPLE = 1000
REVISION = "alembic_version"
# What every workflow's table has, at any revision.
RECORD = {"id", "reference", "state", "version"}
CHUNK = 5000


def tables(conn: Connection) -> list[sa.Table]:
    """Return the tables as they stand in the database, referred ones first; the revision is not data."""
    found = sa.MetaData()
    found.reflect(conn)
    return [table for table in found.sorted_tables if table.name != REVISION]


def revision(conn: Connection) -> str | None:
    """Return the revision the database stands at."""
    if not sa.inspect(conn).has_table(REVISION):
        return None
    return conn.execute(sa.select(sa.column("version_num")).select_from(sa.table(REVISION))).scalar()


def taken(conn: Connection, sample: int = SAMPLE) -> dict[str, Any]:
    """Return the figures of a database, from one view of it; the sample is drawn anew each time."""
    found = tables(conn)
    return {
        "revision": revision(conn),
        "rows": {table.name: _count(conn, table) for table in found},
        "sums": dict(_sums(conn, found)),
        "samples": _samples(conn, found, sample),
        "head": _head(conn, found),
    }


def _count(conn: Connection, table: sa.Table) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _sums(conn: Connection, found: Iterable[sa.Table]) -> Iterator[tuple[str, int]]:
    """Yield the sum of every column of money, in fen."""
    for table in found:
        for column in table.c:
            if column.name.endswith("_fen"):
                total = conn.execute(sa.select(sa.func.coalesce(sa.func.sum(column), 0))).scalar_one()
                yield f"{table.name}.{column.name}", int(total)


def _samples(conn: Connection, found: Iterable[sa.Table], sample: int) -> dict[str, str]:
    """Return the hashes of some records, by table and row id."""
    records = {table.name: table for table in found if set(table.c.keys()) >= RECORD}
    rows = [(name, row) for name, table in records.items() for row in conn.execute(sa.select(table.c.id)).scalars()]
    chosen = sorted(random.sample(rows, min(sample, len(rows))))
    return {f"{name}:{row}": _hash_of(conn, records[name], row) or "" for name, row in chosen}


def _hash_of(conn: Connection, table: sa.Table, row: str) -> str | None:
    found = conn.execute(sa.select(table).where(table.c.id == row)).mappings().one_or_none()
    return hashed(found).hex() if found else None


def hashed(row: Mapping[Any, Any]) -> bytes:
    """Return the hash of a row: the same on both databases, whatever the order of its columns."""
    text = json.dumps({str(k): _plain(v) for k, v in row.items()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _head(conn: Connection, found: Iterable[sa.Table]) -> dict[str, Any] | None:
    heads = next((table for table in found if table.name == "audit_head"), None)
    if heads is None:
        return None
    row = conn.execute(sa.select(heads.c.number, heads.c.hash)).one_or_none()
    return {"number": row.number, "hash": row.hash} if row else None


def differences(conn: Connection, kept: Mapping[str, Any]) -> list[str]:
    """Name every figure in which a database differs from the kept ones."""
    found = {table.name: table for table in tables(conn)}
    present = taken(conn, sample=0)
    told = [name for name in ("revision", "head") if present[name] != kept[name]]
    for name in ("rows", "sums"):
        keys = sorted(present[name].keys() | kept[name].keys())
        told += [f"{name} {key}" for key in keys if present[name].get(key) != kept[name].get(key)]
    for key, digest in kept["samples"].items():
        table, _, row = key.partition(":")
        if table not in found or _hash_of(conn, found[table], row) != digest:
            told.append(f"record {key}")
    return told


def checksum(conn: Connection, table: sa.Table) -> tuple[int, str]:
    """Return the count of a table's rows and a checksum over all of them, whatever their order."""
    total = count = 0
    with conn.execution_options(yield_per=CHUNK).execute(sa.select(table)) as found:
        for row in found.mappings():
            total += int.from_bytes(hashed(row))
            count += 1
    return count, f"{total % 2**256:064x}"
