"""The registrar's day: who is to be admitted, who gets on how far, who graduates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import bulk, counts, graduations, presenting, quotas, worklists
from edu_pilot.services.bulk import Row
from edu_pilot.services.worklists import Listed, Sought
from edu_pilot.web import access
from edu_pilot.web.words import Words
from edu_pilot.web.worklists import kept, lines, named, sought, told
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.reasons import N_, Refused

pages = Blueprint("registry", __name__, url_prefix="/registry")
READERS = ("registrar", "auditor")


@dataclass(frozen=True)
class Queue:
    """Records that wait for one step, and the order they are taken in."""

    title: str
    hint: str
    workflow: str
    state: str
    action: str
    order: tuple[str, ...]


QUEUES: Mapping[str, Queue] = {
    "verify": Queue(
        N_("To be verified"), N_("Registered; the papers are compared and the place is reserved by this step."),
        "application", "registered", "verify", ("queue_number", "reference"),
    ),
    "admit": Queue(
        N_("To be admitted"), N_("Verified; whoever finds no place left goes on the waiting list."),
        "application", "verified", "admit", ("queue_number", "reference"),
    ),
    "waiting": Queue(
        N_("Waiting list"), N_("In the order of registration; the first moves up by itself when a place falls free."),
        "application", "waitlisted", "admit", ("queue_number", "reference"),
    ),
    "confirm": Queue(
        N_("School status to be confirmed"), N_("Admitted; the student number is drawn by this step."),
        "study", "enrolled", "confirm_status", ("intake", "reference"),
    ),
}  # fmt: skip
# What the conditions of completing and graduating are called; any other stands in a column of its own.
CONDITIONS: Mapping[str, str] = {
    "credits_reached": N_("Credits"),
    "modules_reached": N_("Modules"),
    "diploma_date_reached": N_("Minimum time"),
    "face_comparison_not_failed": N_("Photo (face comparison)"),
}


@pages.get("")
@access.roles(*READERS)
def index() -> str:
    """The registry's work of the day, and the places of the year."""
    actor, year = access.actor(), str(clock.today().year)
    with read() as conn:
        tallies = {workflow: counts.by_state(conn, workflow, actor) for workflow in ("application", "study")}
        found = quotas.of_year(conn, year)
        words = Words(presenting.in_force(conn))
    return render_template("registry/index.html", words=words, tallies=tallies, queues=QUEUES, found=found)


# Queues


@pages.get("/queue/<queue>")
@access.roles(*READERS)
def waiting(queue: str) -> str:
    """Show who waits for a step, with what stands against each."""
    return _queue_page(queue)


@pages.post("/queue/<queue>")
@access.roles("registrar")
def take(queue: str) -> Any:
    """Take the step on everybody chosen; tell who was skipped and why."""
    one, chosen = _queue(queue), named()
    if not chosen:
        return _queue_page(queue, nobody=True), 422
    g.again = partial(_queue_page, queue)
    outcome = bulk.act(one.workflow, _in_order(one, chosen), one.action, access.actor())
    with read() as conn:
        words = Words(presenting.in_force(conn))
    back = url_for(".waiting", queue=queue, **_filters_of_form())
    return render_template(
        "worklists/outcome.html", told=told(one.workflow, outcome), words=words, workflow=one.workflow,
        action=one.action, back=back, area=(url_for(".index"), _("Registry")),
    )  # fmt: skip


def _in_order(queue: Queue, chosen: Sequence[str]) -> list[str]:
    """Return the chosen ones as the queue has them: of two for the last place the first in it has it."""
    bulk.require_few(chosen)
    with read() as conn:
        found = worklists.chosen(conn, queue.workflow, access.actor(), chosen)
        # Whoever has no number yet comes after all who have one.
        place = {c.reference: tuple((c.row[name] is None, c.row[name]) for name in queue.order) for c in found}
    return sorted(chosen, key=lambda reference: (reference not in place, place.get(reference, ())))


def _filters_of_form() -> dict[str, Any]:
    return {name: request.args[name] for name in ("county", "intake", "major", "page") if request.args.get(name)}


def _queue(name: str) -> Queue:
    if name not in QUEUES:
        abort(404)
    return QUEUES[name]


