"""What keeps a guesser from trying on, and from learning by the time an answer takes."""

from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from edu_pilot.extensions import read
from edu_pilot.services import accounts, query_codes, throttle
from tests.trust.guards import guard

HERE = "tests/trust/test_g21_enumeration.py::test_"


@guard("throttle", test=HERE + "few_guesses_at_one_id_pass_from_however_many_addresses")
def without_counting() -> Iterator[None]:
    """Nobody counts."""
    with mock.patch.object(throttle, "count", lambda _door, **_given: throttle.Counted(())):
        yield


@guard("shared_throttle", test=HERE + "few_guesses_at_one_id_pass_from_however_many_addresses")
def without_the_database() -> Iterator[None]:
    """Each worker counts for itself, in its own memory."""
    mine: dict[tuple[str, str, str], int] = {}

    def count(door: str, **given: str) -> throttle.Counted:
        keys = [(door, name, value) for name, value in given.items() if name != "address"]
        for key in keys:
            mine[key] = mine.get(key, 0) + 1
        if any(mine[key] > 6 for key in keys):
            raise throttle.TooMany(1)
        return throttle.Counted(())

    with mock.patch.object(throttle, "count", count):
        yield


@guard("same_hash_for_nobody", test=HERE + "a_hit_and_a_miss_look_alike_and_take_as_long")
def without_the_hash_for_nobody() -> Iterator[None]:
    """A name that is not there costs no hash."""

    def fitting(name: str, password: str) -> Mapping[str, Any] | None:
        with read() as conn:
            row = accounts._row(conn, name)
        return row if row and accounts._fits(row["password_hash"], password) else None

    with mock.patch.object(accounts, "fitting", fitting):
        yield


@guard("limits_by_what_was_typed", test=HERE + "few_guesses_at_one_id_pass_from_however_many_addresses")
def without_the_limit_by_id() -> Iterator[None]:
    """Only code and address are counted, never the ID that is guessed at."""
    plain = throttle.count

    def count(door: str, **given: str) -> throttle.Counted:
        return plain(door, **{name: value for name, value in given.items() if name != "person"})

    with mock.patch.object(query_codes.throttle, "count", count):
        yield
