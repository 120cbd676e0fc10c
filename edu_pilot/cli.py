"""The command line: every command calls a service; `flask --app edu_pilot` gives the same."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, FlaskGroup, ScriptInfo

from edu_pilot import __version__, config, create_app, server
from edu_pilot.commands import keeping, lists, money, papers, personal, policy, records, staff, trail
from edu_pilot.commands.console import REFUSED, USAGE, Run, command, group
from edu_pilot.process import leave_no_dump
from edu_pilot.sample import load as sample_load
from edu_pilot.services import health, instance
from edu_pilot.workflow.reasons import N_

top = AppGroup("edu-pilot")
PARTS = (policy, lists, records, papers, money, trail, staff, personal, keeping)
for part in PARTS:
    top.commands.update(part.commands.commands)
sample_group = group(top, "sample", "The fictional pilot.")


@command(top, "init", before_init=True)
def init(run: Run) -> None:
    """Make keys, database and the first policy version."""
    fresh = instance.init()
    settings = current_app.config["SETTINGS"]
    value = {"data": str(settings.data), "created": fresh}
    text = N_("The installation is ready in %(folder)s.")
    run.answer(value, [run.say(text, folder=settings.data)])


@command(top, "doctor", before_init=True)
def doctor(run: Run) -> None:
    """Name each missing piece and the line that mends it."""
    findings = health.findings()
    lines = [
        f"{'✓' if f.fine else '✗'} {run.say(f.text, **f.facts)}{'' if f.fine or not f.mend else '  → ' + f.mend}"
        for f in findings
    ]
    fine = all(f.fine or not f.needed for f in findings)
    value = [
        {"name": f.name, "ok": f.fine, "needed": f.needed, "text": run.say(f.text, **f.facts), "mend": f.mend}
        for f in findings
    ]
    run.answer({"ok": fine, "findings": value}, lines)
    if not fine:
        sys.exit(REFUSED)


@command(top, "serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, envvar="PORT")
def serve(run: Run, host: str, port: int) -> None:
    """Serve pages and API, with a worker beside them."""
    # The server's own processes read the settings anew: the default address in QR codes has this port.
    os.environ["PORT"] = str(port)
    server.serve(current_app.config["SETTINGS"], host, port)


@command(top, "worker")
def worker(run: Run) -> None:
    """Carry out follow-ups, render documents, and do hourly what is due."""
    server.work(current_app.config["SETTINGS"])


@command(sample_group, "load")
@click.option("--people", default=100, show_default=True, type=click.IntRange(1, 5000))
@click.option("--seed", default=1, show_default=True)
def load(run: Run, people: int, seed: int) -> None:
    """Load the fictional pilot, reached step by step on a simulated calendar."""
    bars: dict[str, Any] = {}

    def tell(part: str, done: int, total: int) -> None:
        bars.setdefault(part, run.progress(part))(done, total)

    summary = sample_load.load(people, seed, tell)
    value = summary.as_dict(lambda reason: run.reason(reason)["text"])
    lines = [f"{_state(run, workflow, state)}  {count}" for workflow, state, count in summary.rows()]
    lines += [f"{_state(run, n['workflow'], n['state'])}  {n['text']}" for n in value["not_reached"]]
    lines += [f"{run.word(part['part'])}  {part['seconds']:.1f} s  {part['percent']} %" for part in value["parts"]]
    text = N_("%(issued)s documents issued, %(rendered)s of them rendered, in %(seconds)s seconds.")
    run.answer(value, [*lines, run.say(text, **value["documents"], seconds=round(value["seconds"]))])


def _state(run: Run, workflow: str, state: str) -> str:
    return f"{run.version.definition(workflow).label.say(run.lang)} · {run.state(workflow, state)}"


def register(app: Flask) -> None:
    """Offer the commands to `flask --app edu_pilot` as well."""
    for name, found in top.commands.items():
        app.cli.add_command(found, name)


def main() -> None:
    """Run the command line; a wrong setting is one line and exit code 2."""
    leave_no_dump()
    try:
        app = create_app()
    except config.Misconfigured as error:
        click.echo(str(error), err=True)
        sys.exit(USAGE)
    register(app)
    info = ScriptInfo(create_app=lambda: app)
    group = FlaskGroup(name="edu-pilot", add_default_commands=False, add_version_option=False, load_dotenv=False)
    click.version_option(__version__, prog_name="edu-pilot")(group)
    group.main(args=sys.argv[1:] or ["--help"], prog_name="edu-pilot", obj=info)


if __name__ == "__main__":
    main()
