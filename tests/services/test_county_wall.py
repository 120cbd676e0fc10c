"""PostgreSQL's own wall between the counties, before an account that may not pass it (C3, T29)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Connection

from edu_pilot.extensions import Base, read, write
from edu_pilot.services import backup, counts, figures, health, restore, search
from edu_pilot.services.cases import NotFound
from edu_pilot.services.search import Wanted
from edu_pilot.services.visibility import walled
from tests.app import Place, at_work, opened
from tests.factories import Pilot
from tests.people import LIU_WEI, staff
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("postgres")
MEND = "psql -c 'ALTER ROLE \"postgres\" NOSUPERUSER NOBYPASSRLS'"
APPLICATION = Base.metadata.tables["application"]


@pytest.fixture
def references(postgres_place: Place) -> list[str]:
    """Give two applications of Qihe."""
    with opened(postgres_place) as app, at_work(app):
        pilot = Pilot()
        return [pilot.draft(), pilot.registered()]


@pytest.fixture(params=["owner", "guest"])
def plain(request: Any, postgres: Server, postgres_place: Place, references: list[str]) -> Iterator[Flask]:
    """Give the application under an account without privileges: the tables' owner, or one it has let in."""
    database, owns = (postgres_place.url or "").rpartition("/")[2], request.param == "owner"
    with superuser(postgres, database) as conn:
        conn.execute(sa.text("DROP ROLE IF EXISTS plain"))
        conn.execute(sa.text("CREATE ROLE plain LOGIN PASSWORD 'plain' NOSUPERUSER NOBYPASSRLS"))
        for table in (*Base.metadata.tables, "alembic_version"):
            grant = f'ALTER TABLE "{table}" OWNER TO plain' if owns else f'GRANT ALL ON "{table}" TO plain'
            conn.execute(sa.text(grant))
    url = f"postgresql+psycopg://plain:plain@127.0.0.1:{postgres.port}/{database}"
    with opened(replace(postgres_place, url=url)) as app, at_work(app):
        yield app
    with superuser(postgres, database) as conn:
        conn.execute(sa.text("REASSIGN OWNED BY plain TO postgres"))
        conn.execute(sa.text("DROP OWNED BY plain"))
        conn.execute(sa.text("DROP ROLE plain"))


