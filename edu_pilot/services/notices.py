"""The public notice: who is to be paid, masked, while objections may be made (R5.7)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import Application, AuditEntry, Claim, Document, Incident, Person, Study
from edu_pilot.models.base import new_id
from edu_pilot.services import audit, documents
from edu_pilot.services.actors import require_role, role_missing
from edu_pilot.services.cases import NotFound
from edu_pilot.services.claim_contexts import county_of
from edu_pilot.services.contexts import common
from edu_pilot.services.documents import About, file_away
from edu_pilot.services.perform import in_force, unit_of
from edu_pilot.services.unit import Unit
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

CLAIM, STUDY = Claim.__table__, Study.__table__
PERSON, APPLICATION = Person.__table__, Application.__table__
DOCUMENT, INCIDENT, ENTRY = Document.__table__, Incident.__table__, AuditEntry.__table__
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
        named = _running(conn, county, unit.today, actor)
        if not named:
            raise Refused([blocked(N_("No claim is in its public notice today."), code="nothing_to_publish")])
        context = common(version.policy, unit.today, version.number) | _context(version.policy, county, named)
        number = file_away(unit, version, KIND, context, About(REGISTER, county=county))
        unit.entries.append(_entry(actor, number, version.number, named))
        unit.close()
    return number


def _require_publisher(actor: Actor, county: str | None) -> None:
    """R6.3: a county's union publishes its own county's list."""
    require_role(actor, PUBLISHERS)
    if actor.county not in (None, county):
        raise role_missing(PUBLISHERS)


def _running(conn: Connection, county: str | None, day: date, actor: Actor) -> list[Mapping[str, Any]]:
    """Return the approved claims whose notice runs, by county and reference; an objected one is not shown."""
    columns = (CLAIM.c.reference, CLAIM.c.county, CLAIM.c.notice_until, STUDY.c.major, APPLICATION.c.employer)
    query = (
        sa.select(*columns, PERSON.c.name, PERSON.c.id.label("person"), PERSON.c.id_number)
        .join(STUDY, STUDY.c.id == CLAIM.c.study_id)
        .join(APPLICATION, APPLICATION.c.id == STUDY.c.application_id)
        .join(PERSON, PERSON.c.id == CLAIM.c.person_id)
        .where(CLAIM.c.state == "approved", CLAIM.c.notice_until >= day, visible_to(actor, CLAIM))
        .where(sa.true() if county is None else CLAIM.c.county == county)
    )
    return all_rows(conn, query.order_by(CLAIM.c.county, CLAIM.c.reference))


@dataclass(frozen=True)
class Named:
    """One claim as the public list names it, with the reference that only the offices see."""

    reference: str
    line: Mapping[str, Any]


def running(conn: Connection, actor: Actor) -> list[Named]:
    """Return whose notice runs today, as the list of the actor's county or of the whole city names them."""
    policy = in_force(unit_of(conn, actor)).policy
    with walled(conn, actor):
        rows = _running(conn, actor.county, clock.today(), actor)
    return [Named(row["reference"], _line(policy, row)) for row in rows]


NEWEST = 10


def published(conn: Connection, actor: Actor) -> list[Mapping[str, Any]]:
    """Return the newest lists of the actor's county or of the whole city; those taken down too."""
    query = sa.select(DOCUMENT.c.number, DOCUMENT.c.issued_on, DOCUMENT.c.county, DOCUMENT.c.voided_at, DOCUMENT.c.kind)
    own = DOCUMENT.c.kind == KIND, visible_to(actor, DOCUMENT)
    return all_rows(
        conn, query.where(*own).order_by(DOCUMENT.c.issued_on.desc(), DOCUMENT.c.number.desc()).limit(NEWEST)
    )


def _context(policy: Policy, county: str | None, named: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    union = policy.get("programme.union")
    return {
        "holder": policy.label("counties", county) if county else "全市",
        "holder_en": policy.label("counties", county, "en") if county else "the whole city",
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
        **county_of(policy, row["county"]),
        "major_zh": policy.label("majors", row["major"]),
        "major_en": policy.label("majors", row["major"], "en"),
        "id_tail": number[-4:],
        "notice_until": row["notice_until"].isoformat(),
    }


def _entry(actor: Actor, number: str, version: int, named: Sequence[Mapping[str, Any]]) -> audit.Entry:
    given = {"claims": [row["reference"] for row in named]}
    return audit.Entry(actor.name, REGISTER, number, "publish_notice", policy_version=version, input=given)


def take_down(number: str, reason: str, actor: Actor, claims: Sequence[str] = ()) -> list[str]:
    """Void a published list at once and record the incident; return the claims whose persons are to be told.

    Without named claims everybody on the list is concerned. No claim's notice is touched: a list published anew
    names the others with their days as they were.
    Raises NotFound, Forbidden, or Refused for an unknown reason, a stranger to the list, a list taken down before.
    """
    with write() as conn:
        found = documents.seen(conn, number, actor)[0]
        if not found.is_public:
            raise NotFound(number)
        _require_publisher(actor, found.row["county"])
        named = _published(conn, number)
        unit = unit_of(conn, actor)
        if faults := _take_down_faults(in_force(unit).policy, found.row, reason, set(claims) - set(named)):
            raise Refused(faults)
        touched = sorted(set(claims) or set(named))
        _void(unit, found.row["id"], reason, touched)
        given = {"reason": reason, "claims": touched}
        unit.entries.append(audit.Entry(actor.name, REGISTER, number, "take_down", input=given))
        unit.close()
    return touched


def concerned(conn: Connection, number: str) -> list[str]:
    """Return the claims that the taking down of a list concerned."""
    query = sa.select(INCIDENT.c.claims).join(DOCUMENT).where(DOCUMENT.c.number == number)
    return list(conn.execute(query).scalar_one())


def _published(conn: Connection, number: str) -> list[str]:
    """Return the claims a list names, as its publication was recorded."""
    query = sa.select(ENTRY.c.body).where(ENTRY.c.workflow == REGISTER, ENTRY.c.reference == number)
    body = conn.execute(query.where(ENTRY.c.action == "publish_notice")).scalar_one()
    return list(json.loads(body)["input"]["claims"])


def _take_down_faults(policy: Policy, row: Mapping[str, Any], reason: str, strangers: set[str]) -> list[Reason]:
    faults = []
    if row["voided_at"] is not None:
        faults.append(blocked(N_("This list has been taken down already."), code="taken_down_already"))
    if reason not in policy.find("decision_codes.take_down", {}):
        faults.append(blocked(N_("Choose one of the reasons of the policy."), code="reason_unknown", field="reason"))
    text = N_("Claim %(claim)s is not on this list.")
    return faults + [
        blocked(text, code="not_on_the_list", field="claims", claim=claim[:32]) for claim in sorted(strangers)
    ]


def _void(unit: Unit, document: str, reason: str, claims: Sequence[str]) -> None:
    unit.conn.execute(DOCUMENT.update().where(DOCUMENT.c.id == document).values(voided_at=unit.now))
    unit.conn.execute(
        INCIDENT.insert().values(
            id=new_id(),
            document_id=document,
            reason=reason,
            claims=list(claims),
            recorded_on=unit.today,
            recorded_at=unit.now,
            recorded_by=unit.actor.name,
        )
    )
