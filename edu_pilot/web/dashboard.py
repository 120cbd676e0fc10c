"""The board: how far people came, where work waits and for whom; as pictures with their tables, workbook and paper."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot import clock, i18n
from edu_pilot.extensions import read
from edu_pilot.services import board, exports, policies, presenting, report
from edu_pilot.services.board import Board
from edu_pilot.web import access, files
from edu_pilot.web.words import Words

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")
TABLES = {"county": "counties", "major": "majors"}


@pages.get("")
@access.staff
def index() -> str:
    """Show the board of the records the reader may see."""
    found, words = _board()
    return render_template("dashboard/index.html", board=found, words=words, named=lambda *one: _named(words, *one))


@pages.get("/figures.xlsx")
@access.staff
def workbook() -> Response:
    """Send the same figures as a workbook."""
    found, words = _board()
    content = exports.workbook(_sheets(found, words))
    return files.download(content, files.WORKBOOK, f"{clock.today():%Y%m%d}.xlsx")


@pages.get("/report.pdf")
@access.staff
def report_pdf() -> Response:
    """Send the same figures as a paper to be signed, in the reader's language."""
    with read() as conn:
        version = policies.in_force(conn, clock.today())
        found = board.board(conn, access.actor(), version.compiled)
    content = report.pdf(found, version, access.actor(), i18n.language())
    return files.download(content, "application/pdf", f"{clock.today():%Y%m%d}.pdf")


def _board() -> tuple[Board, Words]:
    with read() as conn:
        compiled = presenting.in_force(conn)
        return board.board(conn, access.actor(), compiled), Words(compiled)


def _named(words: Words, dimension: str, code: str) -> str:
    """Return what a county, a major or a year is called."""
    return words.row(TABLES[dimension], code) if dimension in TABLES and code else code or "—"


def _sheets(found: Board, words: Words) -> dict[str, list[list[Any]]]:
    stages = [_(reached.stage.text) for reached in found.way]
    sheets = {_("The way"): [[_("Stage"), _("Persons")], *([_(r.stage.text), r.number] for r in found.way)]}
    for dimension, title in (("county", _("County")), ("major", _("Major")), ("year", _("Year"))):
        rows = [[_named(words, dimension, code), *numbers] for code, numbers in found.rows(dimension)]
        sheets[title] = [[title, *stages], *rows]
    return sheets | {_("Where work waits"): [_heads(found), *_waiting(found, words)]}


def _heads(found: Board) -> list[str]:
    long = _("Longer than %(days)s days", days=found.long_days)
    return [_("Workflow"), _("State"), _("Records"), _("Oldest since"), long, _("Waits for")]


def _waiting(found: Board, words: Words) -> list[list[Any]]:
    return [
        [
            words.workflow(one.workflow), words.state(one.workflow, one.state), one.number, one.oldest_on.isoformat(),
            one.long, words.roles(one.holders),
        ]
        for one in found.waiting
    ]  # fmt: skip
