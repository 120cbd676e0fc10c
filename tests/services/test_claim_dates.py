"""The dates of a claim: the last second, a day off, corrections in time and late, disputes left lying (R5.2, R5.6)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.rules.claim_dates import claim_deadline
from edu_pilot.services import documents, due, outbox, presenting, search
from edu_pilot.workflow.reasons import Refused
from tests.factories import CHECKED, DIPLOMA, SETTLED, Pilot, corrected, on, publish_change, row, rows, state
from tests.people import worker
from tests.rules.shipped import POLICY, changed
from tests.services.test_claim_ways import SETTLES, disputed, liu_wei, recheck, shown

# 18 months after the diploma, to the second (Asia/Shanghai is 8 hours ahead).
LAST_DAY = date(2026, 7, 31)
LAST_SECONDS = datetime(2026, 7, 31, 15, 59, 58, tzinfo=UTC)
TOO_LATE = datetime(2026, 7, 31, 16, 0, 5, tzinfo=UTC)
RECHECK_LAST = date(2025, 3, 24)


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return sorted(r.code for r in refusal.value.reasons)


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Let the server's clock stand at an instant; no business date is simulated."""
    monkeypatch.delenv("EDU_PILOT_TODAY", raising=False)
    monkeypatch.setattr(clock, "now", lambda: instant)
    monkeypatch.setattr(clock, "_simulated", clock.ContextVar("none", default=None))


def submit(pilot: Pilot, claim: str, day: date | None = None) -> str:
    return pilot.act("claim", claim, "submit", pilot.wang_fang, day).state


def sent_back(pilot: Pilot, day: date, submitted: date) -> str:
    """Give a claim that was submitted on a day and sent back on another."""
    claim = pilot.claim(pilot.graduated())
    submit(pilot, claim, submitted)
    pilot.act("claim", claim, "check", pilot.zhao_min, day, **corrected())
    assert pilot.act("claim", claim, "check", pilot.sun_li, day, **corrected()).state == "returned"
    return claim


def form(claim: str) -> dict[str, Any]:
    """Give what the newest claim form says."""
    papers = rows("document", kind="claim_form", record_id=row("claim", claim)["id"])
    number = max(str(paper["number"]) for paper in papers)
    assert documents.render(number).startswith(b"%PDF")
    with read() as conn:
        return documents.frozen(conn, number=number).context


# The last day


