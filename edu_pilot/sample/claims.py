"""A fictional claim: receipts of the terms, submission, two sealed checks, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from dateutil.relativedelta import relativedelta

from edu_pilot.rules.calendar import registration_day
from edu_pilot.rules.study import earliest_diploma
from edu_pilot.sample.calendar import Life
from edu_pilot.sample.hands import Hands
from edu_pilot.sample.people import Worker
from edu_pilot.sample.stories import Story
from edu_pilot.workflow.registry import Actor

TERMS, MONTHS_OF_TERM = 5, 6
OTHER_MONEY_FEN = 60_000
RESIT_FEE_FEN = 18_000
Check = tuple[str, tuple[str, ...]]
PASS: Check = ("pass", ())
# Outcome and reasons of the union and of the university, by ending and special.
CHECKS: dict[tuple[str, str], tuple[Check, Check]] = {
    ("refused", ""): (("refuse", ("RECEIPT_PAYER_MISMATCH",)), ("refuse", ("RECEIPT_VOID",))),
    ("refused", "arbiter"): (("refuse", ("PAID_BY_OTHERS",)), PASS),
    ("paid", "arbiter"): (PASS, ("refuse", ("ILLEGIBLE",))),
    ("not_agreed", ""): (("refuse", ("IDENTITY_MISMATCH",)), PASS),
    ("returned", ""): (PASS, ("correct", ("RECEIPT_DETAILS_WRONG",))),
    ("paid", "corrected"): (PASS, ("correct", ("RECEIPT_DETAILS_WRONG",))),
}
# What the last receipt of these claims says otherwise than was entered, and the reviewers find.
SAYS_OTHERWISE: dict[tuple[str, str], dict[str, Any]] = {
    ("refused", ""): {"payer": "样例他人"},
    ("returned", ""): {"amount_fen": 85_800},
}
# Days before the business date on which a claim that is still open was decided or left lying.
DECIDED_AGO = {
    "approved": 3, "in_payment": 32, "not_agreed": 6, "submitted": 4, "returned": 5, "draft": 0, "objected": 3,
    "bounced": 62,
}  # fmt: skip
# How far the batch comes that takes a claim out of the monthly ones.
KEPT_BACK = {("in_payment", ""): "released", ("in_payment", "exported"): "exported", ("approved", "drawn"): "drawn"}
DAYS_OF_CHECKING = 12
# A changed account is confirmed when its waiting time is over as well.
CONFIRMED_AFTER = timedelta(days=4)


@dataclass
class Claimant:
    """Who claims, with the references and the actor who enters the claim."""

    hands: Hands
    worker: Worker
    story: Story
    study: str
    enters: Actor
    claim: str = ""

    def act(self, who: Actor, action: str, **given: Any) -> str:
        """Take a step on the claim."""
        return self.hands.act(who, "claim", self.claim, action, **given).state


def claiming(hands: Hands, worker: Worker, story: Story, study: str, chance: Random) -> Life:
    """From the receipts to the decision; payment is the finance office's."""
    clerk = hands.of_county("clerk", worker.county)
    enters = hands.worker(worker.id_number) if chance.random() < 0.5 else clerk
    me = Claimant(hands, worker, story, study, enters)
    yield (day := _entered_on(me, chance))
    _enter(me)
    if story.claim == "draft":
        return
    yield hands.office(day + timedelta(days=2))
    if story.claim == "withdrawn":
        me.act(enters, "withdraw")
        return
    me.act(enters, "submit")
    if batch := KEPT_BACK.get((story.claim, story.special)):
        hands.kept_back[me.claim] = batch
    if story.claim == "bounced" or story.special == "new_account":
        hands.sent_back.add(me.claim)
    yield from _checked(me, chance)
    yield from _afterwards(me)


def _entered_on(me: Claimant, chance: Random) -> date:
    story, hands = me.story, me.hands
    if story.claim not in DECIDED_AGO:
        return hands.office(hands.calendar.today + timedelta(days=chance.randint(14, 40)))
    # A batch can be drawn only once the notice is over, holidays included.
    ago = DECIDED_AGO["in_payment" if story.special == "drawn" else story.claim]
    return hands.office(hands.last - timedelta(days=ago + DAYS_OF_CHECKING))


def _enter(me: Claimant) -> None:
    special = me.story.special
    given: dict[str, Any] = {"explanation": "含重修课程学分费"} if special == "excess" else {}
    if special == "other_money":
        given["other_money_fen"] = OTHER_MONEY_FEN
    entered = receipts(me)
    me.claim = me.hands.new(
        "claim", me.enters, study=me.study, receipts=entered, account_number=me.worker.card,
        account_holder=me.worker.name, **given,
    ).reference  # fmt: skip
    me.hands.hand_in_receipts(me.enters, me.claim, evidence(me, entered))


