"""Finance and the auditor see whether the money agrees, and the auditor prints the anchor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import write
from edu_pilot.services import anchors
from tests.factories import Pilot
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]


@pytest.mark.parametrize("name", ["he.jun", "releaser", "xu.ning"])
def test_finance_and_auditor_see_the_sums(at_desk: AtDesk, hands: Pilot, name: str) -> None:
    claim = hands.paid(hands.graduated())
    page = text(at_desk(name).get("/payments/reconciliation"))
    assert "Every fen that was approved is open, paid or given back." in page and "B2503-001" in page
    with write() as conn:
        conn.execute(sa.text("UPDATE payment_item SET amount_fen = amount_fen + 1"))
    page = text(at_desk(name).get("/payments/reconciliation"))
    assert "Pay nothing until every difference is explained." in page and claim in page


@pytest.mark.parametrize("name", ["wang.fang", "chen.hui", "zhao.min", "admin"])
def test_others_do_not_see_the_sums(at_desk: AtDesk, hands: Pilot, name: str) -> None:
    assert at_desk(name).get("/payments/reconciliation").status_code == 403


def test_the_anchor_is_shown_as_a_sheet(at_desk: AtDesk, hands: Pilot) -> None:
    assert "There is no anchor yet." in text(at_desk("xu.ning").get("/admin/anchor"))
    made = anchors.make_now()
    assert made.hash[:8] in text(at_desk("xu.ning").get("/admin/anchor"))
    assert at_desk("he.jun").get("/admin/anchor").status_code == 403
