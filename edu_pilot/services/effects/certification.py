"""What steps of a certification and of an exam session write."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edu_pilot.models import Ban, Certification, Document, Person, Session, Study
from edu_pilot.models.base import new_id
from edu_pilot.rules.calendar import months_after
from edu_pilot.rules.certification import PARTS, kept_mark, kept_until, overlap, whole
from edu_pilot.rules.study import score_of
from edu_pilot.services.unit import Change, LostRace
from edu_pilot.workflow.registry import effect

CERTIFICATION = Certification.__table__
STUDY = Study.__table__
SESSION = Session.__table__
PERSON = Person.__table__
DOCUMENT = Document.__table__


@effect
def enter_certification(change: Change) -> None:
    """§4: one record per person, occupation, level and attempt."""
    given = dict(change.input)
    query = sa.select(STUDY.c.id).where(STUDY.c.reference == given.pop("study"))
    change.note["intake"] = given.pop("intake")
    change.values |= given | {"study_id": change.conn.execute(query).scalar_one()}
    # A re-sit names its own number; a new admission goes on where the person stopped.
    change.values["attempt"] = given.get("attempt") or 1 + _attempts(change)


def _attempts(change: Change) -> int:
    """Return the number of the person's last attempt; of two opened at once the unique key refuses one."""
    columns = (CERTIFICATION.c.person_id, CERTIFICATION.c.occupation, CERTIFICATION.c.level)
    same = (column == change.values[column.name] for column in columns)
    query = sa.select(sa.func.max(CERTIFICATION.c.attempt)).where(*same)
    return change.conn.execute(query).scalar() or 0


@effect
def note_training(change: Change) -> None:
    """§4: hours and attendance of the class."""
    change.values |= {name: whole(change.input[name]) for name in ("hours", "attendance_percent")}


@effect
def note_session(change: Change) -> None:
    """R4.4: the session the candidate has entered, still open and still without a clash."""
    session = change.case.session_named(change.input["session"])
    _keep_apart(change, session)
    if _held(change, SESSION, session.id).state != "open":
        raise LostRace
    change.values["session_id"] = session.id


@effect
def take_seat(change: Change) -> None:
    """R4.4: the first free seat; the unique key lets one of two candidates have it."""
    session = change.case.session
    _keep_apart(change, session)
    _sit_down(change, session, change.case.free_seat)
    _renew_doors(change, session)


@effect
def move_seat(change: Change) -> None:
    """R4.4: whoever held a seat holds one in the new session; both door lists are made anew."""
    before, session = change.case.session, change.case.session_named(change.input["new_session"])
    _keep_apart(change, session)
    change.values["session_id"] = session.id
    if change.case.state != "seated":
        return
    _sit_down(change, session, change.case.free_seat_in(session))
    for touched in sorted((before, session), key=lambda s: str(s.id)):
        _renew_doors(change, touched)


@effect
def leave_session(change: Change) -> None:
    """R4.4: the seat is free again."""
    before = change.case.session
    if before is None:
        return
    change.values |= {"session_id": None, "room": None, "seat": None}
    _renew_doors(change, before)


def _sit_down(change: Change, session: Any, seat: tuple[str, int] | None) -> None:
    if seat is None:
        raise LostRace
    # A ticket of a new version: the one with the old number is not let in.
    version = change.case.ticket_version + 1
    change.values |= {"session_id": session.id, "room": seat[0], "seat": seat[1], "ticket_version": version}


def _held(change: Change, table: sa.Table, row: str) -> Any:
    """Return a row as it is now, held until the commit; SQLite's writers wait for each other anyway."""
    return change.conn.execute(sa.select(table).where(table.c.id == row).with_for_update()).one()


def _keep_apart(change: Change, session: Any) -> None:
    """R4.4: of two sessions at one time entered in the same moment the second is refused."""
    _held(change, PERSON, change.case.person_id)
    policy = change.attempt.policy
    if any(overlap(policy, session, other) for other in change.case.other_sittings):
        raise LostRace


def _renew_doors(change: Change, session: Any) -> None:
    """R4.4: the door list of a seated session follows once nobody there waits for a seat."""
    # Held before counting: of two that sit down last one must see the other.
    if _held(change, SESSION, session.id).state != "seated":
        return
    others = sa.select(CERTIFICATION.c.id).where(
        CERTIFICATION.c.session_id == session.id,
        CERTIFICATION.c.state == "entered",
        CERTIFICATION.c.id != change.record_id,
    )
    if change.conn.execute(others.limit(1)).first() is None:
        change.then("list_doors", workflow="session", reference=session.reference)


@effect
def void_ticket(change: Change) -> None:
    """R4.4: the ticket in the candidate's hand holds no longer."""
    _void_papers(change, "exam_ticket")


@effect
def void_door_list(change: Change) -> None:
    """R4.4: only the newest door list holds."""
    _void_papers(change, "door_list")


