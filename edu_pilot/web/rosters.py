"""Lists as files: rosters, existing students, scores, diplomas, certificates; looked over first, then taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import begun, imports, intakes, national_query, presenting, uploads
from edu_pilot.services import rosters as importing
from edu_pilot.services.begun import Kept
from edu_pilot.services.disclosure import MASKS
from edu_pilot.web import access, files
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import Reason, Refused
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("rosters", __name__)
# Whose a row is, where a list has room for little else.
NAMING = ("name", "student_number")
# How often a browser without scripts asks how far a list is, in seconds.
AGAIN = 2


@dataclass(frozen=True)
class Sheet:
    """A kind of list: its page's title and area, what it is for, whose it is, where it leads."""

    title: Any
    area: str
    file: Any
    asks: str
    roles: Callable[[Compiled], Collection[str]]
    leads_to: Mapping[str, str]


def _takers(step: str) -> Callable[[Compiled], Collection[str]]:
    return lambda compiled: importing.taken_by(compiled.definition(importing.WORKFLOW), step)


def _by(workflow: str, step: str) -> Callable[[Compiled], Collection[str]]:
    return lambda compiled: compiled.definition(workflow).actions[step].by


SHEETS: Mapping[str, Sheet] = {
    "rosters": Sheet(
        _("Upload a roster"), "desk", _("Roster (.xlsx, .xls, .ods or .csv)"), "intake", _takers("register"),
        {"workflow": "application", "state": "registered"},
    ),
    "cases": Sheet(
        _("Upload existing students"), "registry", _("List of students (.xlsx, .xls, .ods or .csv)"), "intake",
        _takers("take_over"), {"workflow": "study", "state": "studying"},
    ),
    "scores": Sheet(
        _("Upload a score list"), "registry", _("Score list (.xlsx, .xls, .ods or .csv)"), "",
        _by("study", imports.SCORES.action), {"workflow": "study"},
    ),
    "diplomas": Sheet(
        _("Upload a diploma list"), "registry", _("Diploma list (.xlsx, .xls, .ods or .csv)"), "",
        _by("study", imports.DIPLOMAS.action), {"workflow": "study", "state": "graduated"},
    ),
    "certificates": Sheet(
        _("Upload a list of the national query"), "exams", _("List of certificates (.xlsx, .xls, .ods or .csv)"), "",
        _by("certification", national_query.STEP), {"workflow": "certification", "state": "certified"},
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


# Sending


@pages.get("/desk/roster")
@access.staff
def form() -> str:
    """Ask for a roster and the intake it is for."""
    return _page("rosters")


@pages.post("/desk/roster")
@access.staff
def upload() -> Any:
    """Look a roster over and keep it; nothing is written."""
    return _uploaded("rosters")


@pages.get("/lists/<kind>")
@access.staff
def sheet(kind: str) -> str:
    """Ask for a list."""
    return _page(kind)


@pages.post("/lists/<kind>")
@access.staff
def send(kind: str) -> Any:
    """Look a list over and keep it; nothing is written."""
    return _uploaded(kind)


@pages.get("/lists/<kind>/template")
@access.staff
def template(kind: str) -> Response:
    """Send an empty list with the columns it needs."""
    _words(kind)
    return files.download(uploads.template(kind), files.WORKBOOK, f"{kind}-template.xlsx")


def _uploaded(kind: str) -> Any:
    _words(kind)
    sent, asks = files.uploaded(), SHEETS[kind].asks
    about = request.form.get(asks, "").strip()[:64] if asks else ""
    if sent is None or not sent[1] or (asks and not about):
        return _page(kind, missing=True), 422
    g.again = partial(_page, kind, False)
    kept = uploads.look_over(kind, *sent, about, access.actor())
    return redirect(url_for(".looked_over", list_id=kept), 303)


def _page(kind: str, missing: bool = False, refused: Refused | None = None) -> str:
    words = _words(kind)
    with read() as conn:
        latest = begun.latest(conn, kind, access.actor())
    names, taken = _columns(words), uploads.KINDS[kind]
    return render_template(
        "desk/roster.html",
        kind=kind,
        sheet=SHEETS[kind],
        columns=[(names.get(c, c), heads, c in (*taken.needed, *taken.asked)) for c, heads in taken.heads.items()],
        open_intakes=intakes.open_on(words.compiled.policy, clock.today()) if kind == "rosters" else (),
        latest=latest,
        missing=missing,
        refused=refused,
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


# Looked over, taken, taken back


@pages.get("/uploads/<list_id>")
@access.staff
def looked_over(list_id: str) -> str:
    """Show what was found in one's own list, how far it is taken, and what became of it."""
    return _list_page(list_id)


@pages.post("/uploads/<list_id>/take")
@access.staff
def take(list_id: str) -> Any:
    """Take the good rows of a list that was looked over; the file is not chosen again."""
    _own(list_id)
    g.again = partial(_list_page, list_id)
    uploads.take(list_id, access.actor())
    return redirect(url_for(".looked_over", list_id=list_id), 303)


@pages.post("/uploads/<list_id>/columns")
@access.staff
def choose(list_id: str) -> Any:
    """Have columns that nobody recognised read as the sender says, and judge the list anew."""
    kept, _words_of = _own(list_id)
    answers = ((head, request.form.get(f"column-{n}", "")[:64]) for n, head in enumerate(kept.told.get("open", ())))
    given = {head: column for head, column in answers if column}
    g.again = partial(_list_page, list_id, given=given)
    uploads.choose(list_id, given, access.actor())
    flash(gettext("The list was looked over again with the columns you chose."))
    return redirect(url_for(".looked_over", list_id=list_id), 303)


@pages.post("/uploads/<list_id>/undo")
@access.staff
def undo(list_id: str) -> Any:
    """Take a whole roster back, but for the rows somebody has acted on."""
    _own(list_id)
    g.again = partial(_list_page, list_id)
    done = uploads.undo(list_id, access.actor())
    flash(gettext("Taken back: %(number)s; left as they are: %(left)s", number=done.number, left=len(done.left)))
    return redirect(url_for(".looked_over", list_id=list_id), 303)


@pages.get("/uploads/<list_id>/workbook")
@access.staff
def workbook(list_id: str) -> Response:
    """Send one's own list back as a workbook that says in each line what is wrong."""
    _kept, words = _own(list_id)
    content, name = uploads.annotated(list_id, access.actor(), words.reason, gettext("What is wrong"))
    return files.download(content, files.WORKBOOK, name)


def _own(list_id: str) -> tuple[Kept, Words]:
    with read() as conn:
        kept = begun.list_of(conn, list_id, access.actor())
    return kept, _words(kept.row["name"])


def _list_page(list_id: str, refused: Refused | None = None, given: Mapping[str, str] | None = None) -> str:
    kept, words = _own(list_id)
    kind, report = kept.row["name"], uploads.report_of(kept)
    told = report.as_dict(words.reason)
    columns = _telling_first(kept.told.get("columns", ()), told["problems"])
    broken_off = [Reason(**one | {"who": tuple(one["who"])}) for one in kept.told.get("refused", ())]
    return render_template(
        "desk/upload.html",
        kind=kind,
        sheet=SHEETS[kind],
        kept=kept,
        report=told,
        names=_columns(words),
        columns=columns,
        chosen=kept.told.get("chosen", {}) if given is None else given,
        free=[c for c in uploads.KINDS[kind].heads if c not in uploads.recognised(kept)],
        naming=NAMING,
        rows=_bad_rows(kept, told["problems"]),
        notices=[note | {"value": _shown(note["column"], note["value"])} for note in told["notices"]],
        shown=uploads.SHOWN,
        refused=refused or (Refused(broken_off) if broken_off else None),
        can_be_undone=uploads.KINDS[kind].can_be_undone and kept.phase == "taken" and bool(report.records),
        again=AGAIN,
        words=words,
    )


def _telling_first(columns: Sequence[str], problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns that name a row, then those in which some row has a fault: the rest only takes room."""
    faulty = {problem["column"] for problem in problems}
    return sorted((c for c in columns if c in NAMING or c in faulty), key=lambda c: c not in NAMING)


def _bad_rows(kept: Kept, problems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the bad rows as the page shows them: what stands in each cell, and what is wrong with it."""
    faults: dict[int, dict[str, list[str]]] = {}
    for problem in problems:
        faults.setdefault(problem["row"], {}).setdefault(problem["column"], []).append(problem["text"])
    cells = kept.told.get("cells", {})
    columns = kept.told.get("columns", ())
    return [
        {
            "number": number,
            "cells": {c: _shown(c, cells[str(number)].get(c, "")) for c in columns},
            "faults": {c: texts for c, texts in found.items() if c in columns},
            "whole": [text for c, texts in found.items() if c not in columns for text in texts],
        }
        for number, found in sorted(faults.items())
        if str(number) in cells
    ]


def _shown(column: str, text: str) -> str:
    """Return a cell as a page may show it: of numbers only what tells them apart (R2.9)."""
    return MASKS[column](text) if text and column in MASKS else text
