"""Does every fen approved stand where it should: open, paid, or given back? Down to the claim (R5.8)."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from edu_pilot.extensions import all_rows, read
from edu_pilot.models import AuditEntry, BankFile, Claim, Payment, PaymentItem
from edu_pilot.services import bank_files
from edu_pilot.services.vault import Unreadable, vault
from edu_pilot.workflow.reasons import N_

CLAIM = Claim.__table__
BATCH = Payment.__table__
ITEM = PaymentItem.__table__
FILE = BankFile.__table__
ENTRY = AuditEntry.__table__
OPEN = ("approved", "objected", "in_payment", "bounced")
PAID = ("paid", "recovering", "recovered")
SENT = ("exported", "settled")
# Claim and amount in fen, by payment number.
Lines = dict[str, tuple[str | None, int]]
# The sums in the order they are told.
SUMS = {
    "approved_fen": N_("Approved"),
    "open_fen": N_("of which open"),
    "paid_fen": N_("of which paid"),
    "difference_fen": N_("Difference"),
    "recovering_fen": N_("Being recovered"),
    "recovered_fen": N_("Recovered"),
    "kept_fen": N_("Paid and kept"),
}
TEXTS = {
    "paid_without_payment": N_("The claim counts as paid, but no payment was made for it."),
    "paid_twice": N_("More than one payment was made for the claim."),
    "payment_without_claim": N_("A payment was made for a claim that is not to be paid."),
    "amount_differs": N_("The payment is not the amount of the claim."),
    "recovery_differs": N_("What was asked back and what came back do not fit the payment."),
    "total_differs": N_("The batch's total is not the sum of its lines."),
    "release_differs": N_("The batch's total is not the one that was released."),
    "result_missing": N_("The batch is settled, but a line has no result."),
    "result_early": N_("A line has a result, but its batch is not settled."),
    "bank_file_differs": N_("The file kept is not the one that the bank was given."),
    "bank_line_differs": N_("A line of the bank's file and its payment do not fit."),
}
log = structlog.get_logger()


@dataclass(frozen=True)
class Difference:
    """One place where two sums that must be the same are not; amounts in fen."""

    code: str
    claim: str | None
    batch: str | None
    expected_fen: int
    found_fen: int


@dataclass(frozen=True)
class Batch:
    """One batch: its total, and what its lines come to by their results; amounts in fen."""

    reference: str
    state: str
    total_fen: int
    lines: int
    lines_fen: int
    paid_fen: int
    bounced_fen: int

    @property
    def difference_fen(self) -> int:
        """What the total has more than the lines."""
        return self.total_fen - self.lines_fen


@dataclass(frozen=True)
class Account:
    """All the money: approved = open + paid, and paid = kept + recovered; amounts in fen."""

    approved_fen: int
    open_fen: int
    paid_fen: int
    recovering_fen: int
    recovered_fen: int
    batches: tuple[Batch, ...]
    differences: tuple[Difference, ...]

    @property
    def kept_fen(self) -> int:
        """What was paid and has not come back."""
        return self.paid_fen - self.recovered_fen

    @property
    def difference_fen(self) -> int:
        """What was approved and is neither open nor paid: 0 where all is well."""
        return self.approved_fen - self.open_fen - self.paid_fen

    @property
    def ok(self) -> bool:
        """Whether everything agrees, in total, in every batch and in every claim."""
        return not self.difference_fen and not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Return it as the command line prints it."""
        told = {"ok": self.ok, "difference_fen": self.difference_fen, **asdict(self), "kept_fen": self.kept_fen}
        batches = [asdict(batch) | {"difference_fen": batch.difference_fen} for batch in self.batches]
        return told | {"batches": batches}


def reconcile(conn: Connection) -> Account:
    """Count all the money twice, from the claims and from the payments, and name every difference."""
    batches = tuple(_batches(conn))
    differences = (*_of_claims(conn), *_of_lines(conn), *_of_batches(conn, batches))
    return Account(*_sums(conn), batches, differences)


