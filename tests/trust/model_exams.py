"""G9's model of certification and exam session (rulebook 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.trust import model_school
from tests.trust.model import Case, Try, World, create, months_after, plain, published, step, working_days_after

PARTS = ("theory", "practical")
COMING = ("entered", "seated")
OCCUPATIONS = {
    "ecommerce_specialist": "4321", "online_marketer": "54321", "bricklayer": "54321", "steel_fixer": "54321",
    "engineering_surveyor": "54321", "electrician": "54321", "welder": "54321", "hr_manager": "4321",
    "labour_relations": "4321", "junior_accountant": "3", "x_smart_tax": "321", "x_business_finance": "321",
    "x_ecommerce_data": "321", "x_online_shop": "321", "x_bim": "321", "x_industrial_robot": "321",
}  # fmt: skip


@dataclass
class Certification(Case):
    """One attempt of one person at one occupation and level."""

    study: str = ""
    occupation: str = ""
    level: str = ""
    hours: int | None = None
    session: str = ""
    seat: bool = False
    marks: dict[str, int] = field(default_factory=dict)
    marked_on: dict[str, date] = field(default_factory=dict)
    objected_on: date | None = None
    objection_closed: bool = False
    number: str = ""
    previous: str = ""
    resit: str = ""
    banned: bool = False


@dataclass
class Session(Case):
    """One exam session."""

    occupation: str = ""
    level: str = ""
    held_on: date = date.max
    starts: str = ""
    rooms: dict[str, int] = field(default_factory=dict)
    published_on: date | None = None


def planned(world: World, study: Any, certificate: tuple[str, str]) -> None:
    """R4.2: the certification that runs beside a new study."""
    occupation, level = certificate
    case = Certification("certification", "", "planned", study.county, study.person, study=study.reference)
    case.occupation, case.level = occupation, level
    world.add(case, study.intake)


model_school.PLANNED.append(planned)


def session_of(t: Try) -> Any:
    """Return the session of the candidate, or None."""
    return t.world.cases.get(t.case.session)


def _confirmed(t: Try) -> bool:
    return bool(t.world.cases[t.case.study].student_number)


@step("certification", by="clerk examiner", of="planned", to="training")
def start_training(t: Try) -> None:
    t.require(status_confirmed=_confirmed(t))
    t.read()


def _whole(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else -1


@step("certification", by="clerk examiner", of="training", to="trained")
def finish_training(t: Try) -> None:
    t.require(not_own_record=t.not_own)
    given = t.read(hours="text", attendance_percent="text")
    hours, percent = _whole(given["hours"]), _whole(given["attendance_percent"])
    t.require(training_is_enough=hours >= 40 and 80 <= percent <= 100)
    t.case.hours = hours


def _attempts(t: Try) -> list[Any]:
    case = t.case
    same = (case.person, case.occupation, case.level)
    return [one for one in t.world.of("certification") if (one.person, one.occupation, one.level) == same]


def _used(t: Try) -> int:
    """R4.3: sittings used up; absence uses none, nor a sitting voided without a ban."""
    return sum(
        one.state in ("sat", "passed", "failed", "certified") or (one.state == "void" and one.banned)
        for one in _attempts(t)
    )


def _banned(t: Try, day: date) -> bool:
    return any(person == t.case.person and until >= day for person, until, _of in t.world.bans)


def _overlaps(t: Try, session: Any) -> bool:
    """R4.4: whether the person is to sit elsewhere within two hours of a session's start."""
    others = [
        t.world.cases[one.session]
        for one in t.world.of("certification", *COMING)
        if one.person == t.case.person and one is not t.case and one.session
    ]
    return any(o.held_on == session.held_on and abs(_minutes(o) - _minutes(session)) < 120 for o in others)


def _minutes(session: Any) -> int:
    hour, minute = session.starts.split(":")
    return int(hour) * 60 + int(minute)


def _fits(t: Try, session: Any, states: tuple[str, ...]) -> bool:
    if session is None or session.workflow != "session":
        return False
    same = (session.occupation, session.level) == (t.case.occupation, t.case.level)
    return same and session.state in states and session.held_on >= t.day


def _left(world: World, session: Any) -> int:
    """R4.4: free seats of a session."""
    return sum(session.rooms.values()) - sum(
        one.seat and one.session == session.reference for one in world.of("certification")
    )


@step("certification", by="clerk examiner", of="planned trained", to="entered")
def enter(t: Try) -> None:
    t.require(status_confirmed=_confirmed(t), is_trained=t.case.hours is not None, resits_left=_used(t) <= 2)
    given = t.read(session="text", id_card_until="date?")
    session = t.world.cases.get(given["session"])
    codes = set() if _fits(t, session, ("open",)) else {"session_fits"}
    if session is not None and session.workflow == "session":
        codes |= {"id_card_is_valid"} if given.get("id_card_until", date.max) < session.held_on else set()
        codes |= {"not_banned"} if _banned(t, session.held_on) else set()
        codes |= {"sittings_do_not_overlap"} if _overlaps(t, session) else set()
    t.refuse(codes)
    t.case.session = given["session"]


