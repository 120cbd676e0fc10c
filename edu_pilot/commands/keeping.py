"""The commands that keep an installation: backup and restore, figures, the move to PostgreSQL."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot.commands.console import FOLDER, REFUSED, TARGET, USAGE, Run, Stop, command, group
from edu_pilot.extensions import read
from edu_pilot.services import archive, backup, engines, figures, moving, restore, snapshots, sweep
from edu_pilot.workflow.reasons import N_

commands = AppGroup("keeping")
store_group = group(commands, "store", "Kept files: documents and papers.")
SOURCE = click.Path(exists=True, path_type=Path)
IDENTITY = click.option(
    "--identity", type=TARGET, envvar="EDU_PILOT_BACKUP_IDENTITY_FILE", help="The file with the backup's secret key."
)


def _tell(run: Run) -> engines.Tell:
    bars: dict[str, Any] = {}

    def tell(part: str, done: int, total: int) -> None:
        if part not in bars:
            bars[part] = run.progress(part)
        bars[part](done, total)

    return tell


@command(commands, "backup", before_init=True)
@click.argument("file", type=TARGET)
@click.option("--new-identity", is_flag=True, help="Write a new secret key to FILE and print its public key.")
@click.option("--with-keys", is_flag=True, help="Put the installation's keys in as well.")
def make_backup(run: Run, file: Path, new_identity: bool, with_keys: bool) -> None:
    """Write everything to one file, sealed to EDU_PILOT_BACKUP_RECIPIENTS."""
    if new_identity:
        _new_identity(run, file)
        return
    run.require_init()
    made = backup.make(file, with_keys=with_keys, tell=_tell(run))
    if not made.sealed:
        click.echo(run.say(N_("The backup is NOT encrypted: EDU_PILOT_BACKUP_RECIPIENTS is not set.")), err=True)
    value = {"file": str(file), "bytes": made.size, "sealed": made.sealed, "manifest": made.manifest}
    text = N_("%(file)s: %(bytes)s bytes, %(files)s files, %(missing)s missing.")
    counted = {"files": made.manifest["files"], "missing": len(made.missing)}
    run.answer(value, [*_figure_lines(run, made.manifest["figures"]), run.say(text, **value, **counted)])


def _new_identity(run: Run, file: Path) -> None:
    text, public = archive.new_identity()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Stop(USAGE, "file_not_writable", f"{file}: {error.strerror}") from None
    with os.fdopen(handle, "w") as target:
        target.write(text)
    run.answer({"file": str(file), "recipient": public}, [public])


def _figure_lines(run: Run, found: dict[str, Any]) -> list[str]:
    rows = [f"{name:<24} {count:>10}" for name, count in found["rows"].items() if count]
    sums = [f"{name:<24} {total:>10}" for name, total in found["sums"].items() if total]
    head = found["head"] or {"number": 0, "hash": ""}
    return [*rows, *sums, *_ends(run, head, found["revision"])]


def _ends(run: Run, head: dict[str, Any], revision: str) -> list[str]:
    trail, form = run.say(N_("Audit trail")), run.say(N_("Form of the database"))
    return [f"{trail} {head['number']} {head['hash']}", f"{form} {revision}"]


@command(commands, "restore", before_init=True)
@click.argument("source", type=SOURCE)
@click.option("--at", metavar="INSTANT", help="Of a folder of snapshots the last one before this instant.")
@IDENTITY
def restore_it(run: Run, source: Path, at: str | None, identity: Path | None) -> None:
    """Put back a backup, or the last snapshot of a folder, into an empty installation."""
    secret = _secret(identity)
    if source.is_dir():
        chosen = snapshots.last_before(source, _instant(run, at))
        done = restore.restore(chosen.path, secret, files=source / snapshots.MIRROR, tell=_tell(run))
    else:
        done = restore.restore(source, secret, tell=_tell(run))
    _answer_restored(run, done)


def _secret(file: Path | None) -> str | None:
    try:
        return file.read_text("utf-8") if file else None
    except OSError as error:
        raise Stop(USAGE, "identity_unreadable", f"{file}: {error.strerror}") from None


def _instant(run: Run, text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError:
        raise Stop(
            USAGE, "instant_malformed", run.say(N_("--at takes an instant: 2026-03-01T14:05:00+08:00"))
        ) from None
    return found.astimezone(UTC)


def _answer_restored(run: Run, done: restore.Restored) -> None:
    made_at = done.manifest["made_at"]
    value = {
        "made_at": made_at, "rows": done.records, "files": done.files, "missing": done.missing,
        "figures": "equal", "audit": done.audit_ok, "revision": done.manifest["figures"]["revision"],
    }  # fmt: skip
    text = N_(
        "Restored as of %(made_at)s: %(rows)s rows, %(files)s files; "
        "counts, sums, sampled records and audit head agree."
    )
    lines = [run.say(text, **value), *(f"? {key}" for key in done.missing)]
    if done.audit_ok is None:
        lines.append(
            run.say(N_("The backup is of an older version; run: edu-pilot db upgrade, edu-pilot audit verify"))
        )
    run.answer(value, lines)
    if done.audit_ok is False:
        raise Stop(REFUSED, "audit_broken", run.say(N_("The audit trail of the backup does not hold.")))


@command(commands, "figures")
@click.argument("file", type=SOURCE, required=False)
def show_figures(run: Run, file: Path | None) -> None:
    """Print counts, sums and sampled hashes; with FILE compare with those printed before by --json."""
    with read() as conn:
        if file is None:
            found = figures.taken(conn)
            run.answer(found, _figure_lines(run, found))
            return
        differing = figures.differences(conn, _kept(run, file))
    run.answer({"ok": not differing, "differing": differing}, differing or [run.say(N_("All figures agree."))])
    if differing:
        sys.exit(REFUSED)


def _kept(run: Run, file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text("utf-8"))
        if {"revision", "head", "rows", "sums", "samples"} <= kept.keys():
            return dict(kept)
    except (ValueError, AttributeError):
        pass
    text = N_("%(file)s holds no figures; edu-pilot figures --json prints them.")
    raise Stop(USAGE, "figures_malformed", run.say(text, file=file))


@command(commands, "migrate-to")
@click.argument("address", metavar="DATABASE_URL")
def migrate_to(run: Run, address: str) -> None:
    """Move an installation on SQLite to an empty PostgreSQL database."""
    counted = moving.move(address, _tell(run))
    text = N_("%(rows)s rows moved. Now set EDU_PILOT_DATABASE_URL to the new address; the old file is put aside.")
    lines = [f"{name:<24} {count:>10}" for name, count in counted.items() if count]
    value = {"rows": sum(counted.values()), "tables": counted}
    run.answer(value, [*lines, run.say(text, **value)])


@command(store_group, "sweep")
@click.option("--delete", is_flag=True, help="Delete them; else they are only listed.")
def store_sweep(run: Run, delete: bool) -> None:
    """List files that no row refers to and that are older than a day, and rows whose file is missing."""
    found = sweep.sweep() if delete else sweep.look()
    orphans = [entry.key for entry in found.orphans]
    facts = {"files": found.files, "bytes": found.size, "deleted": found.deleted}
    text = N_("%(files)s files, %(orphans)s of them without a row (%(bytes)s bytes), %(missing)s missing.")
    lines = [*(f"- {key}" for key in orphans), *(f"? {key}" for key in found.missing)]
    told = run.say(text, **facts, orphans=len(orphans), missing=len(found.missing))
    run.answer({**facts, "orphans": orphans, "missing": found.missing}, [*lines, told])
    if found.missing:
        sys.exit(REFUSED)


@command(store_group, "fetch")
@click.argument("folder", type=FOLDER)
@IDENTITY
def store_fetch(run: Run, folder: Path, identity: Path | None) -> None:
    """Put back the files that rows refer to and the store lacks, from the mirror in a folder of snapshots."""
    put, missing = restore.fetch(folder / snapshots.MIRROR, _secret(identity), _tell(run))
    text = N_("%(files)s files put back, %(missing)s missing.")
    lines = [*(f"? {key}" for key in missing), run.say(text, files=put, missing=len(missing))]
    run.answer({"files": put, "missing": missing}, lines)
    if missing:
        sys.exit(REFUSED)
