"""The bank file of an exported batch, for who releases the money; whether all the money is accounted for."""

from __future__ import annotations

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import payments, presenting, reconciliation
from edu_pilot.web import access, files
from edu_pilot.web.words import Words

pages = Blueprint("payments", __name__, url_prefix="/payments")


@pages.get("/<reference>/bank-file")
@access.signed_in
def bank_file(reference: str) -> Response:
    """Send the file as a download; it holds account numbers in clear, so only the releaser gets it."""
    content = payments.bank_file(reference, access.actor())
    return files.download(content, "text/csv; charset=gb18030", f"{reference}.csv")


NEWEST = 20


@pages.get("/reconciliation")
@access.roles("finance_maker", "finance_releaser", "auditor")
def reconcile() -> str:
    """Show what was approved, what is open, paid and given back, and every difference, for the whole city."""
    with read() as conn:
        found = reconciliation.reconcile(conn)
        words = Words(presenting.in_force(conn))
    return render_template(
        "payments/reconciliation.html", found=found, words=words, texts=reconciliation.TEXTS, newest=NEWEST
    )
