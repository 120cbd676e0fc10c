"""What a certification must fulfil: training, session, seat, both parts, certificate number (§4)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from edu_pilot.rules.calendar import months_after, working_days_after
from edu_pilot.rules.study import score_of
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule

PARTS = ("theory", "practical")


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


@rule
def is_trained(attempt: Attempt) -> Blocked:
    """§4: the exam comes after the training; a re-sit brings the training of its first attempt."""
    if attempt.record.hours is not None:
        return None
    return blocked(N_("The training is not finished yet."), who="examiner")


@rule(on_input=True)
def id_card_is_valid(attempt: Attempt) -> Blocked:
    """R4.4: whose ID card ends before the exam day is not entered; no date means a card without end."""
    end, session = attempt.input.get("id_card_until"), _session_of(attempt, "session")
    if end is None or session is None or end >= session.held_on:
        return None
    text = N_("The ID card ends on %(end)s, before the exam on %(day)s; it must be renewed first.")
    return blocked(
        text, field="id_card_until", who="student", end=end.isoformat(), day=session.held_on.isoformat()
    )  # fmt: skip


@rule
def resits_left(attempt: Attempt) -> Blocked:
    """R4.3: the first sitting and so many re-sits; to be absent is not to have sat."""
    most = attempt.policy.get("certification.resits_max")
    if attempt.record.sittings_used <= most:
        return None
    text = N_("All sittings are used: the first and %(most)s re-sits.")
    return blocked(text, who="examiner", most=most)


@rule
def resit_not_planned(attempt: Attempt) -> Blocked:
    """R4.3: one re-sit follows one attempt."""
    if attempt.record.resit_reference is None:
        return None
    text = N_("The re-sit is planned already: %(resit)s.")
    return blocked(text, who="examiner", resit=attempt.record.resit_reference)


@rule(on_input=True)
def not_banned(attempt: Attempt) -> Blocked:
    """R4.7: no ban of the person holds on the day of the chosen session."""
    field = "new_session" if "new_session" in attempt.input else "session"
    session = _session_of(attempt, field)
    return _banned(attempt, session.held_on, field) if session else None


@rule
def ban_is_over(attempt: Attempt) -> Blocked:
    """R4.7: no ban of the person holds today or on the day of the session entered for."""
    held_on = attempt.record.held_on
    # A past sitting is the one that brought the ban.
    return _banned(attempt, max(held_on or attempt.today, attempt.today))


def _banned(attempt: Attempt, day: date, field: str | None = None) -> Blocked:
    until = attempt.record.banned_until
    if until is None or until < day:
        return None
    return blocked(N_("Banned from exams until %(until)s."), field=field, who="examiner", until=until.isoformat())


def _session_of(attempt: Attempt, field: str) -> Any:
    return attempt.record.session_named(attempt.input.get(field))


@rule(on_input=True)
def session_fits(attempt: Attempt) -> Blocked:
    """R4.4: the session is open, is not over and examines this occupation and level."""
    return _fits(attempt, "session", ("open",))


@rule(on_input=True)
def new_session_fits(attempt: Attempt) -> Blocked:
    """R4.4: a candidate moves to another session of this occupation and level that is still to come."""
    if attempt.input.get("new_session") == attempt.record.session_reference:
        text = N_("The candidate is in this session already.")
        return blocked(text, code="same_session", field="new_session", who="examiner")
    return _fits(attempt, "new_session", ("open", "seated"))


def _fits(attempt: Attempt, field: str, states: tuple[str, ...]) -> Blocked:
    session = _session_of(attempt, field)
    if session is None:
        text = N_("There is no exam session %(session)s.")
        return blocked(text, field=field, who="examiner", session=attempt.input.get(field, ""))
    same = (session.occupation, session.level) == (attempt.record.occupation, attempt.record.level)
    if same and session.state in states and session.held_on >= attempt.today:
        return None
    return blocked(N_("The session is not open for this occupation and level."), field=field, who="examiner")


@rule(on_input=True)
def sittings_do_not_overlap(attempt: Attempt) -> Blocked:
    """R4.4: the chosen session does not overlap another sitting of the same person."""
    return _overlap(attempt, _session_of(attempt, "session"), "session")


@rule(on_input=True)
def new_sitting_does_not_overlap(attempt: Attempt) -> Blocked:
    """R4.4: the session moved to does not overlap another sitting of the same person."""
    return _overlap(attempt, _session_of(attempt, "new_session"), "new_session")


@rule
def own_sitting_does_not_overlap(attempt: Attempt) -> Blocked:
    """R4.4: a clash is seen again before the ticket is printed; moving the candidate mends it."""
    return _overlap(attempt, attempt.record.session)


def _overlap(attempt: Attempt, session: Any, field: str | None = None) -> Blocked:
    text = N_("This sitting overlaps %(other)s on %(day)s at %(starts)s; move the candidate to another session.")
    return [
        blocked(
            text, field=field, who="examiner", other=other.session, day=other.held_on.isoformat(), starts=other.starts
        )
        for other in attempt.record.other_sittings
        if session is not None and overlap(attempt.policy, session, other)
    ]


def overlap(policy: Policy, one: Any, other: Any) -> bool:
    """R4.4: whether two sittings of one day start within the length of a sitting."""
    apart = abs(_minutes(one.starts) - _minutes(other.starts))
    return bool(one.held_on == other.held_on and apart < policy.get("certification.sitting_minutes"))


def _minutes(starts: str) -> int:
    hour, minute = starts.split(":")
    return int(hour) * 60 + int(minute)


@rule
def session_is_open(attempt: Attempt) -> Blocked:
    """R4.4: seats are given until the session is held."""
    if attempt.record.session_state in ("open", "seated"):
        return None
    return blocked(N_("The exam session is not open."), who="examiner")


@rule
def a_seat_is_free(attempt: Attempt) -> Blocked:
    """R4.4: the seats of a session are hard."""
    if attempt.record.free_seat is not None:
        return None
    return blocked(N_("All seats of the session are taken."), who="examiner")


@rule(on_input=True)
def new_session_has_a_seat(attempt: Attempt) -> Blocked:
    """R4.4: a candidate moves only to where a seat is free."""
    session = _session_of(attempt, "new_session")
    if session is None or attempt.record.free_seat_in(session) is not None:
        return None
    return blocked(N_("All seats of the session are taken."), field="new_session", who="examiner")


@rule
def session_day_reached(attempt: Attempt) -> Blocked:
    """R4.4: an exam is sat and held on its day, not before."""
    day = attempt.record.held_on
    if day is not None and attempt.today >= day:
        return None
    text = N_("The session is held on %(day)s.")
    return blocked(text, who="examiner", day=day.isoformat() if day else "")


def kept_until(policy: Policy, since: date) -> date:
    """R4.3: the last day on which a part passed on the given day still counts."""
    return months_after(since, policy.get("certification.part_kept_months"))


def passed_part_until(policy: Policy, record: Any, part: str) -> date | None:
    """R4.3: until when a passed part counts, as long as the other one is missing; None where nothing is kept."""
    mark, since = getattr(record, part), getattr(record, f"{part}_on")
    if mark is None or mark < policy.get("certification.pass_mark") or record.state in ("passed", "certified"):
        return None
    return kept_until(policy, since)


def kept_mark(attempt: Attempt, part: str) -> int | None:
    """R4.3: the mark of a part passed earlier that still counts on the day of this sitting."""
    mark, since = getattr(attempt.record, part), getattr(attempt.record, f"{part}_on")
    day = attempt.record.held_on
    if mark is None or since is None or day is None:
        return None
    return int(mark) if since < day <= kept_until(attempt.policy, since) else None


@rule(on_input=True)
def marks_are_sound(attempt: Attempt) -> Blocked:
    """R4.3: each part that is sat has a whole number from 0 to the full mark; a kept part is not sat again."""
    found = (_mark_fault(attempt, part) for part in PARTS)
    return [fault for fault in found if fault]


def _mark_fault(attempt: Attempt, part: str) -> Reason | None:
    given, full = attempt.input.get(part), attempt.policy.get("certification.full_mark")
    if kept_mark(attempt, part) is None:
        text = N_("A score is a whole number from 0 to %(full)s.")
        return None if _is_mark(given, full) else blocked(text, field=part, who="examiner", full=full)
    if not given:
        return None
    text = N_("This part was passed on %(since)s and counts until %(until)s; it is not sat again.")
    since = getattr(attempt.record, f"{part}_on")
    until = kept_until(attempt.policy, since)
    return blocked(
        text, code="part_is_kept", field=part, who="examiner", since=since.isoformat(), until=until.isoformat()
    )  # fmt: skip


def _is_mark(text: str | None, full: int) -> bool:
    try:
        return score_of(text, full) is not None
    except ValueError:
        return False


@condition
def both_parts_pass(attempt: Attempt) -> bool:
    """R4.3: theory and practical each reach the pass mark, in this sitting or kept."""
    mark = attempt.policy.get("certification.pass_mark")
    return all((_mark_of(attempt, part) or 0) >= mark for part in PARTS)


def _mark_of(attempt: Attempt, part: str) -> int | None:
    kept = kept_mark(attempt, part)
    full = attempt.policy.get("certification.full_mark")
    return score_of(attempt.input.get(part), full) if kept is None else kept


@rule
def scores_are_published(attempt: Attempt) -> Blocked:
    """R4.5: scores are known once their session has published them."""
    if attempt.record.published_on is not None:
        return None
    return blocked(N_("The scores are not published yet."), who="examiner")


def objections_until(policy: Policy, published_on: date) -> date:
    """R4.5: the last day on which a re-adding of marks may be asked for."""
    return working_days_after(policy, published_on, policy.get("certification.objection_working_days"))


@rule
def objection_in_time(attempt: Attempt) -> Blocked:
    """R4.5: an objection comes within the policy's working days after publication."""
    published = attempt.record.published_on
    until = objections_until(attempt.policy, published) if published else attempt.today
    if attempt.today <= until:
        return None
    return blocked(N_("Objections were possible until %(until)s."), until=until.isoformat())


