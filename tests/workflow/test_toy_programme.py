"""A library lends books through the same engine: nothing in it knows a student, a page or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from edu_pilot.workflow.reasons import Blocked, Forbidden, Refused, blocked
from edu_pilot.workflow.registry import Actor, Attempt, Registry
from edu_pilot.workflow.versions import Compiled, compile_files

library = Registry()

ROLES = """\
reader: {label: {zh: 读者, en: reader}}
librarian: {label: {zh: 馆员, en: librarian}}
"""
POLICIES = "holds_from: 2022-01-01\nloan: {days: 14, at_most: 2}\n"
LOAN = """\
workflow: loan
label: {zh: 借阅, en: Loan}
prefix: L
initial: asked
fields:
  damage: {type: text, optional: true, label: {zh: 损坏, en: Damage}}
create: {label: {zh: 申请, en: Ask}, by: [reader], rules: [reader_may_borrow]}
states:
  asked: {label: {zh: 已申请, en: Asked}}
  lent: {label: {zh: 已借出, en: Lent}}
  overdue: {label: {zh: 逾期, en: Overdue}}
  returned: {label: {zh: 已归还, en: Returned}, final: true}
actions:
  lend:
    label: {zh: 借出, en: Lend}
    from: [asked]
    to: lent
    by: [librarian]
    rules: [book_is_on_the_shelf, not_my_own_loan]
    effects: [take_from_the_shelf]
  give_back:
    label: {zh: 归还, en: Give back}
    from: [lent, overdue]
    to: {returned: in_time_or_fine_paid, overdue: otherwise}
    by: [reader, librarian]
    needs: [damage]
    rules: [damage_is_described]
  pay_fine:
    label: {zh: 缴纳滞纳金, en: Pay the fine}
    from: [overdue]
    to: same
    by: [reader]
    effects: [note_fine]
