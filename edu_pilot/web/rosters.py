"""Roster upload: every row judged first, the good ones taken on request."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, abort, g, render_template, request

from edu_pilot.extensions import read
from edu_pilot.services import presenting
from edu_pilot.services import rosters as importing
from edu_pilot.services.rosters import Report
from edu_pilot.web import access
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import Refused

pages = Blueprint("rosters", __name__, url_prefix="/desk")


@pages.get("/roster")
@access.staff
def form() -> str:
    """Ask for a file and the intake it is for."""
    return _page()


@pages.post("/roster")
@access.staff
def upload() -> Any:
    """Judge every row; take the good ones only when that was asked for."""
    _words_for_clerks()
    sent, intake = request.files.get("file"), request.form.get("intake", "").strip()
    if sent is None or not sent.filename or not intake:
        return _page(missing=True), 422
    g.again = partial(_page, None, False)
    dry_run = request.form.get("step") != "take"
    report = importing.import_roster(sent.read(), sent.filename, intake, access.actor(), dry_run=dry_run)
    return _page(report, dry_run=dry_run)


def _page(
    report: Report | None = None, missing: bool = False, refused: Refused | None = None, *, dry_run: bool = True
) -> str:
    words = _words_for_clerks()
    create = words.compiled.definition(importing.WORKFLOW).create
    return render_template(
        "desk/roster.html",
        report=report.as_dict(words.reason) if report else None,
        columns={need.name: words.field(need) for need in create.needs},
        missing=missing,
        refused=refused,
        dry_run=dry_run,
        words=words,
    )


def _words_for_clerks() -> Words:
    """Return the words of the page, for those who may have a roster judged; nobody else gets past (R2.8)."""
    with read() as conn:
        words = Words(presenting.in_force(conn))
    if not access.actor().roles & set(importing.taken_by(words.compiled.definition(importing.WORKFLOW))):
        abort(403)
    return words
