"""What keeps a request that was sent again after a crash from being carried out twice."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from edu_pilot.services import idempotency
from tests.trust.guards import guard


@guard("key_in_the_commit", test="tests/trust/test_g01_kill.py::test_a_killed_server_group_loses_nothing", size="ci")
def key_in_the_commit() -> Iterator[None]:
    """Write the key with its answer only, in a commit after that of the work."""
    with mock.patch.object(idempotency, "claim", lambda _conn, **_deed: None):
        yield
