"""The one text and the one hash of a value, as docs/audit-format.md promises them to other programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Mapping[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, unescaped."""
    return _ENCODER.encode(value)


def chained(previous: str, body: str) -> str:
    """Return the hash of an entry: SHA-256 over the previous hash and the canonical body."""
    return hashlib.sha256((previous + body).encode()).hexdigest()


def stamp(at: datetime) -> str:
    """Return an instant as the trail writes it: UTC, with six decimals of a second."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
