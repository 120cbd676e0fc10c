"""The command line: every command calls a service; `flask --app edu_pilot` gives the same."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, FlaskGroup, ScriptInfo

from edu_pilot import __version__, config, create_app, disk, keeping, server
from edu_pilot.console import REFUSED, USAGE, Run, Stop, command
from edu_pilot.extensions import read, write
from edu_pilot.personal_commands import add_look_ups, keys_group, people_group
from edu_pilot.process import leave_no_dump
from edu_pilot.sample import load as sample_load
from edu_pilot.services import (
    accounts,
    anchors,
    audit,
    audit_export,
    bundles,
    cases,
    documents,
    due,
    health,
    imports,
    instance,
    national_query,
    notices,
    outbox,
    payments,
    perform,
    points,
    policies,
    presenting,
    proof,
    quotas,
    reconciliation,
    rendering,
    rosters,
    search,
    staffing,
    upkeep,
    verification,
    wording,
)
from edu_pilot.services.vault import vault
from edu_pilot.workflow.definition import Definition
from edu_pilot.workflow.diagram import mermaid
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import shipped
from edu_pilot.workflow.versions import read_folder, unused_rules

top = AppGroup("edu-pilot")
top.commands.update(keeping.commands.commands)
top.add_command(keys_group)
top.add_command(people_group)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def group(name: str, text: str) -> click.Group:
    """Add a group of commands."""
    made = AppGroup(name, help=text)
    top.add_command(made)
    return made


workflows_group = group("workflows", "Check, show and publish workflow and policy files.")
roster_group = group("roster", "Take in rosters.")
scores_group = group("scores", "Take in score lists.")
diplomas_group = group("diplomas", "Take in diploma lists.")
certificates_group = group("certificates", "Take in lists of the national query.")
cases_group = group("cases", "Take over the students a county already has.")
case_group = group("case", "Create, show and act on single cases.")
documents_group = group("documents", "Issue, render and save documents.")
payment_group = group("payment", "Files to and from the bank.")
audit_group = group("audit", "Verify the audit trail, export its head.")
point_group = group("point", "Teaching points that close or join another.")
add_look_ups(audit_group)
users_group = group("users", "Accounts and their tokens.")
quota_group = group("quota", "The places of a year and the counties' shares.")
due_group = group("due", "What the calendar asks for.")
sample_group = group("sample", "The fictional pilot.")


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


@command(due_group, "run")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The business date; not in production.")
def due_run(run: Run, day: Any) -> None:
    """Do everything the calendar asks for up to the business date."""
    if day and current_app.config["SETTINGS"].production:
        raise Stop(USAGE, "misconfigured", run.say(N_("--on is refused in production: the business date is real.")))
    done = due.run_on(day.date() if day else None)
    run.answer(done, [f"{name}: {count}" for name, count in done.items()])
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
    lines = [f"{workflow:<14} {state:<12} {count:>6}" for workflow, state, count in summary.rows()]
    lines += [f"{n['workflow']:<14} {n['state']:<12} {n['text']}" for n in value["not_reached"]]
    lines += [f"{part['part']:<14} {part['seconds']:>8.1f} s {part['percent']:>3} %" for part in value["parts"]]
    text = N_("%(issued)s documents issued, %(rendered)s of them rendered, in %(seconds)s seconds.")
    run.answer(value, [*lines, run.say(text, **value["documents"], seconds=round(value["seconds"]))])


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
    lines += [f"{n}: {', '.join(a['from'])} → {', '.join(a['to'])}  ({', '.join(a['by'])})" for n, a in actions.items()]
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


@command(roster_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--intake", required=True, metavar="YYMM")
@click.option("--dry-run", is_flag=True, help="Judge every row, write nothing.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a workbook.")
def roster_import(run: Run, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    """Register the good rows of a roster and tell every fault of the others."""
    _import_people(run, rosters.REGISTER, file, intake, dry_run, report)


@command(cases_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--intake", required=True, metavar="YYMM")
@click.option("--dry-run", is_flag=True, help="Judge every row, write nothing.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a workbook.")
def cases_import(run: Run, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    """Take over the students a county already has: a roster with student numbers and registration days."""
    _import_people(run, rosters.TAKE_OVER, file, intake, dry_run, report)


def _import_people(run: Run, kind: rosters.Kind, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    data, progress = _sheet(file), run.progress(kind.step)
    if report:
        _require_writable(report)
    found = rosters.import_roster(data, file.name, intake, run.actor, kind=kind, dry_run=dry_run, progress=progress)
    _answer_list(run, found, report)


def _sheet(file: Path) -> bytes:
    """Return a list's bytes; one that cannot be read is a usage error, as for any list that cannot be judged."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(USAGE, "file_unreadable", f"{file}: {error.strerror}") from None


