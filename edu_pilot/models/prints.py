"""Papers printed many at a time: the runs, their files for the printer, and which sheet stood where."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Id, Instant, Name, id_column


class PrintRun(Base):
    """Papers of one kind that somebody had printed as one job; `why` is the code of the reason for a reprint."""

    __tablename__ = "print_run"

    id: Mapped[str] = id_column()
    number: Mapped[str] = mapped_column(sa.String(32), unique=True)
    kind: Mapped[str] = mapped_column(Name)
    workflow: Mapped[str] = mapped_column(Name)
    # Whose papers they are; none where they may be of any county.
    county: Mapped[str | None] = mapped_column(sa.String(6))
    asked_by: Mapped[str] = mapped_column(Name)
    asked_at: Mapped[datetime] = mapped_column(Instant, index=True)
    why: Mapped[str] = mapped_column(Name)
    sheets: Mapped[int]
    stacks: Mapped[int]
    # How many of the stacks are made: raised in the commit that keeps one.
    made: Mapped[int]
    done_at: Mapped[datetime | None] = mapped_column(Instant)


class PrintStack(Base):
    """One file for the printer; it is no document, and its bytes go after a while."""

    __tablename__ = "print_stack"
    __table_args__ = (sa.UniqueConstraint("run_id", "stack"),)

    id: Mapped[str] = id_column()
    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("print_run.id"))
    stack: Mapped[int]
    store_key: Mapped[str] = mapped_column(sa.String(255))
    made_at: Mapped[datetime] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class PrintSheet(Base):
    """One paper in a run: when it was made ready for the printer, or why it was left out."""

    __tablename__ = "print_sheet"
    __table_args__ = (sa.UniqueConstraint("run_id", "position"),)

    id: Mapped[str] = id_column()
    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("print_run.id"))
    position: Mapped[int]
    document: Mapped[str] = mapped_column(sa.String(32), sa.ForeignKey("document.number"), index=True)
    stack: Mapped[int]
    made_at: Mapped[datetime | None] = mapped_column(Instant)
    refusal: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
