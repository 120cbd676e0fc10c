"""Four eyes by person through the whole case, whatever account or role a person uses (C4, R5.2, edge 51)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.rules.four_eyes import Hands
from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.perform import create
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import (
    ADMITTED,
    BATCHED,
    CARD,
    CHECKED,
    CLAIMED,
    DIPLOMA,
    SAT,
    SETTLED,
    VERIFIED,
    Pilot,
    contents,
    on,
    passed,
    refused,
    row,
    rows,
)
from tests.people import LIU_WEI, QIHE, STAFF, staff, worker

NUMBERS = {member.account: member.id_number for member in STAFF}
COUNTY_ROLES = ("clerk", "union_reviewer")


def second_account(person: str, role: str) -> Actor:
    """Give another account of a person, with another role."""
    name = f"{person}.as.{role}"
    number = LIU_WEI.id_number if person == "liu.wei" else NUMBERS[person]
    accounts.add(name, [role], QIHE if role in COUNTY_ROLES else None, number, OPERATOR, password="demo")
    return staff(name)


def blocks(step: Callable[[], Any]) -> list[str]:
    """Try a step that must be refused; nothing changes. Give the codes of its reasons."""
    before = contents()
    with pytest.raises(Refused) as refusal:
        step()
    assert contents() == before
    return sorted({reason.code for reason in refusal.value.reasons})


def test_hands_know_accounts_and_persons() -> None:
    hands = Hands(frozenset({"wang.fang"}), frozenset({"key"}))
    assert hands.include(Actor("1", "wang.fang", frozenset()))
    assert hands.include(Actor("2", "other", frozenset(), None, "key"))
    assert not hands.include(Actor("2", "other", frozenset(), None, "another"))
    assert not Hands(frozenset(), frozenset()).include(Actor("2", "other", frozenset()))


# The own case, under whatever account


def test_nobody_verifies_admits_or_rejects_the_own_application(pilot: Pilot) -> None:
    clerk, registrar = second_account("liu.wei", "clerk"), second_account("liu.wei", "registrar")
    reference = pilot.complete()
    for actor, step, given in (
        (clerk, "verify", {}),
        (registrar, "verify", {}),
        (registrar, "reject", {"rejection": "NOT_IN_CITY"}),
    ):
        assert blocks(lambda a=actor, s=step, g=given: pilot.act("application", reference, s, a, VERIFIED, **g)) == [
            "not_own_record"
        ]
    pilot.verify(reference)
    assert "not_own_record" in blocks(lambda: pilot.act("application", reference, "admit", registrar, ADMITTED))
    assert pilot.admit(reference).state == "admitted"


def test_nobody_records_the_own_score_diploma_or_identity(pilot: Pilot) -> None:
    registrar = second_account("liu.wei", "registrar")
    study = pilot.studying()
    score = {"course": row("study", study)["major"], "sat_on": SAT.isoformat(), "final": "90"}
    assert blocks(lambda: pilot.act("study", study, "record_score", registrar, SAT, **score)) == ["not_own_record"]
    correction = {"new_name": "刘大伟"}
    assert "not_own_record" in blocks(
        lambda: pilot.act("study", study, "correct_identity", registrar, SAT, **correction)
    )
    done = pilot.completed(worker(1))
    graduate = {"diploma_number": "x", "diploma_on": DIPLOMA.isoformat()}
    me = accounts_of(worker(1).id_number, "registrar")
    assert blocks(lambda: pilot.act("study", done, "graduate", me, DIPLOMA, **graduate)) == ["not_own_record"]


def accounts_of(number: str, role: str) -> Actor:
    name = f"{role}.{number[-4:]}"
    accounts.add(name, [role], QIHE if role in COUNTY_ROLES else None, number, OPERATOR, password="demo")
    return staff(name)


# What a claim rests on


def test_who_typed_an_application_does_not_admit_it(pilot: Pilot) -> None:
    reference = pilot.verified()
    registrar = second_account("wang.fang", "registrar")
    assert blocks(lambda: pilot.act("application", reference, "admit", registrar, ADMITTED)) == ["not_typed_by_me"]


@pytest.mark.parametrize(
    ("person", "role"),
    [("wang.fang", "union_reviewer"), ("chen.hui", "university_reviewer"), ("chen.hui", "union_reviewer")],
)
def test_who_verified_admitted_or_recorded_does_not_check_the_claim(pilot: Pilot, person: str, role: str) -> None:
    claim = pilot.submitted(pilot.graduated())
    reviewer = second_account(person, role)
    codes = blocks(lambda: pilot.check(claim, reviewer))
    assert "not_prepared_by_me" in codes
    assert set(codes) <= {"not_prepared_by_me", "not_entered_by_me"}


def test_a_clerk_who_becomes_a_reviewer_does_not_check_the_earlier_claim(pilot: Pilot) -> None:
    """A role that changes in the middle of a case changes nothing about what the person did."""
    claim = pilot.submitted(pilot.graduated())
    with write() as conn:
        conn.execute(
            sa.update(Account.__table__).where(Account.__table__.c.name == "wang.fang").values(roles="union_reviewer")
        )
    assert blocks(lambda: pilot.check(claim, staff("wang.fang"))) == ["not_entered_by_me", "not_prepared_by_me"]


def not_agreed(pilot: Pilot) -> str:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min)
    pilot.check(claim, pilot.sun_li, refused())
    for reviewer, given in ((pilot.zhao_min, passed()), (pilot.sun_li, refused())):
        pilot.act("claim", claim, "recheck", reviewer, CHECKED, **given)
    return claim


def test_who_prepared_or_checked_does_not_settle(pilot: Pilot) -> None:
    claim = not_agreed(pilot)
    for person, code in (
        ("chen.hui", "not_prepared_by_me"),
        ("zhao.min", "not_checked_by_me"),
        ("liu.wei", "not_own_case"),
    ):
        arbiter = second_account(person, "arbiter")
        assert blocks(lambda a=arbiter: pilot.act("claim", claim, "settle", a, CHECKED, decision="pass")) == [code]


def test_who_objected_does_not_resolve(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    pilot.act("claim", claim, "object", pilot.arbiter, CHECKED, objection="来电反映")
    given = {"resolution": "unfounded"}
    resolve = ("claim", claim, "resolve_objection")
    assert blocks(lambda: pilot.act(*resolve, pilot.arbiter, CHECKED, **given)) == ["not_objected_by_me"]
    other = second_account("xu.ning", "arbiter")
    assert pilot.act(*resolve, other, CHECKED, **given).state == "approved"


# Money


@pytest.mark.parametrize("person", ["liu.wei", "wang.fang", "zhao.min", "sun.li"])
def test_who_had_a_hand_in_a_claim_neither_draws_nor_releases_its_batch(pilot: Pilot, person: str) -> None:
    """The claimant, who entered it, and both who checked it."""
    claim = pilot.approved(pilot.graduated())
    maker, releaser = second_account(person, "finance_maker"), second_account(person, "finance_releaser")
    with on(BATCHED):
        assert blocks(lambda: create("payment", maker, {"claims": [claim]})) == ["no_claim_of_mine"]
    batch = pilot.batch(claim)
    assert blocks(lambda: pilot.act("payment", batch, "release", releaser, BATCHED)) == ["no_item_of_mine"]
    pilot.act("payment", batch, "release", pilot.releaser, BATCHED)


def test_who_drew_the_batch_does_not_release_it_under_a_second_account(pilot: Pilot) -> None:
    batch = pilot.batch(pilot.approved(pilot.graduated()))
    releaser = second_account("he.jun", "finance_releaser")
    assert blocks(lambda: pilot.act("payment", batch, "release", releaser, BATCHED)) == ["drawn_by_another"]


def test_who_confirmed_the_changed_account_does_not_release_it(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    given = {"account_number": CARD, "account_holder": LIU_WEI.name}
    pilot.act("claim", claim, "change_account", pilot.wang_fang, CHECKED, **given)
    pilot.act("claim", claim, "confirm_account", pilot.zhao_mins_colleague, CHECKED)
    batch = pilot.batch(claim)
    releaser = second_account("zhao.min.colleague", "finance_releaser")
    assert blocks(lambda: pilot.act("payment", batch, "release", releaser, BATCHED)) == ["no_item_of_mine"]


def test_nobody_confirms_that_the_own_debt_is_paid_back(pilot: Pilot) -> None:
    claim = pilot.paid(pilot.graduated())
    pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="FALSE_PAPERS")
    me = second_account("liu.wei", "finance_maker")
    given = {"recovered_fen": row("claim", claim)["payable_fen"]}
    assert blocks(lambda: pilot.act("claim", claim, "confirm_recovered", me, SETTLED, **given)) == ["not_own_record"]


def test_a_corrected_number_frees_nobody_from_what_was_done(pilot: Pilot) -> None:
    """The person keeps the hand in the case though the number becomes another (R3.10)."""
    claim = pilot.submitted(pilot.graduated())
    with write() as conn:
        # What the correction of a person's own record does to every account of hers.
        key = Account.__table__.c.person_key
        old = rows("account", name="wang.fang")[0]["person_key"]
        conn.execute(sa.update(Account.__table__).where(key == old).values(person_key="corrected"))
    reviewer = Actor("9", "somebody", frozenset({"union_reviewer"}), QIHE, "corrected")
    assert "not_prepared_by_me" in blocks(lambda: pilot.check(claim, reviewer))
    assert CLAIMED < CHECKED
