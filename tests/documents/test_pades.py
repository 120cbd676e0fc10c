"""A signed document: three readers agree that it is whole, and our seal covers what a PDF signature leaves open."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edu_pilot.services import issuer, pades, proof
from edu_pilot.services.specimens import proof_of
from tests.documents.conftest import KEY, PUBLIC_KEY, blank_of
from tests.documents.readers import authority, by_pdfsig, by_pyhanko, trusting

KIND = "completion_certificate"
AT = datetime(2025, 1, 31, tzinfo=UTC)
OWN = issuer.read(issuer.made("德州广播电视大学"))
PINNED = issuer.as_pem(OWN.pinned)
SIGNATURE = b"/Contents <"


@pytest.fixture(scope="module")
def unsigned() -> bytes:
    return blank_of(KIND)


@pytest.fixture(scope="module")
def signed(unsigned: bytes) -> bytes:
    return pades.signed(unsigned, OWN, AT, KEY.sign)


def test_three_readers_find_a_signed_document_whole(signed: bytes, tmp_path: Path) -> None:
    assert proof.verify_file(signed, PUBLIC_KEY) == ("genuine", proof_of(KIND))
    assert by_pyhanko(signed, PINNED)
    assert by_pdfsig(signed, trusting(tmp_path / "nss", PINNED))


def test_readers_that_trust_another_certificate_refuse_it(signed: bytes, tmp_path: Path) -> None:
    other = issuer.as_pem(issuer.read(issuer.made("德州广播电视大学")).pinned)
    assert not by_pyhanko(signed, other)
    assert not by_pdfsig(signed, trusting(tmp_path / "nss", other))


def test_the_unsigned_file_stands_unchanged_at_its_beginning(unsigned: bytes, signed: bytes) -> None:
    assert signed.startswith(unsigned) and len(signed) - len(unsigned) < 12_000


def test_the_same_document_is_signed_to_the_same_bytes(unsigned: bytes, signed: bytes) -> None:
    assert pades.signed(unsigned, OWN, AT, KEY.sign) == signed


def test_the_unsigned_file_alone_is_not_genuine(unsigned: bytes) -> None:
    """A signature cut off leaves a blank seal behind."""
    assert proof.check_seal(unsigned, PUBLIC_KEY) == "altered"


def test_every_digit_of_the_signature_is_under_our_seal(signed: bytes) -> None:
    """The place of a PDF signature is not covered by itself: certificates, padding and attributes could be changed."""
    start = signed.index(SIGNATURE, signed.index(b"/DocMDP")) + len(SIGNATURE)
    end = signed.index(b">", start)
    for place in range(start, end, 7):
        other = b"1" if signed[place : place + 1] != b"1" else b"2"
        changed = signed[:place] + other + signed[place + 1 :]
        assert proof.check_seal(changed, PUBLIC_KEY) == "altered", place - start


def test_a_seal_in_small_letters_is_another_file(signed: bytes) -> None:
    place = proof.WHOLE_IN_PDF.search(signed)
    assert place is not None
    changed = signed[: place.start(1)] + place[1].lower() + signed[place.end(1) :]
    assert proof.check_seal(changed, PUBLIC_KEY) == "altered"


def test_a_second_seal_makes_a_file_altered(signed: bytes) -> None:
    place = proof.WHOLE_IN_PDF.search(signed)
    assert place is not None
    assert proof.check_seal(signed + place[0], PUBLIC_KEY) == "altered"


def test_a_signed_document_is_still_pdf_a(signed: bytes, unsigned: bytes) -> None:
    """The signature adds a field and changes neither metadata nor information."""
    with pikepdf.open(io.BytesIO(signed)) as after, pikepdf.open(io.BytesIO(unsigned)) as before:
        assert after.Root.Metadata.read_bytes() == before.Root.Metadata.read_bytes()
        assert after.docinfo == before.docinfo
        assert after.Root.AcroForm.SigFlags == 3 and after.Root.Perms.DocMDP.SubFilter == "/ETSI.CAdES.detached"
        assert [field.F for field in after.Root.AcroForm.Fields] == [132]
        assert len(after.Root.AF) == 1


def test_the_root_of_a_self_made_certificate_has_signed_one_and_can_sign_no_more() -> None:
    leaf, root = (x509.load_der_x509_certificate(der) for der in OWN.certificates)
    leaf.verify_directly_issued_by(root)
    assert issuer.read(issuer.made("德州广播电视大学")).pinned != OWN.pinned
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert root.public_key() != leaf.public_key()


def test_a_certificate_of_an_authority_signs_as_well(unsigned: bytes, tmp_path: Path) -> None:
    brought = issuer.read(issuer.from_file(authority(b"secret"), b"secret"))
    pinned = issuer.as_pem(brought.pinned)
    done = pades.signed(unsigned, brought, AT, KEY.sign)
    assert proof.check_seal(done, PUBLIC_KEY) == "genuine"
    assert by_pyhanko(done, pinned) and by_pdfsig(done, trusting(tmp_path / "nss", pinned))


@pytest.mark.parametrize("content", [b"", b"no file", PINNED, authority(b"other")])
def test_what_cannot_sign_is_refused(content: bytes) -> None:
    with pytest.raises(issuer.UnfitCertificate):
        issuer.from_file(content, b"secret")


def test_a_key_with_somebody_elses_certificate_is_refused() -> None:
    mine, other = issuer.made("甲"), issuer.made("乙")
    key = mine[: mine.index(b"-----BEGIN CERTIFICATE")]
    with pytest.raises(issuer.UnfitCertificate):
        issuer.from_file(key + other[other.index(b"-----BEGIN CERTIFICATE") :], None)


def test_the_printed_certificate_is_the_pinned_one() -> None:
    found = x509.load_pem_x509_certificate(PINNED)
    assert found.public_bytes(Encoding.DER) == OWN.pinned
    assert issuer.fingerprint(OWN.pinned).count(":") == 31
