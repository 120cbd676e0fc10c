"""The public notice: who is to be paid, masked, while objections may be made (R5.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import Application, Claim, Person, Study
from edu_pilot.services import audit
from edu_pilot.services.contexts import common
from edu_pilot.services.documents import About, file_away
from edu_pilot.services.perform import in_force, unit_of
from edu_pilot.services.vault import vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Forbidden, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

CLAIM, STUDY = Claim.__table__, Study.__table__
PERSON, APPLICATION = Person.__table__, Application.__table__
KIND, REGISTER = "public_notice", "document"
# Publishing decides nothing: it follows from approvals that are there.
PUBLISHERS = ("arbiter", "union_reviewer", "university_reviewer", "operator", "system")


def publish(county: str | None, actor: Actor, day: date | None = None) -> str:
    """Issue the list of a county, or of the whole city, on a business date; return the document's number.

    Raises Forbidden, or Refused where no claim's notice runs on that day.
    """
    with clock.on(day or clock.today()), write() as conn:
        _require_publisher(actor, county)
        unit = unit_of(conn, actor)
        version = in_force(unit)
        named = _running(conn, county, unit.today)
        if not named:
            raise Refused([blocked(N_("No claim is in its public notice today."), code="nothing_to_publish")])
        context = common(version.policy, unit.today, version.number) | _context(version.policy, county, named)
        number = file_away(unit, version, KIND, context, About(REGISTER, county=county))
        unit.entries.append(_entry(actor, number, version.number, named))
        unit.close()
    return number


def _require_publisher(actor: Actor, county: str | None) -> None:
    """R6.3: a county's union publishes its own county's list."""
    if not actor.roles & set(PUBLISHERS) or actor.county not in (None, county):
        text = N_("This step belongs to: %(roles)s")
        raise Forbidden([Reason("role_missing", text, {"roles": "roles:" + ",".join(PUBLISHERS)}, PUBLISHERS)])


def _running(conn: Connection, county: str | None, day: date) -> list[Mapping[str, Any]]:
    """Return the approved claims whose notice runs, by county and reference; an objected one is not shown."""
    columns = (CLAIM.c.reference, CLAIM.c.county, CLAIM.c.notice_until, STUDY.c.major, APPLICATION.c.employer)
    query = (
        sa.select(*columns, PERSON.c.name, PERSON.c.id.label("person"), PERSON.c.id_number)
        .join(STUDY, STUDY.c.id == CLAIM.c.study_id)
        .join(APPLICATION, APPLICATION.c.id == STUDY.c.application_id)
        .join(PERSON, PERSON.c.id == CLAIM.c.person_id)
        .where(CLAIM.c.state == "approved", CLAIM.c.notice_until >= day)
        .where(sa.true() if county is None else CLAIM.c.county == county)
    )
    return all_rows(conn, query.order_by(CLAIM.c.county, CLAIM.c.reference))


def _context(policy: Policy, county: str | None, named: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    union = policy.get("programme.union")
    return {
        "holder": policy.label("counties", county) if county else "全市",
        "union_zh": union["zh"],
        "union_en": union["en"],
        "notice_until": max(row["notice_until"] for row in named).isoformat(),
        "count": len(named),
        "lines": [_line(policy, row) for row in named],
    }


def _line(policy: Policy, row: Mapping[str, Any]) -> dict[str, Any]:
    """R2.9: of the ID number the last four characters, of everything else only what tells people apart."""
    number = vault().open("person.id_number", row["person"], row["id_number"])
    return {
        "name": row["name"],
        "unit": row["employer"] or "",
        "county": policy.label("counties", row["county"]),
        "major_zh": policy.label("majors", row["major"]),
        "id_tail": number[-4:],
        "notice_until": row["notice_until"].isoformat(),
    }


def _entry(actor: Actor, number: str, version: int, named: Sequence[Mapping[str, Any]]) -> audit.Entry:
    given = {"claims": [row["reference"] for row in named]}
    return audit.Entry(actor.name, REGISTER, number, "publish_notice", policy_version=version, input=given)
