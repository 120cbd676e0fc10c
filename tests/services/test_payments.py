"""Money to the bank and back: the file out, the results in, bounced and paid once more, never twice (R5.8)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from stdnum import luhn

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import audit, documents, notices, outbox, payments, telling
from edu_pilot.services.actors import OPERATOR, student
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import create
from edu_pilot.services.rosters import Report, Unusable
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Forbidden, Malformed, Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import BATCHED, CARD, CHECKED, SETTLED, Pilot, lines_of, on, receipt, row, rows, state
from tests.people import DECHENG, LIU_WEI, QIHE, worker
from tests.services.test_claim_ways import shown

OTHER_CARD = "622848001012345678" + luhn.calc_check_digit("622848001012345678")
CHANGED = SETTLED + timedelta(days=1)
AGAIN = CHANGED + timedelta(days=3)
HEAD = ["付款编号", "结果", "原因"]


def codes(refusal: pytest.ExceptionInfo[Refused]) -> list[str]:
    return sorted(r.code for r in refusal.value.reasons)


def exported(pilot: Pilot, *claims: str) -> str:
    """Give a batch whose file the bank has."""
    batch = pilot.batch(*claims)
    pilot.export(batch)
    return batch


def answer(*lines: tuple[str, str, str], encoding: str = "gb18030") -> bytes:
    """Give the bank's answer as it comes: a title, a head, a line a payment."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows([["德州市商业银行代发回盘"], HEAD, *lines])
    return target.getvalue().encode(encoding)


def sent(pilot: Pilot, batch: str, content: bytes, actor: Actor | None = None, **more: Any) -> Report:
    with on(SETTLED):
        return payments.import_results(content, "results.csv", batch, actor or pilot.he_jun, **more)


def bounced(pilot: Pilot) -> str:
    """Give a claim whose payment the bank sent back."""
    claim = pilot.approved(pilot.graduated())
    batch = exported(pilot, claim)
    sent(pilot, batch, answer((lines_of(batch)[0]["number"], "退汇", "账户已注销")))
    assert state("claim", claim) == "bounced"
    return claim


def changes_account(pilot: Pilot, claim: str, day: date = CHANGED) -> None:
    me = student(vault().index("id_number", LIU_WEI.id_number))
    given = {"account_number": OTHER_CARD, "account_holder": LIU_WEI.name}
    pilot.act("claim", claim, "change_account", me, day, **given)


def confirms_account(pilot: Pilot, claim: str, day: date = CHANGED) -> None:
    pilot.act("claim", claim, "confirm_account", pilot.zhao_min, day)


# The bank file


