"""What steps after the approval of a claim write: objection, another account, bounce, recovery."""

from __future__ import annotations

from edu_pilot import clock
from edu_pilot.models import Bar
from edu_pilot.models.base import new_id
from edu_pilot.rules.calendar import months_after
from edu_pilot.services.unit import Change
from edu_pilot.workflow.registry import effect

CHECKS = ("check", "recheck")


@effect
def note_claim_objection(change: Change) -> None:
    """R5.7: the day of the objection; it stops this claim alone."""
    change.values["objection_on"] = change.unit.today


@effect
def note_bounce(change: Change) -> None:
    """R5.8: why the bank sent the payment back; from now on another account is needed."""
    change.values |= {
        "bounce_reason": change.input["bounce"],
        "account_changed_at": None,
        "account_changed_by": None,
        "account_changer_key": None,
        "account_confirmed_at": None,
    }


@effect
def change_account(change: Change) -> None:
    """R5.8: another account, who gave it and when; nobody has confirmed it yet."""
    digits = "".join(c for c in change.input["account_number"] if c.isdigit())[:32]
    actor = change.attempt.actor
    change.seal("account_number", digits)
    change.values |= {
        "account_tail": digits[-4:],
        "account_holder": change.input["account_holder"][:64],
        "account_changed_at": clock.moment(),
        "account_changed_by": actor.name,
        "account_changer_key": actor.person_key,
        "account_confirmed_at": None,
    }


@effect
def confirm_account(change: Change) -> None:
    """R5.8: the union reviewer has confirmed the changed account."""
    change.values["account_confirmed_at"] = clock.moment()


@effect
def open_recovery(change: Change) -> None:
    """R5.8: what is asked back in all: all that was paid, or the part named; payment and what came in stay."""
    change.values["recovery_fen"] = change.input.get("due_fen", change.case.payable_fen)


@effect
def note_recovered(change: Change) -> None:
    """R5.8: what has come in so far, in fen."""
    change.values["recovered_fen"] = change.case.recovered_fen + change.input["recovered_fen"]


@effect
def name_heir(change: Change) -> None:
    """R5.8: the heir in place of the one who died; the account waits and is confirmed like any changed one."""
    change.values["heir"] = change.input["heir_name"]
    change_account(change)


@effect
def note_register_code(change: Change) -> None:
    """§5: a new code for the diploma's register; the claim keeps its place and its days."""
    change.values |= {"register_code": change.input["code"], "register_code_until": change.input["code_until"]}


@effect
def bar_for_false_papers(change: Change) -> None:
    """§5: money asked back, or a claim refused, for false papers bars the person for the months of the policy."""
    months = change.attempt.policy.find("claim.bar_months", {})
    codes = _grounds(change) & set(months)
    if not codes:
        return
    until = months_after(change.unit.today, max(months[code] for code in codes))
    row = {"id": new_id(), "person_id": change.case.person_id, "claim_id": change.record_id}
    change.add(Bar, {**row, "reason": min(codes), "until_on": until})
    change.note["barred_until"] = until.isoformat()


def _grounds(change: Change) -> set[str]:
    """Return the codes a recovery or a refusal goes by; a refusal by both bodies has those of both."""
    given = change.input
    found = {given["recovery"]} if "recovery" in given else set(given.get("reasons", ()))
    return found.union(*(check.reasons for check in change.case.checks)) if change.attempt.action in CHECKS else found


@effect
def note_storage_only(change: Change) -> None:
    """R2.9: what the accounts need is kept, and nothing else is done with it from this day on."""
    change.values["storage_only_on"] = change.unit.today
