"""What lets a stranger prove a document: a signed token in its QR code, a seal over its bytes.

The token proves the facts printed, the seal proves the file; both need only the public key.
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any, Literal

import segno
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

Sign = Callable[[bytes], bytes]
Result = Literal["genuine", "altered", "unknown"]

FORM = "1"
SEPARATOR = "\x1f"
# GB 18030 writes a Chinese character in two bytes and knows all of Unicode: a smaller QR code.
CHARSET = "gb18030"
SIGNATURE_BYTES = 64
# Distinct first words, so that a signature made for one purpose never serves the other.
PROOF_PURPOSE = b"edu-pilot proof\x00"
SEAL_PURPOSE = b"edu-pilot seal\x00"
WHOLE_PURPOSE = b"edu-pilot whole\x00"
MARK_PURPOSE = b"edu-pilot mark\x00"

TOKEN_KEY = "edupilotproof"
SEAL_KEY = "edupilotseal"
SEAL_BLANK = "0" * 88
SEAL_IN_PDF = re.compile(rb"/edupilotseal \(([A-Za-z0-9+/=]{88})\)")
TOKEN_IN_PDF = re.compile(rb"/edupilotproof \(([A-Za-z0-9_-]+)\)")
# The seal of a signed file stands, in hex, inside the place of its PAdES signature, which that does not cover.
WHOLE_MARK = b"edu-pilot seal:"
WHOLE_IN_PDF = re.compile(WHOLE_MARK.hex().upper().encode() + rb"([0-9A-F]{128})")
WHOLE_BLANK = b"0" * 128
MARK_LENGTH = 12
QR_MASK = 2
# The file of the facts and their signature that a document carries.
CARRIED = "proof.json"
# One letter instead of the name: a smaller QR code. A kind without a letter goes in full.
KIND_LETTERS = {"registration_form": "R", "admission_notice": "A", "completion_certificate": "C", "claim_form": "M"}
KINDS = {letter: kind for kind, letter in KIND_LETTERS.items()}


class Altered(Exception):
    """The token was not signed by this key, or was changed since."""


@dataclass(frozen=True)
class Proof:
    """The facts a document stands for; dates ISO, amount in fen, empty where a kind has none."""

    kind: str
    number: str
    holder: str
    id_tail: str
    issued_on: str
    issuer: str
    key_id: str
    major: str = ""
    diploma_number: str = ""
    diploma_on: str = ""
    certificate_number: str = ""
    amount_fen: int | None = None


def pack(proof: Proof) -> bytes:
    """Write the facts in their one canonical short form; ValueError if one cannot be carried."""
    kind, *facts = astuple(proof)
    texts = [KIND_LETTERS.get(kind, kind), *("" if fact is None else str(fact) for fact in facts)]
    if any(SEPARATOR in text for text in texts):
        raise ValueError("a fact contains the separator")
    if kind in KINDS:
        raise ValueError(f"{kind} is a letter, not a kind of document")
    return SEPARATOR.join([FORM, *texts]).encode(CHARSET)


def unpack(packed: bytes) -> Proof:
    """Read the short form back; Altered unless it is exactly what `pack` writes."""
    try:
        proof = _proof_of(packed.decode(CHARSET).split(SEPARATOR))
        canonical = pack(proof) == packed
    except ValueError as problem:
        raise Altered("not a proof") from problem
    if not canonical:
        raise Altered("not a proof in canonical form")
    return proof


def _proof_of(texts: list[str]) -> Proof:
    if len(texts) != len(fields(Proof)) + 1 or texts[0] != FORM:
        raise ValueError("unknown form")
    facts: dict[str, Any] = dict(zip((field.name for field in fields(Proof)), texts[1:], strict=True))
    facts["kind"] = KINDS.get(facts["kind"], facts["kind"])
    facts["amount_fen"] = int(facts["amount_fen"]) if facts["amount_fen"] else None
    return Proof(**facts)


def token(proof: Proof, sign: Sign) -> str:
    """Sign the facts; base64url without padding, fit for the fragment of an address."""
    packed = pack(proof)
    return base64.urlsafe_b64encode(packed + sign(PROOF_PURPOSE + packed)).decode().rstrip("=")


def read_token(text: str, public_key: bytes) -> Proof:
    """Read a token, or the address that ends in one; Altered unless this key signed it."""
    raw = _base64url(text.rpartition("#")[2])
    packed, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if not is_signed(public_key, signature, PROOF_PURPOSE + packed):
        raise Altered("the signature does not fit")
    return unpack(packed)


def mark(text: str) -> str:
    """Return what stands for a document in a list of revoked ones: nobody without its token can tell whose it is."""
    digest = hashlib.sha256(MARK_PURPOSE + _base64url(text)[-SIGNATURE_BYTES:]).digest()
    return base64.urlsafe_b64encode(digest).decode()[:MARK_LENGTH]


def carried(text: str) -> bytes:
    """Write the file a document carries: its token, and beside it the facts in plain words for whoever has no reader.

    Only the token is signed; Altered for a text that is none.
    """
    facts = unpack(_base64url(text)[:-SIGNATURE_BYTES])
    told = {name: fact for name, fact in asdict(facts).items() if fact not in ("", None)}
    return json.dumps({"token": text, "facts": told}, ensure_ascii=False, indent=1).encode()


def _base64url(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as problem:
        raise Altered("not a token") from problem
    # Python skips foreign characters and spare bits; a token has one spelling only.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise Altered("not a token in canonical form")
    return raw


def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a key signed a message."""
    try:
        key_of(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def key_id(public_key: bytes) -> str:
    """Return the short name of a signing key, from its 32 raw bytes."""
    return hashlib.sha256(public_key).hexdigest()[:8]


def named(public_key: bytes) -> tuple[str, bytes]:
    """Return a key's short name and its 32 raw bytes, from either of its forms; ValueError for anything else."""
    raw = key_of(public_key).public_bytes_raw()
    return key_id(raw), raw


def key_of(public_key: bytes) -> Ed25519PublicKey:
    """Take the key as its 32 raw bytes or as PEM; ValueError for anything else."""
    if len(public_key) == 32:
        return Ed25519PublicKey.from_public_bytes(public_key)
    try:
        key = load_pem_public_key(public_key)
    except UnsupportedAlgorithm as problem:
        raise ValueError("not an Ed25519 public key") from problem
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key")
    return key


def address(base_url: str, code: str, token_text: str) -> str:
    """Give the address the QR code holds; what follows # never leaves the reader's device."""
    return f"{base_url.rstrip('/')}/v/{code}#{token_text}"


def qr_png(text: str) -> bytes:
    """Draw a QR code, level M: one bit and one pixel a module, the same bytes for the same text."""
    code = segno.make(text, error="m", boost_error=False, micro=False, mask=QR_MASK)
    png = io.BytesIO()
    code.save(png, kind="png", scale=1, border=4)
    return png.getvalue()


def token_in_pdf(pdf: bytes) -> str | None:
    """Find the token a document carries, without a camera; None if there is not exactly one."""
    found = TOKEN_IN_PDF.findall(pdf)
    return found[0].decode() if len(found) == 1 else None


def seal(pdf: bytes, sign: Sign) -> bytes:
    """Sign the whole file and write the signature into the place kept for it.

    Raises ValueError if the file has no such place, or is sealed already.
    """
    places = list(SEAL_IN_PDF.finditer(pdf))
    if len(places) != 1 or places[0][1] != SEAL_BLANK.encode():
        raise ValueError("no blank seal in this file")
    return _with_seal(pdf, places[0], base64.b64encode(sign(_sealed_message(pdf))))


def _with_seal(pdf: bytes, place: re.Match[bytes], text: bytes) -> bytes:
    return pdf[: place.start(1)] + text + pdf[place.end(1) :]


def _sealed_message(blank: bytes) -> bytes:
    return SEAL_PURPOSE + hashlib.sha256(blank).digest()


def seal_whole(pdf: bytes, sign: Sign) -> bytes:
    """Sign the whole of a signed file, its PAdES signature too; ValueError if it has no place for that."""
    places = list(WHOLE_IN_PDF.finditer(pdf))
    if len(places) != 1 or places[0][1] != WHOLE_BLANK:
        raise ValueError("no blank seal in this signature")
    return _with_seal(pdf, places[0], sign(_whole_message(pdf)).hex().upper().encode())


def _whole_message(blank: bytes) -> bytes:
    return WHOLE_PURPOSE + hashlib.sha256(blank).digest()


def check_seal(pdf: bytes, public_key: bytes) -> Result:
    """Say whether the file is byte for byte what was sealed; unknown if it is not ours.

    A signed file is sealed within its signature; one of before, or without a certificate, in its information.
    """
    wholes = list(WHOLE_IN_PDF.finditer(pdf))
    if not wholes:
        return _check_information(pdf, public_key)
    if len(wholes) > 1:
        return "altered"
    message = _whole_message(_with_seal(pdf, wholes[0], WHOLE_BLANK))
    return "genuine" if is_signed(public_key, bytes.fromhex(wholes[0][1].decode()), message) else "altered"


def _check_information(pdf: bytes, public_key: bytes) -> Result:
    places = list(SEAL_IN_PDF.finditer(pdf))
    if len(places) != 1:
        return "altered" if _looks_like_ours(pdf) else "unknown"
    text = places[0][1]
    signature = _base64_exact(text)
    message = _sealed_message(_with_seal(pdf, places[0], SEAL_BLANK.encode()))
    return "genuine" if signature and is_signed(public_key, signature, message) else "altered"


def _base64_exact(text: bytes) -> bytes | None:
    """Decode a seal; None for a second spelling of the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw) == text else None


def _looks_like_ours(pdf: bytes) -> bool:
    """Two traces, so that no single damage makes one of our files a stranger."""
    return SEAL_KEY.encode() in pdf or TOKEN_KEY.encode() in pdf


def verify_file(pdf: bytes, public_key: bytes) -> tuple[Result, Proof | None]:
    """Judge a file by the public key alone: its seal, then the facts its token states."""
    result = check_seal(pdf, public_key)
    text = token_in_pdf(pdf)
    if result != "genuine" or text is None:
        return result, None
    try:
        return result, read_token(text, public_key)
    except Altered:
        return "altered", None
