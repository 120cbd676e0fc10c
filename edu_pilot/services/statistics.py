"""How many persons stood where on a past day: told from the audit, so the same for ever."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Account, Application, AuditEntry, Certification, Claim, Person, Study
from edu_pilot.rules.lookups import county_code, major_code
from edu_pilot.services import policies
from edu_pilot.services.visibility import scope_of
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor

ENTRY = AuditEntry.__table__
ACCOUNT = Account.__table__
PERSON = Person.__table__
APPLICATION = Application.__table__
STUDY = Study.__table__
BY = ("workflow", "county", "major", "intake", "year", "state")
UNIT = "unit"
# What a status that no longer counts for the programme has become.
NOT_COUNTED = ("cancelled",)
# The steps whose input may name another county or major than the record has today.
PLACING = ("create", "amend", "move_county", "accept_major", "change_major", "change_point")

Row = dict[str, Any]


def persons(conn: Connection, actor: Actor, as_of: date, by: Sequence[str]) -> dict[str, Any]:
    """Count the persons of each group as the audit tells them on a business date.

    A person is counted once in each group; a county's staff count those who were of their county on that day.
    By `unit` only those count whose school status was confirmed, each once over all groups, at the county it was
    confirmed in (R1.1).
    """
    found = _confirmed(conn, as_of) if UNIT in by else _rows(conn, as_of)
    mine, scope = UNIT if UNIT in by else "county", scope_of(actor)
    seen = [r for r in found if scope.covers(r[mine], r["person"])]
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in seen:
        groups[tuple(row[name] or "" for name in by)].add(row["person"])
    told = [dict(zip(by, key, strict=True), persons=len(found)) for key, found in sorted(groups.items())]
    total = len({row["person"] for row in seen})
    return {"as_of": as_of.isoformat(), "by": list(by), "persons": total, "rows": told}


def _rows(conn: Connection, as_of: date) -> list[Row]:
    rows = [dict(r) for query in _queries(conn, as_of) for r in conn.execute(query).mappings()]
    _replay_places(conn, rows, as_of)
    for row in rows:
        row["year"] = f"20{row['intake'][:2]}" if row["intake"] else None
    return rows


def _confirmed(conn: Connection, as_of: date) -> list[Row]:
    """Return one row a person: the status confirmed last by the day, unless cancelled, with its county of then."""
    rows = {r["reference"]: r for r in _rows(conn, as_of) if r["workflow"] == "study"}
    moved = set(conn.execute(sa.select(ENTRY.c.reference).where(ENTRY.c.action == "change_point")).scalars())
    columns = (STUDY.c.reference, STUDY.c.confirmed_on, STUDY.c.created_on)
    query = sa.select(*columns).where(STUDY.c.confirmed_on <= as_of)
    newest: dict[str, Row] = {}
    for reference, confirmed_on, created_on in conn.execute(query.order_by(STUDY.c.confirmed_on, STUDY.c.reference)):
        row = rows.get(reference)
        if row is None or row["state"] in NOT_COUNTED:
            continue
        # One that was taken over is confirmed before its first entry, and has stood where it was opened.
        day = max(confirmed_on, created_on)
        unit = _named_last(conn, reference, day, "county") if reference in moved else row["county"]
        newest[row["person"]] = row | {"unit": unit}
    return list(newest.values())


def _on(conn: Connection) -> sa.ColumnElement[Any]:
    """The business date of an entry, as its body states it."""
    day: sa.ColumnElement[Any] = sa.func.json_extract(ENTRY.c.body, "$.on")
    if conn.dialect.name != "sqlite":
        day = sa.cast(ENTRY.c.body, sa.JSON)["on"].as_string()
    return day


def _queries(conn: Connection, as_of: date) -> list[sa.Select[Any]]:
    """One query per workflow that has persons: its records with their last state by that day."""
    last = sa.select(ENTRY.c.workflow, ENTRY.c.reference, sa.func.max(ENTRY.c.number).label("number"))
    last = last.where(_on(conn) <= as_of.isoformat()).group_by(ENTRY.c.workflow, ENTRY.c.reference)
    return [_query(model.__table__, last.subquery()) for model in (Application, Study, Certification, Claim)]


def _query(records: sa.Table, last: sa.Subquery) -> sa.Select[Any]:
    home = records if "intake" in records.c else STUDY
    person = records.c.id_index if records is APPLICATION else PERSON.c.id_index
    source = records.join(last, sa.and_(last.c.workflow == records.name, last.c.reference == records.c.reference))
    source = source.join(ENTRY, ENTRY.c.number == last.c.number)
    if home is not records:
        source = source.join(STUDY, STUDY.c.id == records.c.study_id)
    if records is not APPLICATION:
        source = source.join(PERSON, PERSON.c.id == records.c.person_id)
    return sa.select(
        sa.literal(records.name).label("workflow"),
        records.c.reference,
        records.c.county,
        home.c.major,
        home.c.intake,
        ENTRY.c.to_state.label("state"),
        sa.func.coalesce(person, records.c.reference).label("person"),
        home.c.reference.label("home"),
    ).select_from(source)


def _replay_places(conn: Connection, rows: Iterable[Row], as_of: date) -> None:
    """Give a record that was moved after the day the county and the major it had on it."""
    later = sa.select(ENTRY.c.reference).where(ENTRY.c.action.in_(PLACING), _on(conn) > as_of.isoformat())
    moved = set(conn.execute(later).scalars())
    for row in rows:
        if row["reference"] in moved:
            row["county"] = _named_last(conn, row["reference"], as_of, "county") or row["county"]
        if row["home"] in moved:
            row["major"] = _named_last(conn, row["home"], as_of, "major") or row["major"]


def _named_last(conn: Connection, reference: str, as_of: date, name: str) -> str | None:
    """Return the code of the county or major that the record's entries named last by a day."""
    query = sa.select(ENTRY.c.actor, ENTRY.c.body).where(
        ENTRY.c.reference == reference, ENTRY.c.action.in_(PLACING), _on(conn) <= as_of.isoformat()
    )
    for entry in conn.execute(query.order_by(ENTRY.c.number.desc())).mappings():
        given = json.loads(entry["body"])["input"]
        text = given.get(f"new_{name}") or given.get(name)
        if text:
            return _coded(policies.in_force(conn, as_of).policy, name, str(text))
    return _county_of_first(conn, reference) if name == "county" else None


def _coded(policy: Policy, name: str, text: str) -> str:
    code = county_code(policy, text) if name == "county" else major_code(policy, text)
    return code or text


def _county_of_first(conn: Connection, reference: str) -> str | None:
    """A draft that names no county belongs to the county of whoever entered it."""
    query = sa.select(ACCOUNT.c.county).join(ENTRY, ENTRY.c.actor == ACCOUNT.c.name)
    query = query.where(ENTRY.c.reference == reference).order_by(ENTRY.c.number).limit(1)
    return conn.execute(query).scalar()
