"""What notices that a migration harmed something."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from edu_pilot.services import unharmed
from tests.trust.guards import guard

FILE = "tests/trust/test_g18_migrations.py"


@guard("migration_is_compared", test=f"{FILE}::test_rows_that_went_by_cascade_are_noticed")
def migration_is_compared() -> Iterator[None]:
    """Compare nothing after a migration."""
    with mock.patch.object(unharmed, "_touched", lambda *_: set()):
        yield
