"""Papers printed by the hundred: chosen, counted, asked for as one run, opened stack by stack, printed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.models.base import new_id
from edu_pilot.services import presenting, prints
from edu_pilot.services.answers import read_date
from edu_pilot.services.prints import Wanted
from edu_pilot.web import access, choices, files
from edu_pilot.web.choices import Asked
from edu_pilot.web.forms import whole
from edu_pilot.web.words import Words
from edu_pilot.web.worklists import page_number
from edu_pilot.workflow.reasons import Refused

pages = Blueprint("prints", __name__, url_prefix="/print-runs")
# Who hands papers out; which kinds, documents.yaml says.
PRINTERS = ("clerk", "examiner", "registrar")
DAYS = ("since", "until")
FIELDS = ("paper", *DAYS, "county", "point", "which")
EVERY = "all"
# How often a browser without scripts asks how far a run is, in seconds.
AGAIN = 3


@dataclass(frozen=True)
class Given:
    """What was chosen on the page: as it was typed, what it asks for, and the entries that are no day."""

    typed: Mapping[str, str] = field(default_factory=dict)
    wanted: Wanted | None = None
    faults: tuple[str, ...] = ()


def _given(papers: list[tuple[str, str]]) -> Given:
    sent = request.form if request.method == "POST" else request.args
    typed = {name: text for name in FIELDS if (text := sent.get(name, "").strip()[:64])}
    workflow, _dot, kind = typed.get("paper", "").partition(".")
    since, until = (read_date(typed[name]) if name in typed else None for name in DAYS)
    faults = tuple(name for name, day in zip(DAYS, (since, until), strict=True) if name in typed and day is None)
    if (workflow, kind) not in papers or faults:
        return Given(typed, None, faults)
    fresh = typed.get("which") != EVERY
    return Given(typed, Wanted(workflow, kind, since, until, typed.get("county"), typed.get("point"), fresh))


@pages.get("")
@access.roles(*PRINTERS)
def index() -> str:
    """Choose papers, see how many there are, and the runs that were asked for."""
    return _index_page()


@pages.post("")
@access.roles(*PRINTERS)
def ask() -> Any:
    """Ask for a run of the papers that were counted; the same form sent twice asks once."""
    with read() as conn:
        given = _given(prints.kinds(conn, access.actor()))
    if given.wanted is None:
        return _index_page(nothing=True), 422
    g.again = _index_page
    form = request.form
    seen, why, key = whole(form.get("seen", "")) or 0, form.get("why", ""), _key()
    return _led(prints.ask(given.wanted, seen, why, key, access.actor()))


def _key() -> str:
    """Return the form's own key; one that is none of ours asks for itself."""
    sent = request.form.get("key", "")
    return sent if len(sent) == len(new_id()) and sent.isalnum() and sent.isascii() else new_id()


def _led(number: str) -> Response:
    flash(_("The run %(number)s is being made.", number=number))
    return redirect(url_for(".run", run=number), 303)


def _index_page(refused: Refused | None = None, *, nothing: bool = False) -> str:
    with read() as conn:
        actor = access.actor()
        words, papers = Words(presenting.in_force(conn)), prints.kinds(conn, actor)
        given = _given(papers)
        return render_template(
            "prints/index.html",
            words=words,
            papers=papers,
            doubled={kind for _w, kind in papers if [k for _w, k in papers].count(kind) > 1},
            choose=_places(conn, words),
            given=given,
            found=prints.find(conn, actor, given.wanted) if given.wanted else None,
            most=prints.MOST,
            runs=prints.newest(conn, actor, page_number()),
            reasons=prints.settings(words.compiled.policy)["reasons"],
            key=new_id(),
            refused=refused,
            nothing=nothing,
        )


def _places(conn: Connection, words: Words) -> Mapping[str, choices.Pairs]:
    """Return the counties and teaching points that an actor may narrow to."""
    asked = Asked(conn, access.actor(), words)
    return {"county": choices.counties(asked), "point": choices.points(asked)}


@pages.get("/<run>")
@access.roles(*PRINTERS)
def run(run: str) -> str:
    """Show how far a run is, its stacks to open, and the sheets that were left out."""
    return _run_page(run)


@pages.post("/<run>/again")
@access.roles(*PRINTERS)
def again(run: str) -> Response:
    """Ask for some sheets of a run once more, for a reason."""
    with read() as conn:
        prints.of_number(conn, run, access.actor())
    g.again = partial(_run_page, run)
    first, last = (whole(request.form.get(name, "")) or 0 for name in ("first", "last"))
    return _led(prints.again(run, first, last, request.form.get("why", ""), _key(), access.actor()))


@pages.get("/<run>/stacks/<stack>.pdf")
@access.roles(*PRINTERS)
def stack_file(run: str, stack: str) -> Response:
    """Send one stack for the printer; that its papers were opened is put on record."""
    g.again = partial(_run_page, run)
    content = prints.stack_file(run, whole(stack) or 0, access.actor())
    return files.paper(content, f"{run}-{stack}.pdf")


@pages.get("/<run>/stacks/<stack>.zip")
@access.roles(*PRINTERS)
def stack_papers(run: str, stack: str) -> Response:
    """Send the kept files of one stack's papers, each by itself; that they were opened is put on record."""
    g.again = partial(_run_page, run)
    content = prints.stack_papers(run, whole(stack) or 0, access.actor())
    return files.download(content, "application/zip", f"{run}-{stack}.zip")


def _run_page(number: str, refused: Refused | None = None) -> str:
    with read() as conn:
        actor = access.actor()
        found = prints.of_number(conn, number, actor)
        words = Words(presenting.in_force(conn))
        stack = max(1, min(whole(request.args.get("stack", "")) or 1, found["stacks"]))
        return render_template(
            "prints/run.html",
            words=words,
            run=found,
            stacks=prints.stacks_of(conn, found),
            left=prints.left_out(conn, found),
            stack=stack,
            sheets=prints.sheets_of(conn, found, stack),
            reasons=prints.settings(words.compiled.policy)["reasons"],
            keep_days=prints.settings(words.compiled.policy)["keep_days"],
            key=new_id(),
            again=AGAIN,
            refused=refused,
        )
