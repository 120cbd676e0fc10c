"""The pictures the fictional people hand in, marked as samples: what reviewers read, the rest small and plain."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from dateutil.relativedelta import relativedelta
from PIL import Image, ImageDraw, ImageFont

from edu_pilot.services.glyphs import installed_fonts
from edu_pilot.services.typefaces import BODY_FONT
from edu_pilot.services.wording import capitals, yuan

SIZE, PORTRAIT_SIZE = (240, 150), (120, 160)
PAPER, INK, SHADE, STAMP = "#f4f1e8", "#4a5568", "#a0aec0", "#b3261e"
# A sheet of receipts: two beside each other, so far apart, with letters of so many pixels.
COLUMNS, SLIP, GAP, LETTER = 2, (360, 176), 8, 14
# The clouds of the ground, which tell one sheet from another from afar, and how far they darken it.
CLOUDS, DARKEST = (9, 8), 72
# ID card and diploma: large enough to read, with the mark across them.
SHEET, MARK, TURN = (480, 300), "样本 SPECIMEN", 25
SEXES = {"male": "男", "female": "女"}


def receipts(number: str, given: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the JPEG of one claim's receipts side by side: no two sheets are the same, nor look alike."""
    rows = -(-len(given) // COLUMNS)
    size = (COLUMNS * (SLIP[0] + GAP) + GAP, rows * (SLIP[1] + GAP) + GAP)
    sheet = _ground(number, size)
    for n, one in enumerate(given):
        row, column = divmod(n, COLUMNS)
        _slip(ImageDraw.Draw(sheet), (GAP + column * (SLIP[0] + GAP), GAP + row * (SLIP[1] + GAP)), one)
    target = io.BytesIO()
    sheet.save(target, "JPEG", quality=80)
    return target.getvalue()


def _ground(number: str, size: tuple[int, int]) -> Image.Image:
    """Return a light paper whose clouds are of this number alone."""
    clouds = hashlib.shake_256(number.encode()).digest(CLOUDS[0] * CLOUDS[1])
    light = Image.frombytes("L", CLOUDS, bytes(255 - cloud * DARKEST // 255 for cloud in clouds))
    return light.resize(size, Image.Resampling.BILINEAR).convert("RGB")


def _slip(pen: ImageDraw.ImageDraw, at: tuple[int, int], given: Mapping[str, Any]) -> None:
    """Draw one receipt: what it says, a frame, a seal that is nobody's."""
    left, top = at
    pen.rectangle((left, top, left + SLIP[0], top + SLIP[1]), outline=STAMP)
    pen.text((left + 90, top + 6), "电子发票（样张 SAMPLE）", fill=STAMP, font=_letters(LETTER + 2))
    for n, line in enumerate(_lines(given)):
        pen.text((left + 10, top + 34 + 20 * n), line, fill="black", font=_letters(LETTER))
    pen.ellipse((left + 270, top + 80, left + 350, top + 136), outline=STAMP, width=2)
    pen.text((left + 282, top + 98), "样章无效", fill=STAMP, font=_letters(LETTER))


def _lines(given: Mapping[str, Any]) -> list[str]:
    day, amount = date.fromisoformat(given["paid_on"]), given["amount_fen"]
    return [
        f"发票号码：{given['number']}",
        f"开票日期：{_in_words(day)}",
        f"购买方（付款人）：{given['payer']}",
        f"项目：{given['item']}",
        f"价税合计：{capitals(amount)}",
        f"（小写）¥{yuan(amount)}",
        f"销售方：{given['issuer']}",
    ]


def specimen(kind: str, form: Mapping[str, str], day: date) -> bytes:
    """Return one person's paper as it is on a day: ID card and diploma to read, any other alike for all."""
    if kind not in PERSONAL:
        return picture(kind)
    head, lines = PERSONAL[kind](form, day)
    sheet = _marked_ground().copy()
    pen = ImageDraw.Draw(sheet)
    pen.text((24, 18), head, fill=STAMP, font=_letters(22))
    for n, line in enumerate(lines):
        pen.text((24, 62 + 36 * n), line, fill="black", font=_letters(19))
    target = io.BytesIO()
    sheet.save(target, "JPEG", quality=80)
    return target.getvalue()


def _id_front(form: Mapping[str, str], _day: date) -> tuple[str, list[str]]:
    return "居民身份证（样本）", [
        f"姓名：{form['name']}",
        f"性别：{SEXES[form['sex']]}",
        f"出生：{_in_words(date.fromisoformat(form['birth_on']))}",
        f"住址：山东省德州市{form['county']}",
        f"公民身份号码：{form['id_number']}",
    ]


def _id_back(form: Mapping[str, str], day: date) -> tuple[str, list[str]]:
    issued = day.replace(day=1) - relativedelta(years=2)
    years = _years_of_card(relativedelta(issued, date.fromisoformat(form["birth_on"])).years)
    until = f"{issued + relativedelta(years=years):%Y.%m.%d}" if years else "长期"
    return "居民身份证（样本）", [f"签发机关：{form['county']}公安局", f"有效期限：{issued:%Y.%m.%d}－{until}"]


def _years_of_card(age: int) -> int:
    """Return how many years a card holds; 0 without end, from 46 years on."""
    return 10 if age < 26 else 20 if age < 46 else 0


def _diploma(form: Mapping[str, str], _day: date) -> tuple[str, list[str]]:
    born = date.fromisoformat(form["birth_on"])
    left = date(born.year + 18, 7, 1)
    return f"{form['previous_diploma']}毕业证书（样本）", [
        f"姓名：{form['name']}　性别：{SEXES[form['sex']]}",
        f"出生日期：{_in_words(born)}",
        f"毕业学校：{form['previous_school']}",
        f"毕业日期：{_in_words(left)}",
        f"证书编号：{left.year}{form['id_number'][8:17]}",
    ]


def _in_words(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


PERSONAL = {"id_front": _id_front, "id_back": _id_back, "previous_diploma": _diploma}


@cache
def _marked_ground() -> Image.Image:
    """Return the paper with a frame and the large mark across it, drawn once a process."""
    sheet, font = Image.new("RGB", SHEET, PAPER), _letters(54)
    ImageDraw.Draw(sheet).rectangle((6, 6, SHEET[0] - 7, SHEET[1] - 7), outline=SHADE, width=2)
    mask = Image.new("L", SHEET)
    ImageDraw.Draw(mask).text((SHEET[0] / 2, SHEET[1] / 2), MARK, fill=90, font=font, anchor="mm")
    sheet.paste(STAMP, mask=mask.rotate(TURN, Image.Resampling.BICUBIC))
    return sheet


@cache
def _letters(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of the documents; where it is missing, one that draws figures alone."""
    font = installed_fonts().get(BODY_FONT)
    return ImageFont.truetype(font.path, size, font.face) if font else ImageFont.load_default(size)


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
