"""What makes an answered operation outlast a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from edu_pilot import extensions
from edu_pilot.services import store
from tests.trust.guards import guard

FILE = "tests/trust/test_g03_power_cut.py"
TEST = f"{FILE}::test_a_power_cut_loses_nothing_and_leaves_nothing_by_halves"


@guard("synchronous_full", test=TEST)
def synchronous_full() -> Iterator[None]:
    """Sync the log at checkpoints only."""
    plain = extensions._sqlite_settings

    def careless(connection: Any, record: object) -> None:
        plain(connection, record)
        connection.execute("PRAGMA synchronous=NORMAL")

    with mock.patch.object(extensions, "_sqlite_settings", careless):
        yield


@guard("file_synced_before_its_name", test=TEST)
def file_synced_before_its_name() -> Iterator[None]:
    """Write a file and give it its name, and leave its bytes to the system."""

    def careless(path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{os.urandom(16).hex()}")
        temporary.write_bytes(content)
        temporary.rename(path)
        store.sync_folder(path.parent)

    with mock.patch.object(store, "_write", careless):
        yield


@guard("name_synced_after_its_file", test=TEST)
def name_synced_after_its_file() -> Iterator[None]:
    """Leave names of files and folders to the system."""
    with mock.patch.object(store, "sync_folder", lambda _folder: None):
        yield


@guard("name_of_a_folder_synced_by_each", test=f"{FILE}::test_a_kept_file_is_found_in_a_new_folder_of_another_process")
def name_of_a_folder_synced_by_each() -> Iterator[None]:
    """Take a folder that is there for one whose name is synced."""

    def careless(folder: Path, root: Path) -> None:
        if not folder.is_dir():
            careless(folder.parent, root)
            folder.mkdir()
            store.sync_folder(folder.parent)

    with mock.patch.object(store, "_make_folder", careless):
        yield
