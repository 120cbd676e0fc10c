"""G18: every migration goes up and down on a filled database, and nothing is lost that it did not name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from flask import Flask

from edu_pilot import extensions, paths
from edu_pilot.extensions import Base, db, read
from edu_pilot.services import figures, unharmed
from tests.factories import Pilot
from tests.people import worker
from tests.trust.figures import figure, seed, size

# A registered worker is about so many rows.
ROWS_EACH = 8
FIRST = "0001"


def revisions() -> list[str]:
    """Give every revision after the first, newest first."""
    return [one.revision for one in ScriptDirectory(str(paths.migrations())).walk_revisions() if one.revision != FIRST]


def fill() -> None:
    """Let one worker come all the way to the money, some stand half-way, and many be registered."""
    pilot = Pilot()
    study = pilot.graduated()
    pilot.pay_out(pilot.batch(pilot.approved(study)))
    pilot.certified(pilot.studying(worker(1)))
    pilot.draft(worker(2), employer="", job="")
    for n in range(3, 3 + size("G18") // ROWS_EACH):
        pilot.registered(worker(n), employer="齐" * 100, previous_school="河" * 100)


Contents = dict[str, dict[str, int | str]]


def contents(tables: dict[str, set[str]]) -> Contents:
    """Give count and one checksum of each column, by reading every row; independent of what migrations note."""
    found: Contents = {}
    with read() as conn:
        for table in figures.tables(conn):
            if table.name not in tables:
                continue
            columns = sorted(tables[table.name] & set(table.c.keys()))
            sums = dict.fromkeys(columns, 0)
            count = 0
            for row in conn.execute(sa.select(*(table.c[name] for name in columns))).mappings():
                count += 1
                for name in columns:
                    sums[name] += int.from_bytes(figures.hashed({"": row[name]})[:8])
            found[table.name] = {"": count, **sums}
    return found


def columns_now() -> dict[str, set[str]]:
    """Give the columns of each table as the database stands."""
    with read() as conn:
        return {table.name: set(table.c.keys()) for table in figures.tables(conn)}


def test_every_revision_goes_down_and_up_and_loses_nothing(any_app: Flask) -> None:
    fill()
    before, everything = contents(columns_now()), columns_now()
    lasting = everything
    with figure("G18", seed("G18"), db.engine.dialect.name) as told:
        for revision in revisions():
            flask_migrate.downgrade(revision="-1")
            lasting = {name: lasting[name] & columns for name, columns in columns_now().items() if name in lasting}
            flask_migrate.upgrade(revision="+1")
            assert unchanged(before, contents(lasting)), revision
            flask_migrate.downgrade(revision="-1")
        flask_migrate.upgrade()
        rows = sum(int(table[""]) for table in contents(lasting).values())
        told(revisions=len(revisions()), tables=len(lasting), rows=rows)
    assert columns_now() == everything
    assert unchanged(before, contents(lasting))
    assert schema_differences() == []


def unchanged(before: Contents, after: Contents) -> bool:
    """Whether what lasted is what it was."""
    return all(before[table][column] == value for table, found in after.items() for column, value in found.items())


def schema_differences() -> list[object]:
    """Give what `alembic check` would name: model and schema must be the same."""
    with db.engine.connect() as conn:
        return list(compare_metadata(MigrationContext.configure(conn), Base.metadata))


@contextmanager
def a_family(tmp_path_url: str) -> Iterator[sa.Connection]:
    """Give a database of a parent and its children, whose keys cascade, as no table of ours may."""
    engine = extensions.prepare(sa.create_engine(tmp_path_url, **extensions.engine_options(tmp_path_url)))
    with engine.connect() as conn:
        conn.info["writes"] = True
        with conn.begin():
            conn.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)")
            conn.exec_driver_sql(
                "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent ON DELETE CASCADE)"
            )
            conn.exec_driver_sql("INSERT INTO parent VALUES (1, 'a'), (2, 'b')")
            conn.exec_driver_sql("INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)")
        conn.info["writes"] = True
        with conn.begin():
            yield conn
    engine.dispose()


def test_rows_that_went_by_cascade_are_noticed(tmp_path: object) -> None:
    """T10, the control: a table rebuilt with its keys on deletes every child row."""
    with a_family(f"sqlite:///{tmp_path}/family.db") as conn:
        before = unharmed.noted(conn)
        with Operations(MigrationContext.configure(conn)).batch_alter_table("parent", recreate="always") as batch:
            batch.add_column(sa.Column("phone", sa.String(20)))
        assert conn.exec_driver_sql("SELECT count(*) FROM child").scalar() == 0
        with pytest.raises(unharmed.Harmed, match="child: id, parent_id, rows"):
            unharmed.require(conn, before, [])


class Renaming:
    """A revision that says what it changes."""

    CHANGES = {"parent": {"name"}}
    ROWS = {"child"}


def test_a_change_must_be_named(tmp_path: object) -> None:
    with a_family(f"sqlite:///{tmp_path}/family.db") as conn:
        before = unharmed.noted(conn)
        unharmed.require(conn, before, [])
        conn.exec_driver_sql("UPDATE parent SET name = 'c'")
        conn.exec_driver_sql("DELETE FROM child WHERE id = 3")
        unharmed.require(conn, before, [Renaming])
        conn.exec_driver_sql("DELETE FROM parent WHERE id = 2")
        with pytest.raises(unharmed.Harmed, match="parent: id, rows"):
            unharmed.require(conn, before, [Renaming])


@pytest.mark.xdist_group("postgres")
def test_a_change_is_noticed_on_postgresql_too(pg_app: Flask) -> None:
    Pilot().registered()
    with db.engine.connect() as conn, conn.begin():
        before = unharmed.noted(conn)
        unharmed.require(conn, before, [])
        conn.exec_driver_sql("UPDATE application SET employer = 'another'")
        with pytest.raises(unharmed.Harmed, match="application: employer"):
            unharmed.require(conn, before, [])


@pytest.mark.xdist_group("postgres")
def test_a_migration_does_not_queue_for_a_lock(pg_app: Flask) -> None:
    """Whoever asks for the table after us would wait with us: writes are held up for 5 seconds at most."""
    with db.engine.connect() as other, other.begin():
        other.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            flask_migrate.downgrade(revision="-1")
    assert 4 < time.monotonic() - begun < 20


def test_no_table_of_ours_cascades() -> None:
    """T10."""
    found = [key for table in Base.metadata.tables.values() for key in table.foreign_keys if key.ondelete]
    assert found == []
