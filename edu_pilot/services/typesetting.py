"""Documents set into pages: runs inside the walls of the press and is the only module that knows the renderer.

It gets everything a document is made of as text and bytes, and asks for nothing.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import logging
import os
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image

from edu_pilot.sandboxed import Refusal
from edu_pilot.services.typefaces import CONFIGURATION, CUTS, EVERYDAY, SYSTEM, WHOLE, WHOLE_CONFIGURATION

pango_problem = ""
try:
    # The renderer prints advice on stdout when a library is missing; stdout belongs to others.
    with contextlib.redirect_stdout(sys.stderr):
        import pydyf
        import weasyprint
        from weasyprint.css import ColorProfile
        from weasyprint.images import SVGImage
        from weasyprint.pdf.stream import Stream
        from weasyprint.text import ffi
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

        PlainObject: Any = pydyf.Dictionary
        Fetcher: Any = URLFetcher
        Drawing: Any = SVGImage
        FatalFetch: Any = FatalURLFetchingError
except OSError as problem:
    pango_problem = str(problem)
    PlainObject, Fetcher, Drawing, FatalFetch = dict, object, object, RuntimeError

# Tagged, and made to carry its own proof as a file.
PDF_VARIANT = "pdf/a-3a"
OUTPUT_INTENT = "--srgb"
NOTDEF = re.compile(r"\.notdef glyph .*\(U\+([0-9A-F]+)\)", re.S)
# A name a style sheet gives a value; they are put in once, so that no element looks them up.
VALUE = re.compile(r"--([\w-]+):\s*([^;{}]+);")
STYLES_KEPT = 32


class OwnAssets(Fetcher):  # type: ignore[misc]
    """Serves the assets of one document from memory and stops the rendering at anything else."""

    def __init__(self, assets: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols=())
        self.assets = assets

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Give an asset by its `asset:` name; no network and no file is ever opened."""
        body = self.assets.get(url)
        if body is None:
            raise FatalFetch(f"not an asset of this document: {url[:80]}")
        return URLFetcherResponse(url, body)


class PlainInfo(PlainObject):  # type: ignore[misc]
    """The information dictionary kept outside the compressed objects, where the seal is found."""

    compressible = False


class Stamp(Drawing):  # type: ignore[misc]
    """A drawing of a template, turned into the PDF's own words once a process and stamped from then on."""

    def __init__(self, drawing: Any, name: str) -> None:
        self.drawing, self.id = drawing, name
        self.words: dict[tuple[float, float], bytes | None] = {}
        self.size = (0.0, 0.0)
        self.states: dict[str, Any] = {}

    def get_intrinsic_size(self, resolution: Any, font_size: Any) -> Any:
        """Give the size of the drawing itself."""
        return self.drawing.get_intrinsic_size(resolution, font_size)

    def draw(self, stream: Any, width: float, height: float, style: Any) -> None:
        """Stamp it, or draw it where it needs more than lines and colours."""
        if (width, height) not in self.words:
            self.words[width, height] = self._words(width, height, style)
        if self.words[width, height] is None:
            self.drawing.draw(stream, width, height, style)
            return
        self.size = (width, height)
        stream.draw_x_object(stream.add_image(self, False, 1))

    def _words(self, width: float, height: float, style: Any) -> bytes | None:
        resources = pydyf.Dictionary(
            {name: pydyf.Dictionary() for name in ("ExtGState", "XObject", "Pattern", "Shading")}
        )
        scratch = Stream({}, (0, 0, width, height), resources, {}, None, {}, None)
        self.drawing.draw(scratch, width, height, style)
        self.states = resources.pop("ExtGState")
        if any(resources.values()):
            return None
        # The greatest effort: it is made once.
        return zlib.compress(b"\n".join(pydyf._to_bytes(item) for item in scratch.stream), 9)

    def get_x_object(self, _interpolate: bool, _ratio: float) -> Any:
        """Give the stamp as an object of the PDF; one for all places where it stands."""
        width, height = self.size
        facts = {
            "Type": "/XObject",
            "Subtype": "/Form",
            "BBox": pydyf.Array((0, 0, width, height)),
            "Resources": pydyf.Dictionary({"ExtGState": pydyf.Dictionary(self.states)}),
            "Filter": "/FlateDecode",
        }
        return pydyf.Stream([self.words[self.size]], pydyf.Dictionary(facts))


