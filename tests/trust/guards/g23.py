"""What keeps an altered paper from being believed."""

from collections.abc import Iterator
from datetime import datetime
from unittest import mock

from edu_pilot.services import documents, offline, proof, revocations
from edu_pilot.services.issuer import Issuer
from tests.trust.guards import guard

HERE = "tests/trust/test_g23_signatures.py::test_"
ALTERED = HERE + "good_ones_are_genuine_and_altered_ones_are_refused_by_all"
REVOKED = HERE + "the_page_and_our_reader_say_the_same_of_revoked_ones"


@guard("seal_of_the_whole", test=ALTERED)
def without_the_seal() -> Iterator[None]:
    """Our reader takes any file in which a seal of some kind stands."""
    with mock.patch.object(proof, "check_seal", lambda pdf, _key: "genuine" if b"edupilotseal" in pdf else "unknown"):
        yield


@guard("seal_on_the_page", test=ALTERED)
def without_the_seal_on_the_page() -> Iterator[None]:
    """The page for the phone shows what the token says, whatever became of the file."""
    plain = offline._part

    def part(name: str) -> str:
        return plain(name).replace("return good ?", "return true ?")

    offline.policy.cache_clear()
    with mock.patch.object(offline, "_part", part):
        yield
    offline.policy.cache_clear()


@guard("pdf_signature", test=ALTERED)
def without_the_signature() -> Iterator[None]:
    """Documents bear our own seal alone, as those of before."""

    def sealed(unsigned: bytes, _issuer: Issuer, _at: datetime, sign: proof.Sign) -> bytes:
        return proof.seal(unsigned, sign)

    with mock.patch.object(documents.pades, "signed", sealed):
        yield


@guard("seal_within_the_signature", test=ALTERED)
def without_the_place_of_the_signature() -> Iterator[None]:
    """Our seal covers the content and not the place of the signature, which stays open to anybody."""

    def message(blank: bytes) -> bytes:
        start = blank.rfind(b"/Contents <")
        return proof.WHOLE_PURPOSE + blank[: start if start > 0 else None]

    with mock.patch.object(proof, "_whole_message", message):
        yield


@guard("marks_of_revoked_papers", test=REVOKED)
def without_marks() -> Iterator[None]:
    """The list names nobody."""
    with mock.patch.object(revocations, "_by_day", lambda _conn: {}):
        yield


@guard("signature_of_the_list", test=HERE + "a_list_that_our_key_did_not_sign_is_not_heard")
def without_the_signature_of_the_list() -> Iterator[None]:
    """Whoever writes a list is believed."""
    plain = proof.is_signed

    def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
        return message.startswith(revocations.PURPOSE) or plain(public_key, signature, message)

    with mock.patch.object(proof, "is_signed", is_signed):
        yield
