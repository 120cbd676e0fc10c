"""The worker's part of a print run: stack after stack, each kept by itself, so that a stopped run is taken up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import one_row, read, write
from edu_pilot.models import Account, Document, PrintRun, PrintSheet, PrintStack
from edu_pilot.models.base import new_id
from edu_pilot.services import accounts, documents, prints, store
from edu_pilot.services.cases import NotFound
from edu_pilot.services.rendering import RenderingRefused
from edu_pilot.services.unit import LostRace
from edu_pilot.workflow.reasons import N_, Reason, blocked

RUN, STACK, SHEET = PrintRun.__table__, PrintStack.__table__, PrintSheet.__table__
ACCOUNT, DOCUMENT = Account.__table__, Document.__table__
ENDED = N_("The account that asked for this run may not act any more.")


def make_next(number: str) -> bool:
    """Make the next stack of a run, whole or not at all; return whether the run is to be looked at again.

    A sheet that may not or cannot be drawn is left out with its reason. Raises NotFound, OSError of the store.
    """
    with read() as conn:
        run = one_row(conn, sa.select(RUN).where(RUN.c.number == number))
        if run is None:
            raise NotFound(number)
        stack = run["made"] + 1
        mine = SHEET.c.run_id == run["id"], SHEET.c.stack == stack
        papers = list(conn.execute(sa.select(SHEET.c.document).where(*mine).order_by(SHEET.c.position)).scalars())
        left = _not_to_be_had(conn, run, papers)
    if run["done_at"]:
        return False
    left |= _not_drawn([paper for paper in papers if paper not in left])
    content, left = _drawn(papers, left)
    key = store.keep("prints", content, ".pdf")[0] if content else ""
    try:
        _keep(run, stack, key, [paper for paper in papers if paper not in left], left)
    except LostRace:
        # Another worker was first, or somebody was erased meanwhile: what was drawn is nobody's.
        if key:
            store.store().delete(key)
    return True


def _not_to_be_had(conn: Connection, run: Mapping[str, Any], papers: Sequence[str]) -> dict[str, Reason]:
    """Return the papers that who asked may not have any more, with the reasons."""
    actor = accounts.active(conn, ACCOUNT.c.name == run["asked_by"])
    if actor is None:
        return dict.fromkeys(papers, blocked(ENDED, code="account_ended"))
    return prints.fit(conn, run, papers, actor)[1]


def _not_drawn(papers: Sequence[str]) -> dict[str, Reason]:
    """Draw the kept file of each paper, and return those of which there is none, with the reasons."""
    left = {}
    for paper in papers:
        try:
            documents.render(paper)
        except RenderingRefused as refused:
            left[paper] = _reason(refused)
        except NotFound:
            left[paper] = blocked(prints.ERASED, code="erased")
    return left


def _drawn(papers: Sequence[str], left: dict[str, Reason]) -> tuple[bytes, dict[str, Reason]]:
    """Return the file of the papers that can be drawn, and what is not in it; nothing where all are left out."""
    good = [paper for paper in papers if paper not in left]
    if not good:
        return b"", left
    try:
        return documents.printer_file(good), left
    except RenderingRefused as refused:
        return b"", {**dict.fromkeys(good, _reason(refused)), **left}


def _reason(refused: RenderingRefused) -> Reason:
    facts = {name: value[: documents.FACT_LIMIT] for name, value in refused.facts.items()}
    return blocked(refused.text, code="not_rendered", **facts)


def _keep(run: Mapping[str, Any], stack: int, key: str, made: Sequence[str], left: Mapping[str, Reason]) -> None:
    """Write in one commit that a stack is made, what is in it and what is not; raise LostRace if that is so no more."""
    now = clock.now()
    with write() as conn:
        _first(conn, run, stack)
        _require_unerased(conn, made)
        file = {"id": new_id(), "run_id": run["id"], "stack": stack, "store_key": key, "made_at": now}
        conn.execute(STACK.insert().values(file))
        mine = SHEET.update().where(SHEET.c.run_id == run["id"], SHEET.c.stack == stack)
        conn.execute(mine.where(SHEET.c.document.in_(made)).values(made_at=now))
        for paper, reason in left.items():
            conn.execute(mine.where(SHEET.c.document == paper).values(refusal=asdict(reason)))


def _first(conn: Connection, run: Mapping[str, Any], stack: int) -> None:
    """Count the stack; the second of two workers finds it counted."""
    done = clock.now() if stack >= run["stacks"] else None
    next_one = RUN.update().where(RUN.c.id == run["id"], RUN.c.made == stack - 1)
    if conn.execute(next_one.values(made=stack, done_at=done)).rowcount != 1:
        raise LostRace


def _require_unerased(conn: Connection, papers: Sequence[str]) -> None:
    """Raise LostRace if a paper was erased while it was drawn; an erasure that comes now waits, and finds the file."""
    query = sa.select(DOCUMENT.c.number).where(DOCUMENT.c.number.in_(papers), DOCUMENT.c.erased_at.is_(None))
    if len(conn.execute(query.with_for_update(read=True)).all()) != len(papers):
        raise LostRace
