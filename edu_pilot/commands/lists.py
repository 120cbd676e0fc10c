"""The commands that take in lists: rosters, students taken over, scores, diplomas, the national query."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import AppGroup

from edu_pilot import disk
from edu_pilot.commands.console import TARGET, USAGE, Run, Stop, command, group
from edu_pilot.services import imports, national_query, outbox, rosters
from edu_pilot.workflow.reasons import N_

commands = AppGroup("lists")
roster_group = group(commands, "roster", "Take in rosters.")
cases_group = group(commands, "cases", "Take over the students a county already has.")
scores_group = group(commands, "scores", "Take in score lists.")
diplomas_group = group(commands, "diplomas", "Take in diploma lists.")
certificates_group = group(commands, "certificates", "Take in lists of the national query.")


INTAKE = click.option("--intake", required=True, metavar="YYMM")


def _takes(parent: click.Group) -> Callable[[Callable[..., None]], click.Command]:
    """Declare the command that takes a list in: the file, whether it is only judged, and where the report goes."""

    def declare(function: Callable[..., None]) -> click.Command:
        function = click.option("--report", type=TARGET, help="Write the answer as a workbook.")(function)
        function = click.option("--dry-run", is_flag=True, help="Judge every row, write nothing.")(function)
        return command(parent, "import")(click.argument("file", type=click.Path(path_type=Path))(function))

    return declare


@_takes(roster_group)
@INTAKE
def roster_import(run: Run, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    """Register the good rows of a roster and tell every fault of the others."""
    _import_people(run, rosters.REGISTER, file, intake, dry_run, report)


@_takes(cases_group)
@INTAKE
def cases_import(run: Run, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    """Take over the students a county already has: a roster with student numbers and registration days."""
    _import_people(run, rosters.TAKE_OVER, file, intake, dry_run, report)


def _import_people(run: Run, kind: rosters.Kind, file: Path, intake: str, dry_run: bool, report: Path | None) -> None:
    data, progress = _sheet(file), run.progress(run.action("application", kind.step))
    if report:
        _require_writable(report)
    found = rosters.import_roster(data, file.name, intake, run.actor, kind=kind, dry_run=dry_run, progress=progress)
    answer_list(run, found, report)


def _sheet(file: Path) -> bytes:
    """Return a list's bytes; one that cannot be read is a usage error, as for any list that cannot be judged."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(USAGE, "file_unreadable", f"{file}: {error.strerror}") from None


def answer_list(run: Run, found: rosters.Report, report: Path | None) -> None:
    """Answer with what was judged row by row, and write it as a workbook where one is wanted."""
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
    answer_list(run, found, report)


@_takes(scores_group)
def scores_import(run: Run, file: Path, dry_run: bool, report: Path | None) -> None:
    """Record the good rows of a score list and tell every fault of the others."""
    _import_list(run, "scores", file, dry_run, report)


@_takes(diplomas_group)
def diplomas_import(run: Run, file: Path, dry_run: bool, report: Path | None) -> None:
    """Graduate the students on the school's diploma list and tell every fault of the other rows."""
    _import_list(run, "diplomas", file, dry_run, report)


@command(certificates_group, "import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read the file, write nothing.")
def certificates_import(run: Run, file: Path, dry_run: bool) -> None:
    """Take in a list of the national query; what is pending is verified by the next `due run`."""
    answer_list(run, national_query.take(_sheet(file), file.name, run.actor, dry_run=dry_run), None)
