"""A teaching point that closes or joins another: everybody who is still there moves, each by the usual step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import cases, policies
from edu_pilot.services.actors import require_role
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import Result, objections, perform_many, unit_of
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Row
from edu_pilot.workflow.registry import Actor

# The step by which a record changes its point; a draft names its point anew when it is registered.
STEPS = {"application": "move_county", "study": "change_point"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Moved:
    """What became of one record."""

    workflow: str
    result: Result


def move(
    source: str, target: str, actor: Actor, *, dry_run: bool = False, progress: Progress | None = None
) -> list[Moved]:
    """Move every live case of one point to another and tell each; a dry run judges and writes nothing (R3.10).

    Raises NotFound for a point that no version knows, Forbidden for one who may not move.
    """
    with read() as conn:
        _require_mover(conn, actor)
        given = _inputs(_point(conn, target))
        found = {workflow: _there(conn, workflow, source, actor) for workflow in STEPS}
        if not any(found.values()):
            # Nobody is there: then at least the point itself must be one.
            _point(conn, source)
        if dry_run:
            return _judged(conn, actor, found, given)
    return _taken(found, given, actor, progress)


def _require_mover(conn: Connection, actor: Actor) -> None:
    definition = policies.in_force(conn, clock.today()).compiled.definition("study")
    roles = definition.actions[STEPS["study"]].by
    require_role(actor, roles)


def _point(conn: Connection, code: str) -> Row:
    row = policies.in_force(conn, clock.today()).policy.row("points", code)
    if row is None:
        raise NotFound(code)
    return row


def _inputs(target: Row) -> Mapping[str, Mapping[str, Any]]:
    point = {"new_point": target["code"]}
    return {"application": {**point, "new_county": target["county"]}, "study": point}


def _there(conn: Connection, workflow: str, point: str, actor: Actor) -> list[str]:
    """Return the row ids of a workflow's visible records at a point that the step can leave from, by reference."""
    records = cases.table(workflow)
    action = policies.in_force(conn, clock.today()).compiled.definition(workflow).actions[STEPS[workflow]]
    query = sa.select(records.c.id).where(records.c.point == point, records.c.state.in_(action.sources))
    with walled(conn, actor):
        return list(conn.execute(query.where(visible_to(actor, records)).order_by(records.c.reference)).scalars())


Found = Mapping[str, list[str]]
Given = Mapping[str, Mapping[str, Any]]


def _judged(conn: Connection, actor: Actor, found: Found, given: Given) -> list[Moved]:
    unit = unit_of(conn, actor)
    return [
        Moved(workflow, Result(case.reference, case.state, objections(unit, case, STEPS[workflow], given[workflow])))
        for workflow, ids in found.items()
        for case in sorted(cases.by_ids(conn, vault(), workflow, ids), key=lambda case: str(case.reference))
    ]


def _taken(found: Found, given: Given, actor: Actor, progress: Progress | None) -> list[Moved]:
    moved: list[Moved] = []
    for one in _each(found, given, actor):
        moved.append(one)
        if progress:
            progress(len(moved), sum(map(len, found.values())))
    return moved


def _each(found: Found, given: Given, actor: Actor) -> Iterator[Moved]:
    for workflow, ids in found.items():
        for result in perform_many(workflow, ids, STEPS[workflow], actor, given[workflow]):
            yield Moved(workflow, result)
