"""What administrators do with accounts: two of them give roles, one ends them the same day (R6.3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, write
from edu_pilot.models import Account, RoleGrant
from edu_pilot.models.base import new_id
from edu_pilot.services import accounts, factor, links, logins, throttle
from edu_pilot.services.actors import OPERATOR, require_role
from edu_pilot.services.cases import NotFound
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
GRANT = RoleGrant.__table__
ADMIN = "admin"


def require_admin(actor: Actor) -> None:
    """Raise Forbidden for anybody but an administrator or the operator, who runs the machine (R6.3)."""
    require_role(actor, [ADMIN], also=OPERATOR.roles)


def add(name: str, roles: list[str], county: str | None, person: str, actor: Actor) -> str | None:
    """Add an account; the operator's holds at once and its password is returned.

    An administrator's has no roles until another administrator confirms them, and None is returned.
    """
    require_admin(actor)
    if "operator" in actor.roles:
        return accounts.add(name, roles, county, person, actor)
    with write() as conn:
        row = accounts.add_without_roles(conn, name, roles, county, person, actor)
        _ask(conn, row, roles, county, actor)
    return None


def grant(name: str, roles: list[str], county: str | None, actor: Actor) -> bool:
    """Ask for other roles for an account; return True where that confirms what another one asked for."""
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        waiting = _waiting(conn, row["id"])
        if waiting and (waiting["roles"], waiting["county"]) == (",".join(roles), county) and _other(waiting, actor):
            _confirm(conn, row, waiting, actor)
            return True
        if faults := accounts.role_faults(conn, roles, county) + _own(row, actor):
            raise Refused(faults)
        if waiting:
            _close(conn, waiting, actor, confirmed=False)
        _ask(conn, row["id"], roles, county, actor)
        accounts.record(conn, actor, name, "ask_grant", {"roles": roles, "county": county})
    return False


def _ask(conn: Connection, account_id: str, roles: list[str], county: str | None, actor: Actor) -> None:
    values = {"id": new_id(), "account_id": account_id, "roles": ",".join(roles), "county": county}
    asked = {"asked_by": actor.name, "asked_key": actor.person_key, "asked_at": clock.now(), "confirmed": False}
    conn.execute(GRANT.insert().values(values | asked))


def _other(waiting: Mapping[str, Any], actor: Actor) -> bool:
    return bool(waiting["asked_by"] != actor.name)


def _own(row: Mapping[str, Any], actor: Actor) -> list[Reason]:
    own = row["name"] == actor.name or (row["person_key"] and row["person_key"] == actor.person_key)
    text = N_("Nobody gives roles to themselves.")
    return [blocked(text, code="own_account", who="admin")] if own else []


def confirm(name: str, actor: Actor) -> None:
    """Confirm what another administrator asked for; the account's sessions and token end."""
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        _confirm(conn, row, _wanted(conn, row), actor)


def decline(name: str, actor: Actor) -> None:
    """Drop what was asked for an account."""
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        _close(conn, _wanted(conn, row), actor, confirmed=False)
        accounts.record(conn, actor, name, "decline_grant")


def _wanted(conn: Connection, row: Mapping[str, Any]) -> Mapping[str, Any]:
    waiting = _waiting(conn, row["id"])
    if waiting is None:
        raise NotFound(row["name"])
    return waiting


def _confirm(conn: Connection, row: Mapping[str, Any], waiting: Mapping[str, Any], actor: Actor) -> None:
    if faults := _second_faults(waiting, actor) + _own(row, actor):
        raise Refused(faults)
    if not _close(conn, waiting, actor, confirmed=True):
        raise NotFound(row["name"])
    values = {"roles": waiting["roles"], "county": waiting["county"], "token_hash": None}
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(values))
    logins.end_all(conn, row["id"])
    given = {"roles": waiting["roles"].split(","), "county": waiting["county"], "asked_by": waiting["asked_by"]}
    accounts.record(conn, actor, row["name"], "grant", given)


def _second_faults(waiting: Mapping[str, Any], actor: Actor) -> list[Reason]:
    """Return what keeps somebody from being the second person: no person, or the same one."""
    text = N_("Another administrator, another person, confirms the roles.")
    same = waiting["asked_by"] == actor.name or waiting["asked_key"] == actor.person_key
    return [blocked(text, code="second_administrator", who="admin")] if same or actor.person_key is None else []


def _close(conn: Connection, waiting: Mapping[str, Any], actor: Actor, *, confirmed: bool) -> bool:
    query = GRANT.update().where(GRANT.c.id == waiting["id"], GRANT.c.closed_at.is_(None))
    values = {"closed_by": actor.name, "closed_at": clock.now(), "confirmed": confirmed}
    return conn.execute(query.values(values)).rowcount == 1


def _waiting(conn: Connection, account_id: str) -> Mapping[str, Any] | None:
    return one_row(conn, sa.select(GRANT).where(GRANT.c.account_id == account_id, GRANT.c.closed_at.is_(None)))


def waiting(conn: Connection) -> list[Mapping[str, Any]]:
    """Return the roles that wait for a second administrator, with the account's name."""
    query = sa.select(ACCOUNT.c.name, GRANT.c.roles, GRANT.c.county, GRANT.c.asked_by, GRANT.c.asked_at)
    joined = query.join(ACCOUNT, ACCOUNT.c.id == GRANT.c.account_id).where(GRANT.c.closed_at.is_(None))
    return all_rows(conn, joined.order_by(GRANT.c.asked_at))


