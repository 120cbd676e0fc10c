"""G19: 200 marked ID numbers, phones and cards go through everything, and nowhere do they lie about in clear (C10)."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
import structlog
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy.exc import IntegrityError
from stdnum import luhn

from edu_pilot.cli import top
from edu_pilot.extensions import db, read, write
from edu_pilot.models import Person
from edu_pilot.services import keys, outbox, search
from edu_pilot.services.actors import OPERATOR
from tests.app import TODAY, Place, at_work, opened
from tests.browser.served import ARGUMENTS, CHROMIUM, follow
from tests.factories import CLAIMED, Pilot, application_form, on
from tests.people import Human, fresh_code, id_number
from tests.trust.client import Caller, callers
from tests.trust.figures import figure, seed, size
from tests.trust.servers import ROOT, Site, served
from tests.web.visitor import Visitor

GOAL = "G19"
NUMBERS = re.compile(rb"(?<!\d)(?:\d{17}[\dX]|\d{15,19}|1[3-9]\d{9})(?![\dX])")


def canary(n: int) -> Human:
    """Give the n-th marked person; nobody else in the tests has such a number or phone."""
    return Human(f"金{'甲乙丙丁戊己庚辛壬癸'[n % 10]}", id_number(date(1988, 1, 1) + timedelta(n), 997), f"1709{n:07d}")


def card(n: int) -> str:
    """Give the n-th marked card."""
    body = f"62170900{n:010d}"
    return body + luhn.calc_check_digit(body)


def canaries() -> set[bytes]:
    people = [canary(n) for n in range(size(GOAL))]
    texts = [*(p.id_number for p in people), *(p.phone for p in people), *(card(n) for n in range(size(GOAL)))]
    return {text.encode() for text in texts}


@dataclass
class Traces:
    """Everything that is left where nobody's number may stand: named bytes."""

    folder: Path
    kept: dict[str, bytes] = field(default_factory=dict)

    def keep(self, name: str, content: bytes | str) -> None:
        self.kept[name] = self.kept.get(name, b"") + (content.encode() if isinstance(content, str) else content)

    def keep_folder(self, name: str, folder: Path) -> None:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.keep(f"{name}/{path.relative_to(folder)}", path.read_bytes())

    def hits(self, marked: set[bytes]) -> dict[str, int]:
        """Count the marked numbers by place; a browser writes text in two bytes a character too."""
        found = {}
        for name, content in self.kept.items():
            both = (content, content.replace(b"\0", b"")) if b"\0" in content else (content,)
            number = len({hit for text in both for hit in NUMBERS.findall(text)} & marked)
            found[name] = number
        return {name: number for name, number in found.items() if number}

    @property
    def bytes(self) -> int:
        return sum(map(len, self.kept.values()))


# What is done


def command(site: Place, traces: Traces, *words: str) -> str:
    """Run a command in a process of its own; what it tells on its error line is a log."""
    environ = os.environ | {
        "EDU_PILOT_DATA": str(site.data),
        "EDU_PILOT_DATABASE_URL": site.database_url,
        "EDU_PILOT_TODAY": TODAY.isoformat(),
        "PYTHONPATH": str(ROOT),
    }
    line = [sys.executable, "-m", "edu_pilot.cli", *words]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, cwd=ROOT)
    traces.keep("commands.err", done.stderr)
    return done.stdout


def by_roster(place: Place, traces: Traces, people: Iterable[Human]) -> None:
    """Import a roster in which every tenth row has a fault."""
    file = traces.folder / "roster.csv"
    heads = [
        "姓名",
        "身份证号",
        "手机号",
        "县区",
        "教学点",
        "报考层次",
        "报考专业",
        "原毕业院校",
        "原学历",
        "工作单位",
        "岗位",
    ]
    with file.open("w", encoding="utf-8") as target:
        sheet = csv.writer(target)
        sheet.writerow(heads)
        for n, one in enumerate(people):
            point = "无此教学点" if n % 10 == 0 else "齐河县教学点"
            row = [one.name, one.id_number, one.phone, "齐河县", point, "专科", "电子商务", "一中", "高中", "厂", "工"]
            sheet.writerow(row)
    told = json.loads(command(place, traces, "roster", "import", str(file), "--intake", "2209", "--json"))
    assert told["accepted"] > told["rejected"] > 0
    traces.keep("roster.report", json.dumps(told, ensure_ascii=False))
    file.unlink()


