"""The trail as the audit reads it: narrowed, newest first, by pages, told as a record's own history (R6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import AuditEntry
from edu_pilot.services import cases, policies, presenting
from edu_pilot.services.visibility import scope_of, visible_to
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import Actor

ENTRY = AuditEntry.__table__
PAGE = 50
# What is entered beside the records: its kind, and what is done with it.
KINDS: Mapping[str, str] = {
    "account": N_("Account"),
    "alert": N_("Receipt claimed twice"),
    "document": N_("Document"),
    "keys": N_("Keys"),
    "look_up": N_("Look-up"),
    "person": N_("Personal data"),
    "policy": N_("Policy version"),
    "print_run": N_("Print run"),
    "quota": N_("Places"),
    "register": N_("National register"),
}
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "account": {
        "add": N_("Account added"),
        "ask_grant": N_("Roles asked for"),
        "decline_grant": N_("Roles declined"),
        "end": N_("Account ended"),
        "enrol_factor": N_("Second factor enrolled"),
        "grant": N_("Roles granted"),
        "link_invite": N_("Link to begin drawn"),
        "link_reset": N_("Link for a lost password drawn"),
        "person": N_("Account joined to a person"),
        "reset": N_("Account reset"),
        "reset_factor": N_("Second factor taken away"),
        "revoke_sessions": N_("Signed out everywhere"),
        "set_password": N_("Password set"),
        "token": N_("Token for programs drawn"),
    },
    "alert": {"receipt_claimed_twice": N_("Unions told")},
    "document": {"publish_notice": N_("List published"), "take_down": N_("List taken down")},
    "keys": {"rotate": N_("Keys renewed")},
    "look_up": {"value": N_("Value shown in full")},
    "person": {
        "erase": N_("Data erased"),
        "erase_lists": N_("Old lists erased"),
        "export": N_("Copy of all data handed out"),
        "restrict": N_("Use of the data stopped"),
    },
    "policy": {"publish": N_("Policy published")},
    "print_run": {"ask": N_("Papers printed")},
    "quota": {"move_places": N_("Places moved")},
    "register": {"take_list": N_("List of the register taken")},
}


@dataclass(frozen=True)
class Asked:
    """What of the trail is wanted; an empty part narrows nothing. Days are of the entry's moment in Asia/Shanghai."""

    account: str = ""
    workflow: str = ""
    action: str = ""
    reference: str = ""
    since: date | None = None
    until: date | None = None
    # Only entries with a smaller number: the next page begins there.
    before: int | None = None


@dataclass(frozen=True)
class Page:
    """Some entries, newest first; `following` is the number before which the next page begins, if there is one."""

    entries: Sequence[dict[str, Any]]
    following: int | None


def page(conn: Connection, asked: Asked, actor: Actor) -> Page:
    """Return a page of the trail as an actor may read it.

    What a sealed step says is told to nobody before its round is decided (R5.2).
    """
    query = sa.select(ENTRY).where(_in_scope(actor), *_conditions(asked)).order_by(ENTRY.c.number.desc())
    rows = all_rows(conn, query.limit(PAGE + 1))
    shown = rows[:PAGE]
    closed = _undecided(conn, shown, actor)
    entries = presenting.told(conn, [row for row in shown if row["number"] not in closed], actor)
    by_number = {entry["number"]: entry for entry in entries}
    following = shown[-1]["number"] if len(rows) > PAGE else None
    return Page([_read(row, by_number.get(row["number"])) for row in shown], following)


def _read(row: Mapping[str, Any], entry: dict[str, Any] | None) -> dict[str, Any]:
    """Return an entry with what it is about; one that is still sealed says only that it was made."""
    about = {name: row[name] for name in ("number", "at", "actor", "workflow", "reference", "action", "policy_version")}
    ends = {"from": row["from_state"], "to": row["to_state"], "input": {}}
    return {**about, **ends, **(entry or {}), "at": row["at"], "sealed": entry is None}


def _in_scope(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition under which entries are of records the actor may see; the whole city sees all entries."""
    if scope_of(actor).everything:
        return sa.true()
    tables = {name: cases.table(name) for name in cases.workflows()}
    own = {name: sa.select(t.c.reference).where(visible_to(actor, t)) for name, t in tables.items()}
    return sa.or_(
        *(sa.and_(ENTRY.c.workflow == name, ENTRY.c.reference.in_(references)) for name, references in own.items())
    )


def _conditions(asked: Asked) -> Iterator[sa.ColumnElement[bool]]:
    if asked.account:
        yield ENTRY.c.actor == asked.account
    if asked.action:
        yield ENTRY.c.action == asked.action
    if asked.workflow or asked.reference:
        # The index of references begins with the workflow: without one all of them are named.
        yield ENTRY.c.workflow.in_([asked.workflow] if asked.workflow else [*cases.workflows(), *KINDS])
    if asked.reference:
        yield ENTRY.c.reference.in_({asked.reference, asked.reference.upper()})
    if asked.since:
        yield ENTRY.c.at >= _begins(asked.since)
    if asked.until:
        yield ENTRY.c.at < _begins(asked.until + timedelta(days=1))
    if asked.before is not None:
        yield ENTRY.c.number < asked.before


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), clock.SHANGHAI).astimezone(UTC)


def _undecided(conn: Connection, rows: Sequence[Mapping[str, Any]], actor: Actor) -> frozenset[int]:
    """Return which of the entries are sealed steps of a round that is still open."""
    known = set(cases.workflows())
    versions = policies.numbered(conn, {row["policy_version"] for row in rows if row["workflow"] in known})
    found: set[int] = set()
    for number, version in versions.items():
        for name, engine in version.compiled.engines.items():
            definition = engine.definition
            sealed = [action.name for action in definition.actions.values() if action.sealed]
            of_it = [
                r for r in rows if (r["workflow"], r["policy_version"]) == (name, number) and r["action"] in sealed
            ]
            for steps in _steps(conn, name, {row["reference"] for row in of_it}, sealed, actor):
                found |= presenting.undecided(steps, definition)
    return frozenset(found)


def _steps(
    conn: Connection, workflow: str, references: set[str], actions: Sequence[str], actor: Actor
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield each record's steps of these actions, in order; in one query for all of them."""
    if not references:
        return
    query = sa.select(ENTRY.c.number, ENTRY.c.reference, ENTRY.c.action, ENTRY.c.actor).where(_in_scope(actor))
    query = query.where(ENTRY.c.workflow == workflow, ENTRY.c.reference.in_(references), ENTRY.c.action.in_(actions))
    rows = all_rows(conn, query.order_by(ENTRY.c.reference, ENTRY.c.number))
    for _reference, steps in groupby(rows, key=itemgetter("reference")):
        yield list(steps)
