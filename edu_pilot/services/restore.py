"""An installation out of a backup, onto an empty machine only; what was restored is compared with what was kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import current_app
from sqlalchemy import Connection

from edu_pilot.config import Settings
from edu_pilot.disk import sync_folder
from edu_pilot.extensions import db, read
from edu_pilot.services import archive, at_work, audit, engines, figures, instance, keys, proof, store, sweep, vault
from edu_pilot.services.archive import Archive, Unfit
from edu_pilot.services.backup import FILES, KEYS
from edu_pilot.services.engines import Tell, silent
from edu_pilot.services.vault import Vault
from edu_pilot.workflow.reasons import N_


@dataclass(frozen=True)
class Restored:
    """What a restore found: the figures compared, the files put back, the trail walked."""

    manifest: Mapping[str, Any]
    files: int
    missing: list[str]
    audit_ok: bool | None

    @property
    def records(self) -> int:
        """How many rows there are now."""
        return sum(self.manifest["figures"]["rows"].values())


def restore(path: Path, identity: str | None = None, *, files: Path | None = None, tell: Tell = silent) -> Restored:
    """Put back a backup, or a snapshot with its folder of `files`; raises Unfit and leaves nothing behind."""
    settings: Settings = current_app.config["SETTINGS"]
    settings.data.mkdir(parents=True, exist_ok=True)
    with at_work.alone(settings), archive.workplace(settings.data) as folder:
        _require_empty(settings)
        with archive.opened(path, identity, folder) as found:
            _require_fit(settings, found)
            with (
                _keys(settings, found),
                _database(settings, found, folder) as conn,
                _vault_of(settings, conn),
            ):
                kept, missing = _put_files(found, conn, files, identity, tell)
                _require_same(conn, found.manifest["figures"])
                walked = _walked(conn, found.manifest["figures"])
        return Restored(found.manifest, kept, missing, walked)


def _require_empty(settings: Settings) -> None:
    with db.engine.connect() as conn:
        tables = sa.inspect(conn).get_table_names()
    db.engine.dispose()
    if tables:
        raise Unfit("not_empty", N_("There is a database here already; a restore never replaces one."))
    if settings.embedded:
        # Asking made it.
        for ending in ("", "-wal", "-shm"):
            settings.database_file.with_name(settings.database_file.name + ending).unlink(missing_ok=True)
    if any(sweep.OURS.fullmatch(entry.key) for entry in store.store().entries()):
        raise Unfit("not_empty", N_("There are kept files here already; a restore never mixes them with others."))


def _require_fit(settings: Settings, found: Archive) -> None:
    if found.manifest["engine"] != db.engine.dialect.name:
        text = N_("The backup is of %(engine)s: restore it there; edu-pilot migrate-to moves it afterwards.")
        raise Unfit("other_engine", text, engine=found.manifest["engine"])


@contextmanager
def _keys(settings: Settings, found: Archive) -> Iterator[None]:
    """Put the keys of the archive in place, or use those that are; either must have signed it, now or once."""
    own = not any(path.is_file() for path in settings.keys.rglob("*"))
    try:
        if own:
            _write_keys(settings, found)
        _require_signed(_loaded(settings), found)
        yield
    except BaseException:
        if own:
            shutil.rmtree(settings.keys.resolve(), ignore_errors=True)
        raise


def _loaded(settings: Settings) -> Vault:
    try:
        return vault.load(settings.keys)
    except vault.KeysMissing:
        text = N_("The backup holds no keys: put the copy of the folder %(folder)s in place first.")
        raise Unfit("keys_missing", text, folder=settings.keys) from None


@contextmanager
def _vault_of(settings: Settings, conn: Connection) -> Iterator[None]:
    """Let the block use the keys as the restored rows ask for them: their database is not in place yet."""

    def indexes() -> int:
        # An older version has no such table, and its rows went through one key.
        return keys.index_keys_in(conn) if sa.inspect(conn).has_table(keys.USE.name) else 1

    current_app.extensions["vault"] = vault.Keeper(settings.keys, indexes)
    try:
        yield
    finally:
        current_app.extensions["vault"] = vault.Keeper(settings.keys, keys.index_keys)


def _write_keys(settings: Settings, found: Archive) -> None:
    settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in found.members():
        if name.startswith(KEYS):
            path = _below(settings.keys, name.removeprefix(KEYS))
            path.parent.mkdir(exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content.read())
                os.fsync(file.fileno())


def _below(folder: Path, name: str) -> Path:
    """Return a path inside a folder; whoever can write a backup must not write anywhere else."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Unfit("archive_damaged", N_("The backup is cut or altered; nothing of it was used."))
    return path


