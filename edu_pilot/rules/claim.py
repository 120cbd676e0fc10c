"""What a claim must fulfil, and how two bodies' sealed checks decide it (§5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from edu_pilot.rules.identity import card_fault
from edu_pilot.rules.money import Reckoning, reckon, spelling
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Blocked, Reason
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule

# Who can mend what was entered.
CLAIMANT = ("student", "clerk")
BODIES = ("union_reviewer", "university_reviewer")
FILE_IN_USE = N_("This file stands for a receipt of another claim; hand in the claimant's own.")
FILE_TWICE = N_("This file has been handed in for this claim already.")
RECEIPT_FIELDS = {
    "kind": N_("kind of receipt"),
    "code": N_("receipt code"),
    "number": N_("receipt number"),
    "issuer": N_("issuer"),
    "payer": N_("payer"),
    "item": N_("item"),
    "paid_on": N_("date of payment"),
    "amount_fen": N_("amount"),
    "evidence": N_("form of the evidence"),
    "refunded_fen": N_("amount refunded"),
}
# The decision code that says nothing by itself.
OTHER = "OTHER"
# A receipt is the original unless something else is said.
ORIGINAL = "original"
# What a version accepts that was published before other forms of the evidence were known.
ONLY_ORIGINAL: Mapping[str, Any] = {ORIGINAL: {"zh": "原件", "en": "Original", "accepted": True}}
LARGEST_FEN = 10**10


READING_FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "amount_fen": (N_("amount"), lambda value: type(value) is int and 0 <= value < 10**10),
    "id_tail": (N_("last four of the ID number"), lambda value: _fits(r"[0-9]{3}[0-9Xx]", value)),
    "diploma_on": (N_("date of the diploma"), lambda value: isinstance(value, str) and _day(value) is not None),
}


class ReceiptKey(NamedTuple):
    """What makes two receipts the same one: a number alone is used by every issuer."""

    kind: str
    code: str
    number: str


@dataclass(frozen=True)
class ReceiptGiven:
    """A receipt as typed, read into its types; `faults` names what cannot be read."""

    kind: str
    code: str
    number: str
    issuer: str
    payer: str
    item: str
    paid_on: date | None
    amount_fen: int
    evidence: str
    refunded_fen: int
    faults: tuple[str, ...]

    @property
    def key(self) -> ReceiptKey:
        """Return what makes it this receipt."""
        return ReceiptKey(self.kind, self.code, self.number)


def named(labels: Mapping[str, Any], text: str) -> str | None:
    """Return the code of a value that is written as code, label or alias; None for none of them."""
    for code, entry in labels.items():
        label = entry.get("label", entry)
        if text in (code, label["zh"], label["en"], *entry.get("aliases", ())):
            return code
    return None


def read_receipt(policy: Policy, given: Any) -> ReceiptGiven:
    """R5.3: read one receipt; kinds and items may be written as code or as label."""
    values = given if isinstance(given, dict) else {}
    text = {name: str(values.get(name) or "").strip()[:100] for name in RECEIPT_FIELDS}
    kinds, items = policy.get("claim.receipt_kinds"), policy.get("claim.receipt_items")
    kind, item = named(kinds, text["kind"]), named(items, text["item"])
    evidence = named(policy.find("claim.receipt_evidence", ONLY_ORIGINAL), text["evidence"] or ORIGINAL)
    paid_on, amount, refunded = (
        _day(text["paid_on"]),
        _fen(values.get("amount_fen")),
        _fen(values.get("refunded_fen", 0)),
    )
    checks = {
        "kind": kind is not None,
        "item": item is not None,
        "code": kind is None or _digits(text["code"], kinds[kind]["code_digits"]),
        "number": kind is None or _digits(text["number"], kinds[kind]["number_digits"]),
        "issuer": bool(text["issuer"]),
        "payer": bool(text["payer"]),
        "paid_on": paid_on is not None,
        "amount_fen": bool(amount),
        "evidence": evidence is not None,
        "refunded_fen": refunded is not None and refunded <= (amount or 0),
    }
    faults = tuple(name for name, fine in checks.items() if not fine)
    return ReceiptGiven(
        kind or "", text["code"], text["number"], text["issuer"], text["payer"], item or "",
        paid_on, amount or 0, evidence or "", refunded or 0, faults,
    )  # fmt: skip


def _fen(given: Any) -> int | None:
    """Return whole fen, or None for what is no amount."""
    return given if type(given) is int and 0 <= given < LARGEST_FEN else None


def _digits(text: str, count: int) -> bool:
    return _fits(rf"[0-9]{{{count}}}", text)


def _fits(form: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(form, value) is not None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def reckoning(attempt: Attempt) -> Reckoning:
    """Return the arithmetic of the claim as it stands (R5.4)."""
    record = attempt.record
    return reckon(attempt.policy, record.person.name, record.receipts, record.other_money_fen)


@rule(on_input=True)
def study_is_reachable(attempt: Attempt) -> Blocked:
    """R5.1: the claim is for a study the claimant or the county's clerk may see."""
    if attempt.record.study_of_input(attempt.input.get("study"), attempt.actor):
        return None
    text = N_("There is no study %(study)s that you may see.")
    return blocked(text, field="study", who="clerk", study=str(attempt.input.get("study", ""))[:32])


