"""The commands for what policy and calendar ask: workflow files, places, what is due."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from edu_pilot.commands.console import FOLDER, REFUSED, USAGE, Run, Stop, command, group
from edu_pilot.extensions import read, write
from edu_pilot.services import cases, due, policies, presenting, quotas, upkeep
from edu_pilot.workflow.definition import Definition
from edu_pilot.workflow.diagram import mermaid
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import shipped
from edu_pilot.workflow.versions import read_folder, unused_rules

commands = AppGroup("policy")
workflows_group = group(commands, "workflows", "Check, show and publish workflow and policy files.")
quota_group = group(commands, "quota", "The places of a year and the counties' shares.")
due_group = group(commands, "due", "What the calendar asks for.")


@command(due_group, "run")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The business date; not in production.")
def due_run(run: Run, day: Any) -> None:
    """Do everything the calendar asks for up to the business date."""
    if day and current_app.config["SETTINGS"].production:
        raise Stop(USAGE, "misconfigured", run.say(N_("--on is refused in production: the business date is real.")))
    done = due.run_on(day.date() if day else None)
    run.answer(done, [f"{run.word(name)}: {count}" for name, count in done.items()])
    if upkeep.FAILED in done.values():
        raise Stop(REFUSED, "chore_failed", run.say(N_("What counts -1 could not be done; the log tells why.")))


def _answer_year(run: Run, found: quotas.Year) -> None:
    value = {**vars(found), "shares": [{**vars(share), "free": share.free} for share in found.shares]}
    text = N_("%(year)s: %(places)s places, %(reserved)s reserved, %(used)s used.")
    lines = [f"{s.county}  {s.places:>4}  {s.reserved:>4}  {s.used:>4}  {s.waiting:>4}" for s in found.shares]
    run.answer(value, [run.say(text, **vars(found)), *lines])


@command(quota_group, "show")
@click.argument("year")
def quota_show(run: Run, year: str) -> None:
    """Show a year's places: each county's share, reserved, used, waiting."""
    with read() as conn:
        found = quotas.of_year(conn, year)
    if found is None:
        raise cases.NotFound(year)
    _answer_year(run, found)


@command(quota_group, "move")
@click.argument("year")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("places", type=int)
def quota_move(run: Run, year: str, source: str, target: str, places: int) -> None:
    """Move places from one county's share to another's."""
    _answer_year(run, quotas.move(year, source, target, places, run.actor))


@command(workflows_group, "check", before_init=True)
@click.argument("path", type=FOLDER, required=False)
def workflows_check(run: Run, path: Path | None) -> None:
    """Report every error of the files with file and line."""
    compiled = policies.check(read_folder(path or current_app.config["SETTINGS"].workflows))
    unused = unused_rules(compiled, shipped)
    warnings = [run.say(N_("No workflow uses the rule %(name)s."), name=name) for name in unused]
    value = {"ok": True, "workflows": sorted(compiled.engines), "warnings": warnings}
    run.answer(value, [run.say(N_("The files are sound.")), *warnings])


def _definition(name: str) -> Definition:
    with read() as conn:
        compiled = presenting.in_force(conn)
    if name not in compiled.engines:
        raise cases.NotFound(name)
    return compiled.definition(name)


@command(workflows_group, "show")
@click.argument("name")
def workflows_show(run: Run, name: str) -> None:
    """Show the states and actions of a workflow in force."""
    found = _definition(name)
    states = {s.name: s.label.say(run.lang) for s in found.states.values()}
    actions = {
        a.name: {
            "label": a.label.say(run.lang),
            "from": a.sources,
            "to": [t.state for t in a.targets],
            "by": a.by,
            "rules": a.rules,
        }
        for a in found.actions.values()
    }
    lines = [f"{n}: {label}" for n, label in states.items()]
    for code, action in actions.items():
        ways = (run.listed(states.get(state, run.word(state)) for state in action[end]) for end in ("from", "to"))
        lines.append(f"{code}: {action['label']}  {' → '.join(ways)}  ({run.roles(action['by'])})")
    run.answer({"workflow": name, "states": states, "actions": actions}, lines)


@command(workflows_group, "diagram")
@click.argument("name")
def workflows_diagram(run: Run, name: str) -> None:
    """Print a workflow as a Mermaid diagram."""
    text = mermaid(_definition(name), run.lang)
    run.answer({"workflow": name, "mermaid": text}, [text])


@command(workflows_group, "publish")
@click.argument("path", type=FOLDER, required=False)
@click.option("--from", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day from which it holds; else today.")
def workflows_publish(run: Run, path: Path | None, day: Any) -> None:
    """Publish the files as a new policy version."""
    files = read_folder(path or current_app.config["SETTINGS"].workflows)
    holds_from: date | None = day.date() if day else None
    with write() as conn:
        version = policies.publish(conn, files, holds_from, run.actor)
    value = {"number": version.number, "holds_from": version.holds_from.isoformat()}
    run.answer(value, [run.say(N_("Policy version %(number)s holds from %(holds_from)s."), **value)])
