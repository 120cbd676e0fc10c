"""What this installation lacks, and the line that mends each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import text

from edu_pilot import clock
from edu_pilot.extensions import LOG_SETTINGS, SAFE_WAL, db, read, sqlite_module
from edu_pilot.services import (
    anchors,
    documents,
    glyphs,
    ideographs,
    instance,
    outbox,
    reconciliation,
    rendering,
    sandbox,
)
from edu_pilot.services.glyphs import PACKAGES
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_

# Statements carry no values, but a server that logs each of them logs their parameters too.
WANTED = LOG_SETTINGS | {"log_statement": "none", "log_min_duration_statement": "-1"}
LEAST_DISK = 500 * 1024 * 1024
# A real certificate takes some weeks to be had anew.
SOON = timedelta(days=60)


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `mend` is the line to type where it is not fine."""

    name: str
    fine: bool
    text: str
    mend: str = ""
    needed: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


def findings(*, money: bool = True) -> list[Finding]:
    """Look at everything an installation needs; documents are wanted but not needed to run.

    Without `money` nothing is counted: that reads every claim and bank file.
    """
    checks: list[Callable[[], Iterator[Finding]]] = [_installation, _database, _renderer, _characters, _walls, _disk]
    if instance.ready():
        checks += [_issuer, _work, _trail, *([_money] if money else [])]
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
            yield _server_log()
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


def _server_log() -> Finding:
    """R2.9: an error must not write the refused row or the statement into the server's log."""
    with read() as conn:
        role = conn.execute(text("SELECT current_user")).scalar()
        settings = sa.select(*(sa.func.current_setting(name) for name in WANTED))
        found = dict(zip(WANTED, conn.execute(settings).one(), strict=True))
    wrong = [name for name, value in WANTED.items() if found[name] != value]
    mend = "; ".join(f"ALTER ROLE \"{role}\" SET {name} = '{WANTED[name]}'" for name in wrong)
    return Finding(
        "server_log", not wrong, N_("PostgreSQL's log is kept free of personal data"), f'psql -U postgres -c "{mend}"'
    )


def _county_wall() -> Finding:
    """Say whether PostgreSQL's own wall between the counties stands before this account."""
    role = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    with read() as conn:
        name, passes = conn.execute(role).one()
    told = N_("the database account %(role)s does not pass the wall between the counties")
    mend = f"psql -c 'ALTER ROLE \"{name}\" NOSUPERUSER NOBYPASSRLS'"
    return Finding("county_wall", not passes, told, mend, needed=False, facts={"role": name})


def _renderer() -> Iterator[Finding]:
    missing = [f"{name} ({PACKAGES[name]})" if name in PACKAGES else name for name in rendering.missing_pieces()]
    text = N_("documents can be rendered") if not missing else N_("documents cannot be rendered: %(missing)s")
    yield Finding(
        "renderer",
        not missing,
        text,
        rendering.APT_LINE,
        needed=False,
        facts={"missing": ", ".join(missing)} if missing else {},
    )


def _characters() -> Iterator[Finding]:
    """R2.4: say how many characters of names cannot be printed because a package of fonts is missing."""
    packages = glyphs.missing_packages()
    if not packages:
        yield Finding("characters", True, N_("every font of the documents is installed"), needed=False)
        return
    wanted = ideographs.level_3()
    facts = {"lost": glyphs.lost(wanted), "wanted": len(wanted)}
    text = N_("%(lost)s of the %(wanted)s characters of GB 18030-2022 cannot be printed: a package of fonts is missing")
    yield Finding("characters", False, text, f"apt-get install {' '.join(packages)}", False, facts)


def _walls() -> Iterator[Finding]:
    """C16: without these walls files are still read in a process of their own with limits, but no more than that."""
    mend = "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000"
    stands = sandbox.walls()
    text = (
        N_("uploaded files are read without access to the network")
        if stands["network"]
        else N_("uploaded files are read in a process that could reach the network")
    )
    yield Finding("wall_network", bool(stands["network"]), text, mend, needed=False)
    text = (
        N_("uploaded files are read without access to other files")
        if stands["files"]
        else N_("uploaded files are read in a process that could reach other files")
    )
    yield Finding("wall_files", bool(stands["files"]), text, mend, needed=False)


def _disk() -> Iterator[Finding]:
    folder = current_app.config["SETTINGS"].data
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    facts = {"free": free // 1024 // 1024}
    yield Finding("disk", free > LEAST_DISK, N_("%(free)s MB of disk are free"), facts=facts)


def _issuer() -> Iterator[Finding]:
    """C12: without a certificate papers bear our own seal alone, which other readers of PDF do not know."""
    issuer, make = vault().issuer, "edu-pilot keys rotate --what issuer"
    if issuer is None:
        yield Finding("certificate", False, N_("documents are not signed: there is no certificate"), make, needed=False)
        return
    until = issuer.certificate.not_valid_after_utc
    text = N_("the certificate of documents is valid until %(until)s")
    fine = until - clock.now() > SOON
    yield Finding("certificate", fine, text, make, needed=False, facts={"until": until.date().isoformat()})


def _money() -> Iterator[Finding]:
    with read() as conn:
        found = reconciliation.reconcile(conn)
    text = N_("all money is accounted for") if found.ok else N_("the money does not agree: %(number)s differences")
    facts = {} if found.ok else {"number": len(found.differences)}
    yield Finding("money", found.ok, text, "edu-pilot payment reconcile", False, facts)


def _trail() -> Iterator[Finding]:
    with read() as conn:
        late, facts = anchors.overdue(conn), {"number": anchors.appended_since(conn)}
    yield Finding(
        "anchors", not late, N_("%(number)s entries of the trail are not signed yet"), "edu-pilot audit anchor", False,
        facts,
    )  # fmt: skip


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
