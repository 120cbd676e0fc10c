"""A graduate's walk on a small telephone without JavaScript: from the query code to the submitted claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, Request, ViewportSize

from edu_pilot import clock
from edu_pilot.services.vault import vault
from tests.browser.served import fits, follow, served_here
from tests.factories import CARD, CLAIMED, Pilot, rows, state
from tests.people import LIU_WEI

# WeChat's own browser names itself; nothing of its interface is used.
WECHAT = (
    "Mozilla/5.0 (Linux; Android 10; HMA-AL00) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/86.0.4240.99 "
    "Mobile Safari/537.36 MicroMessenger/8.0.40 NetType/4G Language/zh_CN"
)
PHONE = ViewportSize(width=360, height=640)
# The smallest letters of running text, in pixels.
BASE = 18


@pytest.fixture
def on_site(site: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the site on the day of the claim."""
    monkeypatch.setenv("EDU_PILOT_TODAY", CLAIMED.isoformat())
    with served_here(site) as base:
        yield base


@pytest.fixture
def code(site: Flask) -> str:
    """Give the query code of somebody who has graduated."""
    with clock.on(CLAIMED), site.app_context():
        Pilot().graduated()
        known = next(r for r in rows("application") if r["query_code"])
        return vault().open("application.query_code", known["id"], known["query_code"])


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Give two photos from the telephone."""
    paths = [tmp_path / f"发票{n}.jpg" for n in (1, 2)]
    for path, colour in zip(paths, ("orange", "teal"), strict=True):
        Image.new("RGB", (900, 1200), colour).save(path)
    return paths


def sized(page: Page) -> bool:
    """Tell whether the page's letters are large enough."""
    return bool(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= BASE)


def above(page: Page, first: str, second: str) -> bool:
    """Tell whether one part of the page stands higher than another."""
    tops = [box["y"] for name in (first, second) if (box := page.locator(name).first.bounding_box())]
    return tops == sorted(tops) and len(tops) == len({*tops}) == len((first, second))


def test_a_graduate_finds_the_status_and_claims_with_two_photos_in_five_screens(
    chromium: Browser, on_site: str, code: str, photos: list[Path], site: Flask
) -> None:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN", java_script_enabled=False, user_agent=WECHAT)
    page = context.new_page()
    page.set_default_timeout(15_000)
    asked: list[Request] = []
    complaints: list[str] = []
    screens: list[str] = []
    page.on("request", lambda request: asked.append(request))
    page.on("console", lambda message: complaints.append(message.text))

    def screen(heading: str) -> None:
        """Look at the next screen."""
        assert page.get_by_role("heading", level=1).inner_text().startswith(heading), page.url
        assert fits(page) and sized(page), heading
        screens.append(heading)

    page.goto(f"{on_site}/status")
    screen("办理进度查询")
    page.get_by_label("查询码").fill(f"{code[:4]}-{code[4:8]}-{code[8:]}".lower())
    page.get_by_label("身份证号后六位").fill(LIU_WEI.id_number[-6:])
    follow(page.get_by_role("button", name="查询进度"))
    screen("我的办理情况")
    assert "请在2026年7月31日前申请学费报销" in page.inner_text("main")
    follow(page.get_by_role("link", name="申请学费报销"))
    screen("申请学费报销")
    assert above(page, "#photos", ".receipt") and page.get_by_text("再加一张票据").filter(visible=True).count() == 0
    page.get_by_label("编号").first.fill("24372000000012345678")
    page.get_by_label("支付日期").first.fill("20220912")
    page.get_by_label("金额").first.fill("4790")
    page.get_by_text("再加一张票据").filter(visible=True).click()
    assert page.locator(".receipt[open]").count() == 1 and page.get_by_label("编号").nth(1).is_visible()
    page.get_by_label("票据照片").set_input_files(photos)
    page.get_by_label("银行卡号").fill(f"{CARD[:4]} {CARD[4:8]} {CARD[8:]}")
    follow(page.get_by_role("button", name="保存并核对"))
    screen("请核对")
    assert page.locator("#photos-kept img").count() == 2 and "¥4,790.00" in page.inner_text("main")
    follow(page.get_by_role("button", name="我承诺并提交"))
    screen("学费报销 待审核")
    assert len(screens) == 5
    reference = page.locator(".panel .big").inner_text()
    assert page.get_by_role("link", name="看图片").is_visible() and "齐河县总工会" in page.inner_text("main")
    assert page.goto(f"{on_site}/my/claim/done").status == 200  # type: ignore[union-attr]
    assert all(request.url.startswith(on_site) for request in asked) and complaints == []
    context.close()
    with site.app_context():
        assert state("claim", reference) == "submitted"
