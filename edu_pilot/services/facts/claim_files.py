"""Facts about the files of claims' receipts: the same or alike in another live claim (R5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot.models import Claim, Paper
from edu_pilot.services.cases import Case, fact
from edu_pilot.services.receipt_files import HELD, KIND, LOOK_BITS

CLAIM = Claim.__table__
# Two pictures whose looks differ in no more bits show the same thing.
ALIKE_BITS = 6
BAND_BITS = 8
BANDS = range(0, LOOK_BITS, BAND_BITS)
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
    """How many other live claims hold a receipt that looks like one of each claim's."""
    return {c.id: len({claim for look in _looks(conn, c) for claim in _alike(conn, c, look)}) for c in cases}


def _looks(conn: Connection, case: Case) -> set[int]:
    """Return how a claim's receipts look; an even surface looks like any other and says nothing."""
    query = sa.select(Paper.look).where(RECEIPTS, Paper.record_id == case.id, Paper.look.is_not(None))
    return {look for look in conn.execute(query).scalars() if look}


def _alike(conn: Connection, case: Case, look: int) -> list[str]:
    """Return the other live claims with a look that is near.

    Of eight bands six differing bits leave two untouched, so the database may sort out what shares none.
    """
    query = (
        sa.select(Paper.record_id, Paper.look)
        .join(CLAIM, sa.and_(CLAIM.c.id == Paper.record_id, CLAIM.c.live))
        .where(RECEIPTS, Paper.record_id != case.id, sa.or_(*(_band(Paper.look, n) == _band(look, n) for n in BANDS)))
    )
    return [row.record_id for row in conn.execute(query) if _distance(row.look, look) <= ALIKE_BITS]


def _band(look: Any, start: int) -> Any:
    mask = (1 << BAND_BITS) - 1
    return (look >> start) & mask if isinstance(look, int) else look.op(">>")(start).op("&")(mask)


def _distance(one: int, other: int) -> int:
    return ((one ^ other) & ((1 << LOOK_BITS) - 1)).bit_count()
