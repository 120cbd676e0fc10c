"""G9's model of claim and payment batch (rulebook 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.trust.model import (
    CHOICES,
    OF_A_COUNTY,
    Case,
    Try,
    Who,
    begins,
    create,
    hand_of,
    is_card,
    months_after,
    sees,
    step,
    working_days_after,
)
from tests.trust.model_school import Permit, new_faults

# R5.4: the cap and the tariff as shipped.
CAP = TARIFF = 479_000
BODIES = ("union_reviewer", "university_reviewer")


@dataclass(frozen=True)
class Check:
    """What one body said in one round."""

    round: int
    who: Who
    outcome: str
    reasons: tuple[str, ...]


@dataclass
class Claim(Case):
    """One person's claim for one diploma."""

    study: str = ""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    account: str = ""
    holder: str = ""
    other: int = 0
    explanation: str = ""
    union_of: str = ""
    live: bool = True
    entered_by: set[Who] = field(default_factory=set)
    round: int = 1
    checks: list[Check] = field(default_factory=list)
    permits: list[Permit] = field(default_factory=list)
    first_on: date = date.max
    answer_until: date | None = None
    recheck_until: date | None = None
    escalated: bool = False
    code_until: date | None = None
    payable: int = 0
    notice_until: date = date.max
    objected_by: set[Who] = field(default_factory=set)
    changed_on: date | None = None
    changed_by: Who | None = None
    confirmed: bool = False
    batch: str = ""
    recovery: int = 0
    recovered: int = 0
    storage_only: bool = False

    @property
    def named(self) -> set[str]:
        """R3.3: the faults for which the claim was sent back before this round."""
        before = (one for one in self.checks if one.round < self.round and one.outcome == "correct")
        return {code for one in before for code in one.reasons}

    @property
    def present(self) -> list[Check]:
        """The checks of this round."""
        return [one for one in self.checks if one.round == self.round]


def _read_receipts(t: Try, given: list[Any], own: Any) -> Iterator[str]:
    """R5.3: what is wrong with receipts that are typed."""
    for receipt in given:
        sound = (
            isinstance(receipt, dict) and re.fullmatch("[0-9]{20}", str(receipt.get("number") or ""))
            and receipt.get("kind") == "digital_invoice"
            and not receipt.get("code")
            and receipt.get("payer") and receipt.get("issuer")
            and receipt.get("item") in ("学费", "学分费", "注册费")
            and type(receipt.get("amount_fen")) is int and receipt["amount_fen"] > 0
            and 0 <= receipt.get("refunded_fen", 0) <= receipt["amount_fen"]
        )  # fmt: skip
        if not sound:
            yield "receipts_are_sound"
    numbers = [receipt.get("number") if isinstance(receipt, dict) else None for receipt in given]
    if len(set(numbers)) < len(numbers):
        yield "receipt_twice"
    elsewhere = {r["number"] for c in t.world.of("claim") if c.live and c is not own for r in c.receipts}
    if elsewhere & set(numbers):
        yield "receipts_not_used"


STATED = {
    "other_money_fen": "money?", "explanation": "text?", "union_of": "choice UNION?", "member_since_on": "date?",
    "member_until_on": "date?", "employer_gone": "choice YESNO?", "heir": "text?", "register_code": "text?",
    "register_code_until": "date?",
}  # fmt: skip


@create("claim", by="clerk student")
def claim(t: Try) -> str:
    given = t.read(study="text", receipts="list", account_number="text", account_holder="text", **STATED)
    study = t.world.cases.get(given["study"])
    codes = set[str]()
    if study is None or study.workflow != "study" or not sees(t.world, t.who, study):
        codes, study = {"study_is_reachable"}, None
    else:
        codes |= set() if study.diploma_on else {"diploma_recorded"}
        codes |= {"diploma_holds"} if study.state == "revoked" else set()
        codes |= set() if study.reimbursable else {"reimbursement_not_lost"}
        codes |= {"not_barred"} if t.world.bars.get(study.person, date.min) >= t.day else set()
        codes |= (
            {"no_other_claim"} if any(c.study == study.reference and c.live for c in t.world.of("claim")) else set()
        )
    t.refuse(codes | set(_read_receipts(t, given["receipts"], None)))
    case = Claim("claim", "", "draft", study.union_county, study.person, study=study.reference)
    case.receipts = given["receipts"]
    case.account, case.holder = given["account_number"], given["account_holder"]
    _state(case, given)
    case.entered_by.add(t.who)
    return t.world.add(case, f"{t.day:%y%m}")


