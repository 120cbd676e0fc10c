"""Documents by the command line: issued again where the workflow allows it, saved by the bundle."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
from click.testing import Result
from flask import Flask

from edu_pilot.extensions import write
from edu_pilot.models import Document
from edu_pilot.services import documents, papers, sandbox
from tests.cli.test_cli import typed
from tests.factories import A_PDF, GRADUATED, SIGN_UP, Pilot, on, rows
from tests.people import worker

pytestmark = pytest.mark.usefixtures("renderer")


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_registration_form_is_issued_again_and_the_old_one_is_void(app: Flask, pilot: Pilot) -> None:
    reference = pilot.registered()
    with on(SIGN_UP):
        result = typed(app)(
            "documents", "issue", "registration_form", "application", reference, "--as", "wang.fang", "--json"
        )
    assert (result.exit_code, told(result)["reference"]) == (0, reference)
    old, new = sorted(rows("document", kind="registration_form"), key=lambda d: str(d["number"]))
    assert (old["voided_at"] is None, new["voided_at"], new["number"]) == (False, None, told(result)["number"])


def test_a_completion_certificate_is_issued_again_under_the_corrected_name(app: Flask, pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    step = ("documents", "issue", "completion_certificate", "study", study, "--as", "chen.hui", "--json")
    with on(GRADUATED):
        assert typed(app)(*step).exit_code == 0
        assert rows("audit_entry", action="issue_double_certificate") != []
        papers.add("study", study, "identity_proof", A_PDF, pilot.chen_hui)
        pilot.act("study", study, "correct_identity", pilot.chen_hui, GRADUATED, new_name="刘维")
        assert typed(app)(*step).exit_code == 0
        assert len(rows("audit_entry", action="reissue_double_certificate")) == 1
    states = {d["voided_at"] is None for d in rows("document", kind="completion_certificate")}
    assert states == {True, False}


@pytest.mark.parametrize(
    ("account", "kind", "code", "error"),
    [
        ("wang.fang", "admission_notice", 1, "refused"),
        ("operator", "registration_form", 1, "forbidden"),
        ("decheng.clerk", "registration_form", 1, "not_found"),
    ],
)
def test_what_the_workflow_does_not_issue_again_is_refused(
    app: Flask, pilot: Pilot, account: str, kind: str, code: int, error: str
) -> None:
    reference = pilot.registered()
    acting = ("--as", account) if account != "operator" else ()
    with on(SIGN_UP):
        result = typed(app)("documents", "issue", kind, "application", reference, *acting, "--json")
    assert (result.exit_code, told(result)["error"]) == (code, error)
    assert len(rows("document")) == 1


def test_the_papers_of_a_list_go_into_one_zip_with_safe_names(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    first, second = pilot.registered(), pilot.registered(worker(1))
    target = tmp_path / "papers.zip"
    with on(SIGN_UP):
        result = typed(app)("documents", "batch", str(target), "application", "--state", "registered", "--json")
    assert (result.exit_code, told(result)["saved"], told(result)["left"]) == (0, 2, 0)
    assert target.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [
            f"{d['reference']}-registration_form-{d['number']}.pdf" for d in told(result)["documents"]
        ]
        assert [len(pypdf.PdfReader(io.BytesIO(archive.read(n))).pages) for n in archive.namelist()] == [1, 1]
    assert [d["reference"] for d in told(result)["documents"]] == [first, second]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_what_is_missing_is_told_and_the_rest_is_saved(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    reference, folder = pilot.registered(), tmp_path / "out"
    words = ("documents", "batch", str(folder), "application", reference, "A2209-999999")
    with on(SIGN_UP):
        result = typed(app)(*words, "--kind", "registration_form", "--as", "wang.fang", "--json")
    reasons = [[r["code"] for r in d["reasons"]] for d in told(result)["documents"]]
    assert (result.exit_code, reasons) == (1, [[], ["not_found"]])
    [file] = folder.glob("*.pdf")
    assert file.stat().st_mode & 0o077 == 0
    with on(SIGN_UP):
        result = typed(app)(*words[:-1], "--as", "examiner", "--json", "--kind", "registration_form")
    assert [r["code"] for d in told(result)["documents"] for r in d["reasons"]] == ["no_document"]
    result = typed(app)("documents", "batch", str(folder), "application", "--json")
    assert (result.exit_code, told(result)["error"]) == (2, "no_records")


def test_a_print_run_killed_in_the_middle_is_taken_up_with_none_missing_and_none_twice(
    app: Flask, pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "STACK", 2)
    references = [pilot.registered(worker(n)) for n in range(3)]
    folder = tmp_path / "run"
    words = ("documents", "print", str(folder), "application", "registration_form", *references, "--as", "wang.fang")
    printer_file = documents.printer_file

    def killed(numbers: list[str]) -> bytes:
        if len(numbers) == 1:
            raise KeyboardInterrupt
        return printer_file(numbers)

    with on(SIGN_UP):
        with monkeypatch.context() as stopped:
            stopped.setattr(documents, "printer_file", killed)
            typed(app)(*words)
        [first] = folder.iterdir()
        written, opened = first.stat().st_mtime_ns, len(rows("look_up"))
        result = typed(app)(*words, "--json")
    assert result.exit_code == 0, result.output
    numbers = sorted(str(d["number"]) for d in rows("document"))
    assert [n for stack in told(result)["stacks"] for n in stack["numbers"]] == numbers
    assert [stack["printed_before"] for stack in told(result)["stacks"]] == [True, False]
    assert first.stat().st_mtime_ns == written and len(rows("look_up")) == opened + 1
    sheets = [page.extract_text() for f in sorted(folder.iterdir()) for page in pypdf.PdfReader(f).pages]
    assert sorted(n for n in numbers for sheet in sheets if n in sheet) == numbers
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_a_print_run_tells_what_it_leaves_out(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    reference = pilot.registered()
    words = ("documents", "print", str(tmp_path / "run"), "application", "registration_form", reference)
    with on(SIGN_UP):
        result = typed(app)(*words, "A2209-999999", "--as", "wang.fang", "--json")
        assert [r["code"] for one in told(result)["left"] for r in one["reasons"]] == ["not_found"]
        other = typed(app)(*words, "--as", "examiner", "--json")
    assert (result.exit_code, other.exit_code) == (1, 1)
    assert told(other)["stacks"] == []


def test_sheets_that_cannot_be_joined_end_a_print_run_with_a_reason(
    app: Flask, pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond(_task: str, _content: bytes, **_facts: str) -> sandbox.Done:
        raise sandbox.Beyond

    reference, folder = pilot.registered(), tmp_path / "run"
    with on(SIGN_UP):
        monkeypatch.setattr(sandbox, "run", beyond)
        result = typed(app)("documents", "print", str(folder), "application", "registration_form", reference, "--json")
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert "not_rendered" in result.output and list(folder.iterdir()) == []


def test_a_paper_is_verified_with_a_key_and_a_list_alone(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    """T14: what the list does not name is genuine, what it names is revoked, as of the list's moment."""
    run, paper, key, listed = typed(app), tmp_path / "paper.pdf", tmp_path / "key.pem", tmp_path / "list.json"
    reference = pilot.registered()
    number = rows("document")[0]["number"]
    assert run("documents", "save", number, str(paper)).exit_code == 0
    key.write_text(told(run("public-key", "--json"))["pem"])
    assert run("revocations", str(listed)).exit_code == 0
    assert run("verify", str(paper), "--revocations", str(listed), "--json").exit_code == 2
    words = ("verify", str(paper), "--key", str(key), "--revocations", str(listed), "--json")
    before = run(*words)
    assert (before.exit_code, told(before)["result"], told(before)["earlier_key"]) == (0, "genuine", False)
    with on(SIGN_UP):
        run("documents", "issue", "registration_form", "application", reference, "--as", "wang.fang")
    assert run("revocations", str(listed)).exit_code == 0
    after = run(*words)
    assert (after.exit_code, told(after)["result"]) == (1, "revoked")
    assert told(after)["revoked_at"] and told(after)["as_of"] > told(before)["as_of"][:10]
    assert number not in listed.read_text("utf-8")
    # A key of somebody else signs no list of ours, and a paper of before is proved by a list of the key that followed.
    run("keys", "rotate", "--what", "sign")
    assert told(run(*words))["result"] == "revoked"
    key.write_text(told(run("public-key", "--json"))["pem"])
    assert (told(run(*words))["error"], run(*words).exit_code) == ("list_malformed", 2)
    assert run("revocations", str(listed)).exit_code == 0
    assert (told(run(*words))["result"], told(run(*words))["earlier_key"]) == ("revoked", True)


