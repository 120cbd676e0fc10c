"""The arithmetic of a claim, in whole fen, line by line (R5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edu_pilot.rules.identity import SEPARATOR, half_width, normalise_name, without_blanks
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_


class Paid(Protocol):
    """What the arithmetic needs of a receipt."""

    payer: str
    amount_fen: int
    refunded_fen: int


@dataclass(frozen=True)
class Line:
    """One line of the sum: its text, its sign and its amount in fen."""

    text: str
    sign: str
    amount_fen: int


@dataclass(frozen=True)
class Reckoning:
    """What a claim comes to and how."""

    lines: tuple[Line, ...]
    own_fen: int
    tariff_fen: int
    counted_fen: int
    payable_fen: int

    @property
    def excess_fen(self) -> int:
        """What own receipts exceed the tariff by."""
        return max(0, self.own_fen - self.tariff_fen)


def spelling(name: str) -> str:
    """R2.4: a name for comparison only: banks, tills and clerks vary its dots, blanks and brackets."""
    return without_blanks(normalise_name(half_width(name))[0]).replace(SEPARATOR, "")


def tariff(policy: Policy) -> int:
    """R5.4: credits × price a credit + registration fee, in fen."""
    per_credit, credits = policy.get("claim.tariff_per_credit_fen"), policy.get("claim.tariff_credits")
    return int(per_credit * credits + policy.get("claim.registration_fee_fen"))


def reckon(policy: Policy, claimant: str, receipts: Sequence[Paid], other_fen: int) -> Reckoning:
    """R5.4: payable = min(cap, share of Σ receipts counted) − other money, never below 0.

    What was refunded is deducted first; receipts paid by the employer are not reimbursed (R5.3); what exceeds the
    tariff does not count.
    """
    total, refunded = sum(r.amount_fen for r in receipts), sum(r.refunded_fen for r in receipts)
    own = sum(r.amount_fen - r.refunded_fen for r in receipts if spelling(r.payer) == spelling(claimant))
    limit, cap = tariff(policy), policy.get("claim.cap_fen")
    counted = min(own, limit)
    # Half a fen is never paid out: the share is rounded down.
    shared = counted * policy.get("claim.share_percent") // 100
    payable = max(0, min(cap, shared) - other_fen)
    lines = (
        Line(N_("Sum of all receipts"), "", total),
        *([Line(N_("Refunded by the school"), "−", refunded)] if refunded else []),
        Line(N_("Paid by the employer"), "−", total - refunded - own),
        Line(N_("Above the tariff"), "−", own - counted),
        Line(N_("Counted"), "=", counted),
        Line(N_("Share of the policy, at most the cap"), "=", min(cap, shared)),
        Line(N_("Other public or employer money"), "−", other_fen),
        Line(N_("Payable"), "=", payable),
    )
    return Reckoning(lines, own, limit, counted, payable)
