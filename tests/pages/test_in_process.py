"""What holds for every page as it is sent: its weight, its queries, its language."""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterator
from functools import cache

import pytest
import sqlalchemy as sa
from babel.messages.pofile import read_po
from flask import Flask

from edu_pilot import paths
from edu_pilot.extensions import db
from tests.pages.listed import Page
from tests.trust.matrix import World

LIMIT_BYTES = 100_000
QUERIES = 20
LANGUAGES = ("zh", "en")
SHARED = re.compile(r'(?:href|src)="(/static/[^"]+)"')
TEXT = re.compile(r">([^<>]+)<")
# What says itself in which language it stands, such as the heads that a Chinese list may have.
ITS_OWN = re.compile(r"<(?!html)\w+[^>]*\slang=[^>]*>[^<]*<")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def sent(world: World, page: Page, lang: str) -> str:
    """Give the page as text."""
    headers = dict(page.headers) | {"Accept-Language": lang}
    return world.app.test_client(use_cookies=False).get(page.path, headers=headers).get_data(as_text=True)


@cache
def texts() -> dict[str, str]:
    """Give every message that has no placeholder, with its Chinese text."""
    with (paths.PACKAGE / "translations/zh/LC_MESSAGES/messages.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and "%(" not in str(m.id)}


def shown(page: str) -> Iterator[str]:
    """Yield the texts of a page as a reader sees them, one line each."""
    for found in TEXT.findall(ITS_OWN.sub("><", page)):
        if text := " ".join(html.unescape(found).split()):
            yield text


def untranslated(page: str, lang: str) -> set[str]:
    """Name the texts of the catalogue that stand in the other language."""
    wrong = {en for en, zh in texts().items() if en != zh} if lang == "zh" else set(texts().values()) - set(texts())
    return {text for text in shown(page) if text in wrong and (lang == "zh" or CHINESE.search(text))}


def test_the_list_holds_every_page_that_somebody_may_open(every_page: list[Page]) -> None:
    rules = {page.rule for page in every_page}
    assert {"/", "/desk", "/review", "/records/<workflow>/<reference>", "/status", "/verify"} <= rules
    assert len(every_page) > 60


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_stands_in_the_other_language(world: World, every_page: list[Page], lang: str) -> None:
    assert untranslated("<p>Sign out</p>", "zh") and untranslated("<p>退出登录</p>", "en")
    wrong = {page.name: found for page in every_page if (found := untranslated(sent(world, page, lang), lang))}
    assert wrong == {}


def weight(app: Flask, page: str) -> int:
    """Give the compressed bytes of a page with all it loads."""
    loaded = [_loaded(app, address.partition("?")[0]) for address in set(SHARED.findall(page))]
    return sum(len(gzip.compress(part)) for part in (page.encode(), *loaded))


def _loaded(app: Flask, address: str) -> bytes:
    with app.test_client().get(address) as answer:
        return answer.data


def test_no_page_weighs_more_than_100_kb(world: World, every_page: list[Page]) -> None:
    heavy = {page.name: w for page in every_page if (w := weight(world.app, sent(world, page, "zh"))) > LIMIT_BYTES}
    assert heavy == {}


def test_no_page_asks_the_database_more_than_20_times(world: World, every_page: list[Page]) -> None:
    asked: list[str] = []
    with world.app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    many = {}
    for page in every_page:
        asked.clear()
        sent(world, page, "zh")
        queries = [one for one in asked if not one.startswith(("PRAGMA", "BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
        if len(queries) > QUERIES:
            many[page.name] = len(queries)
    assert many == {}
