"""Anybody verifies a paper with one page, kept on a phone, without us and without a network."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from edu_pilot.extensions import read, write
from edu_pilot.models import Document
from edu_pilot.services import documents, keys, offline, proof, revocations
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.vault import vault
from tests.browser.offline import Verifier, opened
from tests.factories import Pilot, rows
from tests.pages.test_in_browser import NARROW, faults, too_wide
from tests.people import LIU_WEI, worker

pytestmark = pytest.mark.usefixtures("renderer")

DOCUMENT = Document.__table__
LIMIT = 100_000


@pytest.fixture
def paper(pilot: Pilot) -> bytes:
    """Give Liu Wei's registration form."""
    pilot.registered()
    return documents.render(rows("document")[0]["number"])


def written(folder: Path) -> Path:
    """Write the page as of now."""
    file = folder / "verifier.html"
    file.write_text(offline.page(), "utf-8")
    return file


def revoke(number: str) -> None:
    with write() as conn:
        moment = rows("audit_entry")[0]["at"]
        conn.execute(DOCUMENT.update().where(DOCUMENT.c.number == number).values(voided_at=moment))


def list_now() -> str:
    with read() as conn:
        return revocations.signed(conn)


def address_of(pdf: bytes) -> str:
    return proof.address("https://pilot.example", "7K2M9QWD4XTRHB6P", str(proof.token_in_pdf(pdf)))


def changed(pdf: bytes) -> bytes:
    middle = len(pdf) // 2
    return pdf[:middle] + bytes([pdf[middle] ^ 1]) + pdf[middle + 1 :]


@pytest.mark.parametrize("crypto", [True, False], ids=["its own cryptography", "the library's"])
def test_a_file_and_a_code_are_judged_offline(chromium: Browser, paper: bytes, tmp_path: Path, crypto: bool) -> None:
    with opened(chromium, written(tmp_path), crypto=crypto) as verifier:
        assert verifier.page.evaluate("Boolean(window.crypto.subtle)") is crypto
        _holds(verifier, paper)


def _holds(verifier: Verifier, paper: bytes) -> None:
    good = verifier.file(paper)
    assert (good.result, good.why, good.earlier) == ("genuine", "file", False)
    assert LIU_WEI.name in good.text and LIU_WEI.id_number not in good.text
    assert verifier.file(changed(paper)).result == "altered"
    assert verifier.file(b"%PDF-1.7 a letter").result == "unknown"
    token = verifier.token(address_of(paper))
    assert (token.result, token.why) == ("genuine", "token") and LIU_WEI.name in token.text
    assert verifier.token(address_of(paper)[:-9] + "AAAAAAAAA").result in ("altered", "unknown")
    assert verifier.token("https://elsewhere.example/").result == "unknown"


def test_a_code_in_the_address_is_judged_at_once(chromium: Browser, paper: bytes, tmp_path: Path) -> None:
    token = str(proof.token_in_pdf(paper))
    with opened(chromium, written(tmp_path), fragment=token, lang="en-GB") as verifier:
        found = verifier.verdict()
    assert found.result == "genuine" and "Registration form" in found.text


def test_a_revoked_paper_is_told_with_the_day_of_the_list(chromium: Browser, paper: bytes, tmp_path: Path) -> None:
    file, before = written(tmp_path), list_now()
    revoke(rows("document")[0]["number"])
    with opened(chromium, file) as verifier:
        assert verifier.file(paper).result == "genuine"
        assert verifier.load(list_now()) == "list_taken"
        found = verifier.verdict()
        assert found.result == "revoked" and "名单" in found.text
        assert verifier.token(address_of(paper)).result == "revoked"
        assert verifier.load(list_now().replace("revoked", "reviked")) == "list_bad"
        assert verifier.load(older(before)) == "list_older"
        assert verifier.file(paper).result == "revoked"
        assert verifier.load("nonsense") == "list_bad"


