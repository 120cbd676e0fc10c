"""The shipped policy and attempts under it, for tables of rules without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

import edu_pilot  # noqa: F401  (fills the registry with the shipped rules and effects)
from edu_pilot import paths
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor, Attempt, shipped
from edu_pilot.workflow.versions import compile_files, read_folder

COMPILED = compile_files(read_folder(paths.workflows()), shipped)
POLICY = COMPILED.policy
CLERK = Actor("1", "wang.fang", frozenset({"clerk"}), "371425", "key of wang fang")


def changed(path: str, value: Any) -> Policy:
    """Give the policy with one parameter changed."""

    def put(parameters: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        head, *rest = names
        return {**parameters, head: put(parameters[head], rest) if rest else value}

    return Policy(POLICY.number, POLICY.holds_from, put(POLICY.parameters, path.split(".")), POLICY.tables)


def attempt(
    record: Mapping[str, Any] | None = None, given: Mapping[str, Any] | None = None, *,
    actor: Actor = CLERK, today: date = date(2025, 3, 3), policy: Policy = POLICY,
) -> Attempt:  # fmt: skip
    """Give somebody's attempt on a record that has just these values."""
    return Attempt(SimpleNamespace(**(record or {})), "act", actor, given or {}, policy, today)


def reasons(rule: str, tried: Attempt) -> list[Reason]:
    """Ask one rule by its name."""
    return shipped.rules[rule].reasons(tried)


def codes(rule: str, tried: Attempt) -> list[str]:
    """Ask one rule and give the codes of its reasons; every sentence must have its facts."""
    found = reasons(rule, tried)
    assert all(reason.english() for reason in found)
    return [reason.code for reason in found]


def holds(condition: str, tried: Attempt) -> bool:
    """Ask one branch condition by its name."""
    return shipped.conditions[condition](tried)
