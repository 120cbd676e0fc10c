"""The pages people use; every decision is asked of the services."""

from __future__ import annotations

from flask import Flask
from flask_wtf import CSRFProtect
from jinja2 import FileSystemLoader

from edu_pilot import paths
from edu_pilot.web import (
    access,
    account,
    admin,
    api,
    browser,
    claiming,
    dashboard,
    desk,
    documents,
    drafting,
    errors,
    exams,
    guide,
    health,
    home,
    navigation,
    payments,
    personal,
    places,
    prints,
    public,
    records,
    registry,
    review,
    rosters,
    sessions,
    sign_in,
    specimens,
    staff,
    student,
    telling,
    words,
)

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    """Attach the pages and the API; raise Undeclared if a route declares no permission."""
    app.jinja_loader = FileSystemLoader(paths.templates())
    browser.init_app(app)
    csrf.init_app(app)
    sessions.init_app(app)
    api.init_app(app)
    health.init_app(app)
    app.before_request(lambda: access.require_permission(sessions.ask_to_sign_in))
    words.init_app(app)
    navigation.init_app(app)
    errors.init_app(app)
    for pages in (
        sign_in, account, staff, navigation, home, dashboard, desk, registry, exams, places, review, payments, rosters,
        prints, records, personal, documents, public, student, claiming, telling, admin, drafting, specimens,
        guide,
    ):  # fmt: skip
        app.register_blueprint(pages.pages)
    access.require_declared(app)
