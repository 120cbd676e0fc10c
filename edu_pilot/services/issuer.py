"""The certificate under which documents are signed, and its private key: self-made, or brought from an authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from edu_pilot import clock
from edu_pilot.workflow.reasons import N_

# A certificate is checked as long as somebody has a working life before them.
YEARS = 40
# From before the first paper of the programme: a paper claims the day of its issue as the time of its signature.
VALID_FROM = datetime(2022, 1, 1, tzinfo=UTC)
LEAST_RSA_BITS = 2048
NAME_LIMIT = 64


class UnfitCertificate(ValueError):
    """A key or certificate that documents cannot be signed under; the message is an English message id."""


@dataclass(frozen=True)
class Issuer:
    """A private key with its certificate and those above it, the pinned one last."""

    key: bytes
    certificates: tuple[bytes, ...]

    @property
    def pinned(self) -> bytes:
        """The certificate that verifiers trust, as DER."""
        return self.certificates[-1]

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that signs."""
        return x509.load_der_x509_certificate(self.certificates[0])


def made(name: str) -> bytes:
    """Make a root for a name, and the one certificate under it that signs; return key and both as PEM.

    The root's key is thrown away at once: nobody, not even we, can ever put another certificate under the pinned one.
    """
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    top, own = _name(name, "根证书"), _name(name, "文件签章")
    root = _certificate(top, top, root_key.public_key(), root_key, is_root=True)
    leaf = _certificate(own, top, key.public_key(), root_key, is_root=False)
    return _pem(key, [leaf, root])


def _name(issuer: str, what: str) -> x509.Name:
    parts = {
        NameOID.COUNTRY_NAME: "CN",
        NameOID.ORGANIZATION_NAME: issuer[:NAME_LIMIT],
        NameOID.COMMON_NAME: f"{issuer} {what}"[:NAME_LIMIT],
    }
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


def _certificate(
    subject: x509.Name,
    above: x509.Name,
    public: ec.EllipticCurvePublicKey,
    root_key: ec.EllipticCurvePrivateKey,
    *,
    is_root: bool,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(above, subject, public, x509.random_serial_number(), VALID_FROM, _until())
    return (
        builder.add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(_usage(is_root=is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _until() -> datetime:
    return datetime(clock.now().year + YEARS, 12, 31, tzinfo=UTC)


def _usage(*, is_root: bool) -> x509.KeyUsage:
    signs = not is_root
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=signs, key_cert_sign=is_root, crl_sign=is_root,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(key: PrivateKeyTypes, certificates: list[x509.Certificate]) -> bytes:
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def read(pem: bytes) -> Issuer:
    """Take a key and its certificates from a PEM text; UnfitCertificate where they do not belong together."""
    try:
        key, found = load_pem_private_key(pem, None), x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError) as problem:
        raise UnfitCertificate(N_("no key and certificate")) from problem
    chain = _in_order(key, found)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Issuer(der, tuple(one.public_bytes(Encoding.DER) for one in chain))


def _in_order(key: PrivateKeyTypes, found: list[x509.Certificate]) -> list[x509.Certificate]:
    """Put the certificate of the key first and each that signed the one before behind it."""
    _require_kind(key)
    own = [one for one in found if one.public_key() == key.public_key()]
    if not own:
        raise UnfitCertificate(N_("no certificate of this key"))
    chain = own[:1]
    while above := [one for one in found if one not in chain and one.subject == chain[-1].issuer]:
        chain.append(above[0])
    for lower, upper in pairwise(chain):
        _require_signed(lower, upper)
    return chain


def _require_kind(key: PrivateKeyTypes) -> None:
    # What readers of PDF can verify: elliptic curves of NIST, and RSA that is long enough.
    is_curve = isinstance(key, ec.EllipticCurvePrivateKey)
    if not is_curve and not (isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS):
        raise UnfitCertificate(N_("neither an elliptic curve nor RSA of 2048 bits"))


def _require_signed(lower: x509.Certificate, upper: x509.Certificate) -> None:
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError) as problem:
        raise UnfitCertificate(N_("the certificates do not belong together")) from problem


def from_file(content: bytes, password: bytes | None) -> bytes:
    """Return as PEM what a PKCS#12 or PEM file holds; UnfitCertificate for a wrong password or anything else."""
    if b"-----BEGIN" in content:
        return _unlocked(content, password)
    try:
        key, own, above = pkcs12.load_key_and_certificates(content, password)
    except ValueError as problem:
        raise UnfitCertificate(N_("wrong password, or no PKCS#12 file")) from problem
    if key is None or own is None:
        raise UnfitCertificate(N_("no key and certificate"))
    return _checked(_pem(key, [own, *above]))


def _unlocked(content: bytes, password: bytes | None) -> bytes:
    try:
        key = load_pem_private_key(content, password)
        found = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError) as problem:
        raise UnfitCertificate(N_("wrong password, or no key and certificate")) from problem
    return _checked(_pem(key, found))


def _checked(pem: bytes) -> bytes:
    read(pem)
    return pem


def as_pem(certificate: bytes) -> bytes:
    """Return a certificate as PEM."""
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate in pairs, as readers of PDF show it."""
    digest = x509.load_der_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
