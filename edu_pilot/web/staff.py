"""Accounts as administrators see them: add, give roles, end, and help who lost a password or a phone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import accounts, links, presenting, staffing
from edu_pilot.web import access, sessions
from edu_pilot.web.account import typed
from edu_pilot.web.words import Words
from edu_pilot.workflow.registry import Actor

pages = Blueprint("staff", __name__, url_prefix="/admin/accounts")


def _proved() -> Actor:
    """Return the administrator who proved the identity just now; whatever gives rights asks for it."""
    sessions.require_fresh()
    return access.actor()


@pages.get("")
@access.roles("admin")
def index() -> str:
    """List every account, and the roles that wait for a second administrator."""
    return _page()


def _page(drawn: str | None = None) -> str:
    with read() as conn:
        words = Words(presenting.in_force(conn))
        roles = [name for name in words.compiled.roles if name not in accounts.RESERVED]
        return render_template(
            "account/staff.html",
            words=words,
            accounts=accounts.everyone(conn),
            waiting=staffing.waiting(conn),
            roles=roles,
            counties=words.compiled.policy.table("counties"),
            drawn=drawn,
        )


def _back(message: str) -> Response:
    flash(message)
    return redirect(url_for(".index"), 303)


@pages.post("")
@access.roles("admin")
def add() -> Response:
    """Add an account; its roles wait for another administrator."""
    actor, name = _proved(), typed("name").strip()
    staffing.add(name, _roles(), typed("county") or None, typed("person"), actor)
    return _back(_("Added %(name)s; another administrator confirms the roles.", name=name))


def _roles() -> list[str]:
    return [role[:64] for role in request.form.getlist("roles") if role]


@pages.post("/<name>/grant")
@access.roles("admin")
def grant(name: str) -> Response:
    """Ask for other roles for an account."""
    done = staffing.grant(name, _roles(), typed("county") or None, _proved())
    return _back(_("The roles hold now.") if done else _("Another administrator confirms the roles."))


@pages.post("/<name>/confirm")
@access.roles("admin")
def confirm(name: str) -> Response:
    """Confirm the roles that another administrator asked for."""
    staffing.confirm(name, _proved())
    return _back(_("The roles hold now."))


@pages.post("/<name>/decline")
@access.roles("admin")
def decline(name: str) -> Response:
    """Drop the roles that were asked for."""
    staffing.decline(name, access.actor())
    return _back(_("Dropped"))


@pages.post("/<name>/end")
@access.roles("admin")
def end(name: str) -> Response:
    """End an account at once."""
    staffing.end(name, _proved(), typed("successor").strip() or None)
    return _back(_("%(name)s has ended; what it signed stays.", name=name))


@pages.post("/<name>/factor")
@access.roles("admin")
def reset_factor(name: str) -> Response:
    """Take a lost factor away."""
    staffing.reset_factor(name, _proved())
    return _back(_("At the next sign-in %(name)s enrols a new authenticator.", name=name))


@pages.post("/<name>/revoke")
@access.roles("admin")
def revoke(name: str) -> Response:
    """Sign an account out everywhere."""
    staffing.revoke(name, access.actor())
    return _back(_("Signed out everywhere"))


@pages.post("/<name>/link")
@access.roles("admin")
def link(name: str) -> Any:
    """Draw a link with which the person sets a password, and show it once."""
    purpose = typed("purpose")
    if purpose not in links.PURPOSES:
        abort(400)
    token = staffing.link(name, _proved(), purpose)
    return _page(url_for("account.link", purpose=purpose, token=token))