def _require_signed(keys_here: Vault, found: Archive) -> None:
    """One made before the signing key was changed is signed by an earlier one."""
    if not any(_signed(public_key, found) for public_key in keys_here.public_keys):
        text = N_("The keys here (%(here)s) did not sign this backup (%(there)s): it belongs to another installation.")
        here = proof.key_id(keys_here.public_key)
        raise Unfit("keys_differ", text, here=here, there=found.manifest["key_id"])


def _signed(public_key: bytes, found: Archive) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(found.signature, found.manifest_text)
    except InvalidSignature:
        return False
    return True


@contextmanager
def _database(settings: Settings, found: Archive, folder: Path) -> Iterator[Connection]:
    """Give a connection to the restored database; it comes into being at the end of the block."""
    if not settings.embedded:
        with db.engine.connect() as conn, conn.begin():
            engines.build(conn, found.manifest["figures"]["revision"])
            with engines.loading(conn):
                engines.read_rows(conn, _rows(found))
            yield conn
        return
    file = folder / settings.database_file.name
    for name, content in found.members():
        if name == engines.DATABASE:
            engines.unsqueeze(content, file)
    with engines.sqlite_at(file) as engine, engine.connect() as conn, conn.begin():
        yield conn
    with file.open("rb") as whole:
        os.fsync(whole.fileno())
    file.rename(settings.database_file)
    sync_folder(settings.database_file.parent)


def _rows(found: Archive) -> Iterator[tuple[str, IO[bytes]]]:
    return ((name, content) for name, content in found.members() if name.startswith(engines.ROWS))


def _put_files(
    found: Archive, conn: Connection, folder: Path | None, identity: str | None, tell: Tell
) -> tuple[int, list[str]]:
    """Put every kept file back; return how many, and the keys of those that nobody has."""
    wanted, put = sweep.referenced(conn, figures.tables(conn)), set()
    try:
        for key, content in _kept(found, folder, identity, wanted):
            if key in wanted:
                store.store().put(key, content)
                put.add(key)
                tell("files", len(put), len(wanted))
    except BaseException:
        for key in put:
            store.store().delete(key)
        raise
    return len(put), sorted(wanted - put)


def _kept(found: Archive, folder: Path | None, identity: str | None, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield key and content of the files in the archive, or of those mirrored beside a snapshot."""
    if folder is None:
        for name, content in found.members():
            if name.startswith(FILES):
                yield name.removeprefix(FILES), content.read()
        return
    yield from _mirrored(folder, identity, wanted)


def _mirrored(folder: Path, identity: str | None, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    for key in sorted(wanted):
        content = archive.mirrored(folder, key, identity)
        if content is not None:
            yield key, content


def fetch(folder: Path, identity: str | None, tell: Tell = silent) -> tuple[int, list[str]]:
    """Put back from a mirror what the store lacks; return how many files, and the keys of those that nobody has."""
    with read() as conn:
        wanted = sweep.referenced(conn, figures.tables(conn))
    lacking = wanted - {entry.key for entry in store.store().entries()}
    found = dict.fromkeys(lacking, False)
    for done, (key, content) in enumerate(_mirrored(folder, identity, lacking), 1):
        store.store().put(key, content)
        found[key] = True
        tell("files", done, len(lacking))
    return sum(found.values()), sorted(key for key, there in found.items() if not there)


def _require_same(conn: Connection, kept: Mapping[str, Any]) -> None:
    if differing := figures.differences(conn, kept):
        text = N_("The restored database differs from what was kept: %(what)s. Nothing was restored.")
        raise Unfit("figures_differ", text, what=", ".join(differing[:10]))


def _walked(conn: Connection, kept: Mapping[str, Any]) -> bool | None:
    """Walk the audit trail up to the kept head; None where the database is of an older version."""
    if kept["revision"] != instance.newest() or not kept["head"]:
        return None
    return audit.verify(conn, kept["head"]).ok
