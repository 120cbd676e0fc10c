"""One step: guard, change, effects, documents, audit, one commit; or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError

from edu_pilot.extensions import write
from edu_pilot.services import audit, cases
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import UnknownAction, create, enter_many, perform, perform_many
from edu_pilot.workflow.reasons import Conflict, Forbidden, Malformed, Refused, Stale
from edu_pilot.workflow.registry import shipped
from tests.factories import (
    ADMITTED,
    CLAIMED,
    SIGN_UP,
    Pilot,
    application_form,
    contents,
    files_in_force,
    on,
    passed,
    publish,
    receipt,
    refused,
    row,
    rows,
    state,
)
from tests.people import QIHE, worker


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refusal.value.reasons]


def entries(reference: str) -> list[tuple[str, str, str]]:
    found = sorted(rows("audit_entry", reference=reference), key=lambda e: int(e["number"]))
    return [(e["action"], e["from_state"], e["to_state"]) for e in found]


def test_a_step_moves_the_state_and_raises_the_version(any_pilot: Pilot) -> None:
    application = any_pilot.registered()
    after = row("application", application)
    assert (after["state"], after["version"], after["since_on"]) == ("registered", 2, SIGN_UP)


def test_every_step_is_recorded_with_who_from_where_and_under_which_policy(pilot: Pilot) -> None:
    """R6.1: who, when, from, to, inputs and the policy version."""
    application = pilot.registered()
    assert entries(application) == [("create", "", "draft"), ("register", "draft", "registered")]
    last = max(rows("audit_entry", reference=application), key=lambda e: int(e["number"]))
    assert (last["actor"], last["policy_version"]) == ("wang.fang", 1)


def test_the_trail_holds_no_personal_value(pilot: Pilot) -> None:
    """R6.1: personal inputs are kept elsewhere; the trail has the row id."""
    pilot.registered()
    trail = "".join(entry["body"] for entry in rows("audit_entry"))
    form = application_form()
    for field in ("name", "id_number", "phone", "employer", "previous_school"):
        assert form[field] not in trail
    assert "private" in trail
    assert form["name"].encode() not in rows("private_input")[0]["content"]


STEPS_REFUSED: dict[str, tuple[type[Refused], Callable[[Pilot, str], object]]] = {
    "blocked": (Refused, lambda p, ref: p.act("application", ref, "verify", p.wang_fang)),
    "elsewhere": (Refused, lambda p, ref: p.act("application", ref, "admit", p.chen_hui)),
    "forbidden": (Forbidden, lambda p, ref: p.act("application", ref, "verify", p.xu_ning)),
    "malformed": (
        Malformed,
        lambda p, ref: p.act("application", ref, "reject", p.chen_hui, rejection="BAD_LUCK"),
    ),
    "stale": (
        Stale,
        lambda p, ref: perform("application", ref, "withdraw", p.wang_fang, {}, seen_version=1),
    ),
    "create malformed": (Malformed, lambda p, ref: create("application", p.wang_fang, {})),
    "create blocked": (
        Refused,
        lambda p, ref: p.draft(by=p.decheng_clerk),
    ),
}


@pytest.mark.parametrize("kind", STEPS_REFUSED)
def test_a_refusal_leaves_nothing_behind(any_pilot: Pilot, kind: str) -> None:
    """R6.2: every table is row for row what it was before."""
    application = any_pilot.registered()
    before = contents()
    exception, step = STEPS_REFUSED[kind]
    with pytest.raises(exception) as refusal:
        step(any_pilot, application)
    assert type(refusal.value) is exception
    assert all(reason.code and reason.text for reason in refusal.value.reasons)
    assert contents() == before


def test_an_error_in_the_middle_leaves_nothing_behind(any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    application = any_pilot.verified()
    before = contents()

    def full_disk(*_: object) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(audit, "append", full_disk)
    with pytest.raises(OSError, match="no space"):
        any_pilot.admit(application)
    assert contents() == before
    assert not rows("study")


def test_a_blocked_step_names_every_reason_and_who_can_mend_it(pilot: Pilot) -> None:
    """R6.2, R3.2: papers, employer, school and union membership are all named at once."""
    application = pilot.registered(employer="", previous_school="", union_member="")
    with pytest.raises(Refused) as refusal:
        pilot.verify(application)
    assert codes(refusal) == [
        "papers_complete", "work_stated", "school_stated", "union_membership_stated",
    ]  # fmt: skip
    assert all(reason.who == ("clerk",) for reason in refusal.value.reasons)


def test_a_wrong_state_is_refused_with_a_sentence(pilot: Pilot) -> None:
    with pytest.raises(Refused) as refusal:
        pilot.admit(pilot.registered())
    assert codes(refusal) == ["not_from_this_state"]


def test_a_stale_page_is_told_who_acted(pilot: Pilot) -> None:
    application = pilot.registered()
    seen = row("application", application)["version"]
    step = ("application", application, "return_for_correction", pilot.chen_hui, SIGN_UP)
    pilot.act(*step, faults=["ILLEGIBLE"], note="")
    with pytest.raises(Stale) as refusal:
        perform("application", application, "verify", pilot.wang_fang, {}, seen_version=seen)
    facts = refusal.value.reasons[0].facts
    assert facts["actor"] == "chen.hui"
    assert facts["action"] == "label:application.actions.return_for_correction"


def test_a_fresh_page_is_not_stale(pilot: Pilot) -> None:
    application = pilot.draft()
    with on(SIGN_UP):
        done = perform("application", application, "register", pilot.wang_fang, {}, seen_version=1)
    assert done.state == "registered"


def test_a_malformed_input_names_every_field(pilot: Pilot) -> None:
    """R6.2: missing, of the wrong type, not offered and not asked for: all at once."""
    with pytest.raises(Malformed) as refusal:
        create("application", pilot.wang_fang, {"name": 7, "sex": "other", "shoe_size": "42"})
    found = {(reason.code, reason.field) for reason in refusal.value.reasons}
    assert found == {
        ("field_unknown", "shoe_size"),
        ("field_malformed", "name"),
        ("field_malformed", "sex"),
        ("field_missing", "intake"),
    }


def test_another_county_is_told_the_same_as_of_a_missing_record(pilot: Pilot) -> None:
    """R6.3: not visible and not there cannot be told apart."""
    application = pilot.registered()
    for reference in (application, "A2209-999999"):
        with pytest.raises(NotFound) as refusal:
            perform("application", reference, "verify", pilot.decheng_clerk)
        assert str(refusal.value) == reference


def test_an_auditor_changes_nothing(pilot: Pilot) -> None:
    """R6.3: an auditor sees all and may take no step."""
    application = pilot.registered()
    for action in ("verify", "withdraw", "reject", "move_county"):
        with pytest.raises(Forbidden):
            perform("application", application, action, pilot.xu_ning)


def test_an_administrator_decides_no_case(pilot: Pilot) -> None:
    """R6.3."""
    with pytest.raises(Forbidden):
        perform("application", pilot.registered(), "verify", pilot.admin)


def test_an_action_that_does_not_exist_is_not_found(pilot: Pilot) -> None:
    with pytest.raises(UnknownAction):
        perform("application", pilot.draft(), "promote", pilot.wang_fang)


@pytest.mark.parametrize("workflow", ["holiday", "audit_entry", "person", "policy_version", "quota"])
def test_a_table_that_is_no_workflow_is_not_found(pilot: Pilot, workflow: str) -> None:
    with pytest.raises(NotFound):
        create(workflow, pilot.wang_fang, {})


def test_a_first_check_is_sealed(any_pilot: Pilot) -> None:
    """R5.2: it raises no version, and its entry tells nothing of its content."""
    claim = any_pilot.submitted(any_pilot.graduated())
    before = row("claim", claim)
    any_pilot.check(claim, any_pilot.zhao_min, refused("NOT_MEMBER"))
    after = row("claim", claim)
    assert (after["state"], after["version"]) == ("submitted", before["version"])
    last = max(rows("audit_entry", reference=claim), key=lambda e: int(e["number"]))
    assert '"input":{}' in last["body"]
    assert "NOT_MEMBER" not in "".join(e["body"] for e in rows("audit_entry"))


def test_a_second_honest_check_is_never_stale(any_pilot: Pilot) -> None:
    """R5.2: both opened the page at the same time; both checks count."""
    claim = any_pilot.submitted(any_pilot.graduated())
    seen = row("claim", claim)["version"]
    with on(CLAIMED):
        perform("claim", claim, "check", any_pilot.zhao_min, passed(), seen_version=seen)
        done = perform("claim", claim, "check", any_pilot.sun_li, passed(), seen_version=seen)
    assert done.state == "approved"
    assert row("claim", claim)["version"] == seen + 1


def test_a_decided_claim_shows_the_outcome_that_closed_it(pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    pilot.check(claim, pilot.zhao_min)
    pilot.check(claim, pilot.sun_li, refused("NO_DIPLOMA"))
    assert state("claim", claim) == "not_agreed"
    last = max(rows("audit_entry", reference=claim), key=lambda e: int(e["number"]))
    assert "NO_DIPLOMA" in last["body"]


def test_many_steps_go_through_the_same_guards(any_pilot: Pilot) -> None:
    """One commit for the chunk; each record its own result, in id order."""
    good = [any_pilot.complete(worker(n)) for n in range(3)]
    bad = any_pilot.registered(worker(3))
    ids = [row("application", reference)["id"] for reference in [*good, bad]]
    with on(SIGN_UP):
        results = list(perform_many("application", ids, "verify", any_pilot.chen_hui))
    assert sorted(r.reference for r in results if not r.reasons) == sorted(good)
    assert [(r.reference, r.state) for r in results if r.reasons] == [(bad, "registered")]
    assert {state("application", reference) for reference in good} == {"verified"}


def test_many_steps_that_meet_a_duplicate_are_taken_one_by_one(any_pilot: Pilot) -> None:
    """R2.8: the same person twice in one chunk: one is registered, the other gets the sentence."""
    drafts = [any_pilot.draft() for _ in range(2)]
    ids = [row("application", reference)["id"] for reference in drafts]
    with on(SIGN_UP):
        results = list(perform_many("application", ids, "register", any_pilot.wang_fang))
    assert sorted(r.state for r in results) == ["draft", "registered"]
    assert [reason.code for r in results for reason in r.reasons] == ["already_registered"]
    assert len(rows("live_case")) == 1


def test_many_steps_skip_what_the_actor_may_not_see(pilot: Pilot) -> None:
    """R6.3: a clerk's batch that names another county's record does not touch it."""
    foreign = pilot.draft(by=pilot.decheng_clerk, county="德城区", point="德城区教学点")
    with on(SIGN_UP), pytest.raises(NotFound):
        list(perform_many("application", [row("application", foreign)["id"]], "register", pilot.wang_fang))
    assert state("application", foreign) == "draft"


def test_a_clerk_of_another_county_enters_no_draft_here(pilot: Pilot) -> None:
    """R6.3, R3.1: county_not_yours."""
    with pytest.raises(Refused) as refusal:
        pilot.draft(by=pilot.decheng_clerk)
    assert codes(refusal) == ["county_not_yours"]


def test_a_claim_is_refused_before_the_diploma(pilot: Pilot) -> None:
    """R5.1: a claim opens only after school status and diploma."""
    study = pilot.completed()
    before = contents()
    with pytest.raises(Refused) as refusal:
        pilot.claim(study)
    assert codes(refusal) == ["diploma_recorded"]
    assert contents() == before


def test_one_receipt_serves_one_claim(any_pilot: Pilot) -> None:
    """R5.3: unique over all counties and years; of the second claim nothing is kept, but the union is told of it."""
    any_pilot.claim(any_pilot.graduated())
    number = rows("receipt")[0]["number"]
    other = any_pilot.graduated(worker(5))
    name = any_pilot.name_of("study", other)
    before = contents()
    with pytest.raises(Refused) as refusal:
        any_pilot.claim(other, receipts=[receipt("5", name), receipt(number, name)])
    assert codes(refusal) == ["receipts_not_used"]
    assert refusal.value.reasons[0].facts["number"] == number
    assert [(alert["county"], alert["number"]) for alert in rows("alert")] == [(QIHE, number)]
    told = ("alert", "audit_entry", "audit_head")
    assert {n: r for n, r in contents().items() if n not in told} == {n: r for n, r in before.items() if n not in told}


def test_a_receipt_is_entered_once(pilot: Pilot) -> None:
    """R5.3: also within one claim, and also where a correction replaces the receipts."""
    study = pilot.graduated()
    twice = [receipt("5"), receipt("6"), receipt("5")]
    with pytest.raises(Refused) as refusal:
        pilot.claim(study, receipts=twice)
    assert codes(refusal) == ["receipt_twice"]
    claim = pilot.claim(study, receipts=[receipt("5")])
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, new_receipts=twice)
    assert codes(refusal) == ["receipt_twice"]
    pilot.act("claim", claim, "amend", pilot.wang_fang, CLAIMED, new_receipts=twice[:2])
    assert sorted(int(r["number"]) for r in rows("receipt")) == [5, 6]


def test_a_diploma_is_claimed_for_once(any_pilot: Pilot) -> None:
    """R5.1: the second claim is told of the first; a refused one makes room."""
    study = any_pilot.graduated()
    claim = any_pilot.submitted(study)
    with pytest.raises(Refused) as refusal:
        any_pilot.claim(study, receipts=[receipt("77")])
    assert codes(refusal) == ["no_other_claim"]
    assert refusal.value.reasons[0].facts["claim"] == claim
    any_pilot.check(claim, any_pilot.zhao_min, refused("NOT_MEMBER"))
    any_pilot.check(claim, any_pilot.sun_li, refused("NO_DIPLOMA"))
    assert state("claim", any_pilot.claim(study)) == "draft"


def test_system_follows_its_own_guard(pilot: Pilot) -> None:
    """A follow-up is judged like any step: notice_is_over blocks the system too (R5.7)."""
    claim = pilot.approved(pilot.graduated())
    with on(date(2025, 3, 11)), pytest.raises(Refused) as refusal:
        perform("claim", claim, "pay", SYSTEM)
    assert codes(refusal) == ["notice_is_over"]


class Deadlock(Exception):
    """What PostgreSQL's driver raises for one of two that wait for each other."""

    sqlstate = "40P01"


