"""Which intakes are open for sign-up (R1.5)."""

from __future__ import annotations

from datetime import date

from edu_pilot.rules.calendar import intakes_open_on
from edu_pilot.workflow.policy import Policy


def open_on(policy: Policy, day: date) -> list[str]:
    """Return the intakes whose sign-up is open on a day, oldest first."""
    return intakes_open_on(policy, day)
