"""Whom people call: office and telephone of each role, from the policy in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edu_pilot import i18n
from edu_pilot.services.cases import Case
from edu_pilot.workflow.policy import Policy, Row

POINT, UNION = "clerk", "union_reviewer"


@dataclass(frozen=True)
class Contact:
    """An office and its telephone, which may be unknown."""

    office: str
    phone: str


def of(case: Case, role: str, policy: Policy, lang: str | None = None) -> Contact | None:
    """Return whom to call about a record; None for a role that answers no telephone."""
    lang = lang or i18n.language()
    if role == POINT:
        row = _point(case, policy)
        return Contact(row[f"name_{lang}"], row.get("phone", "")) if row else None
    if role == UNION:
        row = policy.row("counties", case.county)
        return Contact(row[f"union_{lang}"], row.get("union_phone", "")) if row else None
    # A version published before there were contacts names none.
    given: Mapping[str, Any] | None = policy.find(f"contacts.{role}")
    return Contact(given["office"][lang], given["phone"]) if given else None


def _point(case: Case, policy: Policy) -> Row | None:
    """Return the record's teaching point, or the county's first one where the record names none."""
    own = policy.row("points", case.row.get("point"))
    return own or next((row for row in policy.table("points") if row["county"] == case.county), None)
