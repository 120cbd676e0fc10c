"""Every paper as a picture: it looks as it did when somebody looked at it, and nothing stands on anything else.

After a change that was meant, make the pictures anew, look at each, and commit them with the change:
    PYTHONPATH=. python -m tests.documents.test_pictures [KIND…]
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pdfplumber
import pytest
from PIL import Image, ImageChops, ImageStat

from edu_pilot.services import rendering
from edu_pilot.services.specimens import AT_ONCE, CONTEXTS, QR

PICTURES = Path(__file__).parent / "pictures"
SHEETS = CONTEXTS | AT_ONCE
ALL = [(kind, lang) for kind in sorted(SHEETS) for lang in ("zh", "en")]
DOTS_PER_INCH = 45
GREYS = 64
# Compared in squares of four pixels, two millimetres: hinting and another build of a font move less than that.
SQUARE, MOST_IN_A_SQUARE, MOST_ON_AVERAGE = 4, 48, 1.0
# Points: what may reach into a neighbour's box without touching its ink, and the margins of A4.
SHARED, LEFT, RIGHT = 0.45, 25 / 25.4 * 72, (210 - 18) / 25.4 * 72
PER_POINT = 1 / 10
PAGES = {"statistics_report": 2}


@cache
def pdf_of(kind: str, lang: str) -> bytes:
    return rendering.render(kind, SHEETS[kind] | {"lang": lang}, QR)


def pictured(pdf: bytes) -> Image.Image:
    """Draw the first page small and grey."""
    drawn = subprocess.run(
        ["pdftoppm", "-r", str(DOTS_PER_INCH), "-f", "1", "-l", "1", "-gray", "-singlefile", "-"],
        input=pdf,
        capture_output=True,
        check=True,
    ).stdout
    return Image.open(io.BytesIO(drawn)).convert("L")


def kept(kind: str, lang: str) -> Path:
    return PICTURES / f"{kind}.{lang}.png"


def differences(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Give how far two pictures are apart in their worst square, and on average, of 255."""
    apart = ImageChops.difference(one.reduce(SQUARE), other.reduce(SQUARE))
    return float(apart.getextrema()[1]), ImageStat.Stat(apart).mean[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "lang"), ALL)
def test_a_sheet_looks_as_it_did(kind: str, lang: str) -> None:
    now, then = pictured(pdf_of(kind, lang)), Image.open(kept(kind, lang)).convert("L")
    assert now.size == then.size
    worst, average = differences(now, then)
    assert worst <= MOST_IN_A_SQUARE and average <= MOST_ON_AVERAGE, (
        f"{worst:.0f} in a square, {average:.2f} on average"
    )


def test_what_moves_by_two_millimetres_is_seen() -> None:
    """The tolerance hides no change that somebody would see."""
    now = pictured(pdf_of("exam_ticket", "zh"))
    part = now.crop((60, 150, 200, 170))
    now.paste(255, (60, 150, 200, 170))
    now.paste(part, (60, 154))
    assert differences(now, Image.open(kept("exam_ticket", "zh")).convert("L"))[0] > MOST_IN_A_SQUARE


def test_the_kept_pictures_are_those_of_the_kinds_and_small() -> None:
    found = sorted(PICTURES.glob("*.png"))
    assert found == sorted(kept(kind, lang) for kind, lang in ALL)
    assert sum(path.stat().st_size for path in found) < 1_500_000


def boxes(pdf: bytes) -> list[list[dict[str, Any]]]:
    """Give the drawn characters of each page with their boxes."""
    with pdfplumber.open(io.BytesIO(pdf)) as document:
        return [[char for char in page.chars if char["text"].strip()] for page in document.pages]


