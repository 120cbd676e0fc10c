"""The bank's files and the public notice as people, programs and commands get them (R5.7, R5.8)."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from edu_pilot import cli
from edu_pilot.services import accounts, outbox, payments
from edu_pilot.services.actors import OPERATOR
from edu_pilot.workflow.reasons import Refused
from tests.factories import BATCHED, CHECKED, SETTLED, Pilot, on, receipt, rows, state
from tests.people import worker
from tests.web.visitor import Visitor


@pytest.fixture
def batch(hands: Pilot) -> str:
    """Give an exported batch with one claim."""
    made = hands.batch(hands.approved(hands.graduated()))
    hands.export(made)
    return made


def answer(batch: str) -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target).writerows([["付款编号", "结果"], [rows("payment_item")[0]["number"], "成功"]])
    return target.getvalue().encode("gb18030")


def command(site: Flask, *words: str) -> Result:
    cli.register(site)
    group = FlaskGroup(name="edu-pilot", add_default_commands=False, load_dotenv=False)
    return CliRunner().invoke(group, list(words), obj=ScriptInfo(create_app=lambda: site))


def visitor(site: Flask, name: str) -> Visitor:
    made = Visitor(site)
    assert made.sign_in(name).status_code == 303
    return made


def test_the_releaser_downloads_the_bank_file_and_nobody_else(site: Flask, hands: Pilot, batch: str) -> None:
    address = f"/payments/{batch}/bank-file"
    found = visitor(site, "releaser").get(address)
    assert (found.status_code, found.data) == (200, payments.bank_file(batch, hands.releaser))
    assert "attachment" in found.headers["Content-Disposition"]
    assert [visitor(site, name).get(address).status_code for name in ("he.jun", "zhao.min", "admin")] == [403, 404, 403]
    assert Visitor(site).get(address).location.startswith("/login")


def test_results_sent_twice_by_program_pay_once(site: Flask, hands: Pilot, batch: str) -> None:
    token = accounts.token("he.jun", OPERATOR)
    heads = {"Authorization": f"Bearer {token}"}

    def send(**more: Any) -> Any:
        form = {"batch": batch, "file": (io.BytesIO(answer(batch)), "results.csv")} | more
        with on(SETTLED):
            return site.test_client().post("/api/v1/imports/results", data=form, headers=heads)

    first, second = send(), send()
    assert (first.status_code, first.json["accepted"], first.json["notices"]) == (200, 1, [])
    assert [n["code"] for n in second.json["notices"]] == ["already_settled"]
    assert len(rows("audit_entry", action="confirm_paid")) == 1
    assert send(batch="B2503-999").status_code == 404
    assert send(batch="").status_code == 422


def test_the_bank_files_by_command(site: Flask, hands: Pilot, batch: str, tmp_path: Path) -> None:
    target, back = tmp_path / "bank.csv", tmp_path / "back.csv"
    words = ("payment", "bank-file", batch, str(target), "--json")
    refused = command(site, *words)
    assert (refused.exit_code, json.loads(refused.stdout)["error"], target.exists()) == (1, "forbidden", False)
    assert command(site, *words, "--as", "releaser").exit_code == 0
    assert target.read_bytes() == payments.bank_file(batch, hands.releaser)
    back.write_bytes(answer(batch))
    with on(SETTLED):
        for notices in ([], ["already_settled"]):
            told = command(site, "payment", "results", str(back), "--batch", batch, "--as", "he.jun", "--json")
            assert [n["code"] for n in json.loads(told.stdout)["notices"]] == notices
    assert state("claim", str(rows("claim")[0]["reference"])) == "paid"


def test_the_public_notice_by_command_is_for_everybody(site: Flask, hands: Pilot) -> None:
    hands.approved(hands.graduated())
    with on(CHECKED):
        number = json.loads(command(site, "documents", "notice", "--json").stdout)["number"]
    assert number.startswith("GS2503-")
    at = visitor(site, "decheng.clerk")
    assert (at.get(f"/documents/{number}").status_code, at.get(f"/documents/{number}.pdf").data[:5]) == (200, b"%PDF-")
    with on(BATCHED):
        refused = command(site, "documents", "notice", "--json")
    assert json.loads(refused.stdout)["reasons"][0]["code"] == "nothing_to_publish"


def test_every_new_state_has_its_page(site: Flask, hands: Pilot, batch: str) -> None:
    claim = str(rows("claim")[0]["reference"])
    number = rows("payment_item")[0]["number"]
    results = [{"number": number, "result": "bounced", "reason": "ACCOUNT_CLOSED"}]
    assert "Bank file (CSV)" in visitor(site, "releaser").get(f"/records/payment/{batch}").text
    assert "Bank file (CSV)" not in visitor(site, "he.jun").get(f"/records/payment/{batch}").text
    with on(SETTLED):
        hands.act("payment", batch, "settle", hands.he_jun, SETTLED, results=results)
        outbox.drain()
        assert "The account is closed" in visitor(site, "zhao.min").get(f"/records/claim/{claim}").text
        assert "Sent back by the bank" in visitor(site, "he.jun").get(f"/records/payment/{batch}").text
    areas = {"he.jun": "/payments", "zhao.min": "/review"}
    assert {visitor(site, name).get(path).status_code for name, path in areas.items()} == {200}


def test_results_by_page_are_given_line_by_line(site: Flask, hands: Pilot, batch: str) -> None:
    """R5.8: a line without a choice settles nothing; nothing is chosen beforehand."""
    number, path = rows("payment_item")[0]["number"], f"/records/payment/{batch}"
    maker = visitor(site, "he.jun")
    with on(SETTLED):
        page = maker.get(path).text
        line = page.partition(f'name="results-{number}"')[2].partition("</select>")[0]
        assert "The account is closed" in line and "<option selected" not in line.partition("</option>")[2]
        assert maker.act(path, "settle").status_code == 422
        assert state("payment", batch) == "exported"
        assert maker.act(path, "settle", **{f"results-{number}": "ACCOUNT_CLOSED"}).status_code == 303
        outbox.drain()
        assert "Sent back by the bank" in maker.get(path).text
    assert state("claim", str(rows("claim")[0]["reference"])) == "bounced"


def test_a_list_is_taken_down_by_page_command_and_program(site: Flask, hands: Pilot) -> None:
    hands.approved(hands.graduated())
    token = accounts.token("arbiter", OPERATOR)
    with on(CHECKED):
        numbers = [json.loads(command(site, "documents", "notice", "--json").stdout)["number"] for _ in range(3)]
        by_page = visitor(site, "arbiter").send(f"/documents/{numbers[0]}/take-down", reason="OTHER")
        by_command = command(site, "documents", "take-down", numbers[1], "--reason", "OTHER", "--as", "arbiter")
        heads = {"Authorization": f"Bearer {token}"}
        address = f"/api/v1/documents/{numbers[2]}/take-down"
        by_program = site.test_client().post(address, json={"reason": "OTHER"}, headers=heads)
    assert (by_page.status_code, by_command.exit_code, by_program.status_code) == (303, 0, 200)
    assert all(document["voided_at"] for document in rows("document", kind="public_notice"))
    at = visitor(site, "decheng.clerk")
    assert [at.get(f"/documents/{number}.pdf").status_code for number in numbers] == [409] * 3


def test_a_receipt_claimed_twice_is_told_to_the_union(site: Flask, hands: Pilot) -> None:
    study, claim = hands.graduated(), hands.claim(hands.graduated(worker(1)), receipts=[receipt("7", worker(1).name)])
    with pytest.raises(Refused):
        hands.claim(study, receipts=[receipt("7")])
    assert claim in visitor(site, "zhao.min").get("/review").text
    heads = {"Authorization": f"Bearer {accounts.token('zhao.min', OPERATOR)}"}
    found = site.test_client().get("/api/v1/alerts", headers=heads).json
    assert [(a["kind"], a["reference"]) for a in found["alerts"]] == [("receipt_claimed_twice", claim)]