def deadlocked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first transaction that writes the trail be the victim of a deadlock."""
    append, told = audit.append, []

    def once(*given: Any) -> int:
        if not told:
            told.append(given)
            raise OperationalError("INSERT", {}, Deadlock())
        return append(*given)

    monkeypatch.setattr(audit, "append", once)


def test_a_batch_survives_a_deadlock(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    """R6.2: its records are taken one by one instead."""
    drafts = [pilot.draft(worker(n)) for n in range(2)]
    ids = [row("application", reference)["id"] for reference in drafts]
    deadlocked_once(monkeypatch)
    with on(SIGN_UP):
        results = list(perform_many("application", ids, "register", pilot.wang_fang))
    assert [r.state for r in results] == ["registered"] * 2


def test_an_entry_of_many_survives_a_deadlock(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlocked_once(monkeypatch)
    forms = [application_form(worker(n)) for n in range(2)]
    with on(SIGN_UP):
        results = list(enter_many("application", forms, "register", pilot.wang_fang))
    assert [(r.state, r.reasons) for r in results] == [("registered", ())] * 2


def test_an_entry_alone_survives_a_deadlock(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(*_: Any) -> int:
        raise OperationalError("INSERT", {}, Deadlock())

    monkeypatch.setattr(audit, "append", always)
    with on(SIGN_UP):
        results = list(enter_many("application", [application_form()], "register", pilot.wang_fang))
    assert [[r.code for r in result.reasons] for result in results] == [["conflict"]]


def test_a_race_that_is_lost_twice_is_a_conflict(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(*_: Any) -> int:
        raise OperationalError("INSERT", {}, Deadlock())

    draft = pilot.draft()
    monkeypatch.setattr(audit, "append", always)
    with pytest.raises(Conflict) as refusal:
        pilot.act("application", draft, "register", pilot.wang_fang, SIGN_UP)
    assert (refusal.value.code, codes(refusal)) == ("refused", ["conflict"])


def test_a_step_of_a_batch_refused_after_its_effects_leaves_nothing(
    any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R6.2, R1.4: neither its place nor its study nor its entry, whatever its neighbour does."""
    good, bad = [any_pilot.verified(worker(n)) for n in range(2)]
    ids = [row("application", reference)["id"] for reference in (bad, good)]
    plan = shipped.effects["plan_certification"]

    def too_long(change: Any) -> None:
        plan(change)
        if change.reference == bad:
            change.values["employer"] = "长" * 2000

    monkeypatch.setitem(shipped.effects, "plan_certification", too_long)
    with on(ADMITTED):
        results = list(perform_many("application", ids, "admit", any_pilot.chen_hui))
    assert [(r.reference, r.state, len(r.reasons)) for r in results] == [(bad, "verified", 1), (good, "admitted", 0)]
    year = rows("quota", year="2022")[0]
    assert (year["reserved"], year["used"]) == (1, 1)
    assert len(rows("study")) == len(rows("certification")) == 1
    assert not rows("audit_entry", reference=bad, action="admit")


def test_a_draft_is_stored_under_the_version_that_judged_its_step(any_pilot: Pilot) -> None:
    """R1.6: the guard in the database knows the edges of the version in force, too."""
    draft = any_pilot.draft()
    files = files_in_force()
    text = files["application.yaml"]
    text = text.replace("states:\n", "states:\n  parked: {label: {zh: 搁置, en: Parked}, final: true}\n", 1)
    park = "actions:\n  park: {label: {zh: 搁置, en: Park}, from: [draft], to: parked, by: [clerk]}\n"
    publish(files | {"application.yaml": text.replace("actions:\n", park, 1)}, SIGN_UP)
    any_pilot.act("application", draft, "park", any_pilot.wang_fang, SIGN_UP)
    assert state("application", draft) == "parked"


def test_the_database_refuses_a_step_no_version_allows(any_app: Flask, any_pilot: Pilot) -> None:
    """R6.1: as a broken constraint, on both databases."""
    draft = any_pilot.draft()
    with pytest.raises(IntegrityError, match="edge_not_allowed"), write() as conn:
        conn.execute(cases.table("application").update().values(state="waitlisted"))
    assert state("application", draft) == "draft"
