"""What people write for a county, point, major or level, as the code of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from edu_pilot.rules.identity import half_width, without_blanks
from edu_pilot.workflow.policy import Policy, Row


def county_code(policy: Policy, text: str | None) -> str | None:
    """R1.3: the county of a code, a former code, a name or another name; None if there is none."""
    rows = policy.table("counties")
    for column in ("code", "name_zh", "aliases", "former_codes"):
        if code := _code(rows, column, text):
            return code
    return None


def point_code(policy: Policy, text: str | None, county: str | None = None) -> str | None:
    """R1.3: the teaching point of a code or name, within the county where one is given."""
    rows = [row for row in policy.table("points") if county in (None, row["county"])]
    return _code(rows, "code", text) or _code(rows, "name_zh", text)


def major_code(policy: Policy, text: str | None) -> str | None:
    """R1.2: the major of a code or name, whether or not it is open."""
    rows = policy.table("majors")
    return _code(rows, "code", text) or _code(rows, "name_zh", text)


def occupation_code(policy: Policy, text: str | None) -> str | None:
    """R4.2: the occupation of a code or name."""
    rows = policy.table("occupations")
    return _code(rows, "code", text) or _code(rows, "name_zh", text)


def named(table: str, code: str) -> dict[str, str]:
    """Return a row of the catalogue as the facts of a reason: its name, to be spelt out, and its code."""
    return {"named": f"table:{table}:{code}", "number": code}


def suited_occupations(policy: Policy, major: str | None) -> list[str]:
    """R4.2: the second certificates that suit a major, the usual one first."""
    row = policy.row("majors", major)
    return row["second_certificates"].split() if row else []


def offered_at(policy: Policy, point: str | None, major: str) -> bool:
    """R3.4: whether a teaching point offers a major; one that lists none offers them all."""
    majors = (policy.row("points", point) or {}).get("majors") or ""
    return not majors or major in majors.split()


def majors_at(policy: Policy, point: str | None, intake: str) -> list[str]:
    """R1.2, R3.4: the majors that take an intake at a teaching point."""
    return [
        row["code"] for row in policy.table("majors") if takes(row, intake) and offered_at(policy, point, row["code"])
    ]


def points_with(policy: Policy, county: str | None, major: str, intake: str) -> list[str]:
    """R3.4: the teaching points of a county that take the intake and offer a major."""
    rows = [row for row in policy.table("points") if row["county"] == county and takes(row, intake)]
    return [row["code"] for row in rows if offered_at(policy, row["code"], major)]


def holds_the_level(policy: Policy, text: str | None) -> bool:
    """R3.2: whether the previous diploma is of the programme's level already, or higher."""
    return _tidy(text) in map(_tidy, policy.find("diplomas_of_the_level", ()))


def level_code(policy: Policy, text: str | None) -> str | None:
    """R3.2: the level of a code, a name or another name."""
    wanted = _tidy(text)
    for level in policy.get("levels"):
        if wanted in map(_tidy, (level["code"], level["name"]["zh"], *level.get("aliases", ()))):
            return str(level["code"])
    return None


def diploma_qualifies(policy: Policy, text: str | None) -> bool:
    """R3.2: whether the previous diploma is of high school or secondary vocational at least."""
    return _tidy(text) in map(_tidy, policy.get("diplomas_enough"))


def takes(row: Row, intake: str) -> bool:
    """Return whether a major or point takes new applicants of the intake."""
    return row["from_intake"] <= intake and (not row["to_intake"] or intake <= row["to_intake"])


def known_regions(policy: Policy) -> frozenset[str]:
    """R2.1: every six-digit code of any edition of GB/T 2260; build it once for many numbers."""
    return frozenset(row["code"] for row in policy.table("regions"))


def _code(rows: Iterable[Row], column: str, text: str | None) -> str | None:
    """Return the code of the first row whose column, blank-separated, holds the text."""
    wanted = _tidy(text)
    matches = (row["code"] for row in rows if wanted in map(_tidy, row[column].split()))
    return next(matches, None) if wanted else None


def _tidy(text: str | None) -> str:
    return half_width(without_blanks(text or "")).lower()
