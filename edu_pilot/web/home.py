"""The way in: two doors for the public, and for staff the lists that wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from edu_pilot import i18n
from edu_pilot.extensions import read, write
from edu_pilot.services import counts, presenting, search
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.search import Asked
from edu_pilot.web import access, navigation
from edu_pilot.web.desk import page as desk_page
from edu_pilot.web.records import COLUMNS, lines
from edu_pilot.web.words import Words
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("home", __name__)


@dataclass(frozen=True)
class Area:
    """One kind of work: its page, and the workflows counted for those whose work it is; its view says whose."""

    endpoint: str
    workflows: tuple[str, ...]


AREAS: Mapping[str, Area] = {
    "desk": Area("home.desk", ("application", "claim", "certification")),
    "registry": Area("registry.index", ("application", "study")),
    "exams": Area("exams.index", ("session", "certification")),
    "review": Area("review.index", ("claim",)),
    "payments": Area("payments.index", ("claim", "payment")),
}


def _areas_of(actor: Actor) -> list[str]:
    return [name for name in AREAS if access.may_open(endpoint_of(name), actor)]


def endpoint_of(area: str) -> str:
    """Return the endpoint of an area's page."""
    return AREAS[area].endpoint


@pages.app_context_processor
def _areas() -> dict[str, Any]:
    return {"endpoint_of": endpoint_of}


@pages.get("/")
@access.public
def index() -> Any:
    """Show the doors; those who are in already see their own work."""
    actor = access.actor_or_none()
    if actor is None:
        return render_template("public/home.html")
    if actor.roles == {STUDENT}:
        return redirect(url_for("public.status"))
    with read() as conn:
        compiled = presenting.in_force(conn)
        tallies = {name: counts.by_state(conn, name, actor) for name in _counted(compiled, actor)}
        return render_template("dashboard/home.html", words=Words(compiled), tallies=tallies, columns=COLUMNS)


def _counted(compiled: Compiled, actor: Actor) -> list[str]:
    """Return the workflows of the actor's areas; those without an area see all."""
    own = [w for name in _areas_of(actor) for w in AREAS[name].workflows]
    return list(dict.fromkeys(own)) or list(compiled.engines)


@pages.get("/desk")
@access.roles("clerk", "auditor")
def desk() -> str:
    """The teaching point's applications and claims, and the way to the roster."""
    return desk_page()


@pages.post("/search")
@access.staff
def by_number() -> Response:
    """Find records by a number that names one thing; it stands in no address and in no history of a browser."""
    typed = request.form.get("number", "").strip()
    if search.is_a_name(typed):
        return make_response(_by_name(typed))
    return to_found(search.strong_number(typed))


def _by_name(name: str) -> str:
    """Say that only numbers are searched here, and lead to the reader's own lists, which are searched by name."""
    with read() as conn:
        compiled = presenting.in_force(conn)
    lists = [w for w in _counted(compiled, access.actor()) if "name" in COLUMNS[w]]
    return render_template("records/by_name.html", name=name, lists=lists, words=Words(compiled))


def to_found(asked: Asked) -> Response:
    """Search, put that on record, and lead to what was found under a sealed name that only this account can open.

    A number of the record itself leads straight to it.
    """
    actor = access.actor()
    if asked.person:
        with write() as conn:
            search.by_person(conn, actor, *asked.person)
    with read() as conn:
        own = search.by_number(conn, actor, asked.number)
    if len(own) == 1 and not asked.person:
        return redirect(url_for("records.detail", workflow=own[0].workflow, reference=own[0].reference), 303)
    return redirect(url_for("home.found", sealed=search.sealed(actor, asked)), 303)


@pages.get("/search/<sealed>")
@access.staff
def found(sealed: str) -> str:
    """Show what a search found; the page can be loaded again for ten minutes."""
    with read() as conn:
        shown = lines(conn, search.again(conn, access.actor(), sealed))
        words = Words(presenting.in_force(conn))
        return render_template("records/found.html", lines=shown, words=words, columns=COLUMNS)


@pages.post("/language/<lang>")
@access.public
def language(lang: str) -> Response:
    """Change the language and go back to where the reader was."""
    if lang not in i18n.LANGUAGES:
        abort(404)
    session["lang"] = lang
    return redirect(navigation.came_from() or url_for(".index"), 303)
