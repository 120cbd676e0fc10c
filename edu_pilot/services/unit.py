"""One transaction's work: the changes, and what is written at its end: audit, outbox, documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.models import Outbox, PrivateInput
from edu_pilot.models.base import new_id
from edu_pilot.services import anchors, audit, idempotency, standing
from edu_pilot.services.cases import Case
from edu_pilot.services.policies import Version
from edu_pilot.services.vault import Vault, vault
from edu_pilot.workflow.registry import Actor, Attempt

OUTBOX = Outbox.__table__


# Births a child record inside the same transaction and returns its reference.
Birth = Callable[["Change", str, Mapping[str, Any]], str]


class LostRace(Exception):
    """Someone else was first: nothing is kept, and the step is tried once more on what is true now."""


@dataclass
class Unit:
    """Everything one transaction is going to write."""

    conn: Connection
    actor: Actor
    births: Birth
    cause: int | None = None
    vault: Vault = field(default_factory=vault)
    today: date = field(default_factory=clock.today)
    now: datetime = field(default_factory=clock.now)
    entries: list[audit.Entry] = field(default_factory=list)
    following: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    private: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, Any] = field(default_factory=dict)
    # Whether the trail is to be signed as it stands after this transaction.
    anchored: bool = False

    def keep_private(self, text: str) -> str:
        """Seal the personal part of an input and return the id that the audit holds instead."""
        row = new_id()
        content = self.vault.seal("private_input.content", row, text)
        self.private.append({"id": row, "content": content})
        return row

    def follow(self, task: str, **row: Any) -> None:
        """Note what must follow the commit, caused by the entry written next."""
        blank = {"workflow": "", "reference": "", "action": "", "input": {}}
        self.following.append((len(self.entries), {**blank, **row, "task": task}))

    def close(self) -> None:
        """Write what was collected; the audit comes last, so that its lock is held shortest. Raise LetGo."""
        standing.require_unchanged(self.conn, self.actor)
        if self.private:
            self.conn.execute(PrivateInput.__table__.insert(), self.private)
        self._claim_key()
        first = audit.append(self.conn, self.entries)
        if self.anchored:
            anchors.make(self.conn, "batch")
        if self.following:
            rows = [self._outbox_row(place, first + n, r) for place, (n, r) in enumerate(self.following)]
            self.conn.execute(OUTBOX.insert(), rows)

    def _outbox_row(self, place: int, cause: int, row: Mapping[str, Any]) -> dict[str, Any]:
        # The worker goes by cause and id: of one cause the first asked for goes first.
        return {**row, "id": f"{place:08x}{new_id()[8:]}", "cause": cause, "created_at": self.now}

    def _claim_key(self) -> None:
        """Write the key of an idempotent request beside what was done for it, of which a lost answer is told."""
        if self.entries:
            # A step's own entry comes after those of the records that it opened.
            own = self.entries[-1]
            idempotency.claim(self.conn, workflow=own.workflow, reference=own.reference)


@dataclass
class Change:
    """One step on one record, as effects see it: what was tried, where it leads, what it writes."""

    unit: Unit
    attempt: Attempt
    version: Version
    workflow: str
    record_id: str
    reference: str
    to_state: str
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[sa.Table, list[dict[str, Any]]]] = field(default_factory=list)
    note: dict[str, Any] = field(default_factory=dict)

    @property
    def conn(self) -> Connection:
        """The transaction."""
        return self.unit.conn

    @property
    def case(self) -> Case:
        """The record as it was before this step."""
        found: Case = self.attempt.record
        return found

    @property
    def input(self) -> Mapping[str, Any]:
        """The typed answers to the action's needs."""
        return self.attempt.input

    def seal(self, column: str, text: str) -> None:
        """Set a sealed column of this record."""
        self.values[column] = self.unit.vault.seal(f"{self.workflow}.{column}", self.record_id, text)

    def add(self, model: Any, *rows: dict[str, Any]) -> None:
        """Insert rows that belong to this record, once the record itself is written."""
        self.rows.append((model.__table__, list(rows)))

    def now_value(self, column: str) -> Any:
        """Return a value as it will stand after this step."""
        return self.values[column] if column in self.values else getattr(self.case, column)

    def child(self, workflow: str, given: Mapping[str, Any]) -> str:
        """Open another workflow's record under this one's policy version; return its reference."""
        return self.unit.births(self, workflow, given)

    def then(self, action: str, *, workflow: str, reference: str = "", **given: Any) -> None:
        """Ask for a step on another record after the commit, performed as `system` with its own guard."""
        self.unit.follow("perform", workflow=workflow, reference=reference, action=action, input=given)
