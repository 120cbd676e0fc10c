"""What a date brings: everything the calendar asks for up to the business date, as often as one likes."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Application, Quota
from edu_pilot.services import deadlines, outbox, upkeep
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.perform import perform
from edu_pilot.workflow.reasons import Refused

APPLICATION = Application.__table__
QUOTA = Quota.__table__


def run() -> dict[str, int]:
    """Do what is due and put the installation in order; a second run on the same day finds nothing to do."""
    try:
        done = calendar()
    finally:
        # A step that breaks off is told by its error; the trail is signed all the same.
        kept = upkeep.run()
    return {**done, **kept}


def calendar() -> dict[str, int]:
    """Take every step that a date brings, and what was refused before once more."""
    return {
        # First, because each place given back is followed by the admission of the first who waits.
        "places_given_back": deadlines.late_answers(),
        "follow_ups": outbox.retry() + outbox.drain(),
        "moved_up": _fill_places(),
        **deadlines.studies(),
        **deadlines.claims(),
    }


def _fill_places() -> int:
    """R1.4: a place that stayed free, though somebody waits, goes to the first of the list."""
    moved = 0
    for year in _years_with_places():
        while (reference := _first(year)) and _admitted(reference):
            moved += 1
    return moved


def _years_with_places() -> list[str]:
    query = sa.select(QUOTA.c.year).where(QUOTA.c.reserved + QUOTA.c.used < QUOTA.c.places)
    with read() as conn:
        return list(conn.execute(query).scalars())


def _first(year: str) -> str | None:
    with read() as conn:
        return outbox.first_waiting(conn, year[2:])


def _admitted(reference: str) -> bool:
    try:
        return perform("application", reference, "admit", SYSTEM).state == "admitted"
    except Refused:
        return False


def run_on(day: date | None) -> dict[str, int]:
    """Do what is due on a business date, today if none is given."""
    if day is None:
        return run()
    with clock.on(day):
        return run()
