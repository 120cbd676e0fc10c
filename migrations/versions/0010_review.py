"""The desks of the two bodies: who works on a claim, and what a check compared and put into words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table of who holds what, and two columns of a check."""
    op.create_table(
        "case_hold",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("held_by", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_case_hold_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_hold")),
        sa.UniqueConstraint("claim_id", "body", name=op.f("uq_case_hold_claim_id_body")),
    )
    op.add_column("claim_check", sa.Column("points", sa.JSON(), nullable=True))
    op.add_column("claim_check", sa.Column("note", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take them away; a check keeps its outcome, reading and reasons."""
    for name in ("note", "points"):
        # Said plainly: a table made anew would lose its triggers.
        op.execute(f"ALTER TABLE claim_check DROP COLUMN {name}")
    op.drop_table("case_hold")
