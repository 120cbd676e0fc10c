"""Signed heads of the trail: what the newest entry was at a moment, under the instance's key (R6.1).

Whoever rewrites the trail cannot rewrite them without the key, nor those that were carried out of the house.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, write
from edu_pilot.models import AuditAnchor, AuditEntry, AuditHead
from edu_pilot.services import proof
from edu_pilot.services.canonical import canonical, stamp
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_

ANCHOR = AuditAnchor.__table__
ENTRY = AuditEntry.__table__
HEAD = AuditHead.__table__
# A first word of its own, so that no signature made for a paper ever serves as an anchor.
PURPOSE = b"edu-pilot anchor\x00"
# Made hourly; twice that without one means that nobody makes them any more.
LONGEST_WITHOUT = timedelta(hours=2)

Keys = Mapping[str, bytes]


@dataclass(frozen=True)
class Anchor:
    """One signed head: `number` and `hash` are the entry's, `anchor` is its own number, `at` UTC."""

    anchor: int
    number: int
    hash: str
    at: str
    key_id: str
    cause: str
    signature: str = ""

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        told = {name: value for name, value in asdict(self).items() if name != "signature"}
        return PURPOSE + canonical(told).encode()

    def holds(self, keys: Keys) -> bool:
        """Whether the key it names signed it; an unknown key signs nothing."""
        try:
            signature = bytes.fromhex(self.signature)
            proof.key_of(keys[self.key_id]).verify(signature, self.message())
        except (KeyError, ValueError, InvalidSignature):
            return False
        return signature.hex() == self.signature


def own_keys() -> Keys:
    """Return the keys that this instance signs with or has signed with, by their short names."""
    return {proof.key_id(public): public for public in vault().public_keys}


def make(conn: Connection, cause: str) -> Anchor:
    """Sign the newest entry as it stands in this transaction, and keep it; cause: hourly, batch or command."""
    # The head stays locked until the commit: anchors are numbered one after the other, like entries.
    head = conn.execute(sa.select(HEAD).with_for_update()).one()
    last = conn.execute(sa.select(sa.func.max(ANCHOR.c.number))).scalar()
    at = clock.now()
    bare = Anchor((last or 0) + 1, head.number, head.hash, stamp(at), proof.key_id(vault().public_key), cause)
    signature = vault().sign(bare.message()).hex()
    conn.execute(
        ANCHOR.insert().values(
            number=bare.anchor,
            head_number=bare.number,
            head_hash=bare.hash,
            at=at,
            key_id=bare.key_id,
            cause=cause,
            signature=signature,
        )
    )
    return Anchor(**{**asdict(bare), "signature": signature})


def make_now() -> Anchor:
    """Make an anchor because somebody asked for one."""
    with write() as conn:
        return make(conn, "command")


def make_hourly() -> int:
    """Make an anchor if anything was appended since the last one; return how many were made."""
    with write() as conn:
        if not appended_since(conn):
            return 0
        make(conn, "hourly")
    return 1


def appended_since(conn: Connection) -> int:
    """Return how many entries no anchor covers yet."""
    covered = sa.select(sa.func.coalesce(sa.func.max(ANCHOR.c.head_number), 0)).scalar_subquery()
    return int(conn.execute(sa.select(HEAD.c.number - covered)).scalar_one())


def overdue(conn: Connection) -> bool:
    """Whether an entry has been waiting for an anchor for more than two hours."""
    covered = sa.select(sa.func.coalesce(sa.func.max(ANCHOR.c.head_number), 0)).scalar_subquery()
    oldest = conn.execute(sa.select(ENTRY.c.at).where(ENTRY.c.number == covered + 1)).scalar()
    return oldest is not None and clock.now() - oldest > LONGEST_WITHOUT


def kept(conn: Connection) -> list[Anchor]:
    """Return every anchor in the order it was made."""
    return [_anchor(row) for row in all_rows(conn, sa.select(ANCHOR).order_by(ANCHOR.c.number))]


def latest(conn: Connection) -> Anchor | None:
    """Return the newest anchor."""
    rows = all_rows(conn, sa.select(ANCHOR).order_by(ANCHOR.c.number.desc()).limit(1))
    return _anchor(rows[0]) if rows else None


def _anchor(row: Mapping[str, Any]) -> Anchor:
    head = row["head_number"], row["head_hash"], stamp(row["at"])
    return Anchor(row["number"], *head, row["key_id"], row["cause"], row["signature"])


def unsound(found: Sequence[Anchor], keys: Keys) -> Iterator[Anchor]:
    """Yield the anchors that no known key signed, or that do not follow the one before."""
    number, newest = 0, 0
    for anchor in found:
        number += 1
        if anchor.anchor != number or anchor.number < newest or not anchor.holds(keys):
            yield anchor
        number, newest = anchor.anchor, max(newest, anchor.number)


def sheet(anchor: Anchor) -> list[tuple[str, str]]:
    """Return the anchor as (label, text) to print and to sign: long numbers in groups, as they are compared by eye."""
    return [
        (N_("Anchor number"), str(anchor.anchor)),
        (N_("Newest entry"), str(anchor.number)),
        (N_("Its hash"), _grouped(anchor.hash)),
        (N_("Made at (UTC)"), anchor.at),
        (N_("Cause"), anchor.cause),
        (N_("Signing key"), anchor.key_id),
        (N_("Signature"), _grouped(anchor.signature)),
    ]


def _grouped(text: str) -> str:
    return " ".join(text[i : i + 8] for i in range(0, len(text), 8))
