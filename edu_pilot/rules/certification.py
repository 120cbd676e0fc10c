"""What a certification must fulfil: training, session, seat, both parts, certificate number (§4)."""

from __future__ import annotations

import re
from typing import Any

from edu_pilot.rules.study import score_of
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule


def whole(text: str | None) -> int | None:
    """Return a whole number of up to four digits, or None."""
    tidy = (text or "").strip()
    return int(tidy) if re.fullmatch("[0-9]{1,4}", tidy) else None


@rule
def status_confirmed(attempt: Attempt) -> Blocked:
    """R4.1: training is for students whose school status is confirmed."""
    if attempt.record.student_number:
        return None
    return blocked(N_("The school status is not confirmed yet."), who="registrar")


@rule(on_input=True)
def training_is_enough(attempt: Attempt) -> Blocked:
    """§4: hours and attendance reach the policy's minimum."""
    limits = {"hours": "training_hours_min", "attendance_percent": "attendance_min_percent"}
    faults: list[Reason] = []
    for name, parameter in limits.items():
        least, given = attempt.policy.get(f"certification.{parameter}"), whole(attempt.input.get(name))
        if given is None or given < least or (name == "attendance_percent" and given > 100):
            text = N_("At least %(least)s is required here.")
            faults.append(blocked(text, field=name, who="examiner", least=least))
    return faults


@rule(on_input=True)
def session_fits(attempt: Attempt) -> Blocked:
    """R4.4: the session is open and examines this occupation and level."""
    session = attempt.record.session_named(attempt.input.get("session"))
    if session is None:
        text = N_("There is no exam session %(session)s.")
        return blocked(text, field="session", who="examiner", session=attempt.input.get("session", ""))
    fits = (session.occupation, session.level) == (attempt.record.occupation, attempt.record.level)
    if fits and session.state == "open":
        return None
    text = N_("The session is not open for this occupation and level.")
    return blocked(text, field="session", who="examiner")


@rule
def session_is_open(attempt: Attempt) -> Blocked:
    """R4.4: seats are given while the session is open."""
    if attempt.record.session_state == "open":
        return None
    return blocked(N_("The exam session is not open."), who="examiner")


@rule
def a_seat_is_free(attempt: Attempt) -> Blocked:
    """R4.4: the seats of a session are hard."""
    if attempt.record.free_seat is not None:
        return None
    return blocked(N_("All seats of the session are taken."), who="examiner")


@rule
def session_day_reached(attempt: Attempt) -> Blocked:
    """R4.4: an exam is sat and held on its day, not before."""
    day = attempt.record.held_on
    if day is not None and attempt.today >= day:
        return None
    text = N_("The session is held on %(day)s.")
    return blocked(text, who="examiner", day=day.isoformat() if day else "")


@rule(on_input=True)
def marks_are_sound(attempt: Attempt) -> Blocked:
    """R4.3: theory and practical are each a whole number from 0 to the full mark."""
    full = attempt.policy.get("certification.full_mark")
    return [
        blocked(N_("A score is a whole number from 0 to %(full)s."), field=name, who="examiner", full=full)
        for name in ("theory", "practical")
        if not _is_mark(attempt.input.get(name), full)
    ]


def _is_mark(text: str | None, full: int) -> bool:
    try:
        return score_of(text, full) is not None
    except ValueError:
        return False


@condition
def both_parts_pass(attempt: Attempt) -> bool:
    """R4.3: theory and practical each reach the pass mark."""
    full, mark = (attempt.policy.get(f"certification.{name}") for name in ("full_mark", "pass_mark"))
    return all((score_of(attempt.input[part], full) or 0) >= mark for part in ("theory", "practical"))


@rule(on_input=True)
def certificate_number_is_sound(attempt: Attempt) -> Blocked:
    """R4.6: a letter and 21 digits; characters 6 and 7 the province, 14 and 15 the year, 16 the level taken."""
    form = attempt.policy.get("certification.certificate_number")
    number, day = attempt.input.get("certificate_number", ""), attempt.input.get("certified_on")
    shape = rf"[{''.join(form['prefixes'])}][0-9]{{{form['digits']}}}"
    parts = number[5:7], number[13:15], number[15:16]
    wanted = form["province"], f"{day:%y}" if day else "", attempt.record.level
    if re.fullmatch(shape, number) and parts == wanted:
        return None
    text = N_(
        "A certificate number is %(letters)s and %(digits)s digits; characters 6 and 7 are %(province)s, "
        "14 and 15 the year, 16 the level %(level)s."
    )
    return blocked(
        text, field="certificate_number", who="examiner", letters="/".join(form["prefixes"]),
        digits=form["digits"], province=form["province"], level=attempt.record.level,
    )  # fmt: skip


@rule(on_input=True)
def certificate_number_is_free(attempt: Attempt) -> Blocked:
    """R4.6: a certificate number belongs to one certification."""
    given = attempt.input.get("certificate_number")
    if not attempt.record.number_is_taken("certificate_number", given):
        return None
    text = N_("This certificate number is recorded for another person.")
    return blocked(text, field="certificate_number", who="examiner")


@rule(on_input=True)
def certificate_not_before_exam(attempt: Attempt) -> Blocked:
    """R4.6: a certificate is dated after its exam and not in the future."""
    day, exam = attempt.input.get("certified_on"), attempt.record.practical_on
    if day and exam and exam <= day <= attempt.today:
        return None
    text = N_("The certificate must be dated between the exam and today.")
    return blocked(text, field="certified_on", who="examiner")


@rule(on_input=True)
def session_is_described(attempt: Attempt) -> Blocked:
    """R4.4: a session examines a known occupation and level and has rooms with seats."""
    given = attempt.input
    occupation = attempt.policy.row("occupations", given.get("occupation"))
    faults: list[Reason] = []
    if not occupation or given.get("level") not in occupation["levels"].split():
        text = N_("Occupation and level are not in the catalogue.")
        faults.append(blocked(text, code="occupation_unknown", field="occupation", who="examiner"))
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", given.get("starts", "")):
        text = N_("The start is a time such as 09:00.")
        faults.append(blocked(text, code="starts_malformed", field="starts", who="examiner"))
    if not _are_rooms(given.get("rooms", [])):
        text = N_("Every room needs a name and its number of seats.")
        faults.append(blocked(text, code="rooms_malformed", field="rooms", who="examiner"))
    return faults


def _are_rooms(rooms: list[Any]) -> bool:
    """A room named twice would promise seats that are not there."""
    return all(map(_is_room, rooms)) and len({room["room"] for room in rooms}) == len(rooms)


def _is_room(room: object) -> bool:
    if not isinstance(room, dict):
        return False
    name, seats = room.get("room"), room.get("seats")
    return isinstance(name, str) and bool(name) and type(seats) is int and 0 < seats <= 1000


@rule
def all_candidates_scored(attempt: Attempt) -> Blocked:
    """R4.5: scores are published once every candidate of the session has them."""
    open_ones = attempt.record.candidates_without_scores
    if not open_ones:
        return None
    return blocked(N_("%(number)s candidates have no scores yet."), who="examiner", number=open_ones)