def _answer_list(run: Run, found: rosters.Report, report: Path | None) -> None:
    value = found.as_dict(lambda reason: run.reason(reason)["text"])
    if report:
        disk.write_private(report, rosters.workbook(value))
    outbox.follow_up()
    text = N_("%(rows)s rows: %(accepted)s taken, %(rejected)s not taken.")
    lines = [run.say(text, **{k: value[k] for k in ("rows", "accepted", "rejected")})]
    lines += [f"{p['row']}  {p['column']}  {p['code']}  {p['text']}" for p in value["problems"]]
    lines += [f"{p['row']}  {p['column']}  ({p['code']})  {p['text']}" for p in value["notices"]]
    run.answer(value, lines)


def _require_writable(report: Path) -> None:
    """Try the path before anything is taken in: a roster is imported once, its report is asked for once."""
    fresh = not report.exists()
    try:
        report.open("ab").close()
    except OSError as error:
        raise Stop(USAGE, "report_not_writable", f"{report}: {error.strerror}") from None
    if fresh:
        report.unlink()


def _import_list(run: Run, kind: str, file: Path, dry_run: bool, report: Path | None) -> None:
    taken, progress = imports.KINDS[kind], run.progress(kind)
    if report:
        _require_writable(report)
    found = imports.import_list(taken, _sheet(file), file.name, run.actor, dry_run=dry_run, progress=progress)
    _answer_list(run, found, report)


