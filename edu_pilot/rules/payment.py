"""What a payment batch must fulfil: two persons, payable claims, totals that agree, one result a line (R5.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from edu_pilot.rules.claim import notice_ended
from edu_pilot.rules.claim_after import account_faults
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, rule


@rule(on_input=True)
def claims_are_payable(attempt: Attempt) -> Blocked:
    """R5.7, R5.8: every claim is approved or bounced, its notice over, its account settled, and in no other batch."""
    given = [str(reference) for reference in attempt.input.get("claims", [])]
    known = attempt.record.claims_named(tuple(given))
    judge = partial(held_back, attempt.policy, attempt.today, attempt.record.beyond_budget)
    found = (judge(reference, known.get(reference)) for reference in sorted(set(given)))
    faults = [fault for fault in found if fault]
    if len(set(given)) != len(given):
        text = N_("A claim stands twice in the batch.")
        faults.append(blocked(text, code="claim_twice", field="claims", who="finance_maker"))
    return faults


def held_back(policy: Policy, today: date, beyond: Collection[str], reference: str, claim: Any) -> Reason | None:
    """R5.7, R5.8: the one reason why a claim cannot stand in a new batch, or None."""
    told: dict[str, Any] = {"field": "claims", "who": "finance_maker", "claim": reference[:32]}
    if claim is None:
        return blocked(N_("There is no claim %(claim)s."), **told)
    if claim.batch:
        return blocked(N_("Claim %(claim)s stands in line %(line)s of a batch."), line=claim.batch, **told)
    fault = _not_payable(policy, today, claim, told)
    if fault is None and reference in beyond:
        text = N_("Claim %(claim)s waits for the budget of %(year)s: this year's money is used up before it.")
        return blocked(text, code="budget_used_up", year=today.year + 1, **told)
    return fault


def _not_payable(policy: Policy, today: date, claim: Any, told: Mapping[str, Any]) -> Reason | None:
    """R5.7, R5.8: the one reason why no money can go out for a claim, or None."""
    if claim.state not in ("approved", "bounced"):
        state = f"label:claim.states.{claim.state}"
        return blocked(N_("Claim %(claim)s is not approved but: %(state)s"), **told, state=state)
    if not notice_ended(claim.notice_until, today):
        text = N_("Claim %(claim)s waits: its public notice runs until %(last)s.")
        return blocked(text, **told, last=claim.notice_until.isoformat())
    if claim.certificate_pending:
        text = N_("Claim %(claim)s waits: its skill certificate is pending verification in the national query.")
        return blocked(text, code="certificate_is_verified", **{**told, "who": "system"})
    if account_faults(policy, claim.state, claim.account_changed_at, claim.account_confirmed_at, claim.moment):
        text = N_("Claim %(claim)s cannot be paid now: its account is not settled.")
        return blocked(text, code="account_is_settled", **{**told, "who": "union_reviewer"})
    return None


@rule
def lines_are_payable(attempt: Attempt) -> Blocked:
    """R5.8: what is released can be paid: nothing has come between since the batch was drawn."""
    found = (
        _not_payable(attempt.policy, attempt.today, claim, {"who": "finance_maker", "claim": claim.reference})
        for claim in attempt.record.claims_of_lines
    )
    return [fault for fault in found if fault]


@rule
def drawn_by_another(attempt: Attempt) -> Blocked:
    """R5.8: the one who draws a batch does not release it, whatever the account."""
    record, actor = attempt.record, attempt.actor
    if actor.name != record.created_by and actor.person_key != record.creator_key:
        return None
    return blocked(N_("You drew this batch; another person must release it."), who="finance_releaser")


@rule
def no_diploma_revoked(attempt: Attempt) -> Blocked:
    """R3.10: a batch that holds the claim of a revoked diploma is cancelled, not released."""
    revoked = [item.claim for item in attempt.record.items if item.study_state == "revoked"]
    if not revoked:
        return None
    text = N_("The diploma was revoked: %(claims)s; cancel the batch.")
    return blocked(text, who="finance_maker", claims=", ".join(revoked[:20]))


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


RESULTS = ("paid", "bounced")


@rule(on_input=True)
def results_cover_the_batch(attempt: Attempt) -> Blocked:
    """R5.8: the bank's results name every payment of the batch once, and why one was sent back."""
    known = [item.number for item in attempt.record.items]
    return result_faults(attempt.policy, known, attempt.input.get("results", []))


def result_faults(policy: Policy, known: Sequence[str], results: Sequence[Any]) -> list[Reason]:
    """R5.8: say what is wrong with a list of results for the payments of these numbers."""
    given = [r.get("number") if isinstance(r, dict) else None for r in results]
    strange = [n for n in given if n not in known]
    missing, twice = [n for n in known if n not in given], [n for n in known if given.count(n) > 1]
    faults = [_result(N_("%(number)s is no payment of this batch."), "payment_unknown", n) for n in strange]
    faults += [_result(N_("There is no result for payment %(number)s."), "result_missing", n) for n in missing]
    faults += [_result(N_("Payment %(number)s stands twice among the results."), "result_twice", n) for n in twice]
    ours = [r for r in results if isinstance(r, dict) and r.get("number") in known]
    return faults + [fault for result in ours for fault in _unclear(policy, result)]


def _result(text: str, code: str, number: Any) -> Reason:
    return blocked(text, code=code, field="results", who="finance_maker", number=str(number or "-")[:32])


def _unclear(policy: Policy, result: dict[str, Any]) -> list[Reason]:
    """A payment was paid, or sent back for one of the reasons of the policy."""
    outcome, reason = result.get("result"), result.get("reason") or None
    if outcome == "paid" and reason is None:
        return []
    if outcome == "bounced" and isinstance(reason, str) and reason in policy.get("decision_codes.bounce"):
        return []
    text = N_("The result of payment %(number)s is not clear: it was paid, or bounced with one of the listed reasons.")
    return [_result(text, "result_unclear", result["number"])]
