"""How many records stand where, of those an actor may see."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.services import cases, veil
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.registry import Actor


def by_state(conn: Connection, workflow: str, actor: Actor) -> Mapping[str, int]:
    """Return the number of visible records of a workflow in each state that has any."""
    records = cases.table(workflow)
    state = veil.shown_state(actor, records).label("shown")
    seen = sa.select(state).where(visible_to(actor, records)).subquery()
    query = sa.select(seen.c.shown, sa.func.count()).group_by(seen.c.shown)
    with walled(conn, actor):
        return dict(conn.execute(query).all())
