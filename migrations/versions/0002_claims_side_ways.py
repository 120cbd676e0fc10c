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
    op.create_table(
        "alert",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("claim_id", sa.String(length=32), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=False),
        sa.Column("other_county", sa.String(length=6), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("raised_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_alert_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("kind", "claim_id", "county", "number", name=op.f("uq_alert_kind_claim_id_county_number")),
    )
    op.create_index(op.f("ix_alert_county"), "alert", ["county"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.String(length=27), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_incident_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("document_id", name=op.f("uq_incident_document_id")),
    )
    op.add_column("certification", sa.Column("verified_on", sa.Date(), nullable=True))
    op.create_table(
        "listed_certificate",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=22), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_certificate")),
        sa.UniqueConstraint("number", name=op.f("uq_listed_certificate_number")),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("listed_certificate")
    op.execute("ALTER TABLE certification DROP COLUMN verified_on")
    op.drop_table("incident")
    op.drop_table("alert")
    op.drop_table("bar")
    op.drop_table("bank_file")
    for name in ("evidence", "refunded_fen"):
        op.execute(f"ALTER TABLE receipt DROP COLUMN {name}")
    for name in CLAIM:
        # Said plainly: a table made anew would lose its triggers.
        op.execute(f"ALTER TABLE claim DROP COLUMN {name}")
