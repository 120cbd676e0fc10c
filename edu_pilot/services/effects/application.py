"""What steps of an application write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edu_pilot.models import LiveCase, Person, Quota, Study
from edu_pilot.models.base import new_id
from edu_pilot.rules.calendar import working_days_after, years_without_holidays
from edu_pilot.rules.identity import birth_of, normalise_id, normalise_name, normalise_phone, sex_of
from edu_pilot.rules.lookups import county_code, level_code, major_code, occupation_code, point_code, suited_occupations
from edu_pilot.rules.people import sex_code
from edu_pilot.services import numbers
from edu_pilot.services.facts.people import holder_of, humans
from edu_pilot.services.names import name_keys
from edu_pilot.services.unit import Change, LostRace
from edu_pilot.workflow.registry import effect

PERSON = Person.__table__
LIVE = LiveCase.__table__
QUOTA = Quota.__table__
STUDY = Study.__table__
QUERY_CODE_LENGTH = 12
# R3.4: what is offered is meant for the major chosen and the point of that day.
NO_OFFER = {"offered_major": None, "offer_until": None}
PLAIN = ("previous_school", "previous_diploma", "employer", "job", "birth_on")


@effect
def enter_application(change: Change) -> None:
    """R3.1: a draft takes what was typed, put into the catalogue's codes where they are known."""
    given = dict(change.input)
    change.values |= {"place": "none", "intake": given["intake"]}
    change.values["county"] = change.attempt.actor.county
    _write_name(change, given["name"])
    _write(change, given)


@effect
def amend_application(change: Change) -> None:
    """R3.3: the answer to a return for correction replaces only what is given anew."""
    given = dict(change.input)
    if "new_name" in given:
        _write_name(change, given["new_name"])
    # R2.3: what was read from the number before does not outlive it.
    if "id_number" in given and normalise_id(given["id_number"]) != change.case.id_number:
        change.values |= {"sex": None, "birth_on": None}
    if given.get("new_intake"):
        change.values["intake"] = given["new_intake"]
    _write(change, given)
    if change.values.get("major", change.case.major) != change.case.major:
        change.values |= NO_OFFER


def _write_name(change: Change, text: str) -> None:
    name, _ = normalise_name(text)
    change.values |= {"name": name, "name_keys": name_keys(name)}


def _write(change: Change, given: dict[str, Any]) -> None:
    policy = change.attempt.policy
    change.values |= {name: given[name] for name in PLAIN if name in given}
    if "county" in given:
        change.values["county"] = county_code(policy, given["county"])
    if "point" in given:
        county = change.values.get("county") or change.case.county
        change.values["point"] = point_code(policy, given["point"], county) or given["point"]
    if "level" in given:
        change.values["level"] = level_code(policy, given["level"]) or given["level"]
    if "major" in given:
        change.values["major"] = major_code(policy, given["major"]) or given["major"]
    if "occupation" in given:
        change.values["occupation"] = occupation_code(policy, given["occupation"]) or given["occupation"]
    if "sex" in given:
        change.values["sex"] = sex_code(given["sex"])
    if "union_member" in given:
        change.values["union_member"] = given["union_member"] == "yes"
    _write_sealed(change, given)


def _write_sealed(change: Change, given: dict[str, Any]) -> None:
    if "id_number" in given:
        number = normalise_id(given["id_number"])
        change.seal("id_number", number)
        change.values["id_index"] = change.unit.vault.index("id_number", number)
    if "phone" in given:
        phone, _ = normalise_phone(given["phone"])
        change.seal("phone", phone)
        change.values["phone_index"] = change.unit.vault.index("phone", phone)


@effect
def enter_person(change: Change) -> None:
    """R2.1, R2.2: the person behind the number is found or entered; name and phone are the newest given."""
    case, vault = change.case, change.unit.vault
    known = holder_of(change.conn, case.id_index)
    row = known or new_id()
    values = {
        "name": case.name,
        "name_keys": case.name_keys,
        "phone": vault.seal("person.phone", row, case.phone),
        "phone_index": case.phone_index,
    }
    if known:
        change.conn.execute(PERSON.update().where(PERSON.c.id == row).values(values))
    else:
        change.conn.execute(PERSON.insert().values(values | _identity(change, row)))
    change.values |= {"person_id": row, "sex": sex_of(case.id_number), "birth_on": birth_of(case.id_number)}
    if known:
        _take_newest_number(change, row)


