"""Debian's Chromium, and the site served to it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

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
