"""One's own account: where it is signed in, its second factor, its password; and the links that set one."""

from __future__ import annotations

import base64
import io
from typing import Any

import segno
from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot.extensions import read, write
from edu_pilot.services import access_limits, accounts, factor, links, logins, staffing, throttle
from edu_pilot.web import access, sessions

pages = Blueprint("account", __name__)
OTHERS = "others"
FIELD_LIMIT = 300


def typed(name: str) -> str:
    """Return a field of the form, cut to what anyone types."""
    return request.form.get(name, "")[:FIELD_LIMIT]


@pages.get("/account")
@access.staff
def index() -> str:
    """Show the own sessions, the factor and the way to another password."""
    return _page()


def _page(codes: list[str] | None = None, fault: str | None = None) -> str:
    actor = access.actor()
    with read() as conn:
        return render_template(
            "account/index.html",
            sessions=logins.of_account(conn, actor.account_id or ""),
            present=sessions.login().id,
            codes_left=factor.codes_left(conn, actor.account_id or ""),
            least=access_limits.limits(conn).password_min,
            codes=codes,
            fault=fault,
        )


@pages.post("/account/sessions")
@access.staff
def end_sessions() -> Response:
    """End one session of the account, or all but this one."""
    actor, which = access.actor(), typed("session")
    if which == OTHERS:
        logins.end_others(sessions.login())
    else:
        logins.end_one(actor.account_id or "", which)
    flash(_("Signed out there"))
    return redirect(url_for(".index"), 303)


@pages.post("/account/password")
@access.staff
def change_password() -> Any:
    """Set another password for who knows the present one; every other browser is signed out."""
    actor = access.actor()
    counted = throttle.count("password", account=actor.name)
    if accounts.fitting(actor.name, typed("present")) is None:
        return _page(fault=_("The present password is not right.")), 422
    if typed("password") != typed("repeated"):
        return _page(fault=_("The two new passwords differ.")), 422
    with write() as conn:
        counted.give_back(conn)
        accounts.set_password(conn, actor.account_id or "", typed("password"))
        accounts.record(conn, actor, actor.name, "set_password")
        opened = logins.begin_anew(conn, sessions.login(), sessions.caller())
    g.login = None
    sessions.open_for(opened)
    flash(_("The password was changed; all other browsers were signed out."))
    return redirect(url_for(".index"), 303)


@pages.post("/account/recovery")
@access.staff
def new_codes() -> str:
    """Draw new recovery codes and show them once."""
    actor = access.actor()
    sessions.require_fresh()
    with write() as conn:
        codes = factor.new_recovery_codes(conn, actor.account_id or "")
        accounts.record(conn, actor, actor.name, "new_recovery_codes")
    return _page(codes)


@pages.post("/account/factor")
@access.staff
def change_factor() -> Response:
    """Begin to enrol another authenticator; the present one holds until its first code."""
    sessions.require_fresh()
    logins.begin_enrolling(sessions.login())
    return redirect(url_for(".enrol"), 303)


@pages.get("/account/enrol")
@access.public
def enrol() -> Any:
    """Show the new secret as a QR code; only to the session it was drawn for."""
    return _enrolling(fault=False)


@pages.post("/account/enrol")
@access.public
def confirm() -> Any:
    """Take the first code of the new authenticator, and show the recovery codes once."""
    if g.get("login") is None:
        return redirect(url_for("sign_in.form"), 303)
    done = logins.enrol(sessions.login(), typed("code"), sessions.caller())
    if done is None:
        return _enrolling(fault=True), 422
    opened, codes = done
    g.login = None
    sessions.open_for(opened)
    return render_template("account/codes.html", codes=codes)


def _enrolling(*, fault: bool) -> Any:
    login = g.get("login")
    secret = logins.pending_secret(login) if login else None
    if login is None or secret is None:
        return redirect(url_for("home.index"))
    picture = qr_picture(factor.address_of(secret, login.actor.name))
    return render_template("account/enrol.html", secret=secret, picture=picture, name=login.actor.name, fault=fault)


def qr_picture(text: str) -> str:
    """Return a QR code as the address of a picture inside the page."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="svg", scale=5, border=4)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()


@pages.get("/link/<purpose>/<token>")
@access.public
def link(purpose: str, token: str) -> Any:
    """Show the form of a link that can be used; looking uses nothing up."""
    return _link_page(purpose, token)


@pages.post("/link/<purpose>/<token>")
@access.public
def use_link(purpose: str, token: str) -> Any:
    """Set the password of the link's account; the link is worth nothing afterwards."""
    throttle.count("link", address=throttle.network(request.remote_addr or ""))
    if typed("password") != typed("repeated"):
        return _link_page(purpose, token, _("The two new passwords differ.")), 422
    staffing.set_by_link(purpose, token, typed("password"))
    sessions.end()
    flash(_("The password is set; sign in with it."))
    return redirect(url_for("sign_in.form"), 303)


def _link_page(purpose: str, token: str, fault: str | None = None) -> Any:
    with read() as conn:
        if purpose not in links.PURPOSES or not links.holds(conn, purpose, token):
            abort(404)
        least = access_limits.limits(conn).password_min
    return render_template("account/link.html", purpose=purpose, token=token, least=least, fault=fault)
