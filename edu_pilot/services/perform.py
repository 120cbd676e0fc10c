"""The one place that writes a record's state: guard, change, effects, documents, audit, one commit (R6.1).

Whatever acts on a record comes through here: pages, API, command line, batches, follow-ups, the calendar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from edu_pilot.extensions import read, write
from edu_pilot.models import AuditEntry
from edu_pilot.models.base import new_id
from edu_pilot.services import alerts, answers, audit, cases, documents, fitting, numbers, policies
from edu_pilot.services.canonical import canonical
from edu_pilot.services.cases import Case
from edu_pilot.services.unit import Change, LostRace, Unit
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import require_visible
from edu_pilot.workflow.definition import CREATE, NOWHERE, Action, Definition
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.reasons import N_, Conflict, Malformed, Reason, Refused, Stale, blocked
from edu_pilot.workflow.registry import Actor, Attempt, shipped

ENTRY = AuditEntry.__table__
Outcome = TypeVar("Outcome")
# Deadlock and failed serialisation: PostgreSQL chose this one of two to step back.
_STEPPED_BACK = ("40P01", "40001")
_CONFLICT = blocked(N_("Someone else was working on the same case at this moment; please try again."), code="conflict")


@dataclass(frozen=True)
class Done:
    """A step that was taken."""

    workflow: str
    record_id: str
    reference: str
    state: str


@dataclass(frozen=True)
class Result:
    """What became of one record in a batch: done, or refused with its reasons."""

    reference: str
    state: str
    reasons: tuple[Reason, ...] = ()


class UnknownAction(cases.NotFound):
    """The workflow has no action of that name."""


def perform(
    workflow: str,
    reference: str,
    action: str,
    actor: Actor,
    given: Mapping[str, Any] | None = None,
    seen_version: int | None = None,
    *,
    cause: int | None = None,
    also: Callable[[Connection], None] | None = None,
) -> Done:
    """Take one step on one record in one commit.

    Raises NotFound, Stale, Forbidden, Malformed or Refused, and then nothing is left behind.
    A step that lost a race nobody could see on a page is tried once more.
    """

    def step(conn: Connection) -> Done:
        unit = Unit(conn, actor, _child, cause)
        case = cases.by_reference(conn, unit.vault, workflow, reference, lock=True)
        done = _step(unit, case, action, given or {}, seen_version)
        if also:
            also(conn)
        unit.close()
        return done

    with alerts.told(workflow, actor, {"reference": reference}):
        return _twice(step)


def create(workflow: str, actor: Actor, given: Mapping[str, Any]) -> Done:
    """Bring a record into being in its initial state; the same guards and the same one commit."""

    def step(conn: Connection) -> Done:
        unit = unit_of(conn, actor)
        done = birth(unit, workflow, given)
        unit.close()
        return done

    cases.table(workflow)
    with alerts.told(workflow, actor, given):
        return _twice(step)


def _twice(step: Callable[[Connection], Outcome]) -> Outcome:
    try:
        return _once(step)
    except LostRace:
        pass
    try:
        return _once(step)
    except LostRace:
        raise Conflict([_CONFLICT]) from None


def _once(step: Callable[[Connection], Outcome]) -> Outcome:
    with _racing() as conn:
        return step(conn)


@contextmanager
def _racing() -> Iterator[Connection]:
    """Open one writing transaction; however the database says that somebody else was first, it is LostRace."""
    try:
        with write() as conn:
            yield conn
    except IntegrityError as error:
        raise LostRace from error
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) in _STEPPED_BACK:
            raise LostRace from error
        raise


def perform_many(
    workflow: str,
    ids: Sequence[str],
    action: str,
    actor: Actor,
    given: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    chunk: int = 1000,
) -> Iterator[Result]:
    """Take the same step on many records, a commit per chunk; yield what became of each, in the given order.

    Of two that want the last place the first given has it. `inputs` holds, by row id, what is not the same for all.
    """
    each = defaultdict(lambda: given or {}, inputs or {})
    for start in range(0, len(ids), chunk):
        part = ids[start : start + chunk]
        try:
            yield from _chunk(workflow, part, action, actor, each)
        except LostRace:
            yield from _singly(workflow, part, action, actor, each)


# The input of a step by the row id of its record.
Inputs = Mapping[str, Mapping[str, Any]]


def _chunk(workflow: str, ids: Sequence[str], action: str, actor: Actor, each: Inputs) -> list[Result]:
    with _racing() as conn:
        unit = unit_of(conn, actor)
        # Locked in id order, whatever the order of work: two batches must not wait for each other.
        found = cases.by_ids(conn, unit.vault, workflow, sorted(ids), lock=True)
        results = [_tried(unit, case, action, each[case.id]) for case in _in_order(found, ids)]
        unit.close()
    return results


def _in_order(found: Sequence[Case], ids: Sequence[str]) -> list[Case]:
    known = {case.id: case for case in found}
    return [known[record] for record in ids if record in known]


def _tried(unit: Unit, case: Case, action: str, given: Mapping[str, Any]) -> Result:
    try:
        change, step = _decided(unit, case, action, given)
    except Refused as refused:
        return Result(case.reference, case.state, refused.reasons)
    try:
        done = _taken(change, step)
    except Refused as refused:
        # Its effects have written: only a transaction of its own leaves nothing of it behind.
        raise LostRace from refused
    return Result(done.reference, done.state)


def _singly(workflow: str, ids: Sequence[str], action: str, actor: Actor, each: Inputs) -> Iterator[Result]:
    with read() as conn:
        stored = _in_order(cases.by_ids(conn, vault(), workflow, ids), ids)
        found = [(c.reference, c.state, each[c.id]) for c in stored]
    for reference, state, given in found:
        try:
            done = perform(workflow, reference, action, actor, given)
        except Refused as refused:
            yield Result(reference, state, refused.reasons)
        else:
            yield Result(reference, done.state)


def enter_many(
    workflow: str,
    given: Sequence[Mapping[str, Any]],
    action: str,
    actor: Actor,
    *,
    inputs: Sequence[Mapping[str, Any]] = (),
    chunk: int = 500,
) -> Iterator[Result]:
    """Create many records and take their first step, both in one commit; yield what became of each.

    Of a refused one nothing is kept, not even the draft. `inputs` are the steps' own, in the same order.
    """
    pairs: list[Entering] = [(one, inputs[n] if inputs else {}) for n, one in enumerate(given)]
    for start in range(0, len(pairs), chunk):
        part = pairs[start : start + chunk]
        try:
            yield from _entered(workflow, part, action, actor)
        except (LostRace, Refused):
            for one in part:
                yield _entered_alone(workflow, one, action, actor)


# What a record is created from, and the input of its first step.
Entering = tuple[Mapping[str, Any], Mapping[str, Any]]


def _entered(workflow: str, given: Sequence[Entering], action: str, actor: Actor) -> list[Result]:
    return _once(lambda conn: _entering(conn, workflow, given, action, actor))


def _entering(conn: Connection, workflow: str, given: Sequence[Entering], action: str, actor: Actor) -> list[Result]:
    unit = unit_of(conn, actor)
    born = [(birth(unit, workflow, one).record_id, step) for one, step in given]
    found = {c.id: c for c in cases.by_ids(conn, unit.vault, workflow, [record for record, _ in born])}
    done = [_step(unit, found[record], action, step, None) for record, step in born]
    unit.close()
    return [Result(d.reference, d.state) for d in done]


def _entered_alone(workflow: str, given: Entering, action: str, actor: Actor) -> Result:
    try:
        return _twice(lambda conn: _entering(conn, workflow, [given], action, actor))[0]
    except Refused as refused:
        return Result("", "", refused.reasons)


def _step(unit: Unit, case: Case, action_name: str, given: Mapping[str, Any], seen_version: int | None) -> Done:
    return _taken(*_decided(unit, case, action_name, given, seen_version))


def _decided(
    unit: Unit, case: Case, action_name: str, given: Mapping[str, Any], seen_version: int | None = None
) -> tuple[Change, Action]:
    """Judge a step without writing anything; raise Refused where it is blocked."""
    require_visible(unit.actor, case)
    version = version_of(unit, case)
    engine = version.compiled.engines[case.workflow]
    if seen_version is not None and seen_version != case.version:
        raise Stale([_moved_on(unit.conn, case, engine.definition)])
    action = _known(engine, action_name)
    attempt, to_state = _judged(unit, case, version, action, given)
    engine.require_fresh(attempt)
    change = Change(unit, attempt, version, case.workflow, case.id, case.reference, to_state)
    if not case.pinned:
        # What a draft is judged by is what its row names: the database checks its step against that, too.
        change.values |= {"policy_version_id": version.id, "pinned": engine.definition.pinned_at == action_name}
    return change, action


def _taken(change: Change, action: Action) -> Done:
    """Do what was decided: effects, the record's row, documents, the entry."""
    _apply(change, action)
    _write(change, action)
    _finish(change, action, change.case.state)
    return Done(change.workflow, change.record_id, change.reference, change.to_state)


