"""Issued papers: a page that names one, and its PDF, for whoever may see the record."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, render_template
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import cases, documents, presenting, search
from edu_pilot.services.cases import NotFound
from edu_pilot.services.documents import Frozen
from edu_pilot.services.vault import vault
from edu_pilot.web import access
from edu_pilot.web.words import Words

pages = Blueprint("documents", __name__, url_prefix="/documents")


def _visible(conn: Connection, number: str) -> tuple[Frozen, Any]:
    """Return a document and its record; NotFound for a missing and for a hidden one alike."""
    found = documents.frozen(conn, number=number)
    records = cases.by_ids(conn, vault(), found.row["workflow"], [found.row["record_id"]])
    if not records:
        raise NotFound(number)
    return found, search.get(conn, found.row["workflow"], records[0].reference, access.actor())


@pages.get("/<number>.pdf")
@access.signed_in
def pdf(number: str) -> Response:
    """Send the PDF; one that no worker has rendered yet is made now and kept, so that it can be proved."""
    with read() as conn:
        _visible(conn, number)
    answer = make_response(documents.render(number))
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = f"inline; filename={number}.pdf"
    # The browser's own reader needs styles of its own; the file itself runs nothing.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
    return answer


@pages.get("/<number>")
@access.signed_in
def detail(number: str) -> str:
    """Say what a document is, for which record, and whether it still holds."""
    with read() as conn:
        found, case = _visible(conn, number)
        words = Words(presenting.in_force(conn))
        return render_template("records/document.html", document=found.row, case=case, words=words)
