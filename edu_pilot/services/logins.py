"""Sessions kept by the server: begun by proving who one is, looked up at each request, ended at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Account, LoginSession
from edu_pilot.models.base import new_id
from edu_pilot.services import access_limits, accounts, actors, factor, readiness, throttle, tokens
from edu_pilot.services.access_limits import Limits
from edu_pilot.services.cases import NotFound
from edu_pilot.services.vault import vault
from edu_pilot.workflow.registry import Actor

SESSION = LoginSession.__table__
ACCOUNT = Account.__table__
PENDING = "login_session.pending_secret"
DOOR, STEP_UP_DOOR, OTP_DOOR = "sign_in", "step_up", "otp"
# `seen_at` is the one thing that asking for a page may write, and not more often than this.
SEEN_EVERY = timedelta(minutes=1)
# What ended is shown for a while and then dropped; the audit keeps its own account.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Caller:
    """The other end of a connection."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Login:
    """A session that holds now, and who acts in it; while enrolling nobody does."""

    id: str
    actor: Actor
    enrolling: bool


@dataclass(frozen=True)
class Opened:
    """A session just begun: its token is told once, to its browser."""

    token: str
    login: Login


def enter(name: str, password: str, code: str, caller: Caller) -> Opened | None:
    """Begin an account's session, or return None; raise TooMany.

    One password hash is reckoned whatever the name. An account whose roles need a second factor and that
    has none yet gets a session in which it can only enrol one.
    """
    counted = throttle.count(DOOR, account=name, address=throttle.network(caller.address))
    row = accounts.fitting(name, password)
    if row is None:
        return None
    with write() as conn:
        if row["totp_secret"] and not factor.accept(conn, row, code):
            return None
        counted.give_back(conn)
        actor = accounts.actor_of(row)
        needed = bool(actor.roles & access_limits.limits(conn).factor_roles)
        return _begin(conn, actor, caller, enrolling=needed and not row["totp_secret"])


def enter_as_student(person_key: str, caller: Caller) -> Opened:
    """Begin the session of a person who proved the query code."""
    with write() as conn:
        return _begin(conn, actors.student(person_key), caller)


def _begin(conn: Connection, actor: Actor, caller: Caller, *, enrolling: bool = False) -> Opened:
    token, now, row = secrets.token_urlsafe(32), clock.now(), new_id()
    pending = vault().seal(PENDING, row, factor.new_secret()) if enrolling else None
    values = {
        "id": row,
        "token_hash": tokens.hash_of(token),
        "account_id": actor.account_id,
        "person_key": None if actor.account_id else actor.person_key,
        "enrolling": enrolling,
        "pending_secret": pending,
        "made_at": now,
        "seen_at": now,
        "stepped_up_at": None if enrolling else now,
        "agent": caller.agent[:200],
        "address": caller.address[:45],
    }
    conn.execute(SESSION.insert().values(values))
    return Opened(token, Login(row, actor, enrolling))


def present(token: str) -> Login | None:
    """Return the session of a token, asked anew each time: one that ended, or whose account did, is nobody's."""
    now = clock.now()
    with read() as conn:
        row = one_row(conn, sa.select(SESSION).where(SESSION.c.token_hash == tokens.hash_of(token)))
        if row is None:
            return None
        bounds = access_limits.limits(conn)
        if not _holds(row, bounds, now):
            return None
        actor = _actor(conn, row)
    if actor is None:
        return None
    if now - row["seen_at"] >= SEEN_EVERY:
        _note_seen(row["id"], now)
    return Login(row["id"], replace(actor, fresh=_fresh(row, bounds, now)), row["enrolling"])


def _holds(row: Mapping[str, Any], bounds: Limits, now: datetime) -> bool:
    longest = bounds.session if row["account_id"] else bounds.student
    return row["ended_at"] is None and now - row["made_at"] < longest and now - row["seen_at"] < bounds.idle


def _actor(conn: Connection, row: Mapping[str, Any]) -> Actor | None:
    if row["account_id"] is None:
        return actors.student(row["person_key"])
    return accounts.active(conn, ACCOUNT.c.id == row["account_id"])


def _fresh(row: Mapping[str, Any], bounds: Limits, now: datetime) -> bool:
    proved = row["stepped_up_at"]
    return proved is not None and now - proved < bounds.step_up


def _note_seen(session: str, now: datetime) -> None:
    # Where nothing can be written, what can be read is read all the same.
    with suppress(*readiness.UNAVAILABLE), write() as conn:
        conn.execute(SESSION.update().where(SESSION.c.id == session).values(seen_at=now))


