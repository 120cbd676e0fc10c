"""The roster page is for those who may register others (R2.8)."""

from __future__ import annotations

import io

from edu_pilot.services.vault import vault
from tests.factories import Pilot, row
from tests.people import LIU_WEI
from tests.web.visitor import Visitor


def test_a_worker_is_offered_no_roster(stranger: Visitor, hands: Pilot) -> None:
    """A dry run of somebody's number would tell where that person is registered."""
    found = row("application", hands.registered())
    code = vault().open("application.query_code", found["id"], found["query_code"])
    assert stranger.send("/status", code=code, id_tail=LIU_WEI.id_number[-6:]).status_code == 200
    assert stranger.get("/desk/roster").status_code == 403
    file = (io.BytesIO("姓名,身份证号\n".encode()), "roster.csv")
    assert stranger.send("/desk/roster", intake="2209", step="check", file=file).status_code == 403
