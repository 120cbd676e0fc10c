"""What every endpoint shares: the blueprint, how requests are read, answers written and repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import marshmallow as ma
from flask import Response, make_response, request
from flask.views import MethodView
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from werkzeug.wrappers import Response as AnyResponse

from edu_pilot.services import idempotency
from edu_pilot.services.idempotency import Answer, Deed, Once
from edu_pilot.web import access
from edu_pilot.web.api import errors
from edu_pilot.workflow.reasons import N_, Malformed, Reason, blocked

ROOT = "/api/v1"
KEY, KEY_LIMIT = "Idempotency-Key", 255
KEPT_HEADERS = ("Location", "Retry-After", idempotency.PROOF)
# Beyond this a number is not the same in every program that reads it.
INTEGER_LIMIT = 2**53
FAULTS = {
    "missing": ("field_missing", N_("%(field)s is missing.")),
    "unknown": ("field_unknown", N_("%(field)s is not asked here.")),
    "malformed": ("field_malformed", N_("%(field)s is not in the form described in the API's document.")),
}


def malformed(kind: str, field: str) -> Reason:
    """Return the reason for a field that is missing, unknown or malformed."""
    code, text = FAULTS[kind]
    return Reason(code, text, {"field": field[:64]}, (), field[:64])


class Parser(FlaskParser):
    """Reads requests strictly: unknown fields are refused, and nothing passes that cannot be stored."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"query": ma.RAISE, "json": ma.RAISE}

    def load_json(self, req: Any, schema: ma.Schema) -> Any:
        """Read the body as an object."""
        return json_body()

    def load_querystring(self, req: Any, schema: ma.Schema) -> Any:
        """Read the query; a NUL can be stored nowhere."""
        if bad := [name for name, value in req.args.items(multi=True) if "\x00" in name + value]:
            raise Malformed([malformed("malformed", name) for name in bad])
        return super().load_querystring(req, schema)

    def handle_error(self, error: ma.ValidationError, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Tell every faulty field."""
        found = next(iter(error.normalized_messages().values()))
        raise Malformed([malformed(_kind(texts), str(field)) for field, texts in found.items()])


def _kind(texts: Any) -> str:
    text = str(texts[0]) if isinstance(texts, list) else ""
    return "missing" if text.startswith("Missing") else "unknown" if text.startswith("Unknown") else "malformed"


def json_body() -> dict[str, Any]:
    """Return the body, which must be a JSON object in UTF-8; raise Malformed for anything else."""
    try:
        body = json.loads(request.get_data().decode("utf-8"), parse_constant=_no_number, parse_int=_whole)
        # Half a character pair can be read, but never written again.
        text = json.dumps(body, ensure_ascii=False)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        raise _not_json() from None
    if not isinstance(body, dict) or "\\u0000" in text:
        raise _not_json()
    return body


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _whole(text: str) -> int:
    number = int(text) if len(text) < 20 else INTEGER_LIMIT
    if abs(number) >= INTEGER_LIMIT:
        raise ValueError("number too large")
    return number


def _not_json() -> Malformed:
    return Malformed([blocked(N_("The body must be one JSON object in UTF-8."), code="body_malformed", field="body")])


class Documented(Blueprint):
    """The blueprint, with our reader."""

    ARGUMENTS_PARSER = Parser()


api = Documented("api", __name__, url_prefix=ROOT)
api.register_error_handler(Exception, errors.told)
api.after_request(errors.guarded)


def reply(data: Any, status: int = 200, **headers: str) -> Response:
    """Return data as JSON in UTF-8."""
    return errors.as_response(data, status, headers)


class View(MethodView):
    """An endpoint for holders of a token; its POST is carried out once per Idempotency-Key."""

    permission = access.TOKEN
    # Work in several commits is taken up again where it broke off.
    resumable = False
    # What it answers when all goes well is kept nowhere.
    secret = False

    def dispatch_request(self, **kwargs: Any) -> Any:
        """Answer the request, or what its first sending was answered."""
        if request.method != "POST" or KEY not in request.headers or access.actor_or_none() is None:
            return super().dispatch_request(**kwargs)
        asked = Once(access.actor().name, _key(), _body_hash())
        recount = None if self.resumable else self._recounted
        carried = idempotency.carry_out(asked, lambda: self._answered(kwargs), recount)
        return _as_sent(carried)

    def _answered(self, kwargs: Mapping[str, Any]) -> Answer:
        answer = _answer(lambda: self._performed(kwargs))
        return replace(answer, secret=self.secret and answer.status < 400)

    def _performed(self, kwargs: Mapping[str, Any]) -> Any:
        return super().dispatch_request(**kwargs)

    def _recounted(self, deed: Deed) -> Answer:
        return _answer(lambda: self.recount(deed))

    def recount(self, deed: Deed) -> Response:
        """Tell from the present record what a request did whose answer was lost; each view that writes says how."""
        raise NotImplementedError


def _answer(view: Callable[[], Any]) -> Answer:
    """Carry out a view and return its answer, a refusal's too."""
    response: AnyResponse
    try:
        response = make_response(view())
    except idempotency.AlreadyClaimed:
        raise
    except Exception as error:  # the one handler of errors decides what each becomes
        response = errors.told(error)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return Answer(response.status_code, response.get_data(as_text=True), headers)


def _as_sent(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, mimetype="application/json")
    response.headers.update(answer.headers)
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _key() -> str:
    key = request.headers[KEY].strip()
    if not key or len(key) > KEY_LIMIT or not key.isprintable():
        raise Malformed([malformed("malformed", KEY)])
    return key


def _body_hash() -> str:
    """Return what tells one request from another: address, and body whatever its spelling."""
    digest = hashlib.sha256(f"{request.path}?{request.query_string!r}".encode())
    for part in _form_parts() if request.mimetype == "multipart/form-data" else [_spelt_alike()]:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _spelt_alike() -> bytes:
    body = request.get_data()
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body


def _form_parts() -> list[bytes]:
    """Return a form's values and files; the boundary between them differs from sending to sending."""
    parts = [f"{name}={value}".encode() for name, value in sorted(request.form.items(multi=True))]
    for name, file in sorted(request.files.items(multi=True), key=lambda item: item[0]):
        parts += [f"{name}:{file.filename}".encode(), file.read()]
        file.seek(0)
    return parts


def says(status: int, schema: Any) -> Callable[[Any], Any]:
    """Document what a view answers; the view itself writes it."""
    if isinstance(schema, str):
        binary = {"type": "string", "format": "binary"}
        return api.alt_response(status, schema=binary, content_type=schema, success=True)
    return api.alt_response(status, schema=schema, success=True)


__all__ = ["ROOT", "View", "api", "json_body", "malformed", "reply", "says"]
