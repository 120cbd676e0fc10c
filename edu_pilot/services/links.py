"""Links for setting a password: drawn by an administrator, good once, for one account and one purpose."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import one_row, write
from edu_pilot.models import LoginLink
from edu_pilot.models.base import new_id
from edu_pilot.services import access_limits, tokens
from edu_pilot.services.cases import NotFound

LINK = LoginLink.__table__
INVITE, RESET = PURPOSES = ("invite", "reset")
KEPT = timedelta(days=30)


def draw(conn: Connection, account_id: str, purpose: str) -> str:
    """Return the token of a new link; the account's older links end."""
    end_all(conn, account_id)
    token = secrets.token_urlsafe(32)
    row = {"id": new_id(), "token_hash": tokens.hash_of(token, purpose), "purpose": purpose, "account_id": account_id}
    conn.execute(LINK.insert().values(row | {"made_at": clock.now(), "used_at": None}))
    return token


def end_all(conn: Connection, account_id: str) -> None:
    """Make every open link of an account worthless."""
    mine = LINK.c.account_id == account_id, LINK.c.used_at.is_(None)
    conn.execute(LINK.update().where(*mine).values(used_at=clock.now()))


def holds(conn: Connection, purpose: str, token: str) -> bool:
    """Return whether a link can be used now; nothing is written."""
    return one_row(conn, sa.select(LINK.c.id).where(*_open(conn, purpose, token))) is not None


def use(conn: Connection, purpose: str, token: str) -> str:
    """Use a link up and return its account; NotFound for one that is used, old, or for something else."""
    which = _open(conn, purpose, token)
    found: Mapping[str, Any] | None = one_row(conn, sa.select(LINK).where(*which))
    used = LINK.update().where(*which).values(used_at=clock.now())
    if found is None or conn.execute(used).rowcount != 1:
        raise NotFound("link")
    return str(found["account_id"])


def _open(conn: Connection, purpose: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    since = clock.now() - access_limits.limits(conn).link
    mine = LINK.c.token_hash == tokens.hash_of(token, purpose)
    return mine, LINK.c.purpose == purpose, LINK.c.used_at.is_(None), LINK.c.made_at > since


def purge() -> int:
    """Drop the links of a month ago; return how many there were."""
    with write() as conn:
        return conn.execute(LINK.delete().where(LINK.c.made_at < clock.now() - KEPT)).rowcount
