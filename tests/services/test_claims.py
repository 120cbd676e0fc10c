"""Claims as they are entered: under which version, by whose hand, and what becomes of the names in them."""

from __future__ import annotations

from typing import Any

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import accounts, papers, search
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.perform import create, perform
from edu_pilot.workflow.reasons import Malformed, Reason, Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import (
    A_PDF,
    BATCHED,
    CARD,
    CHECKED,
    CLAIMED,
    Pilot,
    on,
    passed,
    publish_change,
    receipt,
    row,
    rows,
)
from tests.people import QIHE, STAFF, staff

CREDIT = "    credit: {zh: 学分费"
# A receipt item that only the newer version knows.
WITH_BOOKS = "    books: {zh: 教材费, en: Books}\n" + CREDIT
EMPLOYER = "齐河建筑安装有限公司"


@pytest.fixture
def study(pilot: Pilot) -> str:
    """Give a graduated study of version 1, while version 2 is in force."""
    study = pilot.graduated()
    publish_change("policies.yaml", CREDIT, WITH_BOOKS, CLAIMED)
    return study


def entered(study: Any, **changes: Any) -> dict[str, Any]:
    given = {"study": study, "receipts": [receipt("7")], "account_number": CARD, "account_holder": "刘伟"}
    return given | changes


def told(caught: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in caught.value.reasons]


def test_r1_6_a_claim_is_born_under_the_version_of_its_study(pilot: Pilot, study: str) -> None:
    """An item that only the version in force knows is refused at once, not when the claim is submitted."""
    with on(CLAIMED), pytest.raises(Refused) as caught:
        create("claim", pilot.wang_fang, entered(study, receipts=[receipt("7", item="books")]))
    assert told(caught) == ["receipts_are_sound"]
    claim = pilot.submitted(study)
    assert row("claim", claim)["policy_version_id"] == row("study", study)["policy_version_id"]
    versions = {e["policy_version"] for e in rows("audit_entry", workflow="claim", reference=claim)}
    assert versions == {1}


@pytest.mark.parametrize("named", ["S2209-999999", "", None, 7, ["S"], "刘伟", "S\x00", " " * 40])
def test_a_claim_for_no_study_is_refused_and_no_fault(pilot: Pilot, study: str, named: Any) -> None:
    with on(CLAIMED), pytest.raises(Refused):
        create("claim", pilot.wang_fang, entered(named))


def test_r1_6_the_kinds_of_paper_are_those_of_the_records_version(pilot: Pilot, study: str) -> None:
    claim = pilot.claim(study)
    publish_change("policies.yaml", "  consent: {zh", "  pledge: {zh: 承诺书, en: Pledge}\n  consent: {zh", CLAIMED)
    with on(CLAIMED):
        with pytest.raises(Malformed) as caught:
            papers.add("claim", claim, "pledge", A_PDF, pilot.wang_fang)
        draft = pilot.draft()
        assert papers.add("application", draft, "pledge", A_PDF, pilot.wang_fang)
    assert told(caught) == ["file_kind_unknown"]


def second_account(of: str) -> Actor:
    """Give another account of one of the staff, which reviews for the union."""
    number = next(member.id_number for member in STAFF if member.account == of)
    accounts.add("second", ["union_reviewer"], QIHE, number, OPERATOR)
    return staff("second")


@pytest.mark.parametrize("hand", ["amend", "submit"])
def test_r5_2_whose_hand_changed_a_claim_never_checks_it(pilot: Pilot, hand: str) -> None:
    """Not only who created it, and over all accounts of the person."""
    number = next(member.id_number for member in STAFF if member.account == "decheng.clerk")
    accounts.add("colleague", ["clerk"], QIHE, number, OPERATOR)
    claim = pilot.claim(pilot.graduated())
    hands = {"amend": pilot.wang_fang, "submit": pilot.wang_fang} | {hand: staff("colleague")}
    pilot.act("claim", claim, "amend", hands["amend"], CLAIMED, explanation="含重修学分费")
    pilot.act("claim", claim, "submit", hands["submit"], CLAIMED)
    with pytest.raises(Refused) as caught:
        pilot.act("claim", claim, "check", second_account("decheng.clerk"), CHECKED, **passed())
    assert told(caught) == ["not_entered_by_me"]
    assert pilot.check(claim, pilot.zhao_min).state == "submitted"


