"""A county that has outgrown SQLite moves to PostgreSQL: every row, compared on both sides, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import Connection, Engine

from edu_pilot import extensions
from edu_pilot.config import MOVED, Misconfigured, Settings, database_url
from edu_pilot.disk import sync_folder
from edu_pilot.extensions import db, sqlite_module, write
from edu_pilot.services import at_work, engines, figures, instance
from edu_pilot.services.archive import Unfit
from edu_pilot.services.engines import Tell, silent
from edu_pilot.workflow.reasons import N_

CHUNK = 1000
# Who waited for the lock is refused and gone within moments; the pause is in seconds.
TRIES, PAUSE = 40, 0.25


def move(address: str, tell: Tell = silent) -> dict[str, int]:
    """Copy the installation's rows to an empty PostgreSQL and put the file aside; return the rows by table.

    Raises Unfit or Misconfigured; then nothing has changed on either side.
    """
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.embedded:
        raise Unfit("not_embedded", N_("This installation is on PostgreSQL already."))
    if not instance.at_head():
        raise Unfit("not_at_head", N_("Bring the database to the newest revision first: edu-pilot db upgrade"))
    with at_work.alone(settings):
        # The write lock: whoever waits for it finds the file closed, and is not told that anything was written.
        with _open_again_on_failure(), _target(address) as target, write() as source:
            # The file's commit is the first of the two.
            counted = _copied(source, target, tell)
            _close(source)
        _put_aside(settings)
    return counted


CLOSED = "moved_to_postgresql"


def _close(source: Connection) -> None:
    """Let the file itself refuse every row from the commit on, from commands of other processes too."""
    for name, deed, table in _closures(source):
        source.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {deed} ON {table} BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
        )


def _closures(source: Connection) -> Iterator[tuple[str, str, str]]:
    """Yield name, statement and table of every trigger that closes the file."""
    quote = source.dialect.identifier_preparer.quote
    for table in figures.tables(source):
        for deed in ("INSERT", "UPDATE", "DELETE"):
            yield quote(f"{CLOSED}_{table.name}_{deed.lower()}"), deed, quote(table.name)


@contextmanager
def _open_again_on_failure() -> Iterator[None]:
    """Open the file again where the target did not take the rows."""
    try:
        yield
    except BaseException:
        with write() as source:
            for name, _deed, _table in _closures(source):
                source.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        raise


@contextmanager
def _target(address: str) -> Iterator[Connection]:
    url = database_url(address)
    if not url.startswith("postgresql"):
        raise Misconfigured("DATABASE_URL: the target must be postgresql://…")
    engine: Engine = extensions.prepare(sa.create_engine(url, **extensions.engine_options(url)))
    try:
        with engine.connect() as conn, conn.begin():
            _require_empty(conn)
            yield conn
    except sa.exc.OperationalError as error:
        text = N_("The target database does not answer or broke off (%(why)s); nothing was moved.")
        raise Unfit("target_away", text, why=type(error.orig).__name__) from None
    finally:
        engine.dispose()


def _require_empty(conn: Connection) -> None:
    if found := sa.inspect(conn).get_table_names():
        text = N_("The target database is not empty: %(tables)s. Make a new one.")
        raise Unfit("not_empty", text, tables=", ".join(sorted(found)[:5]))


def _copied(source: Connection, target: Connection, tell: Tell) -> dict[str, int]:
    engines.build(target, figures.revision(source) or "")
    there = {table.name: table for table in figures.tables(target)}
    here = {table.name: table for table in figures.tables(source)}
    if differing := here.keys() ^ there.keys():
        text = N_("The two databases do not have the same tables: %(tables)s")
        raise Unfit("tables_differ", text, tables=", ".join(sorted(differing)))
    with engines.loading(target):
        for done, name in enumerate(there):
            tell("tables", done, len(there))
            _copy(source, target, here[name])
    counted = {name: _compared(source, target, here[name], there[name]) for name in there}
    tell("tables", len(there), len(there))
    return counted


def _copy(source: Connection, target: Connection, table: sa.Table) -> None:
    """Copy the rows as the file holds them: PostgreSQL reads its dates, truths and JSON from the same texts."""
    columns = table.c.keys()
    names = ", ".join(source.dialect.identifier_preparer.quote(name) for name in (table.name, *columns))
    first, _, rest = names.partition(", ")
    rows = source.exec_driver_sql(f"SELECT {rest} FROM {first}")
    with engines.copying_in(target, table.name, columns) as copy:
        for row in rows:
            copy.write_row(tuple(row))


def _compared(source: Connection, target: Connection, here: sa.Table, there: sa.Table) -> int:
    kept, found = figures.checksum(source, here), figures.checksum(target, there)
    if kept != found:
        text = N_("The table %(table)s is not the same on both sides; nothing was moved.")
        raise Unfit("checksum_differs", text, table=here.name)
    return kept[0]


def _log_closed(file: Path) -> bool:
    for _ in range(TRIES):
        try:
            engines.close_log(file)
        except sqlite_module().OperationalError:
            time.sleep(PAUSE)
        else:
            return True
    return False


def _put_aside(settings: Settings) -> None:
    """Rename the file and take away the right to write: nobody goes on in it by mistake."""
    db.engine.dispose()
    file = settings.database_file
    aside: Path = file.with_name(file.name + MOVED)
    if not _log_closed(file):
        # Somebody still has it open: what stands in the log goes along, under the name that belongs to it.
        log = file.with_name(file.name + "-wal")
        if log.exists():
            log.rename(aside.with_name(aside.name + "-wal"))
    file.rename(aside)
    aside.chmod(0o400)
    sync_folder(aside.parent)
