"""How large a trust test runs, from which seed, and the figures it leaves behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

# Rounds in `make test`, in `make campaign-ci`, and at release.
SIZES = {
    "G1": (2, 100, 1_000),
    "G2": (30, 200, 1_000),
    "G3": (300, 20_000, 200_000),
    "G4": (6, 100, 1_000),
    "G5": (1, 5, 100),
    "G6": (64, 3_200, 64_000),
    "G7": (8, 1_600, 100_000),
    "G8": (160, 2_000, 32_000),
    "G9": (3_000, 50_000, 2_000_000),
    "G10": (60, 1_000, 10_000),
    "G11": (500, 500, 50_000),
    "G12": (300, 20_000, 500_000),
    "G14": (40, 150, 150),
    "G17": (1, 2, 20),
    "G18": (200, 5_000, 100_000),
    "G19": (200, 200, 200),
    "G20": (20, 1_000, 1_000),
    "G21": (200, 2_000, 100_000),
    "G23": (6, 100, 10_000),
    "G25": (1, 1, 1),
    # Characters of each block of ideographs; the largest has 42,711.
    "fonts": (60, 2_000, 50_000),
}
COLUMNS = ("small", "ci", "release")
RESULTS = Path("results/trust")


def column() -> str:
    """Return which size runs: small, ci or release."""
    chosen = os.environ.get("EDU_PILOT_CAMPAIGN") or "small"
    if chosen not in COLUMNS:
        raise ValueError(f"EDU_PILOT_CAMPAIGN: {chosen!r} is not one of {', '.join(COLUMNS)}")
    return chosen


def size(test: str) -> int:
    """Return the number of rounds of a goal, e.g. `size("G10")`."""
    return SIZES[test][COLUMNS.index(column())]


def seed(test: str) -> int:
    """Return the seed of a goal: fixed, unless EDU_PILOT_SEED names another."""
    return int(os.environ.get("EDU_PILOT_SEED") or SIZES[test][0])


@contextmanager
def figure(test: str, seed: int, part: str = "") -> Iterator[Callable[..., None]]:
    """Give a function that takes the figures by name; print them at the end, and keep them in a campaign.

    A test of several parts (databases, say) names its part. What a broken test counted is printed too.
    """
    counted: dict[str, object] = {}
    start, ended = time.perf_counter(), "broken off"
    try:
        yield lambda **more: counted.update(more)
        ended = "held"
    finally:
        seconds = round(time.perf_counter() - start, 1)
        words = " ".join(f"{name}={value}" for name, value in counted.items())
        print(f"\n{test} {part} {column()} seed {seed}: {words} · {ended} · {seconds} s")
        _keep({"test": test, "part": part, "seed": seed, "seconds": seconds, "ended": ended, "figures": counted})


def _keep(result: dict[str, object]) -> None:
    if column() == "small":
        return
    folder = RESULTS / column()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result['test']}-{result['part'] or 'all'}.json"
    result |= {"on": date.today().isoformat(), "column": column()}
    (folder / name).write_text(json.dumps(result, default=str, ensure_ascii=False), "utf-8")
