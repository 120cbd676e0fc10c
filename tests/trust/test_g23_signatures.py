"""G23: a genuine certificate is genuine to four readers, an altered one to none of them (T14).

The readers: our own by the public key alone, the page for the phone in a Chromium without a network, and, each
pinned to the issuer's certificate, pyHanko and poppler's pdfsig.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import current_app
from playwright.sync_api import Browser

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.services import documents, offline, proof, revocations, vault, verification
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.documents import About, file_away
from edu_pilot.services.perform import in_force, unit_of
from edu_pilot.services.specimens import COMPLETION_CERTIFICATE
from tests.browser.offline import Verifier, opened
from tests.documents.readers import by_pdfsig, by_pyhanko, trusting
from tests.factories import Pilot, rows
from tests.people import worker
from tests.trust.alterations import ALTERATIONS, LEFT_OPEN, Case
from tests.trust.figures import figure, seed, size

pytestmark = pytest.mark.usefixtures("renderer")

DOCUMENT = Document.__table__
KIND = "completion_certificate"
GIVEN_BY_ISSUE = ("number", "code", "verify_at")
FIRST_DAY = date(2025, 1, 31)


def certificate(n: int) -> bytes:
    """Issue a certificate to the n-th worker, as a step does, and render it."""
    person, day = worker(n), FIRST_DAY + timedelta(days=n % 300)
    facts = {name: fact for name, fact in COMPLETION_CERTIFICATE.items() if name not in GIVEN_BY_ISSUE}
    own = {"name": person.name, "id_number": person.id_number, "issued_on": day.isoformat()}
    with clock.on(day), write() as conn:
        unit = unit_of(conn, OPERATOR)
        number = file_away(unit, in_force(unit), KIND, facts | own, About("study", record_id=f"{n:032d}"))
        unit.close()
    return documents.render(number)


@dataclass(frozen=True)
class Readers:
    """The four who are asked."""

    public_key: bytes
    pinned: bytes
    trust: Path
    page: Verifier

    def answers(self, pdf: bytes) -> dict[str, bool]:
        """Ask each whether a file is genuine; our two have one word for it.

        Where the facts name a key that it does not hold, the page says that, and our reader says altered.
        """
        ours, page = verification.by_key(pdf, self.public_key).result, self.page.file(pdf)
        assert ours == page.result or (ours, page.result, page.why) == ("altered", "unknown", "key")
        return {
            "ours": ours == "genuine",
            "page": page.result == "genuine",
            "pyhanko": by_pyhanko(pdf, self.pinned),
            "pdfsig": by_pdfsig(pdf, self.trust),
        }


@contextmanager
def readers(chromium: Browser, folder: Path) -> Iterator[Readers]:
    """Give the four, who know the public key, the certificate, and the page as of now."""
    file = folder / "verifier.html"
    file.write_text(offline.page(), "utf-8")
    keys = vault.vault()
    pinned = vault.pinned_certificates(current_app.config["SETTINGS"].keys)[0]
    with opened(chromium, file) as page:
        yield Readers(keys.public_key, pinned, trusting(folder / "nss", pinned), page)


def test_good_ones_are_genuine_and_altered_ones_are_refused_by_all(
    pilot: Pilot, chromium: Browser, tmp_path: Path
) -> None:
    number, wanted = seed("G23"), size("G23")
    accepted, refused, open_to = Counter[str](), Counter[str](), Counter[str]()
    chance = random.Random(number)
    with figure("G23", number, "altered") as told, readers(chromium, tmp_path) as four:
        other = certificate(0)
        for n in range(1, wanted + 1):
            pdf = certificate(n)
            case = Case(pdf, other, chance)
            good = four.answers(pdf)
            assert all(good.values()), (n, good)
            accepted.update(good)
            for way, alter in ALTERATIONS.items():
                found = four.answers(alter(case))
                assert not any(found.values()), (n, way, found)
                refused.update(reader for reader, believed in found.items() if not believed)
            for way, alter in LEFT_OPEN.items():
                found = four.answers(alter(case))
                assert not found["ours"] and not found["page"], (n, way, found)
                open_to.update(reader for reader, fooled in found.items() if fooled)
            other = pdf
            told(certificates=n, ways=len(ALTERATIONS), good_accepted=dict(accepted), altered_refused=dict(refused))
            told(only_our_seal_notices=dict.fromkeys(LEFT_OPEN, n), readers_of_pdf_missed=dict(open_to))
    # What makes our seal needed: a PDF signature alone does not notice these.
    assert open_to["pyhanko"] and open_to["pdfsig"]


def test_the_page_and_our_reader_say_the_same_of_revoked_ones(pilot: Pilot, chromium: Browser, tmp_path: Path) -> None:
    """Revoked ones say so with the moment of the list; the others stay genuine."""
    number, wanted = seed("G23"), max(4, size("G23") // 4)
    chance = random.Random(number)
    with figure("G23", number, "revoked") as told:
        papers = {str(rows("document")[-1]["number"]): pdf for pdf in map(certificate, range(wanted))}
        gone = set(chance.sample(sorted(papers), wanted // 2))
        moment = clock.now()
        with write() as conn:
            conn.execute(DOCUMENT.update().where(DOCUMENT.c.number.in_(gone)).values(voided_at=moment))
        with read() as conn:
            listed = revocations.signed(conn)
        made_at = json.loads(json.loads(listed)["list"])["made_at"]
        assert not any(name in listed for name in papers)
        day = moment.astimezone(clock.SHANGHAI).date()
        with readers(chromium, tmp_path) as four:
            for name, pdf in papers.items():
                wanted_result = "revoked" if name in gone else "genuine"
                ours = verification.by_key(pdf, four.public_key, listed.encode())
                assert (ours.result, ours.as_of, ours.number) == (wanted_result, made_at, name)
                assert ours.revoked_at == (day.isoformat() if name in gone else None)
                page = four.page.file(pdf)
                assert page.result == wanted_result == four.page.token(str(proof.token_in_pdf(pdf))).result
                assert f"{day.year}年{day.month}月{day.day}日" in page.text
        told(certificates=len(papers), revoked=len(gone))


def test_a_list_that_our_key_did_not_sign_is_not_heard(pilot: Pilot, chromium: Browser, tmp_path: Path) -> None:
    """A forged list could call every paper revoked, or a revoked one genuine."""
    pdf = certificate(0)
    with read() as conn:
        listed = revocations.signed(conn)
    outer = json.loads(listed)
    forged = {
        "content": outer | {"list": outer["list"].replace('"revoked":{}', '"revoked":{"2025-01-01":[]}')},
        "signature": outer | {"signature": "00" * 64},
        "no signature": {"list": outer["list"], "signature": ""},
        "another purpose": outer | {"signature": vault.vault().sign(outer["list"].encode()).hex()},
        "no list": {"list": 1, "signature": "00"},
    }
    with readers(chromium, tmp_path) as four:
        for name, text in forged.items():
            with pytest.raises(proof.Altered):
                verification.by_key(pdf, four.public_key, json.dumps(text).encode())
            assert four.page.load(json.dumps(text)) == "list_bad", name
        assert four.page.load(listed) == "list_taken"
