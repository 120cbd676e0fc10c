"""G7: steps that meet at one moment end as if one had come after the other, whichever it was."""

from __future__ import annotations

from collections import Counter

from edu_pilot.extensions import read
from edu_pilot.services import audit
from edu_pilot.services.reconciliation import reconcile
from tests.app import Place
from tests.factories import Pilot
from tests.trust.constraints import drop_missed
from tests.trust.figures import figure, seed, size
from tests.trust.pairs import DAY, PAIRS, Hall, Pair, hall
from tests.trust.servers import served

DATABASES = 2
# A dear pair is raced so many times less often.
DEAR = 10


def test_only_what_one_after_the_other_could_bring(any_place: Place, any_pilot: Pilot) -> None:
    """Answers, states, sums and trail of each race are those of one of its serial orders."""
    drop_missed()
    number = seed("G7")
    with (
        figure("G7", number, "postgresql" if any_place.url else "sqlite") as told,
        served(any_place, workers=2, on=DAY) as site,
        hall(any_pilot, site) as made,
    ):
        orders = {pair.name: _raced(made, pair, rounds) for pair, rounds in _rounds().items()}
        told(pairs=len(orders), rounds=sum(sum(found) for found in orders.values()))
        told(**{name: ":".join(map(str, found)) for name, found in orders.items()})
        told(entries=_sound())


def _rounds() -> dict[Pair, int]:
    """Share the rounds out, so that every pair has one at least."""
    weight = sum(1 if pair.dear else DEAR for pair in PAIRS)
    each = size("G7") / DATABASES / weight
    return {pair: max(1, round(each * (1 if pair.dear else DEAR))) for pair in PAIRS}


def _raced(made: Hall, pair: Pair, rounds: int) -> list[int]:
    """Race a pair and give how often it ended as each of its orders does."""
    serial = made.serial(pair)
    assert {outcome.answers for outcome in serial} == pair.law, (pair.name, serial)
    found = Counter[object]()
    for n in range(rounds):
        outcome = made.race(pair)
        assert outcome in serial, f"{pair.name}, round {n}: {outcome} is none of {serial}"
        found[outcome] += 1
    return sorted(found.values(), reverse=True)


def _sound() -> int:
    """Hold trail and money together at the end; give the number of entries."""
    with read() as conn:
        verdict, account = audit.verify(conn), reconcile(conn)
    assert verdict.ok, verdict
    assert account.ok and account.difference_fen == 0 and account.paid_fen > 0, account
    return verdict.entries
