"""Runs the migrations: keys off on SQLite while tables are rebuilt, checked afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context
from flask import current_app

import edu_pilot.models  # noqa: F401  (fills the metadata that autogenerate compares)
from edu_pilot.extensions import Base


def run() -> None:
    """Migrate in one transaction; on SQLite refuse to commit if a foreign key would dangle."""
    engine = current_app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        connection.info["writes"] = True
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            _foreign_keys(connection, "OFF")
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
            if sqlite and (dangling := connection.execute(sa.text("PRAGMA foreign_key_check")).all()):
                raise RuntimeError(f"foreign keys dangle after the migration: {dangling[:5]}")
        if sqlite:
            _foreign_keys(connection, "ON")


def _foreign_keys(connection: sa.Connection, value: str) -> None:
    # The pragma is ignored inside a transaction.
    connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={value}")


run()
