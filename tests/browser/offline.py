"""The page that verifies without a network, opened from a file in a browser that has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

# What an old browser or a page outside the net lacks.
WITHOUT_CRYPTO = "Object.defineProperty(window.crypto, 'subtle', {value: undefined})"
VERDICT = "#verdict:not([hidden])"


@dataclass(frozen=True)
class Verdict:
    """What the page says."""

    result: str
    why: str
    earlier: bool
    text: str


@dataclass(frozen=True)
class Verifier:
    """The opened page."""

    page: Page

    def file(self, pdf: bytes) -> Verdict:
        """Choose a PDF and read the verdict."""
        self._forget()
        self.page.set_input_files("#paper", {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": pdf})
        return self.verdict()

    def token(self, text: str) -> Verdict:
        """Paste the text of a QR code and read the verdict."""
        self._forget()
        self.page.fill("#token", text)
        self.page.click("#check")
        return self.verdict()

    def load(self, text: str) -> str:
        """Load another list and return what the page makes of it."""
        self.page.evaluate("document.getElementById('list-told').removeAttribute('data-result')")
        chosen = {"name": "list.json", "mimeType": "application/json", "buffer": text.encode()}
        self.page.set_input_files("#list", chosen)
        self.page.wait_for_selector("#list-told[data-result]", state="attached")
        return str(self.page.get_attribute("#list-told", "data-result"))

    def _forget(self) -> None:
        self.page.evaluate("document.getElementById('verdict').hidden = true")

    def verdict(self) -> Verdict:
        """Read the verdict that is shown."""
        box = self.page.wait_for_selector(VERDICT)
        assert box is not None
        told = {name: box.get_attribute(f"data-{name}") or "" for name in ("result", "why", "earlier")}
        return Verdict(told["result"], told["why"], told["earlier"] == "true", box.inner_text())


@contextmanager
def opened(
    browser: Browser, file: Path, *, fragment: str = "", crypto: bool = True, width: int = 375, lang: str = "zh-CN"
) -> Iterator[Verifier]:
    """Open the page from its file, offline; whatever it complains of or asks the net for fails the test."""
    context = browser.new_context(offline=True, viewport={"width": width, "height": 740}, locale=lang)
    page, asked, said = context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    if not crypto:
        page.add_init_script(WITHOUT_CRYPTO)
    try:
        page.goto(file.as_uri() + (f"#{fragment}" if fragment else ""))
        page.wait_for_selector("body[data-ready]", state="attached")
        yield Verifier(page)
        assert said == []
        assert [url for url in asked if not url.startswith("file:")] == []
    finally:
        context.close()