def _judged(
    unit: Unit, case: Case, version: policies.Version, action: Action, given: Mapping[str, Any]
) -> tuple[Attempt, str]:
    """Return the attempt with its typed input and the state it leads to; raises what stands against it."""
    engine = version.compiled.engines[case.workflow]
    attempt = Attempt(case, action.name, unit.actor, {}, rules_policy(unit, version), unit.today)
    engine.permit(attempt)
    attempt = Attempt(case, action.name, unit.actor, answers.read(action.needs, given), attempt.policy, unit.today)
    return attempt, engine.decide(attempt)


def objections(unit: Unit, case: Case, action_name: str, given: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return what stands against a step, by the very guard the step has, and take none."""
    version = version_of(unit, case)
    action = _known(version.compiled.engines[case.workflow], action_name)
    try:
        _judged(unit, case, version, action, given)
    except Refused as refused:
        return refused.reasons
    return ()


def objections_to_birth(unit: Unit, workflow: str, given: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return what stands against a new record as far as it is given, by the very rules its birth has."""
    version = policies.at_birth(unit.conn, in_force(unit), workflow, given, unit.actor)
    attempt = Attempt(_blank(unit, workflow), CREATE, unit.actor, given, rules_policy(unit, version), unit.today)
    return version.compiled.engines[workflow].blockers(attempt, on_input=True)


def _blank(unit: Unit, workflow: str) -> Case:
    return cases.candidate(unit.conn, unit.vault, workflow, [{"id": new_id(), "state": NOWHERE}])[0]


def birth(
    unit: Unit,
    workflow: str,
    given: Mapping[str, Any],
    version: policies.Version | None = None,
    *,
    guarded: bool = True,
) -> Done:
    """Create a record inside a transaction; an effect that opens a child passes its parent's version."""
    version = version or policies.at_birth(unit.conn, in_force(unit), workflow, given, unit.actor)
    engine = version.compiled.engines[workflow]
    action = engine.definition.create
    blank = _blank(unit, workflow)
    attempt = Attempt(blank, CREATE, unit.actor, given, rules_policy(unit, version), unit.today)
    if guarded:
        engine.permit(attempt)
        attempt = Attempt(blank, CREATE, unit.actor, answers.read(action.needs, given), attempt.policy, unit.today)
        engine.decide(attempt)
        engine.require_fresh(attempt)
    change = Change(unit, attempt, version, workflow, blank.id, "", engine.definition.initial)
    change.values |= _born(unit, engine, version)
    _apply(change, action)
    change.reference = _referenced(change, engine.definition)
    change.conn.execute(cases.table(workflow).insert(), change.values)
    _insert_rows(change)
    _finish(change, action, NOWHERE)
    return Done(workflow, change.record_id, change.reference, change.to_state)


def _child(parent: Change, workflow: str, given: Mapping[str, Any]) -> str:
    return birth(parent.unit, workflow, given, parent.version, guarded=False).reference


def _born(unit: Unit, engine: Engine, version: policies.Version) -> dict[str, Any]:
    return {
        "state": engine.definition.initial,
        "version": 1,
        "policy_version_id": version.id,
        "pinned": engine.definition.pinned_at is None,
        "created_on": unit.today,
        "created_at": unit.now,
        "created_by": unit.actor.name,
        "creator_key": unit.actor.person_key,
        "since_on": unit.today,
    }


def _referenced(change: Change, definition: Definition) -> str:
    intake = change.values.get("intake") or change.note.pop("intake", None)
    period = intake or change.unit.today.strftime("%y%m")
    reference = numbers.reference(change.conn, definition.prefix, period, definition.digits)
    change.values |= {"id": change.record_id, "reference": reference}
    return reference


def _known(engine: Engine, action: str) -> Action:
    try:
        return engine.definition.actions[action]
    except KeyError:
        raise UnknownAction(action) from None


def _apply(change: Change, action: Action) -> None:
    for name in action.effects:
        shipped.effects[name](change)
    _require_fit(change)


def _require_fit(change: Change) -> None:
    if faults := fitting.too_long(cases.table(change.workflow), change.values):
        raise Malformed(faults)


def _write(change: Change, action: Action) -> None:
    """Move the record on, but only from where it was seen; a sealed step that moves nothing leaves the version."""
    case, records = change.case, cases.table(change.workflow)
    moved = change.to_state != case.state
    values: dict[str, Any] = {"state": change.to_state, **change.values}
    if moved:
        values["since_on"] = change.unit.today
    values["version"] = _next_version(change, action)
    seen = {"seen_id": case.id, "seen_state": case.state, "seen_version": case.version}
    if change.conn.execute(_move(records), values | seen).rowcount != 1:
        raise LostRace
    _insert_rows(change)


def _next_version(change: Change, action: Action) -> int:
    """Return the record's version after the step; one that leaves no sign for others does not raise it."""
    if action.name == CREATE:
        return 1
    version: int = change.case.version
    return version if _hidden(change, action, change.case.state) else version + 1


def _hidden(change: Change, action: Action, from_state: str) -> bool:
    definition = change.version.compiled.definition(change.workflow)
    return definition.hides(action.name, from_state, change.to_state)


@cache
def _move(records: sa.Table) -> sa.Update:
    """Return the conditional UPDATE of a table; one object, so that it is compiled once per set of columns."""
    seen = [records.c[name] == sa.bindparam(f"seen_{name}") for name in ("id", "state", "version")]
    return records.update().where(*seen)


def _insert_rows(change: Change) -> None:
    for table, rows in change.rows:
        change.conn.execute(table.insert(), rows)


def _finish(change: Change, action: Action, from_state: str) -> None:
    for kind in action.issues:
        documents.issue(change, kind)
    change.unit.entries.append(
        audit.Entry(
            actor=change.unit.actor.name,
            workflow=change.workflow,
            reference=change.reference,
            action=action.name,
            from_state=from_state,
            to_state=change.to_state,
            policy_version=change.version.number,
            input=_recorded(change, action, from_state) | change.note,
            cause=change.unit.cause,
            record_version=_next_version(change, action),
        )
    )


def _recorded(change: Change, action: Action, from_state: str) -> dict[str, Any]:
    """Return the input as the audit keeps it: personal values as a row id, a sealed check without its content."""
    if _hidden(change, action, from_state):
        return {}
    personal = {n.name for n in action.needs if n.personal}
    plain = {name: _plain(v) for name, v in change.input.items() if name not in personal}
    private = {name: _plain(v) for name, v in change.input.items() if name in personal}
    if private:
        plain["private"] = change.unit.keep_private(canonical(private))
    return plain


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def unit_of(conn: Connection, actor: Actor) -> Unit:
    """Return a transaction's unit of work for an actor; a reader never closes it."""
    return Unit(conn, actor, _child)


def version_of(unit: Unit, case: Case) -> policies.Version:
    """Return the policy version a case is judged by: its own, or the one in force while it is a draft."""
    current = in_force(unit)
    return (
        policies.with_present_points(policies.of(unit.conn, case.policy_version_id), current)
        if case.pinned
        else current
    )


def in_force(unit: Unit) -> policies.Version:
    """Return the version in force today, asked once a transaction."""
    if "in_force" not in unit.versions:
        unit.versions["in_force"] = policies.in_force(unit.conn, unit.today)
    found: policies.Version = unit.versions["in_force"]
    return found


def rules_policy(unit: Unit, version: policies.Version) -> Any:
    """Return the parameters the rules read for a version, asked once a transaction."""
    if version.id not in unit.versions:
        unit.versions[version.id] = policies.for_rules(version, in_force(unit))
    return unit.versions[version.id]


def _moved_on(conn: Connection, case: Case, definition: Definition) -> Reason:
    """Name the step that last raised the version; a hidden one raises none and is named to nobody (R5.2)."""
    columns = (ENTRY.c.actor, ENTRY.c.action, ENTRY.c.from_state, ENTRY.c.to_state)
    entries = sa.select(*columns).where(ENTRY.c.workflow == case.workflow, ENTRY.c.reference == case.reference)
    found = conn.execute(entries.order_by(ENTRY.c.number.desc())).all()
    actor, action = next((r.actor, r.action) for r in found if not definition.hides(*r[1:]))
    facts = {"actor": actor, "action": f"label:{case.workflow}.actions.{action}", "version": case.version}
    text = N_("The case has changed since you opened it: %(actor)s did “%(action)s”. Look again before you act.")
    return Reason("stale", text, facts)


__all__ = ["Done", "Malformed", "Result", "UnknownAction", "birth", "create", "perform", "perform_many"]
