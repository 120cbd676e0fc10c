"""The board as a paper: a statistical report of what its reader may see, drawn at once; it is no issued document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edu_pilot import clock, i18n
from edu_pilot.services import rendering
from edu_pilot.services.board import Board, Reached, Waiting
from edu_pilot.services.claim_contexts import county_of
from edu_pilot.services.contexts import common
from edu_pilot.services.policies import Version
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

KIND = "statistics_report"
Context = dict[str, Any]
# The tables of the catalogue that name a dimension; a year is its own name.
TABLES = {"county": "counties", "major": "majors"}
TITLES = {"county": ("分县（市、区）", "By county"), "major": ("分专业", "By major"), "year": ("分年度", "By year")}


def pdf(found: Board, version: Version, actor: Actor, lang: str) -> bytes:
    """Return the report in a language; nothing of it is kept. Raises RenderingRefused."""
    return rendering.render(KIND, context(found, version, actor) | {"lang": lang}, b"")


def context(found: Board, version: Version, actor: Actor) -> Context:
    """Return what the report says, in both languages: the board's figures and nothing else."""
    compiled = version.compiled
    return {
        **common(compiled.policy, clock.today(), version.number),
        "number": "",
        **_scope(compiled, actor),
        "made_by": actor.name,
        "target": 0 if actor.county else found.target,
        "stages": [_stage(reached, found) for reached in found.way],
        "tables": [_table(found, compiled, name) for name in TITLES if not (name == "county" and actor.county)],
        "places": [
            {"year": one.year, "places": one.places, "used": one.used, "reserved": one.reserved} for one in found.places
        ],
        "waiting": [_waiting(one, compiled) for one in found.waiting],
        "long_days": found.long_days,
    }


def _scope(compiled: Compiled, actor: Actor) -> Context:
    if not actor.county:
        return {"scope": "全市", "scope_en": "The whole city"}
    named = county_of(compiled.policy, actor.county)
    return {"scope": named["county"], "scope_en": named["county_en"]}


def _stage(reached: Reached, found: Board) -> Context:
    most = max(1, *(one.number for one in found.way))
    both = {"label_zh": i18n.translate(reached.stage.text, "zh"), "label_en": reached.stage.text}
    return {**both, "number": reached.number, "share": round(100 * reached.number / most)}


def _table(found: Board, compiled: Compiled, dimension: str) -> Context:
    lines = [_line(compiled, dimension, code, numbers) for code, numbers in found.rows(dimension)]
    return {"title_zh": TITLES[dimension][0], "title_en": TITLES[dimension][1], "lines": lines}


def _line(compiled: Compiled, dimension: str, code: str, numbers: Sequence[int]) -> Context:
    policy, table = compiled.policy, TABLES.get(dimension)
    names = (policy.label(table, code), policy.label(table, code, "en")) if table and code else (code or "—",) * 2
    return {"label_zh": names[0], "label_en": names[1], "numbers": list(numbers)}


def _waiting(one: Waiting, compiled: Compiled) -> Context:
    definition = compiled.definition(one.workflow)
    told: Context = {"number": one.number, "oldest_on": one.oldest_on.isoformat(), "long": one.long}
    for lang, between in (("zh", "、"), ("en", ", ")):
        told[f"matter_{lang}"] = definition.label.say(lang)
        told[f"state_{lang}"] = definition.states[one.state].label.say(lang)
        roles = (compiled.roles[name].label.say(lang) if name in compiled.roles else name for name in one.holders)
        told[f"holders_{lang}"] = between.join(roles)
    return told
