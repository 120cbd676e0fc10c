"""The places of a year: each county's share and what is taken of it; the registrar moves free ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import presenting, quotas
from edu_pilot.web import access
from edu_pilot.web.forms import whole
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import Refused

pages = Blueprint("places", __name__, url_prefix="/registry/places")
READERS = (quotas.MOVER, "auditor", "admin")


@pages.get("")
@access.roles(*READERS)
def newest() -> Any:
    """Go to this year's places, or to the last that are known."""
    with read() as conn:
        known = quotas.years(conn)
    this = str(clock.today().year)
    return redirect(url_for(".of_year", year=this if this in known else known[-1]))


@pages.get("/<year>")
@access.roles(*READERS)
def of_year(year: str, refused: Refused | None = None) -> str:
    """Show a year's places."""
    with read() as conn:
        words, years, found = Words(presenting.in_force(conn)), quotas.years(conn), quotas.of_year(conn, year)
        chosen = quotas.by_major(conn, year) if found else {}
    if found is None:
        abort(404)
    mover = quotas.MOVER in access.actor().roles
    return render_template(
        "registry/places.html", found=found, years=years, words=words, refused=refused, mover=mover, chosen=chosen,
        majors=sorted({major for _county, major, _kind in chosen if major}),
    )  # fmt: skip


@pages.post("/<year>")
@access.roles(quotas.MOVER)
def move(year: str) -> Any:
    """Move free places from one county's share to another's."""
    given = request.form
    places = whole(given.get("places", "")) or 0
    g.again = partial(of_year, year)
    quotas.move(year, given.get("source", ""), given.get("target", ""), places, access.actor())
    flash(_("The places are moved."))
    return redirect(url_for(".of_year", year=year), 303)