def payers_refused(pilot: Pilot, payer: str) -> tuple[Reason, ...]:
    claim = pilot.claim(pilot.graduated(), receipts=[receipt("5", payer)])
    with pytest.raises(Refused) as caught:
        pilot.submit(claim)
    return caught.value.reasons


def test_r5_3_a_stranger_pays_for_nobody(pilot: Pilot) -> None:
    (reason,) = payers_refused(pilot, "德州某某商贸有限公司")
    assert (reason.code, reason.facts["employer"]) == ("receipts_complete", EMPLOYER)


def test_r5_3_what_the_employer_paid_is_not_reimbursed(pilot: Pilot) -> None:
    paid = [receipt("5", amount_fen=300_000), receipt("6", EMPLOYER, amount_fen=100_000)]
    claim = pilot.submitted(pilot.graduated(), receipts=paid)
    assert row("claim", claim)["payable_fen"] == 300_000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reading": {}}, "reading_is_complete"),
        ({"reading": {"amount_fen": "4790"}}, "reading_is_complete"),
        ({"outcome": "refuse", "reasons": ["ACCOUNT_WRONG"]}, "outcome_has_reasons"),
        ({"outcome": "correct", "reasons": ["NOT_MEMBER"]}, "outcome_has_reasons"),
    ],
)
def test_r5_2_a_check_is_a_reading_with_reasons_of_its_family(pilot: Pilot, change: dict[str, Any], code: str) -> None:
    claim = pilot.submitted(pilot.graduated())
    with pytest.raises(Refused) as caught:
        pilot.check(claim, pilot.zhao_min, passed(**change))
    assert told(caught) == [code]


def test_r5_5_the_arbiter_refuses_with_a_code(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min)
    refusal = passed(outcome="refuse", reasons=["NOT_MEMBER"])
    pilot.check(claim, pilot.sun_li, refusal)
    pilot.act("claim", claim, "recheck", pilot.zhao_min, CHECKED, **passed())
    pilot.act("claim", claim, "recheck", pilot.sun_li, CHECKED, **refusal)
    with on(CHECKED), pytest.raises(Refused) as caught:
        perform("claim", claim, "settle", pilot.arbiter, {"decision": "refuse"})
    assert told(caught) == ["decision_has_reasons"]
    done = pilot.act("claim", claim, "settle", pilot.arbiter, CHECKED, decision="refuse", reasons=["NOT_MEMBER"])
    assert done.state == "refused"


def test_r6_1_the_trail_names_no_payer(pilot: Pilot) -> None:
    """A receipt names its payer: the trail has the row id of what was typed."""
    claim = pilot.claim(pilot.graduated())
    pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, new_receipts=[receipt("8")])
    trail = "".join(entry["body"] for entry in rows("audit_entry", workflow="claim"))
    assert "amend" in trail
    assert "刘伟" not in trail


def test_only_what_can_be_paid_is_offered_for_a_batch(pilot: Pilot) -> None:
    """R5.7, R5.8: neither a claim whose notice runs nor one that stands in a batch."""
    claim = pilot.approved(pilot.graduated())
    with on(CHECKED), read() as conn:
        assert search.payable(conn, pilot.he_jun) == []
    with on(BATCHED), read() as conn:
        assert [c.reference for c in search.payable(conn, pilot.he_jun)] == [claim]
    pilot.batch(claim)
    with on(BATCHED), read() as conn:
        assert search.payable(conn, pilot.he_jun) == []
