"""What stands between bytes nobody should send and an error of the server."""

from collections.abc import Iterator
from unittest import mock

from edu_pilot.web import browser
from tests.trust.guards import guard


@guard("raw_bytes_refused", test="tests/trust/test_g12_fuzz.py::test_raw_bytes_are_answered")
def without_refusing_raw_bytes() -> Iterator[None]:
    """A query whose bytes are no UTF-8 reaches the views."""
    with mock.patch.object(browser, "_refuse_raw_bytes", lambda: None):
        yield
