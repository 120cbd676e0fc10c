"""The contestants are started once a session and run one race after the other."""

from collections.abc import Iterator

import pytest

from tests.races.harness import Track, track


@pytest.fixture(scope="session")
def racetrack() -> Iterator[Track]:
    """Give two processes that wait for a race."""
    with track() as found:
        yield found
