"""G2: each act is killed at its writes, syncs, renames and unlinks; nothing is lost, half done or done twice."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest

from edu_pilot.extensions import db
from edu_pilot.services import accounts, sweep
from edu_pilot.services.actors import OPERATOR
from tests.app import Place, at_work, opened
from tests.people import STAFF
from tests.trust.figures import column, figure, seed, size
from tests.trust.lives import DAY, LIVES, Act, Supply, supplied
from tests.trust.soundness import Ledger, opened_ledger, require_sound, ten_minutes_pass
from tests.trust.syscalls import Programs, Watch, carried_out, put_back
from tests.trust.test_g04_faults import WITHOUT_ROOT, WITHOUT_STRACE


@dataclass(frozen=True)
class Moment:
    """An act, and a copy of the installation as it is right before."""

    act: Act
    kept: Path


Found = TypeVar("Found")
# An act's moment, and the call at which the process ends.
Point = tuple[Moment, str, int]


@dataclass
class Bench:
    """One installation that is put back again and again."""

    place: Place
    programs: Programs
    folder: Path

    def moments(self, supply: Supply) -> Iterator[Moment]:
        """Go through every life once, and keep the installation before each act that leaves something."""
        chance, count = random.Random(seed("G2")), 0
        for life in LIVES:
            lived = life(supply, chance)
            act = next(lived)
            while True:
                if act.traces or act.path.endswith(".pdf"):
                    count += 1
                    yield Moment(act, self._kept(f"{count:03d}"))
                answer = self.programs.ask(act, f"before {count} {act.path}"[:200])
                assert answer.status < 300, f"{act}: {answer.body}"
                try:
                    act = lived.send(answer.body)
                except StopIteration:
                    break

    def _kept(self, name: str) -> Path:
        self.close()
        return Path(shutil.copytree(self.place.data, self.folder / name))

    def close(self) -> None:
        """Let nobody have the database open."""
        with self.programs.app.app_context():
            db.engine.dispose()

    def points(self, moment: Moment) -> list[Point]:
        """Count the calls an act makes, and give each as a point."""
        self._put_back(moment)
        watch = Watch.counting(self.folder / "calls")
        answer = carried_out(self.programs, moment.act, "counted", watch)
        assert answer.seen and answer.status < 300, f"{moment.act}: {answer.body}"
        return [(moment, call, n) for call, count in sorted(watch.calls().items()) for n in range(1, count + 1)]

    def _put_back(self, moment: Moment) -> None:
        self.close()
        put_back(moment.kept, self.place.data)

    def survives(self, point: Point) -> bool:
        """Kill an act, and hold what is left against what it told; return whether it was killed before it told it."""
        moment, call, number = point
        self._put_back(moment)
        ledger = self._within(opened_ledger)
        key = ledger.begin(moment.act)
        self.close()
        answer = carried_out(self.programs, moment.act, key, Watch.killing(self.folder / "killed", call, number))
        if answer.seen:
            ledger.answered(key, answer)
        self._within(lambda: require_sound(ledger))
        self._within(ten_minutes_pass)
        again = self.programs.ask(moment.act, key)
        assert again.status < 300, f"{again.status} {again.body}"
        if answer.seen and moment.act.method == "POST":
            assert (again.status, again.body) == (answer.status, answer.body)
        ledger.answered(key, again)
        self._within(lambda: _require_swept(ledger))
        return not answer.seen

    def _within(self, work: Callable[[], Found]) -> Found:
        with at_work(self.programs.app, DAY):
            return work()


def _require_swept(ledger: Ledger) -> None:
    """A day later the sweep has cleaned up what belongs to no row."""
    require_sound(ledger)
    with mock.patch.object(sweep, "OLD_ENOUGH", timedelta(0)):
        assert sweep.sweep().missing == ()
        assert sweep.look().orphans == ()


@pytest.fixture
def bench(sqlite_place: Place, tmp_path: Path) -> Iterator[tuple[Bench, Supply]]:
    """Give an installation with everything that the lives begin with, and what they draw from."""
    if shutil.which("strace") is None:
        pytest.skip(WITHOUT_STRACE)
    if os.geteuid() != 0:
        pytest.skip(WITHOUT_ROOT)
    with opened(sqlite_place) as app:
        with at_work(app, DAY):
            supply = supplied(studies=1, claims=2, certificates=1)
            tokens = {member.account: accounts.token(member.account, OPERATOR) for member in STAFF}
        (tmp_path / "kept").mkdir()
        yield Bench(sqlite_place, Programs(app, tokens), tmp_path / "kept"), supply


def test_an_act_killed_at_any_call_to_the_disk_is_whole_or_not_there(bench: tuple[Bench, Supply]) -> None:
    """R6.1, R5.8: killed before a write, sync, rename or unlink, and asked for once more."""
    made, supply = bench
    with figure("G2", seed("G2")) as told:
        moments = list(made.moments(supply))
        every = [point for moment in moments for point in made.points(moment)]
        chosen, killed = _spread(every), 0
        told(acts=len(moments), calls=len(every), kinds=dict(Counter(call for _, call, _ in every)))
        for n, point in enumerate(chosen):
            try:
                killed += made.survives(point)
            except AssertionError as fault:
                raise AssertionError(f"{point[0].act}, killed at {point[1]} {point[2]}: {fault}") from None
            told(points=n + 1, before_the_answer=killed)
    assert killed > len(chosen) // 2


def _spread(every: Sequence[Point]) -> Sequence[Point]:
    """Give all points at release size, else some: as many of each kind of call, evenly over the acts."""
    if column() == "release":
        return every
    kinds: dict[str, list[Point]] = {}
    for point in every:
        kinds.setdefault(point[1], []).append(point)
    chosen: list[Point] = []
    # The rare ones first: what they leave the others share.
    for left, points in zip(range(len(kinds), 0, -1), sorted(kinds.values(), key=len), strict=True):
        wanted = min((size("G2") - len(chosen)) // left, len(points))
        chosen += [points[n * len(points) // wanted] for n in range(wanted)]
    return chosen
