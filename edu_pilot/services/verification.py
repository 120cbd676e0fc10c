"""Is this paper ours and unaltered? By the file, by its code, with or without a database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edu_pilot.extensions import one_row, read
from edu_pilot.models import Document
from edu_pilot.services import documents, proof
from edu_pilot.services.cases import NotFound
from edu_pilot.services.revocations import read_list
from edu_pilot.services.vault import vault

DOCUMENT = Document.__table__
# The kind of paper a stranger checks most.
SHOWN = "completion_certificate"


@dataclass(frozen=True)
class Verified:
    """What a check of a paper found: the content is shown, not a tick."""

    result: str
    kind: str | None = None
    number: str | None = None
    content: dict[str, Any] | None = None
    revoked_at: str | None = None
    # Signed by a key of ours that another one has followed.
    earlier_key: bool = False
    # The moment of the list of revoked papers that was asked.
    as_of: str | None = None


def by_key(pdf: bytes, public_key: bytes, revocations: bytes | None = None) -> Verified:
    """Check a file with nothing but the issuer's public key, raw or PEM, and a list of revoked papers if there is one.

    A list signed by that key vouches for the keys before it. Raises Altered for a list that is not.
    """
    known = None if revocations is None else read_list(revocations, public_key)
    result, facts, present = _by_any_key(pdf, [public_key, *(known.keys if known else ())])
    told = _told(result, facts, earlier_key=not present)
    if known is None or facts is None:
        return told
    day = known.day_of(str(proof.token_in_pdf(pdf)))
    return replace(told, result="revoked" if day else told.result, revoked_at=day, as_of=known.made_at)


def _told(
    result: str, facts: proof.Proof | None, revoked_at: str | None = None, *, earlier_key: bool = False
) -> Verified:
    if facts is None:
        return Verified(result)
    content = {name: value for name, value in asdict(facts).items() if value not in ("", None)}
    return Verified(result, facts.kind, facts.number, content, revoked_at, earlier_key)


def by_file(pdf: bytes) -> Verified:
    """Check a file against its seal, then against the kept hash and the list of revoked numbers."""
    result, facts, present = _by_any_key(pdf, vault().public_keys)
    if result != "genuine" or facts is None:
        return _told(result, facts)
    with read() as conn:
        row = one_row(conn, sa.select(DOCUMENT).where(DOCUMENT.c.number == facts.number))
    if row is None:
        return _told("unknown", facts)
    # Under an earlier key, which may have become known, only the kept file itself is genuine.
    if (row["sha256"] or not present) and row["sha256"] != hashlib.sha256(pdf).hexdigest():
        return _told("altered", facts)
    standing = "revoked" if row["voided_at"] else "genuine"
    return _told(standing, facts, iso(row["voided_at"]), earlier_key=not present)


def _by_any_key(pdf: bytes, keys: Sequence[bytes]) -> tuple[proof.Result, proof.Proof | None, bool]:
    """Judge a file by the present key, else by an earlier one; say whether the present one signed it."""
    found = [proof.verify_file(pdf, key) for key in keys]
    place = next((n for n, (result, _facts) in enumerate(found) if result == "genuine"), 0)
    return *found[place], place == 0


def by_code(code: str) -> Verified:
    """Look up the code printed on a paper; it shows what the QR code shows, no more."""
    try:
        with read() as conn:
            found = documents.frozen(conn, code=documents.ungrouped(code))
    except NotFound:
        return Verified("unknown")
    voided = found.row["voided_at"]
    return _told("revoked" if voided else "genuine", found.proof, iso(voided))


def replaced_on(number: str) -> date | None:
    """Return the day on which a newer paper of the same kind took the place of a revoked one, or None."""
    with read() as conn:
        row = one_row(conn, sa.select(DOCUMENT).where(DOCUMENT.c.number == number))
        if row is None or row["voided_at"] is None or not row["record_id"]:
            return None
        same = DOCUMENT.c.workflow == row["workflow"], DOCUMENT.c.record_id == row["record_id"]
        query = sa.select(DOCUMENT.c.issued_on).where(
            *same, DOCUMENT.c.kind == row["kind"], DOCUMENT.c.voided_at.is_(None), DOCUMENT.c.number > number
        )
        found: date | None = conn.execute(query.order_by(DOCUMENT.c.number.desc()).limit(1)).scalar()
        return found


def examples() -> dict[str, str]:
    """Return the code of a paper that holds and of one that was revoked, for trying the page where all is fictional."""
    with read() as conn:
        kinds = DOCUMENT.c.person_id.is_not(None), DOCUMENT.c.erased_at.is_(None)
        holds, gone = DOCUMENT.c.voided_at.is_(None), DOCUMENT.c.voided_at.is_not(None)
        wanted = {"genuine": (holds, DOCUMENT.c.kind == SHOWN), "revoked": (gone,)}
        found = {
            name: conn.execute(sa.select(DOCUMENT.c.code).where(*kinds, *where).order_by(DOCUMENT.c.number).limit(1))
            for name, where in wanted.items()
        }
        return {name: str(code) for name, result in found.items() if (code := result.scalar())}


def iso(moment: date | None) -> str | None:
    """Return a date or an instant as programs read it, None for none."""
    return moment.isoformat() if moment else None


def public_pem(raw: bytes) -> str:
    """Return a raw public key as a PEM text."""
    key = Ed25519PublicKey.from_public_bytes(raw)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
