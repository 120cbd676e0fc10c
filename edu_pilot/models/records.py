"""One table per workflow, named as it, and the rows that belong to its records."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from edu_pilot.extensions import Base
from edu_pilot.models.base import Blind, Id, Instant, Key, Name, Record, Sealed, id_column

Code = sa.String(32)
LIVE = sa.text("live")


class Application(Record, Base):
    """One person's application for one intake."""

    __tablename__ = "application"

    name: Mapped[str] = mapped_column(Name)
    name_keys: Mapped[str] = mapped_column(sa.String(255), index=True)
    id_number: Mapped[bytes | None] = mapped_column(Sealed)
    id_index: Mapped[str | None] = mapped_column(Blind, index=True)
    sex: Mapped[str | None] = mapped_column(Name)
    birth_on: Mapped[date | None]
    phone: Mapped[bytes | None] = mapped_column(Sealed)
    phone_index: Mapped[str | None] = mapped_column(Blind, index=True)
    point: Mapped[str | None] = mapped_column(Name)
    intake: Mapped[str] = mapped_column(sa.String(4), index=True)
    level: Mapped[str | None] = mapped_column(Name)
    major: Mapped[str | None] = mapped_column(Code)
    previous_school: Mapped[str | None] = mapped_column(sa.String(100))
    previous_diploma: Mapped[str | None] = mapped_column(Name)
    employer: Mapped[str | None] = mapped_column(sa.String(100))
    job: Mapped[str | None] = mapped_column(sa.String(50))
    union_member: Mapped[bool | None]
    occupation: Mapped[str | None] = mapped_column(Code)
    person_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    query_code: Mapped[bytes | None] = mapped_column(Sealed)
    query_index: Mapped[str | None] = mapped_column(Blind, unique=True)
    registered_on: Mapped[date | None]
    queue_number: Mapped[int | None] = mapped_column(index=True)
    answer_until: Mapped[date | None]
    offered_major: Mapped[str | None] = mapped_column(Code)
    offer_until: Mapped[date | None]
    place: Mapped[str] = mapped_column(Name, default="none")
    erased_on: Mapped[date | None]


class Quota(Base):
    """The places of a year: hard for the whole city (R1.4)."""

    __tablename__ = "quota"
    __table_args__ = (
        sa.CheckConstraint("reserved >= 0 AND used >= 0", name="not_negative"),
        sa.CheckConstraint("reserved + used <= places", name="within_places"),
    )

    year: Mapped[str] = mapped_column(sa.String(4), primary_key=True)
    places: Mapped[int]
    reserved: Mapped[int] = mapped_column(default=0)
    used: Mapped[int] = mapped_column(default=0)


class QuotaShare(Base):
    """The part of a year's places meant for a county: soft, moved by the city (R1.4)."""

    __tablename__ = "quota_share"

    year: Mapped[str] = mapped_column(sa.String(4), primary_key=True)
    county: Mapped[str] = mapped_column(sa.String(6), primary_key=True)
    places: Mapped[int]


class Study(Record, Base):
    """One school status, opened by admission."""

    __tablename__ = "study"

    application_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("application.id"), unique=True)
    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    point: Mapped[str] = mapped_column(Name)
    intake: Mapped[str] = mapped_column(sa.String(4), index=True)
    level: Mapped[str] = mapped_column(Name)
    major: Mapped[str] = mapped_column(Code)
    student_number: Mapped[str | None] = mapped_column(sa.String(13), unique=True)
    confirmed_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    union_county: Mapped[str | None] = mapped_column(sa.String(6))
    reimbursable: Mapped[bool] = mapped_column(default=True)
    major_changed_on: Mapped[date | None]
    warned_months: Mapped[int | None]
    credits: Mapped[int] = mapped_column(default=0)
    completed_on: Mapped[date | None]
    diploma_number: Mapped[str | None] = mapped_column(sa.String(18), unique=True)
    diploma_on: Mapped[date | None]
    double_certificate_on: Mapped[date | None]
    face_check: Mapped[str | None] = mapped_column(Name)
    face_checked_on: Mapped[date | None]
    welfare_post_on: Mapped[date | None]


class Score(Base):
    """One sitting of one course: both parts and the composite, hundredths never rounded twice (R3.6)."""

    __tablename__ = "score"
    __table_args__ = (sa.UniqueConstraint("study_id", "course", "sat_on"),)

    id: Mapped[str] = id_column()
    study_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("study.id"))
    course: Mapped[str] = mapped_column(Code)
    sat_on: Mapped[date]
    formative: Mapped[int | None]
    final: Mapped[int | None]
    composite: Mapped[int | None]
    passed: Mapped[bool]
    published_on: Mapped[date | None]


