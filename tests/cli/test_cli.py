"""The command line as its users type it: exit codes, one JSON document, refusals in the API's shape."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from edu_pilot import cli, config, create_app, paths, server
from edu_pilot.extensions import write
from edu_pilot.services import instance
from edu_pilot.workflow.versions import read_folder
from tests.app import CHEAP
from tests.factories import Pilot, contents, rows
from tests.people import fresh_code, id_number, worker

ROSTER = Path(__file__).parent.parent / "rosters" / "roster-qihe-messy.xlsx"
Type = Callable[..., Result]


def typed(app: Flask) -> Type:
    """Give a keyboard for an installation's command line."""
    cli.register(app)

    def run(*words: str) -> Result:
        group = FlaskGroup(name="edu-pilot", add_default_commands=False, load_dotenv=False)
        return CliRunner().invoke(group, list(words), obj=ScriptInfo(create_app=lambda: app))

    return run


@pytest.fixture
def run(app: Flask) -> Type:
    return typed(app)


def answer(result: Result) -> Any:
    """Give the one JSON document on stdout."""
    return json.loads(result.stdout)


def test_nothing_works_before_init_and_says_so(tmp_path: Path) -> None:
    settings = config.read({"EDU_PILOT_DATA": str(tmp_path)})
    run = typed(create_app(settings, **CHEAP))
    result = run("audit", "verify", "--json")
    assert (result.exit_code, answer(result)["error"]) == (2, "not_initialised")
    assert run("doctor").exit_code == 1
    assert run("workflows", "check").exit_code == 0
    assert run("init").exit_code == 0
    assert run("audit", "verify").exit_code == 0
    assert answer(run("init", "--json"))["created"] is False


def test_a_roster_goes_in_and_answers_in_the_contracts_shape(run: Type) -> None:
    result = run("roster", "import", str(ROSTER), "--intake", "2209", "--json")
    found = answer(result)
    assert result.exit_code == 0
    assert set(found) == {"rows", "accepted", "rejected", "problems", "notices", "records"}
    assert set(found["problems"][0]) == {"row", "column", "code", "text", "value"}
    assert found["records"][0] == {"row": 4, "reference": "A2209-000001"}


@pytest.mark.parametrize(
    ("file", "intake", "code"),
    [
        ("nowhere.xlsx", "2209", "file_unreadable"),
        (str(ROSTER), "2203", "intake_unknown"),
        (str(ROSTER), "2303", "intake_closed"),
    ],
)
def test_an_unusable_roster_ends_with_2(run: Type, file: str, intake: str, code: str) -> None:
    before = contents()
    result = run("roster", "import", file, "--intake", intake, "--json")
    assert (result.exit_code, answer(result)["error"]) == (2, code)
    assert contents() == before


def test_the_report_is_a_workbook(run: Type, tmp_path: Path) -> None:
    target = tmp_path / "report.xlsx"
    run("roster", "import", str(ROSTER), "--intake", "2209", "--dry-run", "--report", str(target))
    assert target.read_bytes().startswith(b"PK")


def test_a_report_that_cannot_be_written_stops_before_the_import(run: Type, tmp_path: Path) -> None:
    before = contents()
    target = tmp_path / "no" / "such" / "folder.xlsx"
    result = run("roster", "import", str(ROSTER), "--intake", "2209", "--report", str(target), "--json")
    assert (result.exit_code, answer(result)["error"]) == (2, "report_not_writable")
    assert contents() == before


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_a_wrong_use(run: Type, tmp_path: Path, content: str) -> None:
    key, paper = tmp_path / "key.pem", tmp_path / "paper.pdf"
    key.write_text(content, "utf-8")
    paper.write_bytes(b"%PDF-1.7")
    result = run("verify", str(paper), "--key", str(key), "--json")
    assert (result.exit_code, answer(result)["error"]) == (2, "key_malformed")


@pytest.mark.parametrize("content", ["", "no head", "[]", '{"number": "1", "hash": "0"}', '{"number": 1}', "\ud800"])
def test_what_is_no_head_is_a_wrong_use(run: Type, tmp_path: Path, content: str) -> None:
    head = tmp_path / "head.json"
    head.write_bytes(content.encode("utf-8", "surrogatepass"))
    result = run("audit", "verify", "--head", str(head), "--json")
    assert (result.exit_code, answer(result)["error"]) == (2, "head_malformed")


