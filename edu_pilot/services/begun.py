"""Forms half filled in and lists being looked over: sealed, each account's own, dropped after a while."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Begun
from edu_pilot.models.base import new_id
from edu_pilot.services.cases import NotFound
from edu_pilot.services.vault import vault
from edu_pilot.workflow.registry import Actor

BEGUN = Begun.__table__
FORM, LIST = "form", "list"
# Personal data that nobody works on any more.
KEPT = timedelta(days=30)
# More than any form here holds; a browser that sends more is not ours.
LONGEST_FORM = 64 * 1024
LATEST = 8
# Longer than any request lives: a short list that is not taken by then was dropped halfway.
IN_HAND = timedelta(minutes=10)
# So many lists of a kind an account may have lying about.
LISTS = 20
PLAIN = tuple(column for column in BEGUN.c if column.name not in ("content", "told"))


# Forms


def keep_form(name: str, fields: Mapping[str, str], actor: Actor) -> datetime:
    """Keep what an account has typed into a form, in the place of what it had before; return when."""
    text = json.dumps(dict(fields), ensure_ascii=False)[:LONGEST_FORM]
    now = clock.now()
    with write() as conn:
        _drop_form(conn, name, actor)
        _insert(conn, FORM, name, "", actor, text, made_at=now)
    return now


def form_of(conn: Connection, name: str, actor: Actor) -> tuple[dict[str, str], datetime] | None:
    """Return what an account left in a form, and since when; None if nothing."""
    row = one_row(conn, sa.select(BEGUN).where(_own(FORM, name, actor)))
    if row is None:
        return None
    try:
        return dict(json.loads(_opened(row, "content"))), row["made_at"]
    except ValueError:
        # A form too long to be ours was cut.
        return None


def drop_form(name: str, actor: Actor) -> None:
    """Forget what an account left in a form."""
    with write() as conn:
        _drop_form(conn, name, actor)


def _drop_form(conn: Connection, name: str, actor: Actor) -> None:
    conn.execute(BEGUN.delete().where(_own(FORM, name, actor)))


def _own(kind: str, name: str, actor: Actor) -> sa.ColumnElement[bool]:
    return sa.and_(BEGUN.c.account_id == (actor.account_id or ""), BEGUN.c.kind == kind, BEGUN.c.name == name)


# Lists


@dataclass(frozen=True)
class Kept:
    """A list as it was sent, what was found in it, and how far it was taken."""

    row: Mapping[str, Any]
    filename: str
    data: bytes
    told: dict[str, Any]

    @property
    def id(self) -> str:
        """The name under which its own account finds it."""
        return str(self.row["id"])

    @property
    def phase(self) -> str:
        """Where it stands: looked over, being taken, taken, or taken back."""
        if self.row["undone_at"]:
            return "undone"
        if self.row["taken_at"]:
            return "taken"
        return "taking" if self.row["asked_at"] else "checked"


def keep_list(name: str, about: str, filename: str, data: bytes, told: Mapping[str, Any], actor: Actor) -> str:
    """Keep a list that was looked over, with what was found; return its id."""
    text = json.dumps({"filename": filename, "data": base64.b64encode(data).decode()})
    with write() as conn:
        _drop_oldest(conn, name, actor)
        return _insert(conn, LIST, name, about, actor, text, told=told, made_at=clock.now())


def _drop_oldest(conn: Connection, name: str, actor: Actor) -> None:
    """Leave room for one more list of the account; one that is being taken stays."""
    own = _own(LIST, name, actor), sa.or_(BEGUN.c.asked_at.is_(None), BEGUN.c.taken_at.is_not(None))
    rest = sa.select(BEGUN.c.id).where(*own).order_by(BEGUN.c.made_at.desc()).offset(LISTS - 1)
    old = list(conn.execute(rest.limit(LISTS)).scalars())
    if old:
        conn.execute(BEGUN.delete().where(BEGUN.c.id.in_(old)))


def list_of(conn: Connection, list_id: str, actor: Actor) -> Kept:
    """Return a list of the account; NotFound for another's as for none."""
    own = BEGUN.c.id == list_id, BEGUN.c.kind == LIST, BEGUN.c.account_id == (actor.account_id or "")
    row = one_row(conn, sa.select(BEGUN).where(*own))
    if row is None:
        raise NotFound(list_id)
    return _kept(row)


