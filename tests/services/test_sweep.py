"""Files without a row go after a day; nothing else does."""

from __future__ import annotations

import os
import time

from flask import Flask

from edu_pilot.services import due, store, sweep
from tests.factories import Pilot, rows

YESTERDAY = 25 * 3600


def aged(key: str) -> str:
    """Make a kept file a day older."""
    path = store.store().root / key
    os.utime(path, (time.time() - YESTERDAY,) * 2)
    return key


def orphan() -> str:
    """Keep bytes that no row will ever refer to."""
    return aged(store.keep("papers", b"refused later", ".pdf")[0])


def test_an_old_file_without_a_row_goes_and_one_with_a_row_stays(pilot: Pilot) -> None:
    pilot.complete()
    kept = [aged(row["store_key"]) for row in rows("paper")]
    lost = orphan()
    assert [entry.key for entry in sweep.look().orphans] == [lost]
    assert due.run()["files_swept"] == 1
    assert due.run()["files_swept"] == 0
    assert all(store.store().get(key) for key in kept)
    assert sweep.look().missing == ()


def test_a_young_file_may_still_get_its_row(app: Flask) -> None:
    store.keep("papers", b"just written", ".pdf")
    assert sweep.look().orphans == ()


def test_what_is_not_named_like_ours_is_never_touched(app: Flask) -> None:
    """A store address that names the wrong folder must not cost anybody's files."""
    for key in ("probe/ready", "papers/letter.pdf", "keys/field", "papers/ab/cd.pdf"):
        store.store().put(key, b"somebody's")
        aged(key)
    assert sweep.sweep().orphans == ()


def test_half_a_store_without_rows_is_left_to_a_human(app: Flask) -> None:
    """A database restored beside another one's store would take all of it for orphans."""
    for _ in range(sweep.FEW + 1):
        orphan()
    assert due.run()["files_swept"] == 0
    assert len(sweep.look().orphans) == sweep.FEW + 1


def test_a_missing_file_is_named(pilot: Pilot) -> None:
    pilot.complete()
    key = rows("paper")[0]["store_key"]
    store.store().delete(key)
    assert sweep.look().missing == (key,)
