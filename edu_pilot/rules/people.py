"""Who may register: identity, place and choice of an applicant, each fault with its own code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from edu_pilot.rules.calendar import intake_is_known, registration_day
from edu_pilot.rules.identity import (
    age_on,
    birth_of,
    id_faults,
    id_is_well_formed,
    name_fault,
    normalise_id,
    normalise_name,
    normalise_phone,
    phone_fault,
    private_characters,
    sex_of,
)
from edu_pilot.rules.lookups import (
    county_code,
    diploma_qualifies,
    level_code,
    major_code,
    majors_at,
    offered_at,
    point_code,
    points_with,
    takes,
)
from edu_pilot.workflow.policy import Row
from edu_pilot.workflow.reasons import N_, Blocked, Fact, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule

TEXTS = {
    "name_missing": N_("Enter the name."),
    "name_format": N_(
        "A name has 2 to 50 Chinese characters, with · between its parts and nothing else; "
        "write it as it stands on the ID card."
    ),
    "id_number_missing": N_("Enter the ID number."),
    "id_number_format": N_(
        "An ID number has 17 digits and a digit or X, or the 15 digits of an old card; "
        "here stand %(length)s characters. Write it anew from the card."
    ),
    "id_number_checksum": N_(
        "The last character of the ID number (%(last)s) does not fit the others: one of the 18 is wrong. "
        "Compare them all with the card."
    ),
    "id_number_date": N_(
        "Characters 7 to 14 of the ID number are a birth date that does not exist or has not come yet; "
        "compare them with the card."
    ),
    "phone_missing": N_("Enter the mobile number."),
    "phone_format": N_(
        "A mobile number has 11 digits and begins with 13 to 19; here stand %(length)s characters. "
        "Ask the applicant for the number."
    ),
}
PRIVATE_NAME = N_(
    "The name holds characters of private use (%(characters)s): every computer draws another character for them. "
    "Type them anew from the ID card with an input method for rare characters."
)
MALE_NUMBER = N_(
    "The ID number belongs to a man, but the sex entered differs; compare with the card and correct the wrong one."
)
FEMALE_NUMBER = N_(
    "The ID number belongs to a woman, but the sex entered differs; compare with the card and correct the wrong one."
)
NO_DAY = N_("%(value)s is no date; write it as 2001-09-01, or leave it empty: the ID number holds it.")
OTHER_DAY = N_("The birth date is not the one in the ID number; compare both with the card.")
NO_COUNTY = N_("Enter the county. There are: %(offered)s.")
OTHER_COUNTY = N_("%(value)s is no county of the programme; write one of these: %(offered)s.")
NO_POINT = N_("Enter the teaching point. This county has for the intake: %(offered)s.")
OTHER_POINT = N_(
    "%(value)s is no teaching point of this county that takes the intake; write one of these: %(offered)s."
)
NO_COUNTY_FOR_POINT = N_("Enter the county first: a teaching point is looked for in its county only.")
NO_LEVEL = N_("Enter the level. There are: %(offered)s.")
OTHER_LEVEL = N_("%(value)s is no level of the programme; write one of these: %(offered)s.")
NO_MAJOR = N_("Enter the major. Offered for the intake: %(offered)s.")
OTHER_MAJOR = N_("%(value)s is no major of the programme; offered for the intake: %(offered)s.")
NO_DIPLOMA = N_("Enter the previous diploma, such as: %(offered)s.")
OTHER_DIPLOMA = N_(
    "%(value)s is not known as a diploma of high school or secondary vocational level. Who holds one writes it "
    "such as: %(offered)s; who holds none cannot sign up."
)
# Ways to write a previous diploma that a sentence has room for.
DIPLOMAS_NAMED = 8
CLOSED = N_("%(major)s (%(number)s) takes no applicants of this intake. This teaching point takes: %(majors)s.")
CLOSED_AS_ALL = N_("%(major)s (%(number)s) takes no applicants of this intake; choose another major or another intake.")
ELSEWHERE = N_("%(point)s does not take %(major)s (%(number)s); in this county it is taken at: %(points)s.")
OTHERS_HERE = N_("%(point)s does not take %(major)s (%(number)s); it takes: %(majors)s.")

_SEXES = {
    "male": "male",
    "男": "male",
    "m": "male",
    "female": "female",
    "女": "female",
    "f": "female",
}


def sex_code(text: str | None) -> str | None:
    """R2.3: male or female for what is written, '' for nothing, None for anything else."""
    tidy = (text or "").strip().lower()
    return _SEXES.get(tidy.removesuffix("性")) if tidy else ""


@rule
def name_is_given_and_well_formed(attempt: Attempt) -> Blocked:
    """R2.4: the name is given and is written in Han characters (name_missing, name_format)."""
    name, _ = normalise_name(attempt.record.name or "")
    if private := private_characters(name):
        return blocked(PRIVATE_NAME, code="name_format", field="name", who="clerk", characters=private)
    return _fault(name_fault(name), "name")


@rule
def id_number_is_sound(attempt: Attempt) -> Blocked:
    """R2.1: the ID number has its form, else check digit and date are both judged."""
    number = normalise_id(attempt.record.id_number or "")
    if not number:
        return _fault("id_number_missing", "id_number")
    faults = id_faults(number, attempt.today)
    return [reason for code in faults if (reason := _fault(code, "id_number", **facts_of_number(code, number)))]


def facts_of_number(fault: str, number: str) -> dict[str, Fact]:
    """Return what the text of a fault of an ID number says of the number."""
    told: dict[str, dict[str, Fact]] = {
        "id_number_format": {"length": len(number)},
        "id_number_checksum": {"last": number[-1:]},
    }
    return told.get(fault, {})


@rule
def sex_matches_number(attempt: Attempt) -> Blocked:
    """R2.3: the sex entered is the one in the number; an empty one follows (sex_mismatch)."""
    number = _well_formed(attempt)
    if not number or sex_code(attempt.record.sex) in ("", sex_of(number)):
        return None
    text = MALE_NUMBER if sex_of(number) == "male" else FEMALE_NUMBER
    return blocked(text, code="sex_mismatch", field="sex", who="clerk")


@rule
def birth_matches_number(attempt: Attempt) -> Blocked:
    """R2.3: the birth date entered is the one in the number (birth_mismatch)."""
    number, born = _well_formed(attempt), attempt.record.birth_on
    if not number or not born or _digits(born) == number[6:14]:
        return None
    if isinstance(born, str) and not re.fullmatch("[0-9]{8}", _digits(born)):
        return blocked(NO_DAY, code="birth_mismatch", field="birth_on", who="clerk", value=born)
    return blocked(OTHER_DAY, code="birth_mismatch", field="birth_on", who="clerk")


@rule
def age_in_range(attempt: Attempt) -> Blocked:
    """R2.6: the age on the first day of the registration month is in range (age_out_of_range)."""
    birth = _sound_birth(attempt)
    if birth is None or not intake_is_known(attempt.policy, attempt.record.intake):
        return None
    day = registration_day(attempt.record.intake)
    ages = attempt.policy.get("ages")
    age = age_on(birth, day)
    return None if ages["min"] <= age <= ages["max"] else _out_of_range(age, ages, day)


@rule
def phone_is_sound(attempt: Attempt) -> Blocked:
    """R2.5: a mobile number is given in its form (phone_missing, phone_format)."""
    phone, _ = normalise_phone(attempt.record.phone or "")
    fault = phone_fault(phone)
    return _fault(fault, "phone", **({"length": len(phone)} if fault == "phone_format" else {}))


@rule
def county_is_known(attempt: Attempt) -> Blocked:
    """R1.3: the county is a unit of the programme (county_unknown)."""
    return _known_county(attempt, attempt.record.county)


@rule(on_input=True)
def draft_county_is_known(attempt: Attempt) -> Blocked:
    """R1.3: a county that is typed into a draft is a unit of the programme (county_unknown)."""
    text = attempt.input.get("county")
    return _known_county(attempt, text) if text else None


def _known_county(attempt: Attempt, text: str | None) -> Blocked:
    if county_code(attempt.policy, text):
        return None
    counties = _rows("counties", [row["code"] for row in attempt.policy.table("counties")])
    return _unknown("county_unknown", "county", text, NO_COUNTY, OTHER_COUNTY, counties)


@rule
def county_is_mine(attempt: Attempt) -> Blocked:
    """R6.3: one who works for a county registers for that county only (county_not_yours)."""
    return _my_county(attempt, attempt.record.county)


@rule(on_input=True)
def draft_is_for_my_county(attempt: Attempt) -> Blocked:
    """R6.3: one who works for a county enters drafts for that county only (county_not_yours)."""
    return _my_county(attempt, attempt.input.get("county"))


def _my_county(attempt: Attempt, text: str | None) -> Blocked:
    county = county_code(attempt.policy, text)
    if not county or attempt.actor.county in (None, county):
        return None
    return blocked(
        N_("You work for %(own)s; the clerk of %(county)s registers this applicant. Leave the row out of a list."),
        code="county_not_yours",
        field="county",
        who="clerk",
        own=_rows("counties", [attempt.actor.county or ""]),
        county=_rows("counties", [county]),
    )


@rule
def point_is_known(attempt: Attempt) -> Blocked:
    """R3.2: the teaching point is one of the county and takes the intake (point_unknown)."""
    text = attempt.record.point
    county = county_code(attempt.policy, attempt.record.county)
    row = attempt.policy.row("points", point_code(attempt.policy, text, county))
    if row and _takes(attempt, row):
        return None
    if county is None:
        return blocked(NO_COUNTY_FOR_POINT, code="point_unknown", field="point", who="clerk")
    points = [r["code"] for r in attempt.policy.table("points") if r["county"] == county and _takes(attempt, r)]
    return _unknown("point_unknown", "point", text, NO_POINT, OTHER_POINT, _rows("points", points))


@rule
def level_is_known(attempt: Attempt) -> Blocked:
    """R3.2: the level is one the programme offers (level_unknown)."""
    text = attempt.record.level
    if level_code(attempt.policy, text):
        return None
    names = [level["name"] for level in attempt.policy.get("levels")]
    offered = f"need:{'、'.join(name['zh'] for name in names)}|{', '.join(name['en'] for name in names)}"
    return _unknown("level_unknown", "level", text, NO_LEVEL, OTHER_LEVEL, offered)


@rule
def major_is_open(attempt: Attempt) -> Blocked:
    """R1.2, R3.4: the major takes the intake at the point (major_unknown, major_not_open)."""
    text = attempt.record.major
    major = attempt.policy.row("majors", major_code(attempt.policy, text))
    if major is None:
        return _unknown("major_unknown", "major", text, NO_MAJOR, OTHER_MAJOR, _rows("majors", _offered(attempt)))
    if not _takes(attempt, major):
        return _closed(attempt, major["code"])
    return None if _offered_at_point(attempt, major["code"]) else _not_offered(attempt, major["code"])


@rule
def diploma_is_enough(attempt: Attempt) -> Blocked:
    """R3.2: high school or secondary vocational at least (previous_diploma_too_low)."""
    text = attempt.record.previous_diploma
    if diploma_qualifies(attempt.policy, text):
        return None
    known = "、".join(attempt.policy.get("diplomas_enough")[:DIPLOMAS_NAMED])
    return _unknown("previous_diploma_too_low", "previous_diploma", text, NO_DIPLOMA, OTHER_DIPLOMA, known)


@rule
def not_already_registered(attempt: Attempt) -> Blocked:
    """R2.8: one person has one live case per level (already_registered)."""
    other = attempt.record.person_elsewhere
    if other is None:
        return None
    return blocked(
        N_("already registered at %(point)s since %(since)s"),
        code="already_registered",
        field="id_number",
        who="clerk",
        point=other.point_name,
        since=other.since.isoformat(),
    )


def _fault(code: str | None, field: str, **told: Fact) -> Reason | None:
    return blocked(TEXTS[code], code=code, field=field, who="clerk", **told) if code else None


def _unknown(code: str, field: str, text: str | None, no_data: str, no_match: str, offered: str) -> Reason:
    """Say no data apart from no match, and what can be written."""
    if not (text or "").strip():
        return blocked(no_data, code=code, field=field, who="clerk", offered=offered)
    return blocked(no_match, code=code, field=field, who="clerk", value=text, offered=offered)


def _out_of_range(age: int, ages: dict[str, int], day: date) -> Reason:
    return blocked(
        N_(
            "The age is %(age)s on %(day)s; the programme takes ages %(min)s to %(max)s. "
            "Compare the ID number with the card; if it is right, the person cannot sign up for this intake."
        ),
        code="age_out_of_range",
        field="id_number",
        age=age,
        day=day.isoformat(),
        min=ages["min"],
        max=ages["max"],
    )


def _well_formed(attempt: Attempt) -> str | None:
    number = normalise_id(attempt.record.id_number or "")
    return number if id_is_well_formed(number) else None


def _sound_birth(attempt: Attempt) -> date | None:
    """A day that has not come yet is no real birth date, so no age follows from it."""
    number = _well_formed(attempt)
    birth = birth_of(number) if number else None
    return birth if birth and birth <= attempt.today else None


def _digits(born: date | str) -> str:
    return (born.isoformat() if isinstance(born, date) else born).replace("-", "").strip()


def _takes(attempt: Attempt, row: Row) -> bool:
    """An unknown intake is its own fault, so nothing is closed for it."""
    intake = attempt.record.intake
    return not intake_is_known(attempt.policy, intake) or takes(row, intake)


def _offered(attempt: Attempt) -> list[str]:
    """Return the majors that take the intake at the point, or anywhere while the point is unknown."""
    intake = attempt.record.intake
    if not intake_is_known(attempt.policy, intake):
        return [row["code"] for row in attempt.policy.table("majors")]
    return majors_at(attempt.policy, _point(attempt), intake)


def _offered_at_point(attempt: Attempt, major: str) -> bool:
    """An unknown point is its own fault."""
    return offered_at(attempt.policy, _point(attempt), major)


def _point(attempt: Attempt) -> str | None:
    return point_code(attempt.policy, attempt.record.point, county_code(attempt.policy, attempt.record.county))


def _closed(attempt: Attempt, major: str) -> Reason:
    """Name the majors that can be chosen instead, where the point has any."""
    others = majors_at(attempt.policy, _point(attempt), attempt.record.intake)
    if others:
        return _major_not_open(CLOSED, major, {"majors": _rows("majors", others)})
    return _major_not_open(CLOSED_AS_ALL, major, {})


def _not_offered(attempt: Attempt, major: str) -> Reason:
    """Name the points of the county that offer the major; where there is none, what this point offers."""
    intake = attempt.record.intake or ""
    point = _point(attempt) or ""
    points = points_with(attempt.policy, county_code(attempt.policy, attempt.record.county), major, intake)
    told = {"point": _rows("points", [point])}
    if points:
        return _major_not_open(ELSEWHERE, major, told | {"points": _rows("points", points)})
    others = _rows("majors", majors_at(attempt.policy, point, intake))
    return _major_not_open(OTHERS_HERE, major, told | {"majors": others})


def _major_not_open(text: str, major: str, told: Mapping[str, str]) -> Reason:
    named = {"major": _rows("majors", [major]), "number": major}
    return blocked(text, code="major_not_open", field="major", who="clerk", **named, **told)


def _rows(table: str, codes: Sequence[str]) -> str:
    """Return rows of the catalogue as a fact that is spelt out with their names."""
    return f"table:{table}:{','.join(codes)}"


@rule(on_input=True)
def what_is_wrong_is_named(attempt: Attempt) -> Blocked:
    """R3.2: whoever finds an error in the own data says where it is, and whoever finds none names none."""
    wrong, named = attempt.input.get("data_check") == "wrong", attempt.input.get("wrong_data") or []
    if wrong == bool(named):
        return None
    text = N_("Tick what is wrong.") if wrong else N_("You ticked something as wrong; choose that something is wrong.")
    return blocked(text, field="wrong_data", who="student")
