"""Which characters the fonts of the documents really draw, asked before anything is laid out."""

import subprocess
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont

from edu_pilot.rules.identity import HAN_RANGES

LONGEST_TEXT = 2_000
NAME_FONT = "LXGW WenKai"
BODY_FONT = "Noto Serif CJK SC"
RARE_FONTS = ("HanaMinA", "HanaMinB", "BabelStone Han")
FAMILIES = (NAME_FONT, BODY_FONT, *RARE_FONTS)
# The Debian package that brings each family.
PACKAGES = {
    NAME_FONT: "fonts-lxgw-wenkai",
    BODY_FONT: "fonts-noto-cjk",
    "HanaMinA": "fonts-hanazono",
    "HanaMinB": "fonts-hanazono",
    "BabelStone Han": "fonts-babelstone-han",
}
# The order in which a text of the body, and a title or name, looks for its glyphs in _base.css.
FONT_CHAINS = ((BODY_FONT, NAME_FONT, *RARE_FONTS), (NAME_FONT, BODY_FONT, *RARE_FONTS))
BLANKS = frozenset(" \n\u00a0\u3000")
# Marks (M) change the character before them, and where they sit the fonts do not agree on.
NEVER_PRINTED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp"})
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
NEVER_OURS = (
    # Variation selectors change the glyph before them.
    range(0xFE00, 0xFE10),
    range(0xE0100, 0xE01F0),
    # Thai is composed of pieces that stand in no font of ours.
    range(0x0E00, 0x0E80),
    # Emoji, also those older than the word, are drawn by whatever font of the computer Pango likes.
    range(0x1F000, 0x20000),
    *(range(low, high + 1) for low, high in (
        (0x231A, 0x231B), (0x23E9, 0x23F3), (0x25FD, 0x25FE), (0x2614, 0x2615), (0x261D, 0x261D), (0x2648, 0x2653),
        (0x267F, 0x267F), (0x2693, 0x2693), (0x26A1, 0x26A1), (0x26AA, 0x26AB), (0x26BD, 0x26BE), (0x26C4, 0x26C5),
        (0x26CE, 0x26CE), (0x26D4, 0x26D4), (0x26EA, 0x26EA), (0x26F2, 0x26FD), (0x2705, 0x2705), (0x270A, 0x270D),
        (0x2728, 0x2728), (0x274C, 0x274E), (0x2753, 0x2757), (0x2795, 0x2797), (0x27B0, 0x27B0), (0x27BF, 0x27BF),
        (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55),
    )),
)  # fmt: skip

# A name has a few such characters; more is a matter of the fonts.
MOST_TOLD = 12
# What the fields of a document are called where a character is reported.
PLACES = {
    "name": "姓名",
    "employer": "工作单位",
    "unit": "工作单位",
    "job": "岗位",
    "previous_school": "毕业学校",
    "payee": "收款人",
    "payer": "付款人",
    "account_holder": "户名",
    "bank": "开户行",
    "issuer": "开票单位",
    "note": "说明",
    "explanation": "说明",
    "site": "考点",
}
# The steps of a pen, each with its points.
Outline = tuple[tuple[str, tuple[Any, ...]], ...]


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
        self.box = outline_of(self.outlines, ".notdef")

    def outline_of(self, char: str) -> Outline:
        """Return the strokes of a character that the font knows."""
        return outline_of(self.outlines, self.names[ord(char)])

    def draws(self, char: str) -> bool:
        """Say whether the glyph has strokes of its own; some fonts know a character and draw a blank or their box."""
        outline = self.outline_of(char)
        return has_area(outline) and outline != self.box


def outline_of(outlines: Any, glyph: str) -> Outline:
    """Return the strokes of a glyph, with what it is composed of."""
    pen = DecomposingRecordingPen(outlines)
    outlines[glyph].draw(pen)
    return tuple((step, tuple(points)) for step, points in pen.value)


def has_area(outline: Outline) -> bool:
    """Say whether an outline covers anything: no stroke, a point and a line do not."""
    points = [point for _, steps in outline for point in steps if point]
    across, down = ({point[side] for point in points} for side in (0, 1))
    return len(across) > 1 and len(down) > 1


@cache
def glyphs_of(family: str) -> Glyphs | None:
    """Return what an installed family draws, or None where it is missing."""
    font = installed_fonts().get(family)
    return Glyphs(font) if font else None


@cache
def printable(char: str) -> bool:
    """Say whether a character prints as itself in titles, names and body."""
    return char in BLANKS or (not is_never_printed(char) and all(_chain_draws(chain, char) for chain in FONT_CHAINS))


def is_never_printed(char: str) -> bool:
    """Say whether no font could help: private use, no character, a mark on another one, Arabic, an emoji."""
    if any(low <= ord(char) <= high for low, high in HAN_RANGES):
        # The newest ideographs are unassigned in the interpreter's tables.
        return False
    if unicodedata.category(char) in NEVER_PRINTED or unicodedata.bidirectional(char) in RIGHT_TO_LEFT:
        return True
    return any(ord(char) in chars for chars in NEVER_OURS)


def family_of(char: str, chain: tuple[str, ...]) -> str | None:
    """Return the family that will be asked to draw a character: the first of the chain that knows it."""
    return next((name for name in chain if (found := glyphs_of(name)) and ord(char) in found.names), None)


def _chain_draws(chain: tuple[str, ...], char: str) -> bool:
    family = family_of(char, chain)
    glyphs = glyphs_of(family) if family else None
    return glyphs is not None and glyphs.draws(char)


def unprintable(context: object) -> list[UnprintableCharacter]:
    """List each character of a context that would not print, once a field."""
    found = {
        UnprintableCharacter(char, f"U+{ord(char):04X}", field): None
        for field, text in texts(context)
        for char in text
        if not printable(char)
    }
    return list(found)


def told(characters: Iterable[UnprintableCharacter]) -> str:
    """Name characters as a clerk finds them: the character, its code, and its place in both languages.

    Of very many, which is no matter of names any more, the first are named and the rest counted.
    """
    found = list(characters)
    named = ", ".join(f"{_shown(c.char)}{c.codepoint} ({_place(c.field)})" for c in found[:MOST_TOLD])
    return named if len(found) <= MOST_TOLD else f"{named} … (+{len(found) - MOST_TOLD})"


def _shown(char: str) -> str:
    return f"{char} " if char.isprintable() or not is_never_printed(char) else ""


def _place(field: str) -> str:
    label = PLACES.get(field.rpartition(".")[2])
    return f"{label} {field}" if label else field


def rare(text: str) -> str:
    """Return the characters of a text that may need a rare font: what GB 2312 has, every font draws."""
    return "".join(dict.fromkeys(char for char in text if not char.encode("gb2312", "ignore")))


def not_drawn(text: str) -> str:
    """Name the characters of a text that will not print, asked of the rare ones only; empty where all will."""
    return ", ".join(f"{_shown(char)}U+{ord(char):04X}" for char in rare(text) if not printable(char))


def missing_packages() -> list[str]:
    """Name the packages whose fonts are not installed."""
    return list(dict.fromkeys(PACKAGES[family] for family in FAMILIES if family not in installed_fonts()))


def lost(characters: str) -> int:
    """Count the characters that no installed font of ours knows."""
    known = set().union(*(found.names for family in FAMILIES if (found := glyphs_of(family))))
    return sum(ord(char) not in known for char in characters)


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
