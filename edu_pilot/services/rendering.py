"""Documents from frozen data: the only module that knows the renderer.

The same kind and context give the same bytes under the same renderer versions.
"""

import contextlib
import hashlib
import io
import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edu_pilot import paths
from edu_pilot.services import proof, wording
from edu_pilot.services.glyphs import (
    FAMILIES,
    RARE_FONTS,
    UnprintableCharacter,
    installed_fonts,
    told,
    unprintable,
)
from edu_pilot.workflow.reasons import N_

pango_problem = ""
try:
    # The renderer prints advice on stdout when a library is missing; stdout belongs to --json.
    with contextlib.redirect_stdout(sys.stderr):
        import pydyf
        import weasyprint
        from weasyprint.css import ColorProfile
        from weasyprint.text import ffi
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

        PlainObject: Any = pydyf.Dictionary
        Fetcher: Any = URLFetcher
        FatalFetch: Any = FatalURLFetchingError
except OSError as problem:
    pango_problem = str(problem)
    PlainObject, Fetcher, FatalFetch = dict, object, RuntimeError

APT_LINE = (
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig "
    "fonts-noto-cjk fonts-lxgw-wenkai fonts-hanazono fonts-babelstone-han"
)
UNPRINTABLE = N_(
    "No installed font can draw: %(characters)s. Compare with the ID card and correct what was mistyped. "
    "If it is right, the administrator installs a font that has it (edu-pilot doctor); the paper is then made by "
    "itself. Nothing else is printed in its place."
)
# Tagged, and made to carry its own proof as a file.
PDF_VARIANT = "pdf/a-3a"
NOTDEF = re.compile(r"\.notdef glyph .*\(U\+([0-9A-F]+)\)", re.S)
OUTPUT_INTENT = "--srgb"
NOTHING: Mapping[str, bytes] = MappingProxyType({})

# Pango's font map is not made for two threads, and the missing-glyph watch reads one log.
rendering = threading.Lock()


class RenderingRefused(Exception):
    """A document cannot be made; an English message id and its facts say why."""

    def __init__(self, text: str, **facts: str) -> None:
        self.text, self.facts = text, facts
        super().__init__(text % facts)


class PangoMissing(RenderingRefused):
    """The text libraries or the fonts of the documents are not installed."""

    def __init__(self, missing: str) -> None:
        text = N_("Documents cannot be rendered; missing: %(missing)s. Run: %(line)s")
        super().__init__(text, missing=missing, line=APT_LINE)


class ForbiddenAddress(RenderingRefused):
    """A document asked for something that is not one of its own assets."""

    def __init__(self, problem: str) -> None:
        super().__init__(N_("The document asks for something that is not its own: %(problem)s"), problem=problem)


class Unprintable(RenderingRefused):
    """Some characters would print as boxes, as blanks or as something else (R2.4)."""

    def __init__(self, characters: list[UnprintableCharacter]) -> None:
        self.characters = characters
        super().__init__(UNPRINTABLE, characters=told(characters))


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


@dataclass(frozen=True)
class Style:
    """The style sheet and fonts of a kind, parsed once a process."""

    sheet: Any
    fonts: Any


def documents() -> Path:
    """Give the folder of the document templates."""
    return Path(paths.templates()) / "documents"


