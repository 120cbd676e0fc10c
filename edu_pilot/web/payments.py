"""The bank file of an exported batch, for who releases the money."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from edu_pilot.services import payments
from edu_pilot.web import access, files

pages = Blueprint("payments", __name__, url_prefix="/payments")


@pages.get("/<reference>/bank-file")
@access.signed_in
def bank_file(reference: str) -> Response:
    """Send the file as a download; it holds account numbers in clear, so only the releaser gets it."""
    content = payments.bank_file(reference, access.actor())
    return files.download(content, "text/csv; charset=gb18030", f"{reference}.csv")