def collisions(chars: list[dict[str, Any]]) -> list[str]:
    """Name the pairs of characters that stand on one another."""
    near: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for char in chars:
        near[int(char["x0"] * PER_POINT), int(char["top"] * PER_POINT)].append(char)
    found = []
    for (column, row), here in near.items():
        after = [(column + 1, row), (column, row + 1), (column + 1, row + 1), (column - 1, row + 1)]
        around = [char for place in after for char in near.get(place, [])]
        pairs = [*combinations(here, 2), *((one, other) for one in here for other in around)]
        found += [one["text"] + other["text"] for one, other in pairs if share(one, other) > SHARED]
    return found


def share(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Give the part of the smaller box that both cover."""
    across = min(one["x1"], other["x1"]) - max(one["x0"], other["x0"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    smaller = min(box["width"] * box["height"] for box in (one, other))
    return max(0.0, across) * max(0.0, down) / smaller if smaller else 0.0


def faults(pdf: bytes) -> list[str]:
    """Name what stands on something else or beyond the margins; the binding line alone stands in the margin."""
    told = []
    for chars in boxes(pdf):
        told += collisions(chars)
        beyond = [c["text"] for c in chars if (c["x0"] < LEFT - 1 or c["x1"] > RIGHT + 1) and c["text"] not in "装订线"]
        told += [f"beyond the margin: {''.join(beyond)}"] if beyond else []
    return told


@pytest.mark.parametrize(("kind", "lang"), ALL)
def test_a_sheet_keeps_to_its_pages_and_nothing_stands_on_anything_else(kind: str, lang: str) -> None:
    pdf = pdf_of(kind, lang)
    assert len(boxes(pdf)) == PAGES.get(kind, 1)
    assert faults(pdf) == []


def test_what_overlaps_is_found() -> None:
    one = {"text": "一", "x0": 9.0, "x1": 19.0, "top": 9.0, "bottom": 19.0, "width": 10.0, "height": 10.0}
    on_it = one | {"text": "二", "x0": 12.0, "x1": 22.0, "top": 11.0, "bottom": 21.0}
    beside = one | {"text": "三", "x0": 19.0, "x1": 29.0}
    assert collisions([one, on_it]) == ["一二"] and collisions([one, beside]) == []


LONG = "阿卜杜热合曼·买买提吐尔逊·艾比布拉·吐尔逊尼亚孜·伊敏阿吉·克里木江"
ADDRESS = "山东省德州市德城区新湖街道办事处东方红中路一千一百一十八号德州市职业技能综合实训基地教学楼甲座二层二零六室"


def crowded(kind: str) -> dict[str, object]:
    """Give a sample with a name of more than thirty characters, a long address, many receipts and lines."""
    context = dict(SHEETS[kind])
    context |= {key: LONG for key in ("name", "account_holder") if key in context}
    context |= {key: ADDRESS for key in ("point_address", "site", "employer", "previous_school") if context.get(key)}
    for key, number in {"receipts": 4, "lines": 15, "reasons": 2, "faults": 2, "rooms": 1}.items():
        rows = context.get(key)
        # The lines of a claim form are steps of a sum, not rows of a list.
        if isinstance(rows, list) and (kind, key) != ("claim_form", "lines"):
            context[key] = [row | ({"name": LONG} if "name" in row else {}) for row in rows] * number
    return context


@pytest.mark.parametrize("kind", sorted(SHEETS))
def test_long_names_and_many_rows_stay_within_their_places(kind: str) -> None:
    pdf = rendering.render(kind, crowded(kind), QR)
    assert faults(pdf) == []
    pages = {"payment_list": (2, 3), "public_notice": (2, 8)}.get(kind, (1, 2))
    assert pages[0] <= len(boxes(pdf)) <= pages[1]


def make_anew(kinds: list[str]) -> None:
    """Write the pictures of kinds, or of all."""
    PICTURES.mkdir(exist_ok=True)
    for kind, lang in ALL:
        if not kinds or kind in kinds:
            picture = pictured(pdf_of(kind, lang)).quantize(GREYS, dither=Image.Dither.NONE)
            picture.save(kept(kind, lang), optimize=True)


if __name__ == "__main__":
    make_anew(sys.argv[1:])
