"""A policy is published as a whole, and no published change ever touches a running case (R1.6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.services import audit, policies
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.perform import UnknownAction
from edu_pilot.workflow.reading import Invalid
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.versions import fingerprint
from tests.factories import (
    SIGN_UP,
    VERIFIED,
    Pilot,
    case,
    contents,
    files_in_force,
    on,
    publish,
    publish_change,
    publish_places,
    receipt,
    row,
    rows,
    serial,
    state,
)
from tests.people import worker

LAW = "590206,行政管理,Public Administration,2209,,"
NEXT_DAY = date(2022, 7, 6)


def in_force(day: date) -> int:
    with read() as conn:
        return policies.in_force(conn, day).number


def version_of(workflow: str, reference: str) -> int:
    pinned = row(workflow, reference)["policy_version_id"]
    return int(rows("policy_version", id=pinned)[0]["number"])


def test_init_publishes_the_shipped_files_as_version_1(any_pilot: Pilot) -> None:
    first = rows("policy_version")[0]
    assert (first["number"], first["holds_from"]) == (1, date(2022, 1, 1))
    assert fingerprint(first["files"]) == first["sha256"]


def test_the_highest_number_that_holds_is_in_force(pilot: Pilot) -> None:
    publish_places(300, day=date(2022, 9, 1))
    publish_places(310, day=date(2022, 8, 25))
    days = [date(2022, 8, 20), date(2022, 8, 24), date(2022, 8, 25), date(2022, 9, 2)]
    assert [in_force(day) for day in days] == [1, 1, 3, 3]


def test_before_any_version_holds_the_first_one_does(any_pilot: Pilot) -> None:
    """R1.6: a date before the programme is judged by its beginning, never by its latest change."""
    publish_places(300, day=date(2022, 9, 1))
    assert in_force(date(2021, 12, 31)) == 1


@pytest.mark.xdist_group("postgres")
def test_publishing_waits_for_no_running_step(pg_app: Flask) -> None:
    """A step's new row points at its version, so its key is locked; publishing must not wait for that."""
    with write() as step:
        step.execute(sa.text("SELECT 1 FROM policy_version FOR KEY SHARE"))
        with write() as conn:
            conn.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
            policies.publish(conn, files_in_force() | {"more.csv": "a\n"}, None, OPERATOR)
    assert len(rows("policy_version")) == 2


def test_the_same_files_are_not_published_twice(pilot: Pilot) -> None:
    before = contents()
    with pytest.raises(Refused) as refusal:
        publish(files_in_force())
    assert refusal.value.reasons[0].code == "already_published"
    assert contents() == before


def test_faulty_files_are_not_published(any_pilot: Pilot) -> None:
    """Every fault is named with its file and line, and nothing is kept."""
    before = contents()
    files = files_in_force()
    changed = files["claim.yaml"].replace("rules: [notice_is_over,", "rules: [notice_is_ovr,")
    with pytest.raises(Invalid) as refusal:
        publish(files | {"claim.yaml": changed, "study.yaml": "workflow: [study"})
    found = {(p.file, p.facts.get("name")) for p in refusal.value.problems}
    assert found == {("claim.yaml", "notice_is_ovr"), ("study.yaml", None)}
    assert all(problem.line > 0 for problem in refusal.value.problems)
    assert contents() == before


def test_publishing_is_in_the_trail(pilot: Pilot) -> None:
    publish_places(300)
    last = max(rows("audit_entry"), key=lambda e: int(e["number"]))
    assert (last["workflow"], last["reference"], last["action"]) == ("policy", "P2", "publish")
    with read() as conn:
        assert audit.verify(conn).ok


def test_a_draft_moves_with_the_policy_and_is_pinned_at_registration(any_pilot: Pilot) -> None:
    """R1.6: an application is pinned when it is registered."""
    draft = any_pilot.draft()
    assert version_of("application", draft) == 1
    publish_places(300, day=SIGN_UP)
    any_pilot.act("application", draft, "register", any_pilot.wang_fang, SIGN_UP)
    assert version_of("application", draft) == 2
    assert row("application", draft)["pinned"]


