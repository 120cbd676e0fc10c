"""Two ways of doing the same, in turns, so that both meet the machine in the same moods.

The best turn counts: what else the machine does can only make a turn slower.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

Record = tuple[str, str]
Records = Sequence[Record]


@dataclass(frozen=True)
class Ways:
    """The same work done by hand and by ours."""

    by_hand: Callable[[Records], None]
    ours: Callable[[Records], None]


@dataclass(frozen=True)
class Figure:
    """What was measured: records a second by hand and by ours."""

    name: str
    by_hand: float
    ours: float
    goal: float | None

    @property
    def ratio(self) -> float:
        """Our rate as a share of the rate by hand."""
        return self.ours / self.by_hand

    @property
    def verdict(self) -> str:
        """Whether the goal is met, where there is one."""
        if self.goal is None:
            return "-"
        return "met" if self.ratio >= self.goal else "NOT MET"


def compare(name: str, ways: Ways, records: Records, goal: float | None, part: int) -> Figure:
    """Give half of the records to each way, `part` records a turn; the best turn of each counts."""
    half = len(records) // 2
    turns = list(zip(_parts(records[:half], part), _parts(records[half:], part), strict=True))
    spent = [(seconds(lambda h=h: ways.by_hand(h)), seconds(lambda o=o: ways.ours(o))) for h, o in turns]
    by_hand, ours = (min(column) for column in zip(*spent, strict=True))
    return Figure(name, part / by_hand, part / ours, goal)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work took."""
    began = perf_counter()
    work()
    return perf_counter() - began


def _parts(records: Records, size: int) -> Iterator[Records]:
    for start in range(0, len(records), size):
        yield records[start : start + size]
