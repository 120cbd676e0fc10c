"""Five claims are checked blind by keyboard, one conflict is settled; the money goes out and one payment bounces."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, ViewportSize

from edu_pilot import clock
from tests.browser.served import fits, follow, sign_in
from tests.factories import BATCHED, CHECKED, SETTLED, Pilot, lines_of, row, state
from tests.people import worker

DESK = ViewportSize(width=1366, height=768)


class Desk:
    """One of the staff at a browser."""

    def __init__(self, chromium: Browser, address: str, name: str) -> None:
        self.address = address
        self.context = chromium.new_context(viewport=DESK, locale="zh-CN")
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        sign_in(self.page, address, name)

    def goes(self, path: str) -> Page:
        """Open an address of the site."""
        self.page.goto(self.address + path)
        assert fits(self.page), path
        return self.page

    def leaves(self) -> None:
        """Close the browser; nothing on the way was complained about."""
        self.context.close()
        assert [told for told in self.complaints if "favicon" not in told] == []


def judge(page: Page, outcome: str, reason: str = "") -> str:
    """Read the evidence and decide by keyboard alone; give the claim that was decided."""
    reference = page.locator("h1 .number").inner_text()
    page.keyboard.press("e")
    for entry in ("4790", "1234", "20250131"):
        page.keyboard.type(entry)
        page.keyboard.press("Enter")
    assert page.locator("[data-sum]").inner_text() == "¥4790.00"
    page.keyboard.press(outcome)
    if reason:
        page.get_by_label(reason).check()
    assert page.locator(".reasons-of:visible").count() == (1 if reason else 0)
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    assert reference in page.locator("p.done").inner_text()
    return reference


def shares(page: Page) -> tuple[float, float]:
    """Give how much of the desk's width the evidence has, and where its top is while the decision is looked at."""
    page.evaluate("document.querySelector('#decision').scrollIntoView({block: 'end', behavior: 'instant'})")
    boxes = [page.locator(name).bounding_box() for name in (".desk", ".evidence")]
    desk, seen = (box for box in boxes if box)
    return seen["width"] / desk["width"], seen["y"]


@pytest.fixture
def claims(site: Flask) -> Iterator[list[str]]:
    """Give five claims that wait for both bodies."""
    with clock.on(CHECKED), site.app_context():
        hands = Pilot()
        yield [hands.submitted(hands.graduated(worker(n))) for n in range(5)]


def test_five_claims_are_checked_blind_and_one_conflict_is_settled(
    chromium: Browser, address: str, site: Flask, claims: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDU_PILOT_TODAY", CHECKED.isoformat())
    union, university, arbiter = (Desk(chromium, address, name) for name in ("zhao.min", "sun.li", "arbiter"))
    page = union.goes("/review")
    page.keyboard.press("j")
    with page.expect_navigation(url="**/review/R*"):
        page.keyboard.press("Enter")
    width, top = shares(page)
    assert width >= 0.5 and 0 <= top < DESK["height"] / 2
    done = [judge(page, "2", "不是工会会员"), *(judge(page, "1") for _ in range(4))]
    assert done == claims and "没有待办事项" in page.locator("main").inner_text()
    page = university.goes("/review")
    assert "zhao.min" not in page.content()
    follow(page.get_by_role("link", name=claims[0]))
    assert "不是工会会员" not in page.locator("#readings").all_inner_texts()
    assert [judge(page, "1") for _ in range(5)] == claims
    for desk, outcome, reason in ((union, "2", "不是工会会员"), (university, "1", "")):
        page = desk.goes(f"/review/{claims[0]}?stage=conflicts")
        assert page.locator("tr.differing").count() == 2
        judge(page, outcome, reason)
    page = arbiter.goes("/review")
    follow(page.get_by_role("link", name=claims[0]))
    page.keyboard.press("1")
    follow(page.get_by_role("button", name="保存并下一条"))
    assert claims[0] in page.locator("p.done").inner_text()
    with site.app_context():
        assert [state("claim", claim) for claim in claims] == ["approved"] * 5
    for desk in (union, university, arbiter):
        desk.leaves()


@pytest.fixture
def approved(site: Flask) -> Iterator[list[str]]:
    """Give two claims whose public notice is over."""
    with clock.on(CHECKED), site.app_context():
        hands = Pilot()
        yield [hands.approved(hands.graduated(worker(n))) for n in range(2)]


def test_a_batch_is_made_released_and_settled_with_one_bounce(
    chromium: Browser, address: str, site: Flask, approved: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDU_PILOT_TODAY", BATCHED.isoformat())
    maker, releaser = (Desk(chromium, address, name) for name in ("he.jun", "releaser"))
    page = maker.goes("/payments")
    assert "2 · ¥9,580.00" in page.locator("[data-chosen]").inner_text()
    follow(page.get_by_role("button", name="用所选申请制单"))
    batch = page.locator("h1 .number").inner_text()
    assert "三者一致" in page.locator("main").inner_text()
    page = releaser.goes("/payments")
    follow(page.get_by_role("link", name=batch))
    assert all(worker(n).name in page.locator("#lines").inner_text() for n in range(2))
    page.locator("#step-release summary").click()
    follow(page.locator("#step-release form button"))
    follow(page.locator("#step-export button"))
    with page.expect_download() as taken:
        page.locator("a[href$=bank-file]").click()
    assert taken.value.path().read_bytes().decode("gb18030").count("4790.00") >= 2
    with site.app_context():
        first, second = (str(line["number"]) for line in lines_of(batch))
        paid = next(c for c in approved if row("claim", c)["id"] == lines_of(batch)[0]["claim_id"])
    file = tmp_path / "回盘.csv"
    with file.open("w", encoding="gb18030", newline="") as target:
        csv.writer(target).writerows(
            [["付款编号", "结果", "原因"], [first, "成功", ""], [second, "失败", "账户已注销"]]
        )
    monkeypatch.setenv("EDU_PILOT_TODAY", SETTLED.isoformat())
    page = maker.goes("/payments/results")
    page.get_by_label("支付批次").select_option(batch)
    page.locator("input[type=file]").set_input_files(file)
    follow(page.get_by_role("button", name="核对文件"))
    assert "1 · ¥4,790.00" in page.locator("#told + dl").inner_text()
    follow(page.get_by_role("button", name="按此结果结清批次"))
    assert "已结清" in page.locator(".identity").inner_text()
    with site.app_context():
        states = {claim: state("claim", claim) for claim in approved}
        assert states == {claim: "paid" if claim == paid else "bounced" for claim in approved}
    assert "等申请人提供新账户" in maker.goes("/payments?list=bounced").locator("main").inner_text()
    for desk in (maker, releaser):
        desk.leaves()
