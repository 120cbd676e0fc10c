"""The portrait a person handed in, cut to the size that is printed; never the file itself."""

from __future__ import annotations

import io

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy import Connection

from edu_pilot.models import Paper
from edu_pilot.services import store

PAPER = Paper.__table__
PICTURES = ("image/jpeg", "image/png")
# One inch of a Chinese office, 25 × 35 mm, at 300 dots an inch.
SIZE = (295, 413)
QUALITY = 85


def newest(conn: Connection, application_id: str) -> str:
    """Return the store key of the newest portrait handed in with an application, empty without a picture."""
    query = (
        sa.select(PAPER.c.store_key)
        .where(PAPER.c.workflow == "application", PAPER.c.record_id == application_id)
        .where(PAPER.c.kind == "portrait", PAPER.c.media_type.in_(PICTURES), PAPER.c.erased_at.is_(None))
        .order_by(PAPER.c.uploaded_at.desc())
        .limit(1)
    )
    return str(conn.execute(query).scalar() or "")


def printed(store_key: str) -> bytes:
    """Return the kept picture as a small JPEG; the same bytes for the same picture."""
    with Image.open(io.BytesIO(store.store().get(store_key))) as picture:
        small = ImageOps.fit(picture.convert("RGB"), SIZE)
    target = io.BytesIO()
    small.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()