@step("certification", by="examiner system", of="entered", to="seated")
def seat(t: Try) -> None:
    session = session_of(t)
    t.require(
        session_is_open=session.state in ("open", "seated"),
        ban_is_over=not _banned(t, max(session.held_on, t.day)),
        own_sitting_does_not_overlap=not _overlaps(t, session),
        a_seat_is_free=_left(t.world, session) > 0,
    )
    t.read()
    t.case.seat = True
    renew_doors(t, session)


def renew_doors(t: Try, session: Any) -> None:
    """R4.4: the door list of a seated session follows once nobody there waits for a seat."""
    waiting = [
        one for one in t.world.of("certification", "entered") if one.session == session.reference and one is not t.case
    ]
    if session.state == "seated" and not waiting:
        t.world.then("session", session.reference, "list_doors")


@step("certification", by="examiner", of="entered seated")
def reseat(t: Try) -> None:
    given, before = t.read(new_session="text"), session_of(t)
    session = t.world.cases.get(given["new_session"])
    codes = set[str]()
    if given["new_session"] == t.case.session:
        codes.add("same_session")
    elif not _fits(t, session, ("open", "seated")):
        codes.add("new_session_fits")
    if session is not None and session.workflow == "session":
        codes |= {"not_banned"} if _banned(t, session.held_on) else set()
        codes |= {"new_sitting_does_not_overlap"} if _overlaps(t, session) else set()
        codes |= {"new_session_has_a_seat"} if _left(t.world, session) <= 0 else set()
    t.refuse(codes)
    t.case.session = given["new_session"]
    if t.case.state == "seated":
        renew_doors(t, before)
        renew_doors(t, session)


def _leave(t: Try) -> None:
    session = session_of(t)
    t.case.session, t.case.seat = "", False
    if session:
        renew_doors(t, session)


@step("certification", by="examiner system", of="entered seated", to="trained")
def leave_session(t: Try) -> None:
    t.read()
    _leave(t)


def _sits(t: Try) -> None:
    t.require(not_own_record=t.not_own, session_day_reached=t.day >= session_of(t).held_on)
    t.read()


@step("certification", by="examiner", of="seated", to="sat")
def mark_sat(t: Try) -> None:
    _sits(t)


@step("certification", by="examiner", of="seated", to="absent")
def mark_absent(t: Try) -> None:
    _sits(t)


def _kept(t: Try, part: str) -> bool:
    """R4.3: whether a part passed in an earlier sitting still counts on the day of this one."""
    since, session = t.case.marked_on.get(part), session_of(t)
    if since is None or session is None:
        return False
    return bool(since < session.held_on <= months_after(since, 12))


def _marked(t: Try) -> str:
    given = t.read(theory="text?", practical="text?")
    codes = set[str]()
    for part in PARTS:
        if _kept(t, part):
            codes |= {"part_is_kept"} if part in given else set()
        elif not (re.fullmatch("[0-9]{1,4}", given.get(part, "")) and int(given[part]) <= 100):
            codes.add("marks_are_sound")
    t.refuse(codes)
    for part in PARTS:
        if not _kept(t, part):
            t.case.marks[part], t.case.marked_on[part] = int(given[part]), session_of(t).held_on
    return "passed" if all(t.case.marks[part] >= 60 for part in PARTS) else "failed"


@step("certification", by="examiner", of="sat")
def score(t: Try) -> str:
    t.require(not_own_record=t.not_own)
    return _marked(t)


def _objection_open(t: Try) -> bool:
    return t.case.objected_on is not None and not t.case.objection_closed


@step("certification", by="examiner", of="passed", to="certified")
def certify(t: Try) -> None:
    t.require(not_own_record=t.not_own, no_objection_is_open=not _objection_open(t))
    given = t.read(certificate_number="text", certified_on="date")
    number, day = given["certificate_number"], given["certified_on"]
    form = rf"[YS][0-9]{{4}}37[0-9]{{6}}{day:%y}{t.case.level}[0-9]{{6}}"
    t.require(
        certificate_number_is_sound=re.fullmatch(form, number) is not None,
        certificate_number_is_free=all(
            one.number != number for one in t.world.of("certification") if one is not t.case
        ),
        certificate_not_before_exam=session_of(t).held_on <= day <= t.day,
    )
    t.case.number = number


@step("certification", by="system", of="certified")
def verify_certificate(t: Try) -> None:
    # R4.6: the national query of this world shows nothing.
    t.require(certificate_is_listed=False)


@step("certification", by="student clerk", of="passed failed")
def object_to_score(t: Try) -> None:
    on = published(t.world, t.case)
    t.require(
        scores_are_published=on is not None,
        objection_in_time=on is None or t.day <= working_days_after(on, 5),
        not_objected_yet=t.case.objected_on is None,
    )
    t.read(note="text?")
    t.case.objected_on = t.day


