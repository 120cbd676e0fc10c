"""Keys and sealed values: AES-256-GCM bound to the row, keyed blind indexes, one signing key (R2.9).

A purpose has a ring of keys: `field` is its first, `field.2` the next. The newest seals, signs and opens sessions,
the earlier ones still open. A blind index goes through all keys in turn, so that a rotation needs no plain value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import current_app

from edu_pilot.disk import sync_folder
from edu_pilot.services import issuer
from edu_pilot.services.issuer import Issuer

FIELD, INDEX, CODE, SIGNING, SESSION = "field", "index", "code", "signing", "session"
PURPOSES = (FIELD, INDEX, CODE, SIGNING, SESSION)
# Not drawn but made or brought: a private key with its certificates, as PEM.
ISSUER = "issuer"
# The key id is the first byte of every sealed value.
LAST_KEY = 255
NONCE = 12
RETIRED, PUBLIC = "retired", "public"
# A running process looks for a new key so often, in seconds; a rotation waits for twice as long.
LOOK_SECONDS = 1.0


class KeysMissing(Exception):
    """The instance has no keys yet, or not all of them."""


class Unreadable(Exception):
    """A sealed value that does not open: wrong key, moved to another row, or altered."""


@dataclass(frozen=True)
class Vault:
    """One instance's keys, each for one purpose only."""

    folder: Path
    sealing: Mapping[int, bytes]
    blind: tuple[bytes, ...]
    code_key: bytes
    signing: Ed25519PrivateKey
    sessions: tuple[bytes, ...]
    earlier: tuple[bytes, ...] = ()
    issuer: Issuer | None = None

    @property
    def newest(self) -> int:
        """The id of the key that seals."""
        return max(self.sealing)

    @property
    def session(self) -> bytes:
        """The key that signs sessions."""
        return self.sessions[-1]

    def seal(self, place: str, row: str, text: str) -> bytes:
        """Encrypt a personal value for one place (`table.column`) and one row."""
        nonce, number = os.urandom(NONCE), self.newest
        sealed = AESGCM(self.sealing[number]).encrypt(nonce, text.encode(), _bound(place, row))
        return bytes([number]) + nonce + sealed

    def open(self, place: str, row: str, blob: bytes) -> str:
        """Decrypt a value sealed for this place and row; raise Unreadable for any other."""
        try:
            plain = AESGCM(self._key(blob)).decrypt(blob[1 : NONCE + 1], blob[NONCE + 1 :], _bound(place, row))
        except (InvalidTag, ValueError, KeysMissing):
            raise Unreadable(place) from None
        return plain.decode()

    def _key(self, blob: bytes) -> bytes:
        """Return the key a value names; another process may have sealed with one that this one has not met yet.

        A backup made before a rotation brings values back whose key was put away since.
        """
        known = self.sealing.get(blob[0]) if blob else b""
        if known is not None:
            return known
        path = _path(self.folder, FIELD, blob[0])
        return _read(path if path.is_file() else self.folder / RETIRED / path.name)

    def index(self, kind: str, text: str) -> str:
        """Return the blind index of a value: equal values meet, nobody without the keys can guess one."""
        return self.reindexed(_keyed(self.blind[0], f"{kind}:{text}"), 1)

    def reindexed(self, index: str, had: int) -> str:
        """Take a blind index that went through `had` keys through those that came since."""
        for key in self.blind[had:]:
            index = _keyed(key, index)
        return index

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

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Every public key that papers were signed under, the present one first."""
        return (self.public_key, *self.earlier)


# I and O read as 1 and 0 on paper; 8 and 9 are free in base 32.
_READABLE = str.maketrans("IO", "89")


def _keyed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _bound(place: str, row: str) -> bytes:
    return f"{place}:{row}".encode()


def create_keys(folder: Path) -> None:
    """Make the keys that are missing; existing ones are never touched."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in PURPOSES:
        if not numbers(folder, name):
            _create(folder / name)


def _create(path: Path, content: bytes = b"") -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(content or os.urandom(32))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _path(folder: Path, purpose: str, number: int) -> Path:
    return folder / (purpose if number == 1 else f"{purpose}.{number}")


def numbers(folder: Path, purpose: str) -> list[int]:
    """Return the ids of a purpose's keys, oldest first."""
    later = (path.suffix[1:] for path in folder.glob(f"{purpose}.*"))
    found = [int(text) for text in later if text.isdigit()]
    return sorted(found + [1] * (folder / purpose).is_file())


