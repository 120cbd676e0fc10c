"""What steps of a study write."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta
from sqlalchemy.exc import IntegrityError

from edu_pilot.models import Application, Certification, Claim, Document, LiveCase, Person, PersonAlias, Quota, Score
from edu_pilot.models.base import Blind, new_id
from edu_pilot.rules.calendar import season, working_days_after
from edu_pilot.rules.identity import birth_of, sex_of
from edu_pilot.rules.lookups import major_code, point_code
from edu_pilot.rules.study import (
    composite,
    corrected_name,
    corrected_number,
    credits_of,
    in_programme,
    passes,
    plan,
    score_of,
    warning_due,
)
from edu_pilot.services import keys, numbers
from edu_pilot.services.names import name_keys
from edu_pilot.services.unit import Change, LostRace
from edu_pilot.workflow.registry import effect

LIVE = LiveCase.__table__
PERSON = Person.__table__
ALIAS = PersonAlias.__table__
APPLICATION = Application.__table__
CERTIFICATION = Certification.__table__
CLAIM = Claim.__table__
DOCUMENT = Document.__table__
QUOTA = Quota.__table__


@effect
def enter_study(change: Change) -> None:
    """R3.5: person, place, intake and major come from the application; the paying union is the enrolment's."""
    change.values |= dict(change.input) | {"credits": 0, "union_county": change.input["county"]}


_APPLICATION_HELD = (
    sa.select(APPLICATION.c.state).where(APPLICATION.c.id == sa.bindparam("application")).with_for_update()
)


@effect
def hold_admission(change: Change) -> None:
    """R1.4: the application waits until the status is confirmed; one withdrawn in the meantime wins.

    Whoever withdraws holds the same row first, so that is the one place where the two meet.
    """
    if change.conn.dialect.name == "sqlite":
        # Writers are one after the other there: what the rule has just read still holds.
        return
    held = change.conn.execute(_APPLICATION_HELD, {"application": change.case.application_id})
    if held.scalar_one() != "admitted":
        raise LostRace


@effect
def draw_student_number(change: Change) -> None:
    """R3.5: 13 digits: year, province, branch, serial by season; the clock of the school status starts."""
    form = change.attempt.policy.get("study.student_number")
    year, half = change.case.intake[:2], season(change.case.intake)
    number: str | None = None
    # A status that was taken over may hold a number of the series already.
    while number is None or change.case.student_number_is_anothers(number):
        serial = numbers.draw(change.conn, f"student{year}{half}", start=form[f"{half}_from"])[0]
        number = f"{year}{form['province']}{form['middle']}{serial:0{form['serial_digits']}d}"
    _begin_status(change, number, change.unit.today)


def _begin_status(change: Change, number: str, day: date) -> None:
    years = change.attempt.policy.get("study.years_max")
    change.values |= {"student_number": number, "confirmed_on": day, "ends_on": day + relativedelta(years=years)}


@effect
def note_status(change: Change) -> None:
    """R3.5: number and day of a status that existed before; its clock has run since that day."""
    _begin_status(change, change.input["student_number"], change.input["confirmed_on"])


@effect
def record_score(change: Change) -> None:
    """R3.6: the sitting is kept with its composite; the credits count each passed course once."""
    given, policy = change.input, change.attempt.policy
    courses = {c["code"]: c for c in plan(policy, change.case.major)}
    course = courses[given["course"]]
    full = policy.get("study.full_mark")
    parts = score_of(given.get("formative"), full), score_of(given.get("final"), full)
    row = {
        "id": new_id(),
        "study_id": change.record_id,
        "course": course["code"],
        "sat_on": given["sat_on"],
        "formative": parts[0],
        "final": parts[1],
        "composite": composite(course, *parts),
        "passed": passes(policy, course, *parts),
        "published_on": _published_on(change),
    }
    change.add(Score, row)
    passed = _passed(change) | ({course["code"]} if row["passed"] else set())
    change.values["credits"] = credits_of(policy, change.case.major, passed)


def _published_on(change: Change) -> date:
    """R3.6: until this day a wrong line of a list is mended before the student reads it."""
    policy = change.attempt.policy
    days = policy.find("study.marks_shown_after_working_days", 0)
    return working_days_after(policy, change.unit.today, days)


