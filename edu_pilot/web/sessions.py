"""Who asks: the account that signed in, or a person for half an hour after proving the query code."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from edu_pilot import clock
from edu_pilot.services import accounts, actors
from edu_pilot.workflow.registry import Actor

STUDENT_TIME = timedelta(minutes=30)
# The API and the machines' pages know their callers by token or not at all.
WITHOUT_SESSION = ("/api/", "/static/", "/healthz", "/readyz", "/version", "/metrics")


def init_app(app: Flask) -> None:
    """Load who asks before every page."""
    app.before_request(_load_actor)
    app.context_processor(lambda: {"actor": g.get("actor")})


def _load_actor() -> None:
    if not request.path.startswith(WITHOUT_SESSION):
        g.pop("again", None)
        g.actor = _account() or _student()


def _account() -> Actor | None:
    """Return the account of the session, asked anew each time: one that was closed is out at once."""
    account_id = session.get("account")
    return accounts.by_id(account_id) if account_id else None


def _student() -> Actor | None:
    proved = session.get("student")
    if not proved:
        return None
    if clock.now() >= datetime.fromisoformat(proved["until"]):
        session.pop("student")
        return None
    return actors.student(proved["key"])


def open_for(actor: Actor) -> None:
    """Begin an account's session; nothing of an earlier one but the language stays."""
    end()
    session.permanent = True
    session["account"] = actor.account_id
    g.actor = actor


def open_for_student(person_key: str) -> Actor:
    """Begin a person's session of half an hour."""
    end()
    session["student"] = {"key": person_key, "until": (clock.now() + STUDENT_TIME).isoformat()}
    actor = actors.student(person_key)
    g.actor = actor
    return actor


def end() -> None:
    """End the session; the language stays."""
    lang = session.get("lang")
    session.clear()
    g.actor = None
    if lang:
        session["lang"] = lang


def ask_to_sign_in() -> Response:
    """Answer a request that needs a session: to the sign-in page and back."""
    if request.path.startswith("/api/"):
        abort(401)
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.form", next=back))
