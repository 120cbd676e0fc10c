"""The page that verifies papers without us and without a network: one file, with our keys and the list in it."""

from __future__ import annotations

import base64
import calendar
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from edu_pilot import clock, paths
from edu_pilot.extensions import read
from edu_pilot.services import policies, proof, revocations
from edu_pilot.services.vault import vault

LIBRARY = "vendor/tweetnacl-1.0.3/nacl.min.js"


@cache
def folder() -> Path:
    """Give the folder of the page's parts."""
    return paths.PACKAGE / "verifier"


@cache
def _part(name: str) -> str:
    # As written on disk: a line end changed would change the hash that the page allows.
    return (folder() / name).read_bytes().decode("utf-8").strip()


def page() -> str:
    """Return the whole page as of now."""
    with read() as conn:
        held = _held(conn)
    parts = {
        "policy": policy(),
        "style": _part("verifier.css"),
        "library": _part(LIBRARY),
        "script": _part("verifier.js"),
        # No text can end the element it stands in.
        "held": json.dumps(held, ensure_ascii=False).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("page.html")) + "\n"


@cache
def policy() -> str:
    """Return what the page may do: run its own two scripts in its own style, and connect to nothing."""
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join(_allowed(name) for name in (LIBRARY, "verifier.js")),
        "style-src": _allowed("verifier.css"),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _allowed(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_part(name).encode()).digest()).decode()}'"


def _held(conn: Connection) -> dict[str, Any]:
    compiled = policies.in_force(conn, clock.today()).compiled
    return {
        "issuer": compiled.policy.get("programme.issuer"),
        "keys": [{"id": proof.key_id(key), "public": key.hex()} for key in vault().public_keys],
        "kinds": {name: {"zh": kind.label.zh, "en": kind.label.en} for name, kind in compiled.documents.items()},
        "list": revocations.signed(conn),
        "texts": json.loads(_part("texts.json")),
        "months": list(calendar.month_name)[1:],
        **_forms(),
    }


def _forms() -> dict[str, Any]:
    purposes = {
        "proof": proof.PROOF_PURPOSE,
        "seal": proof.SEAL_PURPOSE,
        "whole": proof.WHOLE_PURPOSE,
        "mark": proof.MARK_PURPOSE,
        "revoked": revocations.PURPOSE,
    }
    return {
        "form": proof.FORM,
        "letters": proof.KINDS,
        "mark_length": proof.MARK_LENGTH,
        "seal": {"mark": proof.WHOLE_MARK.decode()},
        "purposes": {name: purpose.decode() for name, purpose in purposes.items()},
    }