def _state(case: Claim, given: dict[str, Any]) -> None:
    case.other = given.get("other_money_fen", case.other)
    case.explanation = given.get("explanation", case.explanation)
    case.union_of = given.get("union_of", case.union_of)


@step("claim", by="clerk student", of="draft returned")
def amend(t: Try) -> None:
    given = t.read(new_receipts="list?", new_account_number="text?", new_account_holder="text?", **STATED)
    case = t.case
    t.refuse(_read_receipts(t, given.get("new_receipts", []), case))
    case.receipts = given.get("new_receipts", case.receipts)
    case.account = given.get("new_account_number", case.account)
    case.holder = given.get("new_account_holder", case.holder)
    _state(case, given)
    case.entered_by |= hand_of(t.who)


def deadline(t: Try) -> date:
    """R5.6: 18 months after the diploma, that day included."""
    return months_after(t.world.cases[t.case.study].diploma_on, 18)


@step("claim", by="student clerk", of="draft returned", to="submitted")
def submit(t: Try) -> None:
    case, study = t.case, t.world.cases[t.case.study]
    in_time = case.state == "returned" and case.answer_until is not None and t.day <= case.answer_until
    counted = case.first_on if in_time else t.day
    name, employer = t.world.names[case.person], t.world.cases[study.application].form.get("employer")
    begun = min(begins(study.intake), study.confirmed_on)
    own = sum(r["amount_fen"] - r.get("refunded_fen", 0) for r in case.receipts if r["payer"] == name)
    elsewhere = {r["number"] for c in t.world.of("claim") if c.live and c is not case for r in c.receipts}
    t.require(
        not_barred=t.world.bars.get(case.person, date.min) < t.day,
        diploma_holds=study.state != "revoked",
        reimbursement_not_lost=study.reimbursable,
        within_claim_window=counted <= deadline(t),
        receipts_complete=bool(case.receipts) and all(
            r["payer"] in (name, employer) and begun <= date.fromisoformat(r["paid_on"]) <= study.diploma_on
            for r in case.receipts
        ),
        receipt_evidence_suffices=all(r.get("evidence") != "screenshot" for r in case.receipts),
        receipts_not_used=not elsewhere & {r["number"] for r in case.receipts},
        account_is_own=is_card(case.account) and case.holder == name,
        union_is_joined=case.union_of != "none",
        excess_is_explained=own <= TARIFF or bool(case.explanation),
    )  # fmt: skip
    t.read()
    case.first_on = case.first_on if in_time else t.day
    case.payable = max(0, min(CAP, min(own, TARIFF)) - case.other)
    case.round += 1 if case.present else 0
    case.answer_until = None
    case.entered_by |= hand_of(t.who)


def among(who: Who, hands: set[Who]) -> bool:
    """C4: by account or by person."""
    return any(one.account == who.account or (who.person is not None and one.person == who.person) for one in hands)


def _prepared_by(t: Try) -> set[Who]:
    study = t.world.cases[t.case.study]
    return study.hands | t.world.cases[study.application].hands


def _decides(t: Try) -> dict[str, bool]:
    """R5.2, C4: who may not decide a claim at all."""
    return {
        "not_own_case": t.not_own,
        "not_entered_by_me": not among(t.who, t.case.entered_by),
        "not_prepared_by_me": not among(t.who, _prepared_by(t)),
    }


def _may_check(t: Try) -> dict[str, bool]:
    case, who = t.case, t.who
    others = {one.who.person for one in case.checks if one.who.role != who.role}
    checked = any(one.who.role == BODIES[1] for one in case.checks)
    fresh = checked or case.code_until is None or t.day <= case.code_until
    return _decides(t) | {
        "my_body_has_not_checked": all(one.who.role != who.role for one in case.present),
        "other_body_was_another_person": who.person not in others,
        "register_code_stands": who.role != BODIES[1] or fresh,
    }


