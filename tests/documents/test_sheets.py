"""Every document kind on paper: all its facts, one page, our fonts, the same bytes each time."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pdfplumber
import pypdf
import pytest
from PIL import Image

from edu_pilot.services import rendering, wording
from edu_pilot.services.specimens import (
    CLAIM_FORM,
    COMPLETION_CERTIFICATE,
    CONTEXTS,
    DOOR_LIST,
    EXAM_TICKET,
    QR,
    SCORE_NOTICE,
)
from edu_pilot.services.typefaces import CUTS
from tests.documents.conftest import Sheet, blank_of, twin_of

# What a kind does not print, though its sample context is made of the common facts; what only one language prints.
NOT_PRINTED = {
    "admission_notice": {"phone", "sex"},
    "completion_certificate": {"phone", "county", "county_en"},
    "claim_form": {"major_code"},
    "refusal_notice": {"phone", "sex"},
    "public_notice": {"major_en"},
    "payment_list": {"issuer_en"},
    "door_list": {"issuer_en"},
}
CHINESE_ONLY = {
    *("county", "point", "level", "diploma_school", "skill_level", "place", "bring", "training_need", "sex", "kind"),
    *("item", "holder", "clerk", "after_zh", "programme_zh", "issuer_zh", "union_zh", "term_zh", "matter_zh"),
    *("label_zh", "major_zh", "kind_zh", "occupation_zh", "level_zh"),
}
ENGLISH_ONLY = {
    *("county_en", "point_en", "level_en", "diploma_school_en", "skill_level_en", "place_en", "bring_en", "kind_en"),
    *("training_need_en", "item_en", "holder_en", "programme_en", "after_en"),
}
# The name of a kept picture.
NEVER = {"portrait"}


def squeezed(text: str) -> str:
    """Drop the white space, which line breaks and columns change."""
    return "".join(text.split())


def printed_forms(field: str, value: object) -> list[str]:
    """Give the forms in which a value may stand on the paper; none for a mark or a blank."""
    if isinstance(value, bool) or value == "":
        return []
    if field.endswith("_fen") and isinstance(value, int):
        return [wording.yuan(value)]
    text = str(value)
    if field.endswith(("_on", "_from", "_until")):
        return [wording.date_zh(text), wording.date_capitals(text), wording.date_en(text)]
    return [text]


def by_pypdf(pdf: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages))


def by_pdfplumber(pdf: bytes) -> str:
    """Read character by character in the order they were laid out, cell after cell."""
    with pdfplumber.open(io.BytesIO(pdf)) as document:
        return squeezed("".join(str(char["text"]) for page in document.pages for char in page.chars))


def facts(value: object, field: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [fact for key, item in value.items() for fact in facts(item, key)]
    if isinstance(value, list):
        return [fact for item in value for fact in facts(item, field)]
    return [(field, value)]


def missing_on(text: str, context: object, skipped: set[str]) -> list[tuple[str, object]]:
    """Name each fact of a context that a text does not say."""
    return [
        (field, value)
        for field, value in facts(context)
        if field not in skipped | NEVER
        and (forms := printed_forms(field, value))
        and not any(squeezed(form) in text for form in forms)
    ]


@pytest.mark.parametrize("read", [by_pypdf, by_pdfplumber])
def test_every_fact_of_the_context_stands_on_the_paper(sheet: Sheet, read: object) -> None:
    assert callable(read)
    skipped = NOT_PRINTED.get(sheet.kind, set()) | ENGLISH_ONLY
    assert missing_on(read(sheet.pdf), sheet.context, skipped) == []


@pytest.mark.parametrize("read", [by_pypdf, by_pdfplumber])
def test_every_fact_of_the_context_stands_on_the_english_twin(kind: str, read: object) -> None:
    assert callable(read)
    text = read(twin_of(kind))
    assert f"TranslationofNo.{CONTEXTS[kind]['number']}" in text
    skipped = NOT_PRINTED.get(kind, set()) | CHINESE_ONLY
    assert missing_on(text, CONTEXTS[kind], skipped) == []


def test_a_document_is_one_a4_page_that_counts_itself(sheet: Sheet) -> None:
    reader = pypdf.PdfReader(io.BytesIO(sheet.pdf))
    assert len(reader.pages) == 1
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == [595, 842]
    assert "第1页/共1页" in by_pypdf(sheet.pdf)
    assert f"依据政策第{sheet.context['policy_version']}版出具" in by_pypdf(sheet.pdf)


def test_fonts_are_embedded_and_few(sheet: Sheet) -> None:
    page = pypdf.PdfReader(io.BytesIO(sheet.pdf)).pages[0]
    fonts = [
        font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        for font in page["/Resources"]["/Font"].values()
    ]
    names = {str(font["/FontName"]).partition("+")[2] for font in fonts}
    assert all("/FontFile2" in font or "/FontFile3" in font for font in fonts)
    everyday = {names[0].replace(" ", "-") for names in CUTS.values()}
    second = {names[1].replace(" ", "-") for names in CUTS.values()}
    assert everyday <= names <= everyday | second


def test_money_in_capitals_follows_directly_after_the_currency() -> None:
    html = rendering.html_of("claim_form", CLAIM_FORM)
    assert "人民币肆仟肆佰捌拾玖元伍角" in html


def test_receipts_run_over_pages_under_a_repeated_head() -> None:
    receipts = CLAIM_FORM["receipts"]
    assert isinstance(receipts, list)
    pdf = rendering.render("claim_form", CLAIM_FORM | {"receipts": receipts * 14}, QR)
    pages = [squeezed(page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) > 1 and f"第2页/共{len(pages)}页" in pages[1]
    assert all("票据种类" in page for page in pages[:2])


def test_a_certificate_with_long_facts_stays_on_its_page() -> None:
    pdf = rendering.render(
        "completion_certificate",
        COMPLETION_CERTIFICATE
        | {
            "name": "阿卜杜热合曼·吐尔逊尼亚孜",
            "major_zh": "大数据与会计（纳税服务方向）",
            "occupation_zh": "计算机程序设计员（软件测试与维护方向）",
        },
        QR,
    )
    with pdfplumber.open(io.BytesIO(pdf)) as document:
        words = [word for page in document.pages for word in page.extract_words()]
        assert len(document.pages) == 1
    last_line = max(word["bottom"] for word in words if "发证日期" in word["text"])
    assert last_line < min(word["top"] for word in words if word["text"] == "Dezhou") - 20


DIGESTS = """
import hashlib
import time_machine
from edu_pilot.services import cut_fonts, press, typesetting
from tests.documents.conftest import blank_of
from edu_pilot.services.specimens import CONTEXTS
# Without a press, whose clock could not be moved: and so the bytes are those of any process, walled in or not.
typesetting.make_ready(cut_fonts.folder())
press.press.set = lambda facts, content, seconds: typesetting.drawn(content, **facts)
with time_machine.travel("{day}"):
    for kind in {order}(CONTEXTS):
        print(kind, hashlib.sha256(blank_of(kind)).hexdigest())
