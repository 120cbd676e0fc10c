"""A registrar's and an examiner's day in a real browser: thirty admitted, three skipped; forty seated and published."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, ViewportSize

from edu_pilot import clock
from tests import crowds
from tests.browser.served import fits, follow, served_here, sign_in
from tests.factories import ADMITTED, EXAM, Pilot, row, rows, state


@pytest.fixture
def served(site: Flask) -> Iterator[str]:
    """Serve the site on a port of this machine; the test says which day it is."""
    with served_here(site) as base:
        yield base


def at(browser: Browser, address: str, account: str, complaints: list[str]) -> Page:
    """Sign one of the staff in at a desk."""
    page = browser.new_context(viewport=ViewportSize(width=1366, height=768), locale="zh-CN").new_page()
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(page, address, account)
    return page


def test_a_registrar_admits_thirty_and_reads_why_three_were_skipped(
    chromium: Browser, served: str, site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.on(ADMITTED), site.app_context():
        pilot = Pilot()
        references = crowds.verified(pilot, 33)
    monkeypatch.setenv("EDU_PILOT_TODAY", ADMITTED.isoformat())
    complaints: list[str] = []
    page = at(chromium, served, "chen.hui", complaints)
    page.goto(f"{served}/registry")
    follow(page.get_by_role("link", name="待录取 33"))
    assert "本页 33 人，可办理 33 人" in page.inner_text("#rows caption") and fits(page)
    # While the list is open three leave: two give up, one is not admitted.
    with clock.on(ADMITTED), site.app_context():
        pilot.withdraw(references[4])
        pilot.withdraw(references[11])
        pilot.reject(references[20])
    page.get_by_label("本页全选").check()
    assert page.locator("[data-count]").inner_text() == "33 / 33"
    follow(page.get_by_role("button", name="录取（所选人员）").first)
    figures = page.locator(".figures dd").all_inner_texts()
    assert figures == ["33", "30", "3"]
    assert page.locator("tbody tr").count() == 3
    reasons = page.locator(".reasons li").all_inner_texts()
    assert len(reasons) == 2 and all("的状态为" in row or "不能" in row or "不可" in row for row in reasons)
    assert fits(page) and complaints == []
    with site.app_context():
        assert sum(state("application", reference) == "admitted" for reference in references) == 30


def test_an_examiner_seats_forty_types_their_marks_and_publishes(
    chromium: Browser, served: str, site: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.on(EXAM), site.app_context():
        session, people = crowds.entered(Pilot(), 40, seats=40)
    monkeypatch.setenv("EDU_PILOT_TODAY", EXAM.isoformat())
    complaints: list[str] = []
    page = at(chromium, served, "examiner", complaints)
    page.goto(f"{served}/exams")
    follow(page.get_by_role("link", name=session))
    follow(page.get_by_role("button", name="全部编排座位"))
    assert page.locator(".figures dd").all_inner_texts() == ["40", "0", "0"]
    follow(page.get_by_role("link", name="返回列表"))
    follow(page.get_by_role("button", name="举行"))
    follow(page.get_by_role("button", name="保存到考情况"))
    follow(page.get_by_role("link", name="返回列表"))
    follow(page.get_by_role("link", name="成绩", exact=True))
    type_marks(page)
    assert fits(page)
    follow(page.get_by_role("button", name="保存正确的行"))
    assert "已保存 40 行" in page.get_by_role("status").first.inner_text()
    follow(page.get_by_role("link", name="考场与座位"))
    follow(page.get_by_role("button", name="成绩登记完毕"))
    page.locator("summary", has_text="公布成绩").click()
    assert "5个工作日内可申请复核" in page.locator(".step .warn").inner_text()
    follow(page.get_by_role("button", name="公布成绩"))
    assert page.locator(".identity .tag").inner_text() == "成绩已公布"
    assert fits(page) and complaints == []
    with site.app_context():
        assert state("session", session) == "published"
        assert [state("certification", reference) for reference in people] == ["passed"] * 39 + ["failed"]
        assert row("certification", people[0])["theory"] == 61 and len(rows("document", kind="exam_ticket")) == 40


def type_marks(page: Page) -> None:
    """Type the first row by keyboard, paste the others from a spreadsheet."""
    cells = page.locator("input.grid-cell")
    cells.nth(0).focus()
    page.keyboard.type("61")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("88")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    marks = "\n".join(["75\t81"] * 38 + ["75\t52"])
    paste = """(text) => {
        const data = new DataTransfer();
        data.setData("text", text);
        const options = {clipboardData: data, bubbles: true, cancelable: true};
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
    }"""
    page.evaluate(paste, marks)
    assert page.locator("[data-pasted]").inner_text() == "39 / 39"
    assert [cells.nth(n).input_value() for n in (0, 1, 2, 3, 79)] == ["61", "88", "75", "81", "52"]
