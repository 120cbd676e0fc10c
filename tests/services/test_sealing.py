"""A body's check is nobody else's to see, in no sentence and under no published workflow (R5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import cases, presenting
from edu_pilot.services.perform import perform
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Stale
from edu_pilot.workflow.registry import Actor
from tests.factories import CHECKED, SIGN_UP, Pilot, files_in_force, on, passed, publish
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
