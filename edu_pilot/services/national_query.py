"""The national query of skill certificates, as its lists are taken in; what is not listed yet is pending (R4.6)."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.models import Certification, ListedCertificate
from edu_pilot.models.base import new_id
from edu_pilot.rules.certification import is_certificate_number
from edu_pilot.rules.identity import half_width
from edu_pilot.services import audit, policies
from edu_pilot.services.actors import OPERATOR, SYSTEM, require_role
from edu_pilot.services.imports import DUPLICATE
from edu_pilot.services.perform import perform_many
from edu_pilot.services.rosters import Report, Told, Unusable
from edu_pilot.services.spreadsheets import Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Reason
from edu_pilot.workflow.registry import Actor

LISTED, CERTIFICATION = ListedCertificate.__table__, Certification.__table__
HEADS = ("证书编号", "certificate_number")
COLUMN = "certificate_number"
# Whoever records certificates takes in the lists that prove them.
STEP = "certify"
MALFORMED = N_("This is not a certificate number.")
NO_HEAD = N_("No line of the file names the column: certificate number.")


def take(data: bytes, filename: str, actor: Actor, *, dry_run: bool = False) -> Report:
    """Take in a list of the national query; numbers known already change nothing.

    Raises Unusable (file_unreadable) or Forbidden.
    """
    with read() as conn:
        compiled = policies.in_force(conn, clock.today()).compiled
    require_role(actor, compiled.definition("certification").actions[STEP].by, also=OPERATOR.roles)
    lines = _lines(data, filename)
    problems = tuple(_problems(compiled.policy, lines))
    faulty = {problem.row for problem in problems}
    numbers = [number for row, number in lines if row not in faulty]
    if not dry_run:
        _keep(sorted(numbers), actor)
    return Report(len(lines), len(numbers), problems, ())


def _lines(data: bytes, filename: str) -> list[tuple[int, str]]:
    """Return row and text of every line that says something in the number's column."""
    try:
        rows = list(read_grid(data, filename).rows)
    except Unreadable as fault:
        raise Unusable(fault.reason) from None
    texts = [(row.number, [half_width(str(cell)).strip() for cell in row.cells]) for row in rows]
    for at, (_number, cells) in enumerate(texts):
        place = next((i for i, text in enumerate(cells) if text in HEADS), None)
        if place is not None:
            below = texts[at + 1 :]
            return [(row, line[place]) for row, line in below if len(line) > place and line[place]]
    raise Unusable(Unreadable(NO_HEAD).reason)


def _problems(policy: Policy, lines: list[tuple[int, str]]) -> Iterator[Told]:
    """Yield what is no certificate number, a footer for one, and what the list says twice."""
    first: dict[str, int] = {}
    for row, number in lines:
        if not is_certificate_number(policy, number):
            yield Told(row, Reason("number_malformed", MALFORMED, field=COLUMN), number)
        elif number in first:
            yield Told(row, Reason("duplicate_in_file", DUPLICATE, {"first_row": first[number]}, field=COLUMN), number)
        first.setdefault(number, row)


def _keep(numbers: list[str], actor: Actor) -> None:
    with write() as conn:
        known = set(conn.execute(sa.select(LISTED.c.number)).scalars())
        fresh = [number for number in numbers if number not in known]
        if fresh:
            rows = [{"id": new_id(), "number": number, "listed_on": clock.today()} for number in fresh]
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
