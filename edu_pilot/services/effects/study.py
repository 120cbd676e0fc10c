"""What steps of a study write."""

from __future__ import annotations

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta

from edu_pilot.models import Application, Certification, LiveCase, Score
from edu_pilot.models.base import new_id
from edu_pilot.rules.calendar import season
from edu_pilot.rules.study import composite, passes, plan, score_of
from edu_pilot.services import numbers
from edu_pilot.services.unit import Change, LostRace
from edu_pilot.workflow.registry import effect

APPLICATION = Application.__table__
CERTIFICATION = Certification.__table__
LIVE = LiveCase.__table__


@effect
def enter_study(change: Change) -> None:
    """R3.5: the school status takes person, place, intake and major from the application."""
    change.values |= dict(change.input) | {"credits": 0}


_APPLICATION_HELD = (
    sa.select(APPLICATION.c.state).where(APPLICATION.c.id == sa.bindparam("application")).with_for_update()
)


@effect
def hold_admission(change: Change) -> None:
    """R1.4: the application waits until the status is confirmed; one withdrawn in the meantime wins."""
    held = change.conn.execute(_APPLICATION_HELD, {"application": change.case.application_id})
    if held.scalar_one() != "admitted":
        raise LostRace


@effect
def draw_student_number(change: Change) -> None:
    """R3.5: 13 digits: year, province, branch, serial by season; the clock of the school status starts."""
    form = change.attempt.policy.get("study.student_number")
    year, half = change.case.intake[:2], season(change.case.intake)
    serial = numbers.draw(change.conn, f"student{year}{half}", start=form[f"{half}_from"])[0]
    number = f"{year}{form['province']}{form['middle']}{serial:0{form['serial_digits']}d}"
    years = change.attempt.policy.get("study.years_max")
    change.values |= {
        "student_number": number,
        "confirmed_on": change.unit.today,
        "ends_on": change.unit.today + relativedelta(years=years),
    }


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
    }
    change.add(Score, row)
    passed = {s.course for s in change.case.scores if s.passed} | ({course["code"]} if row["passed"] else set())
    change.values["credits"] = sum(int(courses[code]["credits"]) for code in passed if code in courses)


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
def close_certification(change: Change) -> None:
    """§4: a certification that is still only planned goes with the study; a begun one runs on (R4.1)."""
    query = sa.select(CERTIFICATION.c.reference).where(CERTIFICATION.c.study_id == change.record_id)
    for reference in change.conn.execute(query.where(CERTIFICATION.c.state == "planned")).scalars():
        change.then("withdraw", workflow="certification", reference=reference)


@effect
def note_double_certificate(change: Change) -> None:
    """R3.9: the day the completion certificate was issued."""
    change.values["double_certificate_on"] = change.unit.today
