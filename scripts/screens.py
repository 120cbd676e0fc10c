"""Take one current picture of each main screen into docs/screens/, from a fresh sample on a real server.

python scripts/screens.py [FOLDER]     FOLDER keeps the installation, for a second run without loading it again
"""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "screens"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
DAY, PEOPLE, PATIENCE_SECONDS = "2026-12-05", "40", 60
DESK, PHONE = (1366, 900), (375, 812)
TALLEST, COLOURS = 1800, 128
# The guides show one screen each, small enough for a slow line.
GUIDES = {
    "status": "student", "desk": "clerk", "registry": "registrar", "exam-session": "examiner",
    "review-claim": "reviewer", "payments": "finance", "administration": "admin",
}  # fmt: skip
GUIDE_TARGET, GUIDE_SIZE, GUIDE_QUALITY = ROOT / "edu_pilot" / "static" / "guide", (720, 620), 55
ROSTER = ROOT / "tests" / "rosters" / "roster-qihe-messy.xlsx"


@dataclass(frozen=True)
class Screen:
    """One picture: who opens which address; `first` follows the first link whose address fits."""

    name: str
    account: str
    address: str
    first: str = ""
    size: tuple[int, int] = DESK


SCREENS = (
    Screen("sign-in", "", "/login"),
    Screen("desk", "clerk.qihe", "/desk"),
    Screen("registration", "clerk.qihe", "/desk/register"),
    Screen("roster", "clerk.qihe", "/desk/roster"),
    Screen("record", "clerk.qihe", "/records/application?state=admitted", r"/records/application/A\d{4}-\d{6}$"),
    Screen("registry", "registrar", "/registry"),
    Screen("admission", "registrar", "/registry/queue/admit"),
    Screen("progress", "registrar", "/registry/progress"),
    Screen("graduation", "registrar", "/registry/graduation/complete"),
    Screen("places", "registrar", "/registry/places"),
    Screen("exams", "examiner", "/exams"),
    Screen("exam-session", "examiner", "/exams", r"/exams/sessions/X\d{4}-\d+$"),
    Screen("review-queue", "university", "/review"),
    Screen("review-claim", "university", "/review", r"/review/R\d{4}-\d{6}"),
    Screen("conflicts", "union.city", "/review"),
    Screen("payments", "finance.maker", "/payments"),
    Screen("reconciliation", "finance.maker", "/payments/reconciliation"),
    Screen("overview", "registrar", "/dashboard"),
    Screen("administration", "admin", "/admin"),
    Screen("status-question", "", "/status", size=PHONE),
    Screen("status", "student", "/status", size=PHONE),
    Screen("verification", "", "/verify"),
)


def main(words: list[str]) -> int:
    """Take all pictures; return 1 if a page could not be shown."""
    folder = Path(words[0]) if words else Path(tempfile.mkdtemp(prefix="screens-"))
    TARGET.mkdir(parents=True, exist_ok=True)
    try:
        with served(folder) as base, opened() as browser:
            missing = [screen.name for screen in SCREENS if not taken(browser, base, folder, screen)]
    finally:
        if not words:
            shutil.rmtree(folder)
    for name in missing:
        print(f"not shown: {name}", file=sys.stderr)
    return 1 if missing else 0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Load the sample, unless it is there, and serve it on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environ = os.environ | {"EDU_PILOT_DATA": str(folder), "EDU_PILOT_TODAY": DAY, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "edu_pilot.cli"]
    if not (folder / "keys").exists():
        subprocess.run([*command, "init"], env=environ, check=True)
        subprocess.run([*command, "sample", "load", "--people", PEOPLE, "--seed", "1"], env=environ, check=True)
    server = subprocess.Popen([*command, "serve", "--port", port], env=environ, start_new_session=True)
    try:
        yield _ready(int(port))
    finally:
        server.terminate()
        server.wait()


def _ready(port: int) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return f"http://127.0.0.1:{port}"
    raise SystemExit("the server does not come up")


@contextmanager
def opened() -> Iterator[Browser]:
    """Give Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


def taken(browser: Browser, base: str, folder: Path, screen: Screen) -> bool:
    """Take one picture; return whether the page was there."""
    width, height = screen.size
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    page = context.new_page()
    _enter(page, base, folder, screen.account)
    answer = page.goto(base + screen.address)
    if screen.first:
        links = [one.get_attribute("href") or "" for one in page.locator("main a").all()]
        found = next((link for link in links if re.search(screen.first, link)), None)
        answer = page.goto(base + found) if found else None
    if answer and answer.ok:
        _keep(page, screen)
    context.close()
    return bool(answer and answer.ok)


def _enter(page: Page, base: str, folder: Path, account: str) -> None:
    """Come in as one of the sample's staff, or as a student by code and number."""
    if account == "student":
        code, tail = _of_a_student(folder)
        page.goto(f"{base}/status")
        page.locator("[name=code]").fill(code)
        page.locator("[name=id_tail]").fill(tail)
        page.locator("main form button").first.click()
    elif account:
        page.goto(f"{base}/login")
        page.locator("[name=username]").fill(account)
        page.locator("[name=password]").fill(f"demo{account}")
        page.locator("[name=code]").fill(_code(folder, account))
        page.locator("main form button").first.click()
        page.wait_for_url(lambda address: "/login" not in address)


def _code(folder: Path, account: str) -> str:
    return _asked(folder, f"print(factor.present_code(factor.sample_secret({account!r})))")


def _of_a_student(folder: Path) -> tuple[str, str]:
    """Return the query code and the end of the number of somebody who has graduated."""
    code, tail = _asked(
        folder,
        "row = db.session.execute(sa.text('select a.id, a.query_code, a.id_number from application a join study s on '"
        " 's.application_id = a.id where s.state = :state and a.query_code is not null order by a.reference limit 1'),"
        " {'state': 'graduated'}).one();"
        "print(vault().open('application.query_code', row[0], row[1]));"
        "print(vault().open('application.id_number', row[0], row[2])[-6:])",
    ).split()
    return code, tail


def _asked(folder: Path, line: str) -> str:
    """Ask the installation itself for what the sample's people hold in their hands."""
    head = (
        "import sqlalchemy as sa; from edu_pilot import create_app; from edu_pilot.extensions import db;"
        " from edu_pilot.services import factor; from edu_pilot.services.vault import vault; app = create_app();"
        " app.app_context().push(); "
    )
    environ = os.environ | {"EDU_PILOT_DATA": str(folder), "EDU_PILOT_TODAY": DAY, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", head + line], env=environ, check=True, capture_output=True, text=True)
    return run.stdout.strip()


def _keep(page: Page, screen: Screen) -> None:
    """Keep a small picture: few colours, and no more of a long page than a reader looks at."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    picture.quantize(COLOURS).save(TARGET / f"{screen.name}.png", optimize=True)
    if group := GUIDES.get(screen.name):
        GUIDE_TARGET.mkdir(exist_ok=True)
        small = picture.crop((0, 0, picture.width, min(picture.height, picture.width * GUIDE_SIZE[1] // GUIDE_SIZE[0])))
        small.thumbnail(GUIDE_SIZE)
        small.save(GUIDE_TARGET / f"{group}.webp", quality=GUIDE_QUALITY, method=6)
    print(screen.name, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
