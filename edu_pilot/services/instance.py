"""One installation: its keys, its database at the newest revision, its first policy version."""

from __future__ import annotations

import flask_migrate
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from edu_pilot import extensions, paths
from edu_pilot.services import keys, policies, vault
from edu_pilot.services.actors import OPERATOR
from edu_pilot.workflow.versions import read_folder


def init() -> bool:
    """Make keys, database, policy version 1 and the issuer's certificate; False where there was a policy already."""
    settings = current_app.config["SETTINGS"]
    settings.data.mkdir(parents=True, exist_ok=True)
    vault.create_keys(settings.keys)
    current_app.extensions["vault"] = vault.Keeper(settings.keys, keys.index_keys)
    upgrade()
    with extensions.write() as conn:
        fresh = not policies.versions(conn)
        if fresh:
            policies.publish(conn, read_folder(settings.workflows), None, OPERATOR)
    keys.require_issuer()
    return fresh


def upgrade() -> None:
    """Bring the database to the newest revision."""
    flask_migrate.upgrade(directory=str(paths.migrations()))


def at_head() -> bool:
    """Return whether the database stands at the newest revision."""
    with extensions.db.engine.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision() == newest()


def newest() -> str | None:
    """Return the newest revision this version knows."""
    return ScriptDirectory(str(paths.migrations())).get_current_head()


def ready() -> bool:
    """Return whether `init` has run here: keys, tables and a policy version are there."""
    if "vault" not in current_app.extensions:
        return False
    with extensions.db.engine.connect() as conn:
        if not sa.inspect(conn).has_table("policy_version"):
            return False
        return bool(policies.versions(conn))
