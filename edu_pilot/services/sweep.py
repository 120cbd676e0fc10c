"""Kept bytes that no row refers to: what a step left that was refused after its file was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import Base, read
from edu_pilot.services import store

# A step writes its file and then its row, within minutes; a day is beyond doubt.
OLD_ENOUGH = timedelta(hours=24)
# More than this, and the store rather belongs to another database than to this one.
FEW, SHARE = 50, 0.1
# The names `keep` gives: folder, two digits, 32 digits and an ending; or a temporary file's. Nothing else is touched.
OURS = re.compile(r"[a-z_]+/([0-9a-f]{2})/(\1[0-9a-f]{30}\.\w+|\.[0-9a-f]{32})")
log = structlog.get_logger()


@dataclass(frozen=True)
class Swept:
    """What a sweep found; `deleted` says whether the orphans are gone, `missing` names files that rows refer to."""

    files: int
    orphans: tuple[store.Entry, ...]
    missing: tuple[str, ...]
    deleted: bool = False

    @property
    def size(self) -> int:
        """The orphans' bytes."""
        return sum(entry.size for entry in self.orphans)

    @property
    def too_many(self) -> bool:
        """Whether a human should look first."""
        return len(self.orphans) > max(FEW, self.files * SHARE)


def referenced(conn: Connection, tables: Iterable[sa.Table]) -> set[str]:
    """Return the key of every file that a row of these tables refers to; one that was erased has none."""
    columns = [table.c.store_key for table in tables if "store_key" in table.c]
    return {key for column in columns for key in conn.execute(sa.select(column).where(column != "")).scalars()}


def look() -> Swept:
    """Compare the store with the rows; a file younger than a day may still get its row."""
    # The files first: what is written meanwhile has its row by the time the rows are read.
    found = [entry for entry in store.store().entries() if OURS.fullmatch(entry.key)]
    with read() as conn:
        known = referenced(conn, Base.metadata.sorted_tables)
    kept = {entry.key for entry in found}
    orphans = tuple(sorted(_orphans(found, known), key=lambda entry: entry.key))
    return Swept(len(found), orphans, tuple(sorted(known - kept)))


def _orphans(found: list[store.Entry], known: set[str]) -> Iterator[store.Entry]:
    oldest = clock.now() - OLD_ENOUGH
    return (entry for entry in found if entry.key not in known and entry.written_at < oldest)


def sweep() -> Swept:
    """Delete the orphans and return what was found."""
    found = look()
    for entry in found.orphans:
        store.store().delete(entry.key)
    return Swept(found.files, found.orphans, found.missing, deleted=True)


def due() -> int:
    """Delete the orphans of a store in a folder, unless they are suspiciously many; return how many went."""
    if not isinstance(store.store(), store.Folder):
        # Listing an object store costs money by the thousand; there it is done by hand.
        return 0
    found = look()
    if found.too_many:
        log.error("too many files without a row: nothing was deleted", orphans=len(found.orphans), files=found.files)
        return 0
    return len(sweep().orphans) if found.orphans else 0
