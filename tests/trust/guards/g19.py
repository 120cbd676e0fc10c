"""What keeps people's numbers out of logs, files and addresses."""

from collections.abc import Iterator
from unittest import mock

from edu_pilot import extensions, logs
from edu_pilot.services import search
from edu_pilot.services.vault import Vault
from tests.trust.guards import guard

HELD_BY = "tests/trust/test_g19_canaries.py::test_no_marked_number_is_found_in_clear"


@guard("silent_server_log", test=HELD_BY + "[postgres]")
def without_silence() -> Iterator[None]:
    """PostgreSQL writes the refused row into its log, as it does by default."""
    with mock.patch.object(extensions, "LOG_SETTINGS", {}):
        yield


@guard("masked_logs", test=HELD_BY + "[sqlite]")
def without_masks() -> Iterator[None]:
    """A line stands in the log as it was written."""
    with mock.patch.object(logs, "masked", lambda text: text):
        yield


@guard("sealed_values", test=HELD_BY + "[sqlite]")
def without_seals() -> Iterator[None]:
    """Personal values stand in the database as they are."""
    seal = mock.patch.object(Vault, "seal", lambda self, _p, _r, text: bytes([self.newest]) + text.encode())
    opened = mock.patch.object(Vault, "open", lambda _self, _p, _r, blob: blob[1:].decode())
    with seal, opened:
        yield


@guard("numbers_in_addresses", test=HELD_BY + "[sqlite]")
def without_refusal() -> Iterator[None]:
    """An ID number in an address is searched, and shown on the page that answers."""
    with mock.patch.object(search, "person_number", lambda _text: None):
        yield
