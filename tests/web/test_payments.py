"""The payment's desk: what can be paid, batches seen before they are released, the bank's answer (R5.8)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import FileStorage

from edu_pilot.extensions import write
from edu_pilot.services import outbox
from tests.factories import BATCHED, CARD, CHECKED, SETTLED, Pilot, lines_of, on, rows, state
from tests.people import LIU_WEI, worker
from tests.web.test_review import queries
from tests.web.visitor import SEEN, Visitor, text

AtDesk = Callable[[str], Visitor]
OTHER_CARD = "6228480402564890018"


def answer(*lines: tuple[str, str, str]) -> FileStorage:
    """Give the bank's answer as a file."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows([["付款编号", "结果", "原因"], *lines])
    return FileStorage(io.BytesIO(target.getvalue().encode("gb18030")), "回盘.csv")


def numbers(batch: str) -> list[str]:
    return [str(line["number"]) for line in lines_of(batch)]


def step(visitor: Visitor, batch: str, action: str, **fields: str) -> object:
    """Take a step from a batch's page."""
    seen = SEEN.search(text(visitor.get(f"/payments/{batch}")))
    return visitor.send(f"/payments/{batch}/{action}", seen_version=seen.group(1) if seen else "0", **fields)


def test_what_stands_in_a_batch_waits_nowhere_else(at_desk: AtDesk, hands: Pilot) -> None:
    claims = [hands.approved(hands.graduated(who)) for who in (LIU_WEI, worker(1))]
    with on(BATCHED):
        maker = at_desk("he.jun")
        page = text(maker.get("/payments"))
        assert all(claim in page for claim in claims) and "¥9,580.00" in page
        made = maker.send("/payments", claims=claims[:1])
        batch = made.location.rpartition("/")[2]
        page = text(maker.get("/payments"))
        assert claims[0] not in page and claims[1] in page and "¥4,790.00" in page
        assert all(claims[0] not in text(maker.get(f"/payments?list={name}")) for name in ("bounced", "waiting"))
        assert batch in text(maker.get("/payments?list=batches"))


def test_the_releaser_sees_who_is_paid_and_on_which_account(at_desk: AtDesk, hands: Pilot) -> None:
    batch = hands.batch(hands.approved(hands.graduated()))
    with on(BATCHED):
        page = text(at_desk("releaser").get(f"/payments/{batch}"))
        assert LIU_WEI.name in page and f"****{CARD[-4:]}" in page and "total, lines and claims agree" in page
        assert CARD not in page and LIU_WEI.id_number not in page
        assert "Release" in page and 'name="cancellation"' not in page


def test_sums_that_differ_are_told_where_the_batch_is(at_desk: AtDesk, hands: Pilot) -> None:
    batch = hands.batch(hands.approved(hands.graduated()))
    with write() as conn:
        conn.execute(sa.text("UPDATE payment SET total_fen = total_fen + 1"))
    with on(BATCHED):
        releaser = at_desk("releaser")
        assert "the sums do not agree: total ¥4,790.01, lines ¥4,790.00" in text(releaser.get(f"/payments/{batch}"))
        assert step(releaser, batch, "release").status_code == 409  # type: ignore[attr-defined]
    assert state("payment", batch) == "drawn"


def test_the_banks_answer_is_shown_before_it_settles(at_desk: AtDesk, hands: Pilot) -> None:
    claims = [hands.approved(hands.graduated(who)) for who in (LIU_WEI, worker(1))]
    batch = hands.batch(*claims)
    hands.export(batch)
    first, second = numbers(batch)
    with on(SETTLED):
        maker = at_desk("he.jun")
        assert f'<option value="{batch}"' in text(maker.get("/payments/results"))
        partial = maker.send("/payments/results", batch=batch, file=answer((first, "成功", "")))
        assert "There is no result for payment" in text(partial) and state("payment", batch) == "exported"
        file = answer((first, "成功", ""), (second, "失败", "账户已注销"))
        page = text(maker.send("/payments/results", batch=batch, file=file))
        assert "1 · ¥4,790.00" in page and "The account is closed" in page and state("payment", batch) == "exported"
        given = {f"results-{first}": "paid", f"results-{second}": "ACCOUNT_CLOSED"}
        assert step(maker, batch, "settle", **given).status_code == 303  # type: ignore[attr-defined]
        outbox.drain()
        again = text(
            maker.send(
                "/payments/results", batch=batch, file=answer((first, "成功", ""), (second, "失败", "账户已注销"))
            )
        )
        assert "This answer was taken before" in again
        assert claims[1] in text(maker.get("/payments?list=bounced"))
    assert [state("claim", claim) for claim in claims] == ["paid", "bounced"]


def test_the_answers_page_asks_for_the_identity_first_and_keeps_the_entries(at_desk: AtDesk, hands: Pilot) -> None:
    batch = hands.batch(hands.approved(hands.graduated()))
    hands.export(batch)
    (number,) = numbers(batch)
    with on(SETTLED):
        maker = at_desk("he.jun")
        with write() as conn:
            conn.execute(sa.text("UPDATE login_session SET stepped_up_at = NULL"))
        page = text(maker.get(f"/payments/results?batch={batch}"))
        assert 'action="/prove"' in page and 'type="file"' not in page
        assert f'name="next" value="/payments/results?batch={batch}"' in page
        # Reading the file takes no step, so that it never meets the question; what it said is carried along.
        assert "1 · ¥4,790.00" in text(maker.send("/payments/results", batch=batch, file=answer((number, "成功", ""))))
        asked = maker.send(f"/payments/{batch}/settle", seen_version="3", **{f"results-{number}": "paid"})
        assert asked.status_code in (403, 409)


def test_a_payment_sent_back_is_paid_again_after_72_hours(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    batch = hands.batch(claim)
    hands.export(batch)
    hands.settle(batch, bounced={claim: "ACCOUNT_CLOSED"})
    with on(SETTLED):
        assert "The claimant gives another account." in text(at_desk("he.jun").get("/payments?list=bounced"))
        given = {"account_number": OTHER_CARD, "account_holder": LIU_WEI.name}
        hands.act("claim", claim, "change_account", hands.wang_fang, SETTLED, **given)
        assert "The union reviewer confirms" in text(at_desk("he.jun").get("/payments?list=bounced"))
        assert claim in text(at_desk("zhao.min").get("/review?stage=accounts"))
        hands.act("claim", claim, "confirm_account", hands.zhao_min, SETTLED)
    with on(SETTLED + timedelta(days=1)):
        maker = at_desk("he.jun")
        assert "The new account is confirmed; payable from" in text(maker.get("/payments?list=bounced"))
        assert "No claim can be paid today" in text(maker.get("/payments"))
    with on(SETTLED + timedelta(days=4)):
        page = text(at_desk("he.jun").get("/payments"))
        assert claim in page and "pays again" in page and OTHER_CARD[-4:] in page


@pytest.mark.parametrize("path", ["/payments", "/payments?list=batches"])
def test_the_desk_costs_the_same_however_much_waits(at_desk: AtDesk, hands: Pilot, path: str) -> None:
    hands.approved(hands.graduated())
    with on(BATCHED):
        maker = at_desk("he.jun")
        few = queries(maker, path)
    for n in range(1, 6):
        hands.approved(hands.graduated(worker(n)))
    with on(BATCHED):
        assert queries(maker, path) == few <= 20


def test_an_approved_claim_waits_for_its_notice(at_desk: AtDesk, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    with on(CHECKED):
        page = text(at_desk("he.jun").get("/payments?list=waiting"))
    assert claim in page and "public notice runs until" in page
    assert rows("payment") == []