def _sealed(t: Try) -> list[str]:
    """Read a check, keep it, and return the outcomes of this round."""
    given = t.read(outcome="choice OUTCOME", reading="object", reasons="list REFUSE CORRECT?", note="text?")
    reasons, outcome, reading = given.get("reasons", []), given["outcome"], given["reading"]
    family = {"refuse": CHOICES["REFUSE"], "correct": CHOICES["CORRECT"]}.get(outcome, frozenset())
    amount = reading.get("amount_fen")
    t.require(
        reading_is_complete=set(reading) == {"amount_fen", "id_tail", "diploma_on"} and type(amount) is int
        and re.fullmatch("[0-9]{3}[0-9Xx]", str(reading["id_tail"])) is not None,
        outcome_has_reasons=not reasons if outcome == "pass" else bool(reasons) and set(reasons) <= family,
        other_is_explained="OTHER" not in reasons or bool(given.get("note")),
        new_faults_are_permitted=outcome != "correct" or not new_faults(t, reasons),
    )  # fmt: skip
    t.case.checks.append(Check(t.case.round, t.who, outcome, tuple(reasons)))
    return [one.outcome for one in t.case.present]


def _concluded(t: Try, state: str) -> str:
    case = t.case
    if state == "approved":
        case.notice_until = working_days_after(t.day, 5)
    if state == "returned":
        case.answer_until = working_days_after(t.day, 10)
        case.permits.clear()
    if state == "refused":
        _free(case)
        grounds = {code for one in case.present for code in one.reasons}
        _bar(t, grounds)
    return state


def _free(case: Claim) -> None:
    case.live = False


def _bar(t: Try, grounds: set[str]) -> None:
    """False papers bar for five years."""
    if "FALSE_PAPERS" in grounds:
        until = months_after(t.day, 60)
        t.world.bars[t.case.person] = max(until, t.world.bars.get(t.case.person, date.min))


DECIDED = {("pass",): "approved", ("refuse",): "refused", ("pass", "refuse"): "not_agreed"}


@step("claim", by="union_reviewer university_reviewer", of="submitted", sealed=True)
def check(t: Try) -> str:
    t.require(**_may_check(t))
    outcomes = _sealed(t)
    if len(outcomes) < 2:
        return "submitted"
    state = _concluded(t, DECIDED.get(tuple(sorted(set(outcomes))), "returned"))
    if state == "not_agreed":
        t.case.round += 1
        t.case.recheck_until = working_days_after(t.day, 10)
    return state


@step("claim", by="union_reviewer university_reviewer", of="not_agreed", sealed=True)
def recheck(t: Try) -> str:
    t.require(**_may_check(t), bodies_still_differ=len(t.case.present) < 2, recheck_is_in_time=not t.case.escalated)
    outcomes = _sealed(t)
    if len(outcomes) < 2:
        return "not_agreed"
    return _concluded(t, DECIDED.get(tuple(sorted(set(outcomes))), "returned"))


@step("claim", by="arbiter", of="submitted not_agreed", sealed=True)
def permit_new_faults(t: Try) -> None:
    t.require(not_own_case=t.not_own, was_returned_before=bool(t.case.named))
    given = t.read(body="choice BODY", faults="list CORRECT")
    t.case.permits.append(Permit(t.who, given["body"], set(given["faults"])))


@step("claim", by="student clerk", of="submitted not_agreed")
def renew_register_code(t: Try) -> None:
    given = t.read(code="text", code_until="date")
    t.require(new_register_code_holds=given["code_until"] >= t.day)
    t.case.code_until = given["code_until"]
    t.case.entered_by |= hand_of(t.who)


@step("claim", by="arbiter", of="not_agreed")
def settle(t: Try) -> str:
    ready = len(t.case.present) == 2 or t.case.escalated
    t.require(**_decides(t), not_checked_by_me=not among_checkers(t), rechecked_by_both=ready)
    given = t.read(decision="choice DECISION", reasons="list REFUSE CORRECT?")
    reasons, passes = given.get("reasons", []), given["decision"] == "pass"
    t.require(decision_has_reasons=not reasons if passes else bool(reasons) and set(reasons) <= CHOICES["REFUSE"])
    return _ruled(t, "approved" if passes else "refused", reasons)


def among_checkers(t: Try) -> bool:
    """R5.2: whether the actor is the person of a check of any round."""
    return t.who.person in {one.who.person for one in t.case.checks}


def _ruled(t: Try, state: str, reasons: list[str]) -> str:
    if state == "refused":
        _free(t.case)
        _bar(t, set(reasons))
    elif t.case.state == "not_agreed":
        t.case.notice_until = working_days_after(t.day, 5)
    return state


@step("claim", by="system", of="not_agreed")
def escalate(t: Try) -> None:
    case = t.case
    t.require(recheck_is_overdue=not case.escalated and case.recheck_until is not None and case.recheck_until < t.day)
    t.read()
    case.escalated = True


