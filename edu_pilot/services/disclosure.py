"""Which personal facts a role sees, masked or whole: one table for page, API, command line, lists and history (R2.9).

The table is `disclosure` in policies.yaml, read from the version in force: a promise of the past hides no better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edu_pilot.services.wording import masked_id, masked_phone
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor


def masked_day(day: Any) -> str:
    """Return a date with its year alone: beside a masked ID number the whole birth date would fill the gap."""
    return f"{str(day)[:4]}-**-**"


def masked_account(number: str) -> str:
    """Return the last four of an account number."""
    return f"****{number[-4:]}"


# What stands here is never shown whole on a page, in an answer or in a list, whatever a policy says:
# that takes a look-up of its own, which is logged.
MASKS: Mapping[str, Callable[[Any], str]] = {
    "id_number": masked_id,
    "new_id_number": masked_id,
    "phone": masked_phone,
    "birth_on": masked_day,
    "id_card_until": masked_day,
    "account_number": masked_account,
    "new_account_number": masked_account,
}


def disclosed(facts: Mapping[str, Any], actor: Actor, policy: Policy, personal: frozenset[str] = frozenset()) -> Any:
    """Return facts as an actor sees them; `personal` are names that stay hidden unless the table lists them."""
    classes = _classes(policy)
    return {name: _seen(name, value, actor, classes.get(name), name in personal) for name, value in facts.items()}


def _classes(policy: Policy) -> dict[str, Mapping[str, Any]]:
    """Return the entry of the table for each name; a version from before the table knows none."""
    return {name: entry for entry in policy.find("disclosure", ()) for name in entry["facts"]}


def _seen(name: str, value: Any, actor: Actor, entry: Mapping[str, Any] | None, personal: bool) -> Any:
    if value is None or value == "":
        return None
    if entry is None:
        # Without a line in the table a number is masked for everybody, and any other personal entry hidden.
        return MASKS[name](value) if name in MASKS else _nothing(value) if personal else value
    if not actor.roles & {*entry.get("full", ()), *entry.get("masked", ())}:
        return _nothing(value)
    return MASKS[name](value) if name in MASKS else value


def _nothing(value: Any) -> Any:
    """Return what stands for a hidden value: as a list a list, so that nobody trips over it."""
    return [] if isinstance(value, list) else None