def test_a_seventh_major_is_for_new_cases_only(any_pilot: Pilot) -> None:
    """R1.2: the running case stays under its version; a new one may choose the new major."""
    running = any_pilot.complete()
    waiting = any_pilot.draft(worker(1), major="法律事务")
    with pytest.raises(Refused) as refusal:
        any_pilot.act("application", waiting, "register", any_pilot.wang_fang, SIGN_UP)
    assert [reason.code for reason in refusal.value.reasons] == ["major_unknown"]

    seventh = "580401,法律事务,Legal Affairs,2209,,x_online_shop\n" + LAW
    files = files_in_force()
    plans = files["catalogue/plans.csv"]
    again = next(line for line in plans.splitlines() if line.startswith("590206"))
    publish(
        files
        | {
            "catalogue/majors.csv": files["catalogue/majors.csv"].replace(LAW, seventh),
            "catalogue/plans.csv": plans.rstrip("\n") + "\n" + again.replace("590206,", "580401,", 1) + "\n",
        },
        SIGN_UP,
    )
    any_pilot.act("application", waiting, "amend", any_pilot.wang_fang, NEXT_DAY, major="法律事务")
    any_pilot.act("application", waiting, "register", any_pilot.wang_fang, NEXT_DAY)
    any_pilot.hand_in_papers(waiting)
    for application in (running, waiting):
        any_pilot.verify(application)
        assert any_pilot.admit(application).state == "admitted"

    # Both to the end: the diploma, each under its own version.
    studies = {r["major"]: r["reference"] for r in rows("study")}
    assert set(studies) == {"530701", "580401"}
    for study in studies.values():
        any_pilot.act("study", study, "confirm_status", any_pilot.chen_hui, date(2022, 9, 10))
        any_pilot.pass_courses(study)
        any_pilot.act("study", study, "complete", any_pilot.chen_hui, date(2024, 12, 20))
        any_pilot.graduate(study)
    assert {version_of("study", s) for s in studies.values()} == {1, 2}
    assert {state("study", s) for s in studies.values()} == {"graduated"}


REVIEW = """\
  interviewed: {label: {zh: 已面谈, en: Interviewed}}
  admitted: {label: {zh: 已录取, en: Admitted}}
"""
INTERVIEW = """\
actions:
  interview:
    label: {zh: 面谈, en: Interview}
    from: [verified]
    to: interviewed
    by: [registrar]
"""


def publish_an_interview() -> None:
    """Add a review state that every new application passes before admission."""
    files = files_in_force()
    text = files["application.yaml"]
    text = text.replace("  admitted: {label: {zh: 已录取, en: Admitted}}\n", REVIEW)
    text = text.replace("actions:\n", INTERVIEW, 1)
    text = text.replace("from: [verified, waitlisted]", "from: [interviewed, waitlisted]")
    publish(files | {"application.yaml": text}, SIGN_UP)


def test_an_added_review_state_is_for_new_cases_only(any_pilot: Pilot) -> None:
    """One case of each version runs to admission; each knows only its own way there."""
    running = any_pilot.verified()
    publish_an_interview()
    fresh = any_pilot.verified(worker(1))

    with pytest.raises(Refused) as refusal:
        any_pilot.admit(fresh)
    assert refusal.value.reasons[0].code == "not_from_this_state"
    assert any_pilot.admit(running).state == "admitted"
    any_pilot.act("application", fresh, "interview", any_pilot.chen_hui, VERIFIED)
    assert any_pilot.admit(fresh).state == "admitted"
    with read() as conn:
        assert audit.verify(conn).ok


def test_an_old_case_does_not_know_the_new_step(pilot: Pilot) -> None:
    running = pilot.verified()
    publish_an_interview()
    with pytest.raises(UnknownAction):
        pilot.act("application", running, "interview", pilot.chen_hui, VERIFIED)
    assert state("application", running) == "verified"