def by_api(site: Site, traces: Traces, people: list[Human]) -> None:
    """Create, register, search and look up over HTTP, and ask wrongly in every way that comes to mind."""
    with callers(site.base, [site.token("wang.fang")]) as [caller]:
        for one in people:
            at_the_api(caller, traces, one)


def at_the_api(caller: Caller, traces: Traces, one: Human) -> None:
    """Send one person through the API."""
    made = caller.post("/records/application", application_form(one), key="key-" + one.id_number[6:14])
    assert made.status == 201, made.body
    caller.act("application", made.body["reference"], "register", 1)
    address = f"/records/application/{made.body['reference']}"
    shown = [caller.get(address), caller.get(f"{address}/history"), caller.post("/search", {"phone": one.phone})]
    wrong = [
        caller.get(f"/records/application/{one.id_number}"),
        caller.get(f"/records/application?q={one.id_number}"),
        caller.post("/records/application", application_form(one, phone=one.id_number, level=one.phone)),
        caller.post("/records/application", application_form(one, name=one.id_number, employer=f"厂 {one.phone}")),
        caller.post("/search", {"id_number": one.id_number, "phone": one.phone}),
        caller.post(f"/records/application/{one.phone}/actions/verify", {"version": one.phone}),
        caller.post(f"{address}/look-ups", {"field": one.id_number, "reason": one.phone}),
        caller.post("/status", {"code": one.id_number, "id_tail": one.id_number[-6:]}),
    ]
    asked = caller.post(f"{address}/look-ups", {"field": "id_number", "reason": "COMPARE"})
    assert asked.body["value"] == one.id_number
    for answer in (*shown, *wrong):
        traces.keep("answers", f"{answer.status} {answer.headers} {answer.body}\n")
    traces.keep("headers", str(asked.headers))


def by_claims(hands: Pilot, cards: Iterable[str]) -> None:
    """Enter a claim and change its card again and again."""
    study = hands.graduated(canary(0))
    claim = hands.claim(study)
    for one in cards:
        hands.act("claim", claim, "amend", hands.wang_fang, CLAIMED, new_account_number=one)


def by_mistakes(people: Iterable[Human]) -> None:
    """What programmers do: log too much, let a row be refused, raise with a value in the text."""
    for one in people:
        try:
            refuse_a_row(one)
        except IntegrityError:
            structlog.get_logger().exception("refused", person=one.id_number, phones=[one.phone])


def refuse_a_row(one: Human) -> None:
    """Give a row without its number: PostgreSQL would write the whole of it into its log."""
    with write() as conn:
        conn.execute(Person.__table__.insert().values(id=one.phone, name=one.id_number, name_keys=""))


def by_pages(app: Flask, traces: Traces, people: Iterable[Human]) -> None:
    """Search on the pages, by the right form and by the wrong one."""
    desk = Visitor(app)
    desk.sign_in("wang.fang")
    for one in people:
        sent = [
            desk.send("/search", number=one.id_number),
            desk.send("/records/application/find", q=one.phone),
            desk.get("/records/application", query_string={"q": one.id_number}),
        ]
        sent += [desk.get(answer.location) for answer in sent[:2]]
        # What is half entered, asked while it is typed, and sent as a list: kept sealed, shown masked.
        sent.append(desk.send("/desk/kept", **application_form(one)))
        sent.append(desk.send("/desk/known", id_number=one.id_number))
        lines = f"姓名,身份证号,手机号\n{one.name},{one.id_number},{one.phone}\n".encode()
        sent.append(desk.send("/desk/roster", intake="2209", file=(io.BytesIO(lines), "roster.csv")))
        sent.append(desk.get(sent[-1].location))
        for answer in sent:
            traces.keep("pages", f"{answer.status} {answer.headers}\n".encode() + answer.data)


