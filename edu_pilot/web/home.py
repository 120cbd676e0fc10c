"""The way in: two doors for the public, and for staff the lists that wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from edu_pilot import i18n
from edu_pilot.extensions import read, write
from edu_pilot.services import alerts, counts, presenting, search
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.search import Asked, Wanted
from edu_pilot.web import access, navigation
from edu_pilot.web.desk import page as desk_page
from edu_pilot.web.records import COLUMNS, Line, lines
from edu_pilot.web.words import Words
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("home", __name__)
FIRST = 10


@dataclass(frozen=True)
class Area:
    """The page of one kind of work and the lists it opens with; whose it is, its view declares."""

    title: Any
    lists: tuple[tuple[str, str], ...]
    endpoint: str

    @property
    def workflows(self) -> list[str]:
        """The workflows counted on the page."""
        return list(dict.fromkeys(workflow for workflow, _state in self.lists))


AREAS: Mapping[str, Area] = {
    "desk": Area(
        _("Teaching point"),
        (
            ("application", "draft"), ("application", "registered"), ("application", "returned"),
            ("claim", "draft"), ("claim", "returned"), ("certification", "planned"),
        ),
        "home.desk",
    ),
    "registry": Area(
        _("Registry"),
        (
            ("application", "verified"), ("application", "waitlisted"),
            ("study", "enrolled"), ("study", "studying"), ("study", "completed"),
        ),
        "registry.index",
    ),
    "exams": Area(
        _("Exams"),
        (
            ("session", "planned"), ("session", "open"), ("certification", "trained"),
            ("certification", "entered"), ("certification", "seated"), ("certification", "sat"),
            ("certification", "passed"),
        ),
        "exams.index",
    ),
    "review": Area(
        _("Review"),
        (("claim", "submitted"), ("claim", "not_agreed"), ("claim", "objected"), ("claim", "bounced")),
        "review.index",
    ),
    "payments": Area(
        _("Payments"),
        (
            ("claim", "approved"), ("claim", "bounced"), ("payment", "drawn"), ("payment", "released"),
            ("payment", "exported"), ("claim", "recovering"),
        ),
        "payments.index",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Waiting:
    """The first records of one workflow in one state, and how many there are."""

    workflow: str
    state: str
    number: int
    lines: list[Line]


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


def _area(name: str) -> str:
    area, actor = AREAS[name], access.actor()
    with read() as conn:
        compiled = presenting.in_force(conn)
        tallies = {workflow: counts.by_state(conn, workflow, actor) for workflow in area.workflows}
        return render_template(
            f"{name}/index.html",
            area=area,
            words=Words(compiled),
            tallies=tallies,
            columns=COLUMNS,
            waiting=[_waiting(conn, compiled.policy, *one, tallies) for one in area.lists],
            told=alerts.of_actor(conn, actor),
            creates=[w for w in area.workflows if actor.roles & set(compiled.definition(w).create.by)],
        )


def _waiting(
    conn: Connection, policy: Policy, workflow: str, state: str, tallies: Mapping[str, Mapping[str, int]]
) -> Waiting:
    number = tallies[workflow].get(state, 0)
    wanted = Wanted(state=state, limit=FIRST)
    found = search.find(conn, workflow, access.actor(), wanted)[0] if number else []
    return Waiting(workflow, state, number, lines(conn, found, policy))


@pages.post("/search")
@access.staff
def by_number() -> Response:
    """Find records by a number that names one thing; it stands in no address and in no history of a browser."""
    return to_found(search.strong_number(request.form.get("number", "")))


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
