"""What somebody of the staff has begun: forms half filled in, lists that are being looked over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "begun",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("about", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.String(27), nullable=True),
        sa.Column("undone_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_begun_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_begun"),
    )
    op.create_index("ix_begun_account", "begun", ["account_id", "kind", "name"])
    op.create_index("ix_begun_asked_at", "begun", ["asked_at"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_begun_asked_at", table_name="begun")
    op.drop_index("ix_begun_account", table_name="begun")
    op.drop_table("begun")
