"""How the rows of each database are taken out and put back whole: SQLite's file, PostgreSQL's COPY."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import IO, Any, cast

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from edu_pilot import extensions, paths
from edu_pilot.extensions import sqlite_module
from edu_pilot.services import figures
from edu_pilot.services.archive import Unfit, Writer
from edu_pilot.workflow.reasons import N_

Tell = Callable[[str, int, int], None]
DATABASE, ROWS = "database.db.gz", "rows/"
# SQLite pages between two reports of progress.
PAGES = 4096
# Bytes of rows that become one member.
PORTION = 8 * 1024 * 1024


def silent(_part: str, _done: int, _total: int) -> None:
    """Tell nobody how far a long work is."""


# SQLite


def copy_sqlite(source: Path, target: Path, tell: Tell = silent) -> None:
    """Copy a database that may be at work, by the online backup: one whole state, nobody waits for it.

    A copy of the file alone lacks what stands in the write-ahead log.
    """
    module = sqlite_module()
    reader, copy = module.connect(str(source), isolation_level=None), module.connect(str(target))
    try:
        # One view for the whole copy: a writer between two steps would otherwise start it anew.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        reader.backup(copy, pages=PAGES, progress=lambda _s, left, total: tell("database", total - left, total))
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        reader.close()
        copy.close()


def close_log(file: Path) -> None:
    """Bring what stands in a database's write-ahead log into its file, which then stands alone."""
    conn = sqlite_module().connect(str(file), isolation_level=None)
    try:
        conn.execute("PRAGMA journal_mode=DELETE").fetchone()
    finally:
        conn.close()


@contextmanager
def sqlite_at(file: Path) -> Iterator[Engine]:
    """Give an engine over a database file for the block."""
    url = f"sqlite:///{file}"
    engine = extensions.prepare(sa.create_engine(url, **extensions.engine_options(url)))
    try:
        yield engine
    finally:
        engine.dispose()


def squeeze(source: Path, target: Path) -> None:
    """Compress a file; the least effort already takes a database to a third."""
    with source.open("rb") as plain, gzip.open(target, "wb", compresslevel=1) as small:
        shutil.copyfileobj(plain, small)


def unsqueeze(source: IO[bytes], target: Path) -> None:
    """Write the file that was compressed."""
    with gzip.open(source, "rb") as small, target.open("wb") as plain:
        shutil.copyfileobj(small, plain)


# PostgreSQL


def write_rows(conn: Connection, archive: Writer, tell: Tell) -> None:
    """Add every row of the transaction's one view to an archive, by COPY.

    Not by pg_dump: it must be installed and no older than the server, and would see another moment than
    the figures beside it.
    """
    _see_all_rows(conn)
    found = figures.tables(conn)
    for done, table in enumerate(found):
        tell("database", done, len(found))
        for number, portion in enumerate(_portions(conn, table)):
            archive.add(f"{ROWS}{table.name}/{number:06d}", portion)
    tell("database", len(found), len(found))


# The wall between the counties (migration 0008) is known, and open to whoever names no county.
STRANGE = "SELECT count(*) FROM pg_policies WHERE policyname <> 'county_wall'"


def _see_all_rows(conn: Connection) -> None:
    """Look beyond the counties; any other policy that would hide rows is an error, not a smaller backup."""
    conn.exec_driver_sql("SELECT set_config('edu_pilot.county', '', true)")
    if conn.exec_driver_sql(STRANGE).scalar():
        conn.exec_driver_sql("SET LOCAL row_security = off")


def _portions(conn: Connection, table: sa.Table) -> Iterator[bytes]:
    columns = ", ".join(_quoted(conn, table.c.keys()))
    query = f"COPY {_quoted(conn, [table.name])[0]} ({columns}) TO STDOUT"
    # The first line names the columns, so that their order in the table does not matter.
    waiting = bytearray((",".join(table.c.keys()) + "\n").encode())
    with driver(conn).cursor() as cursor, cursor.copy(query) as rows:
        for row in rows:
            waiting += row
            if len(waiting) >= PORTION:
                yield bytes(waiting)
                waiting.clear()
    yield bytes(waiting)


def _quoted(conn: Connection, names: Sequence[str]) -> list[str]:
    return [conn.dialect.identifier_preparer.quote(name) for name in names]


def driver(conn: Connection) -> Any:
    """Return psycopg's own connection, in the same transaction."""
    return cast("Any", conn.connection.driver_connection)


@contextmanager
def loading(conn: Connection) -> Iterator[None]:
    """Let rows in as they are, for the block: the steps they once took were guarded when they were taken."""
    found = figures.tables(conn)
    with _let_in(conn), _unguarded(conn, found):
        for table in reversed(found):
            # What the migrations put in.
            conn.execute(table.delete())
        yield
    _advance_sequences(conn, found)


FORCED = """
SELECT relname FROM pg_class
WHERE relforcerowsecurity AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""


@contextmanager
def _let_in(conn: Connection) -> Iterator[None]:
    """COPY loads no table whose wall stands before its own owner; it stands again after the block."""
    names = _quoted(conn, list(conn.exec_driver_sql(FORCED).scalars()))
    for name in names:
        conn.exec_driver_sql(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
    yield
    for name in names:
        conn.exec_driver_sql(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")


@contextmanager
def _unguarded(conn: Connection, found: Sequence[sa.Table]) -> Iterator[None]:
    for table in found:
        conn.exec_driver_sql(f"ALTER TABLE {_quoted(conn, [table.name])[0]} DISABLE TRIGGER USER")
    yield
    for table in found:
        conn.exec_driver_sql(f"ALTER TABLE {_quoted(conn, [table.name])[0]} ENABLE TRIGGER USER")


def _advance_sequences(conn: Connection, found: Sequence[sa.Table]) -> None:
    """Let every sequence go on after the highest number loaded."""
    for table in found:
        for column in table.c:
            name = conn.execute(
                sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": _quoted(conn, [table.name])[0], "column": column.name},
            ).scalar()
            if name:
                highest = sa.select(sa.func.max(column)).scalar_subquery()
                conn.execute(sa.select(sa.func.setval(name, sa.func.coalesce(highest, 1), highest.is_not(None))))


@contextmanager
def copying_in(conn: Connection, table: str, columns: Sequence[str]) -> Iterator[Any]:
    """Give a COPY into a table: one statement, so that rows may refer to later ones of the same table."""
    names = ", ".join(_quoted(conn, columns))
    query = f"COPY {_quoted(conn, [table])[0]} ({names}) FROM STDIN"
    with driver(conn).cursor() as cursor, cursor.copy(query) as rows:
        yield rows


def read_rows(conn: Connection, members: Iterable[tuple[str, IO[bytes]]]) -> None:
    """Load the rows of an archive; the portions of a table follow each other."""
    for table, portions in groupby(members, lambda member: member[0].removeprefix(ROWS).rpartition("/")[0]):
        contents = (content for _name, content in portions)
        first = next(contents)
        columns = first.readline().decode().rstrip("\n").split(",")
        with copying_in(conn, table, columns) as rows:
            for content in chain([first], contents):
                rows.write(content.read())


# Both


def build(conn: Connection, revision: str) -> None:
    """Make the tables as they were at a revision, inside the connection's transaction."""
    scripts = ScriptDirectory(str(paths.migrations()))
    if revision not in {found.revision for found in scripts.walk_revisions()}:
        text = N_("The backup is of a newer version (database revision %(revision)s): install that version first.")
        raise Unfit("revision_unknown", text, revision=revision)
    config = Config()
    config.set_main_option("script_location", str(paths.migrations()))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)
