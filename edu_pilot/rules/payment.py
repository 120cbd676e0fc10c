"""What a payment batch must fulfil: two persons, payable claims, totals that agree (R5.8)."""

from __future__ import annotations

from datetime import date
from typing import Any

from edu_pilot.rules.claim import notice_ended
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule


@rule(on_input=True)
def claims_are_payable(attempt: Attempt) -> Blocked:
    """R5.7, R5.8: every claim is approved, its notice is over, and it stands in no other batch."""
    given = [str(reference) for reference in attempt.input.get("claims", [])]
    known = attempt.record.claims_named(tuple(given))
    found = (_held_back(reference, known.get(reference), attempt.today) for reference in sorted(set(given)))
    faults = [fault for fault in found if fault]
    if len(set(given)) != len(given):
        text = N_("A claim stands twice in the batch.")
        faults.append(blocked(text, code="claim_twice", field="claims", who="finance_maker"))
    return faults


def _held_back(reference: str, claim: Any, today: date) -> Reason | None:
    """R5.7, R5.8: the one reason why a claim cannot stand in a new batch, or None."""
    told: dict[str, Any] = {"field": "claims", "who": "finance_maker", "claim": reference[:32]}
    if claim is None:
        return blocked(N_("There is no claim %(claim)s."), **told)
    if claim.batch:
        return blocked(N_("Claim %(claim)s stands in line %(line)s of a batch."), line=claim.batch, **told)
    if claim.state != "approved":
        state = f"label:claim.states.{claim.state}"
        return blocked(N_("Claim %(claim)s is not approved but: %(state)s"), state=state, **told)
    if not notice_ended(claim.notice_until, today):
        text = N_("Claim %(claim)s waits: its public notice runs until %(last)s.")
        return blocked(text, last=claim.notice_until.isoformat(), **told)
    return None


@rule
def drawn_by_another(attempt: Attempt) -> Blocked:
    """R5.8: the one who draws a batch does not release it, whatever the account."""
    record, actor = attempt.record, attempt.actor
    if actor.name != record.created_by and actor.person_key != record.creator_key:
        return None
    return blocked(N_("You drew this batch; another person must release it."), who="finance_releaser")


@rule
def totals_agree(attempt: Attempt) -> Blocked:
    """R5.8: the batch's total is the sum of its claims, to the fen."""
    total = sum(item.payable_fen for item in attempt.record.items)
    if total == attempt.record.total_fen and all(i.amount_fen == i.payable_fen for i in attempt.record.items):
        return None
    return blocked(N_("The total of the batch is not the sum of its claims."), who="finance_maker")


@rule
def claims_in_payment(attempt: Attempt) -> Blocked:
    """R5.8: every claim of the batch has been put into payment."""
    waiting = [item.claim for item in attempt.record.items if item.state != "in_payment"]
    if not waiting:
        return None
    text = N_("Not yet in payment: %(claims)s")
    return blocked(text, who="system", claims=", ".join(waiting[:20]))