class Certification(Record, Base):
    """One attempt at one skill certificate (R4.2, R4.3)."""

    __tablename__ = "certification"
    __table_args__ = (
        sa.UniqueConstraint("person_id", "occupation", "level", "attempt"),
        sa.UniqueConstraint("session_id", "room", "seat"),
    )

    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    study_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("study.id"), index=True)
    kind: Mapped[str] = mapped_column(Name)
    occupation: Mapped[str] = mapped_column(Code)
    level: Mapped[str] = mapped_column(Name)
    attempt: Mapped[int] = mapped_column(default=1)
    hours: Mapped[int | None]
    attendance_percent: Mapped[int | None]
    session_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("session.id"))
    room: Mapped[str | None] = mapped_column(Name)
    seat: Mapped[int | None]
    theory: Mapped[int | None]
    theory_on: Mapped[date | None]
    practical: Mapped[int | None]
    practical_on: Mapped[date | None]
    previous_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("certification.id"), unique=True)
    ticket_version: Mapped[int] = mapped_column(default=0)
    objection_on: Mapped[date | None]
    objection_closed_on: Mapped[date | None]
    certificate_number: Mapped[str | None] = mapped_column(sa.String(22), unique=True)
    certified_on: Mapped[date | None]
    verified_on: Mapped[date | None]


class ListedCertificate(Base):
    """A number that the national query shows (R4.6)."""

    __tablename__ = "listed_certificate"

    id: Mapped[str] = id_column()
    number: Mapped[str] = mapped_column(sa.String(22), unique=True)
    listed_on: Mapped[date]


class Session(Record, Base):
    """An exam session: a day, a site, rooms with hard seats (R4.4)."""

    __tablename__ = "session"

    occupation: Mapped[str] = mapped_column(Code)
    level: Mapped[str] = mapped_column(Name)
    held_on: Mapped[date]
    starts: Mapped[str] = mapped_column(sa.String(5))
    site: Mapped[str] = mapped_column(sa.String(100))
    rooms: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON)
    published_on: Mapped[date | None]


class Ban(Base):
    """A person's ban from exams, with its last day (R4.7)."""

    __tablename__ = "ban"

    id: Mapped[str] = id_column()
    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    certification_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("certification.id"), unique=True)
    reason: Mapped[str] = mapped_column(Name)
    until_on: Mapped[date]


