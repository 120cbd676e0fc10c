"""Four eyes by person, whatever the account or role: who had a hand in a case decides nothing that rests on it (C4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edu_pilot.rules.claim import colleagues
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Actor, Attempt, blocked, rule


@dataclass(frozen=True)
class Hands:
    """Who took a step somewhere: the accounts, and the persons behind them."""

    names: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def include(self, actor: Actor) -> bool:
        """Whether the actor is one of them, by account or by person."""
        return actor.name in self.names or (actor.person_key is not None and actor.person_key in self.keys)


@rule
def not_own_record(attempt: Attempt) -> Blocked:
    """C4: nobody decides about the own application, study, exam or debt, whatever the account."""
    if attempt.actor.person_key is None or attempt.actor.person_key != attempt.record.person_key:
        return None
    return blocked(N_("This is your own case; another person must take this step."))


@rule
def not_typed_by_me(attempt: Attempt) -> Blocked:
    """C4: whoever entered, amended or registered an application does not admit it."""
    if not attempt.record.typed_by.include(attempt.actor):
        return None
    return blocked(N_("You entered this application; another person must admit it."), who="registrar")


@rule
def not_prepared_by_me(attempt: Attempt) -> Blocked:
    """C4: who entered or decided what a claim rests on, its application and study, does not judge the claim."""
    if not attempt.record.prepared_by.include(attempt.actor):
        return None
    text = N_("You took part in the application or the study this claim rests on; another person must decide it.")
    return blocked(text, who=colleagues(attempt))


@rule
def not_objected_by_me(attempt: Attempt) -> Blocked:
    """C4, R5.7: whoever objected to a claim does not resolve the objection."""
    if not attempt.record.objected_by.include(attempt.actor):
        return None
    return blocked(N_("You objected to this claim; another person must resolve the objection."), who="arbiter")


@rule(on_input=True)
def no_claim_of_mine(attempt: Attempt) -> Blocked:
    """C4, R5.8: a batch is drawn by somebody who claims, entered, checked and settled none of its claims."""
    named = tuple(str(reference) for reference in attempt.input.get("claims", []))
    return _mine(attempt.actor, attempt.record.hands_on_named(named), "finance_maker")


@rule
def no_item_of_mine(attempt: Attempt) -> Blocked:
    """C4, R5.8: a batch is released by somebody who claims, entered, checked and settled none of its claims."""
    return _mine(attempt.actor, attempt.record.hands_on_items, "finance_releaser")


def _mine(actor: Actor, hands: Mapping[str, Hands], who: str) -> list[Reason]:
    text = N_("You had a hand in claim %(claim)s; another person must take this step.")
    return [blocked(text, who=who, claim=claim) for claim in _touched(actor, hands)]


def _touched(actor: Actor, hands: Mapping[str, Hands]) -> Iterable[str]:
    return [claim for claim, those in sorted(hands.items()) if those.include(actor)]
