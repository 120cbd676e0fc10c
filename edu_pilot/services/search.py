"""Finding records: lists with filters, strong numbers, and persons by ID number or phone."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows
from edu_pilot.models import Application, Document, Person, PersonAlias
from edu_pilot.rules.identity import (
    half_width,
    id_faults,
    id_is_well_formed,
    name_fault,
    normalise_id,
    normalise_name,
    normalise_phone,
    phone_fault,
)
from edu_pilot.services import cases, look_ups, veil
from edu_pilot.services.actors import SYSTEM, student
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.documents import ungrouped
from edu_pilot.services.facts.payment import drawable
from edu_pilot.services.perform import unit_of, version_of
from edu_pilot.services.vault import Unreadable, vault
from edu_pilot.services.visibility import require_visible, resit_is_told, visible_to, walled
from edu_pilot.workflow.registry import Actor

PERSON = Person.__table__
APPLICATION = Application.__table__
ALIAS = PersonAlias.__table__
DOCUMENT = Document.__table__
LIMIT = 200
NUMBERS = ("reference", "student_number", "diploma_number", "certificate_number")


@dataclass(frozen=True)
class Wanted:
    """The filters of a list."""

    state: str | None = None
    county: str | None = None
    intake: str | None = None
    major: str | None = None
    q: str | None = None
    after: str | None = None
    limit: int = 50


def find(conn: Connection, workflow: str, actor: Actor, wanted: Wanted) -> tuple[list[Case], str | None]:
    """Return one page of the records visible to the actor, by reference, and where the next begins."""
    records = cases.table(workflow)
    query = sa.select(records).where(visible_to(actor, records), *_filters(records, actor, wanted))
    if wanted.q:
        query = query.where(_matches(records, workflow, wanted.q.strip()))
    if wanted.after:
        query = query.where(records.c.reference > wanted.after)
    limit = max(1, min(wanted.limit, LIMIT))
    with walled(conn, actor):
        rows = all_rows(conn, query.order_by(records.c.reference).limit(limit + 1))
    following = rows[limit - 1]["reference"] if len(rows) > limit else None
    found = cases.batch_of(conn, vault(), workflow, rows[:limit], still=True)
    return [veil.veiled(conn, case, actor) for case in found], following


def _matches(records: sa.Table, workflow: str, q: str) -> sa.ColumnElement[bool]:
    """A reference, a number of the record or of one of its documents, or the beginning of a name."""
    exact: list[Any] = [records.c[name] == q for name in NUMBERS if name in records.c]
    papers = sa.select(DOCUMENT.c.record_id).where(DOCUMENT.c.workflow == workflow, DOCUMENT.c.number == q)
    exact.append(records.c.id.in_(papers))
    return sa.or_(*exact, *_by_name(records, q))


def _by_name(records: sa.Table, q: str) -> list[sa.ColumnElement[bool]]:
    keys = q.lower().replace(" ", "")
    if "name" in records.c:
        return [_named(records, q, keys)]
    if "person_id" in records.c:
        return [records.c.person_id.in_(sa.select(PERSON.c.id).where(_named(PERSON, q, keys)))]
    return []


def _named(table: sa.Table, q: str, keys: str) -> sa.ColumnElement[bool]:
    initials = table.c.name_keys.endswith(f" {keys}", autoescape=True)
    begins = table.c.name.startswith(q, autoescape=True), table.c.name_keys.startswith(keys, autoescape=True)
    return sa.or_(*begins, initials)


def get(conn: Connection, workflow: str, reference: str, actor: Actor) -> Case:
    """Return a record the actor may see; NotFound for a missing and for a hidden one alike."""
    with walled(conn, actor):
        case = cases.by_reference(conn, vault(), workflow, reference, still=True)
        require_visible(actor, case)
    return veil.veiled(conn, case, actor)


def by_person(conn: Connection, actor: Actor, id_number: str | None, phone: str | None) -> list[Case]:
    """Return every visible record of the persons with an ID number or phone, in a writing transaction.

    Who searched, and the first record it led to, stands on record.
    """
    found = _by_person(conn, actor, id_number, phone)
    look_ups.keep(conn, actor, look_ups.SEARCH, found[0] if found else None, "id_number" if id_number else "phone")
    return found


# How long the page of what was found can be loaded again.
FOUND = timedelta(minutes=10)
PLACE = "search.asked"


@dataclass(frozen=True)
class Asked:
    """What a search is for: an ID number or a phone, and a number of a record or of one of its papers."""

    id_number: str | None = None
    phone: str | None = None
    number: str = ""

    @property
    def person(self) -> tuple[str | None, str | None] | None:
        """The ID number and phone, if one of them was asked for."""
        return (self.id_number, self.phone) if self.id_number or self.phone else None


# An ID number as it is written, whether it is sound or not, and a mobile number.
ID_SHAPE, PHONE_SHAPE = re.compile(r"\d{15}|\d{17}[\dX]"), re.compile(r"1\d{10}")
LONGEST_NUMBER = 40


def strong_number(text: str) -> Asked:
    """Return what somebody may have meant by a number typed or scanned; some shapes are of two kinds."""
    typed = "".join(half_width(text).split()).upper()[:LONGEST_NUMBER]
    if typed.startswith("+86"):
        typed = typed.removeprefix("+86")
    plain = typed.replace("-", "")
    if PHONE_SHAPE.fullmatch(plain):
        return Asked(phone=plain)
    return Asked(plain if ID_SHAPE.fullmatch(plain) else None, None, typed)


def is_a_name(text: str) -> bool:
    """Return whether a text can only be a person's name: no number of this office is written in Chinese characters."""
    return name_fault(normalise_name(text)[0]) is None


