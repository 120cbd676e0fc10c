"""Facts about applications: the person elsewhere, places of the year, the waiting list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Application, LiveCase, Quota, Study
from edu_pilot.services import policies
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.facts.people import newest_keys

APPLICATION = Application.__table__
LIVE = LiveCase.__table__
QUOTA = Quota.__table__
STUDY = Study.__table__


@dataclass(frozen=True)
class Elsewhere:
    """Where and since when a person is registered: all that a second clerk learns (R2.8)."""

    point_name: str
    since: date


@fact("application")
def person_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Elsewhere]:
    """The live case of the same person and level that another application holds."""
    newest = newest_keys(conn, (c.id_index for c in cases if c.id_index))
    query = sa.select(LIVE).where(LIVE.c.id_index.in_(set(newest.values())))
    held = {(r.id_index, r.level): r for r in conn.execute(query)} if newest else {}
    names = policies.in_force(conn, clock.today()).policy
    return {
        record: Elsewhere(names.label("points", row.point), row.since_on)
        for key, record in ((k, c.id) for c in cases for k in [(newest.get(c.id_index), c.level)])
        if (row := held.get(key)) and row.application_id != record
    }


@fact("application", fresh=True)
def places_free(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """The places of the intake's year that are neither reserved nor used."""
    left = QUOTA.c.places - QUOTA.c.reserved - QUOTA.c.used
    years = {f"20{c.intake[:2]}" for c in cases}
    found = dict(conn.execute(sa.select(QUOTA.c.year, left).where(QUOTA.c.year.in_(years))).all())
    return {c.id: found.get(f"20{c.intake[:2]}", 0) for c in cases}


@fact("application", fresh=True)
def waiting_ahead(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many stand before each applicant on the waiting list of the year."""
    return {c.id: conn.execute(_ahead(c)).scalar_one() for c in cases}


def _ahead(case: Case) -> sa.Select[Any]:
    number = case.queue_number
    query = (
        sa.select(sa.func.count())
        .select_from(APPLICATION)
        .where(
            APPLICATION.c.state == "waitlisted",
            APPLICATION.c.intake.like(f"{case.intake[:2]}%"),
        )
    )
    return query if number is None else query.where(APPLICATION.c.queue_number < number)


@fact("application")
def study_state(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The state of the study that admission opened."""
    query = sa.select(STUDY.c.application_id, STUDY.c.state).where(STUDY.c.application_id.in_([c.id for c in cases]))
    return dict(conn.execute(query).all())


@fact("application")
def study_reference(conn: Connection, cases: Sequence[Case]) -> Mapping[str, str]:
    """The reference of the study that admission opened."""
    query = sa.select(STUDY.c.application_id, STUDY.c.reference).where(
        STUDY.c.application_id.in_([c.id for c in cases])
    )
    return dict(conn.execute(query).all())


_OTHERS_NUMBER = sa.select(STUDY.c.id).where(
    STUDY.c.student_number == sa.bindparam("number"), STUDY.c.id != sa.bindparam("mine")
)


@fact("application", "study")
def student_number_is_anothers(conn: Connection, cases: Sequence[Case]) -> Mapping[str, Callable[[str | None], bool]]:
    """Whether a student number is that of another study."""

    def asks(case: Case) -> Callable[[str | None], bool]:
        def taken(number: str | None) -> bool:
            given = {"number": number, "mine": case.id}
            return number is not None and conn.execute(_OTHERS_NUMBER, given).first() is not None

        return taken

    return {c.id: asks(c) for c in cases}
