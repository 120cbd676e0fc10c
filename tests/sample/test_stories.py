"""A fictional pilot of so many people that every story is told, its documents issued but not rendered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import read
from edu_pilot.models import Ban, Certification, Claim, Document, Payment, PaymentItem, Session
from edu_pilot.sample.stories import WAITING, cast
from edu_pilot.services import audit, outbox
from tests.app import at_work, opened
from tests.full_sample import TODAY, Crowd
from tests.rules.shipped import POLICY

FOUR = {"registration_form", "admission_notice", "completion_certificate", "claim_form"}
CLAIM, DOCUMENT = Claim.__table__, Document.__table__

pytestmark = pytest.mark.xdist_group("sample")


@pytest.fixture(scope="module", autouse=True)
def crowded(crowd: Crowd) -> Iterator[None]:
    """Let every test work inside the application of the crowd, on its day."""
    with opened(crowd.place) as app, at_work(app, TODAY):
        yield


def test_every_state_but_the_waiting_list_and_the_expiry_is_reached(crowd: Crowd) -> None:
    told = crowd.summary.as_dict()
    missed = {(m["workflow"], m["state"]): (m["code"], m["text"]) for m in told["not_reached"]}
    assert missed.keys() == {("application", "waitlisted"), ("study", "expired")}
    assert missed["application", "waitlisted"][0] == "needs_a_full_year"
    assert missed["study", "expired"] == ("not_before", "not before 2030-09-01")


def test_no_follow_up_of_the_crowd_is_refused() -> None:
    with read() as conn:
        assert audit.verify(conn).ok
        assert outbox.refused(conn) == []


def test_money_sent_back_is_paid_in_a_later_batch() -> None:
    items, payments = PaymentItem.__table__.c, Payment.__table__.c
    query = sa.select(CLAIM.c.reference, items.result).join_from(CLAIM, PaymentItem, items.claim_id == CLAIM.c.id)
    query = query.join(Payment, payments.id == items.payment_id).where(items.result.is_not(None))
    with read() as conn:
        paid = conn.execute(query.where(CLAIM.c.state == "paid").order_by(payments.reference)).all()
        waiting = conn.execute(query.where(CLAIM.c.state == "bounced")).all()
    results = [[result for claim, result in paid if claim == one] for one in {claim for claim, _ in paid}]
    assert ["bounced", "paid"] in results and all(r in (["paid"], ["bounced", "paid"]) for r in results)
    assert waiting and {result for _, result in waiting} == {"bounced"}


def test_paid_lines_of_the_crowd_come_to_the_sum_of_their_claims() -> None:
    items, kept = PaymentItem.__table__.c, ("paid", "recovering", "recovered")
    with read() as conn:
        lines = conn.execute(sa.select(sa.func.sum(items.amount_fen)).where(items.result == "paid")).scalar_one()
        claims = conn.execute(sa.select(sa.func.sum(CLAIM.c.payable_fen)).where(CLAIM.c.state.in_(kept))).scalar_one()
        owed = conn.execute(sa.select(CLAIM.c.state, CLAIM.c.recovery_fen - CLAIM.c.recovered_fen)).all()
    assert lines == claims
    assert {rest == 0 for state, rest in owed if state == "recovered"} == {True}
    assert {rest == 0 for state, rest in owed if state == "recovering"} == {False}


def test_who_was_absent_sits_again_and_who_cheated_is_banned() -> None:
    columns = Certification.__table__.c
    with read() as conn:
        again = conn.execute(sa.select(columns.previous_id).where(columns.previous_id.is_not(None))).scalars().all()
        absent = conn.execute(sa.select(columns.id).where(columns.state == "absent")).scalars().all()
        void = conn.execute(sa.select(columns.id).where(columns.state == "void")).scalars().all()
        banned = conn.execute(sa.select(Ban.__table__.c.certification_id)).scalars().all()
    assert set(absent) <= set(again) and set(void) == set(banned)


def test_nobody_is_left_in_a_cancelled_session() -> None:
    sessions, columns = Session.__table__.c, Certification.__table__.c
    query = sa.select(columns.id).join(Session, sessions.id == columns.session_id)
    with read() as conn:
        assert conn.execute(query.where(sessions.state == "cancelled")).first() is None
        seated = conn.execute(sa.select(sessions.held_on).where(sessions.state == "seated")).scalars().all()
    assert set(seated) == {TODAY + timedelta(days=1)}


def test_everybody_of_the_crowd_who_is_paid_has_the_four_documents() -> None:
    with read() as conn:
        paid = set(conn.execute(sa.select(CLAIM.c.person_id).where(CLAIM.c.state == "paid")).scalars())
        query = sa.select(DOCUMENT.c.person_id, DOCUMENT.c.kind).where(DOCUMENT.c.person_id.in_(paid))
        kinds = conn.execute(query.where(DOCUMENT.c.voided_at.is_(None))).all()
    assert paid and all({kind for person, kind in kinds if person == one} >= FOUR for one in paid)


@pytest.mark.parametrize(("people", "waiting"), [(1000, WAITING), (120, None)])
def test_the_newest_year_is_full_where_there_are_people_enough(people: int, waiting: int | None) -> None:
    """Then some of them wait for a place (R1.4); few people leave their stories as they are."""
    dealt = cast(POLICY, TODAY, people, Random(1))
    takers = sum(one.intake[:2] == "26" and one.story.application in ("admitted", "verified") for one in dealt)
    places = POLICY.get("quota.hard")["2026"]
    assert len(dealt) == people
    assert takers == places + waiting if waiting else takers < places