def _take_newest_number(change: Change, person_id: str) -> None:
    """R3.10: who writes a number that was corrected since is entered under the corrected one."""
    person = humans(change.conn, {person_id})[person_id]
    if person.key != change.case.id_index:
        change.seal("id_number", person.id_number)
        change.values |= {"id_index": person.key, "sex": person.sex, "birth_on": person.birth_on}


def _identity(change: Change, row: str) -> dict[str, Any]:
    case = change.case
    return {
        "id": row,
        "id_number": change.unit.vault.seal("person.id_number", row, case.id_number),
        "id_index": case.id_index,
        "sex": sex_of(case.id_number),
        "birth_on": birth_of(case.id_number),
    }


@effect
def hold_live_case(change: Change) -> None:
    """R2.8: one live case per person and level; the primary key lets one of two clerks win."""
    case = change.case
    values = {"id_index": change.now_value("id_index"), "level": case.level, "point": case.point}
    # A correction may have changed the person or the level: the case moves with it and keeps its day.
    if change.conn.execute(LIVE.update().where(LIVE.c.application_id == case.id).values(values)).rowcount:
        return
    row = values | {"application_id": case.id, "since_on": change.unit.today}
    change.conn.execute(LIVE.insert().values(row))


@effect
def release_live_case(change: Change) -> None:
    """R2.8: the person may register again."""
    change.conn.execute(LIVE.delete().where(LIVE.c.application_id == change.case.id))


@effect
def give_query_code(change: Change) -> None:
    """The code on the slip and the registration form with which the applicant asks for the status."""
    if change.case.query_index:
        return
    code = change.unit.vault.code("query", change.reference, QUERY_CODE_LENGTH)
    change.seal("query_code", code)
    change.values["query_index"] = change.unit.vault.index("query_code", code)


@effect
def renew_query_code(change: Change) -> None:
    """Another code in the place of a lost one, which opens nothing from now on."""
    code = change.unit.vault.code("query", f"{change.reference} {change.case.version}", QUERY_CODE_LENGTH)
    change.seal("query_code", code)
    change.values["query_index"] = change.unit.vault.index("query_code", code)


@effect
def join_queue(change: Change) -> None:
    """R3.3: the place in the queue; kept when a return is answered in time, else given back and drawn anew."""
    case = change.case
    change.values["registered_on"] = change.unit.today
    late = case.answer_until is not None and change.unit.today > case.answer_until
    if case.queue_number is None or late:
        change.values["queue_number"] = numbers.draw(change.conn, f"queue{case.intake[:2]}")[0]
    if late:
        release_place(change)
    change.values["answer_until"] = None


@effect
def set_answer_date(change: Change) -> None:
    """R3.3: answered by this day the place in the queue stays."""
    policy, today = change.attempt.policy, change.unit.today
    until = working_days_after(policy, today, policy.get("correction.working_days"))
    change.values["answer_until"] = until
    if unknown := years_without_holidays(policy, today, until):
        change.note["years_without_holidays"] = unknown


def _quota(change: Change, moves: Mapping[str, int], *, free: bool = False) -> bool:
    """Move places of the intake's year in one conditional UPDATE; False if none is left to move."""
    query = QUOTA.update().where(QUOTA.c.year == f"20{change.case.intake[:2]}")
    if free:
        query = query.where(QUOTA.c.reserved + QUOTA.c.used < QUOTA.c.places)
    values = {name: QUOTA.c[name] + by for name, by in moves.items()}
    return bool(change.conn.execute(query.values(values)).rowcount)


@effect
def reserve_place(change: Change) -> None:
    """R1.4: a place is reserved at verification while one is left that nobody waits for."""
    holds_one = change.case.place in ("reserved", "used")
    if not holds_one and not change.case.waiting_ahead and _quota(change, {"reserved": 1}, free=True):
        change.values["place"] = "reserved"


