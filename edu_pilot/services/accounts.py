"""Accounts: who may sign in, with which roles, and which person stands behind them (R6.3)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
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
from edu_pilot.services import audit, cases, policies
from edu_pilot.services.cases import NotFound
from edu_pilot.services.facts.people import newest_keys
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_, Forbidden, Refused, blocked
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
ADMINISTRATORS = ("admin", "operator")
RESERVED = frozenset({"student", "system", "operator"})


def hasher() -> PasswordHasher:
    """Return the Argon2id hasher; its cost is the library's default except where tests lower it."""
    return _hasher(current_app.config.get("ARGON2_TIME_COST", 3), current_app.config.get("ARGON2_MEMORY_KIB", 65536))


@cache
def _hasher(time_cost: int, memory: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory)


def actor_of(row: Mapping[str, Any]) -> Actor:
    """Return the actor an account row acts as."""
    roles = frozenset(row["roles"].split(","))
    return Actor(row["id"], row["name"], roles, row["county"], row["person_key"])


def sign_in(name: str, password: str) -> Actor | None:
    """Return the actor of an active account whose password fits; the same time passes if none does."""
    with read() as conn:
        row = _row(conn, name)
    fits = _fits(row["password_hash"] if row else _nobody(), password)
    return actor_of(row) if row and fits and _usable(row) else None


def _fits(stored: str, password: str) -> bool:
    try:
        return hasher().verify(stored, password)
    except VerificationError:
        return False


@cache
def _nobody() -> str:
    return hasher().hash(secrets.token_urlsafe(16))


def _row(conn: Connection, name: str) -> Mapping[str, Any] | None:
    return one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.name == name))


def by_id(account_id: str) -> Actor | None:
    """Return the actor of an active account, or None."""
    return _active(ACCOUNT.c.id == account_id)


def by_token(token: str) -> Actor | None:
    """Return the actor whose API token this is, or None."""
    return _active(ACCOUNT.c.token_hash == _hash(token))


def _active(where: sa.ColumnElement[bool]) -> Actor | None:
    with read() as conn:
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


def _hash(token: str) -> str:
    # A token is 256 random bits: a plain hash of it cannot be guessed.
    return hashlib.sha256(token.encode()).hexdigest()


def add(
    name: str, roles: Iterable[str], county: str | None, person: str | None, actor: Actor, *,
    password: str | None = None, demo: bool = False,
) -> str:  # fmt: skip
    """Add an account and return its password; raise Refused with every fault at once."""
    roles = list(roles)
    number = normalise_id(person or "")
    password = password or secrets.token_urlsafe(12)
    with write() as conn:
        faults = _faults(conn, name, roles, county, number)
        if faults:
            raise Refused(faults)
        row = {
            "id": new_id(),
            "name": name,
            "password_hash": hasher().hash(password),
            "roles": ",".join(roles),
            "county": county,
            "person_key": _person_key(conn, number) if number else None,
            "created_at": clock.now(),
            "active": True,
            "demo": demo,
        }
        conn.execute(ACCOUNT.insert().values(row))
        _record(conn, actor, name, "add", {"roles": roles, "county": county})
    return password


def _person_key(conn: Connection, number: str) -> str:
    """Return the person's key; a number that was corrected since stands for the one that replaced it."""
    key = vault().index("id_number", number)
    return newest_keys(conn, [key]).get(key, key)


def _faults(conn: Connection, name: str, roles: list[str], county: str | None, number: str) -> list[Any]:
    version = policies.in_force(conn, clock.today()).compiled
    faults = []
    if not name or len(name) > 64 or _row(conn, name) or name in RESERVED:
        faults.append(blocked(N_("The name %(name)s is taken or not usable."), code="name_taken", name=name[:64]))
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
    if number and (not id_is_well_formed(number) or id_faults(number, clock.today())):
        faults.append(blocked(N_("The person's ID number is not right."), code="id_number_format"))
    return faults


def _record(conn: Connection, actor: Actor, name: str, action: str, given: Mapping[str, Any]) -> None:
    audit.append(conn, [audit.Entry(actor.name, "account", name, action, input=given)])


def reset(name: str, actor: Actor) -> str:
    """Give an account a new password and return it."""
    password = secrets.token_urlsafe(12)
    _change(name, "reset", actor, password_hash=hasher().hash(password))
    return password


def token(name: str, actor: Actor) -> str:
    """Give an account a new API token and return it; the old one ends."""
    fresh = secrets.token_urlsafe(32)
    _change(name, "token", actor, token_hash=_hash(fresh))
    return fresh


def belongs_to(name: str, study: str, actor: Actor) -> None:
    """Say that an account is the student's of a study, who goes by another number there; NotFound, Forbidden (R5.2).

    From now on the rules against deciding the own case hold for it, and a correction of the number takes it along.
    """
    require_administrator(actor)
    with write() as conn:
        person = cases.by_reference(conn, vault(), "study", study).person
        changed = ACCOUNT.update().where(ACCOUNT.c.name == name).values(person_key=person.key)
        if conn.execute(changed).rowcount != 1:
            raise NotFound(name)
        _record(conn, actor, name, "person", {"study": study})


def require_administrator(actor: Actor) -> None:
    """R6.3: whose account it is only an administrator says."""
    if not actor.roles & set(ADMINISTRATORS):
        text = N_("This step belongs to: %(roles)s")
        roles = "roles:" + ",".join(ADMINISTRATORS)
        raise Forbidden([blocked(text, code="role_missing", roles=roles, who=ADMINISTRATORS)])


def _change(name: str, action: str, actor: Actor, **values: Any) -> None:
    with write() as conn:
        if conn.execute(ACCOUNT.update().where(ACCOUNT.c.name == name).values(values)).rowcount != 1:
            raise NotFound(name)
        _record(conn, actor, name, action, {})


def everyone(conn: Connection) -> list[Mapping[str, Any]]:
    """Return every account without its secrets, by name."""
    columns = (ACCOUNT.c.name, ACCOUNT.c.roles, ACCOUNT.c.county, ACCOUNT.c.active, ACCOUNT.c.demo)
    return all_rows(conn, sa.select(*columns).order_by(ACCOUNT.c.name))
