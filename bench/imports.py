"""The import of a roster of 1,000 rows, against reading the file and writing the same rows at once."""

import io
import shutil
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from bench import instance, spent
from bench.measure import Figure, seconds
from edu_pilot import clock
from edu_pilot.extensions import Base, db, sqlite_module
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.rosters import import_roster

ROSTER = Path(__file__).parent.parent / "tests/rosters/roster-pilot-1000.xlsx"
SIGN_UP, INTAKE = date(2022, 8, 20), "2209"
TURNS = 2
Tables = Mapping[str, list[dict[str, Any]]]


def figure() -> Figure:
    """Measure the import on SQLite; the best of two turns of each way counts."""
    turns = [_turn() for _ in range(TURNS)]
    rows, by_hand, ours = turns[0][0], min(t[1] for t in turns), min(t[2] for t in turns)
    return Figure(f"SQLite, roster of {rows:,} rows: import", rows / by_hand, rows / ours, None)


def shares() -> list[tuple[str, float]]:
    """Return what an import's time is spent on."""
    with instance.fresh(), clock.on(SIGN_UP):
        return spent.breakdown(_import)


def _turn() -> tuple[int, float, float]:
    """Import into a fresh instance; write what came of it into a copy taken before; give both times."""
    with instance.fresh() as app, clock.on(SIGN_UP):
        db.engine.dispose()
        file, copy = instance.database_file(app), Path(app.config["SETTINGS"].data) / "copy.db"
        shutil.copy(file, copy)
        ours = seconds(_import)
        tables = _written(file)
        rows = len(tables["application"])
        return rows, seconds(lambda: _by_hand(copy, tables)), ours


def _import() -> None:
    import_roster(ROSTER.read_bytes(), ROSTER.name, INTAKE, OPERATOR)


def _written(file: Path) -> Tables:
    with closing(sqlite_module().connect(file)) as connection:
        connection.row_factory = sqlite_module().Row
        names = [table.name for table in Base.metadata.sorted_tables]
        return {name: [dict(r) for r in connection.execute(f"SELECT * FROM {name}")] for name in names}


def _by_hand(file: Path, tables: Tables) -> None:
    """Read every cell, judge nothing, and write the finished rows in one commit."""
    CalamineWorkbook.from_filelike(io.BytesIO(ROSTER.read_bytes())).get_sheet_by_index(0).to_python()
    with closing(sqlite_module().connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        for name, rows in tables.items():
            _insert(connection, name, rows)
        # A trigger lets an application be born as a draft only.
        move = "UPDATE application SET state = :state WHERE id = :id"
        connection.executemany(move, tables["application"])
        connection.execute("COMMIT")


def _insert(connection: Any, name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    values = ", ".join("'draft'" if (name, c) == ("application", "state") else f":{c}" for c in rows[0])
    connection.executemany(f"INSERT OR IGNORE INTO {name} ({', '.join(rows[0])}) VALUES ({values})", rows)
