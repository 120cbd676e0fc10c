"""A stranger with the public key can tell our documents from changed ones."""

import contextlib
import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edu_pilot.services import proof
from edu_pilot.services.proof import Altered, Proof
from edu_pilot.services.specimens import CONTEXTS, proof_of
from tests.documents.conftest import KEY, PUBLIC_KEY, Sheet

STRANGER = Ed25519PrivateKey.from_private_bytes(b"a key that is somebody else's...")
FACT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
PROOFS = st.builds(
    Proof,
    kind=FACT.filter(lambda kind: kind not in proof.KINDS),
    number=FACT,
    holder=FACT,
    id_tail=FACT,
    issued_on=FACT,
    issuer=FACT,
    key_id=FACT,
    major=FACT,
    diploma_number=FACT,
    diploma_on=FACT,
    certificate_number=FACT,
    amount_fen=st.none() | st.integers(0, 10**9),
)


@given(PROOFS)
def test_a_packed_proof_unpacks_to_itself(facts: Proof) -> None:
    assert proof.unpack(proof.pack(facts)) == facts


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(noise: bytes) -> None:
    with contextlib.suppress(Altered):
        assert proof.pack(proof.unpack(noise)) == noise


@given(PROOFS)
def test_a_token_is_read_by_the_public_key_alone(facts: Proof) -> None:
    token = proof.token(facts, KEY.sign)
    address = proof.address("https://pilot.example/", "CODE", token)
    assert proof.read_token(token, PUBLIC_KEY) == facts
    assert proof.read_token(address, PUBLIC_KEY) == facts


def test_each_changed_letter_of_a_token_is_noticed() -> None:
    token = proof.token(proof_of("claim_form"), KEY.sign)
    for place, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        with pytest.raises(Altered):
            proof.read_token(token[:place] + other + token[place + 1 :], PUBLIC_KEY)


@pytest.mark.parametrize("text", ["", "#", "x", "é", "A" * 85, "A" * 86, "A" * 400])
def test_what_is_no_token_is_altered(text: str) -> None:
    with pytest.raises(Altered):
        proof.read_token(text, PUBLIC_KEY)


def test_a_token_of_another_key_is_altered() -> None:
    with pytest.raises(Altered):
        proof.read_token(proof.token(proof_of("claim_form"), STRANGER.sign), PUBLIC_KEY)


def test_a_proof_refuses_a_fact_it_cannot_carry() -> None:
    with pytest.raises(ValueError, match="separator"):
        proof.pack(replace(proof_of("claim_form"), holder="刘\x1f伟"))
    with pytest.raises(ValueError, match="not a kind"):
        proof.pack(replace(proof_of("claim_form"), kind="R"))


def test_a_sealed_document_proves_itself_and_its_facts(sheet: Sheet, public_key: bytes) -> None:
    assert proof.verify_file(sheet.pdf, public_key) == ("genuine", proof_of(sheet.kind))


def test_any_flipped_byte_makes_a_document_altered(certificate: Sheet, public_key: bytes) -> None:
    pdf = certificate.pdf
    seal = pdf.index(proof.SEAL_KEY.encode())
    places = {0, len(pdf) - 1, *range(seal - 4, seal + 110), *random.Random(1).sample(range(len(pdf)), 400)}
    for place in places:
        for bit in (1, 128):
            changed = pdf[:place] + bytes([pdf[place] ^ bit]) + pdf[place + 1 :]
            assert proof.check_seal(changed, public_key) == "altered", place


@pytest.mark.parametrize(
    "change",
    [
        lambda pdf: pdf + b"\n",
        lambda pdf: pdf[:-1],
        lambda pdf: pdf + pdf,
        lambda pdf: pdf.replace(proof.SEAL_KEY.encode(), b"somebodyseal"),
    ],
)
def test_added_cut_and_unsealed_files_are_altered(certificate: Sheet, public_key: bytes, change: object) -> None:
    assert callable(change)
    assert proof.verify_file(change(certificate.pdf), public_key) == ("altered", None)


def test_a_file_of_somebody_else_is_unknown(public_key: bytes) -> None:
    assert proof.verify_file(b"%PDF-1.7 a letter", public_key) == ("unknown", None)
    assert proof.verify_file(b"", public_key) == ("unknown", None)


def test_a_document_sealed_by_another_key_is_altered(certificate: Sheet) -> None:
    other = STRANGER.public_key().public_bytes_raw()
    assert proof.verify_file(certificate.pdf, other) == ("altered", None)


def test_a_document_is_sealed_once(certificate: Sheet) -> None:
    with pytest.raises(ValueError, match="no blank seal"):
        proof.seal(certificate.pdf, KEY.sign)


def test_a_token_of_one_document_does_not_fit_into_another(certificate: Sheet, public_key: bytes) -> None:
    own = proof.token_in_pdf(certificate.pdf)
    assert own is not None
    foreign = proof.token(replace(proof_of(certificate.kind), holder="李伟"), KEY.sign)
    assert len(foreign) == len(own)
    changed = certificate.pdf.replace(own.encode(), foreign.encode())
    assert proof.check_seal(changed, public_key) == "altered"


def test_the_qr_code_is_small_one_bit_and_always_the_same() -> None:
    address = proof.address("https://pilot.example", "7K2M9QWD4XTRHB6P", proof.token(proof_of("claim_form"), KEY.sign))
    png = proof.qr_png(address)
    width, depth = int.from_bytes(png[16:20], "big"), png[24]
    assert png == proof.qr_png(address)
    assert depth == 1 and width <= 77 and len(png) < 1_500


@pytest.mark.parametrize("kind", sorted(CONTEXTS))
def test_the_longest_facts_fit_into_thirty_millimetres(kind: str) -> None:
    """A telephone reads modules of a third of a millimetre; the quiet zone counts."""
    facts = proof_of(kind)
    major = "大数据与会计（纳税服务方向）" if facts.major else ""
    longest = replace(
        facts, holder="阿卜杜热合曼·吐尔逊尼亚孜·买买提明江", issuer="德州广播电视大学（德州开放大学）", major=major
    )
    token = proof.token(replace(longest, key_id="3f2a1b9c"), KEY.sign)
    png = proof.qr_png(proof.address("https://zs.nmg.dezhou.gov.cn", "7K2M9QWD4XTRHB6P", token))
    assert 30 / int.from_bytes(png[16:20], "big") >= 0.35
