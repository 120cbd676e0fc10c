"""Work waiting in a list, a page at a time, and the records somebody has chosen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import all_rows
from edu_pilot.services import cases
from edu_pilot.services.cases import Case
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.registry import Actor

ROWS = 50
# What one form may send at once: no page shows more.
MOST = 200


@dataclass(frozen=True)
class Sought:
    """The filters of a list; what a workflow's table does not know is no filter of it."""

    county: str | None = None
    intake: str | None = None
    major: str | None = None
    year: str | None = None
    page: int = 1


@dataclass(frozen=True)
class Listed:
    """One page of a list, and how many there are in all."""

    cases: Sequence[Case] = field(default_factory=list)
    total: int = 0
    page: int = 1

    @property
    def pages(self) -> int:
        """How many pages there are, one at least."""
        return max(1, -(-self.total // ROWS))

    @property
    def first(self) -> int:
        """The number of the page's first row."""
        return (self.page - 1) * ROWS + 1


def listed(
    conn: Connection, workflow: str, actor: Actor, sought: Sought, *where: sa.ColumnElement[bool],
    order: Sequence[str] = ("reference",),
) -> Listed:  # fmt: skip
    """Return one page of the visible records that fit; a page beyond the last is the last, `-` orders downwards."""
    records = cases.table(workflow)
    wanted = visible_to(actor, records), *_filters(records, sought), *where
    query = sa.select(records).where(*wanted).order_by(*(_ordered(records, name) for name in order))
    with walled(conn, actor):
        total = conn.execute(sa.select(sa.func.count()).select_from(records).where(*wanted)).scalar_one()
        page = max(1, min(sought.page, -(-total // ROWS)))
        rows = all_rows(conn, query.limit(ROWS).offset((page - 1) * ROWS))
    return Listed(cases.batch_of(conn, vault(), workflow, rows, still=True), total, page)


def _ordered(records: sa.Table, name: str) -> sa.ColumnElement[object]:
    return records.c[name[1:]].desc() if name.startswith("-") else records.c[name].asc()


def in_state(
    conn: Connection, workflow: str, actor: Actor, sought: Sought, state: str, *, order: Sequence[str]
) -> Listed:
    """Return one page of the visible records that stand in a state."""
    return listed(conn, workflow, actor, sought, cases.table(workflow).c.state == state, order=order)


def _filters(records: sa.Table, sought: Sought) -> list[sa.ColumnElement[bool]]:
    names = [n for n in ("county", "intake", "major") if getattr(sought, n) and n in records.c]
    year = [records.c.intake.startswith(sought.year[2:], autoescape=True)] if sought.year else []
    return [*(records.c[n] == getattr(sought, n) for n in names), *year]


def chosen(
    conn: Connection, workflow: str, actor: Actor, references: Sequence[str], *, still: bool = False
) -> list[Case]:
    """Return the visible ones of the records named, in the order given; a hidden one is as good as missing."""
    records = cases.table(workflow)
    place = {reference: n for n, reference in enumerate(references)}
    query = sa.select(records).where(visible_to(actor, records), records.c.reference.in_(place))
    with walled(conn, actor):
        rows = sorted(all_rows(conn, query), key=lambda row: place[row["reference"]])
    return cases.batch_of(conn, vault(), workflow, rows, still=still)