def _paid_lines() -> sa.Subquery:
    columns = ITEM.c.claim_id, sa.func.count().label("lines"), sa.func.sum(ITEM.c.amount_fen).label("fen")
    return sa.select(*columns).where(ITEM.c.result == "paid").group_by(ITEM.c.claim_id).subquery()


def _sums(conn: Connection) -> tuple[int, int, int, int, int]:
    paid = _paid_lines()
    claims = CLAIM.join(paid, paid.c.claim_id == CLAIM.c.id, isouter=True)
    waits = sa.and_(CLAIM.c.state.in_(OPEN), paid.c.claim_id.is_(None))
    sums = (
        _sum(CLAIM.c.payable_fen, CLAIM.c.state.in_(OPEN + PAID)),
        _sum(CLAIM.c.payable_fen, waits),
        _sum(paid.c.fen, paid.c.claim_id.is_not(None)),
        _sum(CLAIM.c.recovery_fen - CLAIM.c.recovered_fen, CLAIM.c.state == "recovering"),
        _sum(CLAIM.c.recovered_fen, CLAIM.c.state.in_(PAID)),
    )
    found = conn.execute(sa.select(*sums).select_from(claims)).one()
    return int(found[0]), int(found[1]), int(found[2]), int(found[3]), int(found[4])


def _sum(amount: sa.ColumnElement[Any], where: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(sa.case((where, amount), else_=0)), 0)


def _batches(conn: Connection) -> Iterator[Batch]:
    columns = BATCH.c.reference, BATCH.c.state, BATCH.c.total_fen
    sums = (
        sa.func.count(ITEM.c.id),
        sa.func.coalesce(sa.func.sum(ITEM.c.amount_fen), 0),
        _sum(ITEM.c.amount_fen, ITEM.c.result == "paid"),
        _sum(ITEM.c.amount_fen, ITEM.c.result == "bounced"),
    )
    source = BATCH.join(ITEM, ITEM.c.payment_id == BATCH.c.id, isouter=True)
    query = sa.select(*columns, *sums).select_from(source).group_by(*columns).order_by(BATCH.c.reference.desc())
    for reference, state, *amounts in conn.execute(query):
        yield Batch(reference, state, *(int(amount) for amount in amounts))


def _of_claims(conn: Connection) -> Iterator[Difference]:
    """Compare each claim's state and money with the payments made for it."""
    paid = _paid_lines()
    lines, fen = sa.func.coalesce(paid.c.lines, 0), sa.func.coalesce(paid.c.fen, 0)
    settled, back = CLAIM.c.state.in_(PAID), sa.func.coalesce(CLAIM.c.recovery_fen, 0)
    all_back = sa.and_(CLAIM.c.state == "recovered", CLAIM.c.recovered_fen != back)
    too_much = sa.or_(CLAIM.c.recovered_fen > back, back > fen, all_back)
    faults = (
        ("paid_without_payment", sa.and_(settled, lines == 0), CLAIM.c.payable_fen, fen),
        ("paid_twice", lines > 1, CLAIM.c.payable_fen, fen),
        # A claim in payment hears of its payment in a step of its own, a moment later.
        ("payment_without_claim", sa.and_(CLAIM.c.state.not_in((*PAID, "in_payment")), lines > 0), sa.literal(0), fen),
        ("recovery_differs", sa.and_(settled, too_much), back, CLAIM.c.recovered_fen),
    )
    claims = CLAIM.join(paid, paid.c.claim_id == CLAIM.c.id, isouter=True)
    for code, where, expected, found in faults:
        query = sa.select(CLAIM.c.reference, expected, found).select_from(claims).where(where)
        for reference, *amounts in conn.execute(query.order_by(CLAIM.c.reference)):
            yield Difference(code, reference, None, *(int(amount or 0) for amount in amounts))


