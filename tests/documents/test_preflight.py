"""What must never reach paper: boxes, blanks, foreign files, records, unescaped text."""

import io
import re
from pathlib import Path
from typing import Any

import pdfplumber
import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from edu_pilot import logs, sandboxed
from edu_pilot.services import glyphs, press, rendering
from edu_pilot.services.specimens import COMPLETION_CERTIFICATE, QR

POINT_AND_LINE = {ord("点"): "point", ord("线"): "line"}
RARE_NAME = "䶮\U0002c35b\U0002cb5a"


@pytest.fixture(scope="module")
def rare() -> bytes:
    """A certificate for a name of rare characters."""
    return rendering.render("completion_certificate", COMPLETION_CERTIFICATE | {"name": RARE_NAME}, QR)


def test_rare_characters_can_be_searched(rare: bytes) -> None:
    assert RARE_NAME in pypdf.PdfReader(io.BytesIO(rare)).pages[0].extract_text()


@pytest.mark.parametrize("char", RARE_NAME)
def test_rare_characters_leave_ink(rare: bytes, char: str) -> None:
    with pdfplumber.open(io.BytesIO(rare)) as document:
        page = document.pages[0]
        place = next(found for found in page.chars if found["text"] == char)
        box = [place[side] for side in ("x0", "top", "x1", "bottom")]
        image = page.crop(box).to_image(resolution=150).original.convert("L")
    dark = sum(image.histogram()[:128])
    assert 0.05 < dark / (image.width * image.height) < 0.6


@pytest.mark.parametrize(
    "char, why",
    [
        ("\ue000", "private use: every font draws something else"),
        ("\U000f0000", "private use beyond the first plane"),
        ("\ua7ca", "a Latin letter no font has: a box"),
        ("\u200b", "draws nothing"),
        ("\ufe0f", "changes the character before it"),
        ("\U0001f600", "an emoji"),
        ("\t", "a control character"),
        ("\u2615", "an emoji older than the word"),
        ("\u0301", "a mark on the character before it"),
        ("\u0628", "Arabic, which runs the other way"),
        ("\U0002ebf0", "extension I, in no font"),
    ],
)
def test_edge_08_what_would_not_print_is_refused_before_printing(char: str, why: str) -> None:
    context = COMPLETION_CERTIFICATE | {"name": f"刘{char}"}
    with pytest.raises(rendering.Unprintable) as refusal:
        rendering.render("completion_certificate", context, QR)
    assert refusal.value.characters == [(char, f"U+{ord(char):04X}", "name")], why


def test_a_refusal_lists_every_character_with_its_field() -> None:
    papers = {"name": "\ue000\ue000", "papers": [{"label": "甲"}, {"label": "\ue001\ue002"}]}
    assert [(c.codepoint, c.field) for c in glyphs.unprintable(papers)] == [
        ("U+E000", "name"),
        ("U+E001", "papers[1].label"),
        ("U+E002", "papers[1].label"),
    ]


def test_the_style_sheets_ask_for_the_fonts_the_preflight_asked() -> None:
    sheets = "".join(path.read_text("utf-8") for path in rendering.documents().rglob("*.css"))
    chains = {
        name: tuple(families.replace('"', "").split(", "))
        for name, families in re.findall(r"--(song|kai): ([^;]+);", sheets)
    }
    assert (chains["song"], chains["kai"]) == glyphs.FONT_CHAINS
    assert set(re.findall(r"font-family: ([^;]+);", sheets)) == {"var(--song)", "var(--kai)"}
    assert not re.search(r"\bfont: ", sheets)


def test_a_font_that_knows_a_character_but_does_not_draw_it_does_not_count(tmp_path: Path) -> None:
    """As AR PL UKai does, which leaves \u4dae blank."""
    font = glyphs.Glyphs(glyphs.InstalledFont(str(made_font(tmp_path)), 0, "1"))
    drawn = [char for char in "字白框点线" if font.draws(char)]
    font.font.close()
    assert drawn == ["字"]


