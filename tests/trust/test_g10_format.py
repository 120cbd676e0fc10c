"""Every number of docs/audit-format.md is recomputed here, from the page alone."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edu_pilot.extensions import read
from edu_pilot.services import audit_export
from edu_pilot.services.anchors import Anchor
from tests.factories import Pilot
from tests.trust.trail import VERIFIER

PAGE = (Path(__file__).parents[2] / "docs" / "audit-format.md").read_text("utf-8")
EXPORT, SIGNED = (block.strip() for block in re.findall(r"```json\n(.*?)```", PAGE, re.S))
LINES = EXPORT.splitlines()
ENTRIES = [line for line in LINES if line.startswith('{"entry":')]
ANCHOR = json.loads(LINES[1])
SECRET = bytes.fromhex(re.findall(r"`([0-9a-f]{64})`\)", PAGE)[0])


def test_the_hashes_of_the_page_are_right() -> None:
    previous = "0" * 64
    for line in ENTRIES:
        body = (line + "\n").encode()[9:-76]
        previous = hashlib.sha256(previous.encode() + body).hexdigest()
        assert json.loads(line)["hash"] == previous
        assert json.loads(body) == json.loads(line)["entry"]
    assert json.loads(LINES[0])["head"] == {"hash": previous, "number": 3}
    assert f"{len(ENTRIES[0].encode()[9:-75])} bytes of the first body" in PAGE


def test_the_signature_of_the_page_is_right() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    public = key.public_key().public_bytes_raw()
    assert key.sign(b"edu-pilot anchor\0" + SIGNED.encode()).hex() == ANCHOR["signature"]
    assert json.loads(SIGNED) == {name: value for name, value in ANCHOR.items() if name != "signature"}
    assert ANCHOR["key_id"] == hashlib.sha256(public).hexdigest()[:8]
    assert json.loads(LINES[0])["keys"] == {ANCHOR["key_id"]: public.hex()}


def test_the_verifier_finds_the_page_in_order(tmp_path: Path) -> None:
    file = tmp_path / "page.jsonl"
    file.write_text(EXPORT + "\n", "utf-8")
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(file)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["ok"], found["entries"], found["records"], found["anchors"]) == (True, 3, 1, 1)


def test_the_page_names_everything_an_export_holds(pilot: Pilot) -> None:
    pilot.paid(pilot.graduated())
    with read() as conn:
        lines = [json.loads(line) for line in audit_export.lines(conn)]
    bodies = [line["entry"] for line in lines if "entry" in line]
    assert {name for body in bodies for name in body} == set(json.loads(ENTRIES[0])["entry"])
    assert all(f"`{name}`" in PAGE for name in bodies[0])
    assert {field.name for field in fields(Anchor)} == set(ANCHOR)
    assert {frozenset(line) for line in lines} == {frozenset(json.loads(line)) for line in LINES}
