"""Who may see which records: one answer for pages, API, command line, search, counts and files (R6.3, C3).

Every look-up by an actor asks here; what is not allowed by a role is not seen, and a hidden record is told
in the words of a missing one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Certification, Person, Session
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.workflow.registry import Actor

PERSON = Person.__table__
CERTIFICATION = Certification.__table__.alias()
SESSION = Session.__table__
# Roles that work for the whole city; every other one sees its county or, without one, nothing at all.
WHOLE_CITY = frozenset(
    {
        "registrar", "examiner", "university_reviewer", "arbiter", "finance_maker", "finance_releaser", "auditor",
        "admin", "operator", "system",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """The part of all records an actor sees: a person's own, a county's, all, or none."""

    everything: bool = False
    county: str | None = None
    person_key: str | None = None

    def covers(self, county: str | None, person_key: str | None) -> bool:
        """Whether a record of this county and person lies within."""
        if self.person_key is not None:
            return self.person_key == person_key
        return self.everything or (self.county is not None and self.county == county)


def scope_of(actor: Actor) -> Scope:
    """Return what an actor sees; of several roles the narrowest scope holds."""
    if STUDENT in actor.roles:
        return Scope(person_key=actor.person_key) if actor.roles == {STUDENT} else Scope()
    if not any(actor.roles):
        return Scope()
    if actor.county is not None:
        return Scope(county=actor.county)
    return Scope(everything=actor.roles <= WHOLE_CITY)


def visible_to(actor: Actor, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition under which the rows of a workflow's table are visible to the actor."""
    scope = scope_of(actor)
    if scope.person_key is not None:
        return _own(scope.person_key, table)
    if scope.county is not None:
        return table.c.county == scope.county
    return sa.true() if scope.everything else sa.false()


def _own(person_key: str, table: sa.Table) -> sa.ColumnElement[bool]:
    if "id_index" in table.c:
        return table.c.id_index == person_key
    if "person_id" not in table.c:
        return sa.false()
    own = sa.select(PERSON.c.id).where(PERSON.c.id_index == person_key)
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
    scope = scope_of(actor)
    # The person is asked for only where it matters: it is a query of its own.
    person_key = case.person_key if scope.person_key is not None else None
    if not scope.covers(case.county, person_key) or (scope.person_key is not None and not _is_told(case)):
        raise NotFound(case.reference)


def _is_told(case: Case) -> bool:
    return not (case.workflow == "certification" and case.follows_untold_failure)


_WALL = sa.text("SELECT set_config('edu_pilot.county', :county, true)")


@contextmanager
def walled(conn: Connection, actor: Actor) -> Iterator[None]:
    """Let PostgreSQL itself hide other counties while a county's actor looks records up; SQLite has no such wall.

    It stands for the look-up alone: the rules about what was found must see beyond the county.
    """
    county = scope_of(actor).county
    if county is None or conn.dialect.name == "sqlite":
        yield
        return
    conn.execute(_WALL, {"county": county})
    yield
    # An error ends the transaction, and the wall, which is the transaction's own, with it.
    conn.execute(_WALL, {"county": ""})
