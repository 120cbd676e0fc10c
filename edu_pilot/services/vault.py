"""Keys and sealed values: AES-256-GCM bound to the row, keyed blind indexes, one signing key (R2.9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app

FIELD, INDEX, CODE, SIGNING, SESSION = "field", "index", "code", "signing", "session"
KEY_ID = b"\x01"
NONCE = 12


class KeysMissing(Exception):
    """The instance has no keys yet, or not all of them."""


class Unreadable(Exception):
    """A sealed value that does not open: wrong key, moved to another row, or altered."""


@dataclass(frozen=True)
class Vault:
    """One instance's keys, each for one purpose only."""

    field: bytes
    blind: bytes
    code_key: bytes
    signing: Ed25519PrivateKey
    session: bytes

    def seal(self, place: str, row: str, text: str) -> bytes:
        """Encrypt a personal value for one place (`table.column`) and one row."""
        nonce = os.urandom(NONCE)
        return KEY_ID + nonce + AESGCM(self.field).encrypt(nonce, text.encode(), _bound(place, row))

    def open(self, place: str, row: str, blob: bytes) -> str:
        """Decrypt a value sealed for this place and row; raise Unreadable for any other."""
        try:
            plain = AESGCM(self.field).decrypt(blob[1 : NONCE + 1], blob[NONCE + 1 :], _bound(place, row))
        except InvalidTag:
            raise Unreadable(place) from None
        return plain.decode()

    def index(self, kind: str, text: str) -> str:
        """Return the blind index of a value: equal values meet, nobody without the key can guess one."""
        return hmac.new(self.blind, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()

    def code(self, purpose: str, of: str, length: int) -> str:
        """Return the unguessable code of a number, the same each time (5 bits a character)."""
        digest = hmac.new(self.code_key, f"{purpose}:{of}".encode(), hashlib.sha256).digest()
        return base64.b32encode(digest).decode()[:length].translate(_READABLE)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message."""
        return self.signing.sign(message)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that verify this instance's signatures."""
        return self.signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# I and O read as 1 and 0 on paper; 8 and 9 are free in base 32.
_READABLE = str.maketrans("IO", "89")


def _bound(place: str, row: str) -> bytes:
    return f"{place}:{row}".encode()


def create_keys(folder: Path) -> None:
    """Make the keys that are missing; existing ones are never touched."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (FIELD, INDEX, CODE, SIGNING, SESSION):
        _create(folder / name)


def _create(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(32))
        file.flush()
        os.fsync(file.fileno())


def load(folder: Path) -> Vault:
    """Load an instance's keys; raise KeysMissing if one is not there."""
    try:
        field, index, code, signing, session = (
            (folder / name).read_bytes() for name in (FIELD, INDEX, CODE, SIGNING, SESSION)
        )
    except FileNotFoundError as error:
        raise KeysMissing(str(error.filename)) from None
    return Vault(field, index, code, Ed25519PrivateKey.from_private_bytes(signing), session)


def vault() -> Vault:
    """Return the running application's vault."""
    found: Vault | None = current_app.extensions.get("vault")
    if found is None:
        raise KeysMissing("keys")
    return found
