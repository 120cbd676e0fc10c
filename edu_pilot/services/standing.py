"""Whether an account still is what its request was let in as: asked again in the transaction that writes (R6.3)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import one_row
from edu_pilot.models import Account
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__


class LetGo(Exception):
    """The account has ended, or was given other roles, since its request was let in; nothing is kept."""


def require_unchanged(conn: Connection, actor: Actor) -> None:
    """Raise LetGo unless the account is active with the roles and the county that the actor acts with."""
    if actor.account_id is None:
        return
    columns = ACCOUNT.c.active, ACCOUNT.c.roles, ACCOUNT.c.county
    # Held until the commit: whoever ends the account waits for this step, or this step finds it ended.
    query = sa.select(*columns).where(ACCOUNT.c.id == actor.account_id).with_for_update(read=True)
    row = one_row(conn, query)
    if row is None or not row["active"] or (_roles(row["roles"]), row["county"]) != (actor.roles, actor.county):
        raise LetGo(actor.name)


def _roles(kept: str) -> frozenset[str]:
    return frozenset(filter(None, kept.split(",")))