def test_the_port_of_serve_is_the_port_in_the_qr_codes(run: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's processes read their settings from the environment."""
    monkeypatch.setenv("PORT", "")
    monkeypatch.delenv("EDU_PILOT_BASE_URL", raising=False)
    seen: list[str] = []
    monkeypatch.setattr(server, "serve", lambda *_given: seen.append(config.read().base_url))
    assert run("serve", "--port", "9123").exit_code == 0
    assert seen == ["http://127.0.0.1:9123"]


def test_a_paper_is_saved_by_whom_it_is_for(run: Type, pilot: Pilot, tmp_path: Path) -> None:
    """One JSON document on stdout, and the look-up on record without the person."""
    pilot.registered()
    words = ("documents", "save", "BM2207-000001", str(tmp_path / "paper.pdf"), "--json")
    mine, refused = run(*words, "--as", "wang.fang"), run(*words, "--as", "zhao.min")
    assert answer(mine)["number"] == "BM2207-000001"
    looked = rows("look_up")
    assert [(row["actor"], row["field"]) for row in looked] == [("wang.fang", "BM2207-000001")]
    assert "刘伟" not in mine.stderr
    assert (refused.exit_code, answer(refused)["error"]) == (1, "forbidden")


def test_a_paper_that_cannot_be_drawn_is_told_in_the_language(run: Type, pilot: Pilot) -> None:
    pilot.registered(employer="齐河\U0002ebf0公司")
    for lang, word in (("zh", "字体"), ("en", "No installed font")):
        told = answer(run("documents", "render-pending", "--json", "--lang", lang))
        assert word in told["failed"][0]["problem"]
        assert "U+2EBF0" in told["failed"][0]["problem"]


def test_a_case_is_created_shown_and_acted_on(run: Type) -> None:
    given = json.dumps({"name": "刘伟", "intake": "2209", "county": "齐河县"}, ensure_ascii=False)
    created = answer(run("case", "create", "application", "--input", given, "--json"))
    assert (created["reference"], created["state"]) == ("A2209-000001", "draft")
    result = run("case", "act", "application", "A2209-000001", "register", "--json", "--lang", "en")
    refusal = answer(result)
    assert (result.exit_code, refusal["error"]) == (1, "refused")
    assert {"id_number_missing", "phone_missing", "major_unknown"} <= {r["code"] for r in refusal["reasons"]}
    assert all(r["text"] and r["who"] for r in refusal["reasons"])


def test_the_operator_makes_no_human_decision(run: Type, pilot: Pilot) -> None:
    reference = pilot.complete()
    refused = run("case", "act", "application", reference, "verify", "--json")
    assert (refused.exit_code, answer(refused)["error"]) == (1, "forbidden")
    done = run("case", "act", "application", reference, "verify", "--as", "wang.fang", "--json")
    assert (done.exit_code, answer(done)["state"]) == (0, "verified")


def test_another_countys_case_is_answered_like_a_missing_one(run: Type, pilot: Pilot) -> None:
    reference = pilot.registered()
    hidden = run("case", "show", "application", reference, "--as", "decheng.clerk", "--json")
    missing = run("case", "show", "application", "A2209-999999", "--as", "decheng.clerk", "--json")
    assert hidden.exit_code == missing.exit_code == 1
    assert hidden.stdout.replace(reference, "X") == missing.stdout.replace("A2209-999999", "X")


def test_a_step_on_many_tells_each_that_was_skipped_and_why(run: Type, pilot: Pilot) -> None:
    ready, bare = pilot.complete(), pilot.registered(worker(2))
    words = ("case", "act-all", "application", "verify", "--state", "registered", "--as", "wang.fang", "--json")
    told = {r["reference"]: r for r in answer(run(*words))["records"]}
    assert (told[ready]["state"], told[bare]["state"]) == ("verified", "registered")
    assert [r["code"] for r in told[bare]["reasons"]] == ["papers_complete"]


def test_papers_are_verified_with_and_without_the_database(run: Type, pilot: Pilot, tmp_path: Path) -> None:
    pilot.registered()
    paper, key = tmp_path / "paper.pdf", tmp_path / "key.pem"
    run("documents", "save", "BM2207-000001", str(paper))
    key.write_text(run("public-key").stdout, "utf-8")
    with_database = run("verify", str(paper), "--json")
    without = typed(create_app(config.read({"EDU_PILOT_DATA": str(tmp_path / "elsewhere")}), **CHEAP))
    alone = without("verify", str(paper), "--key", str(key), "--json")
    assert answer(with_database) == answer(alone)
    assert (with_database.exit_code, answer(alone)["content"]["holder"]) == (0, "刘伟")
    paper.write_bytes(paper.read_bytes().replace(b"/Title", b"/Titel", 1))
    altered = without("verify", str(paper), "--key", str(key), "--json")
    assert (altered.exit_code, answer(altered)["result"]) == (1, "altered")


def test_audit_verify_names_the_first_bad_entry(run: Type, pilot: Pilot) -> None:
    pilot.registered()
    with write() as conn:
        conn.exec_driver_sql("DROP TRIGGER audit_entry_no_delete")
        conn.exec_driver_sql("DELETE FROM audit_entry WHERE number = 5")
    result = run("audit", "verify", "--json")
    found = answer(result)
    assert (result.exit_code, found["ok"], found["first_bad"], found["reason"]) == (1, False, 5, "missing")


def test_workflow_files_are_checked_shown_drawn_and_published(run: Type, tmp_path: Path) -> None:
    assert run("workflows", "check").exit_code == 0
    assert "admit" in answer(run("workflows", "show", "application", "--json"))["actions"]
    assert run("workflows", "diagram", "claim").stdout.startswith("stateDiagram-v2")
    same = run("workflows", "publish", "--json")
    assert (same.exit_code, answer(same)["reasons"][0]["code"]) == (1, "already_published")
    (tmp_path / "loan.yaml").write_text("workflow: loan\nno: 1\n", "utf-8")
    broken = run("workflows", "check", str(tmp_path))
    assert broken.exit_code == 1
    assert "loan.yaml:2" in broken.stderr


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", ["此处应为“名称: 值”", "不是本流程的状态"]), ("en", ["mapping", "is no state"])]
)
def test_the_faults_of_files_are_told_in_the_language(run: Type, tmp_path: Path, lang: str, words: list[str]) -> None:
    for name, text in read_folder(paths.workflows()).items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "roles.yaml").write_text("- clerk\n", "utf-8")
    text = (tmp_path / "claim.yaml").read_text("utf-8").replace("to: in_payment", "to: in_paymnt")
    (tmp_path / "claim.yaml").write_text(text, "utf-8")
    told = answer(run("workflows", "check", str(tmp_path), "--json", "--lang", lang))["message"]
    assert [word for word in words if word not in told] == []
    assert "roles.yaml:1: " in told


