"""Debian's Chromium, and the site served to it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from werkzeug.serving import make_server

from edu_pilot.services import factor

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
NOT_HERE = "Debian's chromium is not installed: apt-get install chromium"


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Give Debian's Chromium; without it the test is skipped, which CI does not allow."""
    if CHROMIUM is None:
        pytest.skip(NOT_HERE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served_here(site: Flask) -> Iterator[str]:
    """Serve an application on a port of this machine and give its address."""
    server = make_server("127.0.0.1", 0, site, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def follow(pressed: Locator) -> None:
    """Press what leads to another page and wait until that page is there, with its scripts and style sheets."""
    with pressed.page.expect_navigation():
        pressed.click()


def sign_in(page: Page, address: str, account: str = "wang.fang", first: str = "/login") -> None:
    """Sign one of the staff in, on the way to the page wanted first."""
    page.goto(address + first)
    page.get_by_label("用户名").fill(account)
    page.get_by_label("密码").fill(f"demo{account}")
    page.get_by_label("动态验证码").fill(factor.present_code(factor.sample_secret(account)))
    follow(page.get_by_role("button", name="登录", exact=True))


def fits(page: Page) -> bool:
    """Tell whether nothing sticks out to the side, once the page and its style sheets are there."""
    page.wait_for_load_state()
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return bool(page.evaluate(width) <= 0)
