"""What keeps an act from standing half: one commit for the record and the trail, and the file before its row."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from sqlalchemy import Connection

from edu_pilot import extensions
from edu_pilot.services import documents, papers, store
from edu_pilot.services.unit import Unit
from tests.trust.guards import guard

TEST = "tests/trust/test_g02_syscalls.py::test_an_act_killed_at_any_call_to_the_disk_is_whole_or_not_there"


@guard("trail_in_the_commit", test=TEST)
def trail_in_the_commit() -> Iterator[None]:
    """Commit the record, and then write its entry, its key and what follows in a second transaction."""
    plain = Unit.close

    def close(self: Unit) -> None:
        driver = self.conn.connection.driver_connection
        assert driver is not None
        for statement in ("COMMIT", "BEGIN IMMEDIATE"):
            driver.execute(statement)
        plain(self)

    with mock.patch.object(Unit, "close", close):
        yield


@guard("row_after_its_file", test=TEST)
def row_after_its_file() -> Iterator[None]:
    """Write the file once its row is committed."""
    late: list[tuple[str, bytes]] = []

    def keep(folder: str, content: bytes, ending: str) -> tuple[str, str]:
        name = uuid.uuid4().hex
        late.append((f"{folder}/{name[:2]}/{name}{ending}", content))
        return late[-1][0], hashlib.sha256(content).hexdigest()

    @contextmanager
    def write() -> Iterator[Connection]:
        with extensions.write() as conn:
            yield conn
        while late:
            store.store().put(*late.pop())

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(store, "keep", keep))
        for module in (papers, documents):
            stack.enter_context(mock.patch.object(module, "write", write))
        yield
