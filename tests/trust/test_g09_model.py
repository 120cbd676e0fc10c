"""G9: whatever anybody tries on any record on any day, the product answers as the rulebook's second statement says."""

from __future__ import annotations

import inspect
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest

from tests.app import Place
from tests.trust import walk_template
from tests.trust.client import Caller
from tests.trust.figures import RESULTS, column, figure, seed, size
from tests.trust.guards.g09 import BUGS, DAYS, WHERE
from tests.trust.model import ROLES, STATES, STEPS, Step, working_days_after
from tests.trust.servers import served
from tests.trust.walk import Disagreement, Template, Walk, cells_there_are
from tests.trust.walk_steps import Chooser

# Steps of one walk; a longer one comes to rarer states, a shorter one is told in fewer steps when it fails.
STEPS_OF_A_WALK = 250
# Every so many walks go over a real server process, on one day.
OVER_HTTP = 10
COMPARED_EVERY = 50
REPLAYS = 60
# Walks at most in which a planted bug is to show, and those that show at once.
BUG_WALKS = 16
QUICK = ["every_role_may", "one_reason_at_a_time", "versions_are_not_compared"]
PARTS = 1
MEMORY = Path("/dev/shm")


@dataclass
class Start:
    """Where the walks begin: made when it is first asked for, so that what differs on the way fails a test."""

    source: Place
    folder: Path

    @cached_property
    def template(self) -> Template:
        """Return the populated installation."""
        return walk_template.make(self.source, self.folder / "template")


@pytest.fixture(scope="module")
def start(sqlite_template: Place) -> Iterator[Start]:
    """Give the place of the walks, in memory where there is some: nothing here is about the disk."""
    folder = Path(tempfile.mkdtemp(prefix="walk", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield Start(sqlite_template, folder)
    finally:
        shutil.rmtree(folder)


def test_every_state_is_there_from_the_start(start: Start) -> None:
    found = {(case.workflow, case.state) for case in start.template.world.cases.values()}
    assert found == {(workflow, state) for workflow, states in STATES.items() for state in states}


def test_product_and_model_agree(start: Start) -> None:
    cells, statuses, steps = Counter[tuple[str, str, str, str]](), Counter[int](), 0
    with figure("G9", seed("G9")) as told:
        number = 0
        while steps < size("G9"):
            many = min(STEPS_OF_A_WALK, size("G9") - steps)
            statuses += _walk(start.template, number, many, cells)
            steps, number = steps + many, number + 1
            told(steps=steps, walks=number, **{f"answered_{code}": n for code, n in sorted(statuses.items())})
            told(disagreements=0, cells=len(cells), of=len(cells_there_are()))
        _tell(cells)
    assert set(statuses) == {200, 201, 403, 404, 409, 422}
    assert set(cells) <= cells_there_are()
    assert len(cells) >= (1_000 if column() == "small" else len(cells_there_are()))


def _walk(template: Template, number: int, many: int, cells: Counter[tuple[str, str, str, str]]) -> Counter[int]:
    """Walk once from a seed of its own; tell a disagreement in as few steps as lead to it."""
    chooser = Chooser(random.Random(f"{seed('G9')}.{number}"), cells)
    over_http = number % OVER_HTTP == OVER_HTTP - 1
    with template.copied(template.place.data.parent / f"walk{number}", cells) as walk, ExitStack() as stack:
        walk.day = chooser.begins(walk.day)
        if over_http:
            _serve(walk, stack)
        try:
            for n in range(many):
                chooser.go_on(walk, travels=not over_http)
                if n % COMPARED_EVERY == COMPARED_EVERY - 1:
                    walk.compare()
            walk.compare()
        except Disagreement as found:
            pytest.fail(f"walk {number}, step {len(walk.taken)}: {found}\n{_shortest(template, walk.taken)}")
        return walk.statuses


def _serve(walk: Walk, stack: ExitStack) -> None:
    """Let everybody who has a token ask a real server process."""
    site = stack.enter_context(served(walk.hands.place, workers=1, on=walk.day))
    walk.hands.callers = {name: Caller(site.base, token) for name, token in walk.hands.tokens.items()}
    for caller in walk.hands.callers.values():
        stack.callback(caller.line.close)


def _shortest(template: Template, taken: list[Step]) -> str:
    """Leave out whatever does not lead to a disagreement, in halves, quarters and so on."""
    steps, left, part = list(taken), REPLAYS, len(taken) // 2
    while part and left:
        for start in range(0, len(steps) - 1, part):
            shorter = steps[:start] + steps[start + part :]
            left -= 1
            if left and _disagree(template, shorter):
                steps = shorter
                break
        else:
            part //= 2
    return "in short:\n" + "\n".join(map(str, steps))


def _disagree(template: Template, steps: list[Step]) -> bool:
    with template.copied(template.place.data.parent / "again", Counter()) as walk:
        try:
            for step in steps:
                walk.again(step)
            walk.compare()
        except Disagreement:
            return True
    return False


def _tell(cells: Counter[tuple[str, str, str, str]]) -> None:
    """Print how much of each workflow and role was reached, and keep in a campaign what was not."""
    every, reached = cells_there_are(), set(cells)
    for workflow in STATES:
        parts = []
        for role in ROLES:
            mine = {cell for cell in every if cell[0] == workflow and cell[3] == role}
            parts.append(f"{role} {100 * len(mine & reached) // len(mine)}")
        print(f"G9 {workflow:13} % of states × actions: {' · '.join(parts)}")
    if column() != "small":
        folder = RESULTS / column()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "G9-not-reached.json").write_text(json.dumps(sorted(every - reached)), "utf-8")


@pytest.mark.parametrize("part", range(PARTS))
def test_planted_bugs_are_noticed(start: Start, part: int) -> None:
    """In `make test` a few that show at once; in a campaign all of them, each within so many steps."""
    names = QUICK if column() == "small" else sorted(BUGS)
    steps, missed, template = Counter[str](), [], start.template
    with figure("G9", seed("G9"), f"planted-{part}") as told:
        for name in names[part::PARTS]:
            with contextmanager(BUGS[name])():
                steps[name] = _until_noticed(template, name)
            missed += [] if steps[name] else [name]
            told(planted=len(steps), noticed=len(steps) - len(missed), steps=steps.total(), missed=",".join(missed))
    assert len(missed) <= len(steps) // 20, missed


def _until_noticed(template: Template, name: str) -> int:
    """Walk until a step shows the bug; return how many it took, 0 for never."""
    cells, taken = Counter[tuple[str, str, str, str]](), 0
    for number in range(BUG_WALKS):
        chooser = Chooser(random.Random(f"{seed('G9')}.{name}.{number}"), cells, where(name))
        with template.copied(template.place.data.parent / "bug", cells) as walk:
            walk.day = DAYS.get(name, walk.day)
            try:
                for _n in range(STEPS_OF_A_WALK):
                    chooser.go_on(walk)
                walk.compare()
            except Disagreement:
                return taken + len(walk.taken)
            taken += len(walk.taken)
    return 0


def where(name: str) -> list[tuple[str, str]]:
    """Return the steps at which a bug is looked for: those it is listed under, or whose model names the rule."""
    return list(WHERE.get(name) or [key for key, rule in STEPS.items() if f"{name}=" in inspect.getsource(rule.run)])


# The calendar that both sides count by.


def test_working_days_are_those_of_the_notices() -> None:
    assert working_days_after(date(2025, 9, 26), 2) == date(2025, 9, 29)
    assert working_days_after(date(2026, 2, 13), 3) == date(2026, 2, 25)
