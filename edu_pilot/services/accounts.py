"""Accounts: who may sign in, with which roles, and which person stands behind them (R6.3)."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from flask import current_app
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Account
from edu_pilot.models.base import new_id
from edu_pilot.rules.identity import id_faults, id_is_well_formed, normalise_id
from edu_pilot.services import access_limits, audit, cases, factor, passwords, policies, tokens
from edu_pilot.services.actors import OPERATOR, require_role
from edu_pilot.services.cases import NotFound
from edu_pilot.services.facts.people import newest_keys
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_, Malformed, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
RESERVED = frozenset({"student", "system", "operator"})
# Passwords reckoned at once in one process, and how long one waits for its turn.
_AT_ONCE = threading.BoundedSemaphore(2)
PATIENCE_SECONDS = 10.0
# More than anyone types; a hash of megabytes would take seconds.
LONGEST_PASSWORD = 200
PLAIN = tuple(ACCOUNT.c[name] for name in ("name", "roles", "county", "active", "demo", "ended_at", "handed_to"))


class Busy(Exception):
    """Too many passwords are being reckoned at this moment."""


def hasher() -> PasswordHasher:
    """Return the Argon2id hasher; its cost is the library's default except where tests lower it."""
    return _hasher(current_app.config.get("ARGON2_TIME_COST", 3), current_app.config.get("ARGON2_MEMORY_KIB", 65536))


@cache
def _hasher(time_cost: int, memory: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory)


def actor_of(row: Mapping[str, Any]) -> Actor:
    """Return the actor an account row acts as."""
    # Before a second administrator has confirmed them there are none.
    roles = frozenset(filter(None, row["roles"].split(",")))
    return Actor(row["id"], row["name"], roles, row["county"], row["person_key"])


def fitting(name: str, password: str) -> Mapping[str, Any] | None:
    """Return the row of a usable account whose password fits; one hash is reckoned whatever the name."""
    with read() as conn:
        row = _row(conn, name)
    fits = _fits(row["password_hash"] if row else _nobody(), password)
    return row if row and fits and _usable(row) else None


def _fits(stored: str, password: str) -> bool:
    with _hashing():
        try:
            return hasher().verify(stored, password)
        except VerificationError:
            return False


def password_hash(password: str) -> str:
    """Return what is stored of a password."""
    with _hashing():
        return hasher().hash(password)


@contextmanager
def _hashing() -> Iterator[None]:
    """Let a few reckon at once: each hash takes 64 MiB, and the others wait their turn."""
    if not _AT_ONCE.acquire(timeout=PATIENCE_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _AT_ONCE.release()


def _nobody() -> str:
    """Return a hash no password has, as dear to verify as a real one."""
    cost = hasher()
    parameters = f"m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
    salt, digest = (base64.b64encode(bytes(n)).decode().rstrip("=") for n in (cost.salt_len, cost.hash_len))
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _row(conn: Connection, name: str) -> Mapping[str, Any] | None:
    return one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.name == name))


def of_name(conn: Connection, name: str) -> Mapping[str, Any]:
    """Return the row of an account that is about to change, ended ones too, and lock it; NotFound if there is none."""
    row = one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.name == name).with_for_update())
    if row is None:
        raise NotFound(name)
    return row


def by_token(token: str) -> Actor | None:
    """Return the actor whose API token this is, or None."""
    with read() as conn:
        return active(conn, ACCOUNT.c.token_hash == tokens.hash_of(token))


def active(conn: Connection, where: sa.ColumnElement[bool]) -> Actor | None:
    """Return the actor of the usable account that a condition finds, or None."""
    row = one_row(conn, sa.select(ACCOUNT).where(where, ACCOUNT.c.active))
    return actor_of(row) if row and _usable(row) else None


def _usable(row: Mapping[str, Any]) -> bool:
    """An account that is on; the sample's accounts never are in production."""
    return bool(row["active"]) and not (row["demo"] and current_app.config["SETTINGS"].production)


def named(name: str) -> Actor:
    """Return the actor of an account by name; NotFound if there is none."""
    with read() as conn:
        row = _row(conn, name)
    if row is None or not _usable(row):
        raise NotFound(name)
    return actor_of(row)


def add(
    name: str, roles: Iterable[str], county: str | None, person: str | None, actor: Actor, *,
    password: str | None = None, demo: bool = False, secret: str | None = None,
) -> str:  # fmt: skip
    """Add an account whose roles hold at once and return its password; raise Refused with every fault at once."""
    password = password or secrets.token_urlsafe(12)
    with write() as conn:
        _insert(conn, name, list(roles), county, person, actor, password=password, demo=demo, secret=secret)
    return password


def _insert(
    conn: Connection, name: str, roles: list[str], county: str | None, person: str | None, actor: Actor, *,
    password: str, demo: bool = False, secret: str | None = None,
) -> str:  # fmt: skip
    number = normalise_id(person or "")
    if faults := _faults(conn, name, number) + role_faults(conn, roles, county):
        raise Refused(faults)
    row = new_id()
    values = {
        "id": row,
        "name": name,
        "password_hash": password_hash(password),
        "roles": ",".join(roles),
        "county": county,
        "person_key": _person_key(conn, number) if number else None,
        "created_at": clock.now(),
        "active": True,
        "demo": demo,
        "totp_secret": factor.sealed(row, secret) if secret else None,
    }
    conn.execute(ACCOUNT.insert().values(values))
    record(conn, actor, name, "add", {"roles": roles, "county": county})
    return row