@dataclass(frozen=True)
class Style:
    """A style sheet with the fonts it is set in, parsed once a process."""

    sheet: Any
    fonts: Any


_fonts: dict[str, Any] = {}
_stamps: dict[bytes, Stamp] = {}


def versions() -> str:
    """Name the renderer and its libraries."""
    number = ffi.pango.pango_version()
    pango = f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    return f"weasyprint {weasyprint.__version__}; pydyf {pydyf.__version__}; pango {pango}"


def make_ready(folder: Path | None) -> None:
    """Read the fonts and load whatever a document may need: behind the walls there is nothing to load.

    Raises OSError where the text libraries are missing.
    """
    if pango_problem:
        raise OSError(pango_problem)
    _fonts[SYSTEM] = FontConfiguration()
    for name, file in ((EVERYDAY, CONFIGURATION), (WHOLE, WHOLE_CONFIGURATION)):
        _fonts[name] = _configured(folder / file) if folder else _fonts[SYSTEM]
    for choice in (EVERYDAY, WHOLE):
        content, facts = _rehearsal(choice)
        drawn(content, **facts)
    # A sweep would go through all that was loaded, again and again.
    gc.collect()
    gc.freeze()


def _configured(file: Path) -> Any:
    os.environ["FONTCONFIG_FILE"] = str(file)
    try:
        return FontConfiguration()
    finally:
        del os.environ["FONTCONFIG_FILE"]


def _rehearsal(fonts: str) -> tuple[bytes, dict[str, Any]]:
    """Give a page with one of everything that our templates use."""
    assets = {}
    for kind in ("PNG", "JPEG"):
        picture = io.BytesIO()
        Image.new("L", (8, 8)).save(picture, kind)
        assets[f"asset:{kind}"] = picture.getvalue()
    assets["asset:a.svg"] = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M1 1h3"/></svg>'
    html = (
        '<html lang="zh-CN"><title>t</title><body><h1>印 a</h1><ol><li>1</ol><table><tr><td>1</table>'
        '<p style="display:flex">2</p><img src="asset:PNG" alt="a"><img src="asset:JPEG" alt="b">'
        '<img src="asset:a.svg" alt="c">'
    )
    sheet = '@page{@bottom-center{content:counter(page) counter(pages)}}p{font-family:"LXGW WenKai";position:relative}'
    facts = {"html": html, "css": sheet, "fonts": fonts, "dated": "2025-01-31"}
    return b"".join([*assets.values(), b"facts"]), {
        **facts,
        "assets": [[name, len(body)] for name, body in assets.items()],
        "carried": [["facts", 5]],
    }


def drawn(
    content: bytes, html: str, css: str, fonts: str, assets: list[list[Any]], carried: list[list[Any]], dated: str
) -> tuple[dict[str, Any], bytes]:
    """Set a document into pages, of its own assets only; return what the renderer objects to, and the PDF.

    Raises Refusal for an address that is not its own.
    """
    bodies = _parts(content, [*assets, *carried])
    own = {name: bodies[name] for name, _ in assets}
    watch = Complaints()
    try:
        with _heard(watch):
            pdf = _pdf(html, css, fonts, own, [_attachment(name, bodies[name], dated) for name, _ in carried])
    except FatalFetch as problem:
        raise Refusal("forbidden_address", "%(problem)s", problem=str(problem)) from None
    return {"undrawn": watch.characters, "messages": watch.messages}, pdf


