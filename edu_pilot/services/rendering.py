"""Documents from frozen data: filled from their template here, set into pages by the press.

The same kind and context give the same bytes under the same renderer versions.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edu_pilot import paths
from edu_pilot.sandboxed import PRESS_SECONDS, Refusal
from edu_pilot.services import cut_fonts, press, proof, wording
from edu_pilot.services.glyphs import (
    FAMILIES,
    RARE_FONTS,
    UnprintableCharacter,
    installed_fonts,
    told,
    unprintable,
)
from edu_pilot.services.typefaces import EVERYDAY, SYSTEM, WHOLE
from edu_pilot.workflow.reasons import N_

APT_LINE = (
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig "
    "fonts-noto-cjk fonts-lxgw-wenkai fonts-hanazono fonts-babelstone-han"
)
UNPRINTABLE = N_(
    "No installed font can draw: %(characters)s. Compare with the ID card and correct what was mistyped. "
    "If it is right, the administrator installs a font that has it (edu-pilot doctor); the paper is then made by "
    "itself. Nothing else is printed in its place."
)
NOTHING: Mapping[str, bytes] = MappingProxyType({})


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


class TooLong(RenderingRefused, ValueError):
    """A text is too long to be laid out."""

    def __init__(self, problem: str) -> None:
        super().__init__(N_("A text is too long for paper: %(problem)s"), problem=problem)


class BeyondLimits(RenderingRefused):
    """A document took more time or memory than one may, or broke its renderer."""

    def __init__(self) -> None:
        super().__init__(N_("This document takes more time or memory than a document may; its texts are too long."))


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
    """Name everything outside the template that shapes the bytes: renderer, Pango, fonts whole and cut."""
    require_renderer()
    fonts = ", ".join(f"{name} {font.version}" for name, font in sorted(installed_fonts().items()))
    return f"{press.press.versions()}; fonts {fonts}; cut {cut_fonts.version()}"


def missing_pieces() -> list[str]:
    """Name the library or font families that documents need and this computer lacks."""
    try:
        press.press.versions()
    except press.Missing as problem:
        return [str(problem)]
    return [family for family in FAMILIES if family not in installed_fonts()]


def require_renderer() -> None:
    """Raise PangoMissing unless the libraries and the two fonts of every document are there."""
    missing = [piece for piece in missing_pieces() if piece not in RARE_FONTS]
    if missing:
        raise PangoMissing(", ".join(missing))


def render(kind: str, context: Mapping[str, object], qr_png: bytes, token: str = "", portrait: bytes = b"") -> bytes:
    """Make the archive PDF of one document, with a blank place for the seal; the portrait is a JPEG, if any.

    Raises PangoMissing, Unprintable and TooLong (before any layout), BeyondLimits, TypeError for a context
    that is not made of primitives.
    """
    require_renderer()
    try:
        characters = unprintable(context)
    except ValueError as problem:
        raise TooLong(str(problem)) from None
    if characters:
        raise Unprintable(characters)
    html = html_of(kind, context, token)
    pictures = {"asset:qr.png": qr_png, "asset:portrait.jpg": portrait}
    carried = {proof.CARRIED: proof.carried(token)} if token else {}
    return pdf_of(html, style_sheet(kind), {**pictures, **_assets(kind)}, carried, str(context["issued_on"]))


def html_of(kind: str, context: Mapping[str, object], token: str = "") -> str:
    """Fill the template of a kind; StrictUndefined raises for a key that is missing."""
    template = environment().get_template(f"{kind}/body.html")
    return template.render(context, token=token, seal_blank=proof.SEAL_BLANK)


@cache
def _assets(kind: str) -> dict[str, bytes]:
    return {f"asset:{path.name}": path.read_bytes() for path in sorted((documents() / kind).glob("*.svg"))}


@cache
def style_sheet(kind: str) -> str:
    """Give the style sheet of a kind: what all share, then its own."""
    paths_of = (documents() / "_base.css", documents() / kind / "print.css")
    return "\n".join(path.read_text(encoding="utf-8") for path in paths_of)


def pdf_of(
    html: str, css: str, assets: Mapping[str, bytes], carried: Mapping[str, bytes] = NOTHING, dated: str = "",
    seconds: float = PRESS_SECONDS,
) -> bytes:  # fmt: skip
    """Have HTML set with our own assets only; the files it carries bear an ISO date.

    Raises ForbiddenAddress for any other asset, BeyondLimits, PangoMissing, and what the renderer objects to.
    """
    facts = {
        "html": html, "css": css, "dated": dated, "fonts": _fonts_for(html),
        "assets": _lengths(assets), "carried": _lengths(carried),
    }  # fmt: skip
    try:
        told, pdf = press.press.set(facts, b"".join([*assets.values(), *carried.values()]), seconds)
    except press.Missing as missing:
        raise PangoMissing(str(missing)) from None
    except press.Beyond:
        raise BeyondLimits from None
    except Refusal as refusal:
        problem = str(refusal.facts["problem"])
        if refusal.code == "broken":
            raise RenderingRefused(N_("The renderer fails on this document: %(problem)s"), problem=problem) from None
        raise ForbiddenAddress(problem) from None
    _require_drawn(told)
    return pdf


def _lengths(parts: Mapping[str, bytes]) -> list[tuple[str, int]]:
    return [(name, len(body)) for name, body in parts.items()]


def _fonts_for(html: str) -> str:
    """Choose the cut fonts where they have every character; asking many fonts for a rare one takes seconds."""
    if cut_fonts.folder() is None:
        return SYSTEM
    return EVERYDAY if cut_fonts.characters().issuperset(html) else WHOLE


def _require_drawn(told: Mapping[str, Any]) -> None:
    """Turn what the renderer only notes, a box drawn or an image left out, into a refusal."""
    if told["undrawn"]:
        raise Unprintable([UnprintableCharacter(chr(int(c, 16)), f"U+{c}", "template") for c in told["undrawn"]])
    if told["messages"]:
        raise RenderingRefused(N_("The renderer objects: %(problem)s"), problem="; ".join(told["messages"])[:500])
