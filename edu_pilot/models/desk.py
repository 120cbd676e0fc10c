"""What somebody of the staff has begun: a form half filled in, a list that is being looked over."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Id, Instant, Name, Sealed, id_column


class Begun(Base):
    """A form or a list as one account left it; sealed, for that account alone, and not for long."""

    __tablename__ = "begun"
    __table_args__ = (sa.Index("ix_begun_account", "account_id", "kind", "name"),)

    id: Mapped[str] = id_column()
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(Name)
    name: Mapped[str] = mapped_column(Name)
    about: Mapped[str] = mapped_column(Name)
    content: Mapped[bytes] = mapped_column(Sealed)
    told: Mapped[bytes | None] = mapped_column(Sealed)
    made_at: Mapped[datetime] = mapped_column(Instant)
    # Of a list: when it was to be taken, how far that is, and how it ended.
    asked_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    taken_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_at: Mapped[datetime | None] = mapped_column(Instant)
