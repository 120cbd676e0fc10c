"""Access: sessions kept here, second factors, links, tries, and roles that wait for a second administrator."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOMENT, KEY, NAME, ROW = sa.String(length=27), sa.String(length=64), sa.String(length=64), sa.String(length=32)
TABLES = ("role_grant", "throttle", "login_link", "recovery_code", "login_session")


def upgrade() -> None:
    """Add what an account needs to prove who is there, and the tables beside it."""
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("totp_secret", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("totp_step", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("ended_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("handed_to", NAME, nullable=True))
    _sessions()
    _codes_and_links()
    _throttle()
    _grants()


def _sessions() -> None:
    op.create_table(
        "login_session",
        sa.Column("id", ROW, nullable=False),
        sa.Column("token_hash", KEY, nullable=False),
        sa.Column("account_id", ROW, nullable=True),
        sa.Column("person_key", KEY, nullable=True),
        sa.Column("enrolling", sa.Boolean(), nullable=False),
        sa.Column("pending_secret", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("stepped_up_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_session_account_id")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_account_id"), ["account_id"], unique=False)


def _codes_and_links() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("account_id", ROW, nullable=False),
        sa.Column("code_hash", KEY, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name=op.f("pk_recovery_code")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")),
    )
    op.create_table(
        "login_link",
        sa.Column("id", ROW, nullable=False),
        sa.Column("token_hash", KEY, nullable=False),
        sa.Column("purpose", NAME, nullable=False),
        sa.Column("account_id", ROW, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_link_token_hash")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_link_account_id")),
    )
    with op.batch_alter_table("login_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_link_account_id"), ["account_id"], unique=False)


def _throttle() -> None:
    op.create_table(
        "throttle",
        sa.Column("bucket", NAME, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("window_at", MOMENT, nullable=False),
        sa.Column("locked_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("bucket", "key", name=op.f("pk_throttle")),
    )


def _grants() -> None:
    op.create_table(
        "role_grant",
        sa.Column("id", ROW, nullable=False),
        sa.Column("account_id", ROW, nullable=False),
        sa.Column("roles", sa.String(length=255), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=True),
        sa.Column("asked_by", NAME, nullable=False),
        sa.Column("asked_key", KEY, nullable=True),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("closed_by", NAME, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_role_grant_account_id")),
    )
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_grant_account_id"), ["account_id"], unique=False)


def downgrade() -> None:
    """Take all of it away again; everybody signs in anew."""
    for table in TABLES:
        op.drop_table(table)
    with op.batch_alter_table("account", schema=None) as batch_op:
        for column in ("handed_to", "ended_at", "totp_step", "totp_secret"):
            batch_op.drop_column(column)
