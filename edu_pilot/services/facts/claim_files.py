"""Facts about the files of claims' receipts: the same or alike in another live claim (R5.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Claim, Paper
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.receipt_files import DETAIL_LENGTH, HELD, KIND, LOOK_BITS, signed

CLAIM, PAPER = Claim.__table__, Paper.__table__
# Two pictures whose looks differ in no more bits show the same thing.
ALIKE_BITS = 6
# Copies of one photograph differed in up to 102 of 2304 bits, photographs of two invoices of one form in 263 or more.
DETAIL_BITS = 170
BAND_BITS = 8
BANDS = [signed(f"{0xFF << start:x}") for start in range(0, LOOK_BITS, BAND_BITS)]


def _receipts(papers: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(papers.c.workflow == "claim", papers.c.kind == KIND)


@fact("claim", fresh=True)
def receipt_files_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many files of each claim's receipts another live claim holds, as sent or as kept."""
    same = HELD.c.sha256.in_([Paper.sha256, Paper.sent_sha256])
    query = (
        sa.select(Paper.record_id, sa.func.count())
        .join(HELD, sa.and_(same, HELD.c.claim_id != Paper.record_id))
        .where(_receipts(PAPER), Paper.record_id.in_([c.id for c in cases]))
        .group_by(Paper.record_id)
    )
    return dict(conn.execute(query).all())


@fact("claim", fresh=True)
def receipt_looks_elsewhere(conn: Connection, cases: Sequence[Case]) -> Mapping[str, int]:
    """How many other live claims hold a picture of a receipt that looks like one of each claim's.

    Of eight bands six differing bits leave two untouched, so the database may sort out what shares none.
    """
    mine, other = PAPER.alias(), PAPER.alias()
    near = sa.or_(*(mine.c.look.bitwise_and(band) == other.c.look.bitwise_and(band) for band in BANDS))
    query = (
        sa.select(mine.c.record_id, other.c.record_id, mine.c.look, mine.c.detail, other.c.look, other.c.detail)
        .join(other, sa.and_(_receipts(other), other.c.record_id != mine.c.record_id, near))
        .join(CLAIM, sa.and_(CLAIM.c.id == other.c.record_id, CLAIM.c.live))
        .where(_receipts(mine), mine.c.record_id.in_([c.id for c in cases]), mine.c.look != 0, mine.c.detail != "")
    )
    alike = {(one, two) for one, two, *pictures in conn.execute(query) if _alike(*pictures)}
    return Counter(one for one, _two in alike)


def _alike(look: int, detail: str, other_look: int, other_detail: str) -> bool:
    """Whether two pictures show the same thing, from afar and nearer."""
    afar = _distance(look, other_look, LOOK_BITS)
    return afar <= ALIKE_BITS and _distance(int(detail, 16), int(other_detail, 16), 4 * DETAIL_LENGTH) <= DETAIL_BITS


def _distance(one: int, other: int, bits: int) -> int:
    """Return how many bits differ; a database keeps 64 of them as a number that may be negative."""
    return ((one ^ other) & ((1 << bits) - 1)).bit_count()
