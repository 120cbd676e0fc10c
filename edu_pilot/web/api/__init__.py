"""The interface for programs: the same services as the pages, in JSON, for holders of a token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask, current_app, g, request
from flask_smorest import Api
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

import edu_pilot
from edu_pilot.services import accounts, idempotency, logins
from edu_pilot.web import access
from edu_pilot.web.api import errors, records, registers, schemas
from edu_pilot.web.api.views import ROOT, api
from edu_pilot.workflow.registry import Actor

__all__ = ["init_app", "records", "registers"]

DESCRIPTION = (
    "Every POST may carry an Idempotency-Key: the same key with the same body gets the stored answer, "
    "for 30 days. Accept-Language chooses zh or en. Checks, payments and changes of an account answer "
    "403 step_up_needed in production until the header EduPilot-OTP brings a code of the second factor."
)


class Interface(Api):
    """The documented blueprint; errors are answered in one shape by `errors`, not by the library."""

    ERROR_SCHEMA = schemas.Error

    def _register_error_handlers(self) -> None:
        pass


def init_app(app: Flask) -> None:
    """Attach the API: its routes, its errors, its document at openapi.json; a second call does nothing."""
    if api.name in app.blueprints:
        return
    bearer = {"type": "http", "scheme": "bearer"}
    interface = Interface(
        app,
        spec_kwargs={
            "title": "edu-pilot",
            "version": edu_pilot.__version__,
            "openapi_version": "3.0.3",
            "info": {"description": DESCRIPTION},
            "components": {"securitySchemes": {"bearer": bearer}},
            "security": [{"bearer": []}],
        },
    )
    interface.register_blueprint(api)
    app.extensions["openapi"] = _document(interface)
    if "csrf" in app.extensions:
        # A bearer token is never sent by a browser on its own.
        app.extensions["csrf"].exempt(api)
    # First of all, so that neither a session nor the sign-in page has a say here.
    app.before_request_funcs.setdefault(None, []).insert(0, identify)


def _document(interface: Interface) -> dict[str, Any]:
    document: dict[str, Any] = interface.spec.to_dict()
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation["responses"].setdefault("default", errors.DOCUMENTED)
    return document


def identify() -> Response | None:
    """Know the caller of an API path by token alone; answer a path or method that does not exist."""
    if not request.path.startswith("/api/"):
        return None
    g.actor = None
    if request.routing_exception is not None:
        return errors.told(request.routing_exception)
    if not request.path.startswith(ROOT) or _permission() == access.PUBLIC:
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    g.actor = accounts.by_token(token.strip()) if scheme.lower() == "bearer" else None
    if g.actor is None:
        raise Unauthorized
    if current_app.config["SETTINGS"].production:
        g.actor = replace(g.actor, fresh=_proved(g.actor))
    return None


def _proved(actor: Actor) -> bool:
    """Whether a right code of the second factor, if the account has one, came with the token."""
    code = request.headers.get(idempotency.PROOF, "")
    return logins.proved(actor, code) if code else not logins.has_factor(actor)


def _permission() -> str | None:
    return access.permission_of(current_app.view_functions[request.endpoint or ""])
