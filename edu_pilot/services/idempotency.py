"""A request with a key is carried out once: the key is written in the transaction that does the work (R6.1)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Idempotency
from edu_pilot.models.base import new_id
from edu_pilot.services.vault import vault

KEY = Idempotency.__table__
PLACE = "idempotency.answer"
KEPT = timedelta(days=30)
# How long a duplicate waits for the first one's answer, in seconds.
PATIENCE, PAUSE = 2.0, 0.05
# Work in several commits that has given no answer for so long has broken off.
LEFT_BEHIND = timedelta(minutes=10)

Deed = Mapping[str, str]


@dataclass(frozen=True)
class Once:
    """A request that must be carried out once only; the nonce tells it from its duplicates."""

    account: str
    key: str
    body_hash: str
    nonce: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Answer:
    """What a request was answered: status, body as sent, and the headers that belong to it."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    # Told once and kept nowhere; a repetition is told from the record, if it may still be.
    secret: bool = False

    @property
    def lasting(self) -> bool:
        """Whether a repetition must get the same answer; not after a failure, a bad token, a limit, no code."""
        return self.status < 500 and self.status not in (401, 429) and PROOF not in self.headers


# The header in which a program proves who it acts for; the answer that asks for it carries it too.
PROOF = "EduPilot-OTP"
Recount = Callable[[Deed], Answer]


class AlreadyClaimed(Exception):
    """A duplicate has done the work first; this transaction leaves nothing behind."""


class Mismatch(Exception):
    """The key was used before with another request."""


class InProgress(Exception):
    """The request with this key is being carried out at this moment."""


once: ContextVar[Once | None] = ContextVar("idempotent_request", default=None)


def claim(conn: Connection, **deed: str) -> None:
    """Write the present request's key with what was done for it; raise AlreadyClaimed for a duplicate.

    Work in several commits claims in each of them; a claim rolled back is simply made again.
    """
    request = once.get()
    if request is None:
        return
    kept = {"nonce": request.nonce, **deed}
    if not _insert(conn, request, None, kept) and not _mine(_stored(conn, request), request):
        raise AlreadyClaimed


def _insert(conn: Connection, request: Once, status: int | None, kept: Mapping[str, Any]) -> bool:
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    row = {
        "account": request.account,
        "key": request.key,
        "body_hash": request.body_hash,
        "status": status,
        "answer": _sealed(request, kept),
        "at": clock.now(),
    }
    # Waits for a duplicate that has not committed yet, and then inserts nothing.
    query = insert(Idempotency).values(row).on_conflict_do_nothing().returning(KEY.c.key)
    return conn.execute(query).first() is not None


def _sealed(request: Once, kept: Mapping[str, Any]) -> bytes:
    text = json.dumps(kept, ensure_ascii=False)
    return vault().seal(PLACE, f"{request.account}:{request.key}", text)


def _opened(row: Mapping[str, Any]) -> dict[str, Any]:
    text = vault().open(PLACE, f"{row['account']}:{row['key']}", row["answer"])
    return dict(json.loads(text))


def _where(request: Once) -> sa.ColumnElement[bool]:
    return sa.and_(KEY.c.account == request.account, KEY.c.key == request.key)


def _stored(conn: Connection, request: Once) -> Mapping[str, Any] | None:
    return one_row(conn, sa.select(KEY).where(_where(request)))


def _mine(row: Mapping[str, Any] | None, request: Once) -> bool:
    return row is not None and row["status"] is None and _opened(row)["nonce"] == request.nonce


def done_by_another(conn: Connection) -> bool:
    """Whether the present request was carried out by a duplicate, so that what it meets may be its own deed."""
    request = once.get()
    row = None if request is None else _stored(conn, request)
    return row is not None and request is not None and not _mine(row, request)


def carry_out(request: Once, act: Callable[[], Answer], recount: Recount | None) -> Answer:
    """Do what the request asks, or return what its first sending was answered.

    `recount` tells from the present record what was done, where the answer itself was lost;
    None for work in several commits, which is taken up again instead. Raises Mismatch, InProgress.
    """
    earlier = _replayed(request, recount)
    if earlier is not None:
        return earlier
    token = once.set(request)
    try:
        answer = act()
    except AlreadyClaimed:
        return _others(request, recount)
    finally:
        once.reset(token)
    if not answer.lasting or _keep(request, answer):
        return answer
    return _others(request, recount)


def _others(request: Once, recount: Recount | None) -> Answer:
    answer = _replayed(request, recount)
    if answer is None:
        raise InProgress
    return answer


def _keep(request: Once, answer: Answer) -> bool:
    """Keep the answer; False where a duplicate was first."""
    kept: dict[str, Any] = {"body": answer.body, "headers": dict(answer.headers)}
    with write() as conn:
        if not answer.secret and _insert(conn, request, answer.status, kept):
            return True
        row = _stored(conn, request)
        if row is None or not _mine(row, request):
            return False
        if answer.secret:
            kept = {**_opened(row), "body": None}
        values = {"status": answer.status, "answer": _sealed(request, kept)}
        conn.execute(KEY.update().where(_where(request)).values(values))
    return True


def _replayed(request: Once, recount: Recount | None) -> Answer | None:
    """Return the earlier answer; None if there is none and the work may be done now."""
    row = _awaited(request)
    if row is None:
        return None
    if row["status"] is not None:
        kept = _opened(row)
        if kept["body"] is None and recount is not None:
            return replace(recount(kept), replayed=True)
        return Answer(row["status"], kept["body"], kept["headers"], replayed=True)
    if recount is not None:
        return replace(recount(_opened(row)), replayed=True)
    if clock.now() - row["at"] < LEFT_BEHIND:
        raise InProgress
    _forget(row)
    return None


def _awaited(request: Once) -> Mapping[str, Any] | None:
    """Return the row of the key, once it has its answer or the wait is over; Mismatch for another request."""
    patience = time.monotonic() + PATIENCE
    while True:
        with read() as conn:
            row = _stored(conn, request)
        if row is not None and clock.now() - row["at"] > KEPT:
            _forget(row)
            return None
        if row is not None and row["body_hash"] != request.body_hash:
            raise Mismatch
        if row is None or row["status"] is not None or time.monotonic() > patience:
            return row
        time.sleep(PAUSE)


def _forget(row: Mapping[str, Any]) -> None:
    same = KEY.c.account == row["account"], KEY.c.key == row["key"], KEY.c.at == row["at"]
    with write() as conn:
        conn.execute(KEY.delete().where(*same))


def forget(conn: Connection, references: Collection[str]) -> int:
    """Drop the answers and deeds that name one of these records; return how many there were."""
    rows = [row for row in all_rows(conn, sa.select(KEY)) if _names(row, references)]
    for row in rows:
        conn.execute(KEY.delete().where(KEY.c.account == row["account"], KEY.c.key == row["key"]))
    return len(rows)


def _names(row: Mapping[str, Any], references: Collection[str]) -> bool:
    text = json.dumps(_opened(row), ensure_ascii=False)
    return any(reference in text for reference in references)


def purge() -> int:
    """Drop the keys older than 30 days; return how many there were."""
    with write() as conn:
        return conn.execute(KEY.delete().where(KEY.c.at < clock.now() - KEPT)).rowcount
