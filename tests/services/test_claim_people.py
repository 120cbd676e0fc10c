"""Claims with something unusual about the claimant: no union, no employer, an heir, an expired code (§5)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from stdnum import luhn

from edu_pilot.services import papers, payments
from edu_pilot.services.actors import student
from edu_pilot.services.perform import create
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Refused
from tests.factories import A_PDF, BATCHED, CARD, CHECKED, CLAIMED, SETTLED, Pilot, on, refused, row, rows, state
from tests.people import LIU_WEI, worker
from tests.services.test_claim_ways import shown

HEIR, HEIRS_CARD = "刘小燕", "622848001012345670" + luhn.calc_check_digit("622848001012345670")


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return sorted(r.code for r in refusal.value.reasons)


def refused_to_submit(pilot: Pilot, claim: str) -> list[str]:
    with pytest.raises(Refused) as refusal:
        pilot.submit(claim)
    assert state("claim", claim) in ("draft", "returned")
    return codes(refusal)


def hand_in(pilot: Pilot, claim: str, *kinds: str) -> None:
    for kind in kinds:
        papers.add("claim", claim, kind, A_PDF, pilot.wang_fang)


def test_edge_48_the_draft_is_kept_until_the_membership_is_mended(pilot: Pilot) -> None:
    late, lapsed = date(2023, 1, 1), date(2024, 1, 1)
    claim = pilot.claim(pilot.graduated(), member_since_on=late, member_until_on=lapsed)
    assert refused_to_submit(pilot, claim) == ["membership_held", "membership_held"]
    pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, member_until_on=CLAIMED)
    assert pilot.submit(claim).state == "submitted"


def test_edge_49_who_has_no_union_joins_the_townships_and_the_draft_waits(pilot: Pilot) -> None:
    claim = pilot.claim(pilot.graduated(), union_of="none")
    assert refused_to_submit(pilot, claim) == ["union_is_joined"]
    pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, union_of="township")
    assert pilot.submit(claim).state == "submitted"


def test_edge_50_social_insurance_stands_for_the_stamp_of_a_bankrupt_employer(pilot: Pilot) -> None:
    claim = pilot.claim(pilot.graduated(), employer_gone="yes")
    assert refused_to_submit(pilot, claim) == ["gone_employer_is_proved"]
    hand_in(pilot, claim, "social_insurance")
    assert pilot.submit(claim).state == "submitted"


def test_edge_50_a_wrong_statement_is_taken_back(any_pilot: Pilot) -> None:
    """An empty value clears it; what is not given stays."""
    wrong = {"employer_gone": "yes", "heir": "王小明", "member_since_on": "2021-01-01", "member_until_on": "2022-01-01"}
    code = {"register_code": "A1B2C3", "register_code_until": CLAIMED}
    claim = any_pilot.claim(any_pilot.graduated(), union_of="unit", **wrong, **code)
    assert "gone_employer_is_proved" in refused_to_submit(any_pilot, claim)
    step = ("claim", claim, "amend", any_pilot.wang_fang, CLAIMED)
    any_pilot.act(*step, heir="", member_until_on=None, register_code="", register_code_until="")
    kept = row("claim", claim)
    assert [kept[name] for name in ("heir", "member_until_on", *code)] == [None] * 4
    assert (kept["member_since_on"], kept["union_of"], kept["employer_gone"]) == (date(2021, 1, 1), "unit", "yes")
    any_pilot.act(*step, employer_gone="no")
    assert row("claim", claim)["employer_gone"] == "no"
    assert any_pilot.submit(claim).state == "submitted"


def test_edge_56_a_code_that_expired_while_waiting_is_renewed_and_the_place_kept(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated(), register_code="A1B2C3", register_code_until=CLAIMED)
    before = row("claim", claim)
    pilot.check(claim, pilot.zhao_min)
    with pytest.raises(Refused) as expired:
        pilot.check(claim, pilot.sun_li)
    assert codes(expired) == ["register_code_stands"]
    step = ("claim", claim, "renew_register_code", pilot.wang_fang, CHECKED)
    with pytest.raises(Refused) as stale:
        pilot.act(*step, code="D4E5F6", code_until=CLAIMED)
    assert codes(stale) == ["new_register_code_holds"]
    pilot.act(*step, code="D4E5F6", code_until=CHECKED)
    assert pilot.check(claim, pilot.sun_li).state == "approved"
    after = row("claim", claim)
    kept = ("submitted_on", "first_submitted_at", "round", "payable_fen")
    assert [after[name] for name in kept] == [before[name] for name in kept]


# Heirs


def inherited(pilot: Pilot, **changes: Any) -> str:
    given = {"heir": HEIR, "account_number": HEIRS_CARD, "account_holder": HEIR} | changes
    return pilot.claim(pilot.graduated(), **given)


def test_edge_64_heirs_claim_with_proof_and_are_paid_to_their_own_account(pilot: Pilot) -> None:
    claim = inherited(pilot)
    assert refused_to_submit(pilot, claim) == ["heir_is_proved"]
    hand_in(pilot, claim, "death_proof")
    assert refused_to_submit(pilot, claim) == ["heir_is_proved"]
    hand_in(pilot, claim, "heir_proof")
    pilot.submit(claim)
    pilot.check(claim, pilot.zhao_min)
    assert pilot.check(claim, pilot.sun_li).state == "approved"
    batch = pilot.batch(claim)
    pilot.export(batch)
    sent = payments.bank_file(batch, pilot.releaser).decode("gb18030")
    assert f"{HEIR},{HEIRS_CARD},4790.00" in sent
    pilot.settle(batch)
    assert state("claim", claim) == "paid"


@pytest.mark.parametrize("holder", ["刘伟", "王芳"])
def test_edge_64_the_account_is_the_heirs_and_nobody_elses(pilot: Pilot, holder: str) -> None:
    claim = inherited(pilot, account_holder=holder)
    hand_in(pilot, claim, "death_proof", "heir_proof")
    assert refused_to_submit(pilot, claim) == ["account_is_own"]


def test_edge_64_who_dies_after_the_approval_is_followed_by_the_heir(any_pilot: Pilot) -> None:
    claim = any_pilot.approved(any_pilot.graduated())
    step = ("claim", claim, "name_heir", any_pilot.wang_fang, CHECKED)
    given = {"heir_name": HEIR, "account_number": HEIRS_CARD, "account_holder": HEIR}
    with pytest.raises(Refused) as unproved:
        any_pilot.act(*step, **given)
    assert (codes(unproved), row("claim", claim)["account_tail"]) == (["heir_is_proved"], CARD[-4:])
    hand_in(any_pilot, claim, "death_proof", "heir_proof")
    with pytest.raises(Refused) as anothers:
        any_pilot.act(*step, **given | {"account_holder": "王芳"})
    assert codes(anothers) == ["new_account_is_own"]
    any_pilot.act(*step, **given)
    with on(BATCHED), pytest.raises(Refused) as unconfirmed:
        create("payment", any_pilot.he_jun, {"claims": [claim]})
    assert codes(unconfirmed) == ["account_is_settled"]
    any_pilot.act("claim", claim, "confirm_account", any_pilot.zhao_min, CHECKED)
    any_pilot.pay_out(any_pilot.batch(claim))
    assert (state("claim", claim), row("claim", claim)["heir"]) == ("paid", HEIR)
    assert [e["actor"] for e in rows("audit_entry", reference=claim, action="name_heir")] == ["wang.fang"]


# False papers, and consent


def barred(pilot: Pilot) -> tuple[str, str]:
    """Give study and claim of a worker whose money is asked back for false papers."""
    study = pilot.graduated()
    claim = pilot.paid(study)
    pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="FALSE_PAPERS")
    return study, claim


def test_edge_66_false_papers_are_paid_back_and_bar_for_the_years_of_the_policy(any_pilot: Pilot) -> None:
    _study, claim = barred(any_pilot)
    assert (state("claim", claim), row("claim", claim)["recovery_fen"]) == ("recovering", 479_000)
    (bar,) = rows("bar")
    assert (bar["reason"], bar["until_on"]) == ("FALSE_PAPERS", date(2030, 3, 31))
    again = any_pilot.draft(intake="2503")
    for day, refusal in ((date(2025, 3, 31), True), (date(2030, 4, 1), False)):
        with pytest.raises(Refused) as refused_:
            any_pilot.act("application", again, "register", any_pilot.wang_fang, day)
        told = {r.code: r.facts for r in refused_.value.reasons}
        assert ("not_barred" in told) is refusal
        assert not refusal or told["not_barred"] == {"until": "2030-03-31"}


def test_edge_66_a_claim_refused_for_false_papers_bars_the_next_one(pilot: Pilot) -> None:
    study = pilot.graduated()
    claim = pilot.submitted(study)
    pilot.check(claim, pilot.zhao_min, refused("FALSE_PAPERS"))
    assert rows("bar") == []
    pilot.check(claim, pilot.sun_li, refused("RECEIPT_VOID"))
    assert [bar["reason"] for bar in rows("bar")] == ["FALSE_PAPERS"]
    with pytest.raises(Refused) as again:
        pilot.claim(study)
    assert codes(again) == ["not_barred"]
    other = pilot.claim(pilot.graduated(worker(1)))
    assert pilot.submit(other).state == "submitted"


def test_edge_66_other_refusals_bar_nobody(pilot: Pilot) -> None:
    study = pilot.graduated()
    claim = pilot.submitted(study)
    for actor in (pilot.zhao_min, pilot.sun_li):
        pilot.check(claim, actor, refused("RECEIPT_VOID"))
    assert rows("bar") == []
    assert state("claim", pilot.claim(study)) == "draft"


def test_edge_68_after_the_consent_is_withdrawn_only_the_accounts_are_kept(any_pilot: Pilot) -> None:
    claim = any_pilot.paid(any_pilot.graduated())
    before = {table: rows(table) for table in ("receipt", "payment_item", "document")}
    me = student(vault().index("id_number", LIU_WEI.id_number))
    any_pilot.act("claim", claim, "withdraw_consent", me, SETTLED)
    for actor in (any_pilot.wang_fang, any_pilot.zhao_min, any_pilot.sun_li, any_pilot.xu_ning):
        facts = shown(claim, actor)["record"]["facts"]
        assert (facts["storage_only_on"], facts["phone"], facts["id_number"]) == ("2025-03-31", None, None)
        assert (facts["payable_fen"], facts["paid_on"], len(facts["receipts"])) == (479_000, "2025-03-31", 1)
    assert {table: rows(table) for table in before} == before
    with pytest.raises(Refused) as again:
        any_pilot.act("claim", claim, "withdraw_consent", me, SETTLED)
    assert codes(again) == ["consent_not_withdrawn"]
    # What must be asked back still is.
    step = ("claim", claim, "recover", any_pilot.arbiter, SETTLED)
    assert any_pilot.act(*step, recovery="OTHER", due_fen=100).state == "recovering"