@rule(on_input=True)
def diploma_recorded(attempt: Attempt) -> Blocked:
    """R5.1: a claim opens only after school status and diploma."""
    study = attempt.record.study_of_input(attempt.input.get("study"), attempt.actor)
    if study is None or study.diploma_on:
        return None
    text = N_("The diploma is not recorded yet; a claim can be made once it is.")
    return blocked(text, who="registrar")


@rule(on_input=True)
def diploma_holds(attempt: Attempt) -> Blocked:
    """R3.10: a revoked diploma opens no claim."""
    study = attempt.record.study_of_input(attempt.input.get("study"), attempt.actor)
    if study is None or study.state != "revoked":
        return None
    return blocked(N_("The diploma has been revoked."), who="registrar")


@rule(on_input=True)
def reimbursement_not_lost(attempt: Attempt) -> Blocked:
    """R3.10: whoever went to a major outside the programme has agreed to lose the reimbursement."""
    study = attempt.record.study_of_input(attempt.input.get("study"), attempt.actor)
    if study is None or study.reimbursable:
        return None
    return blocked(N_("The student has left the programme's majors and lost the reimbursement."), who="registrar")


@rule(on_input=True)
def no_other_claim(attempt: Attempt) -> Blocked:
    """R5.1: one claim per diploma, unless an earlier one was refused or withdrawn."""
    study = attempt.record.study_of_input(attempt.input.get("study"), attempt.actor)
    other = attempt.record.claim_for(study.id) if study else None
    if other is None:
        return None
    text = N_("Claim %(claim)s has been made for this diploma already.")
    return blocked(text, field="study", who=("student", "clerk"), claim=other)


@rule(on_input=True)
def receipts_are_sound(attempt: Attempt) -> Blocked:
    """R5.3: every receipt typed has kind, number, issuer, payer, item, date and amount in their form."""
    return _receipt_faults(attempt.policy, attempt.input.get("receipts", []), "receipts")


@rule(on_input=True)
def new_receipts_are_sound(attempt: Attempt) -> Blocked:
    """R5.3: the same for receipts that replace the earlier ones (receipts_are_sound)."""
    return _receipt_faults(attempt.policy, attempt.input.get("new_receipts", []), "new_receipts")


def _receipt_faults(policy: Policy, given: list[Any], field: str) -> list[Reason]:
    read = [(row, read_receipt(policy, receipt)) for row, receipt in enumerate(given, 1)]
    return [_receipt_fault(policy, receipt, field, row) for row, receipt in read if receipt.faults]


def _receipt_fault(policy: Policy, receipt: ReceiptGiven, field: str, row: int) -> Reason:
    """R5.3: name the parts that are faulty, and the form of code and number where one of them is."""
    parts = "names:" + ",".join(RECEIPT_FIELDS[part] for part in receipt.faults)
    text, form = N_("Receipt %(row)s is not complete or not in its form: %(parts)s"), _form(policy, receipt)
    if form.get("code_digits"):
        text = N_(
            "Receipt %(row)s is not complete or not in its form: %(parts)s. %(kind)s has a code of "
            "%(code_digits)s digits and a number of %(digits)s digits."
        )
    elif form:
        text = N_(
            "Receipt %(row)s is not complete or not in its form: %(parts)s. %(kind)s has no code, and a number of "
            "%(digits)s digits."
        )
    return blocked(text, code="receipts_are_sound", field=field, who=CLAIMANT, row=row, parts=parts, **form)


def _form(policy: Policy, receipt: ReceiptGiven) -> dict[str, Any]:
    """Return the form of code and number as facts; nothing where both are in it."""
    if not {"code", "number"} & set(receipt.faults):
        return {}
    kind = policy.get("claim.receipt_kinds")[receipt.kind]
    named_kind = f"policy:claim.receipt_kinds:{receipt.kind}"
    return {"kind": named_kind, "code_digits": kind["code_digits"], "digits": kind["number_digits"]}


