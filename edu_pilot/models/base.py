"""Column types and the columns every record has."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column


def new_id() -> str:
    """Return a new random row id."""
    return uuid.uuid4().hex


class Sealed(sa.TypeDecorator[bytes]):
    """A personal value, encrypted by the vault for its row; the database never sees it in clear (R2.9)."""

    impl = sa.LargeBinary
    cache_ok = True


class Blind(sa.TypeDecorator[str]):
    """A keyed index of a personal value: equal values meet, and a rotation of the index key rewrites it (R2.9)."""

    impl = sa.String(64)
    cache_ok = True


class Instant(sa.TypeDecorator[datetime]):
    """A UTC instant, kept as sortable text on both databases."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else None

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        return datetime.fromisoformat(value) if value else None


Id = sa.String(32)
Name = sa.String(64)
Key = sa.String(64)


def id_column() -> Mapped[str]:
    """Return a primary key that is drawn before the row is written, so that values can be sealed for it."""
    return mapped_column(Id, primary_key=True, default=new_id)


class Record:
    """The columns the engine needs in every workflow's table."""

    id: Mapped[str] = id_column()
    reference: Mapped[str] = mapped_column(sa.String(16), unique=True)
    state: Mapped[str] = mapped_column(Name)
    version: Mapped[int] = mapped_column(default=1)
    pinned: Mapped[bool] = mapped_column(default=True)
    created_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(Name)
    creator_key: Mapped[str | None] = mapped_column(Blind)
    since_on: Mapped[date]
    county: Mapped[str | None] = mapped_column(sa.String(6), index=True)

    @declared_attr
    @classmethod
    def policy_version_id(cls) -> Mapped[str]:
        return mapped_column(Id, sa.ForeignKey("policy_version.id"))

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"eager_defaults": False}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.reference}>"
