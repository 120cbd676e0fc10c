"""One decision: may this actor take this action on this record now, and where does it lead?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transitions import EventData, Machine

from edu_pilot.workflow.definition import CREATE, SAME, Action, Definition, Target
from edu_pilot.workflow.reasons import N_, Forbidden, Reason, Refused, StepUpNeeded
from edu_pilot.workflow.registry import Actor, Attempt, Registry


@dataclass(frozen=True)
class Offer:
    """An action that leaves the present state, with every reason that blocks it."""

    action: Action
    reasons: tuple[Reason, ...]

    @property
    def open(self) -> bool:
        """Whether the action can be taken now."""
        return not self.reasons


class _Token:
    """What moves through the machine in place of the record, so that a stored one is never touched."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


class Engine:
    """Asks the rules of one workflow version; one `transitions` machine, with no models attached."""

    def __init__(self, definition: Definition, registry: Registry) -> None:
        self.definition = definition
        self.registry = registry
        self.machine = Machine(
            model=None,
            states=list(definition.states),
            initial=definition.initial,
            transitions=list(self._transitions()),
            auto_transitions=False,
            send_event=True,
        )

    def _transitions(self) -> list[dict[str, object]]:
        return [
            {
                "trigger": a.name,
                "source": source,
                "dest": "=" if t.state == SAME else t.state,
                "conditions": self._condition(t),
            }
            for a in self.definition.actions.values()
            for source in a.sources
            for t in a.targets
        ]

    def _condition(self, target: Target) -> list[Callable[[EventData], bool]]:
        if target.condition is None:
            return []
        holds = self.registry.conditions[target.condition]
        return [lambda event: bool(holds(event.kwargs["attempt"]))]

    def action(self, name: str) -> Action:
        """Return an action by name, the birth of a record included; KeyError if there is none."""
        return self.definition.create if name == CREATE else self.definition.actions[name]

    def offered(self, state: str, actor: Actor) -> list[Action]:
        """Return the actions leaving a state that the actor's roles may ever take."""
        return [a for a in self.definition.leaving(state) if actor.roles & set(a.by)]

    def blockers(self, attempt: Attempt, *, on_input: bool) -> tuple[Reason, ...]:
        """Return all reasons against the attempt; those about its input only when asked for (R6.2)."""
        rules = (self.registry.rules[name] for name in self.action(attempt.action).rules)
        return tuple(r for rule in rules if on_input or not rule.on_input for r in rule.reasons(attempt))

    def checklist(self, attempt: Attempt) -> dict[str, tuple[Reason, ...]]:
        """Return every rule that needs no input, by name, with its reasons; none where it holds."""
        rules = (self.registry.rules[name] for name in self.action(attempt.action).rules)
        return {rule.name: tuple(rule.reasons(attempt)) for rule in rules if not rule.on_input}

    def permit(self, attempt: Attempt) -> None:
        """Raise Forbidden for a role that may never, Refused for the wrong state or a blocked step."""
        action = self.action(attempt.action)
        if not attempt.actor.roles & set(action.by):
            raise Forbidden([_never(action)])
        if attempt.action != CREATE and attempt.record.state not in action.sources:
            raise Refused([self._elsewhere(action, attempt.record.state)])
        if reasons := self.blockers(attempt, on_input=False):
            raise Refused(reasons)

    def decide(self, attempt: Attempt) -> str:
        """Return the state a permitted attempt leads to; raise Refused if its input blocks it."""
        rules = (self.registry.rules[name] for name in self.action(attempt.action).rules)
        if reasons := [r for rule in rules if rule.on_input for r in rule.reasons(attempt)]:
            raise Refused(reasons)
        if attempt.action == CREATE:
            return self.definition.initial
        token = _Token(attempt.record.state)
        if not self.machine.events[attempt.action].trigger(token, attempt=attempt):
            raise RuntimeError(f"no branch of {attempt.action} holds")
        return token.state

    def require_fresh(self, attempt: Attempt) -> None:
        """Raise StepUpNeeded where the step asks for an identity proved just now; the last question of all."""
        if self.action(attempt.action).step_up and not attempt.actor.fresh:
            raise StepUpNeeded([PROVE])

    def _elsewhere(self, action: Action, state: str) -> Reason:
        return Reason(
            "not_from_this_state",
            N_("%(action)s is not possible while the case is: %(state)s"),
            {
                "action": f"label:{self.definition.name}.actions.{action.name}",
                "state": f"label:{self.definition.name}.states.{state}",
            },
        )


PROVE = Reason("step_up_needed", N_("Prove once more who you are, then the step is taken."))


def _never(action: Action) -> Reason:
    return Reason(
        "role_missing", N_("This step belongs to: %(roles)s"), {"roles": "roles:" + ",".join(action.by)}, action.by
    )
