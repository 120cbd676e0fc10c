"""Staff sign in and out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from edu_pilot.extensions import read
from edu_pilot.services import accounts, factor, logins, presenting
from edu_pilot.web import sessions
from edu_pilot.web.access import public, signed_in
from edu_pilot.web.words import Words

pages = Blueprint("sign_in", __name__)
LONGEST_ENTRY = 300


class SignIn(FlaskForm):
    """User name, password and second factor; the way back is a page of this site or nothing."""

    username = StringField(validators=[InputRequired()])
    password = PasswordField(validators=[InputRequired()])
    code = StringField()
    next = HiddenField()


@pages.get("/login")
@public
def form() -> str:
    """Show the sign-in form."""
    return _page(SignIn(next=request.args.get("next", "")))


@pages.post("/login")
@public
def enter() -> Any:
    """Begin a session, or say that what was entered does not fit, never which of it."""
    given = SignIn()
    if not given.validate():
        return _page(given, _("Enter user name and password.")), 422
    name, password, code = (
        (field.data or "")[:LONGEST_ENTRY] for field in (given.username, given.password, given.code)
    )
    opened = logins.enter(name, password, code, sessions.caller())
    if opened is None:
        return _page(given, _("User name, password or code is not right.")), 401
    sessions.open_for(opened)
    if opened.login.enrolling:
        return redirect(url_for("account.enrol"), 303)
    return redirect(local(given.next.data) or url_for("home.index"), 303)


@pages.post("/logout")
@public
def leave() -> Response:
    """End the session."""
    sessions.end()
    return redirect(url_for("home.index"), 303)


@pages.post("/prove")
@signed_in
def prove() -> Response:
    """Go on to a form whose step asks for an identity proved just now; the code came along and was taken already."""
    sessions.require_fresh()
    return redirect(local(request.form.get("next")) or url_for("home.index"), 303)


def local(address: str | None) -> str | None:
    """Return an address if it is a path of this site, else None."""
    address = address or ""
    parts = urlsplit(address)
    own = address.startswith("/") and not address.startswith("//") and not parts.netloc
    return address if own and "\\" not in address and address.isprintable() else None


def _page(given: SignIn, fault: str | None = None) -> str:
    samples, words = _samples()
    secrets = {row["name"]: factor.secret_of(row) for row in samples}
    codes = {name: factor.present_code(secret) for name, secret in secrets.items() if secret}
    return render_template("public/sign_in.html", form=given, fault=fault, samples=samples, codes=codes, words=words)


def _samples() -> tuple[list[Any], Words | None]:
    """Return the demonstration's accounts, where there may be any."""
    if current_app.config["SETTINGS"].production:
        return [], None
    with read() as conn:
        samples = accounts.samples(conn)
        return samples, Words(presenting.in_force(conn)) if samples else None
