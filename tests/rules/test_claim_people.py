"""Who stands behind a claim: membership by its dates, unit without union, employer that is gone (§5)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.rules.shipped import POLICY, attempt, changed, codes, reasons
from tests.rules.test_claim import SUN_LI, ZHAO_MIN, check, claim

TODAY = date(2025, 3, 3)
# Enrolled 1 September 2022.
BEFORE, AFTER = date(2020, 1, 1), date(2023, 1, 1)
LAPSED, GRACE_LAST, IN_GRACE = date(2024, 6, 30), date(2024, 12, 3), date(2024, 12, 2)


def member(since: date | None, until: date | None = None) -> dict[str, Any]:
    return claim(member_since_on=since, member_until_on=until)


@pytest.mark.parametrize(
    ("held_at", "since", "until", "failed"),
    [
        ("both", BEFORE, None, []), ("both", AFTER, None, ["enrolment"]), ("both", BEFORE, LAPSED, ["claim"]),
        ("both", AFTER, LAPSED, ["enrolment", "claim"]), ("both", None, None, []),
        ("either", AFTER, None, []), ("either", BEFORE, LAPSED, []), ("either", AFTER, LAPSED, ["enrolment", "claim"]),
        ("enrolment", AFTER, None, ["enrolment"]), ("enrolment", BEFORE, LAPSED, []),
        ("claim", AFTER, None, []), ("claim", BEFORE, LAPSED, ["claim"]),
        ("claim", BEFORE, GRACE_LAST, []), ("claim", BEFORE, IN_GRACE, ["claim"]),
    ],
)  # fmt: skip
def test_edge_48_the_membership_is_judged_by_its_dates(
    held_at: str, since: date | None, until: date | None, failed: list[str]
) -> None:
    """Each failed date is a reason of its own, so that the message says which it is."""
    policy = changed("claim.membership", {"held_at": held_at, "grace_days": 90})
    found = reasons("membership_held", attempt(member(since, until), today=TODAY, policy=policy))
    days = {"2022-09-01": "enrolment", "2025-03-03": "claim"}
    assert [days[str(reason.facts["day"])] for reason in found] == failed


def test_edge_49_a_unit_without_union_names_what_to_do() -> None:
    tried = [codes("union_is_joined", attempt(claim(union_of=of))) for of in (None, "unit", "township", "none")]
    assert tried == [[], [], [], ["union_is_joined"]]


@pytest.mark.parametrize(
    ("gone", "papers", "blocked"),
    [(None, [], 0), ("no", [], 0), ("yes", [], 1),
     ("yes", ["employer_letter"], 1), ("yes", ["township_union_proof"], 0),
     ("yes", ["social_insurance"], 0)],
)  # fmt: skip
def test_edge_50_a_gone_employers_stamp_is_replaced(gone: str | None, papers: list[str], blocked: int) -> None:
    tried = attempt(claim(employer_gone=gone, papers=frozenset(papers)))
    assert codes("gone_employer_is_proved", tried) == ["gone_employer_is_proved"] * blocked


@pytest.mark.parametrize(
    ("until", "given", "actor", "blocked"),
    [
        (None, [], SUN_LI, 0), (TODAY, [], SUN_LI, 0), (date(2025, 3, 2), [], SUN_LI, 1),
        (date(2025, 3, 2), [SUN_LI], SUN_LI, 0), (date(2025, 3, 2), [ZHAO_MIN], SUN_LI, 1),
        (date(2025, 3, 2), [], ZHAO_MIN, 0),
    ],
)  # fmt: skip
def test_edge_56_an_expired_code_stops_the_university_unless_it_checked(
    until: date | None, given: list[Any], actor: Any, blocked: int
) -> None:
    record = claim(checks=[check(who) for who in given], register_code_until=until)
    tried = attempt(record, actor=actor, today=TODAY, policy=POLICY)
    assert codes("register_code_stands", tried) == ["register_code_stands"] * blocked
