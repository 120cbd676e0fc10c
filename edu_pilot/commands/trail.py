"""The commands for the audit trail: verify, anchor, export, look-ups."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.commands.console import EXISTING, REFUSED, TARGET, USAGE, Run, Stop, bytes_of, command, group
from edu_pilot.commands.papers import public_key_in
from edu_pilot.extensions import read
from edu_pilot.services import anchors, audit, audit_export, look_ups, proof
from edu_pilot.workflow.reasons import N_

commands = AppGroup("trail")
audit_group = group(commands, "audit", "Verify the audit trail, export its head.")


@command(audit_group, "verify")
@click.option("--head", type=EXISTING, help="A head or an anchor kept outside; then a cut tail shows too.")
@click.option("--key", "key_files", type=EXISTING, multiple=True, help="A public key kept outside, for the anchors.")
def audit_verify(run: Run, head: Path | None, key_files: tuple[Path, ...]) -> None:
    """Walk the whole trail and compare its anchors and every record with it."""
    kept = _head(run, head) if head else None
    keys = dict(proof.named(public_key_in(run, file)) for file in key_files) or None
    with read() as conn:
        verdict = audit.verify(conn, kept, keys)
    run.answer(vars(verdict), [f"{run.word(name)}: {run.word(value)}" for name, value in vars(verdict).items()])
    if not verdict.ok:
        sys.exit(REFUSED)


def _head(run: Run, file: Path) -> dict[str, Any]:
    try:
        return audit.read_head(bytes_of(file).decode("utf-8"))
    except ValueError:
        text = N_("%(file)s is no head of the audit; `edu-pilot audit head` prints one.")
        raise Stop(USAGE, "head_malformed", run.say(text, file=file)) from None


@command(audit_group, "head")
def audit_head(run: Run) -> None:
    """Print number and hash of the newest entry, to be kept outside."""
    with read() as conn:
        value = audit.head(conn)
    run.answer(value, [json.dumps(value)])


@command(audit_group, "anchor")
def audit_anchor(run: Run) -> None:
    """Sign the newest entry now and print the anchor, to be kept outside: as JSON, or as a sheet to print."""
    made = anchors.make_now()
    run.answer(vars(made), [run.say(label) + "  " + text for label, text in anchors.sheet(made)])


@command(audit_group, "export")
@click.argument("target", metavar="OUT", type=TARGET)
def audit_export_(run: Run, target: Path) -> None:
    """Write the trail, its anchors and every record's state for other programs to check: docs/audit-format.md."""
    with read() as conn, disk.private(target) as file:
        written = sum(file.write(line.encode() + b"\n") > 0 for line in audit_export.lines(conn))
    run.answer({"file": str(target), "lines": written}, [str(target)])


@command(audit_group, "look-ups")
@click.option("--actor", help="One account's only.")
def audit_look_ups(run: Run, actor: str | None) -> None:
    """Tell who looked at full values, papers and files, and whom to ask why."""
    with read() as conn:
        days = [asdict(day) | {"on": day.on.isoformat()} for day in look_ups.days(conn)]
        newest = [_plain(row) for row in look_ups.newest(conn, actor)]
    alarm = run.say(N_("Ask why"))
    lines = [
        f"{d['on']}  {d['actor']:<20} {d['number']:>5} {d['without_task']:>5}  {alarm if d['alarm'] else ''}"
        for d in days
        if actor in (None, d["actor"])
    ]
    run.answer({"days": days, "look_ups": newest}, lines)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
