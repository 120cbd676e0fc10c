"""Which characters the documents really print, found out by printing them.

Each character is set in both font stacks of the documents. Then fonts and glyphs are read back out of the PDF, each
embedded outline is compared with the one of the installed font, and the page, drawn by poppler, with what FreeType
draws for that character.
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pypdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageStat

from edu_pilot.services import glyphs, rendering, typefaces

STACKS = dict(zip(("song", "kai"), glyphs.FONT_CHAINS, strict=True))
# Fonts that were cut on this computer.
CUT = {name.replace(" ", "-") for names in typefaces.CUTS.values() for name in names}
# The subsetter gives up at some 385 glyphs of HanaMinB in one file.
ACROSS, DOWN = 38, 8
SHEET = ACROSS * DOWN
POINTS, DPI = 12, 288
STYLE = f"p {{ white-space: pre; font-size: {POINTS}pt; line-height: 14pt; font-family: var(--%s) }}"
PIXELS = POINTS * DPI // 72
# A style sheet's pixel is three quarters of a point.
SIZE = round(POINTS / 0.75)
TOKEN = re.compile(rb"/(\w+) ([\d.]+) Tf|([\d.]+) ([\d.]+) Tm|<([0-9a-f]+)>")
# Two engines differ at the edges of strokes by a fifth of the ink at most, two characters by some two fifths.
MOST_APART = 0.3
BLUR = ImageFilter.GaussianBlur(3)
LEAST_INK = 2.0
# Of a single stroke the edge is most of the ink.
FEW_STROKES = 20.0


class Fault(NamedTuple):
    """One character that is not on the page as the preflight said."""

    char: str
    stack: str
    why: str


class Seen(NamedTuple):
    """One glyph of a page: the font's name in the PDF, the glyph's number, its origin in points from the top left."""

    font: str
    glyph: int
    page: int
    x: float
    y: float


def faults(characters: Sequence[str], *, square: bool = True) -> Iterator[Fault]:
    """Print characters that the preflight allows, and give those that do not stand on the page as they should.

    Only of square ones is known where each stands, so that its picture can be looked at too; other signs may take
    another form beside their neighbours, and need only be some drawing of the expected font.
    """
    for first in range(0, len(characters), SHEET):
        for stack in STACKS:
            yield from _faults_of_sheet(characters[first : first + SHEET], stack, square)


def _faults_of_sheet(characters: Sequence[str], stack: str, square: bool) -> Iterator[Fault]:
    lines = ["".join(characters[i : i + ACROSS]) for i in range(0, len(characters), ACROSS)]
    try:
        pdf = rendering.pdf_of(_html(lines), rendering.style_sheet("claim_form") + STYLE % stack, {})
    except rendering.Unprintable as refused:
        yield from (Fault(told.char, stack, "a box, which the renderer refused") for told in refused.characters)
        return
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    fonts, pictures = _fonts(reader), _pictures(pdf) if square else []
    found = _lines(reader)
    if len(found) != len(lines):
        raise RuntimeError(f"{len(lines)} lines were set, {len(found)} were found")
    for line, seen in zip(lines, found, strict=True):
        if len(line) != len(seen):
            yield from (Fault(char, stack, "its line has another number of glyphs") for char in line)
        else:
            for char, one in zip(line, seen, strict=True):
                why = _font_fault(char, one, stack, fonts)
                if square:
                    why = why or _outline_fault(char, one, stack, fonts) or _picture_fault(char, one, stack, pictures)
                if why:
                    yield Fault(char, stack, why)


def _html(lines: Sequence[str]) -> str:
    rows = "".join(f"<p>{line.replace('&', '&amp;').replace('<', '&lt;')}</p>" for line in lines)
    return f"<!doctype html><html lang='zh-CN'><body>{rows}</body></html>"


def _lines(reader: pypdf.PdfReader) -> list[list[Seen]]:
    """Return the lines of the body in order, each with its glyphs."""
    found: list[list[Seen]] = []
    for number, page in enumerate(reader.pages):
        contents = page.get_contents()
        found.extend(_lines_of(contents.get_data() if contents is not None else b"", number))
    return [line for line in found if line]


def _lines_of(content: bytes, page: int) -> Iterator[list[Seen]]:
    font, size, x, y = "", 0.0, 0.0, 0.0
    line: list[Seen] = []
    for name, points, left, top, hexes in TOKEN.findall(content):
        if name:
            font, size = name.decode(), float(points)
        elif left:
            yield line
            line, x, y = [], float(left) * 0.75, float(top) * 0.75
        elif round(size) == SIZE:
            for i in range(0, len(hexes), 4):
                line.append(Seen(font, int(hexes[i : i + 4], 16), page, x + len(line) * POINTS, y))
    yield line


class Embedded:
    """A font as a PDF carries it."""

    def __init__(self, font: Any) -> None:
        self.family = str(font["/BaseFont"]).partition("+")[2]
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        program = descriptor.get("/FontFile2") or descriptor["/FontFile3"]
        self.font = glyphs.TTFont(io.BytesIO(program.get_data()), lazy=True)
        self.outlines = self.font.getGlyphSet()

    def outline(self, glyph: int) -> glyphs.Outline:
        """Return the strokes of a glyph; none where the font holds no such glyph."""
        if glyph >= len(self.font.getGlyphOrder()):
            return ()
        return glyphs.outline_of(self.outlines, self.font.getGlyphName(glyph))


def _fonts(reader: pypdf.PdfReader) -> dict[str, Embedded]:
    fonts: dict[str, Any] = {}
    for page in reader.pages:
        resources: Any = page["/Resources"]
        fonts |= {name[1:]: font for name, font in resources["/Font"].items()}
    return {name: Embedded(font.get_object()) for name, font in fonts.items()}


def _font_fault(char: str, seen: Seen, stack: str, fonts: dict[str, Embedded]) -> str:
    """Say what is wrong about the font or where it draws nothing; nothing where all is well."""
    family, found = glyphs.family_of(char, STACKS[stack]), fonts[seen.font]
    # HanaMinB calls its only weight a medium one.
    if family is None or found.family.removesuffix("-Medium") not in _names(family):
        return f"drawn by {found.family}, not by {family}"
    outline = found.outline(seen.glyph)
    if not glyphs.has_area(outline):
        return f"{family} draws a blank"
    return f"{family} draws its box" if outline == _installed(char, stack).box else ""


def _names(family: str) -> set[str]:
    """Return what a family is called in a PDF, whole or cut."""
    return {name.replace(" ", "-") for name in (family, *typefaces.CUTS.get(family, ()))}


def _outline_fault(char: str, seen: Seen, stack: str, fonts: dict[str, Embedded]) -> str:
    """Say whether the outline in the PDF is another than the one the preflight looked at.

    A cut font draws it with other curves: of that only the picture tells.
    """
    cut = fonts[seen.font].family in CUT
    same = cut or fonts[seen.font].outline(seen.glyph) == _installed(char, stack).outline_of(char)
    return "" if same else "the outline of another glyph"


def _installed(char: str, stack: str) -> glyphs.Glyphs:
    found = glyphs.glyphs_of(glyphs.family_of(char, STACKS[stack]) or "")
    assert found is not None
    return found


def _pictures(pdf: bytes) -> list[Image.Image]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.pdf"
        file.write_bytes(pdf)
        subprocess.run(["pdftoppm", "-gray", "-r", str(DPI), file, Path(folder) / "page"], check=True)
        return [Image.open(io.BytesIO(page.read_bytes())) for page in sorted(Path(folder).glob("page*.pgm"))]


def _picture_fault(char: str, seen: Seen, stack: str, pictures: Sequence[Image.Image]) -> str:
    """Compare the cell on the page, as poppler draws it, with the character as FreeType draws it."""
    x, y = seen.x * DPI / 72, seen.y * DPI / 72
    left, top = round(x), round(y) - round(0.9 * PIXELS)
    cell = pictures[seen.page].crop((left, top, left + PIXELS, top + round(1.1 * PIXELS)))
    ink = ImageStat.Stat(ImageChops.invert(cell)).mean[0]
    if ink < LEAST_INK:
        return "the page shows a blank"
    # The two engines may round the base line to neighbouring pixels.
    owns = (drawn_by_freetype(char, stack, cell.size, (x - left, y - top + shift)) for shift in (0, -1))
    apart = min(_difference(cell, own) for own in owns) / max(ink, FEW_STROKES)
    return f"the page shows another picture ({apart:.2f})" if apart > MOST_APART else ""


def _difference(one: Image.Image, other: Image.Image) -> float:
    mean: float = ImageStat.Stat(ImageChops.difference(one.filter(BLUR), other.filter(BLUR))).mean[0]
    return mean


def drawn_by_freetype(char: str, stack: str, size: tuple[int, int], origin: tuple[float, float]) -> Image.Image:
    """Draw a character with the font the preflight named, without the renderer."""
    picture = Image.new("L", size, 255)
    family = glyphs.family_of(char, STACKS[stack]) or ""
    ImageDraw.Draw(picture).text(origin, char, 0, _freetype(family), "ls")
    return picture


@cache
def _freetype(family: str) -> ImageFont.FreeTypeFont:
    font = glyphs.installed_fonts()[family]
    return ImageFont.truetype(font.path, PIXELS, font.face, layout_engine=ImageFont.Layout.BASIC)


def plain(char: str) -> str:
    """Return what a character is by Unicode's own account, without its variants and radicals."""
    return unicodedata.normalize("NFKC", char)
