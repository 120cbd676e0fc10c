"""Whether this process can serve: database, store, queue, renderer, and the settings that keep data safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from edu_pilot import clock
from edu_pilot.config import Misconfigured, Settings
from edu_pilot.extensions import SAFE_WAL, clocks, read, sqlite_module
from edu_pilot.instants import LIMIT, ClocksDisagree
from edu_pilot.models import Outbox
from edu_pilot.services import anchors, instance, rendering, store
from edu_pilot.services.policies import NoPolicy
from edu_pilot.services.vault import KeysMissing

# What a request meets where the installation, not the request, is at fault: it may be sent again.
UNAVAILABLE: tuple[type[Exception], ...] = (
    DatabaseError, InterfaceError, PoolTimeout, OSError, KeysMissing, NoPolicy, ClocksDisagree,
)  # fmt: skip
OUTBOX = Outbox.__table__
# A worker that has not come round in an hour is not there.
LONGEST_WAIT = timedelta(hours=1)
PROBE = "probe/ready"
# PRAGMA synchronous answers a number; 2 is FULL.
SQLITE = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
POSTGRESQL = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Without them a page that the disk has altered is read as if it were sound; `initdb --data-checksums` sets them.
WANTED = {"data_checksums": "on"}
log = structlog.get_logger()


@dataclass(frozen=True)
class Checked:
    """What one check found."""

    fine: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def checks(names: Iterable[str] = ()) -> dict[str, Checked]:
    """Look at everything a request needs, or at what is named; a check that cannot be made has failed."""
    return {name: _made(_CHECKS[name]) for name in names or _CHECKS}


def _made(check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except UNAVAILABLE as fault:
        return Checked(False, {"fault": type(fault).__name__})


def _database() -> Checked:
    return Checked(instance.ready() and instance.at_head())


def _settings() -> Checked:
    with read() as conn:
        if conn.dialect.name == "sqlite":
            return sqlite_settings({name: _pragma(conn, name) for name in SQLITE})
        return postgresql_settings({name: _shown(conn, name) for name in (*POSTGRESQL, *WANTED)})


def _pragma(conn: Connection, name: str) -> Any:
    return conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def _shown(conn: Connection, name: str) -> Any:
    return conn.exec_driver_sql(f"SHOW {name}").scalar_one()


def sqlite_settings(found: Mapping[str, Any]) -> Checked:
    """Judge SQLite's settings and library: an older one may lose what its write-ahead log holds."""
    version = tuple(sqlite_module().sqlite_version_info)
    faults = _other(found, SQLITE)
    if version < SAFE_WAL:
        faults.append(f"SQLite must be {_dotted(SAFE_WAL)} or newer (pip install --upgrade pysqlite3)")
    return Checked(not faults, {**found, "version": _dotted(version), **_listed("wrong", faults)})


def postgresql_settings(found: Mapping[str, Any]) -> Checked:
    """Judge PostgreSQL's settings: an acknowledged commit is on disk."""
    faults, warnings = _other(found, POSTGRESQL), _other(found, WANTED)
    return Checked(not faults, {**found, **_listed("wrong", faults), **_listed("warnings", warnings)})


def _other(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Name the settings that are not as they must be."""
    return [f"{name} must be {value}, is {found[name]}" for name, value in wanted.items() if found[name] != value]


def _listed(name: str, told: list[str]) -> dict[str, list[str]]:
    return {name: told} if told else {}


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def require_sound(settings: Settings) -> None:
    """Refuse to start in production on a database that may lose a commit, warn elsewhere; raises Misconfigured.

    One that is away is no reason: the server starts, answers 503, and serves when it is back.
    """
    found = _made(_settings)
    if "fault" in found.facts:
        return
    if warnings := found.facts.get("warnings"):
        log.warning("the database could be safer", settings=warnings)
    if found.fine:
        return
    told = f"EDU_PILOT_DATABASE_URL: the database may lose data: {'; '.join(found.facts['wrong'])}"
    if settings.production:
        raise Misconfigured(told)
    log.warning(told)


def _store() -> Checked:
    store.store().put(PROBE, b"ready")
    return Checked(store.store().get(PROBE) == b"ready")


def _queue() -> Checked:
    oldest, number = waiting()
    seconds = (clock.now() - oldest).total_seconds() if oldest else 0.0
    fine = seconds < LONGEST_WAIT.total_seconds()
    return Checked(fine, {"waiting": number, "oldest_seconds": int(seconds)})


def waiting() -> tuple[Any, int]:
    """Return the instant of the oldest follow-up that waits, or None, and how many wait."""
    query = sa.select(sa.func.min(OUTBOX.c.created_at), sa.func.count())
    with read() as conn:
        row = conn.execute(query.where(OUTBOX.c.done_at.is_(None), OUTBOX.c.refusal.is_(None))).one()
    return row[0], int(row[1])


def _clock() -> Checked:
    with read() as conn:
        apart = clocks().look(conn)
    return Checked(abs(apart) <= LIMIT, {"seconds_apart": round(apart.total_seconds(), 3)})


def _anchors() -> Checked:
    """Tell whether the trail is signed in time; where it is not, requests can be served all the same."""
    with read() as conn:
        return Checked(True, {"unsigned": anchors.appended_since(conn), "late": anchors.overdue(conn)})


def _fonts() -> Checked:
    missing = rendering.missing_pieces()
    return Checked(not missing, {"missing": missing})


_CHECKS: Mapping[str, Callable[[], Checked]] = {
    "database": _database,
    "settings": _settings,
    "store": _store,
    "queue": _queue,
    "fonts": _fonts,
    "anchors": _anchors,
    "clock": _clock,
}