def _passed(change: Change) -> set[str]:
    return {sitting.course for sitting in change.case.scores if sitting.passed}


@effect
def note_face_comparison(change: Change) -> None:
    """R3.9: the last face comparison and its day."""
    change.values |= {name: change.input[name] for name in ("face_check", "face_checked_on")}


@effect
def note_welfare_post(change: Change) -> None:
    """R3.10: the first day on a public welfare post; shown, and nothing else follows from it."""
    change.values["welfare_post_on"] = change.input["welfare_post_on"]


@effect
def note_completion(change: Change) -> None:
    """R3.7: the day all credits were reached."""
    change.values["completed_on"] = change.unit.today


@effect
def record_diploma(change: Change) -> None:
    """R3.9: number and date of the state diploma, from the school's list."""
    change.values |= {name: change.input[name] for name in ("diploma_number", "diploma_on")}


@effect
def end_live_case(change: Change) -> None:
    """R2.8: a study that has ended no longer keeps its person from registering."""
    change.conn.execute(LIVE.delete().where(LIVE.c.application_id == change.case.application_id))


@effect
def note_double_certificate(change: Change) -> None:
    """R3.9: the day the completion certificate was issued."""
    change.values["double_certificate_on"] = change.unit.today


@effect
def change_major(change: Change) -> None:
    """R3.10: passed courses count by the new plan; outside the programme nothing is reimbursed any more."""
    policy, text = change.attempt.policy, change.input["new_major"]
    major = major_code(policy, text) or text
    change.values |= {
        "major": major,
        "major_changed_on": change.unit.today,
        "credits": credits_of(policy, major, _passed(change)),
    }
    if not in_programme(policy, text):
        change.values["reimbursable"] = False


@effect
def change_point(change: Change) -> None:
    """R3.10: the county follows the point, for the certifications too; the paying union stays."""
    policy = change.attempt.policy
    point = point_code(policy, change.input["new_point"])
    row = policy.row("points", point)
    county = row["county"] if row else change.case.county
    change.values |= {"point": point, "county": county}
    # Typed was a point only; the trail names the county, so that past figures can be told from it.
    change.note["new_county"] = county
    mine = LIVE.c.application_id == change.case.application_id
    change.conn.execute(LIVE.update().where(mine).values(point=point))
    theirs = CERTIFICATION.c.study_id == change.record_id
    change.conn.execute(CERTIFICATION.update().where(theirs).values(county=county))


@effect
def correct_identity(change: Change) -> None:
    """R3.10: person and applications take the corrected name and number; the old number stays as an alias."""
    values: dict[str, Any] = {}
    if name := corrected_name(change.input.get("new_name")):
        values = {"name": name, "name_keys": name_keys(name)}
    number = corrected_number(change.input.get("new_id_number"))
    if number and number != change.case.person.id_number:
        values |= {"sex": sex_of(number), "birth_on": birth_of(number)}
        values["id_index"] = change.unit.vault.index("id_number", number)
        _keep_alias(change, values["id_index"])
        _follow_key(change, values["id_index"])
    _rewrite(change, values, number)


def _keep_alias(change: Change, new_key: str) -> None:
    """A number that is taken back is an alias no longer."""
    person, row = change.case.person, new_id()
    change.conn.execute(ALIAS.delete().where(ALIAS.c.id_index == new_key))
    change.conn.execute(
        ALIAS.insert().values(
            id=row,
            person_id=person.id,
            id_number=change.unit.vault.seal("person_alias.id_number", row, person.id_number),
            id_index=person.key,
            until_on=change.unit.today,
        )
    )


def _follow_key(change: Change, new_key: str) -> None:
    """The live case and every account, step and check of the same human being go by the new number."""
    old_key = change.case.person.key
    change.conn.execute(LIVE.update().where(LIVE.c.id_index == old_key).values(id_index=new_key))
    left = 0
    for column in acting_keys():
        left += _follow_in(change, column, old_key, new_key)
    if left:
        change.note["acts_left_under_the_old_number"] = left


def acting_keys() -> list[sa.Column[Any]]:
    """Return every column that tells who acted; an `_index` tells whose number it is, and is written for itself."""
    columns = (column for table in keys.blind_tables() for column in table.c)
    return [column for column in columns if isinstance(column.type, Blind) and not column.name.endswith("_index")]


