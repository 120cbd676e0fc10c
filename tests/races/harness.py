"""Two real processes that take a step at the same moment, as often as asked."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.synchronize import Barrier
from typing import Any

from edu_pilot import clock
from edu_pilot.services.perform import Done, create, perform
from edu_pilot.workflow.definition import CREATE
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.app import Place, at_work, opened
from tests.races.protections import taken_away

CONTESTANTS = 2
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


@dataclass(frozen=True)
class Arena:
    """Where a race is run: the installation, and the protections that are taken away."""

    place: Place
    without: tuple[str, ...]


class NoMoreRounds(Exception):
    """What the race was to show has happened; no further round is needed."""


StepsOf = Callable[[int], Sequence[Step]]
Rounds = list[tuple[Outcome, ...]]


@dataclass(frozen=True)
class Track:
    """The contestants' lines, for one race after the other."""

    lines: tuple[Connection, ...]

    def race(
        self,
        place: Place,
        steps_of: StepsOf,
        rounds: int,
        *,
        without: Sequence[str] = (),
        until: Callable[[Sequence[Outcome]], bool] = lambda _outcomes: False,
    ) -> Rounds:
        """Let the contestants take each round's steps at once; give the outcomes of every round.

        `steps_of(n)` prepares round n and tells who tries what, or raises NoMoreRounds; `without`
        names protections to take away, `until` ends the race early. Each contestant keeps its database
        connection over all rounds.
        """
        found: Rounds = []
        self._tell(Arena(place, tuple(without)))
        try:
            for n in range(rounds):
                found.append(self._round(steps_of(n)))
                if until(found[-1]):
                    break
        except NoMoreRounds:
            pass
        finally:
            self._tell(None)
        return found

    def _tell(self, arena: Arena | None) -> None:
        for line in self.lines:
            line.send(arena)
        for line in self.lines:
            _received(line)

    def _round(self, steps: Sequence[Step]) -> tuple[Outcome, ...]:
        for line, step in zip(self.lines, steps, strict=True):
            line.send(step)
        outcomes = tuple(_received(line) for line in self.lines)
        if errors := [outcome.error for outcome in outcomes if outcome.error]:
            raise RuntimeError("; ".join(errors))
        return outcomes


def _received(line: Connection) -> Any:
    if not line.poll(PATIENCE_SECONDS):
        raise TimeoutError("a contestant hangs")
    return line.recv()


@contextmanager
def track() -> Iterator[Track]:
    """Start the contestants; they inherit nothing and end with the block."""
    processes = multiprocessing.get_context("spawn")
    start = processes.Barrier(CONTESTANTS)
    with ExitStack() as ends:
        lines = [ends.enter_context(_contestant(processes, start)) for _ in range(CONTESTANTS)]
        yield Track(tuple(lines))


@contextmanager
def _contestant(processes: SpawnContext, start: Barrier) -> Iterator[Connection]:
    ours, theirs = processes.Pipe()
    process = processes.Process(target=contest, args=(start, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(PATIENCE_SECONDS)
        process.close()


def contest(start: Barrier, line: Connection) -> None:
    """Run one race after the other until the line is closed."""
    try:
        while arena := line.recv():
            with taken_away(arena.without), opened(arena.place) as app, at_work(app):
                _one_race(start, line)
            line.send(None)
    except EOFError:
        return


def _one_race(start: Barrier, line: Connection) -> None:
    """Take one step after the other, each at the moment all contestants are ready."""
    line.send(None)
    while step := line.recv():
        start.wait(PATIENCE_SECONDS)
        line.send(_tried(step))


def _take(step: Step) -> Done:
    if step.action == CREATE:
        return create(step.workflow, step.actor, step.given)
    return perform(step.workflow, step.reference, step.action, step.actor, step.given, step.seen_version)


def _tried(step: Step) -> Outcome:
    try:
        with clock.on(step.on):
            done = _take(step)
    except Refused as refused:
        return Outcome(None, tuple(reason.english() for reason in refused.reasons))
    except Exception as error:  # the test must see what broke, not a closed pipe
        return Outcome(None, error=repr(error))
    return Outcome(done.state)
