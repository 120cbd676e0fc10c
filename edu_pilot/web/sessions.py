"""Who asks: the account or the person whose session the browser's token names."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from edu_pilot.extensions import write
from edu_pilot.services import logins, query_codes
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.logins import Caller, Login, Opened
from edu_pilot.workflow.engine import PROVE
from edu_pilot.workflow.reasons import StepUpNeeded
from edu_pilot.workflow.registry import Actor

# The pages of students, who come in by their query code.
STUDENTS = "/my/"
# The API and the machines' pages know their callers by token or not at all.
WITHOUT_SESSION = ("/api/", "/static/", "/healthz", "/readyz", "/version", "/metrics")


def init_app(app: Flask) -> None:
    """Load who asks before every page."""
    app.before_request(_load_actor)
    app.context_processor(lambda: {"actor": g.get("actor")})


def _load_actor() -> None:
    if request.path.startswith(WITHOUT_SESSION):
        return
    g.pop("again", None)
    g.step_up_fault = False
    token = session.get("token")
    g.login = logins.present(token) if isinstance(token, str) else None
    g.actor = None if g.login is None or g.login.enrolling else g.login.actor
    if request.method == "POST" and "step_up_code" in request.form:
        _step_up()


def _step_up() -> None:
    """Take the code that came along with a form; the form's own view goes on from there."""
    if g.actor is None:
        return
    proved = _student_proved() if g.actor.roles == {STUDENT} else logins.step_up(g.login, request.form["step_up_code"])
    g.step_up_fault = not proved
    if proved:
        g.actor = replace(g.actor, fresh=True)


def _student_proved() -> bool:
    code, tail = request.form["step_up_code"], request.form.get("step_up_tail", "")
    if query_codes.person_of(code, tail, request.remote_addr or "") != g.actor.person_key:
        return False
    with write() as conn:
        logins.note_step_up(conn, g.login.id)
    return True


def require_fresh() -> None:
    """Raise StepUpNeeded unless the identity was proved just now."""
    if not g.actor.fresh:
        raise StepUpNeeded([PROVE])


def login() -> Login:
    """Return the session of this request; without one it is unauthorised."""
    found: Login | None = g.get("login")
    if found is None:
        abort(401)
    return found


def caller() -> Caller:
    """Return where this request came from."""
    return Caller(request.remote_addr or "", request.user_agent.string)


def open_for(opened: Opened) -> None:
    """Hand a new session's token to this browser; nothing of an earlier one but the language stays."""
    end()
    session.permanent = True
    session["token"] = opened.token
    g.login = opened.login
    g.actor = None if opened.login.enrolling else opened.login.actor


def open_for_student(person_key: str) -> Actor:
    """Begin a person's session of half an hour."""
    opened = logins.enter_as_student(person_key, caller())
    open_for(opened)
    return opened.login.actor


def end() -> None:
    """End the session here and on the server; the language stays."""
    lang, ended = session.get("lang"), g.get("login")
    if ended is not None:
        logins.leave(ended)
    session.clear()
    g.login = g.actor = None
    if lang:
        session["lang"] = lang


def ask_to_sign_in() -> Response:
    """Answer a request that needs a session: to the sign-in page and back."""
    if request.path.startswith("/api/"):
        abort(401)
    if g.get("login") is not None:
        return redirect(url_for("account.enrol"))
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    if request.path.startswith(STUDENTS):
        return redirect(url_for("public.status", next=back))
    return redirect(url_for("sign_in.form", next=back))
