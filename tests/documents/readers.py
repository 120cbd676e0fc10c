"""Other people's readers of signed PDF: pyHanko and poppler's pdfsig, both trusting one pinned certificate alone."""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

WHOLE = (
    "- Total document signed",
    "- Signature Validation: Signature is Valid.",
    "- Certificate Validation: Certificate is Trusted.",
)


def by_pyhanko(pdf: bytes, pinned: bytes) -> bool:
    """Whether one signature under the pinned certificate (PEM) covers the whole file, and nothing came after it."""
    # In a thread of its own: where a browser is open, this one has a loop that runs already.
    with ThreadPoolExecutor(max_workers=1) as hand:
        return hand.submit(_by_pyhanko, pdf, pinned).result()


def _by_pyhanko(pdf: bytes, pinned: bytes) -> bool:
    trusted = asn1.Certificate.load(pem.unarmor(pinned)[2])
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
    try:
        signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        context = ValidationContext(trust_roots=[trusted], allow_fetching=False)
        return len(signatures) == 1 and _good(validate_pdf_signature(signatures[0], context))
    except Exception:  # what cannot even be read is refused as well; the reader has no one word for it
        return False


def _good(status: PdfSignatureStatus) -> bool:
    untouched = status.modification_level == ModificationLevel.NONE
    return bool(status.bottom_line and untouched and status.coverage == SignatureCoverageLevel.ENTIRE_FILE)


def trusting(folder: Path, pinned: bytes) -> Path:
    """Make a database of NSS that trusts one certificate (PEM) and nothing else."""
    if not (shutil.which("pdfsig") and shutil.which("certutil")):
        pytest.skip("pdfsig and certutil are not installed: apt-get install poppler-utils libnss3-tools")
    folder.mkdir()
    file = folder / "pinned.pem"
    file.write_bytes(pinned)
    for words in (["-N", "--empty-password"], ["-A", "-n", "issuer", "-t", "C,C,C", "-i", str(file)]):
        subprocess.run(["certutil", *words, "-d", f"sql:{folder}"], check=True, capture_output=True)
    return folder


def by_pdfsig(pdf: bytes, trust: Path) -> bool:
    """Whether poppler says: signed whole, valid, trusted, and signed once."""
    file = trust / "asked.pdf"
    file.write_bytes(pdf)
    words = ["pdfsig", "-nssdir", f"sql:{trust}", str(file)]
    told = subprocess.run(words, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    return told.count("Signature #") == 1 and all(line in told for line in WHOLE)


def authority(password: bytes) -> bytes:
    """Make a PKCS#12 file as an authority sends it: an RSA key, its certificate, and the one above."""
    top, own = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("An authority", "An office")]
    day, end = datetime(2022, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
    root = (
        x509.CertificateBuilder(names[0], names[0], top.public_key(), 1, day, end)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(top, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder(names[0], names[1], own.public_key(), 2, day, end)
        .add_extension(
            x509.KeyUsage(True, True, False, False, False, False, False, False, False), True
        )
        .sign(top, hashes.SHA256())
    )  # fmt: skip
    return pkcs12.serialize_key_and_certificates(b"office", own, leaf, [root], BestAvailableEncryption(password))