def _of_lines(conn: Connection) -> Iterator[Difference]:
    """Compare each line with its claim and with its batch."""
    settled, counts = BATCH.c.state == "settled", sa.or_(ITEM.c.live, ITEM.c.result == "paid")
    faults = (
        ("amount_differs", sa.and_(counts, ITEM.c.amount_fen != CLAIM.c.payable_fen)),
        ("result_missing", sa.and_(settled, ITEM.c.result.is_(None))),
        ("result_early", sa.and_(sa.not_(settled), ITEM.c.result.is_not(None))),
    )
    lines = ITEM.join(CLAIM, CLAIM.c.id == ITEM.c.claim_id).join(BATCH, BATCH.c.id == ITEM.c.payment_id)
    columns = CLAIM.c.reference, BATCH.c.reference, CLAIM.c.payable_fen, ITEM.c.amount_fen
    for code, where in faults:
        query = sa.select(*columns).select_from(lines).where(where).order_by(ITEM.c.number)
        for claim, batch, expected, found in conn.execute(query):
            yield Difference(code, claim, batch, int(expected or 0), int(found))


def _of_batches(conn: Connection, batches: tuple[Batch, ...]) -> Iterator[Difference]:
    """Compare each batch with its lines, with what was released, and with the file the bank was given."""
    released, exported = _noted(conn, "release", "total_fen"), _noted(conn, "export", "bank_file_sha256")
    lines, files = _sent_lines(conn), _kept_files(conn)
    for batch in batches:
        if batch.difference_fen:
            yield Difference("total_differs", None, batch.reference, batch.total_fen, batch.lines_fen)
        signed = int(released.get(batch.reference, batch.total_fen))
        if signed != batch.total_fen:
            yield Difference("release_differs", None, batch.reference, signed, batch.total_fen)
        if batch.state in SENT:
            name = batch.reference
            yield from _of_file(name, lines.get(name, {}), files.get(name), exported.get(name))


def _noted(conn: Connection, action: str, name: str) -> Mapping[str, Any]:
    """Return what the trail keeps of each batch's step; the last one where there are several."""
    query = sa.select(ENTRY.c.reference, ENTRY.c.body).where(ENTRY.c.workflow == "payment", ENTRY.c.action == action)
    rows = all_rows(conn, query.order_by(ENTRY.c.number))
    told = ((row["reference"], json.loads(row["body"])["input"]) for row in rows)
    return {reference: given[name] for reference, given in told if name in given}


def _sent_lines(conn: Connection) -> Mapping[str, Lines]:
    """Return claim and amount of every line that went to the bank, by batch and payment number."""
    query = sa.select(BATCH.c.reference, ITEM.c.number, CLAIM.c.reference, ITEM.c.amount_fen).select_from(
        ITEM.join(CLAIM, CLAIM.c.id == ITEM.c.claim_id).join(BATCH, BATCH.c.id == ITEM.c.payment_id)
    )
    found: dict[str, Lines] = defaultdict(dict)
    for batch, number, claim, fen in conn.execute(query.where(BATCH.c.state.in_(SENT))):
        found[batch][number] = claim, fen
    return found


def _kept_files(conn: Connection) -> Mapping[str, bytes]:
    """Return the files as the bank was given them, by batch; one that cannot be opened is missing."""
    query = sa.select(BATCH.c.reference, FILE.c.id, FILE.c.content).join(FILE, FILE.c.payment_id == BATCH.c.id)
    found = {}
    for row in conn.execute(query):
        with suppress(Unreadable):
            found[row.reference] = bank_files.opened(vault(), row)
    return found


def _of_file(reference: str, lines: Lines, file: bytes | None, digest: str | None) -> Iterator[Difference]:
    """Compare the file that the bank was given with the trail, and each of its lines with its payment."""
    if file is None or hashlib.sha256(file).hexdigest() != digest:
        yield Difference("bank_file_differs", None, reference, 0, 0)
        return
    sent = bank_files.amounts(file)
    for number in sorted(sent.keys() | lines.keys()):
        claim, fen = lines.get(number, (None, 0))
        if sent.get(number) != fen:
            yield Difference("bank_line_differs", claim, reference, sent.get(number, 0), fen)


def watch() -> int:
    """Reconcile and log every difference; return how many there are."""
    with read() as conn:
        found = reconcile(conn)
    for one in found.differences:
        log.error("the money does not reconcile", **asdict(one))
    return len(found.differences) or int(not found.ok)
