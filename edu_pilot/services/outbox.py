"""What follows a commit: steps on other records, documents to render, runs to print; each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Application, Outbox
from edu_pilot.services import documents, printer, rendering
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import Done, perform
from edu_pilot.services.unit import LostRace
from edu_pilot.workflow.reasons import Conflict, Refused
from edu_pilot.workflow.registry import Actor

OUTBOX = Outbox.__table__
APPLICATION = Application.__table__
log = structlog.get_logger()
FOLLOW_AT_ONCE = 50
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)


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
    follow_up(FOLLOW_AT_ONCE)
    return done


def follow_up(limit: int = 1000) -> None:
    """Carry out what waits after a step; the step itself is done, so nothing here may break it."""
    try:
        drain(limit)
    except Exception:  # whatever it was, the worker tries again and its log tells
        log.exception("follow-ups left to the worker")


def drain(limit: int = 1000, *, task: str = "perform") -> int:
    """Carry out what waits, oldest first; return how many were taken up."""
    taken = 0
    while taken < limit and (row := _next(task)):
        _carry_out(row)
        taken += 1
    return taken


def retry() -> int:
    """Carry out what was refused before, once more; return how many are done now."""
    with read() as conn:
        rows = refused(conn)
    return sum(_carry_out(row) for row in rows)


def _next(task: str) -> Mapping[str, Any] | None:
    waiting = OUTBOX.c.done_at.is_(None), OUTBOX.c.refusal.is_(None), OUTBOX.c.task == task
    due = sa.or_(OUTBOX.c.not_before.is_(None), OUTBOX.c.not_before <= clock.now())
    query = sa.select(OUTBOX).where(*waiting, due)
    with read() as conn:
        return one_row(conn, query.order_by(OUTBOX.c.cause, OUTBOX.c.id).limit(1))


def _carry_out(row: Mapping[str, Any]) -> bool:
    try:
        _TASKS[row["task"]](row)
    except Conflict:
        _put_back(row)
        return False
    except (Refused, NotFound, rendering.RenderingRefused) as refused:
        _keep_refusal(row, refused)
        return False
    except Exception:  # one row that cannot be carried out must not hold up the others
        log.exception("follow-up failed", task=row["task"], workflow=row["workflow"], attempts=row["attempts"])
        _put_back(row)
        return False
    return True


def _perform(row: Mapping[str, Any]) -> None:
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
    if conn.execute(_of(row).values(done_at=clock.now(), refusal=None)).rowcount != 1:
        raise LostRace


def _of(row: Mapping[str, Any]) -> sa.Update:
    return OUTBOX.update().where(OUTBOX.c.id == row["id"], OUTBOX.c.done_at.is_(None))


def _write(change: sa.Update) -> None:
    with write() as conn:
        conn.execute(change)


def _close(row: Mapping[str, Any]) -> None:
    _write(_of(row).values(done_at=clock.now(), refusal=None))


def _put_back(row: Mapping[str, Any]) -> None:
    """Let the others go first: the more often it failed, the longer it waits."""
    pause = min(FIRST_PAUSE * 2 ** min(row["attempts"], 20), LONGEST_PAUSE)
    _write(_of(row).values(attempts=row["attempts"] + 1, not_before=clock.now() + pause, refusal=None))


def _render(row: Mapping[str, Any]) -> None:
    documents.render(row["reference"])
    _close(row)


def _print(row: Mapping[str, Any]) -> None:
    """Make one stack: the row stays open until the run is done, and other work has its turn between two stacks."""
    if not printer.make_next(row["reference"]):
        _close(row)


_TASKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"perform": _perform, "render": _render, "print": _print}


def _keep_refusal(row: Mapping[str, Any], refused: Exception) -> None:
    reasons = getattr(refused, "reasons", ())
    told = [{"code": r.code, "text": r.text, "facts": r.facts} for r in reasons]
    told = told or [{"code": type(refused).__name__, **_why(refused)}]
    _write(_of(row).values(refusal=told))
    log.warning(
        "follow-up refused", task=row["task"], workflow=row["workflow"], reference=row["reference"],
        codes=[t["code"] for t in told],
    )  # fmt: skip


def _why(fault: Exception) -> dict[str, Any]:
    """Return message id and facts of a fault that is no refusal by rules."""
    if isinstance(fault, rendering.RenderingRefused):
        return {"text": fault.text, "facts": fault.facts}
    return {"text": str(fault)[:500], "facts": {}}


def refused(conn: Connection) -> list[Mapping[str, Any]]:
    """Return the follow-ups that were refused: shown on their record and by `doctor`."""
    query = sa.select(OUTBOX).where(OUTBOX.c.done_at.is_(None), OUTBOX.c.refusal.is_not(None))
    return all_rows(conn, query.order_by(OUTBOX.c.cause, OUTBOX.c.id))


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