class Claim(Record, Base):
    """One claim for the tuition of one diploma (R5.1)."""

    __tablename__ = "claim"
    __table_args__ = (
        sa.Index("uq_claim_live_study", "study_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )

    study_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("study.id"))
    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    account_number: Mapped[bytes | None] = mapped_column(Sealed)
    account_tail: Mapped[str | None] = mapped_column(sa.String(4))
    account_holder: Mapped[str | None] = mapped_column(Name)
    other_money_fen: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    explanation: Mapped[str | None] = mapped_column(sa.String(2000))
    union_of: Mapped[str | None] = mapped_column(Name)
    member_since_on: Mapped[date | None]
    member_until_on: Mapped[date | None]
    employer_gone: Mapped[str | None] = mapped_column(Name)
    heir: Mapped[str | None] = mapped_column(Name)
    register_code: Mapped[str | None] = mapped_column(Name)
    register_code_until: Mapped[date | None]
    live: Mapped[bool] = mapped_column(default=True)
    counted_fen: Mapped[int | None] = mapped_column(sa.BigInteger)
    payable_fen: Mapped[int | None] = mapped_column(sa.BigInteger)
    submitted_on: Mapped[date | None]
    first_submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    answer_until: Mapped[date | None]
    recheck_until: Mapped[date | None]
    escalated_on: Mapped[date | None]
    round: Mapped[int] = mapped_column(default=1)
    approved_on: Mapped[date | None]
    notice_until: Mapped[date | None]
    objection_on: Mapped[date | None]
    account_changed_at: Mapped[datetime | None] = mapped_column(Instant)
    account_changed_by: Mapped[str | None] = mapped_column(Name)
    account_changer_key: Mapped[str | None] = mapped_column(Blind)
    account_confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    bounce_reason: Mapped[str | None] = mapped_column(Name)
    paid_on: Mapped[date | None]
    recovery_fen: Mapped[int | None] = mapped_column(sa.BigInteger)
    recovered_fen: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    storage_only_on: Mapped[date | None]


class Receipt(Base):
    """One receipt of one claim; a live one is unique over all counties and years (R5.3)."""

    __tablename__ = "receipt"
    __table_args__ = (
        sa.Index(
            "uq_receipt_live_number", "kind", "code", "number",
            unique=True, sqlite_where=LIVE, postgresql_where=LIVE,
        ),
    )  # fmt: skip

    id: Mapped[str] = id_column()
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"), index=True)
    kind: Mapped[str] = mapped_column(Name)
    code: Mapped[str] = mapped_column(sa.String(12), default="")
    number: Mapped[str] = mapped_column(sa.String(20))
    issuer: Mapped[str] = mapped_column(sa.String(100))
    payer: Mapped[str] = mapped_column(sa.String(100))
    item: Mapped[str] = mapped_column(Name)
    paid_on: Mapped[date]
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    evidence: Mapped[str] = mapped_column(Name)
    refunded_fen: Mapped[int] = mapped_column(sa.BigInteger)
    live: Mapped[bool] = mapped_column(default=True)


class ReceiptFile(Base):
    """A file that stands for a receipt of a live claim, by its hash as sent and as kept: in one claim only (R5.3)."""

    __tablename__ = "receipt_file"

    sha256: Mapped[str] = mapped_column(Key, primary_key=True)
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"), index=True)


class ClaimCheck(Base):
    """One body's sealed check of a claim: one per round and body (R5.2)."""

    __tablename__ = "claim_check"
    __table_args__ = (
        sa.UniqueConstraint("claim_id", "round", "body"),
        sa.UniqueConstraint("claim_id", "round", "person_key"),
    )

    id: Mapped[str] = id_column()
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"))
    round: Mapped[int]
    body: Mapped[str] = mapped_column(Name)
    outcome: Mapped[str] = mapped_column(Name)
    reading: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    reasons: Mapped[list[str]] = mapped_column(sa.JSON)
    points: Mapped[list[str] | None] = mapped_column(sa.JSON)
    note: Mapped[bytes | None] = mapped_column(Sealed)
    checked_by: Mapped[str] = mapped_column(Name)
    person_key: Mapped[str] = mapped_column(Blind)
    checked_at: Mapped[datetime] = mapped_column(Instant)


class CaseHold(Base):
    """Who of one body works on a claim just now: a note for colleagues, which bars nobody and decides nothing."""

    __tablename__ = "case_hold"
    __table_args__ = (sa.UniqueConstraint("claim_id", "body"),)

    id: Mapped[str] = id_column()
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"))
    body: Mapped[str] = mapped_column(Name)
    held_by: Mapped[str] = mapped_column(Name)
    taken_at: Mapped[datetime] = mapped_column(Instant)


class Payment(Record, Base):
    """A payment batch: drawn by one person, released by another (R5.8)."""

    __tablename__ = "payment"
    __table_args__ = (sa.CheckConstraint("releaser_key <> creator_key", name="two_persons"),)

    total_fen: Mapped[int] = mapped_column(sa.BigInteger)
    released_by: Mapped[str | None] = mapped_column(Name)
    releaser_key: Mapped[str | None] = mapped_column(Blind)


class PaymentItem(Base):
    """One claim's line in a batch; a claim stands in one open line at most (R5.8)."""

    __tablename__ = "payment_item"
    __table_args__ = (
        sa.Index(
            "uq_payment_item_open_claim", "claim_id",
            unique=True, sqlite_where=LIVE, postgresql_where=LIVE,
        ),
    )  # fmt: skip

    id: Mapped[str] = id_column()
    payment_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("payment.id"), index=True)
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"))
    number: Mapped[str] = mapped_column(sa.String(24), unique=True)
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    result: Mapped[str | None] = mapped_column(Name)
    live: Mapped[bool] = mapped_column(default=True)


class Bar(Base):
    """A person's bar from claims and registrations for false papers, with its last day."""

    __tablename__ = "bar"

    id: Mapped[str] = id_column()
    person_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("person.id"), index=True)
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"))
    reason: Mapped[str] = mapped_column(Name)
    until_on: Mapped[date]


class Alert(Base):
    """What a union must hear of though nothing was done: a receipt of its claim was claimed once more (R5.3)."""

    __tablename__ = "alert"
    __table_args__ = (sa.UniqueConstraint("kind", "claim_id", "county", "number"),)

    id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(Name)
    claim_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("claim.id"))
    county: Mapped[str] = mapped_column(sa.String(6), index=True)
    other_county: Mapped[str | None] = mapped_column(sa.String(6))
    number: Mapped[str] = mapped_column(sa.String(20))
    raised_on: Mapped[date]
    raised_at: Mapped[datetime] = mapped_column(Instant)


class Incident(Base):
    """A list that was taken down because it showed what it must not: when, why, whom it concerns."""

    __tablename__ = "incident"

    id: Mapped[str] = id_column()
    document_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("document.id"), unique=True)
    reason: Mapped[str] = mapped_column(Name)
    claims: Mapped[list[str]] = mapped_column(sa.JSON)
    recorded_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    recorded_by: Mapped[str] = mapped_column(Name)


class BankFile(Base):
    """The file a batch was paid by, byte for byte, with its fingerprint (R5.8)."""

    __tablename__ = "bank_file"

    id: Mapped[str] = id_column()
    payment_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("payment.id"), unique=True)
    content: Mapped[bytes] = mapped_column(Sealed)
    sha256: Mapped[str] = mapped_column(Key)
    exported_at: Mapped[datetime] = mapped_column(Instant)
