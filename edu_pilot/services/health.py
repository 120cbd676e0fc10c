"""What this installation lacks, and the line that mends each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import current_app
from sqlalchemy import text

from edu_pilot.extensions import SAFE_WAL, db, read, sqlite_module
from edu_pilot.services import documents, instance, outbox, rendering
from edu_pilot.workflow.reasons import N_

LEAST_DISK = 500 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `mend` is the line to type where it is not fine."""

    name: str
    fine: bool
    text: str
    mend: str = ""
    needed: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


def findings() -> list[Finding]:
    """Look at everything an installation needs; documents are wanted but not needed to run."""
    checks: list[Callable[[], Iterator[Finding]]] = [_installation, _database, _renderer, _disk]
    if instance.ready():
        checks.append(_work)
    return [finding for check in checks for finding in check()]


def _installation() -> Iterator[Finding]:
    fine = instance.ready()
    yield Finding("installation", fine, N_("keys, database and policy are there"), "edu-pilot init")
    if fine:
        yield Finding(
            "migrations", instance.at_head(), N_("the database is at the newest revision"), "edu-pilot db upgrade"
        )


def _database() -> Iterator[Finding]:
    if db.engine.dialect.name != "sqlite":
        answers = _answers()
        yield Finding("database", answers, N_("PostgreSQL answers"), "systemctl start postgresql")
        if answers:
            yield _county_wall()
        return
    found = ".".join(str(part) for part in sqlite_module().sqlite_version_info)
    safe = sqlite_module().sqlite_version_info >= SAFE_WAL
    yield Finding(
        "sqlite", safe, N_("SQLite %(version)s writes ahead safely"), "pip install --upgrade pysqlite3",
        needed=False, facts={"version": found},
    )  # fmt: skip


def _answers() -> bool:
    try:
        with read() as conn:
            return bool(conn.execute(text("SELECT 1")).scalar())
    except Exception:  # any failure of the driver means the same here: it does not answer
        return False


def _county_wall() -> Finding:
    """Say whether PostgreSQL's own wall between the counties stands before this account."""
    role = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    with read() as conn:
        name, passes = conn.execute(role).one()
    told = N_("the database account %(role)s does not pass the wall between the counties")
    mend = f"psql -c 'ALTER ROLE \"{name}\" NOSUPERUSER NOBYPASSRLS'"
    return Finding("county_wall", not passes, told, mend, needed=False, facts={"role": name})


def _renderer() -> Iterator[Finding]:
    missing = rendering.missing_pieces()
    text = N_("documents can be rendered") if not missing else N_("documents cannot be rendered: %(missing)s")
    yield Finding(
        "renderer",
        not missing,
        text,
        rendering.APT_LINE,
        needed=False,
        facts={"missing": ", ".join(missing)} if missing else {},
    )


def _disk() -> Iterator[Finding]:
    folder = current_app.config["SETTINGS"].data
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    facts = {"free": free // 1024 // 1024}
    yield Finding("disk", free > LEAST_DISK, N_("%(free)s MB of disk are free"), facts=facts)


def _work() -> Iterator[Finding]:
    with read() as conn:
        refused, unrendered = outbox.refused(conn), documents.unprintable(conn)
    facts = {"number": len(refused)}
    yield Finding(
        "follow_ups", not refused, N_("%(number)s follow-ups were refused"), "edu-pilot due run", False, facts
    )
    facts = {"number": len(unrendered)}
    yield Finding(
        "documents", not unrendered, N_("%(number)s documents could not be rendered"),
        "edu-pilot documents render-pending", False, facts,
    )  # fmt: skip
