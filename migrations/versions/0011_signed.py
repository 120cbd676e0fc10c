"""Signed papers: the hash of the file before its signature, and its mark in a list of revoked ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add both columns; papers rendered before have neither."""
    op.add_column("document", sa.Column("unsigned_sha256", sa.String(length=64), nullable=True))
    op.add_column("document", sa.Column("mark", sa.String(length=16), nullable=True))


def downgrade() -> None:
    """Take both away."""
    for name in ("mark", "unsigned_sha256"):
        # Said plainly: a table made anew would lose its triggers.
        op.execute(f"ALTER TABLE document DROP COLUMN {name}")
