"""What a document costs: a completion certificate, drawn by plain WeasyPrint, by ours, by reportlab and by typst.

Processor seconds of this process and of its press, in turns; the best turn of each way counts. Signing stands apart.
"""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import weasyprint
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from weasyprint.text.fonts import FontConfiguration

from edu_pilot.services import pictures, press, proof, rendering
from edu_pilot.services.glyphs import BODY_FONT, NAME_FONT, installed_fonts
from edu_pilot.services.specimens import COMPLETION_CERTIFICATE, proof_of

try:
    import reportlab
    import typst
except ModuleNotFoundError:
    reportlab = typst = None

KIND = "completion_certificate"
TURNS, A_TURN = 5, 4
FEW, MANY = 100, 1000
GOAL_FILE, GOAL_PAGE, GOAL_BYTES = 0.20, 0.12, 150_000
SHEETS = 50
KEY = Ed25519PrivateKey.from_private_bytes(b"a key of the benchmark's own...!")


@dataclass(frozen=True)
class Way:
    """One way of drawing the page: seconds of processor a page, and bytes of what it wrote."""

    name: str
    seconds: float
    size: int


@cache
def portrait() -> bytes:
    """Give a photograph as the store keeps one: 295 by 413 points, with the grain of a camera."""
    picture, file = Image.effect_noise((295, 413), 12).convert("RGB"), io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


@cache
def _token() -> str:
    return proof.token(proof_of(KIND), KEY.sign)


@cache
def _qr() -> bytes:
    return proof.qr_png(proof.address("https://pilot.example", "7K2M9QWD4XTRHB6P", _token()))


def _context() -> dict[str, object]:
    return COMPLETION_CERTIFICATE | {"portrait": "a key of the store"}


def ours() -> bytes:
    """Draw the archive file as the worker does, unsigned."""
    return rendering.render(KIND, _context(), _qr(), _token(), portrait())


def plain() -> bytes:
    """Draw the same page one by one: fonts of the system found anew, style sheet read anew, PDF/A-3a all the same."""
    fonts = FontConfiguration()
    assets = {"asset:qr.png": _qr(), "asset:portrait.jpg": portrait()}
    assets |= {f"asset:{path.name}": path.read_bytes() for path in (rendering.documents() / KIND).glob("*.svg")}
    given = {"string": rendering.html_of(KIND, _context(), _token()), "url_fetcher": _Assets(assets)}
    sheet = weasyprint.CSS(string=rendering.style_sheet(KIND), font_config=fonts)
    facts = weasyprint.Attachment(file_obj=io.BytesIO(proof.carried(_token())), name=proof.CARRIED, relationship="Data")
    pdf: bytes = weasyprint.HTML(**given).write_pdf(
        stylesheets=[sheet], font_config=fonts, pdf_variant="pdf/a-3a", output_intent="srgb", attachments=[facts]
    )
    return pdf


class _Assets(weasyprint.urls.URLFetcher):  # type: ignore[misc]
    def __init__(self, assets: dict[str, bytes]) -> None:
        super().__init__()
        self.assets = assets

    def fetch(self, url: str, headers: object = None) -> object:
        return weasyprint.urls.URLFetcherResponse(url, self.assets[url])


def by_reportlab() -> bytes:
    """Draw about the same texts by hand, without tags and PDF/A."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    if NAME_FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(NAME_FONT, installed_fonts()[NAME_FONT].path))
    file = io.BytesIO()
    page = Canvas(file, A4)
    page.drawImage(ImageReader(io.BytesIO(_qr())), 420, 680, 85, 85)
    page.drawImage(ImageReader(io.BytesIO(portrait())), 80, 670, 70, 98)
    page.setFont(NAME_FONT, 11)
    for row, text in enumerate(_texts()):
        page.drawString(80, 640 - 16 * row, text)
    page.save()
    return file.getvalue()


def by_typst() -> bytes:
    """Have typst set about the same texts as PDF/A-3b."""
    lines = "\n\n".join(text.replace("#", "").replace("@", "") for text in _texts())
    source = f'#set text(font: ("{BODY_FONT}", "{NAME_FONT}"), lang: "zh")\n= 双证结业证明\n{lines}'
    pdf: bytes = typst.compile(source.encode(), pdf_standards="a-3b")
    return pdf


def _texts() -> list[str]:
    return [f"{value}" for value in _context().values() if isinstance(value, str) and value]


def spent() -> float:
    """Return the processor seconds that this process, its press and the presses before it have taken."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + _of_the_press() + ended.ru_utime + ended.ru_stime


def _of_the_press() -> float:
    process = press.press.process
    if process is None:
        return 0.0
    # The exact sum of the scheduler, in nanoseconds, over all threads.
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measured(ways: dict[str, Callable[[], bytes]], a_turn: int = A_TURN) -> list[Way]:
    """Take all ways in turns, so that each meets the machine in the same moods."""
    sizes = {name: len(draw()) for name, draw in ways.items()}
    best = dict.fromkeys(ways, float("inf"))
    for _turn in range(TURNS):
        for name, draw in ways.items():
            best[name] = min(best[name], _seconds(draw, a_turn))
    return [Way(name, best[name], sizes[name]) for name in ways]


def _seconds(draw: Callable[[], bytes], times: int) -> float:
    began = spent()
    for _time in range(times):
        draw()
    return (spent() - began) / times


def printed() -> float:
    """Return processor seconds a page of the printer's file, made of archive files that are there."""
    sheets = [ours()] * SHEETS
    lengths = " ".join(str(len(sheet)) for sheet in sheets)
    content = b"".join(sheets)
    return _seconds(lambda: pictures.joined(content, lengths)[1], 2) / SHEETS


def in_a_row(number: int) -> tuple[float, int]:
    """Draw so many; return processor seconds a piece, and the memory the press holds at the end in KiB."""
    seconds = _seconds(ours, number)
    assert press.press.process is not None
    status = Path(f"/proc/{press.press.process.pid}/status").read_text()
    return seconds, int(status.partition("VmRSS:")[2].split()[0])


def tell(many: int = MANY) -> bool:
    """Measure and print; return whether every goal is met."""
    ways: dict[str, Callable[[], bytes]] = {"plain WeasyPrint": plain, "ours": ours}
    if reportlab is not None:
        ways |= {"reportlab, no tags": by_reportlab, "typst": by_typst}
    found = measured(ways)
    first = found[0].seconds
    print(f"\n{'a completion certificate with photograph':44}{'ms':>8}{'share':>7}{'kB':>7}")
    for way in found:
        print(f"  {way.name:42}{way.seconds * 1000:8.0f}{way.seconds / first:7.2f}{way.size / 1000:7.0f}")
    mine = found[1]
    verdicts = [
        _told("archive file, share of plain", mine.seconds / first, GOAL_FILE),
        _told("archive file, bytes", mine.size, GOAL_BYTES),
    ]
    verdicts.append(_told("printer's file, share a page", printed() / first, GOAL_PAGE))
    few, many_row = in_a_row(FEW), in_a_row(many)
    print(f"  {many} in a row cost {many_row[0] / few[0]:.2f} of what {FEW} cost a piece; "
          f"the press holds {few[1] // 1024} MiB, then {many_row[1] // 1024} MiB")  # fmt: skip
    return all(verdicts)


def _told(name: str, value: float, goal: float) -> bool:
    met = value <= goal
    print(f"  {name:42}{value:8.2f}  goal {goal:g}  {'met' if met else 'NOT MET'}")
    return met


if __name__ == "__main__":
    raise SystemExit(not tell())
