"""python -m tests.trust.recorded DATA MARKS WORKERS: a day's business whose every system call is written down.

Each operation that was answered marks itself by one line in the file MARKS: key, first and last entry of the trail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from edu_pilot.extensions import db, read
from edu_pilot.services import audit, documents, idempotency
from edu_pilot.services.idempotency import Answer, Once
from edu_pilot.services.perform import Done
from edu_pilot.workflow.registry import Actor
from tests.app import Place, at_work, opened
from tests.factories import Pilot
from tests.people import LIU_WEI, Human, worker
from tests.trust import guards

Outcome = TypeVar("Outcome")
ACCOUNT = "pilot"
BODY = "0" * 64


class Marking(Pilot):
    """Everybody's hands; whatever is done with a key of its own is marked once it was answered."""

    def __init__(self, marks: int) -> None:
        super().__init__()
        self.marks = marks
        self.done = 0

    def answered(self, work: Callable[[], Outcome]) -> Outcome:
        """Carry out one operation as the API does, and mark it."""
        outcome: list[Outcome] = []

        def act() -> Answer:
            outcome.append(work())
            return Answer(200, str(self.done))

        self.done += 1
        key, before = f"operation {self.done}", head()
        idempotency.carry_out(Once(ACCOUNT, key, BODY), act, None)
        os.write(self.marks, f"{key}\t{before + 1}\t{head()}\n".encode())
        return outcome[0]

    def act(
        self, workflow: str, reference: str, action: str, actor: Actor, day: date | None = None, **given: Any
    ) -> Done:
        """Take a step."""
        return self.answered(lambda: Pilot.act(self, workflow, reference, action, actor, day, **given))

    def draft(self, who: Human = LIU_WEI, *, by: Actor | None = None, **changes: Any) -> str:
        """Enter a draft."""
        return self.answered(lambda: Pilot.draft(self, who, by=by, **changes))

    def hand_in_papers(self, reference: str) -> None:
        """Hand in papers: several files and commits under one key."""
        self.answered(lambda: Pilot.hand_in_papers(self, reference))

    def claim(self, study: str, by: Actor | None = None, **changes: Any) -> str:
        """Enter a claim."""
        return self.answered(lambda: Pilot.claim(self, study, by, **changes))

    def batch(self, *claims: str) -> str:
        """Draw a payment batch."""
        return self.answered(lambda: Pilot.batch(self, *claims))

    def render(self) -> None:
        """Render the oldest document that has no bytes yet."""
        with read() as conn:
            number = documents.pending(conn)[0]
        self.answered(lambda: documents.render(number))


def head() -> int:
    """Give the number of the newest entry."""
    with read() as conn:
        return int(audit.head(conn)["number"])


def business(pilot: Marking, workers: int) -> None:
    """Let workers go all the way to their money; the last one only begins.

    For the first two the house closes in between; later the log grows until it comes round to its beginning.
    """
    for n in range(workers):
        all_the_way(pilot, n, close=n < 2)
    pilot.verified(worker(workers))


def all_the_way(pilot: Marking, n: int, close: bool) -> None:
    """Let one worker sign up, study, be examined and be paid."""
    study = pilot.graduated(worker(n))
    if close:
        # The last connection writes the log into the database and deletes it.
        db.engine.dispose()
    pilot.render()
    pilot.certified(study)
    if close:
        db.engine.dispose()
    pilot.paid(study)


def main(data: str, marks: str, workers: str) -> None:
    """Run over an installation that stands already."""
    line = os.open(marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with guards.taken_away(), opened(Place(Path(data))) as app, at_work(app):
        business(Marking(line), int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