def evidence(me: Claimant, entered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the receipts say: what was entered, but for the claims in which a reviewer finds a fault."""
    return [*entered[:-1], entered[-1] | SAYS_OTHERWISE.get((me.story.claim, me.story.special), {})]


def receipts(me: Claimant) -> list[dict[str, Any]]:
    """Return the receipts of five terms: together the tariff, and more where a course was sat again."""
    tariff, special = me.hands.policy.get("claim"), me.story.special
    instalment = tariff["tariff_per_credit_fen"] * tariff["tariff_credits"] // TERMS
    first = registration_day(me.worker.intake) + timedelta(days=11)
    terms = [first + relativedelta(months=MONTHS_OF_TERM * n) for n in range(TERMS)]
    given = [_receipt(me, first, "注册费", tariff["registration_fee_fen"])]
    given += [_receipt(me, day, "学分费", instalment) for day in terms]
    if special == "excess":
        given.append(_receipt(me, terms[-1], "学分费", RESIT_FEE_FEN))
    if special == "employer":
        given[-1]["payer"] = me.worker.employer
    return given


def _receipt(me: Claimant, paid_on: date, item: str, amount_fen: int) -> dict[str, Any]:
    return {
        "kind": "digital_invoice",
        "code": "",
        "number": me.hands.population.receipt_number(paid_on),
        "issuer": me.hands.policy.get("programme.issuer")["zh"],
        "payer": me.worker.name,
        "item": item,
        "paid_on": paid_on.isoformat(),
        "amount_fen": amount_fen,
    }


def _checked(me: Claimant, chance: Random) -> Life:
    """Both bodies check in either order; the first says nothing to the second (R5.2)."""
    story, hands = me.story, me.hands
    first, second = CHECKS.get((story.claim, story.special), (PASS, PASS))
    desks = [("union", first), ("university", second)]
    if chance.random() < 0.5:
        desks.reverse()
    if story.claim == "submitted":
        desks = [desk for desk in desks if desk[0] == story.special]
    for body, (outcome, reasons) in desks:
        yield hands.office(hands.calendar.today + timedelta(days=DAYS_OF_CHECKING // 3))
        _check(me, body, outcome, reasons)
    if story.claim == "objected":
        yield hands.office(hands.calendar.today + timedelta(days=1))
        me.act(hands.of_county("union", me.worker.county), "object", objection="群众反映学费由用人单位承担")
        return
    yield hands.office(hands.calendar.today + timedelta(days=7))
    if story.special == "arbiter":
        for body, (outcome, reasons) in desks:
            _check(me, body, outcome, reasons, "recheck")
        _settle(me)
    if story.special == "corrected":
        yield from _corrected(me)


def _check(me: Claimant, body: str, outcome: str, reasons: tuple[str, ...], step: str = "check") -> None:
    hands = me.hands
    who = hands.staff[body] if body in hands.staff else hands.of_county(body, me.worker.county)
    me.act(who, step, outcome=outcome, reading=_reading(me), reasons=list(reasons))


def _reading(me: Claimant) -> dict[str, Any]:
    """What a reviewer reads from the evidence: the amount, the end of the ID number, the diploma."""
    diploma_on = earliest_diploma(me.hands.policy, me.worker.intake)
    return {
        "amount_fen": me.hands.row("claim", me.claim)["payable_fen"],
        "id_tail": me.worker.id_number[-4:],
        "diploma_on": diploma_on.isoformat(),
    }


def _settle(me: Claimant) -> None:
    refused = me.story.claim == "refused"
    given: dict[str, Any] = {"reasons": ["PAID_BY_OTHERS"]} if refused else {}
    decision = "refuse" if refused else "pass"
    me.act(me.hands.staff["union.city"], "settle", decision=decision, **given)


def _corrected(me: Claimant) -> Life:
    me.act(me.enters, "amend", explanation="票据信息已更正")
    me.act(me.enters, "submit")
    for body in ("university", "union"):
        yield me.hands.office(me.hands.calendar.today + timedelta(days=5))
        _check(me, body, *PASS)


def _afterwards(me: Claimant) -> Life:
    """What comes of the payment: another account for money sent back, or money asked back."""
    if me.story.special == "new_account":
        yield from _until(me, "bounced")
        yield from _account_changed(me)
    if me.story.claim in ("recovering", "recovered"):
        yield from _until(me, "paid")
    if me.story.claim == "recovered":
        yield from _recovered(me)


def _until(me: Claimant, state: str) -> Life:
    """Look every week until the claim is in a state; the finance office brings it there."""
    while me.hands.state("claim", me.claim) != state:
        yield me.hands.calendar.today + timedelta(days=7)


def _account_changed(me: Claimant) -> Life:
    card = me.hands.population.card()
    me.act(me.enters, "change_account", account_number=card, account_holder=me.worker.name)
    yield me.hands.calendar.today + CONFIRMED_AFTER
    me.act(me.hands.of_county("union", me.worker.county), "confirm_account")


def _recovered(me: Claimant) -> Life:
    yield me.hands.office(me.hands.calendar.today + timedelta(days=7))
    me.act(me.hands.staff["union.city"], "recover", recovery="RECEIPT_REVERSED", note="票据已红冲")
    yield me.hands.office(me.hands.calendar.today + timedelta(days=14))
    paid = me.hands.row("claim", me.claim)["payable_fen"]
    me.act(me.hands.staff["finance.maker"], "confirm_recovered", recovered_fen=paid)
