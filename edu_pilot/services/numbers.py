"""Numbers without gaps: drawn from a counter row in the transaction that uses them."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert, ReturningInsert

from edu_pilot.models import Counter

COUNTER = Counter.__table__


@cache
def _draw(dialect: str) -> ReturningInsert[int]:
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(COUNTER)
    counted = insert.values(series=sa.bindparam("series"), value=sa.bindparam("value"))
    more = {"value": COUNTER.c.value + sa.bindparam("count")}
    upsert: Insert = counted.on_conflict_do_update(index_elements=[COUNTER.c.series], set_=more)
    return upsert.returning(COUNTER.c.value)


def draw(conn: Connection, series: str, count: int = 1, start: int = 1) -> range:
    """Draw the next numbers of a series; a rolled-back transaction gives them back."""
    row = {"series": series, "value": start + count - 1, "count": count}
    last = conn.execute(_draw(conn.dialect.name), row).scalar_one()
    return range(last - count + 1, last + 1)


def reference(conn: Connection, prefix: str, period: str, digits: int) -> str:
    """Draw a record's reference, such as A2209-000123."""
    series = f"{prefix}{period}"
    return f"{series}-{draw(conn, series)[0]:0{digits}d}"