"""


def digests_elsewhere(order: str, seed: str, day: str) -> list[str]:
    """Render all kinds in a process of its own, on another day, in another order and with other hashes."""
    root = Path(__file__).parents[2]
    return sorted(
        subprocess.run(
            [sys.executable, "-c", DIGESTS.format(order=order, day=day)],
            cwd=root,
            check=True,
            text=True,
            capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout.splitlines()
    )


def test_the_same_context_gives_the_same_bytes_in_any_process_on_any_day() -> None:
    here = sorted(f"{kind} {hashlib.sha256(blank_of(kind)).hexdigest()}" for kind in CONTEXTS)
    assert digests_elsewhere("sorted", "1", "2031-12-31 23:59:59") == here
    assert digests_elsewhere("reversed", "2", "1999-02-28 00:00:01") == here


def test_template_version_is_twelve_hex_digits_a_kind() -> None:
    versions = {rendering.template_version(kind) for kind in CONTEXTS}
    assert len(versions) == len(CONTEXTS)
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in versions)


def test_renderer_versions_name_renderer_pango_and_fonts() -> None:
    versions = rendering.renderer_versions()
    assert all(word in versions for word in ("weasyprint 7", "pango 1.", "LXGW WenKai"))


def test_a_door_list_gives_each_room_its_page_under_a_repeated_head() -> None:
    """R4.4: a room that runs over its page keeps name and columns on the next; who has no seat stands on none."""
    rooms = DOOR_LIST["rooms"]
    assert isinstance(rooms, list)
    full = {"room": "第一考场", "lines": rooms[0]["lines"] * 10}
    pdf = rendering.render("door_list", DOOR_LIST | {"rooms": [full, rooms[0] | {"room": "第二考场"}]}, QR)
    pages = [squeezed(page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]
    assert ["第一考场" in page for page in pages] == [True, True, False]
    assert ["第二考场" in page for page in pages] == [False, False, True]
    assert all("考生签名" in page and "准考证号" in page for page in pages)


def test_a_door_list_of_nobody_says_so() -> None:
    pdf = rendering.render("door_list", DOOR_LIST | {"rooms": [], "candidates": 0}, QR)
    assert "暂无已编排座位的考生" in by_pypdf(pdf)


def test_a_ticket_holds_exactly_one_picture_of_its_person() -> None:
    """R4.4: one portrait beside the QR code; without one the place for it."""
    picture = io.BytesIO()
    Image.new("RGB", (295, 413), (180, 200, 220)).save(picture, "JPEG")
    with_photo = rendering.render("exam_ticket", EXAM_TICKET | {"portrait": "papers/1"}, QR, "", picture.getvalue())
    assert with_photo.count(b"/DCTDecode") == 1
    without = rendering.render("exam_ticket", EXAM_TICKET, QR)
    assert without.count(b"/DCTDecode") == 0
    assert "免冠照片" in by_pypdf(without) and "免冠照片" not in by_pypdf(with_photo)


def test_a_score_notice_after_readding_replaces_the_earlier_one() -> None:
    """R4.5: it names the day of the re-adding and offers no second objection."""
    text = squeezed(rendering.html_of("score_notice", SCORE_NOTICE | {"readded_on": "2024-06-06"}))
    assert "2024年6月6日复核" in text and "申请复核，复核仅限" not in text
