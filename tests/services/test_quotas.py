"""The city moves places between the counties' shares; each move is recorded, nobody loses a place (R1.4)."""

from __future__ import annotations

import pytest

from edu_pilot.extensions import read
from edu_pilot.services import audit, quotas
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.factories import Pilot, contents, rows
from tests.people import DECHENG, QIHE


def shares() -> dict[str, quotas.Share]:
    with read() as conn:
        found = quotas.of_year(conn, "2022")
    assert found is not None
    return {share.county: share for share in found.shares}


def test_a_move_keeps_the_sum_and_is_recorded(any_pilot: Pilot) -> None:
    before = shares()
    quotas.move("2022", DECHENG, QIHE, 5, any_pilot.chen_hui)
    after = shares()
    assert (after[DECHENG].places, after[QIHE].places) == (before[DECHENG].places - 5, before[QIHE].places + 5)
    assert sum(s.places for s in after.values()) == rows("quota", year="2022")[0]["places"]
    [entry] = rows("audit_entry", workflow="quota")
    assert (entry["actor"], entry["reference"], entry["action"]) == ("chen.hui", "2022", "move_places")
    with read() as conn:
        assert audit.verify(conn).ok


def test_a_share_tells_what_of_it_is_taken(any_pilot: Pilot) -> None:
    any_pilot.admitted()
    assert (shares()[QIHE].reserved, shares()[QIHE].used) == (0, 1)


def test_a_confirmed_place_is_never_moved_away(any_pilot: Pilot) -> None:
    any_pilot.verified()
    free = shares()[QIHE].free
    before = contents()
    with pytest.raises(Refused) as refused:
        quotas.move("2022", QIHE, DECHENG, free + 1, any_pilot.chen_hui)
    assert [(r.code, r.facts) for r in refused.value.reasons] == [("places_taken", {"free": free})]
    assert contents() == before
    quotas.move("2022", QIHE, DECHENG, free, any_pilot.chen_hui)
    assert shares()[QIHE].free == 0


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        (("2035", QIHE, DECHENG, 1), {"year_unknown"}),
        (("2022", "370000", QIHE, 1), {"county_unknown"}),
        (("2022", QIHE, QIHE, 0), {"county_same", "places_malformed"}),
    ],
)
def test_a_wrong_move_is_refused_with_every_reason(
    pilot: Pilot, step: tuple[str, str, str, int], codes: set[str]
) -> None:
    with pytest.raises(Refused) as refused:
        quotas.move(*step, pilot.chen_hui)
    assert {r.code for r in refused.value.reasons} == codes


def test_a_clerk_moves_no_places(pilot: Pilot) -> None:
    with pytest.raises(Forbidden):
        quotas.move("2022", QIHE, DECHENG, 1, pilot.wang_fang)