@effect
def void_score_notice(change: Change) -> None:
    """R4.5: only the newest score notice holds."""
    _void_papers(change, "score_notice")


@effect
def void_registration_form(change: Change) -> None:
    """R3.2: only the newest registration form holds."""
    _void_papers(change, "registration_form")


@effect
def void_completion_certificate(change: Change) -> None:
    """R3.9: only the newest completion certificate holds."""
    _void_papers(change, "completion_certificate")


def _void_papers(change: Change, kind: str) -> None:
    papers = DOCUMENT.c.workflow == change.workflow, DOCUMENT.c.record_id == change.record_id
    standing = DOCUMENT.update().where(*papers, DOCUMENT.c.kind == kind, DOCUMENT.c.voided_at.is_(None))
    change.conn.execute(standing.values(voided_at=change.unit.now))


@effect
def note_marks(change: Change) -> None:
    """R4.3: the parts that were sat, with the day; a kept part stays as it is."""
    full = change.attempt.policy.get("certification.full_mark")
    for part in PARTS:
        if kept_mark(change.attempt, part) is None:
            change.values |= {part: score_of(change.input[part], full), f"{part}_on": change.case.held_on}


@effect
def note_objection(change: Change) -> None:
    """R4.5: the day somebody asked for a re-adding of the marks."""
    change.values["objection_on"] = change.unit.today


@effect
def close_objection(change: Change) -> None:
    """R4.5: the marks were added again; a re-sit planned meanwhile is not needed once both parts pass."""
    change.values["objection_closed_on"] = change.unit.today
    if change.to_state == "passed" and change.case.resit_reference:
        change.then("withdraw", workflow="certification", reference=change.case.resit_reference)


@effect
def plan_resit(change: Change) -> None:
    """R4.3: a new record with the training and the passed part of this one; whether it counts the exam day tells."""
    case = change.case
    columns = ("person_id", "county", "kind", "occupation", "level", "hours", "attendance_percent")
    given = {
        **{name: getattr(case, name) for name in columns},
        **_passed_parts(change),
        "attempt": case.attempt + 1,
        "previous_id": case.id,
        "study": case.study.reference,
        "intake": case.study.intake,
    }
    change.note["resit"] = change.child("certification", given)


def _passed_parts(change: Change) -> dict[str, Any]:
    case, policy = change.case, change.attempt.policy
    mark = policy.get("certification.pass_mark")
    found: dict[str, Any] = {}
    for part in PARTS:
        got, since = getattr(case, part), getattr(case, f"{part}_on")
        if got is not None and got >= mark and change.unit.today <= kept_until(policy, since):
            found |= {part: got, f"{part}_on": since}
    return found


@effect
def void_parts(change: Change) -> None:
    """R4.7: what was sat in this session is void; after an impersonation also what was kept from before."""
    for part in PARTS:
        if change.input["voiding"] == "IMPERSONATION" or getattr(change.case, f"{part}_on") == change.case.held_on:
            change.values |= {part: None, f"{part}_on": None}


@effect
def ban(change: Change) -> None:
    """R4.7: cheating and impersonation bring a ban with a last day; the person's sittings until then are left."""
    months = change.attempt.policy.get("certification.ban_months").get(change.input["voiding"].lower())
    if months is None:
        return
    until = months_after(change.unit.today, months)
    row = {"id": new_id(), "person_id": change.case.person_id, "certification_id": change.record_id}
    change.add(Ban, {**row, "reason": change.input["voiding"], "until_on": until})
    change.note["banned_until"] = until.isoformat()
    for sitting in change.case.other_sittings:
        if sitting.held_on <= until:
            change.then("leave_session", workflow="certification", reference=sitting.reference)


@effect
def record_certificate(change: Change) -> None:
    """R4.6: number and date from the body's list."""
    change.values |= {name: change.input[name] for name in ("certificate_number", "certified_on")}


@effect
def enter_session(change: Change) -> None:
    """R4.4: a session with its rooms."""
    change.values |= dict(change.input)


@effect
def seat_everybody(change: Change) -> None:
    """R4.4: every candidate without a seat gets one; the door list follows the last of them."""
    waiting = [c.reference for c in change.case.candidates if c.state == "entered"]
    for reference in waiting:
        change.then("seat", workflow="certification", reference=reference)
    if not waiting:
        change.then("list_doors", workflow="session", reference=change.reference)


@effect
def free_candidates(change: Change) -> None:
    """R4.4: a cancelled session frees everybody for another one."""
    for candidate in change.case.candidates:
        change.then("leave_session", workflow="certification", reference=candidate.reference)


@effect
def publish_scores(change: Change) -> None:
    """R4.5: the day of publication, from which objections count; everybody gets a notice."""
    change.values["published_on"] = change.unit.today
    for reference in change.case.candidates_scored:
        change.then("announce_scores", workflow="certification", reference=reference)


@effect
def note_verification(change: Change) -> None:
    """R4.6: the day on which the national query showed the certificate."""
    change.values["verified_on"] = change.unit.today
