"""The trail and the money on the command line: what is kept outside, what is written out, what does not agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from edu_pilot.extensions import write
from edu_pilot.services import anchors
from tests.cli.test_cli import Type, answer, typed
from tests.factories import Pilot


@pytest.fixture
def run(app: Flask) -> Type:
    return typed(app)


@pytest.fixture
def outside(run: Type, pilot: Pilot, tmp_path: Path) -> list[str]:
    """Give an anchor and the public key, kept outside the installation."""
    pilot.registered()
    (tmp_path / "anchor.json").write_text(run("audit", "anchor", "--json").stdout)
    (tmp_path / "key.pem").write_text(run("public-key").stdout)
    return ["--head", str(tmp_path / "anchor.json"), "--key", str(tmp_path / "key.pem")]


def without_triggers(*statements: str) -> None:
    """Write past every guard of the trail."""
    with write() as conn:
        for table in ("entry", "anchor"):
            for verb in ("update", "delete"):
                conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_{table}_no_{verb}")
        for statement in statements:
            conn.exec_driver_sql(statement)


def test_what_was_kept_outside_confirms_the_trail(run: Type, outside: list[str]) -> None:
    found = run("audit", "verify", *outside, "--json")
    assert (found.exit_code, answer(found)["ok"]) == (0, True)
    assert set(answer(found)) == {"ok", "entries", "records", "first_bad", "reason"}


def test_an_anchor_that_is_gone_is_missed(run: Type, outside: list[str]) -> None:
    without_triggers("DELETE FROM audit_anchor")
    assert run("audit", "verify").exit_code == 0
    found = answer(run("audit", "verify", *outside, "--json"))
    assert (found["ok"], found["reason"]) == (False, "anchor")


def test_anchors_of_another_key_are_not_taken(run: Type, outside: list[str], tmp_path: Path) -> None:
    strange = tmp_path / "strange.pem"
    strange.write_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                       "-----END PUBLIC KEY-----\n")  # fmt: skip
    found = run("audit", "verify", "--key", str(strange), "--json")
    assert (found.exit_code, answer(found)["reason"]) == (1, "anchor")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number": 1}', '{"number": "1", "hash": "x"}',
                                  '{"number": 1, "hash": "x", "anchor": 1}'])  # fmt: skip
def test_what_is_no_head_is_a_usage_error(run: Type, tmp_path: Path, text: str) -> None:
    (tmp_path / "head.json").write_text(text)
    found = run("audit", "verify", "--head", str(tmp_path / "head.json"), "--json")
    assert (found.exit_code, answer(found)["error"]) == (2, "head_malformed")


def test_the_sheet_shows_the_whole_anchor(run: Type, pilot: Pilot) -> None:
    lines = run("audit", "anchor", "--lang", "en").stdout.splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        "Anchor number", "Newest entry", "Its hash", "Made at (UTC)", "Cause", "Signing key", "Signature",
    ]  # fmt: skip
    assert len(lines[2].replace(" ", "").removeprefix("Itshash")) == 64


def test_the_export_is_written_whole(run: Type, outside: list[str], tmp_path: Path) -> None:
    target = tmp_path / "trail.jsonl"
    found = answer(run("audit", "export", str(target), "--json"))
    lines = target.read_text("utf-8").splitlines()
    assert found["lines"] == len(lines)
    assert json.loads(lines[-1])["end"]["entries"] == json.loads(lines[0])["head"]["number"]


def test_reconcile_says_what_does_not_agree(run: Type, pilot: Pilot) -> None:
    claim = pilot.paid(pilot.graduated())
    assert "¥4,790.00" in run("payment", "reconcile").stdout
    fine = run("payment", "reconcile", "--json")
    assert (fine.exit_code, answer(fine)["ok"], answer(fine)["paid_fen"]) == (0, True, 479_000)
    with write() as conn:
        conn.exec_driver_sql("UPDATE payment_item SET amount_fen = 479001")
    found = run("payment", "reconcile", "--json")
    assert (found.exit_code, answer(found)["difference_fen"]) == (1, -1)
    assert [one["claim"] for one in answer(found)["differences"] if one["code"] == "amount_differs"] == [claim]
    plain = run("payment", "reconcile").stdout
    assert claim in plain and "¥4,790.00 ≠ ¥4,790.01" in plain and "_fen" not in plain


def test_doctor_tells_of_trail_and_money(run: Type, pilot: Pilot) -> None:
    anchors.make_now()
    found = {one["name"]: one["ok"] for one in answer(run("doctor", "--json"))["findings"]}
    assert (found["anchors"], found["money"]) == (True, True)