def _kept(row: Mapping[str, Any]) -> Kept:
    sent = json.loads(_opened(row, "content"))
    told = json.loads(_opened(row, "told")) if row["told"] else {}
    return Kept(row, sent["filename"], base64.b64decode(sent["data"]), told)


def latest(conn: Connection, name: str, actor: Actor) -> list[Mapping[str, Any]]:
    """Return the account's newest lists of a kind, without what is in them."""
    query = sa.select(*PLAIN).where(_own(LIST, name, actor)).order_by(BEGUN.c.made_at.desc()).limit(LATEST)
    return all_rows(conn, query)


def note(list_id: str, told: Mapping[str, Any] | None = None, **values: Any) -> None:
    """Write down how far a list is, and what has become of its rows."""
    if told is not None:
        values["told"] = vault().seal("begun.told", list_id, json.dumps(told, ensure_ascii=False))
    with write() as conn:
        conn.execute(BEGUN.update().where(BEGUN.c.id == list_id).values(values))


def judge_anew(list_id: str, told: Mapping[str, Any]) -> bool:
    """Put something else in the place of what was found in a list; False if somebody has asked for it to be taken."""
    sealed = vault().seal("begun.told", list_id, json.dumps(told, ensure_ascii=False))
    free = BEGUN.c.id == list_id, BEGUN.c.asked_at.is_(None)
    with write() as conn:
        return conn.execute(BEGUN.update().where(*free).values(told=sealed)).rowcount == 1


def ask(list_id: str, total: int) -> bool:
    """Ask for a list to be taken; False if somebody has asked already."""
    free = BEGUN.c.id == list_id, BEGUN.c.asked_at.is_(None)
    with write() as conn:
        return conn.execute(BEGUN.update().where(*free).values(asked_at=clock.now(), total=total)).rowcount == 1


def asked(at_once: int) -> list[tuple[str, str]]:
    """Return the lists that wait to be taken, oldest first, as (id, account).

    One of so many rows as are taken at once is in somebody's hands, and waits only when these let it fall.
    """
    fallen = sa.or_(BEGUN.c.total > at_once, BEGUN.c.asked_at < clock.now() - IN_HAND)
    waits = BEGUN.c.asked_at.is_not(None), BEGUN.c.taken_at.is_(None), fallen
    with read() as conn:
        rows = conn.execute(sa.select(BEGUN.c.id, BEGUN.c.account_id).where(*waits).order_by(BEGUN.c.asked_at))
        return [(row.id, row.account_id) for row in rows]


def _insert(
    conn: Connection, kind: str, name: str, about: str, actor: Actor, content: str, *, made_at: datetime,
    told: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    row = new_id()
    sealed = vault().seal("begun.told", row, json.dumps(told, ensure_ascii=False)) if told is not None else None
    values = {
        "id": row, "account_id": actor.account_id, "kind": kind, "name": name, "about": about,
        "content": vault().seal("begun.content", row, content), "told": sealed, "made_at": made_at,
    }  # fmt: skip
    conn.execute(BEGUN.insert().values(values))
    return row


def _opened(row: Mapping[str, Any], column: str) -> str:
    return vault().open(f"begun.{column}", row["id"], row[column])


# Not for long


def purge() -> int:
    """Drop what is older than 30 days; return how much there was."""
    with write() as conn:
        return conn.execute(BEGUN.delete().where(BEGUN.c.made_at < clock.now() - KEPT)).rowcount


def forget(conn: Connection) -> None:
    """Drop everything: somebody is erased who may be named in any of it, and nothing here is the only copy."""
    conn.execute(BEGUN.delete())
