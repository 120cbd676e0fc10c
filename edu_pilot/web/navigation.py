"""The shell around every page: where one may go, how much waits there, how the page is shown, how long it lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, g, redirect, request, url_for
from flask_babel import lazy_gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import access_limits, presenting, query_codes, waiting
from edu_pilot.services.actors import STUDENT
from edu_pilot.web import access
from edu_pilot.web.sign_in import local
from edu_pilot.web.words import Words
from edu_pilot.workflow.registry import Actor

pages = Blueprint("navigation", __name__)
VIEWS = ("normal", "elder")
VIEW_COOKIE = "view"
A_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Entry:
    """One place in the navigation: its page, its name, and what of it is counted.

    Whose it is the page's own declaration says; `roles` narrows that to those whose work it is.
    """

    endpoint: str
    title: Any
    count: str | None = None
    roles: frozenset[str] = frozenset()


# In the order people see them. A page of one's own work carries the number of what waits for one's own step.
ENTRIES: Sequence[Entry] = (
    Entry("home.desk", _("Teaching point"), "desk"),
    Entry("registry.index", _("Registry"), "registry"),
    Entry("exams.index", _("Exams"), "exams"),
    Entry("review.index", _("Review"), "review"),
    Entry("payments.index", _("Payments"), "payments"),
    Entry("prints.index", _("Print runs")),
    Entry("dashboard.index", _("Overview")),
    Entry("staff.index", _("Accounts")),
    Entry("admin.index", _("Administration")),
)


@dataclass(frozen=True)
class Place:
    """An entry as one person sees it: where it leads, how much waits, whether it is here."""

    endpoint: str
    address: str
    title: Any
    # What waits, by workflow and state; None for whom nothing does.
    parts: Mapping[waiting.Part, int] | None
    here: str | None

    @property
    def number(self) -> int | None:
        """How much waits here, as its page says it."""
        return None if self.parts is None else sum(self.parts.values())


@dataclass(frozen=True)
class Shell:
    """What the frame of a page shows of the one who reads it."""

    places: Sequence[Place] = ()
    words: Words | None = None
    idle_minutes: int | None = None
    searches: bool = False
    # How long one's identity counts as proved just now.
    proof_minutes: int = 0
    # The name of a student, masked: whose pages these are.
    whose: str | None = None

    @property
    def number(self) -> int:
        """How much waits in all places together."""
        return sum(place.number or 0 for place in self.places)


NOBODY = Shell()


def init_app(app: Flask) -> None:
    """Give every page its frame."""
    app.before_request(_forget)
    app.context_processor(lambda: {"shell": shell, "view": view(), "area_of": area})


def _forget() -> None:
    g.pop("shell", None)


def shell() -> Shell:
    """Return the frame of this request's page, asked once however often it is drawn."""
    if "shell" not in g:
        actor = access.actor_or_none()
        g.shell = _shell_of(actor) if actor else NOBODY
    found: Shell = g.shell
    return found


def _shell_of(actor: Actor) -> Shell:
    entries = entries_of(actor)
    with read() as conn:
        # Only whose work it is gets a number; an auditor has none waiting.
        own = [e.count for e in entries if e.count and e.count in waiting.COUNTS and actor.roles - {"auditor"}]
        found = waiting.parts(conn, actor, own)
        words = Words(presenting.in_force(conn))
        student = actor.roles == {STUDENT}
        whose = query_codes.masked_name_of(conn, actor.person_key) if student else None
    limits = access_limits.limits_of(words.compiled.policy)
    idle, proof = (int(span.total_seconds() // 60) for span in (limits.idle, limits.step_up))
    return Shell(_places(entries, found), words, idle, not student, proof, whose)


def entries_of(actor: Actor) -> list[Entry]:
    """Return the entries of somebody: pages they may open, and of those with roles only their own."""
    if actor.roles == {STUDENT}:
        return []
    may = (e for e in ENTRIES if access.may_open(e.endpoint, actor))
    return [e for e in may if not e.roles or e.roles & actor.roles]


def _places(entries: Sequence[Entry], found: Mapping[str, Mapping[waiting.Part, int]]) -> list[Place]:
    addresses = [url_for(entry.endpoint) for entry in entries]
    within = [a for a in addresses if request.path == a or request.path.startswith(a + "/")]
    here = max(within, key=len, default=None)
    return [
        Place(e.endpoint, a, e.title, found.get(e.count or ""), _mark(a) if a == here else None)
        for e, a in zip(entries, addresses, strict=True)
    ]


def _mark(address: str) -> str:
    """Return how a screen reader is told: this page, or the part this page belongs to."""
    return "page" if request.path == address else "true"


def area(endpoint: str) -> Place | None:
    """Return an entry of the reader's own navigation, for the way back to it; None if it is not theirs."""
    return next((place for place in shell().places if place.endpoint == endpoint), None)


def view() -> str:
    """Return how the reader wants pages shown: as they are, or with large letters and buttons."""
    return VIEWS[1] if request.cookies.get(VIEW_COOKIE) == VIEWS[1] else VIEWS[0]


@pages.post("/view/<name>")
@access.public
def choose_view(name: str) -> Response:
    """Remember in this browser how pages are to be shown, and go back to where the reader was."""
    if name not in VIEWS:
        abort(404)
    answer = redirect(came_from() or url_for("home.index"), 303)
    answer.set_cookie(
        VIEW_COOKIE, name, max_age=A_YEAR, httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )  # fmt: skip
    return answer


def came_from() -> str | None:
    """Return the page of this site the reader came from, if it can be opened again; None for any other."""
    address = local((request.referrer or "").removeprefix(request.host_url.rstrip("/")))
    return address if address and _opens(urlsplit(address).path) else None


def _opens(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return True
