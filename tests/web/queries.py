"""How many times a page asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from edu_pilot.extensions import db

# Of a page, whatever the number of its rows.
MOST = 20


@contextmanager
def counted(site: Flask) -> Iterator[list[str]]:
    """Give the list in which every statement of the block is noted."""
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    with site.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
