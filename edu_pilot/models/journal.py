"""What is written beside the records: policy versions, audit, outbox, numbers, documents, idempotency."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Id, Instant, Key, Name, Sealed, id_column


class PolicyVersion(Base):
    """The whole of `workflows/` as published, for ever (R1.6)."""

    __tablename__ = "policy_version"

    id: Mapped[str] = id_column()
    number: Mapped[int] = mapped_column(unique=True)
    holds_from: Mapped[date]
    sha256: Mapped[str] = mapped_column(Key)
    files: Mapped[dict[str, str]] = mapped_column(sa.JSON)
    published_at: Mapped[datetime] = mapped_column(Instant)
    published_by: Mapped[str] = mapped_column(Name)


class AllowedEdge(Base):
    """A step some policy version allows; a trigger on every workflow's table refuses all others."""

    __tablename__ = "allowed_edge"

    policy_version_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("policy_version.id"), primary_key=True)
    workflow: Mapped[str] = mapped_column(Name, primary_key=True)
    from_state: Mapped[str] = mapped_column(Name, primary_key=True)
    to_state: Mapped[str] = mapped_column(Name, primary_key=True)


class AuditEntry(Base):
    """One step, chained to the one before it; append-only by trigger (R6.1)."""

    __tablename__ = "audit_entry"
    __table_args__ = (sa.Index("ix_audit_entry_record", "workflow", "reference", "number"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Name)
    workflow: Mapped[str] = mapped_column(Name)
    reference: Mapped[str] = mapped_column(Name)
    action: Mapped[str] = mapped_column(Name)
    from_state: Mapped[str] = mapped_column(Name)
    to_state: Mapped[str] = mapped_column(Name)
    policy_version: Mapped[int]
    body: Mapped[str] = mapped_column(sa.Text)
    previous_hash: Mapped[str] = mapped_column(Key)
    hash: Mapped[str] = mapped_column(Key)


class AuditHead(Base):
    """The number and hash of the newest entry: one row, locked by whoever appends."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(Key)


class AuditAnchor(Base):
    """A head signed under the instance's key; append-only by trigger, like the entries it vouches for (R6.1)."""

    __tablename__ = "audit_anchor"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    head_number: Mapped[int]
    head_hash: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(Instant)
    key_id: Mapped[str] = mapped_column(Name)
    cause: Mapped[str] = mapped_column(Name)
    signature: Mapped[str] = mapped_column(sa.String(128))


class PrivateInput(Base):
    """The personal part of an action's input; the audit holds only this row's id (R6.1)."""

    __tablename__ = "private_input"

    id: Mapped[str] = id_column()
    content: Mapped[bytes] = mapped_column(Sealed)


class Counter(Base):
    """The last number drawn of a series; drawn in the transaction that uses it, so without gaps."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(Name, primary_key=True)
    value: Mapped[int]


class KeyUse(Base):
    """How many keys of a purpose the stored values went through; written in the commit that rewrites them."""

    __tablename__ = "key_use"

    purpose: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int]


class LookUp(Base):
    """Who looked at which personal value, file or paper, and why; append-only by trigger (R2.9)."""

    __tablename__ = "look_up"
    __table_args__ = (sa.Index("ix_look_up_record", "workflow", "reference"),)

    id: Mapped[str] = id_column()
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    looked_on: Mapped[date]
    actor: Mapped[str] = mapped_column(Name)
    kind: Mapped[str] = mapped_column(Name)
    workflow: Mapped[str] = mapped_column(Name)
    reference: Mapped[str] = mapped_column(Name)
    field: Mapped[str] = mapped_column(Name)
    reason: Mapped[str] = mapped_column(Name)
    task: Mapped[bool]


class Outbox(Base):
    """What must follow a commit: a step on another record, a document to render, or a run to print."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index(
            "ix_outbox_open",
            "created_at",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        ),
        sa.Index(
            "ix_outbox_reference",
            "reference",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        ),
    )

    id: Mapped[str] = id_column()
    task: Mapped[str] = mapped_column(Name)
    workflow: Mapped[str] = mapped_column(Name)
    reference: Mapped[str] = mapped_column(Name)
    action: Mapped[str] = mapped_column(Name)
    input: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    cause: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    refusal: Mapped[list[dict[str, Any]] | None] = mapped_column(sa.JSON(none_as_null=True))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(Instant)


class Document(Base):
    """A paper the programme issued: number, frozen content, hashes unsigned and as kept, revocation mark."""

    __tablename__ = "document"
    __table_args__ = (sa.Index("ix_document_record", "workflow", "record_id"),)

    id: Mapped[str] = id_column()
    number: Mapped[str] = mapped_column(sa.String(32), unique=True)
    kind: Mapped[str] = mapped_column(Name)
    code: Mapped[str] = mapped_column(Name, unique=True)
    workflow: Mapped[str] = mapped_column(Name)
    record_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("person.id"))
    county: Mapped[str | None] = mapped_column(sa.String(6))
    policy_version: Mapped[int]
    issued_on: Mapped[date]
    context: Mapped[bytes] = mapped_column(Sealed)
    template_version: Mapped[str | None] = mapped_column(Name)
    renderer: Mapped[str | None] = mapped_column(sa.String(255))
    sha256: Mapped[str | None] = mapped_column(Key)
    unsigned_sha256: Mapped[str | None] = mapped_column(Key)
    mark: Mapped[str | None] = mapped_column(sa.String(16))
    store_key: Mapped[str | None] = mapped_column(sa.String(255))
    problem: Mapped[str | None] = mapped_column(sa.String(2000))
    rendered_at: Mapped[datetime | None] = mapped_column(Instant)
    voided_at: Mapped[datetime | None] = mapped_column(Instant)
    erased_at: Mapped[datetime | None] = mapped_column(Instant)


class Idempotency(Base):
    """The stored answer to a request with an Idempotency-Key."""

    __tablename__ = "idempotency"

    account: Mapped[str] = mapped_column(Name, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(Key)
    status: Mapped[int | None]
    answer: Mapped[bytes | None] = mapped_column(Sealed)
    at: Mapped[datetime] = mapped_column(Instant)
