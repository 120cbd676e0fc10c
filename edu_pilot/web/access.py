"""Deny by default: a route without a declared permission stops the application from starting.

Who may ask a route is declared at its view; docs/access.md lists all of them with a reason, and a test
compares the two. Which records somebody sees behind the door is for the services to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, request
from werkzeug.wrappers import Response

from edu_pilot.services.actors import STUDENT
from edu_pilot.workflow.registry import Actor

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"
SIGNED_IN = "signed_in"
STAFF = "staff"
TOKEN = "token"
FRAMEWORK = frozenset({"static"})


class Undeclared(Exception):
    """Routes that declare no permission."""


def public(view: View) -> View:
    """Anyone may ask this route."""
    return _declared(view, PUBLIC)


def signed_in(view: View) -> View:
    """Anyone with a session may ask this route; the records decide the rest."""
    return _declared(view, SIGNED_IN)


def staff(view: View) -> View:
    """Anyone with an account may ask this route, a student's session may not."""
    return _declared(view, STAFF)


def roles(*names: str) -> Callable[[View], View]:
    """Only an account with one of these roles may ask the route."""
    return lambda view: _declared(view, ", ".join(sorted(names)))


def _declared(view: View, permission: str) -> View:
    view.permission = permission  # type: ignore[attr-defined]
    return view


def permission_of(view: Callable[..., Any]) -> str | None:
    """Return what a view declares, looking through method views."""
    return getattr(view, "permission", None) or getattr(getattr(view, "view_class", None), "permission", None)


def require_declared(app: Flask) -> None:
    """Raise Undeclared naming every route that declares no permission."""
    open_ones = [name for name, view in app.view_functions.items() if name not in FRAMEWORK and not permission_of(view)]
    if open_ones:
        raise Undeclared(", ".join(sorted(open_ones)))


def require_permission(sign_in: Callable[[], Response]) -> Response | None:
    """Stop a request that its route's permission does not cover; `sign_in` answers those without a session."""
    if request.endpoint is None or request.endpoint in FRAMEWORK:
        return None
    permission = permission_of(current_app.view_functions[request.endpoint])
    if permission is None:
        abort(404)
    if permission == PUBLIC:
        return None
    asking = actor_or_none()
    if asking is None:
        return sign_in()
    if not covers(permission, asking):
        abort(403)
    return None


def covers(permission: str, asking: Actor) -> bool:
    """Whether a permission lets somebody pass who is known."""
    if permission in (PUBLIC, SIGNED_IN, TOKEN):
        return True
    if permission == STAFF:
        return asking.roles != {STUDENT}
    return bool(asking.roles & set(permission.split(", ")))


def may_open(endpoint: str, asking: Actor) -> bool:
    """Whether somebody may ask the route of an endpoint."""
    permission = permission_of(current_app.view_functions[endpoint])
    return permission is not None and covers(permission, asking)


Route = tuple[str, str, str]


def table(app: Flask) -> list[Route]:
    """Return every route as (rule, methods, who), as docs/access.md lists them."""
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        who = PUBLIC if rule.endpoint in FRAMEWORK else permission_of(view) or "UNDECLARED"
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found.append((rule.rule, " ".join(sorted(methods)), who))
    return sorted(found)


def actor_or_none() -> Actor | None:
    """Return who asks, or None."""
    found: Actor | None = g.get("actor")
    return found


def actor() -> Actor:
    """Return who asks; only for routes that need a session or a token."""
    found = actor_or_none()
    if found is None:
        abort(401)
    return found
