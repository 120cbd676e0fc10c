"""One receipt for two claims, two results of one batch: money is counted once (R5.3, R5.8)."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle

import sqlalchemy as sa
from stdnum import luhn

from edu_pilot.extensions import write
from edu_pilot.services import outbox
from edu_pilot.services.actors import student
from edu_pilot.services.perform import create
from edu_pilot.services.vault import vault
from tests.app import Place
from tests.factories import BATCHED, CARD, CLAIMED, Pilot, on, receipt, row, rows, state
from tests.people import LIU_WEI, worker
from tests.races.harness import Step, Track
from tests.races.test_races import ROUNDS, UNPROTECTED_ROUNDS, assert_one_winner, both_won, winners

OTHER_CARD = "622848001012345678" + luhn.calc_check_digit("622848001012345678")


class OneReceipt:
    """Clerks of two counties enter the same receipt at once (R5.3)."""

    def __init__(self, pilot: Pilot) -> None:
        decheng = Pilot()
        decheng.wang_fang = decheng.decheng_clerk
        there = decheng.graduated(worker(1), by=decheng.decheng_clerk, county="德城区", point="德城区教学点")
        self.drafts = {
            pilot.wang_fang: pilot.claim(pilot.graduated()),
            decheng.decheng_clerk: decheng.claim(there),
        }

    def steps(self, n: int) -> list[Step]:
        given = {"new_receipts": [receipt(str(10_000 + n))]}
        return [Step("claim", claim, "amend", clerk, CLAIMED, given) for clerk, claim in self.drafts.items()]

    def holders(self, n: int) -> int:
        return len(rows("receipt", number=str(10_000 + n).zfill(20)))


def test_edge_40_one_receipt_in_two_counties_counts_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    same = OneReceipt(any_pilot)
    assert_one_winner(racetrack.race(any_place, same.steps, ROUNDS), "is used in another claim")
    assert len(rows("receipt")) == 2


def test_without_its_key_one_receipt_counts_twice(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """The unique index of live receipts dropped; on SQLite also the transaction."""
    same = OneReceipt(any_pilot)
    with write() as conn:
        conn.execute(sa.text("DROP INDEX uq_receipt_live_number"))
    found = racetrack.race(any_place, same.steps, UNPROTECTED_ROUNDS, without=["transaction"], until=both_won)
    assert winners(found)[-1] == same.holders(len(found) - 1) == 2


class TwoResults:
    """The maker's two windows give the bank's answer for one batch at once (R5.8)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.claim = pilot.approved(pilot.graduated())
        self.day = BATCHED
        self.batch = ""
        # The bank has just sent one of them back, so the other is given.
        self.cards = cycle((OTHER_CARD, CARD))

    def steps(self, n: int) -> list[Step]:
        if n:
            self.again()
        with on(self.day):
            self.batch = create("payment", self.pilot.he_jun, {"claims": [self.claim]}).reference
        self.pilot.export(self.batch, self.day)
        number = rows("payment_item", payment_id=row("payment", self.batch)["id"])[0]["number"]
        given = {"results": [{"number": number, "result": "bounced", "reason": "OTHER"}]}
        step = Step("payment", self.batch, "settle", self.pilot.he_jun, self.day, given)
        return [step, step]

    def again(self) -> None:
        """After the bounce: another account, confirmed, and its days of waiting."""
        with on(self.day):
            outbox.drain()
        me = student(vault().index("id_number", LIU_WEI.id_number))
        given = {"account_number": next(self.cards), "account_holder": LIU_WEI.name}
        self.pilot.act("claim", self.claim, "change_account", me, self.day, **given)
        self.pilot.act("claim", self.claim, "confirm_account", self.pilot.zhao_min, self.day)
        self.day += timedelta(days=4)


def test_edge_60_two_results_of_one_batch_count_once(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    rounds = max(10, ROUNDS // 5)
    bank = TwoResults(any_pilot)
    assert_one_winner(racetrack.race(any_place, bank.steps, rounds), "is not possible while the case is")
    with on(bank.day):
        outbox.drain()
    assert state("claim", bank.claim) == "bounced"
    assert len(rows("audit_entry", action="bounce")) == len(rows("payment_item")) == rounds


class CardOrPayment:
    """The claimant gives another card while finance draws the batch (R5.8)."""

    def __init__(self, pilot: Pilot) -> None:
        self.pilot = pilot
        self.claim = pilot.approved(pilot.graduated())
        self.day = BATCHED
        self.me = student(vault().index("id_number", LIU_WEI.id_number))
        self.cards = cycle((OTHER_CARD, CARD))
        self.paid_to: list[bool] = []

    def steps(self, n: int) -> list[Step]:
        if n:
            self.begin_again()
        given = {"account_number": next(self.cards), "account_holder": LIU_WEI.name}
        change = Step("claim", self.claim, "change_account", self.me, self.day, given)
        return [change, Step("payment", "", "create", self.pilot.he_jun, self.day, {"claims": [self.claim]})]

    def begin_again(self) -> None:
        """Let the batch go, or wait until the union has confirmed the card and its days are over."""
        self.paid_to.append(self.unconfirmed_card_in_a_batch())
        for batch in rows("payment", state="drawn"):
            step = ("payment", batch["reference"], "cancel", self.pilot.he_jun, self.day)
            self.pilot.act(*step, cancellation="ENTERED_BY_MISTAKE")
        if self.unconfirmed():
            self.pilot.act("claim", self.claim, "confirm_account", self.pilot.zhao_min, self.day)
            self.day += timedelta(days=4)

    def unconfirmed(self) -> bool:
        claim = row("claim", self.claim)
        return claim["account_changed_at"] is not None and claim["account_confirmed_at"] is None

    def unconfirmed_card_in_a_batch(self) -> bool:
        return self.unconfirmed() and any(item["live"] for item in rows("payment_item"))


def test_r5_8_a_card_changed_at_the_last_moment_is_not_paid(
    racetrack: Track, any_place: Place, any_pilot: Pilot
) -> None:
    """Either the batch holds the claim and the card stays, or the card is new and the batch is refused."""
    claimant = CardOrPayment(any_pilot)
    found = racetrack.race(any_place, claimant.steps, max(10, ROUNDS // 5))
    assert winners(found) == [1] * len(found)
    assert not any(claimant.paid_to) and not claimant.unconfirmed_card_in_a_batch()
    sentences = {s for outcomes in found for outcome in outcomes for s in outcome.sentences}
    assert all("account is not settled" in s or "batch" in s for s in sentences), sentences


def test_without_its_lock_a_changed_card_is_paid(racetrack: Track, any_place: Place, any_pilot: Pilot) -> None:
    """On SQLite the transaction, on PostgreSQL the lock on the claim, in both contestants."""
    claimant = CardOrPayment(any_pilot)
    racetrack.race(
        any_place, claimant.steps, UNPROTECTED_ROUNDS, without=["transaction", "claims_held", "version"], until=both_won
    )
    assert claimant.unconfirmed_card_in_a_batch()