@effect
def use_place(change: Change) -> None:
    """R1.4: admission uses the reserved place, or takes a free one; of two for the last one gets it."""
    if change.to_state != "admitted":
        return
    if change.case.place == "reserved":
        _quota(change, {"reserved": -1, "used": 1})
    elif not _quota(change, {"used": 1}, free=True):
        raise LostRace
    change.values["place"] = "used"


@effect
def release_place(change: Change) -> None:
    """R1.4: the place is given back and moves the first of the waiting list up."""
    place = change.case.place
    if place not in ("reserved", "used"):
        return
    _quota(change, {place: -1})
    change.values["place"] = "released"
    change.then("admit", workflow="application", find="first_waiting", year=change.case.intake[:2])


@effect
def pin_version(change: Change) -> None:
    """R1.6: a status that is taken over goes by the version in force on that day, as a registration does."""
    change.values |= {"policy_version_id": change.version.id, "pinned": True}


@effect
def hand_over_status(change: Change) -> None:
    """R3.5: the opened study takes over the number and the day the status already has."""
    number, day = change.input["student_number"], change.input["confirmed_on"]
    change.values["registered_on"] = day
    given = {"student_number": number, "confirmed_on": day.isoformat()}
    change.then("take_over", workflow="study", reference=change.note["study"], **given)


@effect
def open_study(change: Change) -> None:
    """R3.5: admission opens the school status, under the application's policy version."""
    if change.to_state != "admitted":
        return
    columns = ("person_id", "county", "point", "intake", "level", "major")
    given = {name: change.now_value(name) for name in columns}
    change.note["study"] = change.child("study", {**given, "application_id": change.record_id})


@effect
def plan_certification(change: Change) -> None:
    """R4.2: the second certificate asked for at registration, else the first that suits the major."""
    if change.to_state != "admitted":
        return
    case, policy = change.case, change.attempt.policy
    suited = suited_occupations(policy, case.major)
    occupation = policy.row("occupations", case.occupation or (suited[0] if suited else None))
    if occupation is None:
        return
    given = {
        "person_id": change.now_value("person_id"),
        "county": case.county,
        "intake": case.intake,
        "study": change.note["study"],
        "occupation": occupation["code"],
        "kind": occupation["kind"],
        "level": occupation["levels"].split()[0],
    }
    change.child("certification", given)


@effect
def close_study(change: Change) -> None:
    """R1.4: withdrawing before the student number is drawn withdraws the opened study too."""
    study = change.case.study_reference
    if study:
        change.then("withdraw", workflow="study", reference=study, withdrawal=change.input["withdrawal"])


@effect
def move_county(change: Change) -> None:
    """R1.4: the case moves on in another county; its place in the queue stays, an offer of the old point does not."""
    county = county_code(change.attempt.policy, change.input["new_county"])
    point = point_code(change.attempt.policy, change.input["new_point"], county)
    change.values |= {"county": county, "point": point, **NO_OFFER}
    change.conn.execute(LIVE.update().where(LIVE.c.application_id == change.record_id).values(point=point))


@effect
def note_offer(change: Change) -> None:
    """R3.4: the major offered instead, and the day until which the applicant may take it."""
    policy, today = change.attempt.policy, change.unit.today
    until = working_days_after(policy, today, policy.get("classes.offer_working_days"))
    change.values |= {"offered_major": major_code(policy, change.input["offered_major"]), "offer_until": until}
    if unknown := years_without_holidays(policy, today, until):
        change.note["years_without_holidays"] = unknown


@effect
def take_offered_major(change: Change) -> None:
    """R3.4: the case goes on in the other major; a certificate that does not suit it is asked for anew."""
    case, major = change.case, change.case.offered_major
    change.values |= {"major": major, **NO_OFFER}
    # Nothing was typed; the trail names the major, so that past figures can be told from it.
    change.note["new_major"] = major
    if case.occupation not in suited_occupations(change.attempt.policy, major):
        change.values["occupation"] = None