@step("claim", by="clerk union_reviewer university_reviewer arbiter", of="approved", to="objected")
def object_(t: Try) -> None:
    t.require(notice_is_running=t.day <= t.case.notice_until)
    t.read(objection="text")
    t.case.objected_by |= hand_of(t.who)


@step("claim", by="arbiter", of="objected")
def resolve_objection(t: Try) -> str:
    t.require(
        **_decides(t), not_checked_by_me=not among_checkers(t),
        not_objected_by_me=not among(t.who, t.case.objected_by),
    )  # fmt: skip
    given = t.read(resolution="choice RESOLUTION", reasons="list REFUSE CORRECT?", note="text?")
    founded, reasons = given["resolution"] == "founded", given.get("reasons", [])
    t.require(refusal_has_reasons=founded == bool(reasons))
    return _ruled(t, "refused" if founded else "approved", reasons)


def account_faults(case: Claim, day: date) -> set[str]:
    """R5.8: a bounced claim needs another account; a changed one is confirmed and waits 72 hours."""
    if case.changed_on is None:
        return {"account_is_settled"} if case.state == "bounced" else set()
    return set() if case.confirmed and day >= case.changed_on + timedelta(days=3) else {"account_is_settled"}


@step("claim", by="system", of="approved bounced", to="in_payment")
def pay(t: Try) -> None:
    t.refuse(account_faults(t.case, t.day) | (set() if t.day > t.case.notice_until else {"notice_is_over"}))
    t.read()


@step("claim", by="system", of="in_payment", to="paid")
def confirm_paid(t: Try) -> None:
    t.read()


@step("claim", by="system", of="in_payment", to="bounced")
def bounce(t: Try) -> None:
    t.read(bounce="choice BOUNCE")
    t.case.changed_on, t.case.changed_by, t.case.confirmed = None, None, False


@step("claim", by="student clerk", of="approved bounced")
def change_account(t: Try) -> None:
    t.require(not_in_a_batch=not t.case.batch)
    given, case = t.read(account_number="text", account_holder="text"), t.case
    number = given["account_number"]
    own = is_card(number) and given["account_holder"] == t.world.names[case.person]
    t.require(new_account_is_own=own and not (case.state == "bounced" and number == case.account))
    case.account, case.holder = number, given["account_holder"]
    case.changed_on, case.changed_by, case.confirmed = t.day, t.who, False


@step("claim", by="clerk", of="draft returned approved bounced")
def name_heir(t: Try) -> None:
    # R5.8: nobody in this world hands in the papers of an heir.
    t.require(heir_is_proved={"death_proof", "heir_proof"} <= t.case.papers, not_in_a_batch=not t.case.batch)
    t.read(heir_name="text", account_number="text", account_holder="text", note="text?")


@step("claim", by="union_reviewer", of="approved bounced")
def confirm_account(t: Try) -> None:
    case = t.case
    t.require(
        account_was_changed=case.changed_on is not None and not case.confirmed,
        not_own_case=t.not_own,
        not_entered_by_me=not among(t.who, case.entered_by),
        account_changed_by_another=case.changed_by is None or not among(t.who, {case.changed_by}),
    )
    t.read()
    case.confirmed = True


@step("claim", by="arbiter system", of="paid recovering recovered", to="recovering")
def recover(t: Try) -> None:
    t.require(not_own_case=t.not_own)
    given = t.read(recovery="choice RECOVER", due_fen="money?", note="text?")
    due = given.get("due_fen", t.case.payable)
    t.require(recovery_at_most_paid=t.case.recovery < due <= t.case.payable)
    t.case.recovery = due
    _bar(t, {given["recovery"]})


@step("claim", by="finance_maker", of="recovering")
def confirm_recovered(t: Try) -> str:
    t.require(not_own_record=t.not_own)
    given, case = t.read(recovered_fen="money"), t.case
    t.require(recovered_at_most_the_rest=0 < given["recovered_fen"] <= case.recovery - case.recovered)
    case.recovered += given["recovered_fen"]
    return "recovered" if case.recovered >= case.recovery else "recovering"


@step("claim", by="system", of="returned", to="withdrawn")
def lapse(t: Try) -> None:
    t.require(correction_has_lapsed=max(t.case.answer_until or date.max, deadline(t)) < t.day)
    t.read()
    _free(t.case)


@step("claim", by="student clerk", of="paid recovering recovered refused withdrawn")
def withdraw_consent(t: Try) -> None:
    t.require(consent_not_withdrawn=not t.case.storage_only)
    t.read()
    t.case.storage_only = True


