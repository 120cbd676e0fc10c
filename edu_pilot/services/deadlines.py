"""Days that have passed without the answer they were set for."""

from __future__ import annotations

import sqlalchemy as sa

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Application
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.perform import perform
from edu_pilot.workflow.reasons import Refused

APPLICATION = Application.__table__


def late_answers() -> int:
    """R1.4, R3.3: give back the places reserved for corrections that did not come in time; return how many."""
    return sum(map(_given_back, _unanswered()))


def _unanswered() -> list[str]:
    query = sa.select(APPLICATION.c.reference).where(
        APPLICATION.c.state == "returned",
        APPLICATION.c.place == "reserved",
        APPLICATION.c.answer_until < clock.today(),
    )
    with read() as conn:
        return list(conn.execute(query.order_by(APPLICATION.c.queue_number)).scalars())


def _given_back(reference: str) -> bool:
    """Someone may have answered in the meantime: then the rules refuse and nothing is given back."""
    try:
        perform("application", reference, "release_late_place", SYSTEM)
    except Refused:
        return False
    return True
