"""Specimens: every kind of document with dummy data and a hard name, drawn when asked for, never kept or signed."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template, request
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import glyphs, presenting, specimens
from edu_pilot.web import access, files
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import N_

pages = Blueprint("specimens", __name__, url_prefix="/admin")
FIRST = "completion_certificate"
# What is issued to nobody has no name in the policy.
AT_ONCE = {"slip": N_("Registration slip"), "statistics_report": N_("Statistical report")}


@pages.get("/specimens")
@access.roles("admin")
def index() -> str:
    """Offer every kind and the hard names, and say which characters of them cannot be printed."""
    with read() as conn:
        words = Words(presenting.in_force(conn))
    names = [(hard, glyphs.unprintable({"name": hard.name})) for hard in specimens.hard_names()]
    return render_template(
        "admin/specimens.html", words=words, kinds=specimens.KINDS, at_once=AT_ONCE, first=FIRST, names=names
    )


@pages.get("/specimens.pdf")
@access.roles("admin")
def pdf() -> Response:
    """Draw one specimen; `name` is the place of a hard name in the list, counted from 1."""
    kind, place = request.args.get("kind", FIRST), request.args.get("name", 1, type=int)
    names = specimens.hard_names()
    if kind not in specimens.KINDS or not 1 <= place <= len(names):
        abort(404)
    content = specimens.drawn(kind, names[place - 1].name, current_app.config["SETTINGS"].base_url)
    answer = files.download(content, "application/pdf", f"specimen-{kind}.pdf", shown=True)
    # The browser's own reader needs styles of its own; the file itself runs nothing.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
    return answer
