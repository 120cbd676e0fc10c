"""Side ways of application and study: another major offered, face comparison, welfare post, published marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ADDED = (
    ("application", "offered_major", sa.String(32)),
    ("application", "offer_until", sa.Date()),
    ("study", "face_check", sa.String(64)),
    ("study", "face_checked_on", sa.Date()),
    ("study", "welfare_post_on", sa.Date()),
    # A mark that was recorded before has no day: it is shown already.
    ("score", "published_on", sa.Date()),
)


def upgrade() -> None:
    """Add what the new steps note; without a batch, which would drop the tables' triggers."""
    for table, name, kind in ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Drop the columns; what they held is in the audit."""
    for table, name, _kind in reversed(ADDED):
        op.drop_column(table, name)
