"""Lists as files: rosters, existing students, scores, diplomas, certificates; judged first, taken on request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from flask_babel import lazy_gettext as _

from edu_pilot.extensions import read
from edu_pilot.services import imports, national_query, outbox, presenting
from edu_pilot.services import rosters as importing
from edu_pilot.services.rosters import Report
from edu_pilot.web import access, files
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("rosters", __name__)


@dataclass(frozen=True)
class Sent:
    """A file as it came, what it is for, who sent it, and whether it is only to be judged."""

    data: bytes
    filename: str
    about: str
    actor: Actor
    dry_run: bool


@dataclass(frozen=True)
class Sheet:
    """A kind of list: its page's title and area, what it is for, whose it is, what takes it, where it leads."""

    title: Any
    area: str
    file: Any
    asks: str
    roles: Callable[[Compiled], Collection[str]]
    take: Callable[[Sent], Report]
    leads_to: Mapping[str, str]


def _people(kind: importing.Kind, sent: Sent) -> Report:
    found = importing.import_roster(sent.data, sent.filename, sent.about, sent.actor, kind=kind, dry_run=sent.dry_run)
    outbox.follow_up()
    return found


def _list(kind: imports.Kind, sent: Sent) -> Report:
    return imports.import_list(kind, sent.data, sent.filename, sent.actor, dry_run=sent.dry_run)


def _certificates(sent: Sent) -> Report:
    return national_query.take(sent.data, sent.filename, sent.actor, dry_run=sent.dry_run)


def _takers(step: str) -> Callable[[Compiled], Collection[str]]:
    return lambda compiled: importing.taken_by(compiled.definition(importing.WORKFLOW), step)


def _by(workflow: str, step: str) -> Callable[[Compiled], Collection[str]]:
    return lambda compiled: compiled.definition(workflow).actions[step].by


SHEETS: Mapping[str, Sheet] = {
    "rosters": Sheet(
        _("Upload a roster"), "desk", _("Roster (.xlsx, .xls, .ods or .csv)"), "intake", _takers("register"),
        partial(_people, importing.REGISTER), {"workflow": "application", "state": "registered"},
    ),
    "cases": Sheet(
        _("Upload existing students"), "registry", _("List of students (.xlsx, .xls, .ods or .csv)"), "intake",
        _takers("take_over"), partial(_people, importing.TAKE_OVER), {"workflow": "study", "state": "studying"},
    ),
    "scores": Sheet(
        _("Upload a score list"), "registry", _("Score list (.xlsx, .xls, .ods or .csv)"), "",
        _by("study", imports.SCORES.action), partial(_list, imports.SCORES), {"workflow": "study"},
    ),
    "diplomas": Sheet(
        _("Upload a diploma list"), "registry", _("Diploma list (.xlsx, .xls, .ods or .csv)"), "",
        _by("study", imports.DIPLOMAS.action), partial(_list, imports.DIPLOMAS),
        {"workflow": "study", "state": "graduated"},
    ),
    "certificates": Sheet(
        _("Upload a list of the national query"), "exams", _("List of certificates (.xlsx, .xls, .ods or .csv)"), "",
        _by("certification", national_query.STEP), _certificates, {"workflow": "certification", "state": "certified"},
    ),
}  # fmt: skip


@pages.app_context_processor
def _links() -> dict[str, Any]:
    return {"sheets_of": sheets_of}


def sheets_of(area: str) -> list[tuple[str, Any]]:
    """Return the kinds of lists that an actor may send in an area, with their titles."""
    with read() as conn:
        compiled = presenting.in_force(conn)
    mine = access.actor().roles
    return [(k, s.title) for k, s in SHEETS.items() if area == s.area and mine & set(s.roles(compiled))]


@pages.get("/desk/roster")
@access.staff
def form() -> str:
    """Ask for a roster and the intake it is for."""
    return _page("rosters")


@pages.post("/desk/roster")
@access.staff
def upload() -> Any:
    """Judge every row of a roster; take the good ones only when that was asked for."""
    return _uploaded("rosters")


@pages.get("/lists/<kind>")
@access.staff
def sheet(kind: str) -> str:
    """Ask for a list."""
    return _page(kind)


@pages.post("/lists/<kind>")
@access.staff
def send(kind: str) -> Any:
    """Judge every line of a list; take the good ones only when that was asked for."""
    return _uploaded(kind)


def _uploaded(kind: str) -> Any:
    _words(kind)
    sent, asks = files.uploaded(), SHEETS[kind].asks
    about = request.form.get(asks, "").strip() if asks else ""
    if sent is None or not sent[1] or (asks and not about):
        return _page(kind, missing=True), 422
    g.again = partial(_page, kind, None, False)
    dry_run = request.form.get("step") != "take"
    report = SHEETS[kind].take(Sent(*sent, about, access.actor(), dry_run))
    return _page(kind, report, dry_run=dry_run)


def _page(
    kind: str, report: Report | None = None, missing: bool = False, refused: Refused | None = None, *,
    dry_run: bool = True,
) -> str:  # fmt: skip
    words = _words(kind)
    return render_template(
        "desk/roster.html",
        kind=kind,
        sheet=SHEETS[kind],
        report=report.as_dict(words.reason) if report else None,
        columns=_columns(words),
        missing=missing,
        refused=refused,
        dry_run=dry_run,
        words=words,
    )


def _columns(words: Words) -> dict[str, Any]:
    """Return what the columns of every kind of list are called."""
    study = words.compiled.definition("study").actions
    certify = words.compiled.definition("certification").actions[national_query.STEP]
    steps = (certify, study["take_over"], study[imports.SCORES.action], study[imports.DIPLOMAS.action])
    needs = [*words.compiled.definition(importing.WORKFLOW).create.needs, *(n for step in steps for n in step.needs)]
    return {"course_name": _("Course name")} | {n.name: words.field(n) for n in needs}


def _words(kind: str) -> Words:
    """Return the words of a list's page, for those who may have one judged; nobody else gets past (R2.8)."""
    if kind not in SHEETS:
        abort(404)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    if not access.actor().roles & set(SHEETS[kind].roles(words.compiled)):
        abort(403)
    return words
