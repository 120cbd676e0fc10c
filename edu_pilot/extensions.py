"""The database and how it is read and written: short transactions, writes one after the other on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, cast

import sqlalchemy as sa
from flask import Flask, current_app, g, has_request_context, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, ExceptionContext, PoolProxiedConnection, event
from sqlalchemy.orm import DeclarativeBase

from edu_pilot import faults, paths
from edu_pilot.instants import Watch

try:
    from pysqlite3 import dbapi2 as newest_sqlite
except ImportError:  # no wheel for this platform: the interpreter's own library serves, without WAL
    newest_sqlite = sqlite3

# Before 3.51.3 a checkpoint racing a commit may corrupt a WAL database.
SAFE_WAL = (3, 51, 3)
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables share one naming of constraints, so that a violation can be told by its name."""

    metadata = sa.MetaData(naming_convention=NAMING)
    if TYPE_CHECKING:
        # Every model here is a table of its own, which the library's own annotation leaves open.
        __table__: ClassVar[sa.Table]


db = SQLAlchemy(model_class=Base)
migrate = Migrate(directory=str(paths.migrations()), render_as_batch=True)


def sqlite_module() -> ModuleType:
    """Return the SQLite driver in use."""
    return newest_sqlite


def engine_options(url: str) -> dict[str, Any]:
    """Return the engine options for a database address."""
    if url.startswith("sqlite"):
        return {"module": newest_sqlite, "connect_args": {"timeout": 30}, "hide_parameters": True}
    return {"pool_pre_ping": True, "hide_parameters": True}


def init_app(app: Flask) -> None:
    """Attach database and migrations to the application."""
    app.extensions["clocks"] = Watch()
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare(db.engine)


def prepare(engine: Engine) -> Engine:
    """Give an engine its settings, and let it tell what its disk does."""
    event.listen(engine, "handle_error", _note_fault)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgresql(engine)
    return engine


def _note_fault(context: ExceptionContext) -> None:
    faults.note(context.original_exception)


def _prepare_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _sqlite_settings)
    # Not by the event "begin": one listener makes every statement look for listeners of its own.
    engine.dialect.do_begin = _sqlite_begin  # type: ignore[assignment, method-assign]


def _sqlite_settings(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `begin` below chooses their kind.
    connection.isolation_level = None
    wal = newest_sqlite.sqlite_version_info >= SAFE_WAL
    for pragma in (f"journal_mode={'WAL' if wal else 'DELETE'}", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    # Without recursive triggers INSERT OR REPLACE would pass the append-only audit.
    for pragma in ("foreign_keys=ON", "recursive_triggers=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(engine: Engine) -> None:
    event.listen(engine, "connect", _keep_values_out_of_the_server_log)
    event.listen(engine, "handle_error", _drop_values)


# The server writes the values of a refused row, and the statement, into its own log.
NOT_PERMITTED = "42501"
LOG_SETTINGS = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}


def _keep_values_out_of_the_server_log(connection: Any, _record: object) -> None:
    """Ask the server to keep values out of its log; where the role may not ask, `doctor` names the line that does."""
    connection.autocommit = True
    for name, value in LOG_SETTINGS.items():
        try:
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        except Exception as error:  # the driver is there only where PostgreSQL is used
            if getattr(error, "sqlstate", None) != NOT_PERMITTED:
                raise
    connection.autocommit = False


# Kinds of errors whose text names no value: no connection, broken off, syntax, resources, a rollback.
_TELLING = ("08", "25", "40", "42", "53", "54", "55", "57", "58")

# What our own triggers raise is their name and nothing else.
_RAISED = ("P0001", "23514")


def _drop_values(context: ExceptionContext) -> None:
    """Leave of an error what names a constraint or a kind, before anything can log, show or chain its text."""
    told, orig = context.sqlalchemy_exception, context.original_exception
    state, found = getattr(orig, "sqlstate", None), getattr(orig, "diag", None)
    if told is None or state is None or found is None or state.startswith(_TELLING):
        return
    own = found.message_primary if state in _RAISED else None
    orig.args = (f"{state}: {found.constraint_name or found.column_name or own or 'no value is told'}",)
    told.args = (f"({type(orig).__name__}) {orig.args[0]}",)


def _sqlite_begin(connection: PoolProxiedConnection) -> None:
    # IMMEDIATE takes the write lock at once: a deferred one reads first and then fails or overwrites.
    writes = connection.info.pop("writes", False)
    connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")


Row = Mapping[str, Any]


def all_rows(conn: Connection, query: sa.Executable) -> list[Row]:
    """Return the rows a query finds, by column name."""
    return cast("list[Row]", conn.execute(query).mappings().all())


def one_row(conn: Connection, query: sa.Executable) -> Row | None:
    """Return the one row a query finds, or None; more than one is an error."""
    return cast("Row | None", conn.execute(query).mappings().one_or_none())


@contextmanager
def write() -> Iterator[Connection]:
    """Open one writing transaction; it commits at the end of the block or leaves nothing behind.

    Raises ClocksDisagree where host and database do not agree on the instant.
    """
    with db.engine.connect() as connection:
        connection.info["writes"] = True
        with connection.begin():
            clocks().require_agreement(connection)
            yield connection


def clocks() -> Watch:
    """Return this application's watch over the clocks of host and database."""
    found: Watch = current_app.extensions["clocks"]
    return found


def _answered() -> dict[Any, Any]:
    """What a view has answered once it answers the same way again, and so does a request that only looks."""
    looks = has_request_context() and request.method in ("GET", "HEAD")
    return g.setdefault("answered", {}) if looks else {}


@contextmanager
def read() -> Iterator[Connection]:
    """Open one reading transaction: a single consistent view, never a write."""
    with db.engine.connect() as connection:
        connection.execution_options(answered=_answered())
        if connection.dialect.name != "sqlite":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection
