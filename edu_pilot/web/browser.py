"""What every answer tells the browser: where scripts may come from, what to keep, how cookies travel."""

from __future__ import annotations

from flask import Flask, abort, current_app, request
from werkzeug.wrappers import Response

from edu_pilot.config import Settings

# Bootstrap's own arrows and ticks are data: pictures inside its style sheet.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HALF_A_YEAR = 15_768_000


def init_app(app: Flask) -> None:
    """Set the cookie's rules and add the headers to every answer."""
    https = _https(app.config["SETTINGS"])
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if https else "session",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=12 * 3600,
    )
    app.before_request(_refuse_raw_bytes)
    app.before_request(_refuse_nul)
    app.after_request(_add_headers)


def _refuse_raw_bytes() -> None:
    """A query is UTF-8, its other bytes escaped; a program that sends them raw is told so."""
    try:
        request.query_string.decode("utf-8")
    except UnicodeDecodeError:
        abort(400)


def _refuse_nul() -> None:
    """No database keeps a NUL as text: an address with one leads nowhere, an entry with one is no entry."""
    if "\x00" in request.path:
        abort(404)
    # The interface for programs reads its own queries and bodies, and names the field.
    if request.path.startswith("/api/"):
        return
    sent = (pair for part in (request.args, request.form) for pair in part.items(multi=True))
    if any("\x00" in name + value for name, value in sent):
        abort(400)


def _https(settings: Settings) -> bool:
    return settings.base_url.startswith("https://")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        # Pages name people: neither the browser nor a machine between may keep them.
        response.headers["Cache-Control"] = "no-store"
    if _https(current_app.config["SETTINGS"]):
        response.headers["Strict-Transport-Security"] = f"max-age={HALF_A_YEAR}"
    return response
