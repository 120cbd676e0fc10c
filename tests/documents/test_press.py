"""The press: what is hostile is refused or drawn harmlessly within limits, and hurts one document only."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pypdf
import pypdfium2 as pdfium
import pytest

from edu_pilot import sandboxed
from edu_pilot.services import cut_fonts, glyphs, press, rendering
from edu_pilot.services.specimens import COMPLETION_CERTIFICATE, CONTEXTS, QR
from edu_pilot.services.typefaces import CONFIGURATION, CUTS

SECONDS = 2.0


@pytest.fixture
def own_press(monkeypatch: pytest.MonkeyPatch) -> Iterator[press.Press]:
    """Give a press that may be broken."""
    with fresh_press(monkeypatch) as fresh:
        yield fresh


@contextmanager
def fresh_press(monkeypatch: pytest.MonkeyPatch) -> Iterator[press.Press]:
    fresh = press.Press()
    monkeypatch.setattr(press, "press", fresh)
    yield fresh
    fresh.end()


def page_of(body: str, css: str = "", assets: dict[str, bytes] | None = None, seconds: float = 10) -> bytes:
    return rendering.pdf_of(f'<html lang="zh-CN"><title>纸</title><body>{body}', css, assets or {}, seconds=seconds)


def text_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_the_press_has_no_network_and_no_files_but_fonts(own_press: press.Press) -> None:
    own_press.versions()
    assert (own_press.hello["network"], own_press.hello["files"]) == (True, True)
    assert own_press.process is not None
    root = Path(f"/proc/{own_press.process.pid}/root")
    assert {path.name for path in (root / "usr").iterdir()} <= {"share", "local"}
    # Links that name fonts, and nothing they would lead to outside.
    assert {path.name for path in (root / "etc").iterdir()} <= {"alternatives"}
    links = (root.parent / "net" / "dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in links] == ["lo"]


def test_the_press_knows_no_secret_of_its_caller(own_press: press.Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDU_PILOT_KEY", "a secret of the caller")
    own_press.versions()
    assert own_press.process is not None
    assert b"EDU_PILOT" not in Path(f"/proc/{own_press.process.pid}/environ").read_bytes()


@pytest.mark.parametrize(
    ("html", "css"),
    [
        ("<table>" + "<tr><td colspan=1000000 rowspan=1000000>x</td></tr>" * 50 + "</table>", ""),
        ("<p>字</p>" * 4000, "@page{size:1px;margin:0}"),
        ("<div>" * 100_000 + "x", ""),
        ("<p>" + "字" * 2_000_000 + "</p>", ""),
        ("<p id=a>x</p>", "#a{height:9000000mm;columns:100000}"),
    ],
    ids=["colspan", "page-of-1px", "depth", "length", "height"],
)
def test_a_layout_without_end_is_refused_or_drawn_within_its_limits(
    own_press: press.Press, html: str, css: str
) -> None:
    before = time.monotonic()
    try:
        assert page_of(html, css, {}, seconds=SECONDS).startswith(b"%PDF")
    except rendering.RenderingRefused as refused:
        assert refused.text
    assert time.monotonic() - before < SECONDS + press.GRACE_SECONDS + 20
    assert "下一份" in text_of(page_of("<p>下一份</p>", "", {}))


def test_a_press_that_hangs_or_dies_fails_one_document(own_press: press.Press) -> None:
    own_press.versions()
    assert own_press.process is not None
    first = own_press.process.pid
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(rendering.BeyondLimits):
        page_of("<p>一</p>", "", {}, seconds=0.5)
    assert "二" in text_of(page_of("<p>二</p>", "", {}))
    assert own_press.process.pid != first
    os.kill(own_press.process.pid, signal.SIGKILL)
    with pytest.raises(rendering.BeyondLimits):
        page_of("<p>三</p>", "", {})
    assert "四" in text_of(page_of("<p>四</p>", "", {}))


GREEDY = """
import resource, sys
sys.path.insert(0, {root!r})
from edu_pilot import sandboxed
sandboxed._limit_press()
try:
    bytearray(2 * sandboxed.PRESS_MEMORY)
except MemoryError:
    raise SystemExit(7)
