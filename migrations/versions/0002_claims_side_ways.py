"""Side ways of claims and payments: kept bank files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


CLAIM = {
    "first_submitted_at": sa.String(length=27),
    "answer_until": sa.Date(),
    "recheck_until": sa.Date(),
    "escalated_on": sa.Date(),
    "union_of": sa.String(length=64),
    "member_since_on": sa.Date(),
    "member_until_on": sa.Date(),
    "employer_gone": sa.String(length=64),
    "heir": sa.String(length=64),
    "register_code": sa.String(length=64),
    "register_code_until": sa.Date(),
    "storage_only_on": sa.Date(),
}
# Of a claim that is there already the day of submission is known, not its hour.
FIRST_SUBMITTED = """
    UPDATE claim SET first_submitted_at = CAST(submitted_on AS VARCHAR(10)) || 'T04:00:00.000000Z'
    WHERE submitted_on IS NOT NULL"""


def upgrade() -> None:
    """Add what the side ways keep."""
    for name, kind in CLAIM.items():
        op.add_column("claim", sa.Column(name, kind, nullable=True))
    op.execute(FIRST_SUBMITTED)
    op.add_column("receipt", sa.Column("evidence", sa.String(length=64), nullable=False, server_default="original"))
    op.add_column("receipt", sa.Column("refunded_fen", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "bank_file",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("exported_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_bank_file_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_file")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_bank_file_payment_id")),
    )
    op.create_table(
        "bar",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_bar_claim_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_bar_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bar")),
    )
    op.create_index(op.f("ix_bar_person_id"), "bar", ["person_id"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("bar")
    op.drop_table("bank_file")
    for name in ("evidence", "refunded_fen"):
        op.execute(f"ALTER TABLE receipt DROP COLUMN {name}")
    for name in CLAIM:
        # Said plainly: a table made anew would lose its triggers.
        op.execute(f"ALTER TABLE claim DROP COLUMN {name}")
