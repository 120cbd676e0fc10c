"""What lists of work share: the filters in the address, the lines as a reader may see them, what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import Connection

from edu_pilot.extensions import read
from edu_pilot.services import presenting, worklists
from edu_pilot.services.bulk import Outcome
from edu_pilot.services.cases import Case
from edu_pilot.services.worklists import Sought
from edu_pilot.web import access
from edu_pilot.web.forms import whole
from edu_pilot.web.records import Line

FILTERS = ("county", "intake", "major")
LAST_PAGE = 10_000


def sought(**more: Any) -> Sought:
    """Return the filters that stand in the address."""
    asked = {name: request.args.get(name, "").strip()[:16] or None for name in FILTERS}
    return Sought(**(asked | {"page": page_number()} | more))


def page_number() -> int:
    """Return the page asked for; the first for anything that is no number."""
    return max(1, min(whole(request.args.get("page", "")) or 1, LAST_PAGE))


def kept(wanted: Sought) -> dict[str, str]:
    """Return the filters as they go on into the addresses of a page."""
    return {name: value for name in FILTERS if (value := getattr(wanted, name))}


def lines(conn: Connection, found: Sequence[Case]) -> list[Line]:
    """Return records as a list shows them to who asks, each by its own version."""
    told = presenting.facts_of(conn, found, access.actor())
    return [Line(case, facts) for case, facts in zip(found, told, strict=True)]


def named() -> list[str]:
    """Return the references that were chosen on a page, or all that it lists where that was ticked."""
    form = request.form
    return form.getlist("listed" if form.get("all") else "chosen")


@dataclass(frozen=True)
class Told:
    """What became of many records, with the names of those that were skipped."""

    outcome: Outcome
    names: Mapping[str, str]


def told(workflow: str, outcome: Outcome) -> Told:
    """Add the names that who asked may see."""
    skipped = [result.reference for result in outcome.skipped]
    with read() as conn:
        found = worklists.chosen(conn, workflow, access.actor(), skipped[: worklists.MOST], still=True)
        names = {line.case.reference: line.facts.get("name") or "" for line in lines(conn, found)}
    return Told(outcome, names)