@rule(on_input=True)
def receipts_are_new(attempt: Attempt) -> Blocked:
    """R5.3: no receipt typed stands twice or in another live claim, over all counties and years."""
    field = "receipts" if "receipts" in attempt.input else "new_receipts"
    given = [read_receipt(attempt.policy, receipt) for receipt in attempt.input.get(field, [])]
    keys = [r.key for r in given]
    twice = sorted({key.number for key in keys if keys.count(key) > 1})
    again, used = N_("Receipt %(number)s is entered twice."), N_("Receipt %(number)s is used in another claim.")
    return [blocked(again, code="receipt_twice", field=field, who=CLAIMANT, number=n) for n in twice] + [
        blocked(
            used,
            code="receipts_not_used",
            field=field,
            who=CLAIMANT,
            number=key.number,
            kind=key.kind,
            receipt_code=key.code,
        )
        for key in attempt.record.receipts_in_use(given)
    ]


@rule
def receipts_complete(attempt: Attempt) -> Blocked:
    """R5.3: there is a receipt, each was paid within the school status by the student or the employer."""
    record = attempt.record
    if not record.receipts:
        return blocked(N_("No receipt is entered."), who=CLAIMANT, field="receipts")
    return [*_paid_outside(record), *_paid_by_strangers(record)]


def _paid_outside(record: Any) -> list[Reason]:
    study = record.study
    text = N_("Receipt %(number)s was not paid within the school status (%(first)s to %(last)s).")
    return [
        blocked(
            text,
            who=CLAIMANT,
            number=r.number,
            first=study.from_on.isoformat(),
            last=study.diploma_on.isoformat(),
        )
        for r in record.receipts
        if not study.from_on <= r.paid_on <= study.diploma_on
    ]


def _paid_by_strangers(record: Any) -> list[Reason]:
    """R5.3: what the employer paid is not reimbursed; what a stranger paid has no place in the claim."""
    known = {spelling(record.person.name), spelling(record.employer or "")} - {""}
    text = N_(
        "Receipt %(number)s was paid by %(payer)s, who is neither the student (%(student)s) "
        "nor the employer stated at registration (%(employer)s)."
    )
    return [
        blocked(
            text,
            who=CLAIMANT,
            number=r.number,
            payer=r.payer,
            student=record.person.name,
            employer=record.employer or "—",
        )
        for r in record.receipts
        if spelling(r.payer) not in known
    ]


@rule
def receipt_evidence_suffices(attempt: Attempt) -> Blocked:
    """R5.3: a lost receipt is proved by the issuer's stamped copy or a new download; a picture of it proves nothing."""
    forms = attempt.policy.find("claim.receipt_evidence", ONLY_ORIGINAL)
    accepted = ",".join(code for code, form in forms.items() if form["accepted"])
    text = N_("Receipt %(number)s: this is not enough: %(evidence)s. Hand in one of these: %(accepted)s")
    return [
        blocked(
            text,
            field="receipts",
            who=CLAIMANT,
            number=r.number,
            evidence=f"policy:claim.receipt_evidence:{r.evidence}",
            accepted=f"policy:claim.receipt_evidence:{accepted}",
        )
        for r in attempt.record.receipts
        if not forms.get(r.evidence, {}).get("accepted")
    ]


@rule
def receipts_not_used(attempt: Attempt) -> Blocked:
    """R5.3: a receipt counts in one claim only, over all counties and years."""
    text = N_("Receipt %(number)s is used in another claim.")
    return [
        blocked(text, who=CLAIMANT, number=key.number, kind=key.kind, receipt_code=key.code)
        for key in attempt.record.receipts_elsewhere
    ]


@rule
def receipt_files_not_used(attempt: Attempt) -> Blocked:
    """R5.3: the file of a receipt stands in one claim only, over all counties and years."""
    number = attempt.record.receipt_files_elsewhere
    return blocked(FILE_IN_USE, who=CLAIMANT) if number else None


def receipt_signs(record: Any) -> list[Reason]:
    """R5.3: what the machine sees and people judge: a receipt's picture that looks like another live claim's.

    It blocks nothing, and names neither the other claim nor its claimant.
    """
    number = record.receipt_looks_elsewhere
    if not number:
        return []
    text = N_("A receipt looks like one in %(number)s other claims; compare number, payer and date closely.")
    return [blocked(text, code="receipt_looks_alike", number=number)]