def end(name: str, actor: Actor, successor: str | None = None) -> None:
    """End an account at once: sessions, token and links are dead; what it signed stays as it is.

    Work waits for a role and a county, never for a name, so the successor needs the same ones; roles the
    leaver asked for are dropped and must be asked for anew. Raise Refused, NotFound.
    """
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        if faults := _end_faults(conn, row, actor, successor):
            raise Refused(faults)
        values = {"active": False, "ended_at": clock.now(), "handed_to": successor, "token_hash": None}
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(values))
        _shut(conn, row["id"])
        mine = sa.or_(GRANT.c.asked_by == name, GRANT.c.account_id == row["id"])
        closed = {"closed_by": actor.name, "closed_at": clock.now()}
        conn.execute(GRANT.update().where(mine, GRANT.c.closed_at.is_(None)).values(closed))
        accounts.record(conn, actor, name, "end", {"handed_to": successor})


def _shut(conn: Connection, account_id: str) -> None:
    logins.end_all(conn, account_id)
    links.end_all(conn, account_id)


def _end_faults(conn: Connection, row: Mapping[str, Any], actor: Actor, successor: str | None) -> list[Reason]:
    faults = []
    if not row["active"]:
        faults.append(blocked(N_("The account has ended already."), code="account_ended"))
    if row["name"] == actor.name:
        faults.append(blocked(N_("Nobody ends the own account; ask another administrator."), code="own_account"))
    if successor is not None:
        heir = accounts.of_name(conn, successor)
        roles, own = set(heir["roles"].split(",")), set(row["roles"].split(","))
        if not heir["active"] or heir["name"] == row["name"] or not own <= roles or heir["county"] != row["county"]:
            text = N_("%(name)s cannot take the work over: it needs the same roles and county.")
            faults.append(blocked(text, code="successor_unfit", name=successor))
    return faults


def reset(name: str, actor: Actor) -> str:
    """Give an account a new password and return it; whoever was signed in is out."""
    require_admin(actor)
    password = secrets.token_urlsafe(12)
    stored = accounts.password_hash(password)
    with write() as conn:
        row = accounts.of_name(conn, name)
        _take_password(conn, row["id"], stored)
        throttle.open_again(conn, logins.DOOR, account=name)
        accounts.record(conn, actor, name, "reset")
        _wait_for_another(conn, row, actor)
    return password


def _take_password(conn: Connection, account_id: str, stored: str) -> None:
    values = {"password_hash": stored, "token_hash": None}
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == account_id).values(values))
    _shut(conn, account_id)


def _wait_for_another(conn: Connection, row: Mapping[str, Any], actor: Actor) -> None:
    """R6.3: the roles of an account whose password or factor was replaced wait until another one confirms them.

    Whoever opens a way into somebody else's account could go it; alone, nobody is to act as two.
    """
    if _helps_alone(row["name"], actor):
        return
    held = row if row["roles"] else _waiting(conn, row["id"])
    if held is None:
        return
    if open_one := _waiting(conn, row["id"]):
        _close(conn, open_one, actor, confirmed=False)
    conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(roles="", county=None))
    roles = held["roles"].split(",")
    _ask(conn, row["id"], roles, held["county"], actor)
    accounts.record(conn, actor, row["name"], "ask_grant", {"roles": roles, "county": held["county"]})


def _helps_alone(name: str, actor: Actor) -> bool:
    return name == actor.name or "operator" in actor.roles


def token(name: str, actor: Actor) -> str:
    """Give an account a new API token and return it; everybody draws the own one only, the operator anybody's."""
    if name != actor.name:
        require_role(actor, OPERATOR.roles)
    return accounts.token(name, actor)


def link(name: str, actor: Actor, purpose: str) -> str:
    """Return a link's token, with which the account's person sets a password that nobody else knows."""
    require_admin(actor)
    nobodys = accounts.password_hash(secrets.token_urlsafe(32))
    with write() as conn:
        row = accounts.of_name(conn, name)
        if not _helps_alone(name, actor):
            # Whoever helped before must not be in while another one confirms the roles.
            _take_password(conn, row["id"], nobodys)
        token = links.draw(conn, row["id"], purpose)
        throttle.open_again(conn, logins.DOOR, account=name)
        accounts.record(conn, actor, name, f"link_{purpose}")
        _wait_for_another(conn, row, actor)
    return token


def set_by_link(purpose: str, token: str, password: str) -> None:
    """Set the password of a link's account and use the link up; raise NotFound, Malformed."""
    with write() as conn:
        account_id = links.use(conn, purpose, token)
        row = one_row(conn, sa.select(ACCOUNT).where(ACCOUNT.c.id == account_id, ACCOUNT.c.active))
        if row is None:
            raise NotFound("link")
        accounts.set_password(conn, account_id, password)
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == account_id).values(token_hash=None))
        logins.end_all(conn, account_id)
        accounts.record(conn, accounts.actor_of(row), row["name"], "set_password")


def reset_factor(name: str, actor: Actor) -> None:
    """Take a lost factor away: the next sign-in can only enrol a new one; sessions and token end.

    As after a new password or link, the roles wait for another administrator unless the operator did it.
    """
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        factor.forget(conn, row["id"])
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(token_hash=None))
        _shut(conn, row["id"])
        accounts.record(conn, actor, name, "reset_factor")
        _wait_for_another(conn, row, actor)


def revoke(name: str, actor: Actor) -> int:
    """End every session of an account and its token; return how many sessions there were."""
    require_admin(actor)
    with write() as conn:
        row = accounts.of_name(conn, name)
        number = logins.end_all(conn, row["id"])
        conn.execute(ACCOUNT.update().where(ACCOUNT.c.id == row["id"]).values(token_hash=None))
        accounts.record(conn, actor, name, "revoke_sessions")
    return number
