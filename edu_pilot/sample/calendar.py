"""A simulated calendar: lives are generators that yield the day on which they go on."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import count

from edu_pilot import clock
from edu_pilot.rules.calendar import working_days_after
from edu_pilot.workflow.policy import Policy

Life = Iterator[date]
SATURDAY = 5
# What is printed with its hour must be the same each time.
OFFICE_HOUR = time(10, 0)


def office_day(policy: Policy, day: date) -> date:
    """Return the last working day up to the given one: offices do nothing on holidays (R6.4)."""
    while working_days_after(policy, day - timedelta(days=1), 1) != day:
        day -= timedelta(days=1)
    return day


def saturday(day: date) -> date:
    """Return the last Saturday up to the given day: exams are held on Saturdays."""
    return day - timedelta(days=(day.weekday() - SATURDAY) % 7)


@dataclass
class Calendar:
    """Lets every life go on at its day, the days in order, and closes each day once."""

    last: date
    close_day: Callable[[], object]
    today: date = date.min
    waiting: list[tuple[date, int, Life]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)

    def start(self, life: Life) -> None:
        """Take up a life; nothing of it happens before the first day it names."""
        self._go_on(life)

    def run(self, told: Callable[[date], None]) -> None:
        """Go through the days up to the last; what lies beyond it never happens."""
        while self.waiting and self.waiting[0][0] <= self.last:
            self._spend(self.waiting[0][0])
            told(self.today)
        self._spend(self.last)

    def _spend(self, day: date) -> None:
        self.today = day
        with clock.on(day, OFFICE_HOUR):
            while self.waiting and self.waiting[0][0] <= day:
                self._go_on(heapq.heappop(self.waiting)[2])
            self.close_day()

    def _go_on(self, life: Life) -> None:
        day = next(life, None)
        if day is not None:
            heapq.heappush(self.waiting, (max(day, self.today), next(self.order), life))