@rule
def account_is_own(attempt: Attempt) -> Blocked:
    """R2.7: a sound card number whose holder is the claimant; the bank may drop the dot of a name."""
    record = attempt.record
    faults: list[Reason] = []
    if card_fault(record.account_number or ""):
        text = N_("The bank card number is not right; compare it with the card.")
        faults.append(blocked(text, field="account_number", who=("student", "clerk")))
    if not is_payee(record, record.account_holder, record.heir):
        text = N_("The account must be the claimant's own.")
        faults.append(blocked(text, field="account_holder", who=("student", "clerk")))
    return faults


def is_payee(record: Any, holder: str | None, heir: str | None) -> bool:
    """R2.7: whether an account is the claimant's own, or the proved heir's of one who died; banks drop the dot."""
    return (holder or "").replace("·", "") == (heir or record.person.name).replace("·", "")


@rule
def excess_is_explained(attempt: Attempt) -> Blocked:
    """R5.4: receipts above the tariff need an explanation; they count at most the tariff."""
    excess = reckoning(attempt).excess_fen
    if not excess or attempt.record.explanation:
        return None
    text = N_("The receipts exceed the tariff by %(excess)s; explain why.")
    return blocked(text, field="explanation", who=("student", "clerk"), excess=f"fen:{excess}")


@rule
def skill_certificate_where_required(attempt: Attempt) -> Blocked:
    """R5.9: whether the skill certificate is a condition is a switch of the policy."""
    if not attempt.policy.get("claim.skill_certificate_required") or attempt.record.certificates:
        return None
    return blocked(N_("A skill certificate is required and none is recorded."), who="examiner")


@rule(earlier=True)
def certificate_is_verified(attempt: Attempt) -> Blocked:
    """R4.6, R5.9: where the certificate is a condition, the payment waits until the national query shows it."""
    if not certificate_pending(attempt.policy, attempt.record.certificates):
        return None
    return blocked(N_("The skill certificate is pending verification in the national query."), who="system")


def certificate_pending(policy: Policy, certificates: Sequence[Any]) -> bool:
    """R5.9: whether the certificate is a condition and none of them is verified yet."""
    required = policy.get("claim.skill_certificate_required")
    return bool(required) and all(certificate.verified_on is None for certificate in certificates)


def body_of(attempt: Attempt) -> str:
    """Return the body the actor checks for."""
    return next((body for body in BODIES if body in attempt.actor.roles), "")


def colleagues(attempt: Attempt) -> tuple[str, ...]:
    """Return the judging roles of the actor: who of a claim's decision is barred, or errs, is helped by nobody else."""
    return tuple(role for role in (*BODIES, "arbiter") if role in attempt.actor.roles)


@rule
def acts_for_one_body(attempt: Attempt) -> Blocked:
    """R5.2: nobody checks for both bodies."""
    if len(attempt.actor.roles & set(BODIES)) == 1:
        return None
    return blocked(N_("An account that holds both reviewer roles cannot check a claim."), who="admin")


@rule
def has_a_person(attempt: Attempt) -> Blocked:
    """R5.2: decisions over money are compared by person, so the account must name one."""
    if attempt.actor.person_key:
        return None
    return blocked(N_("Your account names no person; the administrator must add the ID number."), who="admin")


@rule
def not_own_case(attempt: Attempt) -> Blocked:
    """R5.2: the claimant never decides the own claim, whatever the account (SELF_REVIEW)."""
    if attempt.actor.person_key is None or attempt.actor.person_key != attempt.record.person_key:
        return None
    return blocked(N_("This is your own claim; another person must decide it."), who=colleagues(attempt))


@rule
def not_entered_by_me(attempt: Attempt) -> Blocked:
    """R5.2: whoever entered, amended or submitted the claim never checks it."""
    if not attempt.record.entered_by.include(attempt.actor):
        return None
    return blocked(N_("You entered this claim; another person must check it."), who=colleagues(attempt))


@rule
def my_body_has_not_checked(attempt: Attempt) -> Blocked:
    """R5.2: of two reviewers of one body one wins, the other is told who."""
    mine = next((c for c in attempt.record.checks if c.body == body_of(attempt)), None)
    if mine is None:
        return None
    text = N_("%(reviewer)s has checked this claim for your body already.")
    return blocked(text, who=BODIES, reviewer=mine.checked_by)


@rule
def other_body_was_another_person(attempt: Attempt) -> Blocked:
    """R5.2: the two checks are given by two persons, even where one holds two accounts."""
    keys = {c.person_key for c in attempt.record.checks_given if c.body != body_of(attempt)}
    if attempt.actor.person_key not in keys:
        return None
    text = N_("You have checked this claim for the other body; another person must check it for this one.")
    return blocked(text, who=colleagues(attempt))


