"""Host and database must agree on the instant, or nothing is written: dead-lines and waits are counted by it (R6.4)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from edu_pilot import clock

LIMIT = timedelta(seconds=30)
# How long a comparison holds, in seconds: an hour while the clocks agree, a moment while they do not.
AGREED, DISAGREED = 3600.0, 5.0
# The host's clock has been set if it and the steady one drift apart by more than this, in seconds.
SET_ANEW = 1.0


class ClocksDisagree(Exception):
    """The host's and the database's instants differ by more than 30 seconds; nothing is written meanwhile."""


class Watch:
    """What this process knows of the two clocks; asked at each write, while the database is asked once an hour."""

    def __init__(self) -> None:
        self.apart = timedelta(0)
        self.looked: float | None = None
        self.offset = 0.0

    def require_agreement(self, conn: Connection) -> None:
        """Raise ClocksDisagree while the instants differ too much; looks again where the last look is too old."""
        if self._too_old():
            self.look(conn)
        if abs(self.apart) > LIMIT:
            raise ClocksDisagree(f"host and database differ by {self.apart.total_seconds():.0f} seconds")

    def look(self, conn: Connection) -> timedelta:
        """Compare the clocks and return how far the database's is ahead; SQLite has no clock of its own."""
        before = clock.now()
        if conn.dialect.name != "sqlite":
            there: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
            # Half of the question's way is over when the database reads its clock.
            self.apart = there - (before + (clock.now() - before) / 2)
        self.looked, self.offset = time.monotonic(), _offset()
        return self.apart

    def _too_old(self) -> bool:
        if self.looked is None or abs(_offset() - self.offset) > SET_ANEW:
            return True
        return time.monotonic() - self.looked > (DISAGREED if abs(self.apart) > LIMIT else AGREED)


def _offset() -> float:
    return clock.now().timestamp() - time.monotonic()
