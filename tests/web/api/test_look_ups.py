"""A full value over the API: for a reason, on record, and once per Idempotency-Key (R2.9)."""

from __future__ import annotations

from tests.factories import Pilot, rows
from tests.people import LIU_WEI
from tests.web.api.conftest import Caller, Programs


def test_a_full_value_is_given_for_a_reason(clerk: Caller, pilot: Pilot, programs: Programs) -> None:
    address = f"/records/application/{pilot.registered()}/look-ups"
    asked = {"field": "phone", "reason": "CALL"}
    for _ in range(2):
        assert clerk.post(address, asked, key="1").get_json() == {"field": "phone", "value": LIU_WEI.phone}
    assert len(rows("look_up")) == 1
    assert clerk.post(address, asked | {"reason": "CURIOUS"}).status_code == 422
    assert programs("xu.ning").post(address, asked).status_code == 403
    assert programs("decheng.clerk").post(address, asked).status_code == 404
    assert len(rows("look_up")) == 1


def test_a_number_in_an_address_is_refused(clerk: Caller, pilot: Pilot) -> None:
    pilot.registered()
    for number in (LIU_WEI.id_number, LIU_WEI.phone):
        answer = clerk.get(f"/records/application?q={number}")
        assert answer.status_code == 422
        assert number not in answer.get_data(as_text=True)
