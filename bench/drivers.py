"""The two bare drivers, set as the application sets them: the same durability, nothing in between."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Flask
from psycopg.rows import dict_row

from bench.instance import database_file
from edu_pilot.extensions import sqlite_module

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "secure_delete=ON",
)


@dataclass(frozen=True)
class Bare:
    """A bare connection: how a writing transaction begins, how a row is held, how a statement runs."""

    begin: str
    lock: str
    run: Callable[..., Any]
    connection: closing[Any]


def sqlite(app: Flask) -> Bare:
    """Open the file of an application with the application's own driver."""
    module = sqlite_module()
    connection = module.connect(database_file(app), isolation_level=None)
    connection.row_factory = module.Row
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return Bare("BEGIN IMMEDIATE", "", lambda sql, *v: connection.execute(sql, v), closing(connection))


def postgresql(url: str) -> Bare:
    """Open a database of a server; fsync and synchronous_commit stand as the server has them."""
    address = url.replace("postgresql+psycopg", "postgresql")
    connection = psycopg.connect(address, autocommit=True, row_factory=dict_row)

    def run(sql: str, *values: Any) -> Any:
        return connection.execute(sql.replace("?", "%s"), values)

    return Bare("BEGIN", " FOR UPDATE", run, closing(connection))
