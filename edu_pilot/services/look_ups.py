"""Full personal values: shown one at a time, to the roles that need them, for a reason, and always on record (R2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import LookUp
from edu_pilot.models.base import new_id
from edu_pilot.services import audit, cases, erasure, idempotency, policies
from edu_pilot.services.actors import STUDENT, require_role
from edu_pilot.services.cases import Case
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import require_visible, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Malformed, Reason, blocked
from edu_pilot.workflow.registry import Actor

LOOK_UP = LookUp.__table__
VALUE, FILE, DOCUMENT, SEARCH, EXPORT = "value", "file", "document", "search", "export"
# Sheets of a print run: hundreds at once, of which the run itself is the explanation; its number is their reason.
PRINT = "print"
# Where each value is read: a record's own, or its person's.
PERSONAL: Mapping[str, tuple[str, ...]] = {
    "application": ("id_number", "phone"),
    "study": ("id_number", "phone"),
    "certification": ("id_number", "phone"),
    "claim": ("id_number", "phone", "account_number"),
}
LIMIT = 500


def offered(conn: Connection, case: Case, actor: Actor) -> tuple[str, ...]:
    """Return the values of a record that an actor may look at."""
    known = PERSONAL.get(case.workflow, ())
    if not known or erasure.out_of_use(case):
        return ()
    policy = _policy(conn)
    return tuple(name for name in known if _allowed(policy, name, actor) and _value(case, name))


def _policy(conn: Connection) -> Policy:
    return policies.in_force(conn, clock.today()).policy


def _allowed(policy: Policy, name: str, actor: Actor) -> bool:
    return bool(actor.roles & set(policy.find(f"look_ups.fields.{name}", ())))


def reasons(conn: Connection) -> Mapping[str, Any]:
    """Return the reasons that a look-up may have, with their labels."""
    found: Mapping[str, Any] = _policy(conn).find("look_ups.reasons", {})
    return found


def reveal(workflow: str, reference: str, name: str, reason: str, actor: Actor) -> str:
    """Return a full value, once it is on record who looks at it and why.

    Raises NotFound for a hidden record, Malformed for an unknown value or reason, Forbidden for another's role.
    """
    with write() as conn:
        case = _visible(conn, workflow, reference, actor)
        _require_known(conn, case, name, reason)
        _require_role(conn, name, actor)
        erasure.require_in_use(case)
        value = _value(case, name)
        if not value:
            raise Malformed([blocked(N_("Nothing is entered there."), code="nothing_entered", field="field")])
        idempotency.claim(conn, workflow=workflow, reference=reference, field=name)
        keep(conn, actor, VALUE, case, name, reason)
        given = {"workflow": workflow, "field": name, "reason": reason}
        audit.append(conn, [audit.Entry(actor.name, "look_up", reference, VALUE, input=given)])
    return value


def value_of(conn: Connection, workflow: str, reference: str, name: str, actor: Actor) -> str:
    """Return a value whose look-up is on record already: the answer to it was lost; raises like `reveal`."""
    case = _visible(conn, workflow, reference, actor)
    _require_role(conn, name, actor)
    erasure.require_in_use(case)
    return _value(case, name)


def _visible(conn: Connection, workflow: str, reference: str, actor: Actor) -> Case:
    with walled(conn, actor):
        case = cases.by_reference(conn, vault(), workflow, reference)
        require_visible(actor, case)
    return case


def _value(case: Case, name: str) -> str:
    own = name in case.row
    return str((getattr(case, name) if own else getattr(case.person, name)) or "")


def _require_known(conn: Connection, case: Case, name: str, reason: str) -> None:
    faults: list[Reason] = []
    if name not in PERSONAL.get(case.workflow, ()):
        faults.append(blocked(N_("This record has no such value."), code="value_unknown", field="field"))
    if reason not in reasons(conn):
        faults.append(blocked(N_("Choose why you need the value."), code="reason_unknown", field="reason"))
    if faults:
        raise Malformed(faults)


def _require_role(conn: Connection, name: str, actor: Actor) -> None:
    policy = _policy(conn)
    require_role(actor, policy.find(f"look_ups.fields.{name}", ()), N_("This value is looked at by: %(roles)s"))


def keep(
    conn: Connection, actor: Actor, kind: str, case: Case | None, name: str, reason: str = "", *,
    task: bool | None = None,
) -> None:  # fmt: skip
    """Put a look-up on record, with whether the actor had anything to do on the case (edge 71).

    `task` says so where no step of the workflow tells it.
    """
    row = {
        "id": new_id(),
        "at": clock.now(),
        "looked_on": clock.today(),
        "actor": actor.name,
        "kind": kind,
        "workflow": case.workflow if case else "",
        "reference": case.reference if case else "",
        "field": name,
        "reason": reason,
        "task": task if task is not None else case is None or _has_task(conn, case, actor),
    }
    conn.execute(LOOK_UP.insert().values(row))


def _has_task(conn: Connection, case: Case, actor: Actor) -> bool:
    """Whether a step leaves the record's state that the actor's roles may take; an auditor's task is to look."""
    version = policies.of(conn, case.policy_version_id) if case.pinned else policies.in_force(conn, clock.today())
    return bool(version.compiled.engines[case.workflow].offered(case.state, actor)) or "auditor" in actor.roles


