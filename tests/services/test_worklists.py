"""Lists of work and one step on many: told beforehand as judged one by one, hidden ones never touched (R1.4, C3)."""

from __future__ import annotations

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import bulk, presenting, quotas, search, worklists
from edu_pilot.services.worklists import ROWS, Sought
from edu_pilot.workflow.reasons import Malformed
from tests import crowds
from tests.factories import ADMITTED, Pilot, on, publish_places, row, state
from tests.people import DECHENG, QIHE


def told(pilot: Pilot, reference: str) -> list[str]:
    """Give what the record's own page says against admission."""
    with on(ADMITTED), read() as conn:
        case = search.get(conn, "application", reference, pilot.chen_hui)
        offers = presenting.show(conn, case, pilot.chen_hui).offers
        return [r.english() for offer in offers if offer.action.name == "admit" for r in offer.reasons]


def test_r1_4_a_list_says_what_each_record_says(any_pilot: Pilot) -> None:
    found = crowds.verified(any_pilot, 4)
    publish_places(4)
    waiting = crowds.verified(any_pilot, 3, first=10)
    for reference in (*found, *waiting):
        any_pilot.admit(reference)
    # A place falls free, and nobody has moved up yet.
    any_pilot.withdraw(found[0])
    with on(ADMITTED), read() as conn:
        page = worklists.in_state(conn, "application", any_pilot.chen_hui, Sought(), "waitlisted", order=["reference"])
        offers = bulk.against(conn, page.cases, "admit", any_pilot.chen_hui)
        listed = {c.reference: [r.english() for r in offers[c.id].reasons] for c in page.cases}
        held = quotas.by_major(conn, "2022")
    assert listed == {reference: told(any_pilot, reference) for reference in waiting}
    assert [len(listed[reference]) for reference in waiting] == [0, 1, 1]
    assert {kind: n for (county, _major, kind), n in held.items() if county == QIHE} == {"held": 3, "waiting": 3}


def test_c3_a_record_of_another_county_is_as_good_as_missing(pilot: Pilot) -> None:
    mine, theirs = crowds.complete(pilot, 1)[0], "A2209-999999"
    outcome = bulk.act("application", [mine, theirs], "verify", pilot.decheng_clerk)
    assert [[r.code for r in result.reasons] for result in outcome.results] == [["not_found"], ["not_found"]]
    assert state("application", mine) == "registered"
    assert bulk.enter("application", "verify", {mine: {}}, pilot.decheng_clerk) == {}
    with read() as conn:
        assert worklists.listed(conn, "application", pilot.decheng_clerk, Sought()).total == 0
        assert worklists.listed(conn, "application", pilot.chen_hui, Sought(county=DECHENG)).total == 0


def test_one_named_twice_is_taken_once_and_too_many_not_at_all(pilot: Pilot) -> None:
    reference = crowds.complete(pilot, 1)[0]
    outcome = bulk.act("application", [reference, reference], "verify", pilot.wang_fang)
    assert (len(outcome.taken), outcome.skipped, row("application", reference)["version"]) == (1, [], 3)
    with pytest.raises(Malformed) as many:
        bulk.act("application", [str(n) for n in range(worklists.MOST + 1)], "verify", pilot.wang_fang)
    assert [r.code for r in many.value.reasons] == ["too_many"]


def test_a_page_beyond_the_last_is_the_last(pilot: Pilot) -> None:
    for n in range(3):
        crowds.complete(pilot, 1, first=n)
    with read() as conn:
        page = worklists.listed(conn, "application", pilot.chen_hui, Sought(page=9), order=["-reference"])
        none = worklists.listed(conn, "application", pilot.chen_hui, Sought(intake="2303", page=9))
    assert (page.page, page.pages, page.first, page.total) == (1, 1, 1, 3) and ROWS > 3
    assert [case.reference for case in page.cases] == sorted((c.reference for c in page.cases), reverse=True)
    assert (none.total, none.page, none.cases) == (0, 1, [])
