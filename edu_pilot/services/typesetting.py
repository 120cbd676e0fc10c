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
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
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
        import cssselect2
        import pydyf
        import weasyprint
        from weasyprint.css import ColorProfile, StyleFor
        from weasyprint.css.counters import CounterStyle
        from weasyprint.css.targets import TargetCollector
        from weasyprint.document import Document as Rendered
        from weasyprint.images import SVGImage, get_image_from_uri
        from weasyprint.layout import LayoutContext
        from weasyprint.pdf.stream import Stream
        from weasyprint.text import ffi
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

        PlainObject: Any = pydyf.Dictionary
        AnyObject: Any = pydyf.Object
        Styles: Any = StyleFor
        Layout: Any = Rendered
        Html: Any = weasyprint.HTML
        Fetcher: Any = URLFetcher
        Drawing: Any = SVGImage
        FatalFetch: Any = FatalURLFetchingError
except OSError as problem:
    pango_problem = str(problem)
    PlainObject, Fetcher, Drawing, FatalFetch = dict, object, object, RuntimeError
    AnyObject, Styles, Layout, Html = object, object, object, object

# Tagged, and made to carry its own proof as a file.
PDF_VARIANT = "pdf/a-3a"
OUTPUT_INTENT = "--srgb"
NOTDEF = re.compile(r"\.notdef glyph .*\(U\+([0-9A-F]+)\)", re.S)
# A name a style sheet gives a value; they are put in once, so that no element looks them up.
VALUE = re.compile(r"--([\w-]+):\s*([^;{}]+);")
STYLES_KEPT = 32
# Depth and colour in the head of a PNG.
ONE_BIT_GREY = b"\x01\x00"
# A list of a thousand people is as good as never built the same way twice.
LARGEST_BUILD = 400
# The greatest effort costs a tenth of the document's time and saves a fiftieth of its bytes.
EFFORT = 1


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


class Code(Drawing):  # type: ignore[misc]
    """A QR code, whose bits go into the PDF as they are; the renderer would make three bytes of each."""

    def __init__(self, png: bytes) -> None:
        self.png, self.id = png, "code"
        self.side = int.from_bytes(png[16:20], "big")

    def get_intrinsic_size(self, resolution: Any, font_size: Any) -> Any:
        """Give a pixel for each module."""
        return self.side / resolution, self.side / resolution, 1

    def draw(self, stream: Any, width: float, height: float, style: Any) -> None:
        """Draw it over its place."""
        stream.transform(width, 0, 0, -height, 0, height)
        stream.draw_x_object(stream.add_image(self, False, 1))

    def get_x_object(self, _interpolate: bool, _ratio: float) -> Any:
        """Give the compressed rows of the PNG, one bit a module."""
        facts = {
            "Type": "/XObject", "Subtype": "/Image", "Width": self.side, "Height": self.side,
            "ColorSpace": "/DeviceGray", "BitsPerComponent": 1, "Filter": "/FlateDecode",
            "DecodeParms": pydyf.Dictionary({"Predictor": 15, "Columns": self.side, "BitsPerComponent": 1}),
        }  # fmt: skip
        return pydyf.Stream([rows_of(self.png)], pydyf.Dictionary(facts))


def rows_of(png: bytes) -> bytes:
    """Return the compressed rows of a PNG: length, kind, content and a sum of each part, after eight bytes."""
    at, rows = 8, []
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        if kind == b"IDAT":
            rows.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(rows)


class Written(AnyObject):  # type: ignore[misc]
    """An object of the PDF in its final words; the renderer would say and press each twice, once for its hash."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.number, self.generation, self.free, self.offset = said.number, said.generation, said.free, said.offset
        self.compressible, self.data = said.compressible, _said(said)

    compressible = False
    data = b""


def _said(said: Any) -> bytes:
    if isinstance(said, pydyf.Stream) and said.compress:
        raw = b"\n".join(item if type(item) is bytes else pydyf._to_bytes(item) for item in said.stream)
        said.stream, said.compress = [zlib.compress(raw, EFFORT)], False
        said.extra["Filter"] = "/FlateDecode"
    data: bytes = said.data
    return data


class KeptStyles(Styles):  # type: ignore[misc]
    """The computed styles of a document, given to every later one that is built of the same elements.

    The renderer itself shares a style between alike elements, and copies one before it changes it.
    """

    def __init__(self, known: Any, elements: list[Any]) -> None:
        self.__dict__.update(known.__dict__)
        self.elements, self.kept = elements, self._computed_styles

    def of(self, elements: list[Any]) -> KeptStyles:
        """Return these styles for the same elements of another document."""
        other, same = KeptStyles(self, self.elements), dict(zip(self.elements, elements, strict=True))
        other._computed_styles = {(same.get(e, e), part): style for (e, part), style in self.kept.items()}
        other.kept = self.kept
        return other

    def add_page_declarations(self, page_type: Any) -> None:
        """Match the rules of a kind of page once."""
        if (page_type, None) not in self.kept:
            super().add_page_declarations(page_type)

    def set_computed_styles(self, element: Any, *rest: Any, pseudo_type: str | None = None, **more: Any) -> None:
        """Compute the style of a page, or of a part of its margin, once."""
        key = element, pseudo_type
        if key not in self.kept:
            super().set_computed_styles(element, *rest, pseudo_type=pseudo_type, **more)
            self.kept[key] = self._computed_styles[key]


class Complaints(logging.Handler):
    """Collects what the renderer only logs: characters it had no glyph for, and its other warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.forget()

    def forget(self) -> None:
        """Begin anew, for the next document."""
        self.characters: list[str] = []
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        message = record.getMessage()
        if found := NOTDEF.search(message):
            self.characters.append(found[1])
        else:
            self.messages.append(message)


