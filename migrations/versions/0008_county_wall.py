"""A second wall between the counties: PostgreSQL itself shows a county's reader nothing of the others (C3)."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

WORKFLOWS = ("application", "study", "certification", "session", "claim", "payment")
# Asked once a statement, not once a row; empty, as for every worker and writer, it shows all.
COUNTY = "(SELECT coalesce(current_setting('edu_pilot.county', true), ''))"
POLICIES = {
    **dict.fromkeys(WORKFLOWS, f"{COUNTY} IN ('', county)"),
    # A notice for the public belongs to no record.
    "document": f"{COUNTY} IN ('', county) OR record_id = ''",
}


def upgrade() -> None:
    """Build the wall; SQLite has none, there the conditions of the look-ups stand alone."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, shown in POLICIES.items():
        op.execute(f'CREATE POLICY county_wall ON "{table}" USING ({shown})')
        op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        # The installation's one role owns its tables: without this the wall would not stand before it.
        op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')


def downgrade() -> None:
    """Take the wall down."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in POLICIES:
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        op.execute(f'DROP POLICY county_wall ON "{table}"')
