"""Anchors: signed heads of the audit trail, append-only like its entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SQLITE = [
    f"""CREATE TRIGGER audit_anchor_no_{verb.lower()} BEFORE {verb} ON audit_anchor
        BEGIN SELECT RAISE(ABORT, 'audit_is_append_only'); END"""
    for verb in ("UPDATE", "DELETE")
]
# The function came with the entries, in revision 0001.
POSTGRESQL = [
    f"""CREATE TRIGGER audit_anchor_no_{name} BEFORE {verbs} ON audit_anchor
        FOR EACH {each} EXECUTE FUNCTION audit_is_append_only()"""
    for name, verbs, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT"))
]


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "audit_anchor",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("head_number", sa.Integer(), nullable=False),
        sa.Column("head_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_anchor")),
    )
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Go back."""
    op.drop_table("audit_anchor")
