"""The portrait a person handed in, cut to the size that is printed; never the file itself."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from edu_pilot.services import store

# One inch of a Chinese office, 25 × 35 mm, at 300 dots an inch.
SIZE = (295, 413)
QUALITY = 85


def printed(store_key: str) -> bytes:
    """Return the kept picture as a small JPEG; the same bytes for the same picture."""
    with Image.open(io.BytesIO(store.store().get(store_key))) as picture:
        small = ImageOps.fit(picture.convert("RGB"), SIZE)
    target = io.BytesIO()
    small.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()