def _queue_page(queue: str, refused: Refused | None = None, *, nobody: bool = False) -> str:
    one, wanted, actor = _queue(queue), sought(), access.actor()
    with read() as conn:
        found = worklists.in_state(conn, one.workflow, actor, wanted, one.state, order=one.order)
        offers = bulk.against(conn, found.cases, one.action, actor)
        return render_template(
            "registry/queue.html",
            queue=queue,
            one=one,
            queues=QUEUES,
            words=Words(presenting.in_force(conn)),
            found=found,
            lines=lines(conn, found.cases),
            offers=offers,
            filters=kept(wanted),
            tallies={w: counts.by_state(conn, w, actor) for w in ("application", "study")},
            year=_places(conn, one, wanted, found),
            may_act=may_act(offers, actor.roles),
            refused=refused,
            nobody=nobody,
        )


def may_act(offers: Mapping[str, Offer], roles: frozenset[str]) -> bool:
    """Whether the step is one that the reader's roles may ever take."""
    return any(roles & set(offer.action.by) for offer in offers.values())


def _places(conn: Connection, queue: Queue, wanted: Sought, found: Listed) -> quotas.Year | None:
    """Return the places of the year the list is about: the filter's, else that of its first line."""
    if queue.workflow != "application":
        return None
    intake = wanted.intake or next((case.intake for case in found.cases), "")
    year = f"20{intake[:2]}" if intake else str(clock.today().year)
    return quotas.of_year(conn, year)


# Progress


@pages.get("/progress")
@access.roles(*READERS)
def progress() -> str:
    """Show how many credits every student has, and what is missing in each module."""
    wanted, actor = sought(), access.actor()
    with read() as conn:
        found = worklists.in_state(conn, "study", actor, wanted, "studying", order=("intake", "student_number"))
        return render_template(
            "registry/progress.html",
            words=Words(presenting.in_force(conn)),
            found=found,
            lines=lines(conn, found.cases),
            filters=kept(wanted),
        )


# Graduation


@pages.get("/graduation/<step>")
@access.roles(*READERS)
def graduation(step: str) -> str:
    """Show for every student which conditions of completing and graduating are met."""
    return _graduation_page(step)


@pages.post("/graduation/<step>")
@access.roles("registrar")
def graduate(step: str) -> Any:
    """Complete everybody chosen, or record every diploma typed; faults stand in their cells."""
    if step not in graduations.STEPS:
        abort(404)
    g.again = partial(_graduation_page, step)
    return _complete(step) if step == "complete" else _record_diplomas(step)


def _complete(step: str) -> Any:
    chosen = named()
    if not chosen:
        return _graduation_page(step, nobody=True), 422
    outcome = bulk.act("study", chosen, step, access.actor())
    with read() as conn:
        words = Words(presenting.in_force(conn))
    back = url_for(".graduation", step=step, **_filters_of_form())
    return render_template(
        "worklists/outcome.html", told=told("study", outcome), words=words, workflow="study", action=step,
        back=back, area=(url_for(".index"), _("Registry")),
    )  # fmt: skip


def _record_diplomas(step: str) -> Any:
    """Take the rows that have a number; one day holds for all that name no other."""
    entered = {r: given for r in request.form.getlist("listed") if (given := _diploma_of(r))}
    if not entered:
        return _graduation_page(step, nobody=True), 422
    rows = bulk.enter("study", step, entered, access.actor())
    taken = sum(row.taken for row in rows.values())
    if taken:
        flash(_("%(number)s diplomas are recorded.", number=taken))
    if taken == len(entered):
        return redirect(url_for(".graduation", step=step, **_filters_of_form()), 303)
    return _graduation_page(step, rows=rows), 409


def _diploma_of(reference: str) -> dict[str, str]:
    """Return what a row says of a diploma; nothing where it has no number."""
    form = request.form
    number, day = (form.get(f"{name}-{reference}", "").strip() for name in ("diploma_number", "diploma_on"))
    return {"diploma_number": number, "diploma_on": day or form.get("diploma_on", "").strip()} if number else {}


def _graduation_page(
    step: str, refused: Refused | None = None, *, rows: Mapping[str, Row] | None = None, nobody: bool = False
) -> str:
    if step not in graduations.STEPS:
        abort(404)
    wanted, actor = sought(), access.actor()
    with read() as conn:
        found = graduations.waiting(conn, actor, step, wanted)
        judged = graduations.judged(conn, found.cases, step, actor)
        return render_template(
            "registry/graduation.html",
            step=step,
            steps=graduations.STEPS,
            words=Words(presenting.in_force(conn)),
            found=found,
            students=list(zip(lines(conn, found.cases), judged, strict=True)),
            conditions=CONDITIONS,
            filters=kept(wanted),
            rows=rows or {},
            refused=refused,
            nobody=nobody,
            may_act="registrar" in actor.roles,
        )