"""


@library.rule(on_input=True)
def reader_may_borrow(attempt: Attempt) -> Blocked:
    """A reader holds at most so many books."""
    if attempt.record.books < attempt.policy.get("loan.at_most"):
        return None
    return blocked("You have %(books)s books already.", who="reader", books=attempt.record.books)


@library.rule
def book_is_on_the_shelf(attempt: Attempt) -> Blocked:
    """A book that is out cannot be lent."""
    return None if attempt.record.on_shelf else blocked("The book is out.", who="librarian")


@library.rule
def not_my_own_loan(attempt: Attempt) -> Blocked:
    """Nobody lends to himself."""
    if attempt.record.reader != attempt.actor.name:
        return None
    return blocked("This is your own loan.", code="own_loan", who="librarian")


@library.rule(on_input=True)
def damage_is_described(attempt: Attempt) -> Blocked:
    """A damage is told in more than a word."""
    if len(attempt.input.get("damage", "none at all")) > 5:
        return None
    return [blocked("Describe the damage."), blocked("And who did it.", code="who_did_it")]


@library.condition
def in_time_or_fine_paid(attempt: Attempt) -> bool:
    """Back within the days of the policy, or the fine is paid."""
    days = timedelta(days=attempt.policy.get("loan.days"))
    return bool(attempt.record.fine_paid or attempt.today <= attempt.record.lent_on + days)


@library.effect
def take_from_the_shelf(loan: Loan) -> None:
    """The book is out from today on."""
    loan.on_shelf = False
    loan.lent_on = DAY


@library.effect
def note_fine(loan: Loan) -> None:
    """The fine is paid."""
    loan.fine_paid = True


DAY = date(2022, 9, 1)
READER = Actor("1", "liu.wei", frozenset({"reader"}))
LIBRARIAN = Actor("2", "chen.hui", frozenset({"librarian"}))
BOTH = Actor("3", "liu.wei", frozenset({"reader", "librarian"}))


@dataclass
class Loan:
    """A loan as this library keeps it: in memory."""

    state: str = ""
    reader: str = "liu.wei"
    books: int = 0
    on_shelf: bool = True
    lent_on: date = DAY
    fine_paid: bool = False
    history: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_files({"loan.yaml": LOAN, "roles.yaml": ROLES, "policies.yaml": POLICIES}, library)


class Library:
    """The host of this programme, in the ten lines that any programme needs."""

    def __init__(self, compiled: Compiled) -> None:
        self.policy = compiled.policy
        self.engine = compiled.engines["loan"]

    def attempt(self, loan: Loan, action: str, actor: Actor, day: date, given: Mapping[str, Any]) -> Attempt:
        return Attempt(loan, action, actor, given, self.policy, day)

    def step(self, loan: Loan, action: str, actor: Actor, day: date = DAY, **given: Any) -> str:
        attempt = self.attempt(loan, action, actor, day, given)
        self.engine.permit(attempt)
        to = self.engine.decide(attempt)
        for name in self.engine.action(action).effects:
            library.effects[name](loan)
        loan.history.append(action)
        loan.state = to
        return to


@pytest.fixture
def desk(compiled: Compiled) -> Library:
    return Library(compiled)


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refusal.value.reasons]


def test_a_loan_runs_to_its_end(desk: Library) -> None:
    loan = Loan()
    assert desk.step(loan, "create", READER) == "asked"
    assert desk.step(loan, "lend", LIBRARIAN) == "lent"
    assert desk.step(loan, "give_back", READER, DAY + timedelta(days=14)) == "returned"
    assert loan.history == ["create", "lend", "give_back"]


def test_a_late_loan_branches_and_comes_back(desk: Library) -> None:
    loan = Loan("lent")
    late = DAY + timedelta(days=15)
    assert desk.step(loan, "give_back", READER, late) == "overdue"
    assert desk.step(loan, "give_back", LIBRARIAN, late) == "overdue"
    assert desk.step(loan, "pay_fine", READER, late) == "overdue"
    assert desk.step(loan, "give_back", READER, late) == "returned"


def test_all_reasons_are_named_at_once(desk: Library) -> None:
    """R6.2."""
    loan = Loan("asked", on_shelf=False)
    with pytest.raises(Refused) as refusal:
        desk.step(loan, "lend", BOTH)
    assert codes(refusal) == ["book_is_on_the_shelf", "own_loan"]
    assert (loan.state, loan.history) == ("asked", [])


def test_one_rule_may_give_several_reasons(desk: Library) -> None:
    with pytest.raises(Refused) as refusal:
        desk.step(Loan("lent"), "give_back", READER, damage="torn")
    assert codes(refusal) == ["damage_is_described", "who_did_it"]


def test_a_role_that_never_may_is_forbidden(desk: Library) -> None:
    with pytest.raises(Forbidden) as refusal:
        desk.step(Loan("asked", on_shelf=False), "lend", READER)
    assert codes(refusal) == ["role_missing"]
    assert refusal.value.reasons[0].who == ("librarian",)


def test_a_step_from_elsewhere_is_refused(desk: Library) -> None:
    for state in ("lent", "overdue", "returned"):
        with pytest.raises(Refused) as refusal:
            desk.step(Loan(state), "lend", LIBRARIAN)
        assert codes(refusal) == ["not_from_this_state"]


def test_a_birth_has_rules_too(desk: Library) -> None:
    with pytest.raises(Refused) as refusal:
        desk.step(Loan(books=2), "create", READER)
    assert codes(refusal) == ["reader_may_borrow"]
    with pytest.raises(Forbidden):
        desk.step(Loan(), "create", LIBRARIAN)


def test_the_offers_are_the_actions_a_role_may_take_here(desk: Library) -> None:
    def offered(state: str, actor: Actor) -> list[str]:
        return [action.name for action in desk.engine.offered(state, actor)]

    assert offered("asked", LIBRARIAN) == ["lend"]
    assert offered("asked", READER) == []
    assert offered("overdue", READER) == ["give_back", "pay_fine"]
    assert offered("overdue", LIBRARIAN) == ["give_back"]
    assert offered("returned", BOTH) == []


def test_a_rule_on_the_input_is_asked_only_once_there_is_one(desk: Library) -> None:
    attempt = desk.attempt(Loan("lent"), "give_back", READER, DAY, {"damage": "torn"})
    assert desk.engine.blockers(attempt, on_input=False) == ()
    assert len(desk.engine.blockers(attempt, on_input=True)) == 2


def test_the_engine_never_touches_the_record(desk: Library) -> None:
    loan = Loan("lent")
    attempt = desk.attempt(loan, "give_back", READER, DAY, {})
    assert desk.engine.decide(attempt) == "returned"
    assert loan.state == "lent"


def test_a_rule_that_breaks_is_loud(compiled: Compiled, desk: Library) -> None:
    """An error in a rule is never taken for a yes or a no."""
    with pytest.raises(AttributeError):
        desk.engine.blockers(desk.attempt(object(), "lend", LIBRARIAN, DAY, {}), on_input=True)  # type: ignore[arg-type]
