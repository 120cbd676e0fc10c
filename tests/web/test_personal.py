"""Full values on a page, the auditor's page of look-ups, and a person's own copy (R2.9, edges 69 and 71)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

from tests.factories import Pilot, case, rows
from tests.people import LIU_WEI
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]


def test_a_full_number_is_shown_on_demand_and_only_then(at_desk: AtDesk, hands: Pilot) -> None:
    address = f"/records/application/{hands.registered()}"
    clerk = at_desk("wang.fang")
    assert LIU_WEI.id_number not in text(clerk.get(address))
    shown = clerk.send(f"{address}/look-ups", field="id_number", reason="COMPARE")
    assert LIU_WEI.id_number in text(shown)
    assert LIU_WEI.phone not in text(shown)
    assert shown.headers["Cache-Control"] == "no-store"
    assert [(r["actor"], r["field"]) for r in rows("look_up")] == [("wang.fang", "id_number")]
    assert LIU_WEI.id_number not in text(clerk.get(address))


def test_who_has_no_need_has_no_button(at_desk: AtDesk, hands: Pilot) -> None:
    address = f"/records/application/{hands.registered()}"
    auditor = at_desk("xu.ning")
    assert "look-ups" not in text(auditor.get(address))
    assert auditor.send(f"{address}/look-ups", field="id_number", reason="COMPARE").status_code == 403
    assert at_desk("wang.fang").send(f"{address}/look-ups", field="id_number", reason="").status_code == 422
    assert rows("look_up") == []


def test_the_auditor_sees_who_looked(at_desk: AtDesk, hands: Pilot) -> None:
    reference = hands.registered()
    at_desk("wang.fang").send(f"/records/application/{reference}/look-ups", field="phone", reason="CALL")
    page = text(at_desk("xu.ning").get("/look-ups"))
    assert "wang.fang" in page and reference in page and "Call the person" in page
    assert at_desk("wang.fang").get("/look-ups").status_code == 403


def test_a_student_takes_the_own_copy_home(stranger: Visitor, hands: Pilot) -> None:
    code = case("application", hands.registered()).query_code
    stranger.send("/status", code=code, id_tail=LIU_WEI.id_number[-6:])
    answer = stranger.send("/status/copy")
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert LIU_WEI.id_number in archive.read("data.json").decode()
    assert [(r["actor"], r["kind"]) for r in rows("look_up")] == [("student", "export")]


def test_nobody_else_takes_it(at_desk: AtDesk, hands: Pilot) -> None:
    hands.registered()
    assert at_desk("wang.fang").send("/status/copy").status_code == 403
    assert rows("look_up") == []
