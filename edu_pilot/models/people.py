"""Persons, accounts and the papers they hand in."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Blind, Id, Instant, Key, Name, Sealed, id_column


class Person(Base):
    """One human being, found by the blind index of the ID number (R2.1, R2.2)."""

    __tablename__ = "person"

    id: Mapped[str] = id_column()
    name: Mapped[str] = mapped_column(Name, index=True)
    name_keys: Mapped[str] = mapped_column(sa.String(255), index=True)
    id_number: Mapped[bytes] = mapped_column(Sealed)
    id_index: Mapped[str] = mapped_column(Blind, unique=True)
    sex: Mapped[str] = mapped_column(sa.String(6))
    birth_on: Mapped[date]
    phone: Mapped[bytes] = mapped_column(Sealed)
    phone_index: Mapped[str] = mapped_column(Blind, index=True)
    restricted_on: Mapped[date | None]
    erased_on: Mapped[date | None]


class PersonAlias(Base):
    """A number the person had before a correction: still the same person (R3.10)."""

    __tablename__ = "person_alias"

    id: Mapped[str] = id_column()
    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    id_number: Mapped[bytes] = mapped_column(Sealed)
    id_index: Mapped[str] = mapped_column(Blind, unique=True)
    until_on: Mapped[date]


class LiveCase(Base):
    """A person's one live case per level: held from registration until the study ends (R2.8)."""

    __tablename__ = "live_case"

    id_index: Mapped[str] = mapped_column(Blind, primary_key=True)
    level: Mapped[str] = mapped_column(Name, primary_key=True)
    application_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("application.id"), unique=True)
    point: Mapped[str] = mapped_column(Name)
    since_on: Mapped[date]


class Account(Base):
    """Someone who signs in: roles, a county where the roles have one, and the person behind it."""

    __tablename__ = "account"

    id: Mapped[str] = id_column()
    name: Mapped[str] = mapped_column(Name, unique=True)
    password_hash: Mapped[str] = mapped_column(sa.String(255))
    roles: Mapped[str] = mapped_column(sa.String(255))
    county: Mapped[str | None] = mapped_column(sa.String(6))
    person_key: Mapped[str | None] = mapped_column(Blind)
    token_hash: Mapped[str | None] = mapped_column(Key, unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Instant)
    totp_secret: Mapped[bytes | None] = mapped_column(Sealed)
    # The thirty seconds whose code was used last: a code is good once.
    totp_step: Mapped[int | None]
    # Who left: the row stays, so that what the account signed keeps its name.
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    handed_to: Mapped[str | None] = mapped_column(Name)


class Paper(Base):
    """A file handed in for a record: an ID card side, a diploma, a portrait, a receipt (R3.2)."""

    __tablename__ = "paper"
    __table_args__ = (sa.Index("ix_paper_record", "workflow", "record_id"),)

    id: Mapped[str] = id_column()
    workflow: Mapped[str] = mapped_column(Name)
    record_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Name)
    media_type: Mapped[str] = mapped_column(Name)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(Key)
    sent_sha256: Mapped[str | None] = mapped_column(Key)
    look: Mapped[int | None] = mapped_column(sa.BigInteger)
    detail: Mapped[str | None] = mapped_column(sa.String(576))
    store_key: Mapped[str] = mapped_column(sa.String(255))
    uploaded_at: Mapped[datetime] = mapped_column(Instant)
    uploaded_by: Mapped[str] = mapped_column(Name)
    erased_at: Mapped[datetime | None] = mapped_column(Instant)
