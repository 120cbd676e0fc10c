"""Runs the migrations: one transaction, keys off on SQLite while tables are rebuilt, everything looked over after."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context
from flask import current_app

import edu_pilot.models  # noqa: F401  (fills the metadata that autogenerate compares)
from edu_pilot.extensions import Base
from edu_pilot.services import unharmed

# A lock that does not come at once keeps everybody waiting who asks for the table after us.
LOCK_TIMEOUT = "5s"


def run() -> None:
    """Migrate in a transaction of our own, or in the one that is handed over."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = current_app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        connection.info["writes"] = True
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            _foreign_keys(connection, "OFF")
        else:
            # What others write meanwhile must not look like our doing.
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            _migrate(connection)
        if sqlite:
            _foreign_keys(connection, "ON")


def _migrate(connection: sa.Connection) -> None:
    """Migrate; refuse to commit if a foreign key would dangle or rows changed that were not to change."""
    steps: list[Any] = []
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        on_version_apply=lambda step, **_: steps.append(step.up_revision.module),
    )
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    before = unharmed.noted(connection)
    with context.begin_transaction():
        context.run_migrations()
    if connection.dialect.name == "sqlite":
        _require_whole(connection)
    unharmed.require(connection, before, steps)


def _require_whole(connection: sa.Connection) -> None:
    if dangling := connection.execute(sa.text("PRAGMA foreign_key_check")).all():
        raise RuntimeError(f"foreign keys dangle after the migration: {dangling[:5]}")


def _foreign_keys(connection: sa.Connection, value: str) -> None:
    # The pragma is ignored inside a transaction.
    connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={value}")


run()
