"""One clerk's walk through a real browser, without JavaScript: blocked, papers handed in, verified."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, Request, ViewportSize

from edu_pilot import clock
from tests.app import TODAY
from tests.browser.served import fits, follow, sign_in
from tests.factories import Pilot, state

SIZES = {"phone": (375, 812), "desk": (1366, 768)}


@pytest.fixture
def registered(site: Flask) -> str:
    """Give an application that waits for its papers."""
    with clock.on(TODAY), site.app_context():
        return Pilot().registered()


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """Give a small photo."""
    path = tmp_path / "照片.jpg"
    Image.new("RGB", (90, 120), "grey").save(path)
    return path


def hand_in_papers(page: Page, portrait: Path) -> None:
    """Hand in the five papers that are asked for, all together."""
    missing = page.locator("#papers .slot:has(.tag-returned) input[type=file]")
    for slot in missing.all():
        slot.set_input_files(portrait)
    follow(page.get_by_role("button", name="上传所选材料"))


@pytest.mark.parametrize("size", SIZES)
def test_a_clerk_hands_in_the_papers_and_verifies(
    chromium: Browser, address: str, registered: str, portrait: Path, site: Flask, size: str
) -> None:
    width, height = SIZES[size]
    viewport = ViewportSize(width=width, height=height)
    context = chromium.new_context(viewport=viewport, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    asked: list[Request] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request))
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(page, address, first="/desk")
    assert page.get_by_role("heading", name="教学点").is_visible() and fits(page)
    follow(page.get_by_role("link", name=registered).first)
    blocked = page.locator("#step-verify")
    assert "尚缺材料" in blocked.inner_text() and blocked.get_by_role("button").count() == 0
    hand_in_papers(page, portrait)
    assert fits(page)
    follow(page.locator("#step-verify").get_by_role("button"))
    assert page.get_by_role("status").inner_text().startswith("已办理：审核通过。现状：审核通过；等待")
    assert fits(page)
    follow(page.get_by_role("button", name="English"))
    assert page.get_by_role("heading", name="What can be done").is_visible()
    assert all(request.url.startswith(address) for request in asked)
    assert complaints == []
    context.close()
    with site.app_context():
        assert state("application", registered) == "verified"