def add_without_roles(
    conn: Connection, name: str, roles: list[str], county: str | None, person: str | None, actor: Actor
) -> str:
    """Add an account that can do nothing until its roles are confirmed; return its row id."""
    row = _insert(conn, name, roles, county, person, actor, password=secrets.token_urlsafe(32))
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row).values(roles="", county=None))
    return row


def _person_key(conn: Connection, number: str) -> str:
    """Return the person's key; a number that was corrected since stands for the one that replaced it."""
    key = vault().index("id_number", number)
    return newest_keys(conn, [key]).get(key, key)


def _faults(conn: Connection, name: str, number: str) -> list[Reason]:
    faults = []
    if not name or len(name) > 64 or not name.isprintable() or _row(conn, name) or name in RESERVED:
        faults.append(blocked(N_("The name %(name)s is taken or not usable."), code="name_taken", name=name[:64]))
    if number and (not id_is_well_formed(number) or id_faults(number, clock.today())):
        faults.append(blocked(N_("The person's ID number is not right."), code="id_number_format"))
    return faults


def role_faults(conn: Connection, roles: list[str], county: str | None) -> list[Reason]:
    """Return what is wrong with roles and their county."""
    version = policies.in_force(conn, clock.today()).compiled
    faults = []
    unknown = [role for role in roles if role not in version.roles or role in RESERVED]
    if unknown or not roles:
        known = ", ".join(sorted(set(version.roles) - RESERVED))
        faults.append(blocked(N_("Choose roles from: %(known)s"), code="role_unknown", known=known))
    scoped = any(version.roles[role].county for role in roles if role in version.roles)
    if scoped != (county is not None):
        text = N_("County roles need a county, all others must have none.")
        faults.append(blocked(text, code="county_needed"))
    if county is not None and version.policy.row("counties", county) is None:
        faults.append(blocked(N_("There is no county %(county)s."), code="county_unknown", county=county[:16]))
    return faults


def record(conn: Connection, actor: Actor, name: str, action: str, given: Mapping[str, Any] | None = None) -> None:
    """Write what was done with an account into the trail."""
    audit.append(conn, [audit.Entry(actor.name, "account", name, action, input=given or {})])


def set_password(conn: Connection, account_id: str, password: str) -> None:
    """Store a new password; raise Malformed for one that is too short, contains the name, or that many have (C14)."""
    row = conn.execute(sa.select(ACCOUNT).where(ACCOUNT.c.id == account_id)).mappings().one()
    least = access_limits.limits(conn).password_min
    text = N_("The password needs at least %(least)s characters and must not contain the user name.")
    if len(password) < least or len(password) > LONGEST_PASSWORD or row["name"].casefold() in password.casefold():
        raise Malformed([blocked(text, code="password_weak", field="password", least=least)])
    if passwords.is_common(password):
        text = N_("The password is one of the commonest or made of them; it needs at least %(least)s other characters.")
        raise Malformed([blocked(text, code="password_common", field="password", least=passwords.FEW)])
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == account_id).values(password_hash=password_hash(password)))


def token(name: str, actor: Actor) -> str:
    """Give an account a new API token and return it; the old one ends."""
    fresh = secrets.token_urlsafe(32)
    with write() as conn:
        row = of_name(conn, name)
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(token_hash=tokens.hash_of(fresh)))
        record(conn, actor, name, "token")
    return fresh


def belongs_to(name: str, study: str, actor: Actor) -> None:
    """Say that an account is the student's of a study, who goes by another number there; NotFound, Forbidden (R5.2).

    From now on the rules against deciding the own case hold for it, and a correction of the number takes it along.
    Only the operator says so: an administrator who did could give one account two human beings, or two one.
    """
    require_role(actor, OPERATOR.roles)
    with write() as conn:
        person = cases.by_reference(conn, vault(), "study", study).person
        row = of_name(conn, name)
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(person_key=person.key))
        record(conn, actor, name, "person", {"study": study})


def offices(conn: Connection, names: Collection[str]) -> dict[str, tuple[list[str], str | None]]:
    """Return the roles and the county of accounts by name, for people to know who acted."""
    query = sa.select(ACCOUNT.c.name, ACCOUNT.c.roles, ACCOUNT.c.county).where(ACCOUNT.c.name.in_(names))
    return {row["name"]: ([r for r in row["roles"].split(",") if r], row["county"]) for row in all_rows(conn, query)}


def everyone(conn: Connection) -> list[Mapping[str, Any]]:
    """Return every account without its secrets, by name."""
    columns = (*PLAIN, ACCOUNT.c.totp_secret.is_not(None).label("factor"))
    return all_rows(conn, sa.select(*columns).order_by(ACCOUNT.c.name))


def samples(conn: Connection) -> list[Mapping[str, Any]]:
    """Return the sample's accounts that can be used, by name."""
    return all_rows(conn, sa.select(ACCOUNT).where(ACCOUNT.c.demo, ACCOUNT.c.active).order_by(ACCOUNT.c.name))
