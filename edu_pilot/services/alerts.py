"""What a refusal must tell others: a receipt claimed twice is told to the unions of both claims (R5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import Alert, Claim, Receipt, Study
from edu_pilot.models.base import new_id
from edu_pilot.rules.claim import ReceiptKey
from edu_pilot.services import audit, idempotency
from edu_pilot.services.visibility import visible_to
from edu_pilot.workflow.reasons import Reason, Refused
from edu_pilot.workflow.registry import Actor

ALERT, CLAIM, RECEIPT, STUDY = (model.__table__ for model in (Alert, Claim, Receipt, Study))
KIND, REGISTER = "receipt_claimed_twice", "alert"
CODE = "receipts_not_used"
READERS = frozenset({"union_reviewer", "arbiter", "auditor"})


@contextmanager
def told(workflow: str, actor: Actor, of: Mapping[str, Any]) -> Iterator[None]:
    """Let the step run; if it is refused for a receipt that another claim holds, tell both unions and go on."""
    try:
        yield
    except Refused as refused:
        doubles = {_key(r) for r in refused.reasons if _is_double(workflow, r)}
        # Of two tries in the same moment one tells; the refusal is the answer in any case.
        with suppress(IntegrityError):
            _tell(actor, of, sorted(doubles))
        raise


def _is_double(workflow: str, reason: Reason) -> bool:
    return workflow == "claim" and reason.code == CODE


def _key(reason: Reason) -> ReceiptKey:
    kind, code, number = (str(reason.facts[name]) for name in ("kind", "receipt_code", "number"))
    return ReceiptKey(kind, code, number)


def _tell(actor: Actor, of: Mapping[str, Any], doubles: Sequence[ReceiptKey]) -> None:
    if not doubles:
        return
    with write() as conn:
        if idempotency.done_by_another(conn):
            # The receipt stands in the claim that the first sending of this very request has entered.
            return
        second = _county(conn, of) or actor.county
        entries = [e for double in doubles for e in _noted(conn, actor, second, double)]
        audit.append(conn, entries)


def _county(conn: Connection, of: Mapping[str, Any]) -> str | None:
    """Return the county of the second claim: its own, or that of the study a new one names."""
    if "reference" in of:
        return conn.execute(sa.select(CLAIM.c.county).where(CLAIM.c.reference == of["reference"])).scalar()
    county = sa.func.coalesce(STUDY.c.union_county, STUDY.c.county)
    return conn.execute(sa.select(county).where(STUDY.c.reference == str(of.get("study", "")))).scalar()


def _noted(conn: Connection, actor: Actor, second: str | None, double: ReceiptKey) -> list[audit.Entry]:
    """Write one row for each union and receipt; the first claim runs on, and a repeated try tells nothing new."""
    query = sa.select(CLAIM.c.id, CLAIM.c.reference, CLAIM.c.county).join(RECEIPT, RECEIPT.c.claim_id == CLAIM.c.id)
    same = [RECEIPT.c[name] == value for name, value in double._asdict().items()]
    entries = []
    for first in conn.execute(query.where(*same, RECEIPT.c.live)).all():
        for county, other in {first.county: second, second: first.county}.items():
            known = {"kind": KIND, "claim_id": first.id, "county": county, "number": double.number}
            if county is None or conn.execute(sa.select(ALERT.c.id).filter_by(**known)).first():
                continue
            row = {"id": new_id(), "other_county": other, "raised_on": clock.today(), "raised_at": clock.now()}
            conn.execute(ALERT.insert().values(**known, **row))
            given = {"claim": first.reference, "county": county}
            entries.append(audit.Entry(actor.name, REGISTER, row["id"], KIND, input=given))
    return entries


def of_actor(conn: Connection, actor: Actor) -> list[Mapping[str, Any]]:
    """Return what the actor's union is told, newest first; the other county's claim is named to the first alone."""
    if not actor.roles & READERS:
        return []
    query = sa.select(ALERT, CLAIM.c.reference, CLAIM.c.county.label("first_county")).join(CLAIM)
    rows = all_rows(conn, query.where(visible_to(actor, ALERT)).order_by(ALERT.c.raised_at.desc()).limit(100))
    return [row if actor.county in (None, row["first_county"]) else {**row, "reference": None} for row in rows]
