"""What holds for every page as a browser shows it: axe finds nothing, every control is labelled, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, groupby, product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Page as Tab

from edu_pilot.web.navigation import VIEW_COOKIE
from tests.browser.served import served_here
from tests.pages.listed import Page
from tests.trust import matrix
from tests.trust.figures import column, figure
from tests.trust.matrix import World

LANGUAGES, WIDTHS, VIEWS = ("zh-CN", "en"), (375, 1366), ("normal", "elder")
VARIANTS = list(product(LANGUAGES, WIDTHS, VIEWS))
# 320 px is what a page of 1280 px is at 400 % (WCAG 1.4.10); 683 px is 1366 px at 200 %.
NARROW = (320, 683)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A control's words must be seen beside it, or at the head of its column: a name that only a screen reader hears
# helps nobody who looks.
UNLABELLED = """() => [...document.querySelectorAll('input, select, textarea')].filter(one => {
  if (['hidden', 'submit', 'button'].includes(one.type) || one.hidden || one.closest('td')) return false;
  const seen = label => label.innerText.trim() && !label.classList.contains('visually-hidden');
  return ![...one.labels || []].some(seen);
}).map(one => one.outerHTML.slice(0, 120))"""
# What is folded away is looked at too.
UNFOLD = "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
TAB_ORDER = (
    "() => [...document.querySelectorAll('[tabindex]')].filter(one => one.tabIndex > 0).map(one => one.outerHTML)"
)


@pytest.fixture(scope="module")
def base(world: World, monkeypatch_module: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the populated installation on its day."""
    monkeypatch_module.setenv("EDU_PILOT_TODAY", matrix.DAY.isoformat())
    with served_here(world.app) as address:
        yield address


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """Give a monkeypatch that lasts for this file."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def chosen(pages: list[Page]) -> Iterator[tuple[Page, tuple[str, int, str]]]:
    """Yield each page in all variants in a campaign, in the suite in one after the other; its readers take turns."""
    turns = cycle(VARIANTS)
    for _which, readers in groupby(sorted(pages, key=lambda page: page.which), key=lambda page: page.which):
        variants = [next(turns)] if column() == "small" else VARIANTS
        yield from zip(cycle(readers), variants, strict=False)


def faults(tab: Tab) -> Iterator[str]:
    """Yield what is wrong with a page as it stands."""
    for found in Axe().run(tab).response["violations"]:
        yield f"axe {found['id']}: {found['nodes'][0]['html'][:160]}"
    for control in tab.evaluate(UNLABELLED):
        yield f"no visible label: {control}"
    for jump in tab.evaluate(TAB_ORDER):
        yield f"out of the tab order: {jump}"
    if tab.locator("h1").count() != 1:
        yield f"{tab.locator('h1').count()} headings of the first rank"


def too_wide(tab: Tab, widths: tuple[int, ...]) -> Iterator[str]:
    """Yield the widths at which something sticks out."""
    for width in widths:
        tab.set_viewport_size(ViewportSize(width=width, height=800))
        if (over := tab.evaluate(WIDER)) > 0:
            yield f"{over} px too wide at {width}"


def looked_at(browser: Browser, base: str, page: Page, lang: str, width: int, view: str) -> list[str]:
    """Open a page as its reader and return what is wrong with it."""
    context = browser.new_context(viewport=ViewportSize(width=width, height=900), locale=lang)
    name, value = page.cookie
    context.add_cookies([{"name": n, "value": v, "url": base} for n, v in ((name, value), (VIEW_COOKIE, view)) if v])
    tab = context.new_page()
    tab.goto(base + page.path)
    tab.evaluate(UNFOLD)
    # A page may be caught while it is still being painted: what is wrong with it is so twice.
    found = [*(list(faults(tab)) and faults(tab)), *too_wide(tab, (width, *NARROW))]
    context.close()
    return found


def test_a_fault_is_found(chromium: Browser) -> None:
    tab = chromium.new_page()
    tab.set_content('<html lang="en"><title>x</title><main><input tabindex="3"><p style="width:900px">x</p></main>')
    found = [*faults(tab), *too_wide(tab, NARROW)]
    assert {one.split(":")[0].split(" ")[0] for one in found} >= {"axe", "no", "out", "0"}
    assert any("too wide" in one for one in found)
    tab.close()


def test_every_page_stands_the_look(chromium: Browser, base: str, every_page: list[Page], world: World) -> None:
    wrong = {}
    with figure("pages", 0) as told:
        for looks, (page, variant) in enumerate(chosen(every_page), start=1):
            if found := looked_at(chromium, base, page, *variant):
                wrong[f"{page.name} {variant}"] = found
            told(looks=looks, wrong=len(wrong))
    assert not wrong, "\n".join(f"{name}\n    " + "\n    ".join(found) for name, found in wrong.items())