def _follow_in(change: Change, column: sa.Column[Any], old_key: str, new_key: str) -> int:
    """Give the rows of a column the new key; return how many keep the old one.

    Where one human being acted twice on one case, under either number, what happened cannot be written anew:
    the second act stays under the old number, which remains an alias, and the trail tells how many did.
    """
    left, table = 0, column.table
    for row in change.conn.execute(sa.select(table.c.id).where(column == old_key)).scalars().all():
        try:
            with change.conn.begin_nested():
                change.conn.execute(table.update().where(table.c.id == row).values({column.name: new_key}))
        except IntegrityError:
            left += 1
    return left


def _rewrite(change: Change, values: dict[str, Any], number: str | None) -> None:
    person = change.case.person_id
    for table, own in ((PERSON, PERSON.c.id == person), (APPLICATION, APPLICATION.c.person_id == person)):
        for row in change.conn.execute(sa.select(table.c.id).where(own)).scalars().all():
            sealed = change.unit.vault.seal(f"{table.name}.id_number", row, number) if number else None
            kept = values | ({"id_number": sealed} if sealed else {})
            change.conn.execute(table.update().where(table.c.id == row).values(kept))


@effect
def note_warning(change: Change) -> None:
    """R3.5: how many months before the end the student was warned last."""
    case = change.case
    due = warning_due(change.attempt.policy, case.ends_on, case.warned_months, change.unit.today)
    change.values["warned_months"] = due
    change.note |= {"months": due, "ends_on": case.ends_on.isoformat()}


@effect
def give_place_back(change: Change) -> None:
    """R1.4: the place of a status that was cancelled, or left before its number, goes to the waiting list."""
    if change.to_state == "withdrawn" and change.case.state != "enrolled":
        return
    mine = APPLICATION.c.id == change.case.application_id
    used = APPLICATION.update().where(mine, APPLICATION.c.place == "used")
    if not change.conn.execute(used.values(place="released")).rowcount:
        return
    year = change.case.intake[:2]
    change.conn.execute(QUOTA.update().where(QUOTA.c.year == f"20{year}").values(used=QUOTA.c.used - 1))
    change.then("admit", workflow="application", find="first_waiting", year=year)


@effect
def withdraw_certifications(change: Change) -> None:
    """R3.10: the certifications that have not been examined yet end with the study."""
    sources = change.version.compiled.definition("certification").actions["withdraw"].sources
    query = sa.select(CERTIFICATION.c.reference).where(
        CERTIFICATION.c.study_id == change.record_id, CERTIFICATION.c.state.in_(sources)
    )
    for reference in change.conn.execute(query.order_by(CERTIFICATION.c.reference)).scalars():
        change.then("withdraw", workflow="certification", reference=reference)


@effect
def revoke_papers(change: Change) -> None:
    """R3.10: every paper issued for the study is shown as revoked from now on."""
    own = DOCUMENT.c.workflow == change.workflow, DOCUMENT.c.record_id == change.record_id
    query = DOCUMENT.update().where(*own, DOCUMENT.c.voided_at.is_(None))
    change.conn.execute(query.values(voided_at=change.unit.now))


@effect
def stop_or_recover_claim(change: Change) -> None:
    """R3.10: a claim for a revoked diploma is withdrawn while that is possible; paid money is recovered.

    Of money on its way to the bank nothing is known yet: `due run` acts when its result is in.
    """
    columns = CLAIM.c.reference, CLAIM.c.state, CLAIM.c.payable_fen, CLAIM.c.recovery_fen
    query = sa.select(*columns).where(CLAIM.c.study_id == change.record_id, CLAIM.c.live)
    claim = change.conn.execute(query).first()
    if claim is None:
        return
    actions = change.version.compiled.definition("claim").actions
    if claim.state in actions["withdraw"].sources:
        change.then("withdraw", workflow="claim", reference=claim.reference)
    if claim.state in actions["recover"].sources and (claim.recovery_fen or 0) < claim.payable_fen:
        change.then("recover", workflow="claim", reference=claim.reference, recovery="DIPLOMA_REVOKED")
