"""What a page says when it cannot do what was asked: plainly, in both languages, without a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, g, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException, InternalServerError

from edu_pilot import clock, faults
from edu_pilot.extensions import read
from edu_pilot.services import accounts, presenting
from edu_pilot.services.cases import NotFound
from edu_pilot.services.readiness import UNAVAILABLE
from edu_pilot.services.rendering import RenderingRefused
from edu_pilot.services.rosters import Unusable
from edu_pilot.services.standing import LetGo
from edu_pilot.services.throttle import TooMany
from edu_pilot.web import navigation
from edu_pilot.web.words import Words
from edu_pilot.workflow.reasons import N_, Forbidden, Malformed, Refused, StepUpNeeded

log = structlog.get_logger()
# What the page that asks for a code adds to a form; the token is written anew.
NOT_CARRIED = frozenset({"csrf_token", "step_up_code", "step_up_tail"})
Answer = tuple[str, int] | tuple[str, int, dict[str, str]]
# The first that fits; every other refusal is a conflict with the record as it stands.
STATUS: tuple[tuple[type[Refused], int], ...] = (
    (Malformed, 422), (Unusable, 422), (Forbidden, 403), (StepUpNeeded, 403),
)  # fmt: skip
TEXTS = {
    400: (N_("The request was not understood"), N_("Go back, look over what you entered, and send it again.")),
    401: (N_("Please sign in"), N_("This page needs a session; it may have ended.")),
    403: (N_("Not your task"), N_("Your account may not do this. If it should, ask the administrator.")),
    404: (N_("Not found"), N_("There is nothing here that you may see. Look over the address or the number.")),
    405: (N_("Not possible this way"), N_("Go back to the record and use its buttons.")),
    413: (N_("Too large"), N_("What you sent is too large. A file may have at most 10 MB, a form 25 MB.")),
    409: (N_("Not possible as it stands"), N_("The record has moved on. Open it again and see what it needs.")),
    422: (N_("Not complete"), N_("Look over what you entered.")),
    429: (N_("Too many attempts"), N_("To keep others from guessing, this is shut for a while.")),
    500: (N_("Something went wrong"), N_("Nothing was changed. Try again, or tell the administrator when it was.")),
    503: (N_("Not available now"), N_("The system is starting or under repair. Try again in some minutes.")),
}  # fmt: skip
NOT_DRAWN = (
    N_("This paper cannot be drawn yet"),
    N_("It is issued and nothing is lost; it is drawn by itself once what is named here is mended. Tell the office."),
)
# What one can do next, under each page.
WAYS: dict[int, tuple[str, ...]] = {
    400: (N_("If you came from a form, go back in your browser: what you typed is usually still there."),),
    401: (N_("Sign in again; a form you were filling in stays open in its own tab."),),
    403: (
        N_("The menu above shows what your account is for."),
        N_("Which roles an account has is decided by two administrators."),
    ),
    404: (
        N_("Look over the number: a record begins with a letter, such as A2209-000123."),
        N_("What you may not see is told in the same words as what is not there."),
    ),
    409: (N_("Use the menu to open the record again."),),
    413: (
        N_("Take the picture again with a lower resolution, or save the PDF smaller."),
        N_("Send long lists in parts."),
    ),
    429: (N_("Wait for the time named, then try once more with the right numbers."),),
    500: (N_("Note the time and what you did; the administrator finds it in the log by the time."),),
    503: (N_("Nothing was lost: what was confirmed before is kept."),),
}


def init_app(app: Flask) -> None:
    """Attach one handler for each kind of answer; the API's own answer its paths."""
    handlers: tuple[tuple[type[Exception], Callable[[Any], Answer]], ...] = (
        (StepUpNeeded, _unproved),
        (Refused, _refused),
        (TooMany, _too_many),
        (accounts.Busy, lambda _error: page(503)),
        (NotFound, lambda _error: page(404)),
        (LetGo, _let_go),
        (RenderingRefused, _not_rendered),
        *((kind, _unavailable) for kind in UNAVAILABLE),
        (DataError, lambda _error: page(400)),
        (CSRFError, _expired),
        (HTTPException, _http),
    )
    for kind, handler in handlers:
        app.register_error_handler(kind, handler)


def page(status: int, detail: str = "", said: tuple[str, str] | None = None) -> Answer:
    """Return the page of a status, or with a title and text of its own; the same one whoever asks for whatever."""
    title, text = said or TEXTS.get(status, TEXTS[400 if status < 500 else 500])
    ways = [] if said else [_(way) for way in WAYS.get(status, ())]
    at = clock.now() if status >= 500 else None
    told = {"title": _(title), "text": _(text), "detail": detail, "ways": ways, "at": at, "status": status}
    return render_template("public/error.html", **told), status


def _http(error: HTTPException) -> Any:
    # Redirects of the router are exceptions too, and no errors.
    if error.response is not None or (error.code or 500) < 400:
        return error
    status = error.code or 500
    if isinstance(error, InternalServerError):
        g.actor = None  # the page must not depend on what just failed
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return *page(status), headers


def _unavailable(error: Exception) -> Answer:
    g.actor = None  # the page must not ask what just failed
    g.pop("again", None)
    faults.note(error)
    log.error("the installation failed a request", route=str(request.url_rule), fault=type(error).__name__)
    return page(503)


def _let_go(_error: LetGo) -> Answer:
    g.actor = None  # whoever asked is nobody any more
    return page(401)


def _expired(_error: CSRFError) -> Answer:
    return page(400, _("The form was open for too long or came from elsewhere. Open it again and send it once more."))


def _too_many(error: TooMany) -> Any:
    minutes = -(-error.seconds // 60)
    return *page(429, _("Try again in %(minutes)s minutes.", minutes=minutes)), {"Retry-After": str(error.seconds)}


def _unproved(_refused: StepUpNeeded) -> Answer:
    """Ask who sits there, and carry the entries along: with the code sent beside them the step is taken."""
    carried = [(n, v) for n, v in request.form.items(multi=True) if n not in NOT_CARRIED]
    return render_template("public/step_up.html", carried=carried, fault=g.get("step_up_fault", False)), 403


def _not_rendered(error: RenderingRefused) -> Answer:
    return page(503, _(error.text, **error.facts), NOT_DRAWN)


def status_of(refused: Refused) -> int:
    """Return the status a refusal is answered with."""
    if any(reason.code == "file_too_large" for reason in refused.reasons):
        return 413
    return next((status for kind, status in STATUS if isinstance(refused, kind)), 409)


def _refused(refused: Refused) -> Answer:
    """Show the page the step was tried on again, with all the reasons; else a page of them alone."""
    if again := g.pop("again", None):
        return again(refused), status_of(refused)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    back = navigation.came_from()
    return render_template("public/refused.html", reasons=refused.reasons, words=words, back=back), status_of(refused)