def test_r5_8_the_bank_file_names_every_payment(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    batch = exported(pilot, *claims)
    content = payments.bank_file(batch, pilot.releaser)
    table = list(csv.reader(io.StringIO(content.decode("gb18030"))))
    assert table[0] == ["付款编号", "收款户名", "收款账号", "金额（元）"]
    assert [line[1:] for line in table[1:]] == [[LIU_WEI.name, CARD, "4790.00"], [worker(1).name, CARD, "4790.00"]]
    assert [line[0] for line in table[1:]] == [item["number"] for item in lines_of(batch)]
    (kept,) = rows("bank_file")
    assert CARD.encode() not in kept["content"] and LIU_WEI.name.encode() not in kept["content"]
    assert (payments.bank_file(batch, pilot.releaser), kept["sha256"]) == (content, hashlib.sha256(content).hexdigest())
    entry = rows("audit_entry", reference=batch, action="export")[0]
    assert json.loads(entry["body"])["input"]["bank_file_sha256"] == hashlib.sha256(content).hexdigest()


def test_who_takes_the_bank_file_is_on_record(pilot: Pilot) -> None:
    """R2.9: it shows every card of the batch in clear; taking it once the bank has answered is nobody's task."""
    claim = pilot.approved(pilot.graduated())
    batch = exported(pilot, claim)
    payments.bank_file(batch, pilot.releaser)
    pilot.settle(batch)
    payments.bank_file(batch, pilot.releaser)
    told = [(r["actor"], r["kind"], r["workflow"], r["reference"], r["field"], r["task"]) for r in rows("look_up")]
    shown = ("releaser", "file", "payment", batch, "bank_file")
    assert sorted(told) == [(*shown, False), (*shown, True)]


def test_r5_8_the_bank_file_that_was_sent_is_kept_whatever_comes_after(any_pilot: Pilot) -> None:
    """Neither a settled batch nor another account makes it another file."""
    claim = any_pilot.approved(any_pilot.graduated())
    batch = exported(any_pilot, claim)
    before = payments.bank_file(batch, any_pilot.releaser)
    any_pilot.settle(batch, bounced={claim: "ACCOUNT_CLOSED"})
    changes_account(any_pilot, claim)
    assert row("claim", claim)["account_tail"] == OTHER_CARD[-4:]
    assert payments.bank_file(batch, any_pilot.releaser) == before


def test_r5_8_only_the_releaser_gets_the_bank_file_and_only_after_the_export(pilot: Pilot) -> None:
    batch = pilot.batch(pilot.approved(pilot.graduated()))
    with pytest.raises(Refused) as early:
        payments.bank_file(batch, pilot.releaser)
    assert codes(early) == ["not_exported"]
    pilot.export(batch)
    for actor in (pilot.he_jun, pilot.arbiter, pilot.xu_ning, pilot.admin, OPERATOR):
        with pytest.raises(Forbidden):
            payments.bank_file(batch, actor)
    with pytest.raises(NotFound):
        payments.bank_file("B2503-999", pilot.releaser)


def test_r5_8_the_total_of_a_batch_is_the_sum_of_its_claims_to_the_fen(pilot: Pilot) -> None:
    odd = receipt("901", worker(1).name, amount_fen=123_457)
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)), receipts=[odd])]
    batch = exported(pilot, *claims)
    assert (
        row("payment", batch)["total_fen"] == 479_000 + 123_457 == sum(row("claim", c)["payable_fen"] for c in claims)
    )
    with read() as conn:
        said = documents.frozen(conn, number=rows("document", kind="payment_list")[0]["number"]).context
    assert (said["payable_fen"], said["count"]) == (602_457, 2)
    assert sum(line["amount_fen"] for line in said["lines"]) == said["payable_fen"]
    assert CARD not in json.dumps(said)


# The results


def test_edge_60_a_result_file_read_in_twice_pays_once(any_pilot: Pilot) -> None:
    claims = [any_pilot.approved(any_pilot.graduated()), any_pilot.approved(any_pilot.graduated(worker(1)))]
    batch = exported(any_pilot, *claims)
    content = answer(*((item["number"], "成功", "") for item in lines_of(batch)))
    first = sent(any_pilot, batch, content)
    assert (first.rows, first.accepted, first.notices) == (2, 2, ())
    steps, version = len(rows("audit_entry")), row("payment", batch)["version"]
    second = sent(any_pilot, batch, content)
    assert (second.rows, second.accepted, second.rejected) == (2, 2, 0)
    assert [(t.row, t.reason.code) for t in second.notices] == [(3, "already_settled"), (4, "already_settled")]
    assert (len(rows("audit_entry")), row("payment", batch)["version"]) == (steps, version)
    assert [state("claim", claim) for claim in claims] == ["paid", "paid"]
    assert len(rows("audit_entry", action="confirm_paid")) == 2


