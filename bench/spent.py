"""What our time goes to, by cProfile: own time per place; a built-in's time belongs to its caller."""

import cProfile
import pstats
from collections import defaultdict
from collections.abc import Callable

Place = tuple[str, int, str]
# The first that occurs in a file's path names the part; the driver's calls are told by their name.
PARTS = (
    ("edu_pilot/rules/", "rules"),
    ("edu_pilot/services/facts/", "facts"),
    ("edu_pilot/services/effects/", "effects"),
    ("edu_pilot/services/numbers", "effects"),
    ("edu_pilot/workflow/", "engine"),
    ("/transitions/", "engine"),
    ("edu_pilot/services/vault", "sealing"),
    ("/cryptography/", "sealing"),
    ("edu_pilot/services/audit", "audit: JSON, hash"),
    ("/json/", "audit: JSON, hash"),
    ("edu_pilot/services/cases", "records as rules see them"),
    ("edu_pilot/services/documents", "documents"),
    ("edu_pilot/services/", "perform itself"),
    ("edu_pilot/clock", "perform itself"),
    ("edu_pilot/", "perform itself"),
    ("/sqlalchemy/pool", "SQLAlchemy: connection and transaction"),
    ("/sqlalchemy/event", "SQLAlchemy: connection and transaction"),
    ("/sqlalchemy/sql/", "SQLAlchemy: building and compiling"),
    ("/sqlalchemy/util/", "SQLAlchemy: building and compiling"),
    ("/sqlalchemy/", "SQLAlchemy: executing, rows"),
    ("/psycopg", "the database and its driver"),
    ("/encodings/", "the database and its driver"),
)
DRIVER = ("sqlite3.", "psycopg", "select.epoll", "_socket", "_psycopg", "pysqlite3")


def breakdown(work: Callable[[], object]) -> list[tuple[str, float]]:
    """Return each part's share of the time, the dearest first."""
    profile = cProfile.Profile()
    profile.runcall(work)
    shares: dict[str, float] = defaultdict(float)
    for place, (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if named := part_of(place):
            shares[named] += own
            continue
        for caller, (_, _, by_caller, _) in callers.items():
            shares[part_of(caller) or "other"] += by_caller
    whole = sum(shares.values())
    return sorted(((name, own / whole) for name, own in shares.items()), key=lambda pair: -pair[1])


def part_of(place: Place) -> str | None:
    """Return the part a function belongs to; None for a built-in that serves whoever calls it."""
    path, _, name = place
    if path == "~":
        return "the database and its driver" if any(word in name for word in DRIVER) else None
    return next((part for piece, part in PARTS if piece in path), None)
