"""What keeps a backup whole, sealed, its own, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from edu_pilot.services import archive, engines, figures, restore, snapshots
from tests.trust.guards import guard

FILE = "tests/trust/test_g17_restore.py"


@guard("archive_is_whole", test=f"{FILE}::test_a_cut_or_altered_backup_is_refused[False]")
def archive_is_whole() -> Iterator[None]:
    """Open an archive without its digest."""
    with mock.patch.object(archive, "_require_digest", lambda *_: None):
        yield


@guard("place_is_empty", test=f"{FILE}::test_it_goes_into_an_empty_place_only")
def place_is_empty() -> Iterator[None]:
    """Restore over whatever is there."""
    with mock.patch.object(restore, "_require_empty", lambda _settings: None):
        yield


@guard("backup_is_signed", test=f"{FILE}::test_without_its_keys_or_with_others_it_is_refused")
def backup_is_signed() -> Iterator[None]:
    """Take a backup with whatever keys."""
    with mock.patch.object(restore, "_require_signed", lambda *_: None):
        yield


@guard("figures_are_compared", test=f"{FILE}::test_a_restored_row_that_is_another_is_noticed")
def figures_are_compared() -> Iterator[None]:
    """Find no difference."""
    with mock.patch.object(figures, "differences", lambda *_: []):
        yield


@guard("online_backup", test=f"{FILE}::test_a_county_goes_back_to_the_last_snapshot")
def online_backup() -> Iterator[None]:
    """Copy the database file alone, without its log."""

    def copied(source: object, target: object, _tell: object = None) -> None:
        with open(str(source), "rb") as old, open(str(target), "wb") as new:
            new.write(old.read())

    with mock.patch.object(engines, "copy_sqlite", copied):
        yield


@guard("payment_is_snapped", test=f"{FILE}::test_a_payment_step_is_snapped_at_once_and_a_quiet_county_not_at_all")
def payment_is_snapped() -> Iterator[None]:
    """See no payment."""
    with mock.patch.object(snapshots, "_last_payment", lambda: 0):
        yield


@guard("move_wants_an_idle_county", test=f"{FILE}::test_a_county_at_work_or_a_filled_target_is_refused")
def move_wants_an_idle_county() -> Iterator[None]:
    """Tell nobody that somebody is at work."""
    with mock.patch("edu_pilot.services.moving.at_work", mock.MagicMock()):
        yield
