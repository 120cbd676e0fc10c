"""The whole trail as a file that anybody can check without this program: docs/audit-format.md (R6.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import AuditEntry
from edu_pilot.services import anchors, audit, cases
from edu_pilot.services.canonical import canonical, stamp

ENTRY = AuditEntry.__table__
FORMAT = "edu-pilot audit 1"


def lines(conn: Connection) -> Iterator[str]:
    """Yield the export line by line, each one JSON object: head, anchors, entries, records, end."""
    kept = anchors.kept(conn)
    keys = {name: key.hex() for name, key in anchors.own_keys().items()}
    head = audit.head(conn)
    yield canonical({"format": FORMAT, "at": stamp(clock.now()), "head": head, "keys": keys})
    yield from (canonical(asdict(anchor)) for anchor in kept)
    entries = 0
    for body, digest in _entries(conn):
        entries += 1
        # The body stands as it was hashed: not a byte of it may be written anew.
        yield f'{{"entry":{body},"hash":{json.dumps(digest)}}}'
    records = 0
    for record in _records(conn):
        records += 1
        yield canonical(record)
    yield canonical({"end": {"anchors": len(kept), "entries": entries, "records": records}})


def _entries(conn: Connection) -> Iterator[tuple[str, str]]:
    query = sa.select(ENTRY.c.body, ENTRY.c.hash).order_by(ENTRY.c.number)
    with conn.execute(query.execution_options(yield_per=5000)) as found:
        yield from ((row.body, row.hash) for row in found)


def _records(conn: Connection) -> Iterator[dict[str, Any]]:
    for workflow in cases.workflows():
        columns = cases.table(workflow).c
        query = sa.select(columns.reference, columns.state, columns.version).order_by(columns.reference)
        with conn.execute(query.execution_options(yield_per=5000)) as found:
            for row in found:
                yield {"workflow": workflow, "record": row.reference, "state": row.state, "version": row.version}