@command(scores_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Judge every row, write nothing.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a workbook.")
def scores_import(run: Run, file: Path, dry_run: bool, report: Path | None) -> None:
    """Record the good rows of a score list and tell every fault of the others."""
    _import_list(run, "scores", file, dry_run, report)


@command(diplomas_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Judge every row, write nothing.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a workbook.")
def diplomas_import(run: Run, file: Path, dry_run: bool, report: Path | None) -> None:
    """Graduate the students on the school's diploma list and tell every fault of the other rows."""
    _import_list(run, "diplomas", file, dry_run, report)


@command(certificates_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read the file, write nothing.")
def certificates_import(run: Run, file: Path, dry_run: bool) -> None:
    """Take in a list of the national query; what is pending is verified by the next `due run`."""
    _answer_list(run, national_query.take(_sheet(file), file.name, run.actor, dry_run=dry_run), None)


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
    lines = [f"{value['reference']}  {value['state']}"]
    lines += [f"  {name}: {fact}" for name, fact in value["facts"].items() if fact not in (None, "", [])]
    for offer in value["offers"]:
        lines.append(f"  {'·' if offer['reasons'] else '→'} {offer['action']}: {offer['label']}")
        lines += [f"      {reason['text']} [{', '.join(reason['who'])}]" for reason in offer["reasons"]]
    run.answer(value, lines)


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
    tell, results = run.progress(action), []
    for result in perform.perform_many(workflow, ids, action, run.actor, _input(run, given)):
        results.append(result)
        tell(len(results), len(ids))
    outbox.follow_up()
    told: list[dict[str, Any]] = [
        {"reference": r.reference, "state": r.state, "reasons": [run.reason(x) for x in r.reasons]} for r in results
    ]
    lines = [f"{t['reference']}  {t['state']}" + "".join(f"\n    {x['text']}" for x in t["reasons"]) for t in told]
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
    lines = [f"{one['reference']}" + "".join(f"\n    {r['text']}" for r in one["reasons"]) for one in left]
    run.answer(value, [text, *lines])


@command(documents_group, "render-pending")
def render_pending(run: Run) -> None:
    """Render every document that has no bytes yet."""
    with read() as conn:
        numbers = documents.pending(conn)
    tell, failed = run.progress("documents"), []
    for done, number in enumerate(numbers, 1):
        try:
            documents.render(number)
        except rendering.RenderingRefused as refused:
            failed.append({"number": number, "problem": run.say(refused.text, **refused.facts)})
        tell(done, len(numbers))
    outbox.drain(len(numbers), task="render")
    text = N_("%(rendered)s documents rendered, %(failed)s not.")
    value = {"rendered": len(numbers) - len(failed), "failed": failed}
    lines = [
        run.say(text, rendered=value["rendered"], failed=len(failed)),
        *(f"{f['number']}: {f['problem']}" for f in failed),
    ]
    run.answer(value, lines)
    if failed:
        sys.exit(REFUSED)


@command(documents_group, "issue")
@click.argument("kind")
@click.argument("workflow")
@click.argument("reference")
def documents_issue(run: Run, kind: str, workflow: str, reference: str) -> None:
    """Issue a document of a record, first or again, where its workflow has a step for that."""
    number = bundles.issue_again(workflow, reference, kind, run.actor)
    run.answer({"number": number, "kind": kind, "reference": reference}, [number])


@command(documents_group, "batch")
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("workflow")
@click.argument("references", nargs=-1)
@click.option("--kind", "kinds", multiple=True, help="Only documents of this kind; may be repeated.")
@click.option("--state", help="Every record in this state, beside those named.")
@click.option("--intake", metavar="YYMM")
def documents_batch(
    run: Run, target: Path, workflow: str, references: tuple[str, ...], kinds: tuple[str, ...],
    state: str | None, intake: str | None,
) -> None:  # fmt: skip
    """Save the documents of records into a folder, or into a ZIP where TARGET ends in .zip; tells each."""
    wanted = list(references)
    if state or intake:
        with read() as conn:
            wanted += search.references(conn, workflow, run.actor, search.Wanted(state=state, intake=intake))
    if not wanted:
        raise Stop(USAGE, "no_records", run.say(N_("Name records, or choose them by --state or --intake.")))
    try:
        found = bundles.bundle(
            target, workflow, list(dict.fromkeys(wanted)), kinds, run.actor, run.progress("documents")
        )
    except OSError as error:
        raise Stop(USAGE, "target_not_writable", f"{target}: {error.strerror}") from None
    _answer_bundle(run, target, found)


def _answer_bundle(run: Run, target: Path, found: list[bundles.Saved]) -> None:
    told: list[dict[str, Any]] = [{**vars(one), "reasons": [run.reason(r) for r in one.reasons]} for one in found]
    left = [one for one in told if one["reasons"]]
    value = {"target": str(target), "saved": len(told) - len(left), "left": len(left), "documents": told}
    text = run.say(N_("%(saved)s documents saved, %(left)s not."), saved=value["saved"], left=value["left"])
    run.answer(value, [text, *(f"{o['reference']} {o['kind']}: {r['text']}" for o in left for r in o["reasons"])])
    if left:
        sys.exit(REFUSED)


@command(documents_group, "save")
@click.argument("number")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def documents_save(run: Run, number: str, target: Path) -> None:
    """Write a document's PDF to a file."""
    content = documents.content(number, run.actor)
    disk.write_private(target, content)
    run.answer({"number": number, "file": str(target), "bytes": len(content)}, [str(target)])


@command(documents_group, "notice")
@click.option("--county", metavar="CODE", help="One county's list; else the whole city's.")
def documents_notice(run: Run, county: str | None) -> None:
    """Issue the masked list of the claims whose public notice runs today."""
    number = notices.publish(county, run.actor)
    run.answer({"number": number}, [number])


@command(documents_group, "take-down")
@click.argument("number")
@click.option("--reason", required=True, metavar="CODE", help="Why, by the codes of the policy.")
@click.option("--claim", "claims", multiple=True, metavar="REFERENCE", help="Whom it concerns; else the whole list.")
def documents_take_down(run: Run, number: str, reason: str, claims: tuple[str, ...]) -> None:
    """Take a published list down at once and record the incident; name whom it concerns."""
    concerned = notices.take_down(number, reason, run.actor, claims)
    run.answer({"number": number, "claims": concerned}, concerned)


@command(payment_group, "bank-file")
@click.argument("reference")
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def payment_bank_file(run: Run, reference: str, target: Path) -> None:
    """Write an exported batch's bank file; only for who releases the money."""
    content = payments.bank_file(reference, run.actor)
    disk.write_private(target, content)
    run.answer({"batch": reference, "file": str(target), "bytes": len(content)}, [str(target)])


@command(payment_group, "results")
@click.argument("file", type=EXISTING)
@click.option("--batch", required=True, metavar="REFERENCE")
@click.option("--dry-run", is_flag=True, help="Judge the file, settle nothing.")
def payment_results(run: Run, file: Path, batch: str, dry_run: bool) -> None:
    """Settle a batch by the bank's answer; the same file once more changes nothing."""
    found = payments.import_results(file.read_bytes(), file.name, batch, run.actor, dry_run=dry_run)
    _answer_list(run, found, None)


@command(payment_group, "reconcile")
def payment_reconcile(run: Run) -> None:
    """Count all the money twice, from claims and from payments, and name every difference."""
    with read() as conn:
        found = reconciliation.reconcile(conn)
    lines = [f"{run.say(text)}: ¥{wording.yuan(getattr(found, name))}" for name, text in reconciliation.SUMS.items()]
    for one in found.differences:
        where = " ".join(part for part in (one.claim, one.batch) if part)
        sums = " ≠ ".join(f"¥{wording.yuan(fen)}" for fen in (one.expected_fen, one.found_fen))
        lines.append(f"✗ {where}  {run.say(reconciliation.TEXTS[one.code])}  {sums}")
    run.answer(found.as_dict(), lines)
    if not found.ok:
        sys.exit(REFUSED)


@command(top, "verify", before_init=True)
@click.argument("what", metavar="FILE.pdf|CODE")
@click.option("--key", type=EXISTING, help="A public key; then no database is needed.")
def verify(run: Run, what: str, key: Path | None) -> None:
    """Say whether a paper is genuine, altered, revoked or unknown, and show what it says."""
    file = Path(what)
    if key:
        found = verification.by_key(_bytes(file), _public_key(run, key))
    elif not instance.ready():
        raise Stop(
            USAGE,
            "not_initialised",
            run.say(N_("There is no installation here yet; give --key, or run: edu-pilot init")),
        )
    else:
        found = verification.by_file(_bytes(file)) if file.suffix.lower() == ".pdf" else verification.by_code(what)
    value = vars(found)
    run.answer(value, [found.result, *(f"  {n}: {v}" for n, v in (found.content or {}).items())])
    if found.result != "genuine":
        sys.exit(REFUSED)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(REFUSED, "file_unreadable", f"{file}: {error.strerror}") from None


def _public_key(run: Run, file: Path) -> bytes:
    content = _bytes(file)
    try:
        proof.key_of(content)
    except ValueError:
        text = N_("%(file)s is no public key of an installation; `edu-pilot public-key` prints one.")
        raise Stop(USAGE, "key_malformed", run.say(text, file=file)) from None
    return content


@command(top, "public-key")
def public_key(run: Run) -> None:
    """Print the public key with which anyone can verify this installation's papers."""
    text = verification.public_pem(vault().public_key)
    run.answer({"key_id": proof.key_id(vault().public_key), "pem": text}, [text.rstrip()])


@command(audit_group, "verify")
@click.option("--head", type=EXISTING, help="A head or an anchor kept outside; then a cut tail shows too.")
@click.option("--key", "key_files", type=EXISTING, multiple=True, help="A public key kept outside, for the anchors.")
def audit_verify(run: Run, head: Path | None, key_files: tuple[Path, ...]) -> None:
    """Walk the whole trail and compare its anchors and every record with it."""
    kept = _head(run, head) if head else None
    keys = dict(proof.named(_public_key(run, file)) for file in key_files) or None
    with read() as conn:
        verdict = audit.verify(conn, kept, keys)
    run.answer(vars(verdict), [f"{name}: {value}" for name, value in vars(verdict).items()])
    if not verdict.ok:
        sys.exit(REFUSED)


def _head(run: Run, file: Path) -> dict[str, Any]:
    try:
        return audit.read_head(_bytes(file).decode("utf-8"))
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
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
def audit_export_(run: Run, target: Path) -> None:
    """Write the trail, its anchors and every record's state for other programs to check: docs/audit-format.md."""
    with read() as conn, disk.private(target) as file:
        written = sum(file.write(line.encode() + b"\n") > 0 for line in audit_export.lines(conn))
    run.answer({"file": str(target), "lines": written}, [str(target)])


@command(users_group, "add")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE[,ROLE]")
@click.option("--county", metavar="CODE")
@click.option("--person", required=True, metavar="ID_NUMBER")
def users_add(run: Run, name: str, role: str, county: str | None, person: str) -> None:
    """Add an account for a person and print its first password.

    Of an account added by an administrator the roles wait for another one, and a link sets the password.
    """
    password = staffing.add(name, role.split(","), county, person, run.actor)
    text = N_("Another administrator confirms the roles: edu-pilot users confirm %(name)s")
    run.answer({"name": name, "password": password}, [password or run.say(text, name=name)])


@command(users_group, "grant")
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE[,ROLE]")
@click.option("--county", metavar="CODE")
def users_grant(run: Run, name: str, role: str, county: str | None) -> None:
    """Ask for other roles for an account; asked for by a second administrator as well, they hold."""
    done = staffing.grant(name, role.split(","), county, run.actor)
    text = N_("Another administrator confirms the roles: edu-pilot users confirm %(name)s")
    run.answer({"name": name, "granted": done}, [run.say(N_("The roles hold now.") if done else text, name=name)])


@command(users_group, "confirm")
@click.argument("name")
def users_confirm(run: Run, name: str) -> None:
    """Confirm the roles that another administrator asked for."""
    staffing.confirm(name, run.actor)
    run.answer({"name": name, "granted": True}, [run.say(N_("The roles hold now."))])


@command(users_group, "end")
@click.argument("name")
@click.option("--hand-over-to", "successor", metavar="NAME", help="Who goes on: the same roles and county.")
def users_end(run: Run, name: str, successor: str | None) -> None:
    """End an account at once: sessions, token and links are dead; what it signed stays."""
    staffing.end(name, run.actor, successor)
    text = N_("%(name)s has ended; what it signed stays.")
    run.answer({"name": name, "ended": True, "handed_to": successor}, [run.say(text, name=name)])


factor_group = AppGroup("factor", help="The second factor of an account.")
users_group.add_command(factor_group)


@command(factor_group, "reset")
@click.argument("name")
def users_factor_reset(run: Run, name: str) -> None:
    """Take a lost second factor away; the next sign-in can only enrol a new one."""
    staffing.reset_factor(name, run.actor)
    text = N_("At the next sign-in %(name)s enrols a new authenticator.")
    run.answer({"name": name, "factor": False}, [run.say(text, name=name)])


@command(users_group, "list")
def users_list(run: Run) -> None:
    """List every account."""
    with read() as conn:
        value = [dict(row) | {"ended_at": verification.iso(row["ended_at"])} for row in accounts.everyone(conn)]
    run.answer(
        value, [f"{u['name']}  {u['roles']}  {u['county'] or ''}{'' if u['active'] else '  (off)'}" for u in value]
    )


@command(users_group, "reset")
@click.argument("name")
def users_reset(run: Run, name: str) -> None:
    """Give an account a new password and print it."""
    password = staffing.reset(name, run.actor)
    run.answer({"name": name, "password": password}, [password])


@command(users_group, "person")
@click.argument("name")
@click.option("--study", required=True, metavar="REFERENCE")
def users_person(run: Run, name: str, study: str) -> None:
    """Say that an account is the student's of a study, under another number."""
    accounts.belongs_to(name, study, run.actor)
    run.answer({"name": name, "study": study}, [f"{name}: {study}"])


@command(users_group, "token")
@click.argument("name")
def users_token(run: Run, name: str) -> None:
    """Give an account a new API token and print it alone."""
    token = staffing.token(name, run.actor)
    run.answer({"name": name, "token": token}, [token])


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