def note(actor: Actor, kind: str, case: Case | None, name: str, *, task: bool | None = None) -> None:
    """Put on record that a paper or file was read; without it nothing is shown."""
    if actor.roles == {STUDENT}:
        return
    with write() as conn:
        keep(conn, actor, kind, case, name, task=task)


def note_printed(actor: Actor, run: str, papers: Mapping[str, Case]) -> None:
    """Put on record that papers of a print run were opened, each with its record; without it nothing is shown."""
    with write() as conn:
        for number, case in papers.items():
            keep(conn, actor, PRINT, case, number, run, task=True)


@dataclass(frozen=True)
class Day:
    """One account's look-ups of one day, and whether they are more than its work explains."""

    actor: str
    on: date
    number: int
    printed: int
    without_task: int
    alarm: bool


def days(conn: Connection) -> list[Day]:
    """Return each account's look-ups by day, newest first, those that ask for an explanation marked (edge 71)."""
    idle = sa.func.sum(sa.case((LOOK_UP.c.task, 0), else_=1))
    sheets = sa.func.sum(sa.case((LOOK_UP.c.kind == PRINT, 1), else_=0))
    figures = sa.func.count().label("number"), sheets.label("printed"), idle.label("idle")
    query = sa.select(LOOK_UP.c.actor, LOOK_UP.c.looked_on, *figures)
    query = query.group_by(LOOK_UP.c.actor, LOOK_UP.c.looked_on)
    limits = _policy(conn).find("look_ups.alarm", {})
    rows = all_rows(conn, query.order_by(LOOK_UP.c.looked_on.desc(), LOOK_UP.c.actor).limit(LIMIT))
    return [_day(row, limits) for row in rows]


def _day(row: Mapping[str, Any], limits: Mapping[str, int]) -> Day:
    number, printed, idle = int(row["number"]), int(row["printed"]), int(row["idle"])
    single = number - printed
    loud = single > limits.get("a_day", single) or 0 < limits.get("without_task", idle + 1) <= idle
    return Day(row["actor"], row["looked_on"], number, printed, idle, loud)


def newest(conn: Connection, actor: str | None = None, limit: int = LIMIT) -> list[Mapping[str, Any]]:
    """Return the newest look-ups, of one account if it is named."""
    query = sa.select(LOOK_UP).order_by(LOOK_UP.c.at.desc(), LOOK_UP.c.id).limit(limit)
    return all_rows(conn, query.where(LOOK_UP.c.actor == actor) if actor else query)


def of_record(conn: Connection, workflow: str, reference: str) -> list[Mapping[str, Any]]:
    """Return who looked at a record's values and papers, newest first."""
    query = sa.select(LOOK_UP).where(LOOK_UP.c.workflow == workflow, LOOK_UP.c.reference == reference)
    return all_rows(conn, query.order_by(LOOK_UP.c.at.desc()).limit(LIMIT))


__all__ = ["Day", "days", "keep", "newest", "note", "of_record", "offered", "reasons", "reveal"]
