"""Business dates of Asia/Shanghai and UTC instants; the only place that asks what time it is (R6.4)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
_simulated: ContextVar[date | None] = ContextVar("simulated_business_date", default=None)
_hour: ContextVar[time | None] = ContextVar("simulated_time_of_day", default=None)


def now() -> datetime:
    """Return the present instant in UTC; instants are real even where the business date is simulated."""
    return datetime.now(UTC)


def today() -> date:
    """Return the business date: simulated, set by EDU_PILOT_TODAY, or today in Asia/Shanghai."""
    if simulated := _simulated.get():
        return simulated
    if fixed := os.environ.get("EDU_PILOT_TODAY"):
        return date.fromisoformat(fixed)
    return now().astimezone(SHANGHAI).date()


def moment() -> datetime:
    """Return the present time of day on the business date, in UTC: hours are counted on the same calendar as days."""
    hour = _hour.get() or now().astimezone(SHANGHAI).time()
    return datetime.combine(today(), hour, SHANGHAI).astimezone(UTC)


@contextmanager
def on(day: date, hour: time | None = None) -> Iterator[None]:
    """Let the block run on another business date, as the tests do, and at an hour of it, as the sample does."""
    token, of_day = _simulated.set(day), _hour.set(hour)
    try:
        yield
    finally:
        _hour.reset(of_day)
        _simulated.reset(token)
