"""What a load of the sample reached, what it cost, and which states it did not reach and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta
from sqlalchemy import Connection

from edu_pilot.models import Document
from edu_pilot.rules.calendar import registration_day
from edu_pilot.rules.study import earliest_diploma
from edu_pilot.sample.stories import STAGES
from edu_pilot.services import counts, policies
from edu_pilot.services.actors import SYSTEM
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Reason

DOCUMENT = Document.__table__
Counts = Mapping[str, Mapping[str, int]]
# How many days after the first intake's registration month the sample reaches a workflow's states.
AFTER_BEGINNING = {"application": -50, "study": 160, "certification": 200, "session": 200}
SOONER_OR_LATER = {
    ("application", "draft"): -92,
    ("application", "registered"): -71,
    ("application", "admitted"): -8,
    ("application", "waitlisted"): -8,
    ("study", "enrolled"): -8,
    ("study", "studying"): 15,
    ("certification", "planned"): -8,
    ("certification", "training"): 45,
    ("certification", "withdrawn"): 110,
    ("certification", "trained"): 150,
    ("certification", "certified"): 500,
    ("session", "planned"): 45,
    ("study", "suspended"): 200,
    ("study", "cancelled"): 200,
}
# The same after the first intake's earliest diploma, for what a diploma comes before.
AFTER_DIPLOMA = {"claim": 60, "payment": 250}
SINCE_DIPLOMA = {
    ("study", "completed"): 20,
    ("study", "graduated"): 60,
    ("claim", "paid"): 200,
    ("claim", "refused"): 200,
    ("claim", "withdrawn"): 200,
    ("claim", "bounced"): 130,
    ("study", "revoked"): 260,
    ("claim", "recovering"): 260,
    ("claim", "recovered"): 260,
}


@dataclass(frozen=True)
class Missed:
    """A state that nobody of the sample is in, and why."""

    workflow: str
    state: str
    reason: Reason


@dataclass(frozen=True)
class Summary:
    """The sample as it stands: records by workflow and state, documents, seconds by part of the work."""

    people: int
    seed: int
    today: date
    counts: Counts
    documents: int
    rendered: int
    seconds: Mapping[str, float]
    missed: tuple[Missed, ...]

    @property
    def total_seconds(self) -> float:
        """The seconds of all parts together."""
        return sum(self.seconds.values())

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Yield workflow, state and number of records, in the order of the workflow files."""
        for workflow, states in self.counts.items():
            for state, number in states.items():
                if number:
                    yield workflow, state, number

    def as_dict(self, say: Callable[[Reason], str] = Reason.english) -> dict[str, Any]:
        """Return everything for --json; `say` puts a reason into the reader's language."""
        total = self.total_seconds
        return {
            "people": self.people,
            "seed": self.seed,
            "today": self.today.isoformat(),
            "states": {w: {s: n for s, n in states.items() if n} for w, states in self.counts.items()},
            "documents": {"issued": self.documents, "rendered": self.rendered},
            "seconds": round(total, 1),
            "parts": [
                {"part": part, "seconds": round(spent, 1), "percent": round(100 * spent / total)}
                for part, spent in self.seconds.items()
            ],
            "not_reached": [
                {"workflow": m.workflow, "state": m.state, "code": m.reason.code, "text": say(m.reason)}
                for m in self.missed
            ],
        }


def counted(conn: Connection, today: date) -> Counts:
    """Return how many records of each workflow are in each state, states without any included."""
    engines = policies.in_force(conn, today).compiled.engines
    found: dict[str, dict[str, int]] = {}
    for workflow, engine in engines.items():
        numbers = counts.by_state(conn, workflow, SYSTEM)
        found[workflow] = {name: numbers.get(name, 0) for name in engine.definition.states}
    return found


def documents(conn: Connection) -> int:
    """Return how many documents were issued."""
    return conn.execute(sa.select(sa.func.count()).select_from(DOCUMENT)).scalar_one()


def missed(policy: Policy, today: date, reached: Counts) -> tuple[Missed, ...]:
    """Return every state that nobody is in, with the reason."""
    return tuple(
        Missed(workflow, state, _why(policy, today, workflow, state))
        for workflow, states in reached.items()
        for state, number in states.items()
        if not number
    )


def _why(policy: Policy, today: date, workflow: str, state: str) -> Reason:
    day = possible_from(policy, workflow, state)
    if today < day:
        return Reason("not_before", N_("not before %(day)s"), {"day": day.isoformat()})
    if state == "waitlisted":
        return Reason("needs_a_full_year", N_("only when all places of a year are taken"))
    if (workflow, state) in _told():
        return Reason("needs_more_people", N_("needs more people"))
    return Reason("no_story", N_("no story of the sample leads there"))


def possible_from(policy: Policy, workflow: str, state: str) -> date:
    """Return the first business date on which the sample can have somebody in a state."""
    first, known = policy.get("intakes.first"), (workflow, state)
    if known == ("study", "expired"):
        return registration_day(first) + relativedelta(years=policy.get("study.years_max"))
    if workflow in AFTER_DIPLOMA or known in SINCE_DIPLOMA:
        after = SINCE_DIPLOMA.get(known) or AFTER_DIPLOMA[workflow]
        return earliest_diploma(policy, first) + timedelta(days=after)
    after = SOONER_OR_LATER.get(known) or AFTER_BEGINNING.get(workflow, 0)
    return registration_day(first) + timedelta(days=after)


def _told() -> frozenset[tuple[str, str]]:
    stories = [story for endings in STAGES.values() for story in endings]
    ends = {(name, getattr(s, name)) for s in stories for name in ("application", "study", "certification", "claim")}
    sessions = {("session", s) for s in ("planned", "open", "seated", "held", "scored", "published", "cancelled")}
    batches = {("payment", s) for s in ("drawn", "released", "exported", "settled", "cancelled")}
    return frozenset(ends | sessions | batches)
