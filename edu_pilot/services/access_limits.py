"""How long sessions live and how often one may try: `access:` of the policy in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.services import policies
from edu_pilot.workflow.policy import Policy


@dataclass(frozen=True)
class Tries:
    """How many failures one bucket takes in a window, and how the wait between them grows."""

    window: timedelta
    tries: int
    free: int
    pause: timedelta


@dataclass(frozen=True)
class Limits:
    """What holds for everybody who signs in."""

    password_min: int
    factor_roles: frozenset[str]
    idle: timedelta
    session: timedelta
    student: timedelta
    step_up: timedelta
    link: timedelta
    tries: Mapping[str, Tries]


def limits(conn: Connection) -> Limits:
    """Return the limits in force."""
    return limits_of(policies.in_force(conn, clock.today()).policy)


def limits_of(policy: Policy) -> Limits:
    """Return the limits of a policy version; one published before there were any takes the shipped ones."""
    given = policies.section(policy, "access")
    return Limits(
        password_min=given["password_min"],
        factor_roles=frozenset(given["factor_roles"]),
        idle=timedelta(minutes=given["idle_minutes"]),
        session=timedelta(minutes=given["session_minutes"]),
        student=timedelta(minutes=given["student_minutes"]),
        step_up=timedelta(minutes=given["step_up_minutes"]),
        link=timedelta(minutes=given["link_minutes"]),
        tries={name: _tries(one) for name, one in given["tries"].items()},
    )


def _tries(given: Mapping[str, int]) -> Tries:
    window, pause = timedelta(minutes=given["window_minutes"]), timedelta(seconds=given["pause_seconds"])
    return Tries(window, given["tries"], given["free"], pause)
