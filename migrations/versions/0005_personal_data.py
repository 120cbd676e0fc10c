"""Personal data: who looked at what, which keys are in use, what was restricted or erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

COLUMNS = (
    ("person", "restricted_on", sa.Date()),
    ("person", "erased_on", sa.Date()),
    ("application", "erased_on", sa.Date()),
    ("document", "erased_at", sa.String(length=27)),
    ("paper", "erased_at", sa.String(length=27)),
)


def _append_only() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"""CREATE TRIGGER look_up_no_{verb.lower()} BEFORE {verb} ON look_up
            BEGIN SELECT RAISE(ABORT, 'look_up_is_append_only'); END"""
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"""CREATE TRIGGER look_up_no_{name} BEFORE {verbs} ON look_up
        FOR EACH {each} EXECUTE FUNCTION audit_is_append_only()"""
        for name, verbs, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT"))
    ]


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "key_use",
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_key_use")),
    )
    op.create_table(
        "look_up",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("looked_on", sa.Date(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("workflow", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("task", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_look_up")),
    )
    op.create_index("ix_look_up_record", "look_up", ["workflow", "reference"])
    op.create_index(op.f("ix_look_up_at"), "look_up", ["at"])
    for statement in _append_only():
        op.execute(statement)
    # Without a batch: a table that is written anew on SQLite would lose the triggers that guard it.
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Go back."""
    for table, name, _kind in COLUMNS:
        op.drop_column(table, name)
    op.drop_table("look_up")
    op.drop_table("key_use")