def step_up(login: Login, code: str) -> bool:
    """Prove once more who sits there, by a code or, where an account has no second factor, its password; TooMany."""
    counted = throttle.count(STEP_UP_DOOR, account=login.actor.name)
    by_password = not has_factor(login.actor) and accounts.fitting(login.actor.name, code) is not None
    with write() as conn:
        row = one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.id == login.actor.account_id))
        if row is None or not (by_password or factor.accept(conn, row, code)):
            return False
        counted.give_back(conn)
        note_step_up(conn, login.id)
    return True


def has_factor(actor: Actor) -> bool:
    """Return whether an account has a second factor; one whose roles need none may go without."""
    with read() as conn:
        found = sa.select(ACCOUNT.c.totp_secret).where(ACCOUNT.c.id == actor.account_id)
        return conn.execute(found).scalar() is not None


def note_step_up(conn: Connection, session: str) -> None:
    """Write down that the identity was proved now."""
    conn.execute(SESSION.update().where(SESSION.c.id == session).values(stepped_up_at=clock.now()))


def proved(actor: Actor, code: str) -> bool:
    """Return whether a program sent a right code beside its token; raise TooMany."""
    counted = throttle.count(OTP_DOOR, account=actor.name)
    with write() as conn:
        row = one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.id == actor.account_id))
        if row is None or not factor.accept(conn, row, code):
            return False
        counted.give_back(conn)
    return True


def pending_secret(login: Login) -> str | None:
    """Return the secret a session is about to enrol, or None."""
    with read() as conn:
        blob = conn.execute(sa.select(SESSION.c.pending_secret).where(SESSION.c.id == login.id)).scalar_one()
    return vault().open(PENDING, login.id, blob) if blob else None


def begin_enrolling(login: Login) -> None:
    """Draw a new secret for a session to enrol; the old factor holds until the new one is confirmed."""
    blob = vault().seal(PENDING, login.id, factor.new_secret())
    with write() as conn:
        conn.execute(SESSION.update().where(SESSION.c.id == login.id).values(pending_secret=blob))


def enrol(login: Login, code: str, caller: Caller) -> tuple[Opened, list[str]] | None:
    """Confirm the new factor by its first code; return a new session and recovery codes, None for a wrong code."""
    counted = throttle.count("enrol", account=login.actor.name)
    secret = pending_secret(login)
    step = factor.step_of(secret, code, clock.now()) if secret else None
    if secret is None or step is None or login.actor.account_id is None:
        return None
    account = login.actor.account_id
    with write() as conn:
        counted.give_back(conn)
        values = {"totp_secret": factor.sealed(account, secret), "totp_step": step}
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == account).values(values))
        codes = factor.new_recovery_codes(conn, account)
        end_all(conn, account)
        accounts.record(conn, login.actor, login.actor.name, "enrol_factor")
        return _begin(conn, login.actor, caller), codes


def leave(login: Login) -> None:
    """End a session: its token is worth nothing from now on."""
    with write() as conn:
        _end(conn, SESSION.c.id == login.id)


def _end(conn: Connection, *which: sa.ColumnElement[bool]) -> int:
    query = SESSION.update().where(*which, SESSION.c.ended_at.is_(None)).values(ended_at=clock.now())
    return conn.execute(query).rowcount


def end_one(account_id: str, session: str) -> None:
    """End one of an account's sessions; NotFound for another's."""
    with write() as conn:
        if not _end(conn, SESSION.c.id == session, SESSION.c.account_id == account_id):
            raise NotFound(session)


def end_others(login: Login) -> int:
    """End every session of the account but this one; return how many there were."""
    with write() as conn:
        return _end(conn, SESSION.c.account_id == login.actor.account_id, SESSION.c.id != login.id)


def end_all(conn: Connection, account_id: str) -> int:
    """End every session of an account; return how many there were."""
    return _end(conn, SESSION.c.account_id == account_id)


def begin_anew(conn: Connection, login: Login, caller: Caller) -> Opened:
    """End every session of the account and begin another for this browser, as after a change of password."""
    end_all(conn, login.actor.account_id or "")
    return _begin(conn, login.actor, caller)


def of_account(conn: Connection, account_id: str) -> list[Mapping[str, Any]]:
    """Return the sessions of an account that hold now, newest first."""
    bounds, now = access_limits.limits(conn), clock.now()
    columns = [c for c in SESSION.c if c.name not in ("token_hash", "pending_secret")]
    query = sa.select(*columns).where(SESSION.c.account_id == account_id, SESSION.c.ended_at.is_(None))
    rows = all_rows(conn, query.order_by(SESSION.c.made_at.desc()))
    return [row for row in rows if _holds(row, bounds, now)]


def purge() -> int:
    """Drop the sessions that nobody has used for a month; return how many there were."""
    with write() as conn:
        return conn.execute(SESSION.delete().where(SESSION.c.seen_at < clock.now() - KEPT)).rowcount
