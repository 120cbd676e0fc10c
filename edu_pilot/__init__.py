"""edu-pilot: a city sends its migrant workers to college, from registration to the paid claim."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from edu_pilot import clock, config, extensions, faults, i18n, logs, rules, web
from edu_pilot.services import cases, effects, keys, store, vault

__version__ = "0.1.0"
__all__ = ["clock", "create_app", "effects", "rules"]


def create_app(settings: config.Settings | None = None, **overrides: object) -> Flask:
    """Build the application; it refuses to start on wrong settings (Misconfigured, Invalid)."""
    settings = settings or config.read()
    app = Flask("edu_pilot", template_folder=None, static_folder="static", instance_path=str(settings.data))
    _configure(app, settings)
    app.config.update(overrides)
    logs.configure()
    faults.init_app(app)
    extensions.init_app(app)
    i18n.set_default(settings.lang)
    i18n.init_app(app)
    app.extensions["store"] = store.connect(settings.store_url)
    _open_vault(app, settings)
    cases.load_facts()
    web.init_app(app)
    if settings.proxy_hops:
        # As many as the office runs, never what a client claims (T37).
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxy_hops)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: config.Settings) -> None:
    app.config.update(
        SETTINGS=settings,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=extensions.engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=25 * 1024 * 1024,
        MAX_FORM_PARTS=200,
        # The token lives as long as the session: long forms must not lose their entries.
        WTF_CSRF_TIME_LIMIT=None,
    )


def _open_vault(app: Flask, settings: config.Settings) -> None:
    """Open the keys, once `init` has made them; commands that need none work without."""
    try:
        sessions = vault.load(settings.keys, 1).sessions
    except vault.KeysMissing:
        return
    app.extensions["vault"] = vault.Keeper(settings.keys, keys.index_keys)
    given = settings.secret_key.splitlines() if settings.secret_key else []
    # The first signs, the others still open what they signed.
    app.secret_key, *earlier = given or reversed(sessions)
    app.config["SECRET_KEY_FALLBACKS"] = earlier
