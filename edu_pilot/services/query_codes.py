"""A person proves to be the one on a registration form: its query code and the end of the ID number (T6)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.extensions import one_row, read, write
from edu_pilot.models import Application, Study
from edu_pilot.services import throttle
from edu_pilot.services.cases import Case
from edu_pilot.services.documents import ungrouped
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.services.wording import masked_name
from edu_pilot.workflow.definition import Action
from edu_pilot.workflow.registry import Actor

APPLICATION, STUDY = Application.__table__, Study.__table__
# The records that follow from an application.
LATER = ("study", "certification", "claim")
DOOR, PLACE = "status", "application.id_number"
TAIL = 6
NOBODY: Mapping[str, Any] = {"id": "nobody", "id_number": None, "id_index": ""}


def person_of(code: str, id_tail: str, address: str) -> str | None:
    """Return the key of the person whom code and ID tail belong to, or None; raise TooMany.

    Each is counted as it was typed, never as it was found, so that the limits say nothing of what there is.
    """
    code, tail = ungrouped(code), id_tail.strip().upper()
    counted = throttle.count(DOOR, code=code, person=tail, address=throttle.network(address))
    with read() as conn:
        person = _person(conn, code, tail)
    if person is None:
        return None
    with write() as conn:
        counted.give_back(conn)
    return person


def masked_name_of(conn: Connection, person_key: str | None) -> str | None:
    """Return the name on a person's newest application, as a page shows whose it is; None once it is erased."""
    query = sa.select(APPLICATION.c.name).where(APPLICATION.c.id_index == person_key, APPLICATION.c.name.is_not(None))
    name = conn.execute(query.order_by(APPLICATION.c.created_at.desc(), APPLICATION.c.id).limit(1)).scalar()
    return masked_name(name) if name else None


def renewed_at(conn: Connection, case: Case, actor: Actor, renewing: Action) -> str | None:
    """Return the application of a person's later record where the actor can give a new query code; None if nowhere."""
    if case.workflow not in LATER or not actor.roles & set(renewing.by):
        return None
    study = case.id if case.workflow == "study" else case.study_id
    query = sa.select(APPLICATION.c.reference).join(STUDY, STUDY.c.application_id == APPLICATION.c.id)
    can_be = APPLICATION.c.query_index.is_not(None), APPLICATION.c.state.in_(renewing.sources)
    with walled(conn, actor):
        return conn.execute(query.where(STUDY.c.id == study, visible_to(actor, APPLICATION), *can_be)).scalar()


def _person(conn: Connection, code: str, tail: str) -> str | None:
    columns = (APPLICATION.c.id, APPLICATION.c.id_number, APPLICATION.c.id_index)
    query = sa.select(*columns).where(APPLICATION.c.query_index == vault().index("query_code", code))
    row = one_row(conn, query) or NOBODY
    # The same work for a code that is and one that is not: a number is opened and compared.
    number = vault().open(PLACE, row["id"], row["id_number"] or vault().seal(PLACE, row["id"], "0" * 18))
    fits = hmac.compare_digest(number[-TAIL:].encode(), tail.encode())
    return str(row["id_index"]) if fits and row["id_index"] and len(tail) == TAIL else None
