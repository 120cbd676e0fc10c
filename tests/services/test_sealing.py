"""A body's check is nobody else's to see, in no sentence and under no published workflow (R5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from edu_pilot.extensions import read, write
from edu_pilot.models import Account
from edu_pilot.services import cases, presenting
from edu_pilot.services.perform import perform
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Refused, Stale
from edu_pilot.workflow.registry import Actor
from tests.factories import CHECKED, SIGN_UP, Pilot, corrected, files_in_force, on, passed, publish, state
from tests.people import worker


def seen_by(actor: Actor, claim: str) -> tuple[list[Any], list[str]]:
    """Give the checks and the actors of checks that somebody sees of a claim."""
    with read() as conn:
        case = cases.by_reference(conn, vault(), "claim", claim)
        checks = presenting.show(conn, case, actor).facts["checks"]
        return checks, [e["actor"] for e in presenting.history(conn, case, actor) if e["action"] == "check"]


@pytest.mark.parametrize("version", [1, 99])
@pytest.mark.parametrize(("first", "second"), [("zhao_min", "sun_li"), ("sun_li", "zhao_min")])
def test_the_stale_sentence_names_no_sealed_check(pilot: Pilot, first: str, second: str, version: int) -> None:
    """R5.2: it names whoever last raised the version."""
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, getattr(pilot, first))
    with on(CHECKED), pytest.raises(Stale) as refusal:
        perform("claim", claim, "check", getattr(pilot, second), passed(), version)
    facts = refusal.value.reasons[0].facts
    assert (facts["actor"], facts["action"]) == ("wang.fang", "label:claim.actions.submit")


VET = """\
actions:
  vet:
    label: {zh: 初审, en: Vet}
    from: [submitted]
    to: vetted
    by: [arbiter]
"""


def publish_a_vetting() -> None:
    """Let every new claim be vetted before the bodies check it."""
    files = files_in_force()
    text = files["claim.yaml"].replace("actions:\n", VET, 1)
    text = text.replace("states:\n", "states:\n  vetted: {label: {zh: 已初审, en: Vetted}}\n", 1)
    text = text.replace("from: [submitted]\n    by: [union_reviewer", "from: [vetted]\n    by: [union_reviewer")
    text = text.replace("submitted: other_body_still_open", "same: other_body_still_open")
    publish(files | {"claim.yaml": text}, SIGN_UP)


def test_another_state_keeps_a_check_sealed(any_pilot: Pilot) -> None:
    """R5.2, R1.6: what is sealed is told by the workflow, not by the names of its states."""
    publish_a_vetting()
    claim = any_pilot.submitted(any_pilot.graduated(worker(1)))
    any_pilot.act("claim", claim, "vet", any_pilot.arbiter, CHECKED)
    any_pilot.check(claim, any_pilot.zhao_min)
    for actor in (any_pilot.sun_li, any_pilot.wang_fang, any_pilot.arbiter):
        assert seen_by(actor, claim) == ([], [])
    assert seen_by(any_pilot.zhao_min, claim) == ([], ["zhao.min"])
    assert any_pilot.check(claim, any_pilot.sun_li).state == "approved"
    checks, checkers = seen_by(any_pilot.wang_fang, claim)
    assert (len(checks), checkers) == (2, ["zhao.min", "sun.li"])


ARBITER_PERMITS = {"body": "union_reviewer", "faults": ["ILLEGIBLE"]}


def sent_back_once(pilot: Pilot) -> str:
    """Give a claim that was returned for its account and is submitted again."""
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min, corrected("ACCOUNT_WRONG"))
    pilot.check(claim, pilot.sun_li)
    assert state("claim", claim) == "returned"
    pilot.act("claim", claim, "submit", pilot.wang_fang, CHECKED)
    return claim


def codes(pilot: Pilot, claim: str, actor: Actor, *faults: str) -> list[str]:
    with pytest.raises(Refused) as refusal:
        pilot.check(claim, actor, corrected(*faults))
    return [reason.code for reason in refusal.value.reasons]


def test_edge_53_further_faults_of_a_claim_need_the_arbiters_permit_for_that_body(any_pilot: Pilot) -> None:
    claim = sent_back_once(any_pilot)
    assert codes(any_pilot, claim, any_pilot.zhao_min, "ILLEGIBLE") == ["new_faults_are_permitted"]
    any_pilot.act("claim", claim, "permit_new_faults", any_pilot.arbiter, CHECKED, **ARBITER_PERMITS)
    assert codes(any_pilot, claim, any_pilot.zhao_min, "ILLEGIBLE", "PAPER_MISSING") == ["new_faults_are_permitted"]
    assert codes(any_pilot, claim, any_pilot.sun_li, "ILLEGIBLE") == ["new_faults_are_permitted"]
    any_pilot.check(claim, any_pilot.sun_li, corrected("ACCOUNT_WRONG"))
    assert any_pilot.check(claim, any_pilot.zhao_min, corrected("ILLEGIBLE")).state == "returned"
    any_pilot.act("claim", claim, "submit", any_pilot.wang_fang, CHECKED)
    any_pilot.check(claim, any_pilot.zhao_min, corrected("ILLEGIBLE"))


def test_edge_53_the_permit_for_one_body_is_nothing_the_other_learns_of(pilot: Pilot) -> None:
    """R5.2: neither a line of the history nor the record's version tells it, until both have checked."""
    claim = sent_back_once(pilot)

    def seen(actor: Actor) -> tuple[int, list[str]]:
        with read() as conn:
            case = cases.by_reference(conn, vault(), "claim", claim)
            return case.version, [e["action"] for e in presenting.history(conn, case, actor)]

    before = {actor.name: seen(actor) for actor in (pilot.sun_li, pilot.zhao_min, pilot.wang_fang)}
    pilot.act("claim", claim, "permit_new_faults", pilot.arbiter, CHECKED, **ARBITER_PERMITS)
    assert {actor.name: seen(actor) for actor in (pilot.sun_li, pilot.zhao_min, pilot.wang_fang)} == before
    assert seen(pilot.arbiter)[1][-1] == seen(pilot.xu_ning)[1][-1] == "permit_new_faults"
    pilot.check(claim, pilot.zhao_min, corrected("ILLEGIBLE"))
    assert "permit_new_faults" not in seen(pilot.sun_li)[1]
    pilot.check(claim, pilot.sun_li)
    assert "permit_new_faults" in seen(pilot.sun_li)[1]


def test_edge_53_a_permit_from_ones_own_second_account_permits_nothing(pilot: Pilot) -> None:
    claim = sent_back_once(pilot)
    pilot.act("claim", claim, "permit_new_faults", pilot.arbiter, CHECKED, **ARBITER_PERMITS)
    accounts = Account.__table__
    with write() as conn:
        same = accounts.update().where(accounts.c.name == pilot.arbiter.name)
        conn.execute(same.values(person_key=pilot.zhao_min.person_key))
    assert codes(pilot, claim, pilot.zhao_min, "ILLEGIBLE") == ["new_faults_are_permitted"]


def test_edge_53_a_claim_that_was_never_returned_gets_no_permit(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "permit_new_faults", pilot.arbiter, CHECKED, **ARBITER_PERMITS)
    assert [reason.code for reason in refusal.value.reasons] == ["was_returned_before"]