def test_another_cap_is_for_new_cases_only(any_pilot: Pilot) -> None:
    """R1.6, R5.4: each claim is paid under the promise made at its registration."""
    running = any_pilot.graduated()
    publish_change("policies.yaml", "cap_fen: 479000", "cap_fen: 300000", SIGN_UP)
    fresh = any_pilot.graduated(worker(1))
    claims = [any_pilot.paid(study) for study in (running, fresh)]
    assert [version_of("claim", claim) for claim in claims] == [1, 2]
    assert [row("claim", claim)["payable_fen"] for claim in claims] == [479_000, 300_000]
    assert {state("claim", claim) for claim in claims} == {"paid"}
    assert sum(batch["total_fen"] for batch in rows("payment")) == 779_000


def test_what_is_marked_at_claim_is_read_from_the_version_in_force(pilot: Pilot) -> None:
    """R1.6: the length of the public notice is procedure."""
    running = pilot.graduated()
    publish_change("policies.yaml", "notice_working_days: 5", "notice_working_days: 1", SIGN_UP)
    claim = pilot.approved(running)
    assert version_of("claim", claim) == 1
    assert row("claim", claim)["notice_until"] == date(2025, 3, 11)


def test_children_are_born_under_their_parents_version(pilot: Pilot) -> None:
    """R1.6: study, certification and claim take their application's version."""
    study = pilot.graduated()
    publish_places(300, day=date(2025, 3, 1))
    claim = pilot.submitted(study, receipts=[receipt(serial(study))])
    found = {w: version_of(w, r) for w, r in (("study", study), ("claim", claim))}
    assert found == {"study": 1, "claim": 1}
    assert version_of("certification", pilot.certification_of(study)) == 1


def test_an_old_version_compiles_to_what_it_was(pilot: Pilot) -> None:
    """Any old version loads from its own files, whatever the folder holds today."""
    publish_change("policies.yaml", "cap_fen: 479000", "cap_fen: 300000", SIGN_UP)
    with read() as conn:
        caps = [
            policies.of(conn, r["id"]).policy.get("claim.cap_fen")
            for r in sorted(rows("policy_version"), key=lambda r: int(r["number"]))
        ]
    assert caps == [479_000, 300_000]


def test_more_places_keep_what_was_taken(pilot: Pilot) -> None:
    """R1.4: a year that is open keeps its reserved and used places."""
    pilot.verified()
    publish_places(400)
    year = rows("quota", year="2022")[0]
    assert (year["places"], year["reserved"], year["used"]) == (400, 1, 0)


def test_fewer_places_than_taken_are_refused(any_pilot: Pilot) -> None:
    """R1.4: nobody loses a place by a new policy."""
    for n in range(2):
        any_pilot.verified(worker(n))
    before = contents()
    with pytest.raises(Refused) as refusal:
        publish_places(1)
    assert refusal.value.reasons[0].code == "places_taken"
    assert contents() == before


def test_the_case_tells_the_version_that_judges_it(pilot: Pilot) -> None:
    application = pilot.registered()
    with on(SIGN_UP):
        assert case("application", application).policy_version_id == rows("policy_version")[0]["id"]


def test_of_two_drafts_of_one_version_only_one_is_published(any_app: Flask) -> None:
    """The second waits until the first is published, and then learns that it was overtaken."""
    told, began = [], Event()

    def second() -> None:
        with any_app.app_context():
            began.set()
            with write() as conn:
                told.extend(policies.overtaken(conn, 1))

    with ThreadPoolExecutor(max_workers=1) as others:
        with write() as conn:
            assert policies.overtaken(conn, 1) == []
            waiting = others.submit(second)
            began.wait()
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            policies.publish(conn, files_in_force() | {"more.csv": "a\n"}, None, OPERATOR)
        waiting.result(timeout=30)
    assert [reason.code for reason in told] == ["newer_version"]
