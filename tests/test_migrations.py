"""Migrations lead to the models' tables, and back and forth without losing the guards of the database."""

from __future__ import annotations

import flask_migrate
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from edu_pilot import paths
from edu_pilot.extensions import Base, db
from tests import app as installations
from tests.app import Place

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT DISTINCT trigger_name FROM information_schema.triggers ORDER BY 1",
}

LATER = ("look_up", "audit_anchor")


def triggers() -> list[str]:
    with db.engine.connect() as conn:
        return list(conn.execute(sa.text(TRIGGERS[conn.dialect.name])).scalars())


def differences() -> list[object]:
    """Give what tables, columns and indexes of the database are not the models'."""
    with db.engine.connect() as conn:
        return list(compare_metadata(MigrationContext.configure(conn), Base.metadata))


def test_the_migrations_make_the_models_tables_and_can_be_taken_back(any_place: Place) -> None:
    folder = str(paths.migrations())
    with installations.opened(any_place) as app, app.app_context():
        before = triggers()
        assert (differences(), before != []) == ([], True)
        flask_migrate.downgrade(directory=folder, revision="0001")
        assert differences() != []
        # Tables that came later take their own triggers with them, and nobody else's.
        assert set(triggers()) == {name for name in before if not name.startswith(LATER)}
        flask_migrate.upgrade(directory=folder)
        assert (differences(), triggers()) == ([], before)
