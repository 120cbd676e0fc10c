"""What a field may be filled with, where the catalogue or other records know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from edu_pilot import clock, i18n
from edu_pilot.services import intakes, presenting, search
from edu_pilot.services.cases import Case
from edu_pilot.services.search import LIMIT, Wanted
from edu_pilot.web.words import Words, amount
from edu_pilot.workflow.definition import Action
from edu_pilot.workflow.registry import Actor

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """Who fills in which form about which record; a new one has none."""

    conn: Connection
    actor: Actor
    words: Words
    case: Case | None = None


def options_of(workflow: str, action: Action, asked: Asked) -> dict[str, Pairs]:
    """Return the choices of an action's fields that its file does not list."""
    return {n.name: _KNOWN[workflow, n.name](asked) for n in action.needs if (workflow, n.name) in _KNOWN}


def _table(name: str) -> Callable[[Asked], Pairs]:
    return lambda asked: [
        (row["code"], asked.words.row(name, row["code"])) for row in asked.words.compiled.policy.table(name)
    ]


def counties(asked: Asked) -> Pairs:
    """Return the counties an actor works for."""
    return [(code, text) for code, text in _table("counties")(asked) if asked.actor.county in (None, code)]


def points(asked: Asked) -> Pairs:
    """Return the teaching points of the counties an actor works for."""
    rows = asked.words.compiled.policy.table("points")
    own = {row["code"] for row in rows if asked.actor.county in (None, row["county"])}
    return [(code, text) for code, text in _table("points")(asked) if code in own]


def _levels(asked: Asked) -> Pairs:
    return [(level["code"], asked.words.level(level["code"])) for level in asked.words.compiled.policy.get("levels")]


def _exam_levels(asked: Asked) -> Pairs:
    """The codes of every kind of certificate, each with what it means there."""
    kinds = asked.words.compiled.policy.get("certification.level_names")
    codes = sorted({code for names in kinds.values() for code in names}, reverse=True)
    meant = {
        code: dict.fromkeys(asked.words.exam_level(kind, code) for kind in kinds if code in kinds[kind])
        for code in codes
    }
    return [(code, f"{code} {' / '.join(meant[code])}") for code in codes]


def _courses(asked: Asked) -> Pairs:
    column = "course" if i18n.language() == "zh" else "course_en"
    plan = asked.words.compiled.policy.tables.get(f"plans/{asked.case.major}" if asked.case else "", ())
    return [(row["code"], f"{row['code']} {row[column]}") for row in plan]


def _sessions(asked: Asked) -> Pairs:
    return _sessions_of(asked, "open")


def _new_sessions(asked: Asked) -> Pairs:
    return _sessions_of(asked, "open") + _sessions_of(asked, "seated")


def _sessions_of(asked: Asked, state: str) -> Pairs:
    found, _more = search.find(asked.conn, "session", asked.actor, Wanted(state=state, limit=LIMIT))
    if not found:
        # A clerk sees the county's records only, and sessions have no county: the number is typed.
        return []
    return [(c.reference, f"{c.reference} {asked.words.row('occupations', c.occupation)} {c.held_on}") for c in found]


def _intakes(asked: Asked) -> Pairs:
    return [(intake, intake) for intake in intakes.open_on(asked.words.compiled.policy, clock.today())]


def _claims(asked: Asked) -> Pairs:
    found = search.payable(asked.conn, asked.actor)
    policy = asked.words.compiled.policy
    told = [(case.reference, presenting.facts(case, policy, asked.actor, policy)) for case in found]
    return [(reference, f"{reference} {facts['name']} {amount(facts['payable_fen'])}") for reference, facts in told]


def _payments(asked: Asked) -> Pairs:
    """The lines of the batch, each to be given its result."""
    items = asked.case.items if asked.case else ()
    return [(item.number, f"{item.number} {item.name} {amount(item.amount_fen)}") for item in items]


_KNOWN: Mapping[tuple[str, str], Callable[[Asked], Pairs]] = {
    ("application", "intake"): _intakes,
    ("application", "county"): counties,
    ("application", "new_county"): _table("counties"),
    ("application", "point"): points,
    ("application", "new_point"): _table("points"),
    ("application", "major"): _table("majors"),
    ("application", "offered_major"): _table("majors"),
    ("application", "occupation"): _table("occupations"),
    ("application", "new_intake"): _intakes,
    ("application", "level"): _levels,
    ("study", "course"): _courses,
    ("certification", "session"): _sessions,
    ("certification", "new_session"): _new_sessions,
    ("session", "occupation"): _table("occupations"),
    ("session", "level"): _exam_levels,
    ("payment", "claims"): _claims,
    ("payment", "results"): _payments,
}
