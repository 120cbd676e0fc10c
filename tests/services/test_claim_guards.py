"""Money stays where the diploma is gone: neither a new claim, nor a batch, nor the account that failed."""

from __future__ import annotations

import pytest

from edu_pilot.services import accounts, outbox
from edu_pilot.services.actors import OPERATOR
from edu_pilot.workflow.reasons import Refused
from tests.factories import BATCHED, CARD, CHECKED, GRADUATED, Pilot, on, passed, row, rows, state
from tests.people import LIU_WEI
from tests.services.test_study_ways import NEW_NUMBER, correct, with_proof


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refusal.value.reasons]


def revoke(pilot: Pilot, study: str) -> None:
    pilot.act("study", study, "revoke_diploma", pilot.chen_hui, GRADUATED, revocation="FALSE_PAPERS")


def test_r3_10_a_revoked_diploma_opens_no_claim(pilot: Pilot) -> None:
    study = pilot.graduated()
    revoke(pilot, study)
    with pytest.raises(Refused) as refusal:
        pilot.claim(study)
    assert codes(refusal) == ["diploma_holds"]
    assert rows("claim") == []


def test_r3_10_a_batch_with_a_revoked_diploma_is_not_released(pilot: Pilot) -> None:
    study = pilot.graduated()
    batch = pilot.batch(pilot.approved(study))
    revoke(pilot, study)
    with pytest.raises(Refused) as refusal:
        pilot.act("payment", batch, "release", pilot.releaser, BATCHED)
    assert codes(refusal) == ["no_diploma_revoked"]
    assert state("payment", batch) == "drawn"


def test_r5_2_a_recheck_reads_the_evidence_too(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min)
    pilot.check(claim, pilot.sun_li, passed(outcome="refuse", reasons=["NOT_MEMBER"]))
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "recheck", pilot.zhao_min, CHECKED, outcome="pass", reading={"diploma_on": "x"})
    assert codes(refusal) == ["reading_is_complete"]


def test_r5_8_the_account_that_was_sent_back_is_not_given_again(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    batch = pilot.batch(claim)
    pilot.export(batch)
    [line] = rows("payment_item", payment_id=row("payment", batch)["id"])
    result = {"number": line["number"], "result": "bounced", "reason": "ACCOUNT_CLOSED"}
    pilot.act("payment", batch, "settle", pilot.he_jun, BATCHED, results=[result])
    with on(BATCHED):
        outbox.drain()
    step = ("claim", claim, "change_account", pilot.wang_fang, BATCHED)
    with pytest.raises(Refused) as refusal:
        pilot.act(*step, account_number=CARD, account_holder=LIU_WEI.name)
    assert codes(refusal) == ["new_account_is_own"]


def test_r5_2_an_account_under_a_corrected_number_is_the_same_person(pilot: Pilot) -> None:
    correct(pilot, with_proof(pilot, pilot.studying()), new_id_number=NEW_NUMBER)
    accounts.add("liu.wei.old", ["auditor"], None, LIU_WEI.id_number, OPERATOR)
    assert rows("account", name="liu.wei.old")[0]["person_key"] == rows("person")[0]["id_index"]