@cache
def environment() -> Environment:
    """Give the template environment of the documents: escaped, strict, with their wording."""
    env = Environment(
        loader=FileSystemLoader(documents()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        name: getattr(wording, name)
        for name in (
            "capitals",
            "yuan",
            "date_zh",
            "date_en",
            "date_capitals",
            "grouped_id",
            "grouped_phone",
            "masked_id",
            "masked_phone",
            "account_tail",
        )
    }
    return env


@cache
def template_version(kind: str) -> str:
    """Give the first 12 hex digits of the hash over all files a kind is made of."""
    shared = [path for path in documents().glob("_*") if path.is_file()]
    own = [path for path in (documents() / kind).iterdir() if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(shared) + sorted(own):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def renderer_versions() -> str:
    """Name everything outside the template that shapes the bytes: renderer, Pango, fonts."""
    require_renderer()
    number = ffi.pango.pango_version()
    pango = f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    fonts = ", ".join(f"{name} {font.version}" for name, font in sorted(installed_fonts().items()))
    return f"weasyprint {weasyprint.__version__}; pydyf {pydyf.__version__}; pango {pango}; fonts {fonts}"


def missing_pieces() -> list[str]:
    """Name the library or font families that documents need and this computer lacks."""
    if pango_problem:
        return [pango_problem]
    return [family for family in FAMILIES if family not in installed_fonts()]


def require_renderer() -> None:
    """Raise PangoMissing unless the libraries and the two fonts of every document are there."""
    missing = [piece for piece in missing_pieces() if piece not in RARE_FONTS]
    if missing:
        raise PangoMissing(", ".join(missing))


def render(kind: str, context: Mapping[str, object], qr_png: bytes, token: str = "", portrait: bytes = b"") -> bytes:
    """Make the archive PDF of one document, with a blank place for the seal; the portrait is a JPEG, if any.

    Raises PangoMissing, Unprintable (before any layout), TypeError or ValueError for a context
    that is not made of short primitives.
    """
    require_renderer()
    if characters := unprintable(context):
        raise Unprintable(characters)
    html = html_of(kind, context, token)
    pictures = {"asset:qr.png": qr_png, "asset:portrait.jpg": portrait}
    carried = {proof.CARRIED: proof.carried(token)} if token else {}
    return pdf_of(html, _style(kind), {**pictures, **_assets(kind)}, carried, str(context["issued_on"]))


def html_of(kind: str, context: Mapping[str, object], token: str = "") -> str:
    """Fill the template of a kind; StrictUndefined raises for a key that is missing."""
    template = environment().get_template(f"{kind}/body.html")
    return template.render(context, token=token, seal_blank=proof.SEAL_BLANK)


@cache
def _assets(kind: str) -> dict[str, bytes]:
    return {f"asset:{path.name}": path.read_bytes() for path in sorted((documents() / kind).glob("*.svg"))}


@cache
def _style(kind: str) -> Style:
    fonts = FontConfiguration()
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (documents() / "_base.css", documents() / kind / "print.css")
    )
    return Style(weasyprint.CSS(string=text, font_config=fonts, url_fetcher=OwnAssets({})), fonts)


def pdf_of(
    html: str, style: Style, assets: Mapping[str, bytes], carried: Mapping[str, bytes] = NOTHING, dated: str = ""
) -> bytes:
    """Lay out HTML with our own assets only, ForbiddenAddress for any other; the files it carries bear an ISO date."""
    try:
        with rendering, _complaints_refused():
            page = weasyprint.HTML(string=html, url_fetcher=OwnAssets(assets))
            pdf: bytes = page.write_pdf(
                stylesheets=[style.sheet],
                font_config=style.fonts,
                pdf_variant=PDF_VARIANT,
                output_intent=OUTPUT_INTENT,
                color_profiles={OUTPUT_INTENT: _srgb()},
                custom_metadata=True,
                attachments=[_attachment(name, content, dated) for name, content in carried.items()],
                finisher=_finish,
            )
    except FatalFetch as problem:
        raise ForbiddenAddress(str(problem)) from None
    return pdf


@cache
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
def _complaints_refused() -> Iterator[None]:
    """Turn what the renderer only logs, a box drawn or an image left out, into a refusal."""
    watch = _Complaints()
    logger = logging.getLogger("weasyprint")
    logger.addHandler(watch)
    try:
        yield
    finally:
        logger.removeHandler(watch)
    if watch.characters:
        raise Unprintable(watch.characters)
    if watch.messages:
        raise RenderingRefused(N_("The renderer objects: %(problem)s"), problem="; ".join(watch.messages))


class _Complaints(logging.Handler):
    """Collects the characters the renderer had no glyph for, and its other warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.characters: list[UnprintableCharacter] = []
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        # Read from the message: a line may be masked, and so without arguments, before it comes here.
        if found := NOTDEF.search(message):
            self.characters.append(UnprintableCharacter(chr(int(found[1], 16)), f"U+{found[1]}", "template"))
        else:
            self.messages.append(message)
