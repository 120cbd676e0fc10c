"""The commands for records: create, show, act, alone or many; move a teaching point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from edu_pilot.commands.console import USAGE, Run, Stop, command, group
from edu_pilot.extensions import read
from edu_pilot.services import outbox, perform, points, presenting, search
from edu_pilot.workflow.reasons import N_

commands = AppGroup("records")
case_group = group(commands, "case", "Create, show and act on single cases.")
point_group = group(commands, "point", "Teaching points that close or join another.")


def _input(run: Run, text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(Path(text[1:]).read_text("utf-8") if text and text.startswith("@") else text or "{}")
    except (ValueError, OSError):
        value = None
    if not isinstance(value, dict):
        raise Stop(USAGE, "input_malformed", run.say(N_("--input must be a JSON object, or @FILE with one.")))
    return value


def _answer_record(run: Run, workflow: str, reference: str) -> None:
    with read() as conn:
        case = search.get(conn, workflow, reference, run.actor)
        value = presenting.as_json(presenting.show(conn, case, run.actor), run.lang)
    lines = [f"{value['reference']}  {run.state(workflow, value['state'])}"]
    labels, facts = _labels(run, workflow), value["facts"].items()
    lines += [f"  {labels.get(name, name)}: {fact}" for name, fact in facts if fact not in (None, "", [])]
    for offer in value["offers"]:
        lines.append(f"  {'·' if offer['reasons'] else '→'} {offer['action']}: {offer['label']}")
        lines += [f"      {reason['text']} [{run.roles(reason['who'])}]" for reason in offer["reasons"]]
    run.answer(value, lines)


def _labels(run: Run, workflow: str) -> dict[str, str]:
    """Return what the fields of a workflow's forms are called; a fact that is no field keeps its code."""
    definition = run.version.definition(workflow)
    steps = (definition.create, *definition.actions.values())
    return {need.name: need.label.say(run.lang) for step in steps for need in step.needs}


def _below(reasons: list[dict[str, Any]]) -> str:
    return "".join(f"\n    {reason['text']}" for reason in reasons)


@command(case_group, "create")
@click.argument("workflow")
@click.option("--input", "given", metavar="JSON")
def case_create(run: Run, workflow: str, given: str | None) -> None:
    """Create a record."""
    done = perform.create(workflow, run.actor, _input(run, given))
    outbox.follow_up()
    _answer_record(run, workflow, done.reference)


@command(case_group, "show")
@click.argument("workflow")
@click.argument("reference")
def case_show(run: Run, workflow: str, reference: str) -> None:
    """Show a record with what can be done and what blocks it."""
    _answer_record(run, workflow, reference)


@command(case_group, "act")
@click.argument("workflow")
@click.argument("reference")
@click.argument("action")
@click.option("--input", "given", metavar="JSON")
@click.option("--version", "seen", type=int, help="The version you saw; another one is refused as stale.")
def case_act(run: Run, workflow: str, reference: str, action: str, given: str | None, seen: int | None) -> None:
    """Take one step on a record."""
    outbox.act(workflow, reference, action, run.actor, _input(run, given), seen)
    _answer_record(run, workflow, reference)


@command(case_group, "act-all")
@click.argument("workflow")
@click.argument("action")
@click.option("--state", required=True, help="Act on every record in this state.")
@click.option("--intake", metavar="YYMM")
@click.option("--input", "given", metavar="JSON")
def case_act_all(run: Run, workflow: str, action: str, state: str, intake: str | None, given: str | None) -> None:
    """Take the same step on many records; tells each that was skipped and why."""
    with read() as conn:
        ids = search.ids(conn, workflow, run.actor, search.Wanted(state=state, intake=intake))
    tell, results = run.progress(run.action(workflow, action)), []
    for result in perform.perform_many(workflow, ids, action, run.actor, _input(run, given)):
        results.append(result)
        tell(len(results), len(ids))
    outbox.follow_up()
    told: list[dict[str, Any]] = [
        {"reference": r.reference, "state": r.state, "reasons": [run.reason(x) for x in r.reasons]} for r in results
    ]
    lines = [f"{t['reference']}  {run.state(workflow, t['state'])}" + _below(t["reasons"]) for t in told]
    run.answer({"records": told}, lines)


@command(point_group, "move")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--dry-run", is_flag=True, help="Judge every case, move none.")
def point_move(run: Run, source: str, target: str, dry_run: bool) -> None:
    """Move every live case of a teaching point to another; tells each that was not moved and why."""
    found = points.move(source, target, run.actor, dry_run=dry_run, progress=run.progress("move"))
    outbox.follow_up()
    told: list[dict[str, Any]] = [
        {"workflow": m.workflow, "reference": m.result.reference, "reasons": [run.reason(r) for r in m.result.reasons]}
        for m in found
    ]
    left = [one for one in told if one["reasons"]]
    value = {"moved": len(told) - len(left), "left": len(left), "records": told}
    text = run.say(N_("%(moved)s cases moved, %(left)s not."), moved=value["moved"], left=value["left"])
    lines = [f"{one['reference']}" + _below(one["reasons"]) for one in left]
    run.answer(value, [text, *lines])
