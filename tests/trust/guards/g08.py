"""What keeps numbers without gaps, to be missed."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from sqlalchemy import Connection

from edu_pilot.services import numbers
from tests.trust.guards import guard

AHEAD = 10


@guard("numbers_in_the_transaction", test="tests/trust/test_g08_numbers.py::test_numbers_have_neither_doubles_nor_gaps")
def without_the_transaction() -> Iterator[None]:
    """Each process draws ten numbers ahead, as a database's cached sequence does."""
    plain, ahead = numbers.draw, dict[str, list[int]]()

    def draw(conn: Connection, series: str, count: int = 1, start: int = 1) -> range:
        left = ahead.setdefault(series, [])
        if len(left) < count:
            left[:] = plain(conn, series, max(AHEAD, count), start)
        first = left[0]
        del left[:count]
        return range(first, first + count)

    with mock.patch.object(numbers, "draw", draw):
        yield
