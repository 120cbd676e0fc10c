"""The files that stand for the receipts of live claims: each in one claim only, over all counties and years (R5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from edu_pilot.models import ReceiptFile
from edu_pilot.rules.claim import FILE_IN_USE, FILE_TWICE
from edu_pilot.services.cases import Case
from edu_pilot.workflow.reasons import Refused, blocked

HELD = ReceiptFile.__table__
KIND = "receipt"
LOOK_BITS = 64
# The hex digits of 48 rows of 48 bits.
DETAIL_LENGTH = 576


def hold(conn: Connection, case: Case, paper: Mapping[str, Any]) -> None:
    """Take a receipt's file for a live claim, as it was sent and as it is kept; raises Refused if it is taken."""
    if case.workflow != "claim" or paper["kind"] != KIND or not case.live:
        return
    digests = {paper["sent_sha256"], paper["sha256"]}
    holders = set(conn.execute(sa.select(HELD.c.claim_id).where(HELD.c.sha256.in_(digests))).scalars())
    if holders:
        raise _taken(FILE_TWICE if holders == {case.id} else FILE_IN_USE)
    conn.execute(HELD.insert(), [{"sha256": digest, "claim_id": case.id} for digest in sorted(digests)])


def let_go(conn: Connection, paper: Mapping[str, Any]) -> None:
    """Let other claims have a receipt's file that was put on the wrong one."""
    digests = {paper["sent_sha256"], paper["sha256"]} - {None}
    own = HELD.c.claim_id == paper["record_id"], HELD.c.sha256.in_(digests)
    conn.execute(HELD.delete().where(*own))


@contextmanager
def held_once() -> Iterator[None]:
    """Tell who comes second to the same file in the same moment what they would have been told a moment later."""
    try:
        yield
    except IntegrityError as error:
        if HELD.name in str(error.orig):
            raise _taken(FILE_IN_USE) from None
        raise


def _taken(text: str) -> Refused:
    return Refused([blocked(text, code="receipt_files_not_used", field="file", who=("student", "clerk"))])


def free(conn: Connection, claim_id: str) -> None:
    """Let other claims have the files of one that is refused or withdrawn."""
    conn.execute(HELD.delete().where(HELD.c.claim_id == claim_id))


def signed(look: str) -> int:
    """Return 64 bits, given as 16 hex digits, as the whole number a database keeps."""
    number = int(look, 16)
    if not 0 <= number < 1 << LOOK_BITS:
        raise ValueError("not a look")
    return number - (1 << LOOK_BITS if number >> LOOK_BITS - 1 else 0)
