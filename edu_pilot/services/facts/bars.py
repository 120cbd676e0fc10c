"""Facts about persons who are barred from the programme for false papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Bar, Person
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.facts.people import newest_keys

BAR = Bar.__table__
PERSON = Person.__table__


@fact("application", "claim")
def barred_until(conn: Connection, cases: Sequence[Case]) -> Mapping[str, date]:
    """The last day of the bar that runs against each record's person."""
    by_key = _by_key(conn, {c.row["id_index"] for c in cases if c.row.get("id_index") and not c.person_row})
    unnamed = {c.id: by_key.get(c.row.get("id_index", "")) for c in cases if not c.person_row}
    bars = running(conn, unnamed.values())
    found = {c.id: c.person_row.barred_until if c.person_row else bars.get(unnamed[c.id] or "") for c in cases}
    return {record: until for record, until in found.items() if until}


def _by_key(conn: Connection, keys: set[str]) -> dict[str, str]:
    """Return the row ids of the persons known by these numbers, superseded ones included (R3.10)."""
    newest = newest_keys(conn, keys)
    query = sa.select(PERSON.c.id_index, PERSON.c.id).where(PERSON.c.id_index.in_(set(newest.values())))
    known: dict[str, str] = dict(conn.execute(query).all()) if newest else {}
    return {key: known[new] for key, new in newest.items() if new in known}


@fact("claim")
def barred_of(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str], date | None]]:
    """The last day of the bar that runs against a person, for a claim that has none yet."""
    return {c.id: lambda person: running(conn, [person]).get(person) for c in cases}


def running(conn: Connection, people: Iterable[str | None]) -> dict[str, date]:
    """Return the last day of the longest bar that runs today, by the person's row id."""
    wanted = {person for person in people if person}
    query = sa.select(BAR.c.person_id, sa.func.max(BAR.c.until_on)).where(
        BAR.c.person_id.in_(wanted), BAR.c.until_on >= clock.today()
    )
    return dict(conn.execute(query.group_by(BAR.c.person_id)).all()) if wanted else {}