def test_a_revoked_paper_of_before_there_were_marks_gets_one(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    pilot.registered()
    documents.render(rows("document")[0]["number"])
    known, moment = rows("document")[0]["mark"], rows("audit_entry")[0]["at"]
    with write() as conn:
        conn.execute(Document.__table__.update().values(mark=None, voided_at=moment))
    assert typed(app)("revocations", str(tmp_path / "list.json")).exit_code == 0
    assert rows("document")[0]["mark"] == known
    assert known in (tmp_path / "list.json").read_text("utf-8")


def test_a_kept_paper_is_drawn_again_to_the_same_bytes_whatever_the_keys(app: Flask, pilot: Pilot) -> None:
    """The printer may burn: template, context and renderer give the unsigned file again, and say so if they cannot."""
    pilot.registered()
    number = rows("document")[0]["number"]
    documents.render(number)
    typed(app)("keys", "rotate", "--what", "sign")
    again = typed(app)("documents", "redraw", number, "--json")
    assert (again.exit_code, told(again)["same"]) == (0, True)
    assert told(again)["drawn_by"] == told(again)["draws_now"]
    with write() as conn:
        conn.execute(Document.__table__.update().values(unsigned_sha256="0" * 64, renderer="weasyprint 69"))
    other = typed(app)("documents", "redraw", number, "--json")
    assert (other.exit_code, told(other)["same"], told(other)["drawn_by"][1]) == (1, False, "weasyprint 69")
    with write() as conn:
        conn.execute(Document.__table__.update().values(unsigned_sha256=None))
    assert typed(app)("documents", "redraw", number, "--json").exit_code == 1


def test_the_offline_page_is_written(app: Flask, pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "verifier.html"
    assert told(typed(app)("verifier", str(file), "--json"))["bytes"] == file.stat().st_size
    assert "default-src 'none'" in file.read_text("utf-8")
    assert typed(app)("verifier", str(tmp_path / "no" / "such"), "--json").exit_code == 2
