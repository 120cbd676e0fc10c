"""Where a county could go back to: its database every few minutes and at each payment, its files as they come.

The folder may be on another disk and is enough by itself, together with the keys. On PostgreSQL the
database's own archive does this, and only the files are mirrored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from edu_pilot import clock, extensions
from edu_pilot.config import Settings
from edu_pilot.models import AuditEntry
from edu_pilot.services import archive, backup, engines, figures, store, sweep
from edu_pilot.services.archive import Unfit
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_

ENTRY = AuditEntry.__table__
# What a county may lose with its machine, at most.
EVERY = timedelta(minutes=5)
# All of a day, then the last of each day for a month, then the last of each month for a year.
ALL, DAILY, MONTHLY = timedelta(hours=24), timedelta(days=30), timedelta(days=366)
STAMP = "%Y%m%dT%H%M%S%fZ"
NAMED = re.compile(r"(\d{8}T\d{12}Z)\.snapshot")
MIRROR = "store"
# Since when mirrored files are known to be unused.
UNUSED = "unused.json"


@dataclass(frozen=True)
class Snapshot:
    """One moment that a database can be brought back to."""

    at: datetime
    path: Path


def folder_of(settings: Settings) -> Path:
    """Return the folder of the snapshots."""
    return settings.snapshots or settings.data / "snapshots"


def every(folder: Path) -> list[Snapshot]:
    """Return the snapshots in a folder, oldest first."""
    found = ((NAMED.fullmatch(path.name), path) for path in folder.glob("*.snapshot"))
    return sorted((Snapshot(_instant(m[1]), path) for m, path in found if m), key=lambda s: s.at)


def _instant(stamp: str) -> datetime:
    return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)


def last_before(folder: Path, at: datetime) -> Snapshot:
    """Return the newest snapshot that is not younger than an instant; raises Unfit where there is none."""
    found = [one for one in every(folder) if one.at <= at]
    if not found:
        raise Unfit("no_snapshot", N_("%(folder)s holds no snapshot of that time or before."), folder=folder)
    return found[-1]


def take() -> Path:
    """Take a snapshot of an embedded database now and mirror its files; return its path.

    Raises Unfit where it would lie in clear with real people's data.
    """
    settings: Settings = current_app.config["SETTINGS"]
    backup.require_safe(settings)
    folder = folder_of(settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The moment before the copy begins: all that was acknowledged by then is in it.
    path = folder / f"{clock.now().strftime(STAMP)}.snapshot"
    # The folder may be a foreign disk: what lies in clear for a moment lies beside the database.
    with archive.workplace(settings.data) as clear, archive.written(path, settings.backup_recipients) as target:
        kept, keys = backup.embedded(settings.database_file, clear, target, engines.silent)
        missing = mirror(folder, keys)
        manifest = {**backup.facts("snapshot"), "figures": kept, "files": len(keys), "missing": missing}
        target.close(manifest, vault().sign)
    return path


def mirror(folder: Path, keys: Iterable[str]) -> list[str]:
    """Copy the kept files that are not in the folder yet; return the keys of those that are nowhere."""
    missing, recipients = [], current_app.config["SETTINGS"].backup_recipients
    for key in keys:
        try:
            if not archive.is_mirrored(folder / MIRROR, key):
                archive.mirror(folder / MIRROR, key, store.store().get(key), recipients)
        except FileNotFoundError:
            missing.append(key)
    return missing


def thin_out(folder: Path, now: datetime) -> int:
    """Delete the snapshots that a later one of the same day or month stands for; return how many went."""
    kept: dict[object, Snapshot] = {}
    found = every(folder)
    for one in found:
        if (slot := _slot(one, now - one.at)) is not None:
            kept[slot] = one
    gone = [one for one in found if one not in kept.values()]
    for one in gone:
        one.path.unlink(missing_ok=True)
    return len(gone)


def thin_mirror(folder: Path, used: Container[str], now: datetime) -> int:
    """Delete the mirrored files that no row and no kept snapshot refers to; return how many went.

    Sealed snapshots cannot be asked: a file goes once all of them are younger than the day it was found unused.
    """
    mirrored = store.Folder(folder / MIRROR)
    oldest = min([one.at for one in every(folder)], default=now - MONTHLY)
    noted = _unused(folder)
    found = [entry.key for entry in mirrored.entries()]
    unused = {key: noted.get(key, now.isoformat()) for key in found if key.removesuffix(archive.SEALED) not in used}
    gone = [key for key, since in unused.items() if datetime.fromisoformat(since) < oldest]
    for key in gone:
        mirrored.delete(key)
    left = {key: since for key, since in unused.items() if key not in gone}
    if left != noted:
        store.Folder(folder).put(UNUSED, json.dumps(left, indent=1).encode())
    return len(gone)


def _unused(folder: Path) -> dict[str, str]:
    """Return since when mirrored files are known to be unused."""
    path = folder / UNUSED
    return dict(json.loads(path.read_bytes())) if path.exists() else {}


def _clean(folder: Path, now: datetime) -> None:
    """Delete the halves of snapshots that were broken off a day ago or longer."""
    for path in folder.glob(".*.snapshot.partial"):
        if now.timestamp() - path.stat().st_mtime > ALL.total_seconds():
            path.unlink(missing_ok=True)


def _slot(one: Snapshot, age: timedelta) -> object:
    """Return what a snapshot is the last of; None where it is too old."""
    local = one.at.astimezone(clock.SHANGHAI)
    for limit, slot in ((ALL, one.at), (DAILY, local.date()), (MONTHLY, (local.year, local.month))):
        if age <= limit:
            return slot
    return None


class Keeper:
    """The worker's memory of what it has taken, so that a quiet county writes nothing."""

    def __init__(self) -> None:
        self.taken_at: datetime | None = None
        self.seen: object = None
        self.payment = 0
        self.thinned_on: object = None

    def round(self) -> bool:
        """Take what is due; return whether anything was."""
        settings: Settings = current_app.config["SETTINGS"]
        if not settings.embedded:
            return self._mirrored(settings)
        seen = _written(settings)
        if seen == self.seen or not self._due():
            return False
        # Noted first: one that fails is tried again when the next is due, not each second.
        self.taken_at, self.payment = clock.now(), _last_payment()
        take()
        self.seen = seen
        self._thin(folder_of(settings))
        return True

    def _due(self) -> bool:
        if self.taken_at is None or clock.now() - self.taken_at >= EVERY:
            return True
        return _last_payment() > self.payment

    def _mirrored(self, settings: Settings) -> bool:
        """Mirror the files beside PostgreSQL's own archive, as often as that may fall behind."""
        if settings.snapshots is None or (self.taken_at and clock.now() - self.taken_at < timedelta(minutes=1)):
            return False
        self.taken_at = clock.now()
        backup.require_safe(settings)
        mirror(settings.snapshots, sorted(_used()))
        self._thin(settings.snapshots)
        return False

    def _thin(self, folder: Path) -> None:
        today = clock.now().date()
        if self.thinned_on != today:
            self.thinned_on = today
            thin_out(folder, clock.now())
            thin_mirror(folder, _used(), clock.now())
            _clean(folder, clock.now())


def _used() -> set[str]:
    """Return the keys of the files that the database refers to now."""
    with extensions.read() as conn:
        return sweep.referenced(conn, figures.tables(conn))


def _written(settings: Settings) -> object:
    """Return when the database file and its log were last written: what a commit changes."""
    file = settings.database_file
    paths = (file, file.with_name(file.name + "-wal"))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _last_payment() -> int:
    """Return the number of the newest step of a payment batch."""
    query = sa.select(sa.func.max(ENTRY.c.number)).where(ENTRY.c.workflow == "payment")
    with extensions.read() as conn:
        return conn.execute(query).scalar() or 0
