"""A clerk's day in a real browser: an applicant entered by keyboard alone, a messy roster mended, taken, taken back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask import Flask
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, ViewportSize

from edu_pilot.services import look_ups
from tests.browser.served import fits, follow, sign_in
from tests.factories import rows, state
from tests.people import LIU_WEI

MESSY = Path(__file__).parents[1] / "rosters" / "roster-qihe-messy.xlsx"
CARD = f"姓名：刘伟 性别：男 民族：汉 住址：山东省齐河县 公民身份号码：{LIU_WEI.id_number}"
DESK = ViewportSize(width=1366, height=768)


def opened(chromium: Browser, address: str) -> tuple[Page, list[str]]:
    """Give a browser in which Wang Fang has signed in, and what it complains of."""
    page = chromium.new_context(viewport=DESK, locale="zh-CN").new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, address, first="/desk")
    return page, complaints


def choose(page: Page, name: str) -> None:
    """Go down in the list that has the focus to its first entry, and on to the next field."""
    assert page.evaluate("document.activeElement.name") == name
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_an_applicant_is_entered_by_keyboard_alone(chromium: Browser, address: str, site: Flask) -> None:
    page, complaints = opened(chromium, address)
    page.goto(f"{address}/desk/register")
    # The reader types the card and ends with Enter; what it says is filled in, and the cursor stands at the next gap.
    page.keyboard.type(CARD)
    page.keyboard.press("Enter")
    page.locator("[name=phone]:focus").wait_for()
    assert page.locator("[name=name]").input_value() == "刘伟"
    assert "号码有效" in page.locator("#id-told").inner_text()
    page.keyboard.type(LIU_WEI.phone)
    page.keyboard.press("Enter")
    # County and intake are chosen already: there is but one of each.
    page.keyboard.press("Enter")
    choose(page, "point")
    page.keyboard.press("Enter")
    for name in ("level", "major"):
        choose(page, name)
    page.keyboard.press("Enter")
    for text in ("齐河县第一中学", "高中", "齐河建筑公司", "仓库管理员"):
        page.keyboard.insert_text(text)
        page.keyboard.press("Enter")
    choose(page, "union_member")
    assert page.evaluate("document.activeElement.value") == "register"
    with page.expect_navigation(url="**/desk/register?*"):
        page.keyboard.press("F2")
    assert "已登记" in page.get_by_role("status").first.inner_text() and fits(page)
    # What stays the same stands there already; the number of one who is registered is told while it is typed.
    assert page.locator("[name=major]").input_value() != "" and page.locator("[name=name]").input_value() == ""
    page.locator("[name=id_number]").focus()
    page.keyboard.type(LIU_WEI.id_number)
    page.locator("#id-told.fault", has_text="登记").wait_for()
    assert complaints == []
    page.close()
    with site.app_context():
        (made,) = rows("application")
        assert (made["name"], made["state"]) == ("刘伟", "registered")
        assert {r["kind"] for r in rows("look_up")} == {look_ups.SEARCH}


def test_a_number_that_is_wrong_is_marked_at_the_field_until_it_is_right(chromium: Browser, address: str) -> None:
    page, complaints = opened(chromium, address)
    page.goto(f"{address}/desk/register")
    number, sound = page.locator("[name=id_number]"), LIU_WEI.id_number
    other = sound[:17] + ("1" if sound.endswith("0") else "0")
    assert "id-told" in (number.get_attribute("aria-describedby") or "").split()
    for typed, wrong in (
        (sound[:9], None),
        (other, "true"),
        (sound, None),
        (f"{sound}1", "true"),
        ("", None),
    ):
        number.fill(typed)
        assert number.get_attribute("aria-invalid") == wrong, typed
        assert ("fault" in (page.locator("#id-told").get_attribute("class") or "")) is bool(wrong), typed
    assert complaints == []
    page.close()


def test_what_is_half_typed_is_there_again_after_the_browser_was_closed(chromium: Browser, address: str) -> None:
    page, _complaints = opened(chromium, address)
    page.goto(f"{address}/desk/register")
    page.locator("[name=name]").fill("刘伟")
    follow(page.get_by_role("button", name="暂存"))
    page.close()
    page = page.context.new_page()
    page.goto(f"{address}/desk/register")
    assert page.locator("[name=name]").input_value() == "刘伟" and "暂存" in page.locator(".stuck").inner_text()
    # Nothing of it is left in the browser itself.
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.close()


def test_a_faulty_roster_is_read_on_a_small_screen_without_scrolling_sideways(chromium: Browser, address: str) -> None:
    page, complaints = opened(chromium, address)
    page.goto(f"{address}/desk/roster")
    page.get_by_label("入学批次").select_option("2209")
    page.locator("input[type=file]").set_input_files(MESSY)
    follow(page.get_by_role("button", name="上传并核对"))
    page.set_viewport_size(ViewportSize(width=375, height=740))
    assert page.locator(".cells .fault").count() == 12
    for told in (".cells tbody th", ".cells .bad-cell", ".cells .fault"):
        for one in page.locator(told).all():
            box = one.bounding_box()
            assert box and box["x"] >= 0 and box["x"] + box["width"] <= 375, (told, one.inner_text())
    # Who hears the page is told of each such cell what is wrong with it.
    for cell in page.locator(".cells .bad-cell").all():
        fault = page.locator(f"id={cell.get_attribute('aria-describedby')}")
        assert fault.count() == 1 and fault.inner_text() in cell.inner_text() and fault.inner_text()
    # Beside whose row it is, a small screen shows the cells in which something is wrong, each with its column.
    seen = [cell for cell in page.locator(".cells tbody td").all() if cell.is_visible()]
    whose = page.locator(".cells td.whose:not(.bad-cell)").count()
    assert len(seen) == whose + 12 and all(cell.get_attribute("data-label") for cell in seen)
    assert fits(page) and complaints == []
    page.close()


def mended(content: bytes, target: Path) -> Path:
    """Give the workbook that was sent back, with one fault mended: a number typed again as text."""
    book = load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    heads = next(row for row in sheet.iter_rows() if any(cell.value == "姓名" for cell in row))
    phone = next(cell.column for cell in heads if str(cell.value).startswith(("手机", "联系")))
    sheet.cell(20, phone).value = "13812345699"
    book.save(target)
    return target


def test_a_messy_roster_is_mended_taken_and_taken_back(
    chromium: Browser, address: str, site: Flask, tmp_path: Path
) -> None:
    page, complaints = opened(chromium, address)
    follow(page.get_by_role("link", name="上传名册").first)
    page.get_by_label("入学批次").select_option("2209")
    page.locator("input[type=file]").set_input_files(MESSY)
    follow(page.get_by_role("button", name="上传并核对"))
    assert page.locator(".bad-cell").count() == 12 and fits(page)
    with page.expect_download() as waited:
        page.get_by_role("link", name="下载标注错误的文件").click()
    file = mended(Path(waited.value.path()).read_bytes(), tmp_path / "mended.xlsx")
    follow(page.get_by_role("link", name="重新上传"))
    assert page.get_by_label("入学批次").input_value() == "2209"
    page.locator("input[type=file]").set_input_files(file)
    follow(page.get_by_role("button", name="上传并核对"))
    follow(page.get_by_role("button", name="录入 21 行"))
    assert page.get_by_role("heading", level=1).inner_text() == "已录入"
    page.locator("#undo summary").click()
    follow(page.locator("#undo button"))
    assert "已撤回 21 条" in page.get_by_role("status").first.inner_text() and fits(page)
    assert complaints == []
    page.close()
    with site.app_context():
        assert len(rows("application")) == 21
        assert {state("application", r["reference"]) for r in rows("application")} == {"withdrawn"}


@pytest.mark.parametrize("width", [375, 1366])
def test_the_pages_of_the_desk_fit(chromium: Browser, address: str, width: int) -> None:
    page, complaints = opened(chromium, address)
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/desk", "/desk/register", "/desk/roster"):
        page.goto(f"{address}{path}")
        assert fits(page), path
        follow(page.get_by_role("button", name="大字版"))
        assert fits(page), path
        follow(page.get_by_role("button", name="标准版"))
    assert complaints == []
    page.close()
