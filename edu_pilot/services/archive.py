"""One file that holds many, sealed to public keys in the age format; half of one or an altered one is refused."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pyrage

from edu_pilot.disk import sync_folder
from edu_pilot.services.store import Folder
from edu_pilot.workflow.reasons import N_

MANIFEST, SIGNATURE = "manifest.json", "signature"
AGE_HEADER = b"age-encryption.org/"
BLOCK = 1024 * 1024
NO_IDENTITY = N_("The backup is encrypted: name the file with the secret key by --identity.")
DOES_NOT_OPEN = N_("The backup does not open: the key is another one, or the file was cut or altered.")


class Unfit(Exception):
    """An archive or a place that a backup or restore cannot use; code, text and facts say why."""

    def __init__(self, code: str, text: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.text = text
        self.facts = facts


@dataclass
class Writer:
    """An archive that is being written."""

    tar: tarfile.TarFile
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, name: str, content: bytes) -> None:
        """Add a member."""
        self._head(name, len(content))
        self.digest.update(content)
        self.tar.fileobj.write(content)
        self._pad(len(content))

    def add_file(self, name: str, path: Path) -> None:
        """Add a file of this machine that nobody changes meanwhile."""
        size = path.stat().st_size
        self._head(name, size)
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                self.digest.update(block)
                self.tar.fileobj.write(block)
        self._pad(size)

    def _head(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self.digest.update(_stamp(name, size))
        self.tar.addfile(info)

    def _pad(self, size: int) -> None:
        self.tar.fileobj.write(b"\0" * (-size % tarfile.BLOCKSIZE))

    def close(self, manifest: Mapping[str, Any], sign: Any) -> dict[str, Any]:
        """End the archive with what it must hold, signed; return the manifest as written."""
        whole = {**manifest, "digest": self.digest.hexdigest()}
        text = json.dumps(whole, ensure_ascii=False, sort_keys=True).encode()
        self.add(MANIFEST, text)
        self.add(SIGNATURE, sign(text))
        return whole


def _stamp(name: str, size: int) -> bytes:
    return f"{name}\0{size}\0".encode()


@contextmanager
def written(path: Path, recipients: Sequence[str]) -> Iterator[Writer]:
    """Write an archive: under another name until it is whole and synced, sealed if there are recipients."""
    partial = path.with_name(f".{path.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with _sealing(file, recipients) as target, tarfile.open(fileobj=target, mode="w|") as tar:
                yield Writer(tar)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _sealing(file: IO[bytes], recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """Give a stream whose bytes reach the file sealed; nothing in clear ever touches the disk."""
    if not recipients:
        yield file
        return
    keys = [pyrage.x25519.Recipient.from_str(key) for key in recipients]
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def seal() -> None:
        try:
            with os.fdopen(reading, "rb") as plain:
                pyrage.encrypt_io(plain, file, keys)
        except BaseException as error:  # told to the thread that waits
            failed.append(error)

    thread = threading.Thread(target=seal)
    thread.start()
    try:
        with os.fdopen(writing, "wb") as plain:
            yield plain
    except BrokenPipeError:
        # The other side knows why it stopped reading.
        if not failed:
            raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


WORKPLACE = "clear-"


@contextmanager
def workplace(data: Path) -> Iterator[Path]:
    """Give a folder for copies in clear: inside the installation's own, where all is as secret as they are."""
    clean(data)
    with TemporaryDirectory(dir=data, prefix=WORKPLACE) as name:
        handle = os.open(name, os.O_RDONLY)
        # Held as long as this process works there, however it ends.
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield Path(name)
        finally:
            os.close(handle)


def clean(data: Path) -> int:
    """Delete the copies in clear that a killed process left; return how many folders there were."""
    return sum(_abandoned(folder) for folder in data.glob(f"{WORKPLACE}*"))


