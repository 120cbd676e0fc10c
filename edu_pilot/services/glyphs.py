"""Which characters the fonts of the documents really draw, asked before anything is laid out."""

import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from fontTools.pens.boundsPen import ControlBoundsPen
from fontTools.ttLib import TTFont

LONGEST_TEXT = 2_000
NAME_FONT = "LXGW WenKai"
BODY_FONT = "Noto Serif CJK SC"
RARE_FONTS = ("HanaMinA", "HanaMinB", "BabelStone Han")
FAMILIES = (NAME_FONT, BODY_FONT, *RARE_FONTS)
# The order in which a text of the body, and a title or name, looks for its glyphs in _base.css.
FONT_CHAINS = ((BODY_FONT, NAME_FONT, *RARE_FONTS), (NAME_FONT, BODY_FONT, *RARE_FONTS))
BLANKS = frozenset(" \n\u00a0\u3000")
NEVER_PRINTED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Variation selectors change the glyph before them; emoji are drawn by whatever font Pango likes.
NEVER_OURS = (range(0xFE00, 0xFE10), range(0x1F000, 0x20000), range(0xE0100, 0xE01F0))


class UnprintableCharacter(NamedTuple):
    """One character no font of the documents draws, and the field it stands in."""

    char: str
    codepoint: str
    field: str


class InstalledFont(NamedTuple):
    """One font file as fontconfig lists it; `face` is its place in a collection."""

    path: str
    face: int
    version: str


@cache
def installed_fonts() -> dict[str, InstalledFont]:
    """Find the regular font of each of our families."""
    try:
        listing = subprocess.run(
            ["fc-list", "--format", "%{family[0]}|%{style[0]}|%{file}|%{index}|%{fontversion}\n"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    rows = sorted(line.split("|") for line in listing.splitlines())
    # Reversed, so that of two copies of a font the first path stays.
    return {
        family: InstalledFont(path, int(index) & 0xFFFF, version)
        for family, style, path, index, version in reversed(rows)
        if family in FAMILIES and style == "Regular"
    }


class Glyphs:
    """What one font draws."""

    def __init__(self, font: InstalledFont) -> None:
        self.font = TTFont(font.path, fontNumber=font.face, lazy=True)
        self.names: dict[int, str] = self.font.getBestCmap()
        self.outlines = self.font.getGlyphSet()

    def draws(self, char: str) -> bool:
        """Say whether the glyph has an outline; some fonts know a character and leave it blank."""
        pen = ControlBoundsPen(self.outlines)
        self.outlines[self.names[ord(char)]].draw(pen)
        return pen.bounds is not None


@cache
def _glyphs(family: str) -> Glyphs | None:
    font = installed_fonts().get(family)
    return Glyphs(font) if font else None


@cache
def printable(char: str) -> bool:
    """Say whether a character prints as itself in titles, names and body."""
    if char in BLANKS:
        return True
    if unicodedata.category(char) in NEVER_PRINTED or any(ord(char) in r for r in NEVER_OURS):
        return False
    return all(_chain_draws(chain, char) for chain in FONT_CHAINS)


def _chain_draws(chain: tuple[str, ...], char: str) -> bool:
    """The first font that knows the character is the one that will be asked to draw it."""
    for glyphs in map(_glyphs, chain):
        if glyphs and ord(char) in glyphs.names:
            return glyphs.draws(char)
    return False


def unprintable(context: object) -> list[UnprintableCharacter]:
    """List each character of a context that would not print, once a field."""
    found = {
        UnprintableCharacter(char, f"U+{ord(char):04X}", field): None
        for field, text in texts(context)
        for char in text
        if not printable(char)
    }
    return list(found)


def texts(value: object, field: str = "") -> Iterator[tuple[str, str]]:
    """Walk a context: each text with the path of its field.

    Raises TypeError for anything but text, integer, truth value, None, list and mapping (no
    record reaches a template), ValueError for a text too long to lay out.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"{field} has {len(value)} characters, at most {LONGEST_TEXT}")
        yield field, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, f"{field}.{key}" if field else str(key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from texts(item, f"{field}[{place}]")
    elif value is not None and not isinstance(value, int):
        raise TypeError(f"{field} is a {type(value).__name__}; documents take primitives only")