"""


def test_a_press_gets_no_more_memory_than_its_limit() -> None:
    words = [sys.executable, "-c", GREEDY.format(root=str(sandboxed.HOME.parent))]
    assert subprocess.run(words, check=False).returncode == 7


def test_a_text_too_long_is_refused_before_any_layout(own_press: press.Press) -> None:
    with pytest.raises(rendering.TooLong, match="name has 100000 characters"):
        rendering.render("completion_certificate", COMPLETION_CERTIFICATE | {"name": "长" * 100_000}, QR)
    assert "facts" not in own_press.hello


def test_a_template_in_a_name_is_printed_as_it_is_written() -> None:
    name = "{{ 7*7 }}{% for x in y %}"
    pdf = rendering.render("completion_certificate", COMPLETION_CERTIFICATE | {"name": name}, QR)
    assert "{{7*7}}" in text_of(pdf).replace(" ", "")


def test_a_press_takes_over_after_its_share_of_documents(own_press: press.Press) -> None:
    own_press.versions()
    assert own_press.process is not None
    first, own_press.left = own_press.process.pid, 1
    page_of("<p>一</p>", "", {})
    page_of("<p>二</p>", "", {})
    assert own_press.process.pid != first


def test_everyday_documents_are_set_in_the_cut_fonts_and_rare_names_beside_them() -> None:
    def fonts(name: str) -> set[str]:
        pdf = rendering.render("completion_certificate", COMPLETION_CERTIFICATE | {"name": name}, QR)
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            found = opened.pages[0].Resources.Font
            return {str(font.BaseFont).partition("+")[2] for font in found.values()}

    everyday = {names[0].replace(" ", "-") for names in CUTS.values()}
    assert fonts("刘伟") == everyday
    assert fonts("刘\U0002c35b") > everyday
    assert "Noto-Serif-CJK-SC" not in fonts("刘\U0002c35b")


def test_without_cut_fonts_the_whole_ones_serve_and_the_log_tells(
    own_press: press.Press, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EDU_PILOT_CACHE", str(tmp_path / "file"))
    for cached in (cut_fonts.folder, cut_fonts.version):
        cached.cache_clear()
    try:
        pdf = page_of("<p>字</p>", f'p{{font-family:"{glyphs.BODY_FONT}"}}', {})
        assert cut_fonts.version() == "none"
    finally:
        for cached in (cut_fonts.folder, cut_fonts.version):
            cached.cache_clear()
    assert "字" in text_of(pdf) and b"cut" in "\n".join(caplog.messages).encode()


def test_a_cut_that_was_moved_with_its_folder_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Its configuration names the place it was cut in, which the press does not see: every paper would be refused."""
    sources = {family: font for family, font in glyphs.installed_fonts().items() if family in CUTS}
    assert cut_fonts._key(tmp_path / "before", sources) != cut_fonts._key(tmp_path / "after", sources)
    cut = cut_fonts.folder()
    assert cut is not None and str(cut.parent) in (cut / CONFIGURATION).read_text("utf-8")


def test_the_border_is_one_object_however_often_it_stands_there() -> None:
    pdf = rendering.render("completion_certificate", COMPLETION_CERTIFICATE, QR)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        forms = [x for x in opened.pages[0].Resources.XObject.values() if x.Subtype == "/Form"]
        assert len(forms) == 1 and len(forms[0].read_bytes()) > 10_000


@pytest.mark.parametrize("char", ["亓", "刘", "\U00020000", "\U0002a6d6", "\U0003106c"])
def test_a_blank_is_drawn_beside_any_character(char: str) -> None:
    """The text library draws a blank in the font of what stands before it, without asking whether it is there."""
    css = 'p { font-family: "Noto Serif CJK SC", "LXGW WenKai", "HanaMinA", "HanaMinB", "BabelStone Han" }'
    assert page_of(f"<p>{char} a {char}\u3000b {char}&nbsp;{char} </p>", css)


def test_a_document_after_others_of_its_build_is_the_same_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The press keeps the styles of a build; nothing of an earlier document may show in a later one."""

    def drawn_by_a_fresh_press(*rounds: str) -> list[bytes]:
        with fresh_press(monkeypatch):
            return [
                rendering.render(kind, context | {"number": number, "lang": lang}, QR)
                for number in rounds for lang in ("zh", "en") for kind, context in CONTEXTS.items()
            ]  # fmt: skip

    alone = drawn_by_a_fresh_press("JY2025-000031")
    assert drawn_by_a_fresh_press("JY2025-777777", "JY2025-000031")[len(alone) :] == alone


def test_pages_of_the_same_elements_with_other_classes_are_set_each_in_its_own_style() -> None:
    css = ".large { font-size: 40pt } .small { font-size: 8pt }"
    pages = [page_of(f'<p class="{size}">{"农民工" * 20}</p></body></html>', css) for size in ("large", "small")]
    assert [len(pdfium.PdfDocument(page)[0].get_textpage().get_text_bounded().splitlines()) for page in pages] == [6, 2]


def test_every_template_is_read_as_the_xml_it_is() -> None:
    for kind, context in CONTEXTS.items():
        for more in ({}, {"lang": "en"}, {"copy_mark": "副本"}):
            ElementTree.fromstring(rendering.html_of(kind, context | more, "token"))