def made_font(folder: Path) -> Path:
    """Make a font that draws one character, and of four others a blank, its box, a point and a line."""
    square, box = [(0, 0), (0, 700), (700, 700)], [(50, 0), (50, 800), (450, 800), (450, 0)]
    shapes = {".notdef": box, "ink": square, "blank": [], "box": box, "point": [(9, 9)] * 3}
    shapes["line"] = [(0, 100), (500, 100)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([*shapes])
    builder.setupCharacterMap({ord("字"): "ink", ord("白"): "blank", ord("框"): "box"} | POINT_AND_LINE)
    builder.setupGlyf({name: glyph_of(points) for name, points in shapes.items()})
    builder.setupHorizontalMetrics(dict.fromkeys(shapes, (500, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    builder.save(folder / "made.ttf")
    return folder / "made.ttf"


def glyph_of(points: list[tuple[int, int]]) -> Any:
    pen = TTGlyphPen(None)
    if points:
        pen.moveTo(points[0])
        for point in points[1:]:
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


@pytest.mark.parametrize(
    "value, error", [(1.5, TypeError), (object(), TypeError), (b"x", TypeError), ("长" * 2_001, ValueError)]
)
def test_only_short_primitives_reach_a_template(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="name"):
        rendering.render("completion_certificate", COMPLETION_CERTIFICATE | {"name": value}, QR)


def test_markup_in_a_fact_stays_text() -> None:
    html = rendering.html_of(
        "completion_certificate", COMPLETION_CERTIFICATE | {"name": "<img src='http://x/'>{{ 7*7 }}"}
    )
    assert "<img src='http" not in html and "{{ 7*7 }}" in html


@pytest.mark.parametrize(
    "html",
    [
        "<img src='http://127.0.0.1:9/x.png'>",
        "<img src='file:///etc/passwd'>",
        "<img src='ftp://127.0.0.1/x'>",
        "<img src='data:image/png;base64,AAAA'>",
        "<img src='asset:other.svg'>",
        "<link rel=stylesheet href='http://127.0.0.1:9/x.css'>",
        "<link rel=attachment href='file:///etc/passwd'>",
        "<style>@import 'http://127.0.0.1:9/x.css';</style>",
        "<style>@font-face { font-family: x; src: url(file:///etc/passwd) }</style>",
        "<p style='background: url(http://127.0.0.1:9/x.png)'>x</p>",
        "<object data='file:///etc/passwd'></object>",
        "<embed src='http://127.0.0.1:9/x.svg'>",
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd' width='9' height='9'/></svg>",
    ],
)
def test_nothing_but_our_own_assets_is_ever_fetched(html: str) -> None:
    with pytest.raises(rendering.RenderingRefused, match=r"not an asset|render SVG|fails on this"):
        rendering.pdf_of(html, "", {"asset:qr.png": QR})


def test_a_box_drawn_by_a_template_is_refused_too() -> None:
    """Also where every line of a log is masked, as in a running application."""
    logs.configure()
    with pytest.raises(rendering.Unprintable, match="U\\+A7CA"):
        rendering.pdf_of("<p>\ua7ca</p>", "", {})


def test_an_image_that_cannot_be_drawn_is_refused_and_not_left_out() -> None:
    with pytest.raises(rendering.RenderingRefused, match=r"asset:qr\.png"):
        rendering.render("completion_certificate", COMPLETION_CERTIFICATE, b"no image")


WITHOUT_PANGO = """
import cffi
def dlopen(self, name, flags=0):
    raise OSError(f"cannot load library {{name}}")
cffi.FFI.dlopen = dlopen
__file__ = {script!r}
exec(compile(open(__file__).read(), __file__, "exec"))
"""


def test_without_pango_a_rendering_names_the_line_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = str(sandboxed.HOME / "sandboxed.py")
    (tmp_path / "sandboxed.py").write_text(WITHOUT_PANGO.format(script=script))
    monkeypatch.setattr(sandboxed, "HOME", tmp_path)
    monkeypatch.setattr(press, "press", press.Press())
    with pytest.raises(rendering.PangoMissing, match=r"cannot load library.*apt-get install libpango-1\.0-0"):
        rendering.render("completion_certificate", COMPLETION_CERTIFICATE, QR)
    assert capfd.readouterr().out == ""