def test_accounts_are_added_listed_reset_and_given_tokens(run: Type) -> None:
    number = id_number(date(1990, 1, 1), 998)
    wrong = run("users", "add", "x", "--role", "clerk,king", "--person", number, "--json")
    assert {r["code"] for r in answer(wrong)["reasons"]} >= {"role_unknown", "county_needed"}
    good = run("users", "add", "li.na", "--role", "auditor", "--person", number, "--json")
    assert (good.exit_code, len(answer(good)["password"]) > 12) == (0, True)
    names = [u["name"] for u in answer(run("users", "list", "--json"))]
    assert {"wang.fang", "li.na"} <= set(names)
    token = run("users", "token", "wang.fang").stdout.strip()
    assert len(token) > 40 and "\n" not in token
    assert run("users", "reset", "nobody").exit_code == 1


def test_roles_are_given_by_two_and_taken_with_the_account(run: Type) -> None:
    number = id_number(date(1990, 1, 1), 998)
    assert run("users", "add", "admin.second", "--role", "admin", "--person", number).exit_code == 0
    asked = run("users", "grant", "wang.fang", "--role", "registrar", "--as", "admin", "--json")
    assert answer(asked) == {"name": "wang.fang", "granted": False}
    alone = run("users", "confirm", "wang.fang", "--as", "admin", "--json")
    assert (alone.exit_code, answer(alone)["reasons"][0]["code"]) == (1, "second_administrator")
    assert run("users", "confirm", "wang.fang", "--as", "admin.second").exit_code == 0
    assert run("users", "factor", "reset", "wang.fang").exit_code == 0
    ended = run("users", "end", "chen.hui", "--hand-over-to", "wang.fang", "--as", "admin", "--json")
    assert answer(ended) == {"name": "chen.hui", "ended": True, "handed_to": "wang.fang"}
    assert run("case", "show", "application", "x", "--as", "chen.hui").exit_code == 1
    known = {u["name"]: u for u in answer(run("users", "list", "--json"))}
    assert known["chen.hui"]["handed_to"] == "wang.fang" and not known["wang.fang"]["factor"]


def test_who_is_no_administrator_gives_no_accounts(run: Type) -> None:
    before = contents()
    for words in (("end", "chen.hui"), ("grant", "chen.hui", "--role", "admin"), ("factor", "reset", "chen.hui")):
        assert run("users", *words, "--as", "wang.fang", "--json").exit_code == 1
    assert contents() == before


def test_in_production_an_account_proves_itself(app: Flask, run: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token and second factor, each named where it is missing; a code is good once."""
    token = run("users", "token", "admin").stdout.strip()
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], env="production")
    words = ("users", "factor", "reset", "wang.fang", "--as", "admin", "--json")
    assert answer(run(*words))["error"] == "token_missing"
    monkeypatch.setenv("EDU_PILOT_TOKEN", token)
    assert answer(run(*words))["error"] == "otp_missing"
    code = fresh_code("admin")
    assert answer(run(*words, "--otp", "000000"))["error"] == "otp_missing"
    assert run(*words, "--otp", code).exit_code == 0
    again = run(*words, "--otp", code)
    assert (again.exit_code, answer(again)["error"]) == (2, "otp_missing")


def test_what_is_due_is_done_once(run: Type, pilot: Pilot) -> None:
    first, second = answer(run("due", "run", "--json")), answer(run("due", "run", "--json"))
    assert second == dict.fromkeys(first, 0)


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EDU_PILOT_TODAY", "tomorrow")
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_doctor_names_what_is_missing(run: Type) -> None:
    found = answer(run("doctor", "--json"))
    assert {f["name"] for f in found["findings"]} >= {"installation", "migrations", "renderer", "disk"}
    assert instance.ready()