def older(text: str) -> str:
    """Give a list of the same key with nothing in it, from years ago."""
    told: dict[str, Any] = json.loads(json.loads(text)["list"]) | {"made_at": "2022-01-01T00:00:00Z", "revoked": {}}
    content = json.dumps(told)
    return json.dumps({"list": content, "signature": vault().sign(revocations.PURPOSE + content.encode()).hex()})


def test_a_paper_of_an_earlier_key_verifies_and_says_so(
    chromium: Browser, pilot: Pilot, paper: bytes, tmp_path: Path
) -> None:
    before = written(tmp_path).rename(tmp_path / "before.html")
    keys.rotate("sign", OPERATOR)
    pilot.registered(worker(1))
    new = documents.render(rows("document")[-1]["number"])
    with opened(chromium, written(tmp_path)) as verifier:
        found = verifier.file(paper)
        assert (found.result, found.earlier) == ("genuine", True) and "以前的密钥" in found.text
        assert verifier.token(address_of(paper)).earlier
        assert not verifier.file(new).earlier
    with opened(chromium, before) as verifier:
        unheard = verifier.file(new)
        assert (unheard.result, unheard.why) == ("unknown", "key")
        assert verifier.load(list_now()) == "list_bad"


def test_a_sealed_paper_of_before_is_judged_as_well(chromium: Browser, paper: bytes, tmp_path: Path) -> None:
    """R2.9: papers that no certificate signed bear the seal in their information."""
    unsigned = paper[: paper.index(b"%%EOF\n") + len(b"%%EOF\n")]
    sealed = proof.seal(unsigned, vault().sign)
    for crypto in (True, False):
        with opened(chromium, written(tmp_path), crypto=crypto) as verifier:
            assert verifier.file(sealed).result == "genuine"
            assert verifier.file(sealed + b"\n").result == "altered"
            assert verifier.file(unsigned).result == "altered"


def test_the_page_reads_every_character_as_it_was_signed(chromium: Browser, pilot: Pilot, tmp_path: Path) -> None:
    """R2.4: GB 18030 by the browser and by us are the same for every ideograph."""
    ranges = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x323AF)]
    text = "".join(chr(code) for first, last in ranges for code in range(first, last + 1))
    with opened(chromium, written(tmp_path)) as verifier:
        read_back = verifier.page.evaluate(
            "text => new TextDecoder('gb18030', {fatal: true})"
            ".decode(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)))",
            base64.b64encode(text.encode(proof.CHARSET)).decode(),
        )
    assert [f"U+{ord(a):X}" for a, b in zip(text, read_back, strict=True) if a != b] == []


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_the_page_stands_the_look(chromium: Browser, paper: bytes, tmp_path: Path, lang: str) -> None:
    """What holds for every page: axe finds nothing, every control is labelled, nothing sticks out."""
    with opened(chromium, written(tmp_path), lang=lang) as verifier:
        for pdf in (None, paper, changed(paper)):
            if pdf is not None:
                verifier.file(pdf)
            assert [*faults(verifier.page), *too_wide(verifier.page, (375, 1366, *NARROW))] == []


def test_the_page_works_where_it_is_served_and_leads_nowhere(
    chromium: Browser, pilot: Pilot, paper: bytes, address: str
) -> None:
    """The header allows what the page itself allows, and the list on the site is the one it takes."""
    page = chromium.new_context(locale="zh-CN").new_page()
    answer = page.goto(f"{address}/verify/offline")
    assert answer is not None and answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page.wait_for_selector("body[data-ready]", state="attached")
    verifier = Verifier(page)
    assert verifier.file(paper).result == "genuine"
    assert verifier.load(page.request.get(f"{address}/verify/revocations").text()) == "list_taken"
    assert page.evaluate("fetch('/healthz').then(() => 'reached', () => 'refused')") == "refused"
    page.context.close()


def test_the_page_is_small_and_names_no_other_place(pilot: Pilot) -> None:
    page = offline.page()
    assert len(page.encode()) < LIMIT
    assert "http://" not in page.split('id="held"')[0] and "default-src &#39;" not in page
    assert all(mark not in page.split('id="held"')[0] for mark in ("https://", "<link", "<img", " src="))
