"""A key of the tests' own, and documents rendered once for all tests that only look at them."""

from dataclasses import dataclass
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edu_pilot.services import proof, rendering
from edu_pilot.services.specimens import CONTEXTS, QR, proof_of

KEY = Ed25519PrivateKey.from_private_bytes(b"a key for the tests of documents")
PUBLIC_KEY = KEY.public_key().public_bytes_raw()


@dataclass(frozen=True)
class Sheet:
    """One rendered and sealed sample document."""

    kind: str
    context: dict[str, object]
    pdf: bytes


@cache
def sheet_of(kind: str) -> Sheet:
    """Render and seal a sample document as the services do."""
    return Sheet(kind, CONTEXTS[kind], proof.seal(blank_of(kind), KEY.sign))


def blank_of(kind: str) -> bytes:
    """Render a sample document with its token, not sealed yet."""
    token = proof.token(proof_of(kind), KEY.sign)
    qr = proof.qr_png(proof.address("https://pilot.example", "7K2M9QWD4XTRHB6P", token))
    return rendering.render(kind, CONTEXTS[kind], qr, token)


@cache
def twin_of(kind: str) -> bytes:
    """Render the English twin of a sample document as the services do: not sealed."""
    return rendering.render(kind, CONTEXTS[kind] | {"lang": "en"}, QR)


@pytest.fixture(autouse=True)
def papers(renderer: None) -> None:
    """Every test of this folder draws papers."""


@pytest.fixture(params=sorted(CONTEXTS))
def sheet(request: pytest.FixtureRequest) -> Sheet:
    return sheet_of(request.param)


@pytest.fixture(params=sorted(CONTEXTS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def certificate() -> Sheet:
    return sheet_of("completion_certificate")


@pytest.fixture
def public_key() -> bytes:
    return PUBLIC_KEY
