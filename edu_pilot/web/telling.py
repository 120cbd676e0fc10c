"""What staff told a person: noted with the record, so that nobody is told twice and nobody is forgotten."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot.services import telling
from edu_pilot.web import access
from edu_pilot.web.records import detail_page

pages = Blueprint("telling", __name__)
LIMIT = 64


@pages.post("/records/<workflow>/<reference>/told")
@access.staff
def note(workflow: str, reference: str) -> Response:
    """Note that the person was told one of the texts, and how."""
    key, channel = (request.form.get(name, "")[:LIMIT] for name in ("message", "channel"))
    g.again = partial(detail_page, workflow, reference, None)
    telling.note_told(workflow, reference, key, channel, access.actor())
    flash(_("Noted: the person was told"))
    return redirect(url_for("records.detail", workflow=workflow, reference=reference, _anchor="telling"), 303)
