"""Files: how they were sent and how they look; the files of live claims' receipts, each in one claim only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# Of a file that several live claims hold already the first keeps it; the submission of the others is refused.
HOLD = """
INSERT INTO receipt_file (sha256, claim_id)
SELECT paper.sha256, min(claim.id) FROM paper JOIN claim ON claim.id = paper.record_id
WHERE paper.workflow = 'claim' AND paper.kind = 'receipt' AND claim.live GROUP BY paper.sha256
"""


def upgrade() -> None:
    """Add the columns and the table, and take what live claims hold."""
    op.add_column("paper", sa.Column("sent_sha256", sa.String(64), nullable=True))
    op.add_column("paper", sa.Column("look", sa.BigInteger(), nullable=True))
    op.add_column("paper", sa.Column("detail", sa.String(576), nullable=True))
    op.create_table(
        "receipt_file",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("claim_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name="fk_receipt_file_claim_id"),
        sa.PrimaryKeyConstraint("sha256", name="pk_receipt_file"),
    )
    op.create_index("ix_receipt_file_claim_id", "receipt_file", ["claim_id"])
    op.execute(HOLD)


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_receipt_file_claim_id", table_name="receipt_file")
    op.drop_table("receipt_file")
    op.drop_column("paper", "detail")
    op.drop_column("paper", "look")
    op.drop_column("paper", "sent_sha256")
