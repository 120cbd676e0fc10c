"""Every page that the staff of a crowded pilot come to by its links: at most twenty questions to the database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import escape, unescape

import pytest
from flask import Flask

from edu_pilot import clock
from edu_pilot.sample import accounts
from tests.app import opened
from tests.full_sample import TODAY, Crowd
from tests.web.queries import MOST, counted
from tests.web.test_shell import menu
from tests.web.visitor import Visitor, text

STAFF = ("clerk.qihe", "union.qihe", *accounts.CITY_ROLES)
# So many of the pages that differ in their record alone.
ALIKE = 12
LINK = re.compile(r'<a [^>]*href="(/[^"#]*)')
NO_STATEMENT = ("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")

pytestmark = pytest.mark.xdist_group("sample")


@pytest.fixture(scope="module")
def crowded(crowd: Crowd) -> Iterator[Flask]:
    """Give the application of the crowd, on its day."""
    with opened(crowd.place) as app, clock.on(TODAY):
        yield app


def walked(visitor: Visitor, site: Flask) -> Iterator[tuple[str, int]]:
    """Yield every page that links lead to, with the number of its questions."""
    urls, seen, alike = site.url_map.bind("localhost"), {"/"}, Counter[tuple[str, ...]]()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        with counted(site) as asked:
            answer = visitor.get(path)
        yield path, len([one for one in asked if not one.startswith(NO_STATEMENT)])
        if answer.mimetype != "text/html":
            continue
        for link in LINK.findall(text(answer)):
            endpoint, given = urls.match(link.partition("?")[0])
            kind = (endpoint, given.get("workflow", ""), *sorted(re.findall(r"[?&](\w+)=", link)))
            alike[kind] += link not in seen
            if link not in seen and alike[kind] <= ALIKE:
                waiting.append(link)
            seen.add(link)


@pytest.mark.parametrize("account", STAFF)
def test_no_page_of_a_crowded_pilot_asks_more_than_20_times(crowded: Flask, account: str) -> None:
    visitor = Visitor(crowded, "zh")
    assert visitor.sign_in(account).status_code == 303
    asked = dict(walked(visitor, crowded))
    assert len(asked) > 20
    assert {path: number for path, number in asked.items() if number > MOST} == {}


WORK = ("/desk", "/registry", "/exams", "/review", "/payments")
WAITS = re.compile(r'<p class="quiet waits">(.*?)</p>', re.DOTALL)
PART = re.compile(r'<a href="([^"]+)">[^<]+</a> <span class="count">(\d+)<')
# How a list says its own number: in its head, at its tab or at its filter.
OWN = re.compile(
    r'(?:<h1>|aria-current="(?:page|true)")(?:(?!</h1>|</a>|</li>).)*?<span class="count">(\d+)<', re.DOTALL
)


def number_of(page: str, link: str) -> int:
    """Give how many the list behind a link says it has; a list of records says it at the link to itself."""
    main = page.partition("<main")[2]
    if link.startswith("/records/"):
        main = main.partition(f'<a href="{escape(link)}">')[2].partition("</a>")[0].replace("<span", "<h1><span")
    return int(OWN.findall(main)[-1])


@pytest.mark.parametrize("account", [name for name in STAFF if name != "auditor"])
def test_the_number_in_the_navigation_is_the_one_its_page_says(crowded: Flask, account: str) -> None:
    visitor = Visitor(crowded, "en")
    visitor.sign_in(account)
    badges = {path: number for path, (_here, number) in menu(text(visitor.get("/dashboard"))).items() if path in WORK}
    for path, badge in badges.items():
        page = text(visitor.get(path))
        if path == "/desk":
            assert f"waiting here: {badge}" in page
        elif path == "/review":
            tabs = page.partition('aria-label="Queues"')[2].partition("</nav>")[0]
            assert sum(map(int, re.findall(r'<span class="count">(\d+)<', tabs))) == badge
        else:
            (said,) = WAITS.findall(page)
            parts = {unescape(link): int(number) for link, number in PART.findall(said)}
            assert f"<strong>{badge}</strong>" in said and sum(parts.values()) == badge
            # Each part is what the list behind it says of itself.
            for link, number in parts.items():
                assert number == number_of(text(visitor.get(link)), link), link
    assert account == "admin" or any(badges.values()), badges
