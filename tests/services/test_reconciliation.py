"""All money is accounted for, at every stage of its way; and where it is not, the claim is named (R5.8)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import read, write
from edu_pilot.services import due, health, outbox, reconciliation
from edu_pilot.services.reconciliation import Account
from tests.factories import BATCHED, SETTLED, Pilot, on, receipt, row, rows
from tests.people import worker

WHOLE = 479_000


def account() -> Account:
    with read() as conn:
        return reconciliation.reconcile(conn)


def sums(found: Account) -> tuple[int, ...]:
    """Give approved, open, paid, being recovered, recovered."""
    return found.approved_fen, found.open_fen, found.paid_fen, found.recovering_fen, found.recovered_fen


def answer(pilot: Pilot, batch: str, **bounced: str) -> None:
    """Let the bank answer: a line whose claim is named was sent back."""
    lines = rows("payment_item", payment_id=row("payment", batch)["id"])
    given = [
        {"number": line["number"], "result": "bounced", "reason": "ACCOUNT_CLOSED"}
        if line["claim_id"] in bounced.values()
        else {"number": line["number"], "result": "paid"}
        for line in lines
    ]
    pilot.act("payment", batch, "settle", pilot.he_jun, SETTLED, results=given)


def settle(pilot: Pilot, batch: str, **bounced: str) -> None:
    """Let the bank answer, and the claims hear of it."""
    answer(pilot, batch, **bounced)
    with on(SETTLED):
        outbox.drain()


def test_r5_8_the_money_reconciles_at_every_stage(any_pilot: Pilot) -> None:
    pilot = any_pilot
    assert sums(account()) == (0, 0, 0, 0, 0) and account().ok
    odd = receipt("901", worker(1).name, amount_fen=123_457)
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)), receipts=[odd])]
    both = WHOLE + 123_457
    assert sums(account()) == (both, both, 0, 0, 0) and account().ok
    batch = pilot.batch(*claims)
    pilot.export(batch)
    assert sums(account()) == (both, both, 0, 0, 0) and account().ok
    settle(pilot, batch, sent_back=row("claim", claims[1])["id"])
    found = account()
    assert sums(found) == (both, 123_457, WHOLE, 0, 0) and found.ok
    assert [(b.total_fen, b.paid_fen, b.bounced_fen, b.difference_fen) for b in found.batches] == [
        (both, WHOLE, 123_457, 0)
    ]
    pilot.act("claim", claims[0], "recover", pilot.arbiter, SETTLED, recovery="FALSE_PAPERS")
    assert sums(account()) == (both, 123_457, WHOLE, WHOLE, 0) and account().ok
    pilot.act("claim", claims[0], "confirm_recovered", pilot.he_jun, SETTLED, recovered_fen=79_000)
    pilot.act("claim", claims[1], "withdraw", pilot.wang_fang, SETTLED)
    found = account()
    assert sums(found) == (WHOLE, 0, WHOLE, 400_000, 79_000) and found.ok
    assert (found.kept_fen, found.difference_fen) == (400_000, 0)


def test_r5_8_a_payment_the_claim_has_not_heard_of_yet_is_no_difference(pilot: Pilot) -> None:
    """The claim's own step follows the batch's; in between the money is paid, and not open."""
    batch = pilot.batch(pilot.approved(pilot.graduated()))
    pilot.export(batch)
    answer(pilot, batch)
    assert sums(account()) == (WHOLE, 0, WHOLE, 0, 0) and account().ok


# What somebody with the database's password might do, and what is said of it.
PAID = {
    "paid_without_payment": "UPDATE payment_item SET result = 'bounced'",
    "paid_twice": "INSERT INTO payment_item (id, payment_id, claim_id, number, amount_fen, result, live)"
    " SELECT 'x', payment_id, claim_id, 'P2025-999999', amount_fen, 'paid', false FROM payment_item",
    "amount_differs": "UPDATE payment_item SET amount_fen = amount_fen + 1",
    "recovery_differs": "UPDATE claim SET recovered_fen = 1",
    "total_differs": "UPDATE payment SET total_fen = total_fen - 1",
    "release_differs": "UPDATE payment SET total_fen = total_fen - 1",
    "result_missing": "UPDATE payment_item SET result = NULL",
}
EXPORTED = {
    "result_early": "UPDATE payment_item SET result = 'paid'",
    "bank_file_differs": "UPDATE bank_file SET content = x'00'",
    "bank_line_differs": "UPDATE payment_item SET amount_fen = amount_fen - 1",
}
APPROVED = {
    "payment_without_claim": "INSERT INTO payment_item (id, payment_id, claim_id, number, amount_fen, result, live)"
    " SELECT 'x', payment.id, claim.id, 'P2025-999999', 479000, 'paid', true FROM payment, claim"
    " WHERE claim.state = 'approved'",
}


def changed(statement: str) -> Account:
    with write() as conn:
        assert conn.execute(sa.text(statement)).rowcount
    return account()


@pytest.mark.parametrize("code", PAID)
def test_r5_8_a_change_of_what_was_paid_is_named(pilot: Pilot, code: str) -> None:
    claim = pilot.paid(pilot.graduated())
    found = changed(PAID[code])
    assert not found.ok
    named = {one.code: one for one in found.differences}
    assert code in named
    assert claim in (named[code].claim, claim if named[code].batch else None)


@pytest.mark.parametrize("code", EXPORTED)
def test_r5_8_a_change_while_the_bank_has_the_file_is_named(pilot: Pilot, code: str) -> None:
    pilot.export(pilot.batch(pilot.approved(pilot.graduated())))
    assert account().ok
    assert code in {one.code for one in changed(EXPORTED[code]).differences}


def test_r5_8_a_payment_for_a_claim_that_is_not_to_be_paid_is_named(pilot: Pilot) -> None:
    pilot.paid(pilot.graduated())
    claim = pilot.approved(pilot.graduated(worker(1)))
    found = changed(APPROVED["payment_without_claim"])
    assert ("payment_without_claim", claim, 0, WHOLE) in {
        (one.code, one.claim, one.expected_fen, one.found_fen) for one in found.differences
    }


def queries() -> int:
    """Give how many questions a reconciliation puts to the database."""
    asked: list[None] = []
    with read() as conn:
        sa.event.listen(conn, "before_cursor_execute", lambda *_args: asked.append(None))
        assert reconciliation.reconcile(conn).ok
    return len(asked)


def test_more_batches_are_no_more_questions(pilot: Pilot) -> None:
    pilot.paid(pilot.graduated())
    one = queries()
    for n in (1, 2):
        pilot.paid(pilot.graduated(worker(n)))
    assert queries() == one


def test_every_difference_is_seen_here() -> None:
    assert {*PAID, *EXPORTED, *APPROVED} == set(reconciliation.TEXTS)


def test_what_is_due_hourly_looks_after_the_money(pilot: Pilot) -> None:
    pilot.paid(pilot.graduated())
    assert due.run_on(BATCHED)["money_differences"] == 0
    changed(PAID["amount_differs"])
    assert due.run_on(BATCHED)["money_differences"] == 3
    assert [f.fine for f in health.findings() if f.name == "money"] == [False]
