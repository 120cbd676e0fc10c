"""A certificate that the national query does not show yet is pending: held where it is a condition, never refused."""

from __future__ import annotations

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import audit, due, national_query, outbox, search
from edu_pilot.services.perform import create
from edu_pilot.services.rosters import Unusable
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import (
    BATCHED,
    CERTIFIED,
    CLAIMED,
    COMPLETED,
    SETTLED,
    SIGN_UP,
    Pilot,
    certificate_number,
    on,
    publish_change,
    row,
    rows,
    state,
)
from tests.people import worker
from tests.services.test_claim_ways import codes


def listed(pilot: Pilot, *numbers: str) -> None:
    text = "全国联网查询\n姓名,证书编号\n" + "".join(f"某某,{number}\n" for number in numbers)
    with on(BATCHED):
        assert national_query.take(text.encode(), "query.csv", pilot.examiner).accepted == len(numbers)


def certified(pilot: Pilot) -> tuple[str, str]:
    """Give study and certification of a graduate with both certificates, where both are a condition."""
    study = pilot.studying()
    reference = pilot.certified(study)
    pilot.pass_courses(study)
    pilot.act("study", study, "complete", pilot.chen_hui, COMPLETED)
    pilot.graduate(study)
    return study, reference


@pytest.fixture
def required(pilot: Pilot) -> Pilot:
    publish_change("policies.yaml", "skill_certificate_required: false", "skill_certificate_required: true", SIGN_UP)
    return pilot


def test_edge_36_a_sound_number_is_pending_until_the_query_shows_it(any_pilot: Pilot) -> None:
    reference = any_pilot.certified(any_pilot.studying())
    number = row("certification", reference)["certificate_number"]
    assert (state("certification", reference), row("certification", reference)["verified_on"]) == ("certified", None)
    listed(any_pilot, certificate_number("4", "C2209-000999", CERTIFIED))
    assert due.run_on(BATCHED)["certificates_verified"] == 0
    listed(any_pilot, number, certificate_number("4", "C2209-000999", CERTIFIED))
    assert due.run_on(BATCHED)["certificates_verified"] == 1
    assert row("certification", reference)["verified_on"] == BATCHED
    assert due.run_on(SETTLED)["certificates_verified"] == 0
    assert len(rows("listed_certificate")) == 2
    with read() as conn:
        assert audit.verify(conn).ok


def test_edge_36_where_it_is_a_condition_a_pending_certificate_holds_the_claim(required: Pilot) -> None:
    study, reference = certified(required)
    claim = required.approved(study)
    with on(BATCHED), pytest.raises(Refused) as held:
        create("payment", required.he_jun, {"claims": [claim]})
    assert (codes(held), state("claim", claim)) == (["certificate_is_verified"], "approved")
    listed(required, row("certification", reference)["certificate_number"])
    due.run_on(BATCHED)
    required.pay_out(required.batch(claim))
    assert state("claim", claim) == "paid"


def test_edge_36_without_any_certificate_the_condition_blocks_as_before(required: Pilot) -> None:
    claim = required.claim(required.graduated(worker(1)))
    with pytest.raises(Refused) as refusal:
        required.submit(claim)
    assert codes(refusal) == ["skill_certificate_where_required"]


def test_edge_36_where_it_is_no_condition_nothing_waits(pilot: Pilot) -> None:
    study, _reference = certified(pilot)
    assert state("claim", pilot.paid(study)) == "paid"


def test_edge_36_only_the_examiner_takes_lists_in(pilot: Pilot) -> None:
    with pytest.raises(Forbidden):
        national_query.take("证书编号\n1\n".encode(), "query.csv", pilot.wang_fang)
    with pytest.raises(Unusable):
        national_query.take("姓名\n某某\n".encode(), "query.csv", pilot.examiner)
    assert rows("listed_certificate") == []


def verified(pilot: Pilot) -> tuple[str, str]:
    """Give an approved claim whose certificate is verified, and the certification."""
    study, reference = certified(pilot)
    listed(pilot, row("certification", reference)["certificate_number"])
    due.run_on(CLAIMED)
    return pilot.approved(study), reference


def voids(pilot: Pilot, certification: str) -> None:
    pilot.act("certification", certification, "void", pilot.examiner, BATCHED, voiding="CHEATING", note="")


def test_edge_36_what_is_voided_before_the_release_holds_the_batch_and_it_can_be_cancelled(required: Pilot) -> None:
    claim, certification = verified(required)
    with on(BATCHED):
        batch = create("payment", required.he_jun, {"claims": [claim]}).reference
    voids(required, certification)
    with pytest.raises(Refused) as held:
        required.act("payment", batch, "release", required.releaser, BATCHED)
    assert codes(held) == ["certificate_is_verified"]
    required.act("payment", batch, "cancel", required.he_jun, BATCHED, cancellation="OTHER")
    assert (state("payment", batch), state("claim", claim)) == ("cancelled", "approved")


def test_edge_36_what_is_voided_after_the_release_leaves_no_batch_stuck(required: Pilot) -> None:
    claim, certification = verified(required)
    with on(BATCHED):
        batch = create("payment", required.he_jun, {"claims": [claim]}).reference
    required.act("payment", batch, "release", required.releaser, BATCHED)
    voids(required, certification)
    with on(BATCHED):
        outbox.drain()
    required.act("payment", batch, "export", required.releaser, BATCHED)
    assert (state("payment", batch), state("claim", claim)) == ("exported", "in_payment")


def test_r5_8_only_what_can_be_drawn_is_offered_for_a_batch(required: Pilot) -> None:
    study, certification = certified(required)
    claim = required.approved(study)
    with on(BATCHED), read() as conn:
        assert search.payable(conn, required.he_jun) == []
    listed(required, row("certification", certification)["certificate_number"])
    due.run_on(BATCHED)
    with on(BATCHED), read() as conn:
        assert [c.reference for c in search.payable(conn, required.he_jun)] == [claim]


def test_r4_6_what_is_no_certificate_number_is_told_and_not_taken(pilot: Pilot) -> None:
    number = certificate_number("4", "C2209-000999", CERTIFIED)
    content = f"证书编号\n{number}\n{number}\n制表人：张三，日期：二〇二五年六月一日，联系电话见附件\n".encode()
    with on(BATCHED):
        reports = [national_query.take(content, "query.csv", pilot.examiner) for _again in range(2)]
    for report in reports:
        assert (report.rows, report.accepted) == (3, 1)
        told = [(p.row, p.reason.code, p.column) for p in report.problems]
        assert told == [(3, "duplicate_in_file", "certificate_number"), (4, "number_malformed", "certificate_number")]
    assert [r["number"] for r in rows("listed_certificate")] == [number]
