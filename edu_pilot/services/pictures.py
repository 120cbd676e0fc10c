"""What is handed in as a picture or PDF, made anew from its pixels: nothing else of the file is kept.

Runs in the walled-in process only. A PDF is drawn page by page and written again as pictures: what a list of
forbidden parts would have to name (scripts, launches, embedded files, forms, other versions of the page) is
not carried over in the first place, and reviewers see one picture whatever their reader.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2 as pdfium
from PIL import Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin

from edu_pilot.sandboxed import Refusal
from edu_pilot.workflow.reasons import N_

PIXELS = 25_000_000
# What a telephone takes; more tells a reviewer nothing.
SIDE = 4096
BAND = 256
PAGE_SIDE = 2000
PAGES = 20
# What a telephone shows of a paper: three of its own pixels to one of the page's.
SHOWN_WIDTH, MOST_HIGH, COLOURS = 1080, 2, 64
POINTS_PER_INCH = 72
MOST_DOTS_PER_INCH = 200
QUALITY = 85
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
FORMATS = ("JPEG", "PNG")
HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
PDF_HEAD = b"%PDF-"
# Columns and rows: eight comparisons in each of eight rows, and 48 in each of 48.
LOOK, DETAIL = (9, 8), (49, 48)
# Two invoices of one form, drawn by one program, look alike to the last but a few bits: the look of a PDF tells
# nothing, and neither does that of an even surface.
UNSEEN = {"look": "0" * 16, "detail": ""}

NOT_READABLE = N_("The file is neither a JPEG or PNG picture nor a PDF.")
DAMAGED = N_("The file is damaged and cannot be read.")
TOO_MANY_PIXELS = N_("The picture has more than %(limit)s million pixels; save it smaller.")
LOCKED = N_("The PDF is protected by a password; save it without one.")
TOO_MANY_PAGES = N_("The PDF has more than %(limit)s pages; split it.")
NO_PAGE = N_("The PDF has no page that can be shown.")

Image.MAX_IMAGE_PIXELS = PIXELS
# Named here so that they are loaded before the walls stand: the readers, and what these load for notes and for
# pictures with a second one inside.
READERS = (JpegImagePlugin, PngImagePlugin, TiffImagePlugin, MpoImagePlugin)


def made_anew(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what a file shows as a fresh JPEG or PDF, with its media type and how it looks; raises Refusal."""
    if content.startswith(PDF_HEAD):
        return _document(content)
    if not content.startswith(HEADS):
        raise Refusal("file_not_readable", NOT_READABLE)
    picture = _picture(content)
    return {"media_type": "image/jpeg", **seen(picture)}, _jpeg(picture)


def rehearse() -> None:
    """Load what is loaded only while a picture or a PDF is read."""
    notes = Image.Exif()
    notes[ORIENTATION] = 6
    for kind in FORMATS:
        target = io.BytesIO()
        Image.new("P", LOOK).convert("RGB").save(target, kind, exif=notes)
        made_anew(target.getvalue())
    sheet = pdf_of([(_jpeg(Image.new("RGB", LOOK)), LOOK)])
    made_anew(sheet)
    first_page(sheet)
    joined(sheet, str(len(sheet)))


# Pictures


