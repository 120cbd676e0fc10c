"""One shape for everything that goes wrong, and one place that decides the status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from flask import Response, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from edu_pilot import faults, i18n
from edu_pilot.extensions import read
from edu_pilot.services import accounts, idempotency, presenting
from edu_pilot.services.cases import NotFound
from edu_pilot.services.readiness import UNAVAILABLE
from edu_pilot.services.rendering import RenderingRefused
from edu_pilot.services.rosters import Unusable
from edu_pilot.services.standing import LetGo
from edu_pilot.services.throttle import TooMany
from edu_pilot.workflow.reasons import N_, Forbidden, Malformed, Reason, Refused, StepUpNeeded

log = structlog.get_logger()
RETRY_SECONDS = {"in_progress": "2", "unavailable": "5", "not_rendered": "60", "too_many_requests": "60"}
MESSAGES = {
    "malformed": N_("The request is not in the form described; the reasons say where."),
    "unauthorized": N_("A valid bearer token is needed."),
    "forbidden": N_("This is never a step of your roles."),
    "not_found": N_("There is nothing here, or nothing that you may see."),
    "method_not_allowed": N_("This address does not take this method."),
    "refused": N_("This step is not possible now; the reasons say why and who can help."),
    "step_up_needed": N_("This step needs a code of the second factor, in the header EduPilot-OTP."),
    "stale": N_("The record has changed since you read it; read it again."),
    "idempotency_mismatch": N_("This Idempotency-Key was used before with another request."),
    "in_progress": N_("The request with this Idempotency-Key is being carried out; ask again shortly."),
    "too_large": N_("This is larger than is taken: 10 MB a file, 25 MB a request."),
    "too_many_requests": N_("Too many requests; wait and try again."),
    "not_rendered": N_("The document cannot be made into a PDF at present."),
    "unavailable": N_("Not available at the moment; try again, with the same Idempotency-Key if there was one."),
    "internal": N_("Something went wrong here; it has been noted."),
    "unusable": N_("The file cannot be taken as a roster; the reasons say why."),
}
BY_STATUS = {
    400: "malformed", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    408: "malformed", 413: "too_large", 415: "malformed", 422: "malformed", 429: "too_many_requests",
    503: "unavailable",
}  # fmt: skip
DOCUMENTED = {
    "description": "A refusal or a fault, always in this shape",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def as_response(data: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return data as JSON in UTF-8."""
    response = Response(json.dumps(data, ensure_ascii=False), status, mimetype="application/json")
    response.headers.update(headers or {})
    return guarded(response)


def guarded(response: AnyResponse) -> Any:
    """Mark an answer as one caller's own, in the language asked for."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept-Language, Authorization"
    return response


def told(error: Exception) -> AnyResponse:
    """Return the answer to anything raised; a missing and a hidden thing get the same one."""
    for kind, answer in _ANSWERS:
        if isinstance(error, kind):
            return answer(error)
    log.error("request failed", method=request.method, route=str(request.url_rule), exc_info=error)
    return shaped(500, "internal")


def shaped(
    status: int, code: str, reasons: Iterable[Reason] = (), message: str = "", more: Mapping[str, str] | None = None
) -> Response:
    """Return the one shape of an error."""
    text = i18n.translate(message or MESSAGES[code])
    headers = ({"Retry-After": RETRY_SECONDS[code]} if code in RETRY_SECONDS else {}) | dict(more or {})
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return as_response({"error": code, "message": text, "reasons": _reasons(reasons)}, status, headers)


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    reasons = tuple(reasons)
    if not reasons:
        return []
    with read() as conn:
        version = presenting.in_force(conn)
    return [presenting.reason_json(reason, version) for reason in reasons]


def _malformed(error: Malformed) -> Response:
    if any(reason.code == "file_too_large" for reason in error.reasons):
        return shaped(413, "too_large", error.reasons)
    return shaped(422, "malformed", error.reasons)


def _unproved(error: StepUpNeeded) -> Response:
    return shaped(403, error.code, error.reasons, more={idempotency.PROOF: "required"})


def _unusable(error: Unusable) -> Response:
    return shaped(422, error.code, error.reasons, MESSAGES["unusable"])


def _unavailable(error: Exception) -> Response:
    faults.note(error)
    log.error("the installation failed a request", route=str(request.url_rule), fault=type(error).__name__)
    return shaped(503, "unavailable")


def _http(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    # Redirects of the router are exceptions too, and no errors.
    if error.response is not None or status < 400:
        return error.get_response()
    status = {400: 422, 408: 422, 415: 422}.get(status, status)
    response = shaped(status, BY_STATUS.get(status, "malformed" if status < 500 else "internal"))
    response.headers.update({name: value for name, value in error.get_headers() if name == "Allow"})
    return response


_ANSWERS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], AnyResponse]], ...] = (
    (Malformed, _malformed),
    (StepUpNeeded, _unproved),
    (TooMany, lambda error: shaped(429, "too_many_requests", more={"Retry-After": str(error.seconds)})),
    (accounts.Busy, lambda _error: shaped(503, "unavailable")),
    (Unusable, _unusable),
    (Forbidden, lambda error: shaped(403, "forbidden", error.reasons)),
    (Refused, lambda error: shaped(409, error.code, error.reasons)),
    (NotFound, lambda _error: shaped(404, "not_found")),
    (LetGo, lambda _error: shaped(401, "unauthorized")),
    (idempotency.Mismatch, lambda _error: shaped(409, "idempotency_mismatch")),
    (idempotency.InProgress, lambda _error: shaped(409, "in_progress")),
    (HTTPException, _http),
    (RenderingRefused, lambda _error: shaped(503, "not_rendered")),
    (DataError, lambda _error: shaped(422, "malformed")),
    (UNAVAILABLE, _unavailable),
)
