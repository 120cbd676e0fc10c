"""Everything of an installation in one file: rows, kept files, policy, public facts; the keys only if asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import Connection

import edu_pilot
from edu_pilot import clock, extensions
from edu_pilot.config import Settings
from edu_pilot.extensions import db
from edu_pilot.models import PolicyVersion
from edu_pilot.services import archive, engines, figures, proof, store, sweep, verification
from edu_pilot.services.archive import Unfit, Writer
from edu_pilot.services.engines import Tell, silent
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_

POLICY = PolicyVersion.__table__
KEYS, FILES = "keys/", "store/"


@dataclass(frozen=True)
class Made:
    """A backup that was written."""

    path: Path
    size: int
    sealed: bool
    manifest: Mapping[str, Any]

    @property
    def missing(self) -> list[str]:
        """The files that rows refer to and the store has not."""
        return list(self.manifest["missing"])


def make(path: Path, *, with_keys: bool = False, tell: Tell = silent) -> Made:
    """Write a backup of the running installation; raises Unfit where it would not be safe to have."""
    settings: Settings = current_app.config["SETTINGS"]
    require_safe(settings, with_keys=with_keys)
    if path.exists():
        raise Unfit("file_exists", N_("%(file)s is there already; a backup never replaces another."), file=path)
    with archive.written(path, settings.backup_recipients) as target:
        kept, keys = _database(settings, target, tell)
        missing = _files(target, keys, tell)
        if with_keys:
            _keys(settings, target)
        manifest = {**facts("backup"), "figures": kept, "files": len(keys) - len(missing), "missing": missing}
        whole = target.close(manifest, vault().sign)
    return Made(path, path.stat().st_size, bool(settings.backup_recipients), whole)


def require_safe(settings: Settings, *, with_keys: bool = False) -> None:
    """Raise Unfit where a copy would lie in clear that must not."""
    if settings.backup_recipients:
        return
    if settings.production or with_keys:
        raise Unfit(
            "recipients_missing",
            N_("Set EDU_PILOT_BACKUP_RECIPIENTS to a public key; edu-pilot backup --new-identity FILE makes a pair."),
        )


def facts(kind: str) -> dict[str, Any]:
    """Return what an archive says of where it comes from; all of it may be known to anybody."""
    keys, settings = vault(), current_app.config["SETTINGS"]
    return {
        "kind": kind,
        "made_at": clock.now().isoformat(),
        "version": edu_pilot.__version__,
        "engine": db.engine.dialect.name,
        "base_url": settings.base_url,
        "key_id": proof.key_id(keys.public_key),
        "public_key": verification.public_pem(keys.public_key),
    }


def _database(settings: Settings, target: Writer, tell: Tell) -> tuple[dict[str, Any], list[str]]:
    """Add the database; return the figures and the keys of its files, all of the same moment."""
    if settings.embedded:
        # A copy in clear lies for a moment beside the database, which is no more secret.
        with archive.workplace(settings.data) as folder:
            return embedded(settings.database_file, folder, target, tell)
    with extensions.read() as conn:
        engines.write_rows(conn, target, tell)
        _policies(conn, target)
        return figures.taken(conn), sorted(sweep.referenced(conn, figures.tables(conn)))


def embedded(source: Path, folder: Path, target: Writer, tell: Tell) -> tuple[dict[str, Any], list[str]]:
    """Add a copy of a database file; return its figures and the keys of its files."""
    copy, small = folder / "copy.db", folder / "copy.gz"
    engines.copy_sqlite(source, copy, tell)
    with engines.sqlite_at(copy) as engine, engine.connect() as conn, conn.begin():
        kept, keys = figures.taken(conn), sorted(sweep.referenced(conn, figures.tables(conn)))
        _policies(conn, target)
    engines.squeeze(copy, small)
    target.add_file(engines.DATABASE, small)
    return kept, keys


def _policies(conn: Connection, target: Writer) -> None:
    """Add the policy versions as the files they were published from, to be read without a database."""
    for number, files in conn.execute(sa.select(POLICY.c.number, POLICY.c.files).order_by(POLICY.c.number)):
        for name, text in sorted(files.items()):
            target.add(f"policy/{number}/{name}", text.encode())


def _files(target: Writer, keys: list[str], tell: Tell) -> list[str]:
    """Add the kept files; return the keys of those that are not there."""
    missing = []
    for done, key in enumerate(keys):
        tell("files", done, len(keys))
        try:
            target.add(FILES + key, store.store().get(key))
        except FileNotFoundError:
            missing.append(key)
    tell("files", len(keys), len(keys))
    return missing


def _keys(settings: Settings, target: Writer) -> None:
    for path in sorted(settings.keys.rglob("*")):
        if path.is_file():
            target.add(KEYS + path.relative_to(settings.keys).as_posix(), path.read_bytes())