def add_key(folder: Path, purpose: str, content: bytes = b"") -> int:
    """Add a key to a purpose's ring, drawn unless it is given, and return its id; it is in use from now on."""
    number = max([*numbers(folder, purpose), *numbers(folder / RETIRED, purpose), 0]) + 1
    if number > LAST_KEY:
        raise ValueError("no key id is left")
    _create(_path(folder, purpose, number), content)
    return number


def retire_key(folder: Path, purpose: str, number: int) -> None:
    """Take a key out of use; it stays beside the ring for backups made before."""
    (folder / RETIRED).mkdir(exist_ok=True, mode=0o700)
    path = _path(folder, purpose, number)
    path.rename(folder / RETIRED / path.name)
    sync_folder(folder / RETIRED)
    sync_folder(folder)


def keep_public(folder: Path) -> None:
    """Keep what verifies the papers signed so far, before the key that signed them goes."""
    number = numbers(folder, SIGNING)[-1]
    key = Ed25519PrivateKey.from_private_bytes(_read(_path(folder, SIGNING, number)))
    _publish(folder, str(number), key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _publish(folder: Path, name: str, content: bytes) -> None:
    (folder / PUBLIC).mkdir(exist_ok=True, mode=0o700)
    with (folder / PUBLIC / name).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder / PUBLIC)


def add_issuer(folder: Path, pem: bytes) -> int:
    """Sign documents under another key and certificate from now on; what verifies them is kept for ever.

    Raises UnfitCertificate for a text that holds no such pair.
    """
    pinned = issuer.as_pem(issuer.read(pem).pinned)
    number = add_key(folder, ISSUER, pem)
    _publish(folder, f"{ISSUER}.{number}.pem", pinned)
    for earlier in numbers(folder, ISSUER)[:-1]:
        retire_key(folder, ISSUER, earlier)
    return number


def pinned_certificates(folder: Path) -> list[bytes]:
    """Return as PEM every certificate that verifies documents signed here, the present one first."""
    found = (folder / PUBLIC).glob(f"{ISSUER}.*.pem")
    return [path.read_bytes() for path in sorted(found, key=lambda path: -int(path.name.split(".")[1]))]


def load(folder: Path, indexes: int | None = None) -> Vault:
    """Load an instance's keys; raise KeysMissing if one is not there.

    `indexes` is how many index keys the stored values went through, all of them if it is not told.
    """
    rings = {name: {n: _read(_path(folder, name, n)) for n in numbers(folder, name) or [1]} for name in PURPOSES}
    blind = tuple(rings[INDEX].values())
    return Vault(
        folder=folder,
        sealing=rings[FIELD],
        blind=blind[:indexes],
        code_key=rings[CODE][1],
        signing=Ed25519PrivateKey.from_private_bytes(rings[SIGNING][max(rings[SIGNING])]),
        sessions=tuple(rings[SESSION].values()),
        earlier=_public_keys(folder),
        issuer=_issuer(folder),
    )


def _issuer(folder: Path) -> Issuer | None:
    found = numbers(folder, ISSUER)
    return issuer.read(_read(_path(folder, ISSUER, found[-1]))) if found else None


def _public_keys(folder: Path) -> tuple[bytes, ...]:
    kept = (path for path in (folder / PUBLIC).glob("*") if path.name.isdigit())
    return tuple(path.read_bytes() for path in sorted(kept, key=lambda path: -int(path.name)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeysMissing(str(error.filename)) from None


@dataclass
class Keeper:
    """The vault of a running process, loaded anew when a key was added or taken away.

    `indexes` tells how many index keys the database's values went through; it is asked only where there are several.
    """

    folder: Path
    indexes: Callable[[], int]
    _vault: Vault | None = None
    _seen: int = 0
    _next_look: float = field(default=0.0)

    def vault(self) -> Vault:
        """Return the keys as they are now, at most a second old; raise KeysMissing."""
        now = time.monotonic()
        if self._vault is None or now >= self._next_look:
            self._look(now)
        if self._vault is None:
            raise KeysMissing(str(self.folder))
        return self._vault

    def _look(self, now: float) -> None:
        self._next_look = now + LOOK_SECONDS
        changed = self.folder.stat().st_mtime_ns if self.folder.is_dir() else 0
        if self._vault is not None and changed == self._seen:
            return
        several = len(numbers(self.folder, INDEX)) > 1
        self._vault = load(self.folder, self.indexes() if several else None)
        self._seen = changed

    def forget(self) -> None:
        """Load the keys anew at the next use."""
        self._vault = None


def vault() -> Vault:
    """Return the running application's vault."""
    found: Keeper | None = current_app.extensions.get("vault")
    if found is None:
        raise KeysMissing("keys")
    return found.vault()
