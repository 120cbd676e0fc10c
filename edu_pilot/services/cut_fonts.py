"""The everyday characters of our two fonts as small TrueType fonts, cut once on this computer.

A subset of the system's Chinese fonts costs several times the layout of a page. The licence (OFL) allows the cut
under another name; what is not in it is drawn from the whole fonts.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import fontTools
from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, TTLibError

from edu_pilot import paths
from edu_pilot.services.glyphs import InstalledFont, installed_fonts
from edu_pilot.services.typefaces import CONFIGURATION, CUTS, WHOLE_CONFIGURATION

# Changed whenever this file cuts otherwise.
RECIPE = 4
# The rows of GB 2312: its 3,755 everyday characters, and the 3,008 that come after them.
EVERYDAY, SECOND = range(0xB0, 0xD8), range(0xD8, 0xF8)
# Latin with its marks, Greek, Cyrillic, punctuation, signs, numbers in circles, CJK punctuation, full width.
SIGNS = (
    range(0x20, 0x250), range(0x370, 0x460), range(0x2000, 0x2070), range(0x20A0, 0x2300), range(0x2460, 0x2500),
    range(0x25A0, 0x2700), range(0x3000, 0x3040), range(0xFF00, 0xFFF0),
)  # fmt: skip
BLANKS = (0x20, 0xA0, *range(0x2000, 0x200B), 0x3000)

# Error of a curve in units of the em: below what any printer shows.
ERROR = 1.0
HEAD = '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
log = logging.getLogger(__name__)


@cache
def folder() -> Path | None:
    """Return the folder of the cut fonts, cut now if they are not there; None where they cannot be had.

    Without them documents are drawn in the system's own fonts: slower and larger, and told in the log.
    """
    sources = {family: font for family, font in installed_fonts().items() if family in CUTS}
    if len(sources) < len(CUTS):
        return None
    try:
        return _kept(sources)
    except (OSError, TTLibError, KeyError, ValueError) as problem:
        log.error("the fonts of the documents cannot be cut, the whole ones are used: %s", problem)
        return None


@cache
def version() -> str:
    """Return the first 12 hex digits of the hash over the cut fonts, which shape the bytes of a document."""
    found = folder()
    if found is None:
        return "none"
    digest = hashlib.sha256()
    for path in sorted(found.glob("*.ttf")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _kept(sources: dict[str, InstalledFont]) -> Path:
    place = paths.cache() / f"fonts-{_key(paths.cache(), sources)}"
    if not (place / CONFIGURATION).exists():
        with _alone(place):
            if not (place / CONFIGURATION).exists():
                _make(place, sources)
    return place


def _key(cache: Path, sources: dict[str, InstalledFont]) -> str:
    """Return what the cut depends on; its configuration names the folder, so one that was moved is cut anew."""
    digest = hashlib.sha256(f"{RECIPE} {fontTools.version}\0{cache}".encode())
    for family, font in sorted(sources.items()):
        digest.update(f"{family}\0{font.face}\0".encode() + Path(font.path).read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(place: Path, sources: dict[str, InstalledFont]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    half = place.with_suffix(".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o755)
    for family, font in sources.items():
        for name, characters in zip(CUTS[family], (everyday(), second()), strict=True):
            _cut(font, name, characters, _file(half, name))
    (half / WHOLE_CONFIGURATION).write_text(_configuration(place, whole=True), "utf-8")
    (half / CONFIGURATION).write_text(_configuration(place, whole=False), "utf-8")
    half.rename(place)


@cache
def characters() -> frozenset[str]:
    """Return the characters that the cut fonts draw, and white space.

    Both are cut to the same list and stand in each chain, so the one draws what the other has not, as the whole do.
    """
    found = folder()
    drawn: set[int] = set()
    for path in found.glob("*.ttf") if found else ():
        with TTFont(path, lazy=True) as font:
            drawn |= set(font.getBestCmap())
    return frozenset(map(chr, drawn)) | {"\n"}


def _file(place: Path, name: str) -> Path:
    return place / f"{name.replace(' ', '-')}.ttf"


def everyday() -> list[int]:
    """Return the characters of nearly every document."""
    return [*chain.from_iterable(SIGNS), *_gb2312(EVERYDAY)]


def second() -> list[int]:
    """Return the characters of many a name, and the blanks: one is drawn in the font of what stands before it."""
    return [*BLANKS, *_gb2312(SECOND)]


def _gb2312(rows: range) -> list[int]:
    pairs = (bytes((row, cell)).decode("gb2312", "ignore") for row in rows for cell in range(0xA1, 0xFF))
    return [ord(char) for char in pairs if char]


def _configuration(place: Path, *, whole: bool) -> str:
    """Write a configuration that knows the cut fonts, and with `whole` those of the system."""
    system = '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>\n' if whole else ""
    own = f"<dir>{place}</dir>\n<cachedir>{place}/cache</cachedir>\n"
    return f"{HEAD}{system}{own}</fontconfig>\n"


def _cut(font: InstalledFont, name: str, characters: list[int], target: Path) -> None:
    with TTFont(font.path, fontNumber=font.face, lazy=True) as source:
        cut = _drawn_anew(source, name, characters) if "CFF " in source else _subset(source, name, characters)
        cut["head"].created = cut["head"].modified = source["head"].modified
        cut.recalcTimestamp = False
        cut.save(target)


def _subset(source: TTFont, name: str, characters: list[int]) -> TTFont:
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True, glyph_names=False)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "meta", "STAT"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(source)
    for number in (1, 3, 4, 6, 16):
        source["name"].removeNames(nameID=number)
    for number, text in {1: name, 2: "Regular", 4: name, 6: name.replace(" ", "-")}.items():
        source["name"].removeNames(nameID=number)
        source["name"].setName(text, number, 3, 1, 0x409)
    return source


def _drawn_anew(source: TTFont, name: str, characters: list[int]) -> TTFont:
    """Draw the outlines with the curves of TrueType, whose subset is cheap."""
    known, wanted = source.getBestCmap(), set(characters)
    names: dict[int, str] = {c: n for c, n in known.items() if c in wanted}
    order = list(dict.fromkeys([".notdef", *(names[c] for c in characters if c in names)]))
    builder = FontBuilder(source["head"].unitsPerEm, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(names)
    outlines = source.getGlyphSet()
    builder.setupGlyf({glyph: _outline(outlines, glyph) for glyph in order})
    drawn, widths = builder.font["glyf"], source["hmtx"]
    builder.setupHorizontalMetrics({g: (widths[g][0], getattr(drawn[g], "xMin", 0)) for g in order})
    _measures(builder, source)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "licenseDescription": "OFL 1.1"})
    builder.setupPost(keepGlyphNames=False)
    return builder.font


def _measures(builder: FontBuilder, source: TTFont) -> None:
    head, windows = source["hhea"], source["OS/2"]
    builder.setupHorizontalHeader(ascent=head.ascent, descent=head.descent, lineGap=head.lineGap)
    kept = ("sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent", "fsSelection",
            "ulUnicodeRange1", "ulUnicodeRange2", "ulUnicodeRange3", "ulUnicodeRange4", "ulCodePageRange1",
            "usWeightClass", "sxHeight", "sCapHeight")  # fmt: skip
    builder.setupOS2(**{name: getattr(windows, name) for name in kept if hasattr(windows, name)})


def _outline(outlines: Any, name: str) -> Any:
    pen = TTGlyphPen(None)
    outlines[name].draw(Cu2QuPen(pen, ERROR, reverse_direction=True))
    return pen.glyph()