@contextmanager
def superuser(postgres: Server, database: str) -> Iterator[Connection]:
    """Give the superuser's connection to a database, each statement a commit of its own."""
    engine = sa.create_engine(postgres.url_of(database), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def forgotten(conn: Connection) -> list[str]:
    """Look up without any scope, as a mistake would."""
    return list(conn.execute(sa.select(APPLICATION.c.reference).order_by(APPLICATION.c.reference)).scalars())


def county_of(conn: Connection) -> str | None:
    return conn.execute(sa.text("SELECT current_setting('edu_pilot.county', true)")).scalar()


def test_a_forgotten_scope_shows_nothing_of_the_other_county(plain: Flask, references: list[str]) -> None:
    qihe, decheng = staff("wang.fang"), staff("decheng.clerk")
    with read() as conn:
        with walled(conn, decheng):
            assert forgotten(conn) == []
        with walled(conn, qihe):
            assert forgotten(conn) == references
        # Rules and workers must look beyond the county.
        assert forgotten(conn) == references
        with walled(conn, staff("chen.hui")):
            assert forgotten(conn) == references


def test_every_look_up_stands_behind_the_wall(plain: Flask, references: list[str]) -> None:
    """The condition is taken away, the wall alone answers."""
    decheng = staff("decheng.clerk")
    unscoped = {"visible_to": lambda _actor, _table: sa.true(), "require_visible": lambda _actor, _case: None}
    with mock.patch.multiple(search, **unscoped), write() as conn:
        assert search.find(conn, "application", decheng, Wanted()) == ([], None)
        assert search.ids(conn, "application", decheng, Wanted()) == []
        assert search.references(conn, "application", decheng, Wanted()) == []
        assert search.by_person(conn, decheng, LIU_WEI.id_number, None) == []
        with mock.patch.object(counts, "visible_to", unscoped["visible_to"]):
            assert counts.by_state(conn, "application", decheng) == {}
        with pytest.raises(NotFound):
            search.get(conn, "application", references[0], decheng)


def test_the_wall_does_not_leak_to_the_next_request(plain: Flask, references: list[str]) -> None:
    """T29: the pool hands the same connection out again; however the first transaction ended, the wall is gone."""
    for ended in (None, NotFound, sa.exc.DBAPIError):
        _walled_until(ended)
        with read() as conn:
            assert county_of(conn) in (None, "")
            assert forgotten(conn) == references


def _walled_until(ended: type[Exception] | None) -> None:
    """Look up behind the wall until the transaction ends: as it should, by a refusal, or by a fault of the database."""
    decheng = staff("decheng.clerk")
    with pytest.raises(ended) if ended else nullcontext(), read() as conn, walled(conn, decheng):
        assert county_of(conn) == decheng.county
        if ended is NotFound:
            raise NotFound("x")
        if ended:
            conn.execute(sa.text("SELECT 1/0"))


def test_steps_and_facts_look_beyond_the_wall(plain: Flask, references: list[str]) -> None:
    pilot = Pilot()
    pilot.hand_in_papers(references[1])
    pilot.verify(references[1])
    assert pilot.admit(references[1]).state == "admitted"
    with read() as conn:
        case = search.get(conn, "application", references[1], pilot.wang_fang)
        assert case.study_reference and case.person_key


def test_the_wall_costs_two_short_statements_a_look_up(plain: Flask) -> None:
    for account, expected in (("chen.hui", 1), ("wang.fang", 3)):
        actor, sent = staff(account), list[str]()
        with read() as conn:
            sa.event.listen(conn, "before_cursor_execute", lambda *told, sent=sent: sent.append(told[2]))
            search.find(conn, "application", actor, Wanted())
        assert len(sent) == expected, sent


def test_a_backup_behind_the_wall_is_whole_and_comes_back(
    plain: Flask, postgres: Server, postgres_place: Place, tmp_path: Path
) -> None:
    """The account that the runbook asks for backs up, and as the tables' owner puts back."""
    made = backup.make(tmp_path / "pilot.backup")
    url = postgres.fresh_database("restored_behind_the_wall")
    with superuser(postgres, "restored_behind_the_wall") as conn:
        conn.execute(sa.text("ALTER DATABASE restored_behind_the_wall OWNER TO plain"))
    url = f"postgresql+psycopg://plain:plain@{url.rpartition('@')[2]}"
    shutil.copytree(postgres_place.data / "keys", tmp_path / "new" / "keys")
    with opened(Place(tmp_path / "new", url)) as app, at_work(app):
        restore.restore(made.path)
        with read() as conn:
            assert figures.differences(conn, made.manifest["figures"]) == []
            with walled(conn, staff("decheng.clerk")):
                assert forgotten(conn) == []
    postgres.fresh_database("restored_behind_the_wall")


def test_a_backup_that_another_policy_would_make_smaller_is_none(
    plain: Flask, postgres: Server, tmp_path: Path
) -> None:
    with superuser(postgres, "pilot_of_this_test") as conn:
        conn.execute(sa.text("CREATE POLICY planted ON application AS RESTRICTIVE USING (false)"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        backup.make(tmp_path / "pilot.backup")
    assert list(tmp_path.glob("*.backup")) == []


def test_doctor_is_content_with_an_account_that_cannot_pass(plain: Flask) -> None:
    [own] = [f for f in health.findings() if f.name == "county_wall"]
    assert (own.fine, own.facts) == (True, {"role": "plain"})


def test_doctor_warns_of_a_superuser(pg_app: Flask) -> None:
    [found] = [f for f in health.findings() if f.name == "county_wall"]
    assert (found.fine, found.needed, found.mend) == (False, False, MEND)


def test_without_a_wall_nothing_changes_on_sqlite(pilot: Pilot) -> None:
    reference = pilot.draft()
    with read() as conn, walled(conn, staff("decheng.clerk")):
        assert forgotten(conn) == [reference]