class Filled(Html):  # type: ignore[misc]
    """A filled template of ours, which is XML: read in a tenth of the time that HTML takes."""

    def __init__(self, html: str, fetcher: Any) -> None:
        self.base_url, self.media_type, self.url_fetcher = None, "print", fetcher
        self.etree_element = ElementTree.fromstring(html)
        self.wrapper_element = cssselect2.ElementWrapper.from_html_root(self.etree_element, content_language=None)


def _read(html: str, fetcher: Any) -> Any:
    try:
        return Filled(html, fetcher)
    except ElementTree.ParseError:
        return weasyprint.HTML(string=html, url_fetcher=fetcher)


class Document(Layout):  # type: ignore[misc]
    """A document that takes its styles from an earlier one of the same build."""

    @classmethod
    def _build_layout_context(cls, html: Any, fonts: Any, counters: Any, profiles: Any, options: Any) -> Any:
        elements = list(html.etree_element.iter())
        build = (options["stylesheets"][0], *map(_built, elements))
        if known := _builds.get(build):
            counters.update(known.counters)
            return LayoutContext(
                known.styles.of(elements), _pictures(html, options), fonts, counters, TargetCollector()
            )
        context = super()._build_layout_context(html, fonts, counters, profiles, options)
        context.style_for = KeptStyles(context.style_for, elements)
        if len(elements) <= LARGEST_BUILD:
            _keep(_builds, build, Build(context.style_for, counters))
        return context


def _built(element: Any) -> tuple[Any, ...]:
    """Return what style rules may ask of an element; a meta element's content is asked by none."""
    asked = {name: value for name, value in element.items() if (element.tag, name) != ("meta", "content")}
    return element.tag, len(element), bool(element.text), *asked.items()


def _pictures(html: Any, options: Mapping[str, Any]) -> Any:
    return partial(get_image_from_uri, cache=options["cache"], url_fetcher=html.url_fetcher, options=options)


@dataclass(frozen=True)
class Build:
    """What documents of the same elements have in common: their styles, and how counters are written."""

    styles: KeptStyles
    counters: Mapping[str, Any]


@dataclass(frozen=True)
class Style:
    """A style sheet with the fonts it is set in, parsed once a process."""

    sheet: Any
    fonts: Any


_fonts: dict[str, Any] = {}
_stamps: dict[bytes, Stamp] = {}
_builds: dict[tuple[Any, ...], Build] = {}
# One for all documents: to add a handler costs a look at every logger of the process.
_complaints = Complaints()
logging.getLogger("weasyprint").addHandler(_complaints)


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
    _complaints.forget()
    try:
        pdf = _pdf(html, css, fonts, own, [_attachment(name, bodies[name], dated) for name, _ in carried])
    except FatalFetch as problem:
        raise Refusal("forbidden_address", "%(problem)s", problem=str(problem)) from None
    return {"undrawn": _complaints.characters, "messages": _complaints.messages}, pdf


def _parts(content: bytes, lengths: list[list[Any]]) -> dict[str, bytes]:
    view, at, parts = memoryview(content), 0, {}
    for name, length in lengths:
        parts[str(name)] = bytes(view[at : at + length])
        at += length
    return parts


def _pdf(html: str, css: str, fonts: str, assets: Mapping[str, bytes], carried: list[Any]) -> bytes:
    style, page = _style(css, fonts), _read(html, OwnAssets(assets))
    options = weasyprint.DEFAULT_OPTIONS | {
        "stylesheets": [style.sheet],
        "cache": _drawings(assets),
        "pdf_variant": PDF_VARIANT,
        "output_intent": OUTPUT_INTENT,
        "custom_metadata": True,
        "attachments": carried,
    }
    document = Document._render(page, style.fonts, CounterStyle(), {OUTPUT_INTENT: _srgb()}, options)
    pdf: bytes = document.write_pdf(finisher=_finish, **options)
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


def _drawings(assets: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what we put into the PDF by ourselves; photographs are left to the renderer."""
    stamps = {name: _stamp(name, body) for name, body in assets.items() if name.endswith(".svg")}
    return stamps | {name: Code(body) for name, body in assets.items() if body[24:26] == ONE_BIT_GREY}


def _stamp(name: str, body: bytes) -> Stamp:
    if body not in _stamps:
        _keep(_stamps, body, Stamp(_drawing(name, body), f"stamp{hashlib.sha256(body).hexdigest()[:12]}"))
    return _stamps[body]


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep one more; a press that met so many different things begins anew."""
    if len(kept) >= STYLES_KEPT:
        kept.clear()
    kept[key] = value


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
    pdf.objects = [said if said.free == "f" else Written(said) for said in pdf.objects]
