"""Processes of many threads that draw numbers by real steps, abort some, and are killed in the middle."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from edu_pilot.extensions import write
from edu_pilot.services.perform import birth, perform, unit_of
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.app import Place, at_work, opened
from tests.factories import BATCHED, SIGN_UP, application_form, on, rows
from tests.people import staff, worker
from tests.trust import guards

THREADS, GROUP = 32, 8
PATIENCE_SECONDS = 300
PROCESSES = multiprocessing.get_context("spawn")
# The serials of student numbers of an autumn intake come after this one; no other series is as long.
AUTUMN = 50_000
# Where the numbers of a series stand, by table and column.
PLACES = (
    *((workflow, "reference") for workflow in ("application", "study", "certification", "session", "claim", "payment")),
    ("document", "number"),
    ("payment_item", "number"),
)


class Aborted(Exception):
    """A step that failed after everything was written, right before its commit."""


@dataclass
class Drawer:
    """One thread's hands: every tenth step is aborted; one step of the process ends with the process."""

    chance: random.Random
    steps_left: list[int]
    dies: bool

    def fate(self, _conn: Connection | None = None) -> None:
        """Let the step go on, abort it, or end the process."""
        self.steps_left[0] -= 1
        if self.dies and self.steps_left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.chance.random() < 0.1:
            raise Aborted

    def born(self, workflow: str, actor: Actor, given: dict[str, object]) -> str:
        """Bring a record into being, as `create` does, with its fate before the commit."""
        with write() as conn:
            unit = unit_of(conn, actor)
            done = birth(unit, workflow, given)
            unit.close()
            self.fate()
        return done.reference

    def application(self, clerk: Actor) -> None:
        """Draw a reference, and with the registration a document's number."""
        with on(SIGN_UP):
            form = application_form(worker(self.chance.randrange(10_000)))
            reference = self.born("application", clerk, form)
            perform("application", reference, "register", clerk, {}, also=self.fate)

    def batch(self, maker: Actor, claim: str) -> None:
        """Draw a batch's reference and its line's number, and let the claim go again."""
        with on(BATCHED):
            reference = self.born("payment", maker, {"claims": [claim]})
            perform("payment", reference, "cancel", maker, {"cancellation": "ENTERED_BY_MISTAKE"})


def draw(place: Place, seed: int, steps: int, dies: bool, claims: Sequence[str]) -> None:
    """Draw in eight threads until the steps are done, or the process dies of them."""
    left = [steps]
    with guards.taken_away(), opened(place) as app, at_work(app):
        clerk, maker = staff("wang.fang"), staff("he.jun")
        jobs: list[Callable[[Drawer], None]] = [lambda drawer, c=claim: drawer.batch(maker, c) for claim in claims]
        jobs += [lambda drawer: drawer.application(clerk)] * (GROUP - len(jobs))
        threads = [
            threading.Thread(target=_draw, args=(app, Drawer(random.Random(f"{seed}:{n}"), left, dies), job))
            for n, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _draw(app: Flask, drawer: Drawer, job: Callable[[Drawer], None]) -> None:
    with at_work(app):
        while drawer.steps_left[0] > 0:
            try:
                job(drawer)
            except (Aborted, Refused, OperationalError):
                continue


def round_of(place: Place, seed: int, steps: int, dies: bool, claims: Sequence[str]) -> int:
    """Run 32 threads in four processes and return how many of these were killed."""
    groups = THREADS // GROUP
    shares = [tuple(claims[n::groups]) for n in range(groups)]
    work = [(place, seed * groups + n, steps // groups, dies, share) for n, share in enumerate(shares)]
    processes = [PROCESSES.Process(target=draw, args=given) for given in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SECONDS)
    return sum(process.exitcode == -signal.SIGKILL for process in processes)


def drawn() -> dict[str, list[int]]:
    """Give every number that stands somewhere, by series."""
    found: dict[str, list[int]] = {}
    for table, name in PLACES:
        for row in rows(table):
            series, _, number = str(row[name]).rpartition("-")
            found.setdefault(series, []).append(int(number))
    for row in rows("study"):
        if number := row["student_number"]:
            season = "autumn" if int(number[8:]) > AUTUMN else "spring"
            found.setdefault(f"student{number[:2]}{season}", []).append(int(number[8:]) % AUTUMN)
    return found


def counted() -> dict[str, int]:
    """Give what every counter says was drawn last, as a number from 1 on."""
    return {_named(str(row["series"])): int(row["value"]) % AUTUMN for row in rows("counter")}


def _named(series: str) -> str:
    """A payment's lines have a series with another name."""
    return f"P{series.removeprefix('payment')}" if series.startswith("payment") else series


def faults() -> dict[str, list[str]]:
    """Name the series whose numbers stand twice, and those that have gaps."""
    found, last = drawn(), counted()
    doubled = [name for name, numbers in found.items() if len(numbers) > len(set(numbers))]
    gaps = [name for name, numbers in found.items() if set(numbers) != set(range(1, last.get(name, 0) + 1))]
    return {"doubled": doubled, "gaps": gaps}
