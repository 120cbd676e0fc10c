"""What keeps a failing disk from being answered with a success."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import sqlalchemy as sa

from edu_pilot import faults
from edu_pilot.services import papers, store
from tests.trust.guards import guard

FILE = "tests/trust/test_g04_faults.py"


@guard("commit_fault_is_told", test=f"{FILE}::test_no_success_is_told_for_what_is_not_stored")
def commit_fault_is_told() -> Iterator[None]:
    """Swallow what a commit says."""
    commit = sa.engine.Connection._commit_impl

    def careless(self: sa.Connection) -> None:
        try:
            commit(self)
        except Exception:
            self.connection.driver_connection.rollback()

    with mock.patch.object(sa.engine.Connection, "_commit_impl", careless):
        yield


@guard("process_is_replaced", test=f"{FILE}::test_a_process_that_met_an_io_fault_takes_no_more_work")
def process_is_replaced() -> Iterator[None]:
    """Go on working after an I/O fault."""
    with mock.patch.object(faults, "is_io_fault", lambda _error: False):
        yield


@guard("half_file_is_removed", test=f"{FILE}::test_a_full_disk_leaves_no_half_of_a_file")
def half_file_is_removed() -> Iterator[None]:
    """Write files straight to their name."""
    with mock.patch.object(store, "_write", lambda path, content: path.write_bytes(content)):
        yield


@guard("file_before_row", test=f"{FILE}::test_a_row_never_refers_to_a_file_that_was_not_kept")
def file_before_row() -> Iterator[None]:
    """Take a file for kept that was not."""

    def careless(folder: str, content: bytes, ending: str) -> tuple[str, str]:
        try:
            return store_keep(folder, content, ending)
        except OSError:
            return f"{folder}/lost{ending}", "0" * 64

    store_keep = papers.store.keep
    with mock.patch.object(papers.store, "keep", careless):
        yield