@step(
    "claim", by="student clerk system", of="draft returned submitted not_agreed approved objected bounced",
    to="withdrawn",
)  # fmt: skip
def withdraw(t: Try) -> None:
    t.require(not_in_a_batch=not t.case.batch)
    t.read()
    _free(t.case)


# The payment batch


@dataclass
class Batch(Case):
    """One payment batch: its claims by the number of their line."""

    lines: dict[str, str] = field(default_factory=dict)
    drawn_by: Who | None = None


def _hands_on(t: Try, reference: str) -> set[Who]:
    one = t.world.cases[reference]
    return one.hands | one.entered_by | {Who("", "student", person=one.person)}


def _not_payable(t: Try, case: Any, code: str) -> str:
    if case.state not in ("approved", "bounced") or t.day <= case.notice_until:
        return code
    return "account_is_settled" if account_faults(case, t.day) else ""


@create("payment", by="finance_maker")
def payment(t: Try) -> str:
    named = [str(one) for one in t.read(claims="list")["claims"]]
    codes = {"claim_twice"} if len(set(named)) < len(named) else set[str]()
    for reference in named:
        case = t.world.cases.get(reference)
        if case is None or case.workflow != "claim" or case.batch:
            codes.add("claims_are_payable")
        elif fault := _not_payable(t, case, "claims_are_payable"):
            codes.add(fault)
        if case is not None and case.workflow == "claim" and among(t.who, _hands_on(t, reference)):
            codes.add("no_claim_of_mine")
    t.refuse(codes)
    batch = Batch("payment", "", "drawn", drawn_by=t.who)
    series = f"payment{t.day.year}"
    reference = t.world.add(batch, f"{t.day:%y%m}")
    for one in sorted(named):
        t.world.numbers[series] = number = t.world.numbers.get(series, 0) + 1
        batch.lines[f"P{t.day.year}-{number:06d}"] = one
        t.world.cases[one].batch = reference
    return reference


def _claims(t: Try) -> list[Any]:
    return [t.world.cases[one] for one in t.case.lines.values()]


@step("payment", by="finance_releaser", of="drawn", to="released")
def release(t: Try) -> None:
    codes = {code for one in _claims(t) if one.batch and (code := _not_payable(t, one, "lines_are_payable"))}
    codes |= {"drawn_by_another"} if among(t.who, {t.case.drawn_by}) else set()
    codes |= {"no_item_of_mine"} if any(among(t.who, _hands_on(t, one.reference)) for one in _claims(t)) else set()
    codes |= {"no_diploma_revoked"} if any(t.world.cases[one.study].state == "revoked" for one in _claims(t)) else set()
    t.refuse(codes)
    t.read()
    for one in _claims(t):
        t.world.then("claim", one.reference, "pay")


def _in_payment(t: Try) -> None:
    t.require(claims_in_payment=all(one.state == "in_payment" for one in _claims(t)))


@step("payment", by="finance_releaser", of="released", to="exported")
def export(t: Try) -> None:
    _in_payment(t)
    t.read()


@step("payment", by="finance_maker", of="exported", to="settled")
def settle__batch(t: Try) -> None:
    _in_payment(t)
    results, lines = t.read(results="list")["results"], t.case.lines
    results = [one if isinstance(one, dict) else {} for one in results]
    named = [one.get("number") for one in results]
    codes = {"payment_unknown"} if set(named) - set(lines) else set()
    codes |= {"result_missing"} if set(lines) - set(named) else set()
    codes |= {"result_twice"} if any(named.count(number) > 1 for number in lines) else set()
    unclear = [
        one for one in results
        if one.get("number") in lines and not (one.get("result") == "paid" and not one.get("reason"))
        and not (one.get("result") == "bounced" and one.get("reason") in CHOICES["BOUNCE"])
    ]  # fmt: skip
    t.refuse(codes | ({"result_unclear"} if unclear else set()))
    for one in results:
        claim_ = t.world.cases[lines[one["number"]]]
        if one["result"] == "paid":
            t.world.then("claim", claim_.reference, "confirm_paid")
        else:
            claim_.batch = ""
            t.world.then("claim", claim_.reference, "bounce", bounce=one["reason"])


@step("payment", by="finance_maker", of="drawn", to="cancelled")
def cancel(t: Try) -> None:
    t.read(cancellation="choice CANCEL_BATCH")
    for one in _claims(t):
        one.batch = ""


__all__ = ["OF_A_COUNTY", "Batch", "Claim"]
