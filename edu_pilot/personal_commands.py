"""Commands for keys, for what is kept of a person, and for who looked at it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.console import REFUSED, Run, command
from edu_pilot.extensions import read
from edu_pilot.services import erasure, keys, look_ups, own_data
from edu_pilot.workflow.reasons import N_

keys_group = AppGroup("keys", help="The keys of this installation.")


@command(keys_group, "rotate")
@click.option("--what", type=click.Choice(keys.KINDS), default="seal", show_default=True)
def keys_rotate(run: Run, what: str) -> None:
    """Put what is stored under a new key and put the old one away; a broken off rotation goes on."""
    done = keys.rotate(what, run.actor, run.progress(what))
    value: dict[str, Any] = asdict(done) | {"complete": done.complete}
    lines = [run.say(N_("Key %(key)s is in use; %(values)s rows were rewritten."), key=done.key, values=done.values)]
    if done.unreadable:
        text = N_("%(number)s rows hold a value that no key opens; the old key stays.")
        lines.append(run.say(text, number=done.unreadable))
    if not done.old_pages_gone:
        lines.append(run.say(N_("Somebody read for too long: old pages are still in the file. Run it once more.")))
    run.answer(value, lines)
    if not done.complete:
        sys.exit(REFUSED)


people_group = AppGroup("people", help="What is kept of a person.")
REASON = click.option("--reason", required=True, metavar="CODE", help="A code of the policy's retention.reasons.")


@command(people_group, "erase")
@click.argument("reference")
@REASON
def people_erase(run: Run, reference: str, reason: str) -> None:
    """Erase what is known of the person behind a record; figures, money and trail stay."""
    done = erasure.erase(reference, reason, run.actor)
    gone = erasure.forget_old_pages()
    text = N_("Erased: %(records)s. Stored only, for accounting: %(kept)s.")
    lines = [run.say(text, records=", ".join(done.records), kept=", ".join(done.kept) or "—")]
    if not gone:
        text = N_(
            "Old pages with the erased values are still in the database's files: edu-pilot keys rotate rewrites all."
        )
        lines.append(run.say(text))
    run.answer(asdict(done) | {"old_pages_gone": gone}, lines)


@command(people_group, "restrict")
@click.argument("reference")
@REASON
def people_restrict(run: Run, reference: str, reason: str) -> None:
    """Store a person's data and use them for nothing else: the consent was withdrawn."""
    erasure.restrict(reference, reason, run.actor)
    run.answer({"reference": reference, "restricted": True}, [reference])


@command(people_group, "export")
@click.argument("reference")
@click.argument("target", metavar="OUT.zip", type=click.Path(dir_okay=False, path_type=Path))
def people_export(run: Run, reference: str, target: Path) -> None:
    """Write a person's copy of everything kept of them; readable by its owner alone."""
    content = own_data.export(reference, run.actor)
    disk.write_private(target, content)
    run.answer({"reference": reference, "file": str(target), "bytes": len(content)}, [str(target)])


def add_look_ups(audit_group: click.Group) -> None:
    """Add the command that tells who looked at what to the audit's."""

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
