"""Intakes, working days and months, all from the policy (R1.5, R6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice, takewhile
from typing import Literal

from dateutil.relativedelta import relativedelta

from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, rule

Season = Literal["spring", "autumn"]

CLOSED = N_(
    "Sign-up for intake %(intake)s is open from %(opens)s to %(closes)s only. "
    "Open today: %(open)s; the next, %(next)s, opens on %(next_opens)s."
)
CLOSED_AS_ALL = N_(
    "Sign-up for intake %(intake)s is open from %(opens)s to %(closes)s only. "
    "No intake is open today; the next, %(next)s, opens on %(next_opens)s."
)
_INTAKE = re.compile("[0-9]{2}(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Window:
    """The days on which sign-up for an intake is open, both included."""

    opens: date
    closes: date

    def holds(self, day: date) -> bool:
        """Return whether sign-up is open on the day."""
        return self.opens <= day <= self.closes


def year_of(intake: str) -> int:
    """Return the calendar year of an intake YYMM."""
    return 2000 + int(intake[:2])


def season(intake: str) -> Season:
    """R1.5: spring for a registration month in the first half of the year, else autumn."""
    return "spring" if int(intake[2:]) <= 6 else "autumn"


def registration_day(intake: str) -> date:
    """R2.6: the first day of the intake's registration month."""
    return date(year_of(intake), int(intake[2:]), 1)


def intake_is_known(policy: Policy, intake: str | None) -> bool:
    """R1.5: whether the text is an intake YYMM of the programme, open or not."""
    if not intake or not _INTAKE.fullmatch(intake):
        return False
    months = policy.get("intakes.season_months").values()
    return int(intake[2:]) in months and intake >= policy.get("intakes.first")


def intake_window(policy: Policy, intake: str) -> Window:
    """R1.5: the days of sign-up for a known intake."""
    opens, closes = policy.get("intakes.opens"), policy.get("intakes.closes")
    first = registration_day(intake)
    start = first - relativedelta(months=opens["months_before"])
    return Window(start.replace(day=opens["day"]), first.replace(day=closes["day"]))


def intakes_open_on(policy: Policy, day: date) -> list[str]:
    """R1.5: the intakes whose sign-up is open on a day, oldest first."""
    near = takewhile(lambda intake: intake_window(policy, intake).opens <= day, _intakes_from(policy, day.year))
    return [intake for intake in near if intake_window(policy, intake).holds(day)]


def _intakes_from(policy: Policy, year: int) -> Iterator[str]:
    """The programme's intakes from a year on, for ever."""
    months = sorted(policy.get("intakes.season_months").values())
    found = (f"{y % 100:02d}{month:02d}" for y in count(year) for month in months)
    return (intake for intake in found if intake_is_known(policy, intake))


def working_days_after(policy: Policy, day: date, number: int) -> date:
    """R6.4: the working day that comes so many working days after the given one."""
    return next(islice(_working_days(policy, day), number - 1, None)) if number > 0 else day


def years_without_holidays(policy: Policy, first: date, last: date) -> list[int]:
    """R6.4: the years of a span that the table does not hold and that count Monday to Friday."""
    known = {int(row["date"][:4]) for row in policy.table("holidays")}
    return [year for year in range(first.year, last.year + 1) if year not in known]


def months_after(day: date, number: int) -> date:
    """R6.4: the same day so many months later, or the last day of a shorter month."""
    return day + relativedelta(months=number)


@rule
def intake_is_open(attempt: Attempt) -> Blocked:
    """R1.5: sign-up for the intake is open, or was when the case came first (intake_unknown, intake_closed)."""
    intake = attempt.record.intake
    if unknown := _unknown(attempt, intake):
        return unknown
    # R3.3: a correction is answered within its own time, which may end after sign-up.
    if attempt.record.registered_on is not None:
        return None
    window = intake_window(attempt.policy, intake)
    return None if window.holds(attempt.today) else _closed(attempt, intake, window)


@rule
def intake_is_ours(attempt: Attempt) -> Blocked:
    """R1.5: the intake is one of the programme's and has begun; it need not be open (intake_unknown)."""
    intake = attempt.record.intake
    if intake_is_known(attempt.policy, intake) and registration_day(intake) <= attempt.today:
        return None
    text = N_("%(intake)s is no intake of the programme that has begun; write year and month, such as 2209.")
    return blocked(text, code="intake_unknown", field="intake", who="registrar", intake=intake or "-")


@rule(on_input=True)
def draft_intake_is_known(attempt: Attempt) -> Blocked:
    """R1.5: a draft is for an intake of the programme, open or not (intake_unknown)."""
    return _unknown(attempt, attempt.input.get("intake"))


def _unknown(attempt: Attempt, intake: str | None) -> Blocked:
    if intake_is_known(attempt.policy, intake):
        return None
    return blocked(
        N_("%(intake)s is no intake of the programme; write year and month of registration in four digits (YYMM)."),
        code="intake_unknown",
        field="intake",
        who="clerk",
        intake=intake or "-",
    )


def _closed(attempt: Attempt, intake: str, window: Window) -> Blocked:
    """Name what can be signed up for instead, and from when."""
    policy, today = attempt.policy, attempt.today
    coming = next(i for i in _intakes_from(policy, today.year) if intake_window(policy, i).opens > today)
    told = {"intake": intake, "opens": window.opens.isoformat(), "closes": window.closes.isoformat()}
    told |= {"next": coming, "next_opens": intake_window(policy, coming).opens.isoformat()}
    if open_now := intakes_open_on(policy, today):
        return blocked(CLOSED, code="intake_closed", field="intake", open="、".join(open_now), **told)
    return blocked(CLOSED_AS_ALL, code="intake_closed", field="intake", **told)


def _working_days(policy: Policy, day: date) -> Iterator[date]:
    kinds = {row["date"]: row["kind"] for row in policy.table("holidays")}
    while True:
        day += timedelta(days=1)
        usual = "work" if day.weekday() < 5 else "off"
        if kinds.get(day.isoformat(), usual) == "work":
            yield day
