"""Whether texts fit their columns: PostgreSQL would break on a longer one, SQLite would keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from edu_pilot.workflow.reasons import N_, Reason, blocked

TOO_LONG = N_("This text is too long; at most %(limit)s characters fit here. Shorten it.")


def too_long(table: sa.Table, values: Mapping[str, Any]) -> list[Reason]:
    """Return a reason (field_malformed) for every text that is longer than its column."""
    limits = {name: getattr(table.c[name].type, "length", None) for name in values}
    return [
        blocked(TOO_LONG, code="field_malformed", field=name, limit=limit)
        for name, limit in limits.items()
        if limit and isinstance(values[name], str) and len(values[name]) > limit
    ]
