"""Rules, conditions and effects by name, as the YAML calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, overload

from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Blocked, Reason, blocked

__all__ = ["Actor", "Attempt", "Registry", "Rule", "blocked", "condition", "effect", "rule", "shipped"]


@dataclass(frozen=True)
class Actor:
    """Who acts: an account, its roles, its county and the keyed index of its person."""

    account_id: str | None
    name: str
    roles: frozenset[str]
    county: str | None = None
    person_key: str | None = None
    # Whether the identity was proved just now; an action that asks for it is refused otherwise.
    fresh: bool = True


@dataclass(frozen=True)
class Attempt:
    """One actor trying one action on one record on one business date, under one policy."""

    record: Any
    action: str
    actor: Actor
    input: Mapping[str, Any]
    policy: Policy
    today: date


Ask = Callable[[Attempt], Blocked]
Condition = Callable[[Attempt], bool]
Effect = Callable[[Any], None]


@dataclass(frozen=True)
class Rule:
    """A named yes/no with its reason; `on_input` ones are asked only once there is an input to judge.

    `earlier` ones are named by earlier versions only, whose cases still run (R1.6).
    """

    name: str
    ask: Ask
    on_input: bool
    earlier: bool = False

    @property
    def text(self) -> str:
        """The rule in one paragraph, from its docstring."""
        return inspect.getdoc(self.ask) or ""

    def reasons(self, attempt: Attempt) -> list[Reason]:
        """Return the reasons that block the attempt, coded with the rule's name by default."""
        found = self.ask(attempt)
        if found is None:
            return []
        return [r.named(self.name) for r in (found if isinstance(found, list) else [found])]


@dataclass
class Registry:
    """The names a set of workflow files may use."""

    rules: dict[str, Rule] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)

    @overload
    def rule(self, ask: Ask, /) -> Ask: ...
    @overload
    def rule(self, /, *, on_input: bool = ..., earlier: bool = ...) -> Callable[[Ask], Ask]: ...
    def rule(self, ask: Ask | None = None, /, *, on_input: bool = False, earlier: bool = False) -> Any:
        """Register a rule under its function's name."""

        def keep(function: Ask) -> Ask:
            self._once(self.rules, function)
            self.rules[function.__name__] = Rule(function.__name__, function, on_input, earlier)
            return function

        return keep if ask is None else keep(ask)

    def condition(self, holds: Condition) -> Condition:
        """Register a branch condition under its function's name."""
        self._once(self.conditions, holds)
        self.conditions[holds.__name__] = holds
        return holds

    def effect(self, apply: Effect) -> Effect:
        """Register an effect under its function's name."""
        self._once(self.effects, apply)
        self.effects[apply.__name__] = apply
        return apply

    @staticmethod
    def _once(names: Mapping[str, object], function: Callable[..., Any]) -> None:
        if function.__name__ in names:
            raise ValueError(f"{function.__name__} is registered twice")


shipped = Registry()
rule = shipped.rule
condition = shipped.condition
effect = shipped.effect