def by_browser(chromium: Browser, site: Site, traces: Traces, one: Human, reference: str, code: str) -> None:
    """Look at a record in a real browser, in full, and keep what the browser kept."""
    profile = traces.folder / "profile"
    kind = chromium.browser_type
    with kind.launch_persistent_context(str(profile), executable_path=CHROMIUM, args=ARGUMENTS) as browser:
        page = browser.new_page()
        page.goto(site.base + "/login")
        page.fill("[name=username]", "wang.fang")
        page.fill("[name=password]", "demowang.fang")
        page.fill("[name=code]", code)
        follow(page.locator("main button"))
        page.goto(f"{site.base}/records/application/{reference}")
        page.locator("details.look-up summary").first.click()
        follow(page.locator("details.look-up button").first)
        assert one.id_number in page.content()
        page.goto(f"{site.base}/records/application")
        page.fill("#top-number", one.id_number)
        with page.expect_navigation(url="**/search/**"):
            page.press("#top-number", "Enter")
        assert reference in page.content()
        traces.keep("address", page.url)
        stored = page.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])")
        traces.keep("browser storage", f"{stored} {browser.cookies()}")
    traces.keep_folder("profile", profile)


# What is left


def keep_database(traces: Traces) -> None:
    """Keep the files of the database, as a thief of the disk finds them."""
    url = db.engine.url
    if url.get_backend_name() == "sqlite":
        return
    with read() as conn:
        home = Path(conn.execute(sa.text("SHOW data_directory")).scalar_one())
        own = conn.execute(sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("CHECKPOINT"))
    traces.keep_folder("tables", home / "base" / str(own))
    traces.keep_folder("wal", home / "pg_wal")


def server_log() -> Path | None:
    """Give PostgreSQL's own log."""
    if db.engine.url.get_backend_name() == "sqlite":
        return None
    with read() as conn:
        return Path(conn.execute(sa.text("SHOW data_directory")).scalar_one()).parent / "log"


@contextmanager
def logging_to(traces: Traces) -> Iterator[None]:
    """Keep what this process writes to its error line."""
    told = io.StringIO()
    with redirect_stderr(told):
        yield
    traces.keep("app.log", told.getvalue())


def backed_up(place: Place, traces: Traces) -> None:
    """Keep a backup, where the installation can make one."""
    if "backup" not in top.commands:
        return
    file = traces.folder / "backup.bin"
    command(place, traces, "backup", str(file))
    if file.exists():
        traces.keep("backup", file.read_bytes())


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder in which every process of this test has its temporary files."""
    # A short name: the browser keeps a socket in it, whose path may have 107 bytes only.
    with TemporaryDirectory(prefix="g19-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_no_marked_number_is_found_in_clear(
    any_place: Place, tmp_path: Path, temporary: Path, chromium: Browser
) -> None:
    people = [canary(n) for n in range(size(GOAL))]
    work = tmp_path / "work"
    work.mkdir()
    traces = Traces(work)
    with figure(GOAL, seed(GOAL), "postgresql" if any_place.url else "sqlite") as told:
        with logging_to(traces), opened(any_place) as app:
            drive(chromium, app, any_place, traces, people)
        traces.keep_folder("installation", any_place.data)
        traces.keep_folder("temporary", temporary)
        hits = traces.hits(canaries())
        told(marked=len(canaries()), places=len(traces.kept), megabytes=traces.bytes >> 20, hits=sum(hits.values()))
        assert hits == {}


def drive(chromium: Browser, app: Flask, place: Place, traces: Traces, people: list[Human]) -> None:
    """Send everybody through everything."""
    with at_work(app):
        log = server_log()
        before = log.stat().st_size if log else 0
    by_roster(place, traces, people[20:])
    with served(place, workers=1) as site:
        by_api(site, traces, people[10:15])
        with app.app_context(), on(TODAY):
            reference, code = search_for(people[10]), fresh_code("wang.fang")
        by_browser(chromium, site, traces, people[10], reference, code)
    with at_work(app):
        by_claims(Pilot(), [card(n) for n in range(size(GOAL) // 4)])
        by_mistakes(people[:10])
        by_pages(app, traces, people[12:17])
        outbox.drain()
        keys.rotate("seal", OPERATOR)
        keep_database(traces)
    backed_up(place, traces)
    if log:
        traces.keep("postgresql.log", log.read_bytes()[before:])


def search_for(one: Human) -> str:
    with write() as conn:
        return search.by_person(conn, OPERATOR, one.id_number, None)[0].reference


def test_what_is_searched_for_would_be_found(tmp_path: Path) -> None:
    """The search itself must be able to fail: by bytes, in two bytes a character, in the middle of a text."""
    traces = Traces(tmp_path)
    traces.keep("plain", f"x={canary(3).id_number};")
    traces.keep("wide", canary(4).phone.encode("utf-16-le"))
    traces.keep("near", f"1{card(5)}")
    assert traces.hits(canaries()) == {"plain": 1, "wide": 1}
