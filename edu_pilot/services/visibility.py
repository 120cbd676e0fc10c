"""Who may see which records: one answer for pages, API, search and files (R6.3)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edu_pilot.models import Certification, Person, Session
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.workflow.registry import Actor

PERSON = Person.__table__
CERTIFICATION = Certification.__table__.alias()
SESSION = Session.__table__


def visible_to(actor: Actor, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition under which the rows of a workflow's table are visible to the actor."""
    if actor.roles == {STUDENT}:
        return _own(actor, table)
    if actor.county is not None:
        return table.c.county == actor.county
    return sa.true() if actor.roles else sa.false()


def _own(actor: Actor, table: sa.Table) -> sa.ColumnElement[bool]:
    if "id_index" in table.c:
        return table.c.id_index == actor.person_key
    if "person_id" not in table.c:
        return sa.false()
    own = sa.select(PERSON.c.id).where(PERSON.c.id_index == actor.person_key)
    return sa.and_(table.c.person_id.in_(own), resit_is_told(table))


def resit_is_told(table: sa.Table) -> sa.ColumnElement[bool]:
    """R4.5: a re-sit gives the failure away, so its candidate sees it only once those scores are published."""
    if "previous_id" not in table.c:
        return sa.true()
    untold = sa.select(CERTIFICATION.c.id).join(SESSION, SESSION.c.id == CERTIFICATION.c.session_id)
    untold = untold.where(CERTIFICATION.c.state == "failed", SESSION.c.published_on.is_(None))
    return sa.or_(table.c.previous_id.is_(None), table.c.previous_id.not_in(untold))


def require_visible(actor: Actor, case: Case) -> None:
    """Raise NotFound for a record the actor may not see, exactly as for a missing one."""
    if actor.roles == {STUDENT}:
        seen: Any = actor.person_key is not None and case.person_key == actor.person_key
        seen = seen and not (case.workflow == "certification" and case.follows_untold_failure)
    elif actor.county is not None:
        seen = case.county == actor.county
    else:
        seen = bool(actor.roles)
    if not seen:
        raise NotFound(case.reference)