@rule
def not_checked_by_me(attempt: Attempt) -> Blocked:
    """R5.2: whoever checked the claim does not settle it."""
    if attempt.actor.person_key not in {c.person_key for c in attempt.record.checks_given}:
        return None
    return blocked(N_("You have checked this claim; another person must settle it."), who="arbiter")


@rule(on_input=True)
def reading_is_complete(attempt: Attempt) -> Blocked:
    """R5.2: a check states what was read from the evidence: amount in fen, ID tail, date of the diploma."""
    reading = attempt.input.get("reading") or {}
    faulty = [label for name, (label, fits) in READING_FIELDS.items() if not fits(reading.get(name))]
    if set(reading) - set(READING_FIELDS):
        faulty.append(N_("entries that are not asked"))
    if not faulty:
        return None
    text = N_("Enter what you read from the evidence; missing or not in its form: %(parts)s")
    return blocked(text, field="reading", who=colleagues(attempt), parts="names:" + ",".join(faulty))


@rule(on_input=True)
def outcome_has_reasons(attempt: Attempt) -> Blocked:
    """R5.2, R5.5: a refusal names codes of refusal, a correction codes of correction, a pass none."""
    if _codes_fit(attempt, attempt.input.get("outcome")):
        return None
    text = N_(
        "Choose reasons that belong to the outcome: at least one of refusal for a refusal, "
        "at least one of correction for a correction, and none for a pass."
    )
    return blocked(text, field="reasons", who=colleagues(attempt))


@rule(on_input=True)
def other_is_explained(attempt: Attempt) -> Blocked:
    """R5.2: a reason that no code names is put into words, so that the person knows what to mend."""
    chosen = [*attempt.input.get("reasons", []), *attempt.input.get("faults", [])]
    if OTHER not in chosen or attempt.input.get("note"):
        return None
    text = N_("Who chooses “other” writes down what it is.")
    return blocked(text, field="note", who=colleagues(attempt) or tuple(sorted(attempt.actor.roles)))


@rule(on_input=True)
def decision_has_reasons(attempt: Attempt) -> Blocked:
    """R5.5: the arbiter's refusal names codes of refusal, a pass none."""
    if _codes_fit(attempt, attempt.input.get("decision")):
        return None
    text = N_("Choose at least one reason of refusal for a refusal, and none for a pass.")
    return blocked(text, field="reasons", who="arbiter")


def _codes_fit(attempt: Attempt, outcome: str | None) -> bool:
    """Whether the codes chosen are of the outcome's family; a pass has none."""
    chosen = set(attempt.input.get("reasons", []))
    if outcome == "pass":
        return not chosen
    return bool(chosen) and chosen <= set(attempt.policy.find(f"decision_codes.{outcome}", {}))


def _outcomes(attempt: Attempt) -> list[str]:
    """Return the outcomes given so far, the present one included."""
    return [c.outcome for c in attempt.record.checks] + [attempt.input["outcome"]]


@condition
def other_body_still_open(attempt: Attempt) -> bool:
    """R5.2: the other body has not checked yet."""
    return len(_outcomes(attempt)) < len(BODIES)


@condition
def both_bodies_pass(attempt: Attempt) -> bool:
    """R5.1: only both passes approve."""
    return set(_outcomes(attempt)) == {"pass"}


@condition
def both_bodies_refuse(attempt: Attempt) -> bool:
    """R5.2: both bodies refuse."""
    return set(_outcomes(attempt)) == {"refuse"}


@condition
def one_passes_one_refuses(attempt: Attempt) -> bool:
    """R5.2: the two bodies do not agree."""
    return set(_outcomes(attempt)) == {"pass", "refuse"}


@condition
def arbiter_passes(attempt: Attempt) -> bool:
    """R5.2: the arbiter of the city union decides for the claim."""
    return bool(attempt.input["decision"] == "pass")


@rule
def notice_is_over(attempt: Attempt) -> Blocked:
    """R5.7: payment waits until the public notice has ended."""
    last = attempt.record.notice_until
    if notice_ended(last, attempt.today):
        return None
    text = N_("The public notice runs until %(last)s.")
    return blocked(text, who="system", last=last.isoformat() if last else "—")


def notice_ended(last: date | None, today: date) -> bool:
    """R5.7: whether the public notice has begun and its last day is past."""
    return last is not None and today > last
