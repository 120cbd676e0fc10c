"""The national query of skill certificates, as its lists are taken in; what is not listed yet is pending (R4.6)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.models import Certification, ListedCertificate
from edu_pilot.models.base import new_id
from edu_pilot.rules.identity import half_width
from edu_pilot.services import audit
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.perform import perform_many
from edu_pilot.services.rosters import Report, Unusable
from edu_pilot.services.spreadsheets import Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.workflow.reasons import N_, Forbidden, Reason
from edu_pilot.workflow.registry import Actor

LISTED, CERTIFICATION = ListedCertificate.__table__, Certification.__table__
HEADS = ("证书编号", "certificate_number")
TAKERS = ("examiner", "operator")
NO_HEAD = N_("No line of the file names the column: certificate number.")


def take(data: bytes, filename: str, actor: Actor, *, dry_run: bool = False) -> Report:
    """Take in a list of the national query; numbers known already change nothing.

    Raises Unusable (file_unreadable) or Forbidden.
    """
    if not actor.roles & set(TAKERS) and actor.name not in TAKERS:
        text = N_("This step belongs to: %(roles)s")
        raise Forbidden([Reason("role_missing", text, {"roles": "roles:" + TAKERS[0]}, TAKERS[:1])])
    numbers = _numbers(data, filename)
    if not dry_run:
        _keep(sorted(set(numbers)), actor)
    return Report(len(numbers), len(numbers), (), ())


def _numbers(data: bytes, filename: str) -> list[str]:
    try:
        rows = list(read_grid(data, filename).rows)
    except Unreadable as fault:
        raise Unusable(fault.reason) from None
    texts = [[half_width(str(cell)).strip() for cell in row.cells] for row in rows]
    for at, cells in enumerate(texts):
        place = next((i for i, text in enumerate(cells) if text in HEADS), None)
        if place is not None:
            return [line[place] for line in texts[at + 1 :] if len(line) > place and line[place]]
    raise Unusable(Unreadable(NO_HEAD).reason)


def _keep(numbers: list[str], actor: Actor) -> None:
    with write() as conn:
        known = set(conn.execute(sa.select(LISTED.c.number)).scalars())
        fresh = [number for number in numbers if number not in known]
        if fresh:
            rows = [{"id": new_id(), "number": number[:22], "listed_on": clock.today()} for number in fresh]
            conn.execute(LISTED.insert(), rows)
            audit.append(
                conn, [audit.Entry(actor.name, "register", "national", "take_list", input={"new": len(fresh)})]
            )


def recheck() -> int:
    """R4.6: verify what was pending and is listed by now; return how many. A second run finds nothing to do."""
    with read() as conn:
        ids = _pending_and_listed(conn)
    return sum(not done.reasons for done in perform_many("certification", ids, "verify_certificate", SYSTEM))


def _pending_and_listed(conn: Connection) -> list[str]:
    query = sa.select(CERTIFICATION.c.id).join(LISTED, LISTED.c.number == CERTIFICATION.c.certificate_number)
    query = query.where(CERTIFICATION.c.state == "certified", CERTIFICATION.c.verified_on.is_(None))
    return list(conn.execute(query.order_by(CERTIFICATION.c.reference)).scalars())
