"""What follows a commit: steps on other records, and documents to render; each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Application, Outbox
from edu_pilot.services import documents, rendering
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import Done, perform
from edu_pilot.services.unit import LostRace
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor

OUTBOX = Outbox.__table__
APPLICATION = Application.__table__
log = structlog.get_logger()
FOLLOW_AT_ONCE = 50


def act(
    workflow: str,
    reference: str,
    action: str,
    actor: Actor,
    given: Mapping[str, Any] | None = None,
    seen_version: int | None = None,
) -> Done:
    """Take a step and, after its commit, what must follow it: how people and programs act.

    Whatever is left of a long row of follow-ups, or fails, the worker takes up.
    """
    done = perform(workflow, reference, action, actor, given, seen_version)
    try:
        drain(FOLLOW_AT_ONCE)
    except Exception:  # the step itself is done and must be told so
        log.exception("follow-ups left to the worker", workflow=workflow, action=action)
    return done


def drain(limit: int = 1000, *, task: str = "perform") -> int:
    """Carry out what waits, oldest first; return how many were done or refused."""
    done = 0
    while done < limit and (row := _next(task)):
        _carry_out(row)
        done += 1
    return done


def _next(task: str) -> Mapping[str, Any] | None:
    query = sa.select(OUTBOX).where(OUTBOX.c.done_at.is_(None), OUTBOX.c.refusal.is_(None), OUTBOX.c.task == task)
    with read() as conn:
        return one_row(conn, query.order_by(OUTBOX.c.cause, OUTBOX.c.id).limit(1))


def _carry_out(row: Mapping[str, Any]) -> None:
    try:
        _TASKS[row["task"]](row)
    except (Refused, NotFound, rendering.RenderingRefused) as refused:
        _keep_refusal(row, refused)


def _follow_up(row: Mapping[str, Any]) -> None:
    given = dict(row["input"])
    reference = row["reference"] or _found(given.pop("find", ""), given)
    if reference is None:
        _close(row)
        return
    perform(
        row["workflow"], reference, row["action"], SYSTEM, given,
        cause=row["cause"], also=lambda conn: _once(conn, row),
    )  # fmt: skip


def _once(conn: Connection, row: Mapping[str, Any]) -> None:
    """Close the row in the step's own commit, so that a crash or a second worker never repeats it."""
    query = OUTBOX.update().where(OUTBOX.c.id == row["id"], OUTBOX.c.done_at.is_(None))
    if conn.execute(query.values(done_at=clock.now())).rowcount != 1:
        raise LostRace


def _close(row: Mapping[str, Any]) -> None:
    with write() as conn:
        conn.execute(OUTBOX.update().where(OUTBOX.c.id == row["id"]).values(done_at=clock.now()))


def _render(row: Mapping[str, Any]) -> None:
    documents.render(row["reference"])
    _close(row)


_TASKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"perform": _follow_up, "render": _render}


def _keep_refusal(row: Mapping[str, Any], refused: Exception) -> None:
    reasons = getattr(refused, "reasons", ())
    told = [{"code": r.code, "text": r.text, "facts": r.facts} for r in reasons]
    told = told or [{"code": type(refused).__name__, "text": str(refused)[:500], "facts": {}}]
    query = OUTBOX.update().where(OUTBOX.c.id == row["id"], OUTBOX.c.done_at.is_(None))
    with write() as conn:
        conn.execute(query.values(refusal=told))
    log.warning("follow-up refused", task=row["task"], workflow=row["workflow"], codes=[t["code"] for t in told])


def refused(conn: Connection) -> list[Mapping[str, Any]]:
    """Return the follow-ups that were refused: shown on their record and by `doctor`."""
    query = sa.select(OUTBOX).where(OUTBOX.c.done_at.is_(None), OUTBOX.c.refusal.is_not(None))
    return all_rows(conn, query.order_by(OUTBOX.c.cause))


def _found(finder: str, given: dict[str, Any]) -> str | None:
    with read() as conn:
        return FINDERS[finder](conn, given.pop("year", ""))


def first_waiting(conn: Connection, year: str) -> str | None:
    """Return the first application on a year's waiting list (R1.4)."""
    query = (
        sa.select(APPLICATION.c.reference)
        .where(APPLICATION.c.state == "waitlisted", APPLICATION.c.intake.like(f"{year}%"))
        .order_by(APPLICATION.c.queue_number)
        .limit(1)
    )
    return conn.execute(query).scalar()


FINDERS: Mapping[str, Callable[[Connection, str], str | None]] = {"first_waiting": first_waiting}