@rule
def not_objected_yet(attempt: Attempt) -> Blocked:
    """R4.5: marks are added again once."""
    if attempt.record.objection_on is None:
        return None
    text = N_("An objection was made on %(day)s already.")
    return blocked(text, day=attempt.record.objection_on.isoformat())


def _objection_is_open(attempt: Attempt) -> bool:
    return attempt.record.objection_on is not None and attempt.record.objection_closed_on is None


@rule
def objection_is_open(attempt: Attempt) -> Blocked:
    """R4.5: marks are added again only where somebody objected."""
    return None if _objection_is_open(attempt) else blocked(N_("No objection is open."), who="student")


@rule
def no_objection_is_open(attempt: Attempt) -> Blocked:
    """R4.5: the certificate waits for the re-adding that was asked for."""
    if not _objection_is_open(attempt):
        return None
    return blocked(N_("The scores must be added again first: an objection is open."), who="examiner")


@rule(on_input=True)
def certificate_number_is_sound(attempt: Attempt) -> Blocked:
    """R4.6: a letter and 21 digits; characters 6 and 7 the province, 14 and 15 the year, 16 the level taken."""
    form = attempt.policy.get("certification.certificate_number")
    number, day = attempt.input.get("certificate_number", ""), attempt.input.get("certified_on")
    parts = number[5:7], number[13:15], number[15:16]
    wanted = form["province"], f"{day:%y}" if day else "", attempt.record.level
    if is_certificate_number(attempt.policy, number) and parts == wanted:
        return None
    text = N_(
        "A certificate number is %(letters)s and %(digits)s digits; characters 6 and 7 are %(province)s, "
        "14 and 15 the year, 16 the level %(level)s."
    )
    return blocked(
        text, field="certificate_number", who="examiner", letters="/".join(form["prefixes"]),
        digits=form["digits"], province=form["province"], level=attempt.record.level,
    )  # fmt: skip