def test_edge_60_another_answer_for_a_settled_batch_is_not_taken(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    batch = exported(pilot, claim)
    number = lines_of(batch)[0]["number"]
    sent(pilot, batch, answer((number, "成功", "")))
    report = sent(pilot, batch, answer((number, "退汇", "账户冻结")))
    assert (report.accepted, [p.reason.code for p in report.problems]) == (0, ["result_differs"])
    assert state("claim", claim) == "paid"


def test_r5_8_an_answer_with_any_fault_settles_nothing(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    batch = exported(pilot, *claims)
    first = lines_of(batch)[0]["number"]
    report = sent(pilot, batch, answer((first, "也许", ""), ("P2025-999999", "成功", "")))
    assert [(p.row, p.reason.code) for p in report.problems] == [
        (4, "payment_unknown"), (0, "result_missing"), (3, "result_unclear"),
    ]  # fmt: skip
    assert (report.accepted, state("payment", batch), state("claim", claims[0])) == (0, "exported", "in_payment")


@pytest.mark.parametrize("given", [{}, {"results": None}, {"results": []}])
def test_r5_8_without_the_banks_word_nothing_counts_as_paid(pilot: Pilot, given: dict[str, Any]) -> None:
    claim = pilot.approved(pilot.graduated())
    batch = exported(pilot, claim)
    with pytest.raises(Malformed) as refusal:
        pilot.act("payment", batch, "settle", pilot.he_jun, SETTLED, **given)
    assert codes(refusal) == ["field_missing"]
    assert (state("payment", batch), state("claim", claim), lines_of(batch)[0]["result"]) == (
        "exported", "in_payment", None,
    )  # fmt: skip


def test_r5_8_a_line_the_bank_did_not_name_keeps_the_batch_open(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    batch = exported(pilot, *claims)
    named = [{"number": lines_of(batch)[0]["number"], "result": "paid"}]
    with pytest.raises(Refused) as refusal:
        pilot.act("payment", batch, "settle", pilot.he_jun, SETTLED, results=named)
    assert codes(refusal) == ["result_missing"]
    assert [state("claim", claim) for claim in claims] == ["in_payment", "in_payment"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", "姓名,金额\r\n刘伟,1\r\n".encode()])
def test_r5_8_a_file_that_is_no_answer_is_refused(pilot: Pilot, content: bytes) -> None:
    batch = exported(pilot, pilot.approved(pilot.graduated()))
    with pytest.raises(Unusable) as refusal:
        sent(pilot, batch, content)
    assert codes(refusal) == ["file_unreadable"]
    assert state("payment", batch) == "exported"


def test_r5_8_only_the_maker_reads_results_in_and_only_after_the_export(pilot: Pilot) -> None:
    batch = pilot.batch(pilot.approved(pilot.graduated()))
    content = answer((lines_of(batch)[0]["number"], "成功", ""), encoding="utf-8-sig")
    with pytest.raises(Forbidden):
        sent(pilot, batch, content, pilot.releaser)
    with pytest.raises(Refused) as early:
        sent(pilot, batch, content)
    assert codes(early) == ["not_from_this_state"]
    pilot.export(batch)
    assert sent(pilot, batch, content, dry_run=True).accepted == 1
    assert state("payment", batch) == "exported"
    assert sent(pilot, batch, content).accepted == 1


# Bounced, and paid once more


def test_edge_59_a_bounced_payment_is_paid_once_more_and_never_twice(any_pilot: Pilot) -> None:
    claim = bounced(any_pilot)
    assert row("claim", claim)["bounce_reason"] == "ACCOUNT_CLOSED"
    with on(CHANGED), pytest.raises(Refused) as not_changed:
        create("payment", any_pilot.he_jun, {"claims": [claim]})
    assert codes(not_changed) == ["account_is_settled"]
    changes_account(any_pilot, claim)
    confirms_account(any_pilot, claim)
    with on(AGAIN):
        batch = create("payment", any_pilot.he_jun, {"claims": [claim]}).reference
        assert row("claim", claim)["account_tail"] == OTHER_CARD[-4:]
    any_pilot.export(batch, AGAIN)
    assert OTHER_CARD.encode() in payments.bank_file(batch, any_pilot.releaser)
    sent(any_pilot, batch, answer((lines_of(batch)[0]["number"], "成功", "")))
    assert state("claim", claim) == "paid"
    assert sorted((i["result"], bool(i["live"])) for i in rows("payment_item")) == [("bounced", False), ("paid", True)]
    with on(AGAIN), pytest.raises(Refused):
        create("payment", any_pilot.he_jun, {"claims": [claim]})
    with read() as conn:
        assert outbox.refused(conn) == []
        assert audit.verify(conn).ok


def as_told(claim: str) -> tuple[str | None, str | None, bool, str]:
    """Give what the claimant is asked to do, what comes next, whether it is with them, and else whose telephone."""
    with on(CHANGED), read() as conn:
        stages, _compiled = telling.stages(conn, student(vault().index("id_number", LIU_WEI.id_number)))
    stage = next(stage for stage in stages if stage.case.reference == claim)
    return stage.todo, stage.following, stage.mine, stage.holder.phone if stage.holder else ""


def test_edge_59_after_a_bounce_each_is_told_whose_turn_it_is(pilot: Pilot) -> None:
    """Another card is asked for until there is one; then it is with the union, and once confirmed with the payers."""
    claim = bounced(pilot)
    todo, following, mine, _phone = as_told(claim)
    assert mine and CARD[-4:] in str(todo) and CARD[-4:] in str(following)
    changes_account(pilot, claim)
    todo, following, mine, phone = as_told(claim)
    assert (todo, mine, phone) == (None, False, "0534-0002551") and OTHER_CARD[-4:] in str(following)
    confirms_account(pilot, claim)
    todo, last, mine, phone = as_told(claim)
    assert (todo, mine, phone) == (None, False, "0534-0000005")
    assert last != following and OTHER_CARD[-4:] in str(last)


def test_edge_59_in_one_batch_one_is_paid_and_one_bounces(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    batch = exported(pilot, *claims)
    first, second = (item["number"] for item in lines_of(batch))
    sent(pilot, batch, answer((first, "成功", ""), (second, "失败", "户名不符")))
    assert [state("claim", c) for c in sorted(claims)] == ["paid", "bounced"]
    assert row("claim", max(claims))["bounce_reason"] == "NAME_MISMATCH"


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the time of day stand still, so that hours can be counted."""
    still = clock.now()
    monkeypatch.setattr(clock, "now", lambda: still)
    yield


def test_r5_8_a_changed_account_waits_72_hours_and_for_the_union(pilot: Pilot, noon: None) -> None:
    claim = bounced(pilot)
    changes_account(pilot, claim)
    with on(AGAIN), pytest.raises(Refused) as unconfirmed:
        create("payment", pilot.he_jun, {"claims": [claim]})
    assert codes(unconfirmed) == ["account_is_settled"]
    confirms_account(pilot, claim)
    with on(AGAIN - timedelta(days=1)), pytest.raises(Refused) as early:
        create("payment", pilot.he_jun, {"claims": [claim]})
    assert codes(early) == ["account_is_settled"]
    with on(AGAIN):
        assert create("payment", pilot.he_jun, {"claims": [claim]}).state == "drawn"


def test_r5_8_whoever_changed_the_account_does_not_confirm_it(pilot: Pilot) -> None:
    claim = bounced(pilot)
    changes_account(pilot, claim)
    me = student(vault().index("id_number", LIU_WEI.id_number))
    twin = Actor("x", "second.account", frozenset({"union_reviewer"}), QIHE, me.person_key)
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "confirm_account", twin, CHANGED)
    assert codes(refusal) == ["account_changed_by_another", "not_own_case"]
    assert row("claim", claim)["account_confirmed_at"] is None


def test_edge_62_the_account_of_another_is_refused(pilot: Pilot) -> None:
    claim = bounced(pilot)
    given = {"account_number": OTHER_CARD, "account_holder": "王芳"}
    with pytest.raises(Refused) as refusal:
        pilot.act("claim", claim, "change_account", pilot.wang_fang, CHANGED, **given)
    assert codes(refusal) == ["new_account_is_own"]
    assert row("claim", claim)["account_tail"] == CARD[-4:]


def test_r5_8_an_account_is_not_changed_while_the_claim_stands_in_a_batch(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    batch = pilot.batch(claim)
    with pytest.raises(Refused) as refusal:
        changes_account(pilot, claim, BATCHED)
    assert codes(refusal) == ["not_in_a_batch"]
    pilot.act("payment", batch, "cancel", pilot.he_jun, BATCHED, cancellation="ENTERED_BY_MISTAKE")
    changes_account(pilot, claim, BATCHED)
    with on(BATCHED), pytest.raises(Refused):
        create("payment", pilot.he_jun, {"claims": [claim]})


def test_r5_8_a_cancelled_batch_lets_its_claims_go(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    pilot.act("payment", pilot.batch(claim), "cancel", pilot.he_jun, BATCHED, cancellation="ENTERED_BY_MISTAKE")
    pilot.pay_out(pilot.batch(claim))
    assert (state("claim", claim), [bool(i["live"]) for i in rows("payment_item")].count(True)) == ("paid", 1)


# The public notice


def test_r5_7_the_notice_lists_whose_notice_runs_masked(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    stopped = pilot.approved(pilot.graduated(worker(2)))
    pilot.act("claim", stopped, "object", pilot.wang_fang, CHECKED, objection="来电反映")
    number = notices.publish(QIHE, pilot.zhao_min, CHECKED)
    with read() as conn:
        found = documents.frozen(conn, number=number)
    text = json.dumps(found.context, ensure_ascii=False)
    assert [(x["name"], x["id_tail"], x["unit"]) for x in found.context["lines"]] == [
        (who.name, who.id_number[-4:], "齐河建筑安装有限公司") for who in (LIU_WEI, worker(1))
    ]
    assert not any(secret in text for secret in (LIU_WEI.id_number[:14], LIU_WEI.phone, CARD, stopped))
    entry = json.loads(rows("audit_entry", reference=number)[0]["body"])
    assert (entry["action"], entry["input"]["claims"]) == ("publish_notice", sorted(claims))
    assert documents.render(number).startswith(b"%PDF")
    with read() as conn:
        assert audit.verify(conn).ok


def test_r6_3_a_countys_union_publishes_its_own_list_only(pilot: Pilot) -> None:
    pilot.approved(pilot.graduated())
    for county, actor in (
        (None, pilot.zhao_min),
        (DECHENG, pilot.zhao_min),
        (QIHE, pilot.wang_fang),
        (None, pilot.he_jun),
    ):
        with pytest.raises(Forbidden):
            notices.publish(county, actor, CHECKED)
    with pytest.raises(Refused) as nothing:
        notices.publish(DECHENG, pilot.arbiter, CHECKED)
    assert codes(nothing) == ["nothing_to_publish"]
    with pytest.raises(Refused):
        notices.publish(None, pilot.arbiter, BATCHED)
    assert rows("document", kind="public_notice") == []


# Taken down


def published(pilot: Pilot) -> tuple[list[str], str]:
    """Give the claims of a published list and its number."""
    claims = [pilot.approved(pilot.graduated()), pilot.approved(pilot.graduated(worker(1)))]
    return claims, notices.publish(QIHE, pilot.zhao_min, CHECKED)


def test_edge_58_a_list_is_taken_down_at_once_and_names_whom_it_concerns(any_pilot: Pilot) -> None:
    (wrong, other), number = published(any_pilot)
    clock_before = {claim: row("claim", claim)["notice_until"] for claim in (wrong, other)}
    with on(CHECKED):
        assert notices.take_down(number, "WRONG_PERSON", any_pilot.zhao_min, [wrong]) == [wrong]
    with pytest.raises(Refused) as gone:
        documents.content(number, any_pilot.zhao_min)
    assert codes(gone) == ["taken_down"]
    (incident,) = rows("incident")
    assert (incident["reason"], incident["claims"], incident["recorded_by"]) == ("WRONG_PERSON", [wrong], "zhao.min")
    entry = json.loads(rows("audit_entry", action="take_down")[0]["body"])
    assert entry["input"] == {"reason": "WRONG_PERSON", "claims": [wrong]}
    assert rows("document", number=number)[0]["voided_at"] is not None
    # The person is told on the own case; nobody's notice begins again, and the list can be published anew.
    told = {claim: shown(claim, any_pilot.wang_fang)["record"]["facts"]["incidents"] for claim in (wrong, other)}
    assert ([told[wrong][0]["document"]], told[other]) == ([number], [])
    assert {claim: row("claim", claim)["notice_until"] for claim in (wrong, other)} == clock_before
    any_pilot.act("claim", wrong, "object", any_pilot.wang_fang, CHECKED, objection="公示错误")
    anew = notices.publish(QIHE, any_pilot.zhao_min, CHECKED)
    with read() as conn:
        names = [line["name"] for line in documents.frozen(conn, number=anew).context["lines"]]
        assert names == [worker(1).name]
        assert audit.verify(conn).ok
    any_pilot.pay_out(any_pilot.batch(other))
    assert state("claim", other) == "paid"


def test_edge_58_a_list_is_taken_down_once_by_its_union_and_for_a_reason(pilot: Pilot) -> None:
    claims, number = published(pilot)
    for actor in (pilot.wang_fang, pilot.he_jun):
        with pytest.raises(Forbidden):
            notices.take_down(number, "OTHER", actor)
    with pytest.raises(Refused) as faulty:
        notices.take_down(number, "BOREDOM", pilot.zhao_min, ["R2503-999999"])
    assert (codes(faulty), rows("incident")) == (["not_on_the_list", "reason_unknown"], [])
    assert notices.take_down(number, "NUMBER_SHOWN", pilot.arbiter) == sorted(claims)
    with pytest.raises(Refused) as again:
        notices.take_down(number, "NUMBER_SHOWN", pilot.arbiter)
    assert codes(again) == ["taken_down_already"]
    form = rows("document", kind="claim_form")[0]["number"]
    with pytest.raises(NotFound):
        notices.take_down(form, "OTHER", pilot.arbiter)
