"""Keys and a person's data on the command line."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from flask import Flask

from tests.cli.test_cli import Type, answer, typed
from tests.documents.readers import authority
from tests.factories import Pilot, rows


@pytest.fixture
def run(app: Flask) -> Type:
    return typed(app)


def test_keys_are_rotated_by_a_command(run: Type, pilot: Pilot) -> None:
    pilot.registered()
    done = run("keys", "rotate", "--json")
    assert (done.exit_code, answer(done)["key"], answer(done)["retired"]) == (0, 2, [1])
    assert run("keys", "rotate", "--what", "letters").exit_code == 2


def test_a_person_is_exported_and_refused_while_the_case_lives(run: Type, pilot: Pilot, tmp_path: Path) -> None:
    reference, target = pilot.registered(), tmp_path / "copy.zip"
    assert run("people", "export", reference, str(target)).exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "data.json" in zipfile.ZipFile(target).namelist()
    refused = run("people", "erase", reference, "--reason", "REQUEST_OF_PERSON", "--json")
    assert (refused.exit_code, answer(refused)["reasons"][0]["code"]) == (1, "case_lives")
    seen = answer(run("audit", "look-ups", "--json"))
    assert [(r["actor"], r["kind"]) for r in seen["look_ups"]] == [("operator", "export")]


def test_files_with_peoples_data_are_their_owners_alone(run: Type, pilot: Pilot, tmp_path: Path) -> None:
    """R2.9: whatever the umask is, and whatever stood there before."""
    pilot.paid(pilot.graduated())
    target, batch = tmp_path / "bank.csv", str(rows("payment")[0]["reference"])
    target.touch(mode=0o644)
    assert run("payment", "bank-file", batch, str(target), "--as", "releaser").exit_code == 0
    trail = tmp_path / "trail.jsonl"
    assert run("audit", "export", str(trail)).exit_code == 0
    assert {stat.S_IMODE(file.stat().st_mode) for file in (target, trail)} == {0o600}


def test_a_rejected_person_is_erased_by_a_command(run: Type, pilot: Pilot) -> None:
    reference = pilot.registered()
    pilot.reject(reference)
    done = run("people", "erase", reference, "--reason", "REQUEST_OF_PERSON", "--json")
    assert (done.exit_code, answer(done)["records"]) == (0, [reference])
    assert run("audit", "verify").exit_code == 0
    assert answer(run("case", "show", "application", reference, "--json"))["facts"]["erased_on"] == "2022-08-20"


def test_the_certificate_of_documents_is_printed_with_its_history(run: Type, pilot: Pilot) -> None:
    assert run("keys", "rotate", "--what", "issuer", "--json").exit_code == 0
    present, earlier = answer(run("keys", "certificate", "--json"))["certificates"]
    assert present["pem"] != earlier["pem"] and "德州广播电视大学" in present["subject"]
    assert present["fingerprint"] in run("keys", "certificate").stdout


def test_a_certificate_of_an_authority_is_brought_in(run: Type, pilot: Pilot, tmp_path: Path) -> None:
    file, password = tmp_path / "office.p12", tmp_path / "password"
    file.write_bytes(authority(b"secret"))
    password.write_text("secret\n")
    refused = run("keys", "import", str(file), "--json")
    assert (refused.exit_code, answer(refused)["error"]) == (2, "certificate_unfit")
    assert run("keys", "import", str(file), "--password-file", str(password), "--json").exit_code == 0
    found = answer(run("keys", "certificate", "--json"))["certificates"]
    assert found[0]["subject"] == "CN=An authority" and len(found) == 2
