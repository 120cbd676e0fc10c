"""What anyone may ask: where does my case stand, is this paper genuine."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import offline, presenting, query_codes, revocations, throttle, verification
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.documents import ungrouped
from edu_pilot.services.verification import Verified
from edu_pilot.web import files, sessions
from edu_pilot.web.access import public
from edu_pilot.web.sign_in import local
from edu_pilot.web.student import standing_page
from edu_pilot.web.words import Words
from edu_pilot.workflow.registry import Actor

pages = Blueprint("public", __name__)
CODE_LIMIT, BACK_LIMIT = 64, 200
OFFLINE_NAME, LIST_NAME = "edu-pilot-verifier.html", "edu-pilot-revocations.json"


@pages.get("/status")
@public
def status() -> str:
    """Ask for the query code, or show the standing to whom it was proved already."""
    actor: Actor | None = g.actor
    if actor is None or actor.roles != {STUDENT}:
        return _ask()
    with read() as conn:
        return standing_page(conn, actor)


@pages.post("/status")
@public
def ask_status() -> Any:
    """Open a person's session and lead to where their cases stand; every miss is the same answer."""
    code, tail = (request.form.get(name, "")[:CODE_LIMIT] for name in ("code", "id_tail"))
    person = query_codes.person_of(code, tail, request.remote_addr or "")
    if person is None:
        return _ask(missed=code), 404
    sessions.open_for_student(person)
    # Never shown here: whoever comes back to the answer of a form is asked by the browser to send it anew.
    return redirect(_back() or url_for(".status"), 303)


def _ask(missed: str | None = None) -> str:
    """Return the question for the code; after a miss with what was typed, whichever of the two was wrong."""
    with read() as conn:
        version = presenting.in_force(conn)
    return render_template(
        "public/status.html", missed=missed, back=_back(), points=version.policy.table("points"), words=Words(version)
    )


def _back() -> str | None:
    """Return the student's page that somebody came from whose half hour was over."""
    back = local(request.values.get("next", "")[:BACK_LIMIT])
    return back if back and back.startswith(sessions.STUDENTS) else None


@pages.get("/verify")
@public
def verify() -> str:
    """Ask for a file or a code."""
    return _question()


def _question(*, missing: bool = False) -> str:
    return render_template("public/verify.html", found=None, missing=missing, examples=_examples())


def _examples() -> dict[str, str]:
    """Return codes to try, where everybody is fictional."""
    return {} if current_app.config["SETTINGS"].production else verification.examples()


@pages.post("/verify")
@public
def check() -> Any:
    """Check a file against its seal, or lead to the page of a code."""
    throttle.count("verify", address=throttle.network(request.remote_addr or ""))
    sent = files.uploaded()
    if sent is not None and sent[1]:
        return _told(verification.by_file(sent[0]), by_file=True)
    code = ungrouped(request.form.get("code", "")[:CODE_LIMIT])
    if code:
        return redirect(url_for(".by_code", code=code), 303)
    return _question(missing=True), 422


@pages.get("/verify/offline")
@public
def offline_page() -> Response:
    """Send the page that verifies papers without us; whoever opened it here can keep it as it is."""
    answer = files.download(offline.page().encode(), "text/html; charset=utf-8", OFFLINE_NAME, shown=True)
    answer.headers["Content-Security-Policy"] = f"{offline.policy()}; frame-ancestors 'none'"
    return answer


@pages.get("/verify/revocations")
@public
def revoked_papers() -> Response:
    """Send the signed list of papers that hold no longer, as of now."""
    with read() as conn:
        text = revocations.signed(conn)
    return files.download(text.encode(), "application/json", LIST_NAME)


@pages.get("/v/<code>")
@public
def by_code(code: str) -> Any:
    """Show what the paper with a code says, for comparing with the paper itself."""
    found = verification.by_code(code[:CODE_LIMIT])
    return _told(found), 404 if found.result == "unknown" else 200


def _told(found: Verified, *, by_file: bool = False) -> str:
    revoked = found.result == "revoked" and found.number
    with read() as conn:
        words = Words(presenting.in_force(conn))
    return render_template(
        "public/verify.html",
        found=found,
        by_file=by_file,
        replaced_on=verification.replaced_on(found.number) if revoked and found.number else None,
        examples={} if found.result != "unknown" else _examples(),
        words=words,
    )
