"""One step on many records: what stands against each beforehand, and what became of each, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from edu_pilot.extensions import read
from edu_pilot.services import outbox, worklists
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import Result, objections, perform_many, rules_policy, unit_of, version_of
from edu_pilot.services.unit import Unit
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.reasons import N_, Malformed, Reason, blocked
from edu_pilot.workflow.registry import Actor, Attempt

NOT_FOUND = blocked(N_("There is no such case, or none that you may see."), code="not_found")


@dataclass(frozen=True)
class Outcome:
    """What became of every record that was named, in the order given."""

    results: tuple[Result, ...]

    @property
    def taken(self) -> list[Result]:
        """The records the step was taken on."""
        return [result for result in self.results if not result.reasons]

    @property
    def skipped(self) -> list[Result]:
        """The records the step was not taken on, each with its reasons."""
        return [result for result in self.results if result.reasons]

    @property
    def skipped_alike(self) -> list[tuple[tuple[Reason, ...], list[Result]]]:
        """The skipped ones by what stood against them, the most frequent first."""
        groups: list[tuple[tuple[Reason, ...], list[Result]]] = []
        for result in self.skipped:
            same = next((group for reasons, group in groups if reasons == result.reasons), None)
            if same is None:
                groups.append((result.reasons, [result]))
            else:
                same.append(result)
        return sorted(groups, key=lambda one: -len(one[1]))

    def in_state(self, *states: str) -> int:
        """Return how many of the taken ones stand in one of these states now."""
        return sum(result.state in states for result in self.taken)


def require_few(named: Sequence[str]) -> None:
    """Raise Malformed where more records are named than any page shows."""
    if len(named) > worklists.MOST:
        text = N_("At most %(most)s records can be sent at once.")
        raise Malformed([blocked(text, code="too_many", most=worklists.MOST)])


def against(conn: Connection, cases: Sequence[Case], action: str, actor: Actor) -> dict[str, Offer]:
    """Return the step, by row id, for every record that it leaves, with every reason that needs no input."""
    unit = unit_of(conn, actor)
    offers = ((case.id, _offer(unit, case, action, actor)) for case in cases)
    return {record: offer for record, offer in offers if offer is not None}


def _offer(unit: Unit, case: Case, name: str, actor: Actor) -> Offer | None:
    version = version_of(unit, case)
    engine = version.compiled.engines[case.workflow]
    action = engine.action(name)
    if case.state not in action.sources:
        return None
    attempt = Attempt(case, name, actor, {}, rules_policy(unit, version), unit.today)
    return Offer(action, engine.blockers(attempt, on_input=False))


def act(
    workflow: str, references: Sequence[str], action: str, actor: Actor, given: Mapping[str, Any] | None = None
) -> Outcome:
    """Take a step on every record named and what follows from it; of two for the last place the first named has it.

    Raises Malformed for more than a page holds.
    """
    require_few(references)
    wanted = list(dict.fromkeys(references))
    with read() as conn:
        ids = [case.id for case in worklists.chosen(conn, workflow, actor, wanted)]
    results = {result.reference: result for result in perform_many(workflow, ids, action, actor, given)}
    outbox.follow_up(outbox.FOLLOW_AT_ONCE)
    missing = {name: Result(name[:32], "", (NOT_FOUND,)) for name in wanted if name not in results}
    return Outcome(tuple((results | missing)[name] for name in wanted))


@dataclass(frozen=True)
class Row:
    """One row of a grid: the record, what was typed, what stands against it, and whether it was taken."""

    case: Case
    given: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    taken: bool = False

    @property
    def reference(self) -> str:
        """The record's reference."""
        return str(self.case.reference)


def enter(
    workflow: str,
    action: str,
    entered: Mapping[str, Mapping[str, str]],
    actor: Actor,
    *,
    dry_run: bool = False,
) -> dict[str, Row]:
    """Judge every row by its step's own guard and take the good ones; a dry run writes nothing.

    Returns the rows by reference. Raises Malformed for more than a page holds.
    """
    require_few(list(entered))
    with read() as conn:
        unit = unit_of(conn, actor)
        found = worklists.chosen(conn, workflow, actor, list(entered))
        rows = {c.reference: _judged(unit, c, action, entered[c.reference]) for c in found}
    return rows if dry_run else _saved(workflow, action, rows, actor)


def _judged(unit: Unit, case: Case, action: str, given: Mapping[str, str]) -> Row:
    return Row(case, given, objections(unit, case, action, given))


def _saved(workflow: str, action: str, rows: Mapping[str, Row], actor: Actor) -> dict[str, Row]:
    inputs = {row.case.id: row.given for row in rows.values() if not row.reasons}
    done = {r.reference: r for r in perform_many(workflow, list(inputs), action, actor, inputs=inputs)}
    outbox.follow_up(outbox.FOLLOW_AT_ONCE)
    return {name: _told(row, done.get(name)) for name, row in rows.items()}


def _told(row: Row, result: Result | None) -> Row:
    if result is None:
        return row
    return Row(row.case, row.given, result.reasons, taken=not result.reasons)
