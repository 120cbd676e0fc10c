"""What machines ask of the machine: is it alive, is it ready, which version, how much work."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from werkzeug.wrappers import Response as AnyResponse

import edu_pilot
from edu_pilot.services import readiness
from edu_pilot.web.access import public

health = Blueprint("health", __name__)


class Metrics:
    """The figures of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("edu_pilot_requests", "Answered requests", labels, registry=self.registry)
        self.waiting = Gauge("edu_pilot_outbox_waiting", "Follow-ups that wait", registry=self.registry)


def init_app(app: Flask) -> None:
    """Attach the health routes; a second call does nothing."""
    if health.name in app.blueprints:
        return
    app.extensions["metrics"] = Metrics()
    app.register_blueprint(health)
    app.after_request(_count)


def _count(response: AnyResponse) -> AnyResponse:
    # The template of the route, never the address: that may hold a reference.
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.url_rule else "any"
    metrics: Metrics = current_app.extensions["metrics"]
    metrics.requests.labels(method, route, response.status_code).inc()
    return response


@health.get("/healthz")
@public
def alive() -> Response:
    """Say that the process answers."""
    return jsonify({"ok": True})


@health.get("/readyz")
@public
def ready() -> tuple[Response, int]:
    """Say whether requests can be served, check by check; 503 if one has failed."""
    checks = readiness.checks()
    fine = all(check.fine for check in checks.values())
    told = {name: {"ok": check.fine, **check.facts} for name, check in checks.items()}
    return jsonify({"ok": fine, "checks": told}), 200 if fine else 503


@health.get("/version")
@public
def version() -> Response:
    """Say which version runs."""
    return jsonify({"version": edu_pilot.__version__})


@health.get("/metrics")
@public
def metrics() -> Response:
    """Show the figures in Prometheus' text form."""
    figures: Metrics = current_app.extensions["metrics"]
    figures.waiting.set(readiness.waiting()[1])
    return Response(generate_latest(figures.registry), content_type=CONTENT_TYPE_LATEST)
