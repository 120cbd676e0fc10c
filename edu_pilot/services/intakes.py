"""Which intakes are open for sign-up (R1.5)."""

from __future__ import annotations

from datetime import date

from edu_pilot.rules.calendar import intake_is_known, intake_window
from edu_pilot.workflow.policy import Policy


def open_on(policy: Policy, day: date) -> list[str]:
    """Return the intakes whose sign-up is open on a day, oldest first."""
    months = sorted(policy.get("intakes.season_months").values())
    near = [f"{year % 100:02d}{month:02d}" for year in (day.year, day.year + 1) for month in months]
    return [i for i in near if intake_is_known(policy, i) and intake_window(policy, i).holds(day)]
