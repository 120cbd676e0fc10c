"""Who is signed in, how often somebody tried, and what waits for a second administrator."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Blind, Id, Instant, Key, Name, Sealed, id_column

ACCOUNT = "account.id"


class LoginSession(Base):
    """One browser of an account or of a person; the token itself is only in the cookie."""

    __tablename__ = "login_session"

    id: Mapped[str] = id_column()
    token_hash: Mapped[str] = mapped_column(Key, unique=True)
    account_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(ACCOUNT), index=True)
    person_key: Mapped[str | None] = mapped_column(Blind)
    # Signed in without a second factor: nothing but enrolling one is open.
    enrolling: Mapped[bool] = mapped_column(default=False)
    pending_secret: Mapped[bytes | None] = mapped_column(Sealed)
    made_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    stepped_up_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    agent: Mapped[str] = mapped_column(sa.String(200))
    address: Mapped[str] = mapped_column(sa.String(45))


class RecoveryCode(Base):
    """A code that stands in once for a lost second factor."""

    __tablename__ = "recovery_code"

    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(ACCOUNT), primary_key=True)
    code_hash: Mapped[str] = mapped_column(Key, primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class LoginLink(Base):
    """A link with which one account sets its password once, for one purpose, within minutes."""

    __tablename__ = "login_link"

    id: Mapped[str] = id_column()
    token_hash: Mapped[str] = mapped_column(Key, unique=True)
    purpose: Mapped[str] = mapped_column(Name)
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(ACCOUNT), index=True)
    made_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class Throttle(Base):
    """How often something was tried lately; keyed by a blind index, so that the row names nobody."""

    __tablename__ = "throttle"

    bucket: Mapped[str] = mapped_column(Name, primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    count: Mapped[int]
    window_at: Mapped[datetime] = mapped_column(Instant)
    locked_until: Mapped[datetime | None] = mapped_column(Instant)


class RoleGrant(Base):
    """Roles one administrator asks for an account; they hold once another one has confirmed them."""

    __tablename__ = "role_grant"

    id: Mapped[str] = id_column()
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(ACCOUNT), index=True)
    roles: Mapped[str] = mapped_column(sa.String(255))
    county: Mapped[str | None] = mapped_column(sa.String(6))
    asked_by: Mapped[str] = mapped_column(Name)
    asked_key: Mapped[str | None] = mapped_column(Blind)
    asked_at: Mapped[datetime] = mapped_column(Instant)
    closed_by: Mapped[str | None] = mapped_column(Name)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    confirmed: Mapped[bool] = mapped_column(default=False)
