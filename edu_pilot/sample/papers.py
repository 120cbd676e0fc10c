"""The pictures the fictional people hand in: one small PNG of each kind, plainly marked as a sample."""

from __future__ import annotations

import hashlib
import io
from functools import cache

from PIL import Image, ImageDraw

SIZE, PORTRAIT_SIZE = (240, 150), (120, 160)
# The shaded squares that tell one receipt from another stand in so many lines and columns.
LINES = 8
PAPER, INK, SHADE = "#f4f1e8", "#4a5568", "#a0aec0"


def receipt(number: str) -> bytes:
    """Return the PNG of one claim's receipt: no two are the same, nor look alike."""
    image = Image.open(io.BytesIO(picture("receipt")))
    pen, columns = ImageDraw.Draw(image), hashlib.sha256(number.encode()).digest()
    width, height = SIZE[0] / LINES, SIZE[1] / LINES
    for n, shade in enumerate(columns[: LINES * LINES // 2]):
        left, top = 2 * n % LINES * width, 2 * n // LINES * height
        pen.rectangle((left, top, left + width, top + height), fill=(shade, shade, shade))
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


@cache
def picture(kind: str) -> bytes:
    """Return the PNG of a kind of paper, drawn once a process."""
    image = Image.new("RGB", PORTRAIT_SIZE if kind == "portrait" else SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    if kind == "portrait":
        pen.ellipse((35, 25, 85, 85), fill=SHADE)
        pen.ellipse((15, 95, 105, 220), fill=SHADE)
    else:
        pen.rectangle((6, 6, SIZE[0] - 7, SIZE[1] - 7), outline=SHADE, width=2)
        pen.text((20, 30), kind.replace("_", " "), fill=INK)
    pen.text((20, 6 if kind == "portrait" else 100), "SAMPLE", fill=INK)
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()
