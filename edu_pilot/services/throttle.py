"""Limits on guessing, kept in the database: they hold across workers, restarts and addresses.

A try is counted before it is judged, so that no number of simultaneous guesses gets past a limit;
one that was right is given back.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from edu_pilot import clock
from edu_pilot.extensions import one_row, write
from edu_pilot.models import Throttle
from edu_pilot.services import access_limits
from edu_pilot.services.access_limits import Tries
from edu_pilot.services.vault import vault

THROTTLE = Throttle.__table__
TOTAL = "total"
# No window of the policy is longer; after that a row says nothing any more.
KEPT = timedelta(days=7)
# 2 to this power times any pause is longer than any window.
LARGEST_POWER = 20
log = structlog.get_logger()


class TooMany(Exception):
    """Too many failures; the same may be tried again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Bucket:
    """One thing that is counted: what kind it is, whose, and how much it takes."""

    name: str
    key: str
    rule: Tries


@dataclass(frozen=True)
class Counted:
    """A try that was counted."""

    buckets: tuple[Bucket, ...]

    def give_back(self, conn: Connection) -> None:
        """Take the count back: the try was right."""
        for bucket in self.buckets:
            less = {"count": THROTTLE.c.count - 1, "locked_until": None}
            conn.execute(THROTTLE.update().where(_of(bucket), THROTTLE.c.count > 0).values(less))


def count(door: str, **given: str) -> Counted:
    """Count one try at a door by each thing given, and in total; raise TooMany if one of them is used up."""
    now = clock.now()
    with write() as conn:
        buckets = _buckets(conn, door, given)
        rows = [_locked_row(conn, bucket, now) for bucket in buckets]
        wait = max((_wait(row, now) for row in rows), default=0)
        if not wait:
            for bucket, row in zip(buckets, rows, strict=True):
                conn.execute(THROTTLE.update().where(_of(bucket)).values(_counted(bucket.rule, row, now)))
    if wait:
        _tell(door, buckets, rows, now)
        raise TooMany(wait)
    return Counted(buckets)


def _buckets(conn: Connection, door: str, given: Mapping[str, str]) -> tuple[Bucket, ...]:
    """Return the buckets in one order for everybody, so that two tries never wait for each other."""
    rules, keys = access_limits.limits(conn).tries, vault()
    wanted = sorted(({name: value for name, value in given.items() if value} | {TOTAL: ""}).items())
    return tuple(
        Bucket(f"{door}.{name}", keys.index(f"throttle.{door}.{name}", value.strip().casefold()), rules[name])
        for name, value in wanted
    )


def _of(bucket: Bucket) -> sa.ColumnElement[bool]:
    return sa.and_(THROTTLE.c.bucket == bucket.name, THROTTLE.c.key == bucket.key)


def _locked_row(conn: Connection, bucket: Bucket, now: datetime) -> Mapping[str, Any]:
    """Return a bucket's row, made if need be, locked until the end of the transaction."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    blank = {"bucket": bucket.name, "key": bucket.key, "count": 0, "window_at": now}
    conn.execute(insert(Throttle).values(blank).on_conflict_do_nothing())
    row = one_row(conn, sa.select(THROTTLE).where(_of(bucket)).with_for_update())
    assert row is not None
    return row


def _wait(row: Mapping[str, Any], now: datetime) -> int:
    """Return the whole seconds until a bucket is open again; 0 if it is."""
    until = row["locked_until"]
    return max(0, math.ceil((until - now).total_seconds())) if until else 0


def _counted(rule: Tries, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    over = now >= row["window_at"] + rule.window
    start, number = (now, 1) if over else (row["window_at"], row["count"] + 1)
    return {"window_at": start, "count": number, "locked_until": _lock(rule, start, number, now)}


def _lock(rule: Tries, start: datetime, number: int, now: datetime) -> datetime | None:
    end = start + rule.window
    if number >= rule.tries:
        return end
    if number <= rule.free:
        return None
    power: int = 2 ** min(number - rule.free - 1, LARGEST_POWER)
    return min(end, now + rule.pause * power)


def _tell(door: str, buckets: tuple[Bucket, ...], rows: list[Mapping[str, Any]], now: datetime) -> None:
    """Note who is kept out by kind; a door shut for everybody is an alarm."""
    shut = [b.name for b, row in zip(buckets, rows, strict=True) if _wait(row, now)]
    note = log.warning if f"{door}.{TOTAL}" in shut else log.info
    note("too many tries", door=door, shut=shut)


def network(address: str) -> str:
    """Return what one subscriber holds: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


def open_again(conn: Connection, door: str, **given: str) -> None:
    """Forget the failures by each thing given, such as an account that was reset."""
    for bucket in _buckets(conn, door, given):
        if bucket.name != f"{door}.{TOTAL}":
            conn.execute(THROTTLE.delete().where(_of(bucket)))


def purge() -> int:
    """Drop the rows whose window is long over; return how many there were."""
    with write() as conn:
        return conn.execute(THROTTLE.delete().where(THROTTLE.c.window_at < clock.now() - KEPT)).rowcount