def by_number(conn: Connection, actor: Actor, number: str) -> list[Case]:
    """Return the visible records that a number names: their own, one of a paper, or the code printed on one."""
    found: list[Case] = []
    for workflow in cases.workflows() if number else ():
        records = cases.table(workflow)
        papers = sa.select(DOCUMENT.c.record_id).where(
            DOCUMENT.c.workflow == workflow, sa.or_(DOCUMENT.c.number == number, DOCUMENT.c.code == ungrouped(number))
        )
        named = [records.c[name] == number for name in NUMBERS if name in records.c]
        query = sa.select(records).where(visible_to(actor, records), sa.or_(records.c.id.in_(papers), *named))
        with walled(conn, actor):
            rows = all_rows(conn, query.order_by(records.c.reference).limit(LIMIT))
        found += [veil.veiled(conn, case, actor) for case in cases.batch_of(conn, vault(), workflow, rows)]
    return found


def sealed(actor: Actor, asked: Asked) -> str:
    """Return what was searched for, sealed for the account that asked; fit for an address."""
    text = json.dumps([clock.now().isoformat(), *astuple(asked)])
    return base64.urlsafe_b64encode(vault().seal(PLACE, actor.name, text)).decode().rstrip("=")


def again(conn: Connection, actor: Actor, name: str) -> list[Case]:
    """Return what the search of that sealed name finds; it is on record already. NotFound for others' and old ones."""
    try:
        blob = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
        at, id_number, phone, number = json.loads(vault().open(PLACE, actor.name, blob))
    except (ValueError, Unreadable):
        raise NotFound("search") from None
    if clock.now() - datetime.fromisoformat(at) > FOUND:
        raise NotFound("search")
    return _by_person(conn, actor, id_number, phone) + by_number(conn, actor, number)


def _by_person(conn: Connection, actor: Actor, id_number: str | None, phone: str | None) -> list[Case]:
    if not (id_number or phone):
        return []
    people = sa.select(PERSON.c.id).where(_person(PERSON, id_number, phone))
    if id_number:
        people = sa.select(people.union(sa.select(ALIAS.c.person_id).where(_person(ALIAS, id_number, None))).subquery())
    found: list[Case] = []
    for workflow in cases.workflows():
        records = cases.table(workflow)
        if "person_id" not in records.c:
            continue
        own: sa.ColumnElement[bool] = records.c.person_id.in_(people)
        if workflow == "application":
            own = sa.or_(own, _person(records, id_number, phone))
        query = sa.select(records).where(own, visible_to(actor, records)).order_by(records.c.reference).limit(LIMIT)
        with walled(conn, actor):
            rows = all_rows(conn, query)
        batch = cases.batch_of(conn, vault(), workflow, rows, still=True)
        found += [veil.veiled(conn, case, actor) for case in batch]
    return found