def test_edge_54_the_servers_time_at_submit_counts_to_the_second(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pilot.claim(pilot.graduated()), pilot.claim(pilot.graduated(worker(1)))
    at(monkeypatch, LAST_SECONDS)
    assert submit(pilot, first) == "submitted"
    at(monkeypatch, TOO_LATE)
    with pytest.raises(Refused) as late:
        submit(pilot, second)
    # A draft is no submission, however complete it was.
    assert (codes(late), state("claim", second)) == (["within_claim_window"], "draft")
    assert rows("document", record_id=row("claim", second)["id"]) == []
    assert form(first)["received_at"] == "2026年7月31日 23:59:58"


def test_edge_55_a_last_day_that_is_a_day_off_moves_where_the_policy_says_so() -> None:
    rolls = changed("claim.deadline_rolls", True)
    # A Saturday, the first day of a long holiday, a Friday.
    days = {
        date(2024, 3, 6): (date(2025, 9, 6), date(2025, 9, 8)),
        date(2024, 4, 1): (date(2025, 10, 1), date(2025, 10, 9)),
        DIPLOMA: (LAST_DAY, LAST_DAY),
    }
    for diploma, expected in days.items():
        assert (claim_deadline(POLICY, diploma), claim_deadline(rolls, diploma)) == expected


def test_edge_55_the_last_day_is_shown_in_advance(pilot: Pilot) -> None:
    publish_change("policies.yaml", "deadline_months: 18", "deadline_months: 6", date(2022, 1, 2))
    publish_change("policies.yaml", "deadline_rolls: false", "deadline_rolls: true", date(2022, 1, 3))
    study = pilot.graduated()
    with read() as conn:
        facts = presenting.show(conn, search.get(conn, "study", study, liu_wei()), liu_wei()).facts
    # 31 July 2025 is a Thursday; nothing moves that need not.
    assert facts["claim_until"] == date(2025, 7, 31)
    claim = pilot.claim(study)
    assert shown(claim, liu_wei())["record"]["facts"]["claim_until"] == "2025-07-31"


# Correction


def test_r5_6_a_correction_in_time_is_judged_by_the_first_submission(any_pilot: Pilot) -> None:
    claim = sent_back(any_pilot, LAST_DAY, LAST_DAY - timedelta(days=3))
    until = row("claim", claim)["answer_until"]
    assert until > LAST_DAY
    assert submit(any_pilot, claim, until) == "submitted"
    assert (row("claim", claim)["submitted_on"], row("claim", claim)["answer_until"]) == (until, None)
    assert form(claim)["received_at"].startswith("2026年7月28日")


def test_r5_6_a_late_correction_is_judged_by_its_own_day(pilot: Pilot) -> None:
    claim = sent_back(pilot, LAST_DAY, LAST_DAY - timedelta(days=3))
    after = row("claim", claim)["answer_until"] + timedelta(days=1)
    with pytest.raises(Refused) as late:
        submit(pilot, claim, after)
    assert (codes(late), state("claim", claim)) == (["within_claim_window"], "returned")


def test_r3_3_a_late_correction_within_the_window_counts_anew(pilot: Pilot) -> None:
    claim = sent_back(pilot, CHECKED, date(2025, 3, 3))
    after = row("claim", claim)["answer_until"] + timedelta(days=1)
    assert submit(pilot, claim, after) == "submitted"
    assert form(claim)["received_at"].startswith("2025年3月25日")


def test_r5_6_what_was_not_corrected_lapses_when_both_times_are_over(any_pilot: Pilot) -> None:
    claim = sent_back(any_pilot, LAST_DAY, LAST_DAY - timedelta(days=3))
    until = row("claim", claim)["answer_until"]
    assert due.run_on(until)["lapsed"] == 0
    assert due.run_on(until + timedelta(days=1))["lapsed"] == 1
    assert (state("claim", claim), {r["live"] for r in rows("receipt")}) == ("withdrawn", {False})
    assert due.run_on(until + timedelta(days=1))["lapsed"] == 0


def test_r5_6_within_the_window_nothing_lapses(pilot: Pilot) -> None:
    claim = sent_back(pilot, CHECKED, date(2025, 3, 3))
    assert due.run_on(row("claim", claim)["answer_until"] + timedelta(days=1))["lapsed"] == 0
    assert state("claim", claim) == "returned"


def test_r3_3_the_notice_says_what_the_rules_hold(pilot: Pilot) -> None:
    claim = sent_back(pilot, LAST_DAY, LAST_DAY - timedelta(days=3))
    with read() as conn:
        number = rows("document", kind="return_notice")[0]["number"]
        said = documents.frozen(conn, number=number).context
    assert said["answer_until"] == row("claim", claim)["answer_until"].isoformat()
    assert "2026年7月28日" in said["after_zh"] and "2026年7月31日" in said["after_zh"]


# A dispute that is left lying


def test_edge_52_a_dispute_left_lying_goes_to_the_arbiter_by_its_date(any_pilot: Pilot) -> None:
    claim = disputed(any_pilot)
    assert row("claim", claim)["recheck_until"] == RECHECK_LAST
    recheck(any_pilot, claim, any_pilot.zhao_min)
    assert due.run_on(RECHECK_LAST)["escalated"] == 0
    after = RECHECK_LAST + timedelta(days=1)
    assert due.run_on(after)["escalated"] == 1
    assert due.run_on(after)["escalated"] == 0
    with pytest.raises(Refused) as late:
        any_pilot.act("claim", claim, "recheck", any_pilot.sun_li, after, **corrected())
    assert codes(late) == ["recheck_is_in_time"]
    # What one body found in the meantime stays sealed, from the arbiter too.
    checks = shown(claim, any_pilot.arbiter)["record"]["facts"]["checks"]
    assert {check["round"] for check in checks} == {1}
    assert any_pilot.act("claim", claim, "settle", any_pilot.arbiter, after, **SETTLES).state == "approved"
    with on(SETTLED), read() as conn:
        assert outbox.refused(conn) == []


def test_edge_52_before_its_date_nobody_escalates(pilot: Pilot) -> None:
    claim = disputed(pilot)
    with pytest.raises(Refused) as early:
        pilot.act("claim", claim, "settle", pilot.arbiter, RECHECK_LAST, **SETTLES)
    assert codes(early) == ["rechecked_by_both"]
    assert json.loads(rows("audit_entry", reference=claim)[-1]["body"])["action"] == "check"