def _parts(content: bytes, lengths: list[list[Any]]) -> dict[str, bytes]:
    view, at, parts = memoryview(content), 0, {}
    for name, length in lengths:
        parts[str(name)] = bytes(view[at : at + length])
        at += length
    return parts


def _pdf(html: str, css: str, fonts: str, assets: Mapping[str, bytes], carried: list[Any]) -> bytes:
    style, fetcher = _style(css, fonts), OwnAssets(assets)
    page = weasyprint.HTML(string=html, url_fetcher=fetcher)
    pdf: bytes = page.write_pdf(
        stylesheets=[style.sheet],
        font_config=style.fonts,
        cache={name: _stamp(name, body) for name, body in assets.items() if name.endswith(".svg")},
        pdf_variant=PDF_VARIANT,
        output_intent=OUTPUT_INTENT,
        color_profiles={OUTPUT_INTENT: _srgb()},
        custom_metadata=True,
        attachments=carried,
        finisher=_finish,
    )
    return pdf


@lru_cache(maxsize=STYLES_KEPT)
def _style(css: str, fonts: str) -> Style:
    css = plain(css) if fonts == SYSTEM else _cut(plain(css))
    return Style(weasyprint.CSS(string=css, font_config=_fonts[fonts], url_fetcher=OwnAssets({})), _fonts[fonts])


def _cut(css: str) -> str:
    """Name the cut fonts before the whole ones; the font library itself knows no private aliases."""
    for family, names in CUTS.items():
        css = css.replace(f'"{family}"', ", ".join(f'"{name}"' for name in (*names, family)))
    return css


def plain(css: str) -> str:
    """Put the values that a style sheet names where it uses them."""
    values = dict(VALUE.findall(css))
    css = VALUE.sub("", css)
    for name, value in values.items():
        css = css.replace(f"var(--{name})", value)
    return css


def _stamp(name: str, body: bytes) -> Stamp:
    if body not in _stamps:
        if len(_stamps) >= STYLES_KEPT:
            _stamps.clear()
        _stamps[body] = Stamp(_drawing(name, body), f"stamp{hashlib.sha256(body).hexdigest()[:12]}")
    return _stamps[body]


def _drawing(name: str, body: bytes) -> Any:
    return SVGImage(ElementTree.fromstring(body), name, OwnAssets({}), None)


@lru_cache(maxsize=1)
def _srgb_file() -> bytes:
    return (files("weasyprint") / "pdf" / "sRGB2014.icc").read_bytes()


def _srgb() -> Any:
    """Give the colour profile of PDF/A; the renderer's own way leaves its file open."""
    # Made anew for each document: a profile whose name was asked is written differently.
    return ColorProfile(io.BytesIO(_srgb_file()), "sRGB2014.icc", "relative-colorimetric", (["r"], ["g"], ["b"]))


def _attachment(name: str, content: bytes, dated: str) -> Any:
    # The renderer would write the hour of this rendering.
    moment = datetime.fromisoformat(dated)
    file = io.BytesIO(content)
    return weasyprint.Attachment(
        file_obj=file, name=name, description=name, created=moment, modified=moment, relationship="Data"
    )


def _finish(_document: object, pdf: Any) -> None:
    pdf.info = PlainInfo(pdf.info)
    if "AF" in pdf.catalog:
        # The renderer names each file twice.
        pdf.catalog["AF"] = pydyf.Array(dict.fromkeys(pdf.catalog["AF"]))


@contextlib.contextmanager
def _heard(watch: Complaints) -> Iterator[None]:
    logger = logging.getLogger("weasyprint")
    logger.addHandler(watch)
    try:
        yield
    finally:
        logger.removeHandler(watch)


class Complaints(logging.Handler):
    """Collects what the renderer only logs: characters it had no glyph for, and its other warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.characters: list[str] = []
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        message = record.getMessage()
        if found := NOTDEF.search(message):
            self.characters.append(found[1])
        else:
            self.messages.append(message)
