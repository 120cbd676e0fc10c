"""Intakes, working days and months, all from the policy (R1.5, R6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Literal

from dateutil.relativedelta import relativedelta

from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, rule

Season = Literal["spring", "autumn"]

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
    return None if window.holds(attempt.today) else _closed(intake, window)


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
        N_("%(intake)s is no intake of the programme; write year and month, such as 2209."),
        code="intake_unknown",
        field="intake",
        who="clerk",
        intake=intake or "-",
    )


def _closed(intake: str, window: Window) -> Blocked:
    return blocked(
        N_("Sign-up for intake %(intake)s is open from %(opens)s to %(closes)s only."),
        code="intake_closed",
        field="intake",
        intake=intake,
        opens=window.opens.isoformat(),
        closes=window.closes.isoformat(),
    )


def _working_days(policy: Policy, day: date) -> Iterator[date]:
    kinds = {row["date"]: row["kind"] for row in policy.table("holidays")}
    while True:
        day += timedelta(days=1)
        usual = "work" if day.weekday() < 5 else "off"
        if kinds.get(day.isoformat(), usual) == "work":
            yield day
