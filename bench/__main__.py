"""`python -m bench`: what a step and an import cost, as ratios, and what the rest is spent on."""

import argparse
from collections.abc import Callable, Iterator
from itertools import islice

from bench import documents, drivers, imports, instance, protections, reference, spent
from bench.measure import Figure, Record, Records, Ways, compare
from bench.steps import STEPS, TODAY, Step
from edu_pilot.extensions import read
from edu_pilot.services import audit
from edu_pilot.services.perform import perform, perform_many
from tests import postgres

GOAL_ONE, GOAL_MANY = 0.3, 0.2
A_COMMIT = 1000
TURNS_MANY = 3
TURN = 100


def main() -> int:
    """Measure on both databases and print; 1 where a goal is not met."""
    count = _records_asked()
    print(f"{count} records a figure and way; ratio = rate of perform / rate by hand, in one run")
    figures = [*_on_sqlite(count), *_on_postgresql(count), imports.figure()]
    _tell("SQLite: import", imports.shares())
    print(f"\n{'figure':58}{'by hand/s':>11}{'ours/s':>9}{'ratio':>7}{'goal':>6}  verdict")
    for figure in figures:
        print(_line(figure))
    protections.tell()
    drawn = documents.tell()
    return int(not drawn or any(f.verdict == "NOT MET" for f in figures))


def _records_asked() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--records", type=int, default=2000, help="per figure and way, in thousands")
    return max(1000, int(parser.parse_args().records) // A_COMMIT * A_COMMIT)


def _line(figure: Figure) -> str:
    goal = "-" if figure.goal is None else f"{figure.goal:.2f}"
    rates = f"{figure.by_hand:11,.0f}{figure.ours:9,.0f}"
    return f"{figure.name:58}{rates}{figure.ratio:7.2f}{goal:>6}  {figure.verdict}"


def _on_sqlite(count: int) -> list[Figure]:
    with instance.fresh() as app:
        return _measured("SQLite", lambda: drivers.sqlite(app), count)


def _on_postgresql(count: int) -> list[Figure]:
    programs = postgres.programs()
    if programs is None:
        raise SystemExit(postgres.WITHOUT_SERVER)
    with postgres.running_server(programs) as server:
        url = server.fresh_database("bench")
        with instance.fresh(url):
            return _measured("PostgreSQL", lambda: drivers.postgresql(url), count)


def _measured(database: str, connect: Callable[[], drivers.Bare], count: int) -> list[Figure]:
    """Measure both steps one by one and many at a time; the audit trail must verify at the end."""
    waiting = instance.fill(2 * count + 2 * TURNS_MANY * A_COMMIT + 3 * TURN + A_COMMIT)
    bare = connect()
    with bare.connection:
        figures = [
            figure for step in STEPS for figure in _of_step(database, bare, step, iter(waiting[step.workflow]), count)
        ]
    with read() as conn:
        if not audit.verify(conn).ok:
            raise SystemExit("the audit trail does not verify")
    return figures


def _of_step(database: str, bare: drivers.Bare, step: Step, waiting: Iterator[Record], count: int) -> Iterator[Figure]:
    one = Ways(lambda part: _one_by_one(bare, step, part), lambda part: _perform(step, part))
    many = Ways(lambda part: _at_once(bare, step, part), lambda part: _perform_many(step, part))
    compare("to warm up", one, _next(waiting, 2 * TURN), None, TURN)
    name = f"{database}, {step.action}"
    yield compare(f"{name}: perform", one, _next(waiting, 2 * count), GOAL_ONE, TURN)
    yield compare(f"{name}: perform_many", many, _next(waiting, 2 * TURNS_MANY * A_COMMIT), GOAL_MANY, A_COMMIT)
    for way, ours, part in (("perform", one.ours, TURN), ("perform_many", many.ours, A_COMMIT)):
        records = _next(waiting, part)
        _tell(f"{name}: {way}", spent.breakdown(lambda ours=ours, records=records: ours(records)))


def _tell(name: str, shares: list[tuple[str, float]]) -> None:
    print(f"\n{name}, what our time is spent on (under the profiler, which makes Python look dearer)")
    for what, share in shares:
        print(f"  {share:5.1%}  {what}")


def _next(waiting: Iterator[Record], number: int) -> Records:
    return list(islice(waiting, number))


def _one_by_one(bare: drivers.Bare, step: Step, part: Records) -> None:
    for _, number in part:
        reference.take(bare, step, [number], TODAY.isoformat())


def _at_once(bare: drivers.Bare, step: Step, part: Records) -> None:
    reference.take(bare, step, [number for _, number in part], TODAY.isoformat())


def _perform(step: Step, part: Records) -> None:
    for _, number in part:
        perform(step.workflow, number, step.action, step.actor)


def _perform_many(step: Step, part: Records) -> None:
    ids = [record for record, _ in part]
    for result in perform_many(step.workflow, ids, step.action, step.actor, chunk=A_COMMIT):
        if result.reasons:
            raise RuntimeError(f"{result.reference}: {result.reasons}")


if __name__ == "__main__":
    raise SystemExit(main())
