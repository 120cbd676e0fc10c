"""Two real processes that take a step at the same moment, as often as asked."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from typing import Any

from edu_pilot import clock
from edu_pilot.services.perform import perform
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.app import Place, at_work, opened
from tests.races.protections import taken_away

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Step:
    """What one contestant tries in a round."""

    workflow: str
    reference: str
    action: str
    actor: Actor
    on: date
    given: Mapping[str, Any] = field(default_factory=dict)
    seen_version: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How it ended for one contestant: the state reached, or the sentences that refused it."""

    state: str | None
    sentences: tuple[str, ...] = ()
    error: str | None = None

    @property
    def won(self) -> bool:
        """Whether the step was taken."""
        return self.state is not None


Round = Callable[[int], Sequence[Step]]


def context() -> ForkServerContext:
    """Give processes that inherit no connection, forked from one that has everything imported."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.races.harness"])
    return found


def race(
    place: Place, steps_of: Round, rounds: int, *, without: Sequence[str] = (), contestants: int = 2
) -> list[tuple[Outcome, ...]]:
    """Let the contestants take each round's steps at once; give the outcomes of every round.

    `steps_of(n)` prepares round n and tells who tries what; `without` names protections that are
    taken away in the contestants. Every contestant keeps its database connection over all rounds.
    """
    with _contestants(place, without, contestants) as lines:
        return [_round(lines, steps_of(n)) for n in range(rounds)]


def _round(lines: Sequence[Connection], steps: Sequence[Step]) -> tuple[Outcome, ...]:
    for line, step in zip(lines, steps, strict=True):
        line.send(step)
    return tuple(_answer(line) for line in lines)


def _answer(line: Connection) -> Outcome:
    if not line.poll(PATIENCE_SECONDS):
        raise TimeoutError("a contestant hangs")
    outcome: Outcome = line.recv()
    if outcome.error:
        raise RuntimeError(outcome.error)
    return outcome


@contextmanager
def _contestants(place: Place, without: Sequence[str], number: int) -> Iterator[list[Connection]]:
    processes = context()
    start = processes.Barrier(number)
    with ExitStack() as ends:
        yield [ends.enter_context(_contestant(processes, place, without, start)) for _ in range(number)]


@contextmanager
def _contestant(
    processes: ForkServerContext, place: Place, without: Sequence[str], start: Barrier
) -> Iterator[Connection]:
    ours, theirs = processes.Pipe()
    process = processes.Process(target=contest, args=(place, without, start, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(PATIENCE_SECONDS)
        process.close()


def contest(place: Place, without: Sequence[str], start: Barrier, line: Connection) -> None:
    """Take one step after the other, each at the moment all contestants are ready."""
    with opened(place) as app, at_work(app), taken_away(without):
        while step := _next(line):
            start.wait(PATIENCE_SECONDS)
            line.send(_tried(step))


def _next(line: Connection) -> Step | None:
    try:
        step: Step = line.recv()
    except EOFError:
        return None
    return step


def _tried(step: Step) -> Outcome:
    try:
        with clock.on(step.on):
            done = perform(
                step.workflow, step.reference, step.action, step.actor, step.given, step.seen_version
            )
    except Refused as refused:
        return Outcome(None, tuple(reason.english() for reason in refused.reasons))
    except Exception as error:  # the test must see what broke, not a closed pipe
        return Outcome(None, error=repr(error))
    return Outcome(done.state)
