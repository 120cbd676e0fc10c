"""The frame in a real browser: a menu without scripts, a warning before the session ends, entries that stay."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Browser, ViewportSize

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import LoginSession
from tests.browser.served import fits, follow, sign_in

PHONE = ViewportSize(width=320, height=700)


def test_the_menu_of_a_phone_opens_without_scripts(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address)
    assert not page.get_by_role("link", name="总览").is_visible()
    page.get_by_text("菜单", exact=True).click()
    follow(page.get_by_role("link", name="总览"))
    assert page.url.endswith("/dashboard") and fits(page)
    follow(page.get_by_role("button", name="大字版"))
    assert page.url.endswith("/dashboard") and fits(page)
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "24px"
    assert page.locator(".top-search button").bounding_box()["height"] >= 60  # type: ignore[index]
    context.close()


def test_an_idle_session_is_told_in_time_and_its_entries_stay(chromium: Browser, address: str, site: Flask) -> None:
    page = chromium.new_context(locale="zh-CN").new_page()
    page.clock.install()
    sign_in(page, address)
    page.goto(f"{address}/records/application")
    page.locator("#q").fill("刘伟")
    assert not page.locator("#idle").is_visible()
    page.clock.fast_forward("28:30")
    page.get_by_role("button", name="继续使用").click()
    page.locator("#idle").wait_for(state="hidden")
    # The session ends after all: whoever signs in again in another tab goes on in this one.
    with site.app_context(), write() as conn:
        conn.execute(LoginSession.__table__.update().values(ended_at=clock.now()))
    page.clock.fast_forward("31:00")
    assert page.get_by_text("登录已过期").is_visible()
    assert page.locator("#q").input_value() == "刘伟"
    page.close()
    page.context.close()
