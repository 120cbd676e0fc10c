"""Issued papers: a page that names one, and its PDF, for whoever may see the record."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot import i18n
from edu_pilot.extensions import read
from edu_pilot.services import documents, notices, presenting, prints
from edu_pilot.services.actors import STUDENT
from edu_pilot.web import access, files
from edu_pilot.web.words import Words

pages = Blueprint("documents", __name__, url_prefix="/documents")


@pages.get("/<number>.pdf")
@access.signed_in
def pdf(number: str) -> Response:
    """Send the PDF; one that no worker has rendered yet is made now and kept, so that it can be proved."""
    return files.paper(documents.content(number, access.actor()), f"{number}.pdf")


@pages.get("/<number>/english.pdf")
@access.signed_in
def translation(number: str) -> Response:
    """Send the paper in English, as a translation of its number; it is made at once and not kept."""
    return files.paper(documents.translation(number, access.actor()), f"{number}-en.pdf")


@pages.get("/<number>/copy.pdf")
@access.signed_in
def duplicate(number: str) -> Response:
    """Send the paper marked as a duplicate; it is made at once and not kept."""
    return files.paper(documents.duplicate(number, access.actor()), f"{number}-copy.pdf")


@pages.get("/<number>.png")
@access.signed_in
def picture(number: str) -> Response:
    """Send the first page as a picture: WeChat on Android shows no PDF."""
    return files.download(documents.picture(number, access.actor()), "image/png", f"{number}.png", shown=True)


@pages.post("/<number>/take-down")
@access.signed_in
def take_down(number: str) -> Response:
    """Take a published list down; whom it concerns is named line by line, else it is everybody on it."""
    concerned = notices.take_down(
        number, request.form.get("reason", ""), access.actor(), request.form.get("claims", "").split()
    )
    flash(_("Taken down; to be told: %(claims)s", claims=", ".join(concerned)))
    return redirect(url_for(".detail", number=number), 303)


@pages.get("/<number>")
@access.signed_in
def detail(number: str) -> str:
    """Say what a document is, for which record, and whether it still holds."""
    with read() as conn:
        actor = access.actor()
        found, case = documents.seen(conn, number, actor)
        problem = documents.problem(found.row)
        return render_template(
            "records/document.html",
            document=found.row,
            case=case,
            words=Words(presenting.in_force(conn)),
            readable=documents.readable(conn, actor),
            published=found.is_public and bool(actor.roles & set(notices.PUBLISHERS)),
            prints=[] if actor.roles == {STUDENT} else prints.log_of(conn, number),
            reasons=prints.settings(presenting.in_force(conn).policy)["reasons"],
            problem=i18n.translate(problem[0], **problem[1]) if problem else None,
        )
