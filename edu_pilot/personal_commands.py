"""Commands for keys, for what is kept of a person, and for who looked at it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot.console import REFUSED, Run, command
from edu_pilot.services import keys
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
