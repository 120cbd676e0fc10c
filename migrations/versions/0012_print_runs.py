"""Print runs: papers printed many at a time, their files for the printer, and the log of every sheet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "print_run",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("workflow", sa.String(64), nullable=False),
        sa.Column("county", sa.String(6), nullable=True),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("sheets", sa.Integer(), nullable=False),
        sa.Column("stacks", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_print_run"),
        sa.UniqueConstraint("number", name="uq_print_run_number"),
    )
    op.create_index("ix_print_run_asked_at", "print_run", ["asked_at"])
    op.create_table(
        "print_stack",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("stack", sa.Integer(), nullable=False),
        sa.Column("store_key", sa.String(255), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("removed_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["print_run.id"], name="fk_print_stack_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_print_stack"),
        sa.UniqueConstraint("run_id", "stack", name="uq_print_stack_run_id_stack"),
    )
    op.create_table(
        "print_sheet",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(32), nullable=False),
        sa.Column("stack", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=True),
        sa.Column("refusal", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["document"], ["document.number"], name="fk_print_sheet_document"),
        sa.ForeignKeyConstraint(["run_id"], ["print_run.id"], name="fk_print_sheet_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_print_sheet"),
        sa.UniqueConstraint("run_id", "position", name="uq_print_sheet_run_id_position"),
    )
    op.create_index("ix_print_sheet_document", "print_sheet", ["document"])


def downgrade() -> None:
    """Take them away again, the log of what was printed with them."""
    op.drop_index("ix_print_sheet_document", table_name="print_sheet")
    op.drop_table("print_sheet")
    op.drop_table("print_stack")
    op.drop_index("ix_print_run_asked_at", table_name="print_run")
    op.drop_table("print_run")