def is_certificate_number(policy: Policy, number: str) -> bool:
    """R4.6: whether a text has letter and digits of a certificate's number, whoever issued it and when."""
    form = policy.get("certification.certificate_number")
    return re.fullmatch(rf"[{''.join(form['prefixes'])}][0-9]{{{form['digits']}}}", number) is not None


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
    day, exam = attempt.input.get("certified_on"), attempt.record.held_on
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
    if not occupation:
        text = N_("The occupation is not in the catalogue.")
        faults.append(blocked(text, code="occupation_unknown", field="occupation", who="examiner"))
    elif given.get("level") not in (levels := occupation["levels"].split()):
        text = N_("This occupation is examined at these levels alone: %(levels)s.")
        known = ", ".join(levels)
        faults.append(blocked(text, code="occupation_unknown", field="level", who="examiner", levels=known))
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


@rule
def somebody_has_entered(attempt: Attempt) -> Blocked:
    """R4.4: seats are given where there are candidates."""
    if attempt.record.candidates:
        return None
    return blocked(N_("Nobody has entered for this session."), who="examiner")


@rule
def seats_for_all(attempt: Attempt) -> Blocked:
    """R4.4: the seats are hard, and everybody who has entered needs one."""
    seats, people = sum(room["seats"] for room in attempt.record.rooms), len(attempt.record.candidates)
    if people <= seats:
        return None
    text = N_("%(people)s candidates have entered, but there are %(seats)s seats; move some to another session.")
    return blocked(text, who="examiner", people=people, seats=seats)


@rule
def everybody_is_seated(attempt: Attempt) -> Blocked:
    """R4.4: no candidate stands at the door without a seat."""
    without = [c.reference for c in attempt.record.candidates if c.state == "entered"]
    if not without:
        return None
    text = N_("%(number)s candidates have no seat yet; seat them, or let them leave the session.")
    return blocked(text, who="examiner", number=len(without))


@rule
def certificate_is_listed(attempt: Attempt) -> Blocked:
    """R4.6: the national query shows the number; until it does the certificate is pending, not refused."""
    if attempt.record.is_listed and attempt.record.verified_on is None:
        return None
    return blocked(
        N_("The national query does not show this certificate yet, or it is verified already."), who="system"
    )