def person_number(text: str) -> tuple[str | None, str | None] | None:
    """Return a typed text as (ID number, phone) if it is one of the two, else None: such must not stand in a URL."""
    number, phone = normalise_id(text), normalise_phone(text)[0]
    if id_is_well_formed(number) and not id_faults(number, clock.today()):
        return number, None
    return None if phone_fault(phone) else (None, phone)


def _person(table: sa.Table, id_number: str | None, phone: str | None) -> sa.ColumnElement[bool]:
    keys = vault()
    if id_number:
        return table.c.id_index == keys.index("id_number", normalise_id(id_number))
    return table.c.phone_index == keys.index("phone", normalise_phone(phone or "")[0])


@dataclass(frozen=True)
class Standing:
    """Where a case stands, as its own person is told: no name, no number."""

    workflow: str
    state: str
    since: str
    holder: tuple[str, ...]
    next: tuple[str, ...]


def standings(conn: Connection, person_key: str) -> list[Standing]:
    """Return where every case of a person stands, who holds it and what comes next."""
    from_all = [(w, cases.table(w)) for w in ("application", "study", "certification", "claim")]
    found: list[Standing] = []
    person = sa.select(PERSON.c.id).where(PERSON.c.id_index == person_key)
    for workflow, records in from_all:
        own = records.c.person_id.in_(person), resit_is_told(records)
        query = sa.select(records).where(*own).order_by(records.c.reference)
        rows = all_rows(conn, query)
        batch = cases.batch_of(conn, vault(), workflow, rows, still=True)
        found += [_standing(conn, veil.veiled(conn, case, student(person_key))) for case in batch]
    return found


def _standing(conn: Connection, case: Case) -> Standing:
    definition = version_of(unit_of(conn, SYSTEM), case).compiled.definition(case.workflow)
    leaving = definition.leaving(case.state)
    holders = {role for action in leaving for role in action.by if role not in ("student", "system", "operator")}
    steps = tuple(action.name for action in leaving if not action.dangerous)
    return Standing(case.workflow, case.state, case.since_on.isoformat(), tuple(sorted(holders)), steps)


def ids(conn: Connection, workflow: str, actor: Actor, wanted: Wanted) -> list[str]:
    """Return the row ids of every visible record that fits the filters, by reference, for a step on many."""
    records = cases.table(workflow)
    query = sa.select(records.c.id).where(visible_to(actor, records), *_filters(records, actor, wanted))
    with walled(conn, actor):
        return list(conn.execute(query.order_by(records.c.reference)).scalars())


def references(conn: Connection, workflow: str, actor: Actor, wanted: Wanted) -> list[str]:
    """Return the references of every visible record that fits the filters."""
    records = cases.table(workflow)
    query = sa.select(records.c.reference).where(visible_to(actor, records), *_filters(records, actor, wanted))
    with walled(conn, actor):
        return list(conn.execute(query.order_by(records.c.reference)).scalars())


def _filters(records: sa.Table, actor: Actor, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    names = [n for n in ("county", "intake", "major") if getattr(wanted, n) and n in records.c]
    state = [veil.shown_state(actor, records) == wanted.state] if wanted.state else []
    return [*state, *(records.c[name] == getattr(wanted, name) for name in names)]


def payable(conn: Connection, actor: Actor) -> list[Case]:
    """Return the claims that the rules of a new batch let in today (R5.7, R5.8)."""
    claims = cases.table("claim")
    free = drawable(conn, visible_to(actor, claims))
    query = sa.select(claims).where(claims.c.id.in_(free)).order_by(claims.c.reference).limit(LIMIT)
    with walled(conn, actor):
        rows = all_rows(conn, query)
    return cases.batch_of(conn, vault(), "claim", rows)