def _abandoned(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # another process is done with it
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


SEALED = ".age"


def is_mirrored(folder: Path, key: str) -> bool:
    """Whether a folder holds a copy of a kept file, in clear or sealed."""
    return (folder / key).exists() or (folder / (key + SEALED)).exists()


def mirror(folder: Path, key: str, content: bytes, recipients: Sequence[str]) -> None:
    """Keep a copy of a file in a folder, sealed if there are recipients."""
    if recipients:
        keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
        key, content = key + SEALED, pyrage.encrypt(content, keys)
    Folder(folder).put(key, content)


def mirrored(folder: Path, key: str, identity: str | None) -> bytes | None:
    """Return the content of a mirrored file, None if it is not there; raises Unfit where it does not open."""
    if (folder / key).exists():
        return Folder(folder).get(key)
    try:
        sealed = Folder(folder).get(key + SEALED)
    except FileNotFoundError:
        return None
    if identity is None:
        raise Unfit("identity_missing", NO_IDENTITY)
    try:
        content: bytes = pyrage.decrypt(sealed, [identity_of(identity)])
    except pyrage.DecryptError:
        raise Unfit("archive_sealed", DOES_NOT_OPEN) from None
    return content


@dataclass(frozen=True)
class Archive:
    """A whole archive, its seal and its digest found right."""

    path: Path
    manifest: Mapping[str, Any]
    manifest_text: bytes
    signature: bytes

    def members(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Walk over the members in the order they were written: name and content."""
        with tarfile.open(self.path, "r:") as tar:
            for info in tar:
                content = tar.extractfile(info)
                if content is not None and info.name not in (MANIFEST, SIGNATURE):
                    yield info.name, content


@contextmanager
def opened(path: Path, identity: str | None, folder: Path) -> Iterator[Archive]:
    """Open an archive; nothing of it is used before all of it is known to be right. Raises Unfit.

    `folder` takes the content in clear for the block, readable by this account only.
    """
    plain = folder / ".opened-archive"
    try:
        yield _checked(_in_clear(path, identity, plain))
    finally:
        plain.unlink(missing_ok=True)


def _in_clear(path: Path, identity: str | None, plain: Path) -> Path:
    try:
        with path.open("rb") as file:
            sealed = file.read(len(AGE_HEADER)) == AGE_HEADER
    except OSError as error:
        text = N_("%(file)s cannot be read: %(why)s")
        raise Unfit("file_unreadable", text, file=path, why=error.strerror) from None
    if not sealed:
        return path
    if identity is None:
        raise Unfit("identity_missing", NO_IDENTITY)
    os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        pyrage.decrypt_file(str(path), str(plain), [identity_of(identity)])
    except (pyrage.DecryptError, OSError) as error:
        if getattr(error, "errno", None):
            raise
        raise Unfit("archive_sealed", DOES_NOT_OPEN) from None
    return plain


def identity_of(text: str) -> Any:
    """Return the secret key in the text of an identity file; raises Unfit."""
    lines = [line.strip() for line in text.splitlines()]
    try:
        return pyrage.x25519.Identity.from_str(next(line for line in lines if line and not line.startswith("#")))
    except (StopIteration, pyrage.IdentityError):
        raise Unfit("identity_malformed", N_("The identity file holds no secret key of a backup.")) from None


def new_identity() -> tuple[str, str]:
    """Draw a key pair: the text of the identity file, to be kept off this machine, and the public key."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    return f"# public key: {public}\n{identity}\n", public


def _checked(path: Path) -> Archive:
    digest, last = hashlib.sha256(), {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                content = tar.extractfile(info)
                if content is None:
                    raise tarfile.TarError
                if info.name in (MANIFEST, SIGNATURE):
                    last[info.name] = content.read()
                    continue
                _digest(digest, info, content)
        manifest = json.loads(last[MANIFEST])
        _require_digest(manifest, digest.hexdigest())
        return Archive(path, manifest, last[MANIFEST], last[SIGNATURE])
    except (tarfile.TarError, KeyError, ValueError, OSError, EOFError):
        raise Unfit("archive_damaged", N_("The backup is cut or altered; nothing of it was used.")) from None


def _require_digest(manifest: Mapping[str, Any], digest: str) -> None:
    if manifest["digest"] != digest:
        raise ValueError("digest")


def _digest(digest: Any, info: tarfile.TarInfo, content: IO[bytes]) -> None:
    digest.update(_stamp(info.name, info.size))
    size = 0
    while block := content.read(BLOCK):
        digest.update(block)
        size += len(block)
    if size != info.size:
        raise ValueError(info.name)
