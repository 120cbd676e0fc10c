"""Constraints that a control takes away: a guard names them, the test drops them from its own database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests.races.protections import drop_constraints

_MISSED: dict[str, tuple[str, ...]] = {}


def drop_missed() -> None:
    """Drop what a guard wants away; nothing in an ordinary run."""
    for table, names in _MISSED.items():
        drop_constraints(table, *names)


@contextmanager
def missed(table: str, *names: str) -> Iterator[None]:
    """Let the tests of the block run without the constraints of a table."""
    with mock.patch.dict(_MISSED, {table: names}):
        yield
