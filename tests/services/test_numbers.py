"""Numbers are unique and without gaps, however many draw at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask

from edu_pilot.extensions import write
from edu_pilot.services import numbers
from tests.factories import rows

DRAWERS = 32


class Aborted(Exception):
    """The step that drew a number failed after the draw."""


def draw(app: Flask, start: Barrier, n: int) -> int | None:
    """Draw one number at the same moment as all others; every fourth step fails after it."""
    with app.app_context():
        start.wait()
        try:
            with write() as conn:
                number = numbers.draw(conn, "student22autumn", start=50001)[0]
                if n % 4 == 0:
                    raise Aborted
        except Aborted:
            return None
    return number


def test_concurrent_draws_are_unique_and_aborted_ones_give_back(any_app: Flask) -> None:
    """R3.5: max() + 1 would give the same number to several of them."""
    start = Barrier(DRAWERS)
    with ThreadPoolExecutor(DRAWERS) as pool:
        drawn = list(pool.map(lambda n: draw(any_app, start, n), range(DRAWERS)))
    kept = sorted(number for number in drawn if number is not None)
    assert kept == list(range(50001, 50001 + DRAWERS - DRAWERS // 4))
    assert rows("counter", series="student22autumn")[0]["value"] == kept[-1]


def test_a_series_begins_where_it_is_told(any_app: Flask) -> None:
    with write() as conn:
        assert list(numbers.draw(conn, "a", 3, start=10)) == [10, 11, 12]
        assert list(numbers.draw(conn, "a", 2)) == [13, 14]
        assert list(numbers.draw(conn, "b")) == [1]


@pytest.mark.parametrize(
    ("prefix", "period", "digits", "expected"),
    [("A", "2209", 6, "A2209-000001"), ("X", "2412", 3, "X2412-001")],
)
def test_a_reference_has_the_form_of_its_workflow(
    app: Flask, prefix: str, period: str, digits: int, expected: str
) -> None:
    with write() as conn:
        assert numbers.reference(conn, prefix, period, digits) == expected
