"""The signed list of papers that hold no longer: anyone may keep it, nobody can read out of it whose they are."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read, write
from edu_pilot.models import Document
from edu_pilot.services import policies, proof, store
from edu_pilot.services.canonical import canonical
from edu_pilot.services.vault import Vault, vault

DOCUMENT = Document.__table__
FORM = "1"
PURPOSE = b"edu-pilot revoked\x00"


@dataclass(frozen=True)
class Revoked:
    """A list that was read: the moment it was made, the day each mark was revoked on, every key of the issuer."""

    made_at: str
    days: Mapping[str, str]
    keys: tuple[bytes, ...]

    def day_of(self, token: str) -> str | None:
        """Return the day on which the paper with a token was revoked, None if the list does not name it."""
        return self.days.get(proof.mark(token))


def signed(conn: Connection) -> str:
    """Return the list as of now, signed by the present key: JSON, with what is signed as one text."""
    keys = vault()
    content = canonical(
        {
            "form": FORM,
            "issuer": policies.in_force(conn, clock.today()).policy.get("programme.issuer.zh"),
            "made_at": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "keys": [key.hex() for key in keys.public_keys],
            "revoked": _by_day(conn),
        }
    )
    return json.dumps({"list": content, "signature": _signature(keys, content)}, ensure_ascii=False)


def _signature(keys: Vault, content: str) -> str:
    return keys.sign(PURPOSE + content.encode()).hex()


def _by_day(conn: Connection) -> Mapping[str, list[str]]:
    """Group the marks by day; within a day in their own order, which tells nothing of the papers'."""
    query = sa.select(DOCUMENT.c.voided_at, DOCUMENT.c.mark)
    found: dict[str, list[str]] = defaultdict(list)
    for row in all_rows(conn, query.where(DOCUMENT.c.voided_at.is_not(None), DOCUMENT.c.mark.is_not(None))):
        found[row["voided_at"].astimezone(clock.SHANGHAI).date().isoformat()].append(row["mark"])
    return {day: sorted(marks) for day, marks in found.items()}


def complete_marks() -> int:
    """Give a mark to revoked papers that were rendered before there were any; return how many."""
    query = sa.select(DOCUMENT.c.id, DOCUMENT.c.store_key).where(
        DOCUMENT.c.mark.is_(None), DOCUMENT.c.voided_at.is_not(None), DOCUMENT.c.store_key.is_not(None)
    )
    with read() as conn:
        rows = all_rows(conn, query.where(DOCUMENT.c.erased_at.is_(None)))
    tokens = {row["id"]: proof.token_in_pdf(store.store().get(row["store_key"])) for row in rows}
    marks = {row: proof.mark(token) for row, token in tokens.items() if token}
    with write() as conn:
        for row, mark in marks.items():
            conn.execute(DOCUMENT.update().where(DOCUMENT.c.id == row).values(mark=mark))
    return len(marks)


def read_list(text: bytes, public_key: bytes) -> Revoked:
    """Read a list that this key signed; Altered for any other, and for what is none."""
    try:
        outer = json.loads(text)
        content, signature = outer["list"], bytes.fromhex(outer["signature"])
    except (ValueError, KeyError, TypeError) as problem:
        raise proof.Altered("not a list of revoked papers") from problem
    if not isinstance(content, str) or not proof.is_signed(public_key, signature, PURPOSE + content.encode()):
        raise proof.Altered("the list is not signed by this key")
    told = json.loads(content)
    days = {mark: day for day, marks in told["revoked"].items() for mark in marks}
    return Revoked(told["made_at"], days, tuple(bytes.fromhex(key) for key in told["keys"]))
