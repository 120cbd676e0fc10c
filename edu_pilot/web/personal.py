"""Personal values in full, who looked at them, and a person's own copy of everything."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import look_ups, own_data, presenting, search
from edu_pilot.services.actors import STUDENT
from edu_pilot.web import access
from edu_pilot.web.home import to_found
from edu_pilot.web.records import detail_page
from edu_pilot.web.words import Words

pages = Blueprint("personal", __name__)
FILTERS = ("q", "state", "county", "intake")


@pages.post("/records/<workflow>/<reference>/look-ups")
@access.staff
def reveal(workflow: str, reference: str) -> str:
    """Show one value in full on its record's page; neither an address nor the session ever holds it."""
    name, reason = (request.form.get(field, "")[:64] for field in ("field", "reason"))
    value = look_ups.reveal(workflow, reference, name, reason, access.actor())
    return detail_page(workflow, reference, revealed={name: value})


@pages.get("/look-ups")
@access.roles("auditor")
def index() -> str:
    """Show the auditor who looked at what, and whom to ask why."""
    with read() as conn:
        words = Words(presenting.in_force(conn))
        days, newest = look_ups.days(conn), look_ups.newest(conn, request.args.get("actor"), limit=200)
        return render_template("dashboard/look_ups.html", words=words, days=days, newest=newest)


@pages.post("/records/<workflow>/find")
@access.staff
def find(workflow: str) -> Any:
    """Lead to a list; an ID number or phone typed here by mistake is searched without standing in an address."""
    asked: dict[str, Any] = {name: text for name in FILTERS if (text := request.form.get(name, "").strip())}
    number = search.person_number(asked.get("q", ""))
    if number is None:
        return redirect(url_for("records.index", workflow=workflow, **asked), 303)
    return to_found(search.Asked(*number))


@pages.post("/status/copy")
@access.roles(STUDENT)
def copy() -> Response:
    """Hand a person the copy of everything kept of them."""
    actor = access.actor()
    with read() as conn:
        reference = own_data.reference_of(conn, actor.person_key or "")
    answer = make_response(own_data.export(reference, actor))
    answer.content_type = "application/zip"
    answer.headers["Content-Disposition"] = f"attachment; filename={reference}.zip"
    return answer
