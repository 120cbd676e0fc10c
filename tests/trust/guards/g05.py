"""What finds a connection that the database has cut off."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from edu_pilot.services import idempotency
from tests.trust.guards import guard


@guard("repeated_key_is_known", test="tests/trust/test_g05_database_restart.py::test_a_shot_database_loses_nothing")
def repeated_key_is_known() -> Iterator[None]:
    """Carry out each sending of a request."""
    with mock.patch.object(idempotency, "carry_out", lambda _request, act, _recount: act()):
        yield
