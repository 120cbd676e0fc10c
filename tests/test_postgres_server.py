"""The throw-away PostgreSQL server is a real and a safe one."""

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.postgres import Server


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.fresh_database("of_this_test")


def one(url: str, question: str) -> object:
    engine = create_engine(url)
    with engine.connect() as connection:
        answer = connection.execute(text(question)).scalar_one()
    engine.dispose()
    return answer


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
    ],
)
def test_the_server_is_as_durable_as_in_real_life(database: str, setting: str, value: str) -> None:
    assert one(database, f"SHOW {setting}") == value


@pytest.mark.xdist_group("postgres")
def test_a_fresh_database_has_nothing_of_the_one_before(postgres: Server, database: str) -> None:
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE trace (id int)")
    again = postgres.fresh_database("of_this_test")
    assert one(again, "SELECT count(*) FROM pg_tables WHERE tablename = 'trace'") == 0