@step("certification", by="examiner", of="passed failed")
def readd(t: Try) -> str:
    t.require(not_own_record=t.not_own, objection_is_open=_objection_open(t))
    state = _marked(t)
    t.case.objection_closed = True
    if state == "passed" and t.case.resit:
        t.world.then("certification", t.case.resit, "withdraw")
    return state


@step("certification", by="examiner system", of="passed failed certified")
def announce_scores(t: Try) -> None:
    t.require(scores_are_published=published(t.world, t.case) is not None)
    t.read()


@step("certification", by="examiner clerk", of="failed absent void")
def resit(t: Try) -> None:
    case, session = t.case, session_of(t)
    day = max(session.held_on, t.day) if session else t.day
    t.require(resits_left=_used(t) <= 2, ban_is_over=not _banned(t, day), resit_not_planned=not case.resit)
    t.read()
    again = Certification("certification", "", "planned", case.county, case.person, study=case.study)
    again.occupation, again.level, again.hours, again.previous = case.occupation, case.level, case.hours, case.reference
    for part, mark in case.marks.items():
        if mark >= 60 and t.day <= months_after(case.marked_on[part], 12):
            again.marks[part], again.marked_on[part] = mark, case.marked_on[part]
    case.resit = t.world.add(again, t.world.cases[case.study].intake)


@step("certification", by="examiner", of="sat passed failed certified", to="void")
def void(t: Try) -> None:
    given, case, session = t.read(voiding="choice VOID", note="text?"), t.case, session_of(t)
    for part in PARTS:
        if given["voiding"] == "IMPERSONATION" or case.marked_on.get(part) == session.held_on:
            case.marks.pop(part, None)
            case.marked_on.pop(part, None)
    months = {"CHEATING": 12, "IMPERSONATION": 24}.get(given["voiding"])
    if months is None:
        return
    until = months_after(t.day, months)
    case.banned = True
    t.world.bans.append((case.person, until, case.reference))
    others = [one for one in t.world.of("certification", *COMING) if one.person == case.person and one is not case]
    for one in sorted(others, key=lambda one: one.reference):
        if one.session and t.world.cases[one.session].held_on <= until:
            t.world.then("certification", one.reference, "leave_session")


@step("certification", by="clerk examiner system", of="planned training trained entered seated", to="withdrawn")
def withdraw(t: Try) -> None:
    t.read()
    _leave(t)


# The session


@create("session", by="examiner")
def session(t: Try) -> str:
    given = t.read(occupation="text", level="text", held_on="date", starts="text", site="text", rooms="list")
    rooms = given["rooms"]
    codes = set() if given["level"] in OCCUPATIONS.get(given["occupation"], "") else {"occupation_unknown"}
    codes |= set() if re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", given["starts"]) else {"starts_malformed"}
    sound = all(
        isinstance(room, dict) and room.get("room") and type(room.get("seats")) is int and room["seats"] > 0
        for room in rooms
    )
    codes |= set() if sound else {"rooms_malformed"}
    t.refuse(codes)
    case = Session("session", "", "planned", occupation=given["occupation"], level=given["level"])
    case.held_on, case.starts = given["held_on"], given["starts"]
    case.rooms = {room["room"]: room["seats"] for room in rooms}
    return t.world.add(case, f"{t.day:%y%m}")


plain("session", "open", by="examiner", of="planned", to="open")


def _candidates(t: Try, *states: str) -> list[Any]:
    found = [one for one in t.world.of("certification", *(states or COMING)) if one.session == t.case.reference]
    return sorted(found, key=lambda one: one.reference)


@step("session", by="examiner", of="open", to="seated")
def seat_all(t: Try) -> None:
    people = _candidates(t)
    t.require(somebody_has_entered=bool(people), seats_for_all=len(people) <= sum(t.case.rooms.values()))
    t.read()
    waiting = [one for one in people if one.state == "entered"]
    for one in waiting:
        t.world.then("certification", one.reference, "seat")
    if not waiting:
        t.world.then("session", t.case.reference, "list_doors")


@step("session", by="examiner system", of="seated")
def list_doors(t: Try) -> None:
    t.require(everybody_is_seated=not _candidates(t, "entered"))
    t.read()


@step("session", by="examiner", of="seated", to="held")
def hold(t: Try) -> None:
    t.require(session_day_reached=t.day >= t.case.held_on, everybody_is_seated=not _candidates(t, "entered"))
    t.read()


@step("session", by="examiner", of="held", to="scored")
def score_all(t: Try) -> None:
    t.require(all_candidates_scored=not _candidates(t, "seated", "sat"))
    t.read()


@step("session", by="examiner", of="scored", to="published")
def publish(t: Try) -> None:
    t.read()
    t.case.published_on = t.day
    for one in _candidates(t, "passed", "failed", "certified"):
        t.world.then("certification", one.reference, "announce_scores")


@step("session", by="examiner", of="planned open seated", to="cancelled")
def cancel(t: Try) -> None:
    t.read(cancellation="choice CALL_OFF")
    for one in _candidates(t):
        t.world.then("certification", one.reference, "leave_session")
