"""What steps of a claim write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from edu_pilot import clock
from edu_pilot.models import CaseHold, ClaimCheck, Receipt
from edu_pilot.models.base import new_id
from edu_pilot.rules.calendar import working_days_after
from edu_pilot.rules.claim import body_of, read_receipt, reckoning
from edu_pilot.rules.claim_dates import corrected_in_time
from edu_pilot.services import receipt_files
from edu_pilot.services.answers import CLEARED
from edu_pilot.services.effects.claim_after import bar_for_false_papers
from edu_pilot.services.unit import Change
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import effect

RECEIPT = Receipt.__table__
HOLD = CaseHold.__table__
STATED = (
    "other_money_fen", "explanation", "union_of", "member_since_on", "member_until_on", "employer_gone", "heir",
    "register_code", "register_code_until",
)  # fmt: skip


@effect
def enter_claim(change: Change) -> None:
    """R5.1: a claim for one study, in the county that federated the student at enrolment."""
    given = change.input
    study = change.case.study_of_input(given["study"], change.attempt.actor)
    change.values |= {
        "study_id": study.id,
        "person_id": study.person_id,
        "county": study.county,
        "round": 1,
        "live": True,
        "other_money_fen": given.get("other_money_fen", 0),
    }
    change.values |= _stated(given)
    _account(change, given["account_number"], given["account_holder"])
    change.add(Receipt, *_rows(change, given["receipts"]))


@effect
def amend_claim(change: Change) -> None:
    """R5.2: only what is given anew replaces what was entered."""
    given = change.input
    change.values |= _stated(given)
    if "new_receipts" in given:
        change.conn.execute(RECEIPT.delete().where(RECEIPT.c.claim_id == change.record_id))
        change.add(Receipt, *_rows(change, given["new_receipts"]))
    if "new_account_number" in given or "new_account_holder" in given:
        number = given.get("new_account_number") or change.case.account_number
        _account(change, number, given.get("new_account_holder") or change.case.account_holder)


def _stated(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said about claimant and employer; what is not given anew stays, what is given empty goes."""
    return {name: None if given[name] == CLEARED else given[name] for name in STATED if name in given}


def _account(change: Change, number: str, holder: str) -> None:
    digits = "".join(c for c in number if c.isdigit())[:32]
    change.seal("account_number", digits)
    change.values |= {"account_tail": digits[-4:], "account_holder": holder[:64]}


def _rows(change: Change, given: list[Any]) -> list[dict[str, Any]]:
    return [_row(change, change.attempt.policy, receipt) for receipt in given]


def _row(change: Change, policy: Policy, given: Any) -> dict[str, Any]:
    receipt = read_receipt(policy, given)
    row = {name: value for name, value in vars(receipt).items() if name != "faults"}
    return row | {"id": new_id(), "claim_id": change.record_id, "live": True}


@effect
def freeze_amount(change: Change) -> None:
    """R5.4: what is counted and payable is fixed at submission, under the claim's policy version."""
    result = reckoning(change.attempt)
    if not corrected_in_time(change.case, change.unit.today):
        # R5.6: the server's time at submit, which the claim form prints; a late correction counts anew.
        change.values["first_submitted_at"] = clock.moment()
    change.values |= {
        "counted_fen": result.counted_fen,
        "payable_fen": result.payable_fen,
        "submitted_on": change.unit.today,
        "answer_until": None,
        "recheck_until": None,
        "round": change.case.round + (1 if change.case.checks else 0),
    }


@effect
def seal_check(change: Change) -> None:
    """R5.2: one check per body and round, seen by nobody until both are there."""
    given, actor, body, check = change.input, change.attempt.actor, body_of(change.attempt), new_id()
    points = change.attempt.policy.find(f"claim.checklist.{body}", {})
    note = given.get("note")
    row = {
        "id": check,
        "claim_id": change.record_id,
        "round": change.case.round,
        "body": body,
        "outcome": given["outcome"],
        "reading": given["reading"],
        "reasons": given.get("reasons", []),
        "points": [code for code in given.get("points", []) if code in points],
        "note": change.unit.vault.seal("claim_check.note", check, note) if note else None,
        "checked_by": actor.name,
        "person_key": actor.person_key,
        "checked_at": change.unit.now,
    }
    change.add(ClaimCheck, row)
    change.conn.execute(HOLD.delete().where(HOLD.c.claim_id == change.record_id, HOLD.c.body == body))


@effect
def note_permit(change: Change) -> None:
    """R5.2, R3.3: the step leaves no sign for others, so what it permits is a note of the trail."""
    change.note |= {name: change.input[name] for name in ("body", "faults")}


@effect
def conclude(change: Change) -> None:
    """R5.2, R5.7: begin the notice of an approved claim, free a refused one, open the re-check of a disputed one.

    A claim whose objection is unfounded goes on where it was stopped: its notice is not begun again.
    """
    match change.case.state, change.to_state:
        case "submitted" | "not_agreed", "approved":
            _begin_notice(change)
        case "submitted", "not_agreed":
            _open_recheck(change)
        case _, "refused":
            free_receipts(change)
            bar_for_false_papers(change)
        case _, "returned":
            _ask_for_correction(change)


def _begin_notice(change: Change) -> None:
    last = _last_day(change, "claim.notice_working_days")
    change.values |= {"approved_on": change.unit.today, "notice_until": last}


def _open_recheck(change: Change) -> None:
    """R5.2: a round of its own, so that each body may check once more, sealed again.

    A version published before the re-check had a last day gives it none.
    """
    days = change.attempt.policy.find("claim.recheck_working_days")
    until = None if days is None else _last_day(change, "claim.recheck_working_days")
    change.values |= {"round": change.case.round + 1, "recheck_until": until}


def _ask_for_correction(change: Change) -> None:
    """R3.3: the last day on which the answer counts from the first submission."""
    change.values["answer_until"] = _last_day(change, "correction.working_days")


def _last_day(change: Change, parameter: str) -> date:
    return working_days_after(change.attempt.policy, change.unit.today, change.attempt.policy.get(parameter))


@effect
def free_receipts(change: Change) -> None:
    """R5.3: a refused or withdrawn claim frees its receipts and its diploma."""
    change.values["live"] = False
    change.conn.execute(RECEIPT.update().where(RECEIPT.c.claim_id == change.record_id).values(live=False))
    receipt_files.free(change.conn, change.record_id)


@effect
def note_payment(change: Change) -> None:
    """R5.8: the day the money went out."""
    change.values["paid_on"] = change.unit.today


@effect
def note_escalation(change: Change) -> None:
    """R5.2: the day on which a dispute that was left lying went to the arbiter."""
    change.values["escalated_on"] = change.unit.today
