"""What may follow an approved claim: objection, payment, another account, recovery (R5.7, R5.8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from edu_pilot.rules.claim import BODIES, is_payee
from edu_pilot.rules.claim_dates import SHANGHAI
from edu_pilot.rules.identity import card_fault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule


@rule
def notice_is_running(attempt: Attempt) -> Blocked:
    """R5.7: an objection is heard while the public notice runs, its last day included."""
    last = attempt.record.notice_until
    if last is not None and attempt.today <= last:
        return None
    text = N_("The public notice ended on %(last)s; an objection is no longer possible.")
    return blocked(text, last=last.isoformat() if last else "")


@condition
def objection_is_unfounded(attempt: Attempt) -> bool:
    """R5.7: the claim goes on where it was stopped."""
    return bool(attempt.input["resolution"] == "unfounded")


def account_faults(
    policy: Policy, state: str, changed: datetime | None, confirmed: datetime | None, moment: datetime
) -> list[Reason]:
    """R5.8: say why nothing may be paid to an account at a moment; a bounced payment needs another account."""
    if changed is None:
        needed = N_("The bank sent the payment back; the claimant must give another account.")
        return [blocked(needed, who=("student", "clerk"))] if state == "bounced" else []
    faults = []
    if confirmed is None:
        faults.append(blocked(N_("The changed account is not confirmed yet."), who="union_reviewer"))
    free = changed + timedelta(hours=policy.get("claim.account_hold_hours"))
    if moment < free:
        text = N_("The changed account is paid from %(free)s on.")
        faults.append(blocked(text, who="system", free=free.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")))
    return faults


@rule
def account_is_settled(attempt: Attempt) -> Blocked:
    """R5.8: a changed account is confirmed by the union reviewer and has waited the hours of the policy."""
    record = attempt.record
    times = (record.account_changed_at, record.account_confirmed_at, record.moment)
    return account_faults(attempt.policy, record.state, *times)


@rule(on_input=True)
def new_account_is_own(attempt: Attempt) -> Blocked:
    """R2.7, R5.8: the other account is the claimant's own too, with a sound number."""
    faults: list[Reason] = []
    if card_fault(_digits(attempt.input.get("account_number", ""))):
        text = N_("The bank card number is not right; compare it with the card.")
        faults.append(blocked(text, field="account_number", who=("student", "clerk")))
    heir = attempt.input.get("heir_name") or attempt.record.heir
    if not is_payee(attempt.record, attempt.input.get("account_holder"), heir):
        text = N_("The account must be the claimant's own.")
        faults.append(blocked(text, field="account_holder", who=("student", "clerk")))
    if attempt.record.state == "bounced" and _digits(attempt.input.get("account_number", "")) == _known(attempt):
        text = N_("The bank sent the money back from this account; give another.")
        faults.append(blocked(text, field="account_number", who=("student", "clerk")))
    return faults


def _known(attempt: Attempt) -> str:
    return _digits(attempt.record.account_number or "")


def _digits(text: str) -> str:
    """Blanks and dashes between the groups of a card are no part of its number."""
    return text.replace(" ", "").replace("-", "")


@rule
def not_in_a_batch(attempt: Attempt) -> Blocked:
    """R5.8: what stands in a payment batch stays as it is until the bank has answered."""
    batch = attempt.record.open_batch
    if batch is None:
        return None
    text = N_("The claim stands in payment batch %(batch)s.")
    return blocked(text, who="finance_maker", batch=batch)


@rule
def account_was_changed(attempt: Attempt) -> Blocked:
    """R5.8: only a changed account is confirmed, and only once."""
    record = attempt.record
    if record.account_changed_at is not None and record.account_confirmed_at is None:
        return None
    return blocked(N_("There is no changed account to confirm."), who=("student", "clerk"))


@rule
def account_changed_by_another(attempt: Attempt) -> Blocked:
    """R5.8: whoever changed the account does not confirm it, whatever the account used."""
    record, actor = attempt.record, attempt.actor
    if record.account_changed_at is None:
        return None
    if actor.name != record.account_changed_by and actor.person_key != record.account_changer_key:
        return None
    return blocked(N_("You changed this account; another person must confirm it."), who=BODIES[0])


@rule(on_input=True)
def recovery_at_most_paid(attempt: Attempt) -> Blocked:
    """R5.8: in all no more is asked back than was paid, and more than is asked back already."""
    paid, asked = attempt.record.payable_fen, attempt.record.recovery_fen or 0
    if asked < attempt.input.get("due_fen", paid) <= paid:
        return None
    text = N_("What is asked back in all is more than %(asked)s and at most %(paid)s.")
    return blocked(text, field="due_fen", who="arbiter", asked=f"fen:{asked}", paid=f"fen:{paid}")


@rule(on_input=True)
def recovered_at_most_the_rest(attempt: Attempt) -> Blocked:
    """R5.8: what comes in is more than nothing and at most what is still owed."""
    rest = attempt.record.recovery_fen - attempt.record.recovered_fen
    if 0 < attempt.input.get("recovered_fen", 0) <= rest:
        return None
    text = N_("Between 1 fen and %(rest)s can be entered as recovered.")
    return blocked(text, field="recovered_fen", who="finance_maker", rest=f"fen:{rest}")


@condition
def all_is_recovered(attempt: Attempt) -> bool:
    """R5.8: nothing is owed any more."""
    record = attempt.record
    return bool(record.recovered_fen + attempt.input["recovered_fen"] >= record.recovery_fen)


@rule
def consent_not_withdrawn(attempt: Attempt) -> Blocked:
    """R2.9: the consent is withdrawn once; from then on the claim is kept for the accounts only."""
    day = attempt.record.storage_only_on
    if day is None:
        return None
    return blocked(N_("The consent was withdrawn on %(day)s."), day=day.isoformat())