def _picture(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                turn, fresh = _turn(picture), _drawn_anew(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refusal("picture_too_large", TOO_MANY_PIXELS, limit=PIXELS // 1_000_000) from None
    except MemoryError:
        raise
    except Exception:  # a hostile picture makes its decoder raise anything
        raise Refusal("file_damaged", DAMAGED) from None
    return fresh if turn is None else fresh.transpose(turn)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """Return how a phone held sideways wants its picture turned; none where its notes are damaged."""
    try:
        return TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # the notes are dropped anyway, so whatever is wrong with them does not matter
        return None


def _drawn_anew(picture: Image.Image) -> Image.Image:
    """Return the first frame on a fresh sheet, band by band: a second copy of a large one would be too much."""
    picture.load()
    (width, height), shrunk = picture.size, math.ceil(max(picture.size) / SIDE)
    sheet = Image.new("RGB", (math.ceil(width / shrunk), math.ceil(height / shrunk)))
    for top in range(0, height, BAND * shrunk):
        band = _plain(picture.crop((0, top, width, min(top + BAND * shrunk, height))))
        sheet.paste(band.reduce(shrunk), (0, top // shrunk))
    return sheet


def _plain(band: Image.Image) -> Image.Image:
    """Return colours of eight bits; what is see-through is white to everyone who looks at it."""
    if band.mode.startswith("I"):
        return band.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if "A" not in band.getbands() and "transparency" not in band.info:
        return band.convert("RGB")
    seen = band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def seen(picture: Image.Image) -> dict[str, Any]:
    """Return how a picture looks from afar, and from nearer where two papers of one form differ."""
    return {"look": look(picture, LOOK), "detail": look(picture, DETAIL)}


def look(picture: Image.Image, size: tuple[int, int]) -> str:
    """Return in hex digits where a picture grows brighter to the right, a bit for each step of each row.

    Copies of one scan differ in few bits, whatever their size and quality.
    """
    columns, rows = size
    grey = picture.convert("L").resize(size, Image.Resampling.LANCZOS).tobytes()
    places = [row * columns + column for row in range(rows) for column in range(columns - 1)]
    bits = "".join("1" if grey[at] < grey[at + 1] else "0" for at in places)
    return f"{int(bits, 2):0{len(places) // 4}x}"


# PDF


def _document(content: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        pages = list(_pages(content))
    except pdfium.PdfiumError as fault:
        locked = "password" in str(fault).lower() or "security" in str(fault).lower()
        raise Refusal(*(("pdf_locked", LOCKED) if locked else ("file_damaged", DAMAGED))) from None
    except (ValueError, OverflowError, ctypes.ArgumentError):
        raise Refusal("file_damaged", DAMAGED) from None
    return {"media_type": "application/pdf", **UNSEEN}, pdf_of(pages)


def _pages(content: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Give each page as JPEG and its size in points."""
    document = pdfium.PdfDocument(content)
    if len(document) > PAGES:
        raise Refusal("pdf_too_long", TOO_MANY_PAGES, limit=PAGES)
    if not len(document):
        raise Refusal("file_damaged", NO_PAGE)
    # The stamp of an electronic invoice may be drawn as a form; no script runs in this reader.
    document.init_forms()
    for page in document:
        picture = page.render(scale=_scale(page.get_size())).to_pil().convert("RGB")
        yield _jpeg(picture), _points(page.get_size())
        page.close()


def first_page(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the first page of a PDF as a PNG that a telephone shows sharp; raises Refusal."""
    try:
        page = pdfium.PdfDocument(content)[0]
        width, height = page.get_size()
        picture = page.render(scale=SHOWN_WIDTH / width * min(1, MOST_HIGH * width / height)).to_pil().convert("RGB")
    except (pdfium.PdfiumError, IndexError, ValueError, OverflowError, ZeroDivisionError, ctypes.ArgumentError):
        raise Refusal("file_damaged", DAMAGED) from None
    target = io.BytesIO()
    # A paper has few colours; so it is a third as large as with all of them.
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, "PNG")
    return {}, target.getvalue()


def joined(content: bytes, lengths: str) -> tuple[dict[str, Any], bytes]:
    """Return PDFs, sent one behind the other, as one for the printer, page by page as they are."""
    whole, target, at = pdfium.PdfDocument.new(), io.BytesIO(), 0
    for length in map(int, lengths.split()):
        whole.import_pages(pdfium.PdfDocument(content[at : at + length]))
        at += length
    pages = len(whole)
    whole.save(target)
    return {"pages": pages}, target.getvalue()


def _scale(size: tuple[float, float]) -> float:
    longest = max(size)
    if not 1 <= min(size) <= longest < 100_000:
        raise ValueError("no size of a page")
    return min(PAGE_SIDE / longest, MOST_DOTS_PER_INCH / POINTS_PER_INCH)


def _points(size: tuple[float, float]) -> tuple[int, int]:
    return max(1, round(size[0])), max(1, round(size[1]))


def pdf_of(pages: Sequence[tuple[bytes, tuple[int, int]]]) -> bytes:
    """Return a PDF of nothing but pictures: pages of a JPEG and a size in points each."""
    kids = " ".join(f"{3 + 3 * n} 0 R" for n in range(len(pages)))
    parts = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode()]
    for n, (jpeg, size) in enumerate(pages):
        parts += _page(3 + 3 * n, jpeg, size)
    return _file(parts)


def _page(number: int, jpeg: bytes, size: tuple[int, int]) -> list[bytes]:
    width, height = size
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        across, down = picture.size
    page = (
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]"
        f"/Resources<</XObject<</P {number + 2} 0 R>>>>/Contents {number + 1} 0 R>>"
    )
    drawn = (
        f"<</Type/XObject/Subtype/Image/Width {across}/Height {down}/ColorSpace/DeviceRGB"
        f"/BitsPerComponent 8/Filter/DCTDecode/Length {len(jpeg)}>>"
    )
    return [page.encode(), _stream("", f"{width} 0 0 {height} 0 0 cm /P Do".encode()), _stream(drawn, jpeg)]


def _stream(facts: str, content: bytes) -> bytes:
    return (facts or f"<</Length {len(content)}>>").encode() + b"\nstream\n" + content + b"\nendstream"


def _file(parts: Sequence[bytes]) -> bytes:
    pieces = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"]
    pieces += [f"{number} 0 obj\n".encode() + part + b"\nendobj\n" for number, part in enumerate(parts, 1)]
    *places, start = itertools.accumulate(map(len, pieces))
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    pieces.append(f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}".encode())
    pieces.append(f"trailer\n<</Size {len(parts) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode())
    return b"".join(pieces)
