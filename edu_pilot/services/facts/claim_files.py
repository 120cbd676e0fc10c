"""Facts about the files of claims' receipts: the same or alike in another live claim (R5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Claim, Paper
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.receipt_files import DETAIL_LENGTH, HELD, KIND, LOOK_BITS, signed

CLAIM = Claim.__table__
# Two pictures whose looks differ in no more bits show the same thing.
ALIKE_BITS = 6
# Copies of one photograph differed in up to 102 of 2304 bits, photographs of two invoices of one form in 263 or more.
DETAIL_BITS = 170
BAND_BITS = 8
BANDS = [signed(f"{0xFF << start:x}") for start in range(0, LOOK_BITS, BAND_BITS)]
RECEIPTS = sa.and_(Paper.workflow == "claim", Paper.kind == KIND)


@fact("claim", fresh=True)
def receipt_files_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many files of each claim's receipts another live claim holds, as sent or as kept."""
    same = HELD.c.sha256.in_([Paper.sha256, Paper.sent_sha256])
    query = (
        sa.select(Paper.record_id, sa.func.count())
        .join(HELD, sa.and_(same, HELD.c.claim_id != Paper.record_id))
        .where(RECEIPTS, Paper.record_id.in_([c.id for c in cases]))
        .group_by(Paper.record_id)
    )
    return dict(conn.execute(query).all())


@fact("claim", fresh=True)
def receipt_looks_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many other live claims hold a picture of a receipt that looks like one of each claim's."""
    return {c.id: len({claim for picture in _pictures(conn, c) for claim in _alike(conn, c, picture)}) for c in cases}


def _pictures(conn: Connection, case: Case) -> set[tuple[int, str]]:
    """Return how the pictures of a claim's receipts look, from afar and nearer."""
    query = sa.select(Paper.look, Paper.detail).where(RECEIPTS, Paper.record_id == case.id)
    return {(look, detail) for look, detail in conn.execute(query) if look and detail}


def _alike(conn: Connection, case: Case, picture: tuple[int, str]) -> list[str]:
    """Return the other live claims with a picture that is near.

    Of eight bands six differing bits leave two untouched, so the database may sort out what shares none.
    """
    look, detail = picture
    near = sa.or_(*(Paper.look.bitwise_and(band) == look & band for band in BANDS))
    query = (
        sa.select(Paper.record_id, Paper.look, Paper.detail)
        .join(CLAIM, sa.and_(CLAIM.c.id == Paper.record_id, CLAIM.c.live))
        .where(RECEIPTS, Paper.record_id != case.id, near)
    )
    return [
        row.record_id
        for row in conn.execute(query)
        if _distance(row.look, look, LOOK_BITS) <= ALIKE_BITS
        and _distance(int(row.detail, 16), int(detail, 16), 4 * DETAIL_LENGTH) <= DETAIL_BITS
    ]


def _distance(one: int, other: int, bits: int) -> int:
    """Return how many bits differ; a database keeps 64 of them as a number that may be negative."""
    return ((one ^ other) & ((1 << bits) - 1)).bit_count()
