"""The PAdES signature of a document by the issuer's certificate, with our own seal over the whole file inside it."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, keys
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyhanko.pdf_utils.generic import ByteStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from edu_pilot.services import proof
from edu_pilot.services.issuer import Issuer

FIELD = "Issuer"
DIGEST = "sha256"
# An identifier under the arc of UUIDs, which nobody has to register.
SEAL_ATTRIBUTE = "2.25.241373586406431229018270416283846711543"
# What a signature takes besides its certificates, in bytes; two letters are written for each.
ROOM = 2048


class SameSigner(SimpleSigner):
    """A signer whose signature of the same bytes is the same each time."""

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """Sign by the elliptic curve without chance (RFC 6979); RSA has none."""
        key = load_der_private_key(self.signing_key.dump(), None)
        if isinstance(key, EllipticCurvePrivateKey):
            return key.sign(data, ECDSA(SHA256(), deterministic_signing=True))
        return bytes(super().sign_raw(data, digest_algorithm))


class Revision(IncrementalPdfFileWriter):
    """A revision that adds the signature and leaves the file's own statements and dates as they are."""

    def _update_meta(self) -> None:
        """Change nothing: information and metadata agree already, as PDF/A asks."""


def signed(unsigned: bytes, issuer: Issuer, at: datetime, sign: proof.Sign) -> bytes:
    """Sign a document as its author, no change allowed, and seal all of it; the same bytes for the same document.

    The unsigned file stays as it is at the beginning of the signed one.
    """
    revision = Revision(io.BytesIO(unsigned))
    _name_by_content(revision, unsigned)
    steps = PdfCMSEmbedder(SigFieldSpec(FIELD)).write_cms(FIELD, revision)
    next(steps)
    room = 2 * (sum(map(len, issuer.certificates)) + ROOM)
    place = SignatureObject(timestamp=at, subfilter=SigSeedSubFilter.PADES, bytes_reserved=room)
    steps.send(SigObjSetup(place, SigMDPSetup(DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)))
    digest, output = steps.send(SigIOSetup(DIGEST))
    digest.fill_with_cms(output, _with_room_for_seal(_signature(digest.document_digest, issuer)))
    return proof.seal_whole(output.getvalue(), sign)


def _name_by_content(revision: Revision, unsigned: bytes) -> None:
    """Give the revision an identifier that follows from its content and not from chance."""
    revision._document_id[1] = ByteStringObject(hashlib.sha256(unsigned).digest()[:16])


def _signature(digest: bytes, issuer: Issuer) -> cms.ContentInfo:
    certificates = [asn1.Certificate.load(one) for one in issuer.certificates]
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(certificates[1:])
    signer = SameSigner(certificates[0], keys.PrivateKeyInfo.load(issuer.key), store)
    return _finished(signer.async_sign(digest, DIGEST, use_pades=True))


def _finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for a coroutine in a thread of its own: the caller's may have a loop that runs already."""
    with ThreadPoolExecutor(max_workers=1) as hand:
        return hand.submit(asyncio.run, work).result()


def _with_room_for_seal(signature: cms.ContentInfo) -> bytes:
    """Add an attribute that the signature does not cover: the seal covers the signature."""
    blank = core.OctetString(proof.WHOLE_MARK + bytes(proof.SIGNATURE_BYTES))
    attribute = cms.CMSAttribute({"type": SEAL_ATTRIBUTE, "values": [core.Any(blank)]})
    signature["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([attribute])
    return bytes(signature.dump())
