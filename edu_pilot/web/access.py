"""Deny by default: a route without a declared permission stops the application from starting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, request
from werkzeug.wrappers import Response

from edu_pilot.workflow.registry import Actor

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"
SIGNED_IN = "signed_in"
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
    view = current_app.view_functions[request.endpoint]
    permission = permission_of(view)
    if permission == PUBLIC or (permission and actor_or_none() is not None):
        return None
    if permission is None:
        abort(404)
    return sign_in()


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
