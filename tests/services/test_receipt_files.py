"""The file of a receipt stands in one claim only; one that merely looks alike is shown to those who judge (R5.3)."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask, current_app
from PIL import Image, ImageDraw

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import cases, papers, presenting, search
from edu_pilot.services.facts import claim_files
from edu_pilot.services.receipt_files import signed
from edu_pilot.workflow.reasons import Forbidden, Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import A_PDF, CHECKED, CLAIMED, Pilot, on, receipt, rows, state
from tests.people import worker


def scan(*, blot: int = 0, size: tuple[int, int] = (270, 180), comment: bytes = b"") -> bytes:
    """Give the JPEG of a receipt; a blot is where a thumb lay."""
    picture = Image.linear_gradient("L").resize((270, 180)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for n in range(5):
        pen.rectangle((20 + 50 * n, 10 + 25 * n, 50 + 50 * n, 40 + 25 * n), fill=(40 * n,) * 3)
    pen.rectangle((0, 0, blot, blot), fill="black")
    target = io.BytesIO()
    picture.resize(size).save(target, "JPEG", quality=92, comment=comment)
    return target.getvalue()


@pytest.fixture
def claims(any_pilot: Pilot) -> tuple[str, str]:
    """Give two claims of two students."""
    first = any_pilot.claim(any_pilot.graduated())
    other = any_pilot.graduated(worker(7))
    return first, any_pilot.claim(other, receipts=[receipt("9", worker(7).name)], account_holder=worker(7).name)


def hand_in(pilot: Pilot, claim: str, content: bytes) -> str:
    with on(CLAIMED):
        return papers.add("claim", claim, "receipt", content, pilot.wang_fang)


def refusal(pilot: Pilot, claim: str, content: bytes) -> str:
    before = len(rows("paper"))
    with pytest.raises(Refused) as caught:
        hand_in(pilot, claim, content)
    assert len(rows("paper")) == before
    assert [reason.code for reason in caught.value.reasons] == ["receipt_files_not_used"]
    return caught.value.reasons[0].english()


def test_r5_3_a_file_stands_in_one_live_claim_and_is_free_again_after_it(
    any_pilot: Pilot, claims: tuple[str, str]
) -> None:
    """Also where only the notes beside the picture differ."""
    first, second = claims
    hand_in(any_pilot, first, scan())
    assert "another claim" in refusal(any_pilot, second, scan())
    assert "another claim" in refusal(any_pilot, second, scan(comment=b"mine"))
    assert "already" in refusal(any_pilot, first, scan())
    any_pilot.act("claim", first, "withdraw", any_pilot.wang_fang, CLAIMED)
    hand_in(any_pilot, second, scan())
    assert {row["claim_id"] for row in rows("receipt_file")} == {rows("claim", reference=second)[0]["id"]}


def test_r5_3_a_file_put_on_the_wrong_claim_is_struck_and_free_for_its_own(
    any_pilot: Pilot, claims: tuple[str, str]
) -> None:
    first, second = claims
    file = hand_in(any_pilot, first, scan())
    for actor in (any_pilot.zhao_min, any_pilot.chen_hui):
        with pytest.raises((Forbidden, cases.NotFound)):
            papers.strike("claim", first, file, actor)
    with pytest.raises(cases.NotFound):
        papers.strike("claim", second, file, any_pilot.wang_fang)
    with on(CLAIMED):
        papers.strike("claim", first, file, any_pilot.wang_fang)
    assert (rows("paper", workflow="claim"), rows("receipt_file")) == ([], [])
    [entry] = rows("audit_entry", action="strike_file")
    assert (entry["actor"], entry["reference"], file in entry["body"]) == ("wang.fang", first, True)
    hand_in(any_pilot, second, scan())


def test_r5_3_what_the_bodies_have_before_them_stays_and_so_does_any_other_paper(pilot: Pilot) -> None:
    claim = pilot.claim(pilot.graduated())
    card = papers.add("claim", claim, "id_front", A_PDF, pilot.wang_fang)
    with pytest.raises(cases.NotFound):
        papers.strike("claim", claim, card, pilot.wang_fang)
    file = hand_in(pilot, claim, scan())
    pilot.submit(claim)
    with pytest.raises(Refused) as refused:
        papers.strike("claim", claim, file, pilot.wang_fang)
    assert [reason.code for reason in refused.value.reasons] == ["file_stays"]
    assert len(rows("paper", workflow="claim")) == 2


def test_r5_3_of_two_in_the_same_moment_one_has_the_file(
    any_pilot: Pilot, any_app: Flask, claims: tuple[str, str]
) -> None:
    start, app = Barrier(2), current_app._get_current_object()  # type: ignore[attr-defined]

    def race(claim: str, content: bytes) -> str:
        with app.app_context(), clock.on(CLAIMED):
            start.wait(30)
            try:
                return papers.add("claim", claim, "receipt", content, any_pilot.wang_fang)
            except Refused as refused:
                return refused.reasons[0].code

    for n in range(4):
        content = scan(blot=10 + n)
        with ThreadPoolExecutor(2) as both:
            ended = [job.result() for job in [both.submit(race, claim, content) for claim in claims]]
        assert ended.count("receipt_files_not_used") == 1
        assert len(rows("paper", kind="receipt")) == n + 1


def signs(claim: str, actor: Actor) -> list[Any]:
    with on(CHECKED), read() as conn:
        shown = presenting.show(conn, search.get(conn, "claim", claim, actor), actor)
    assert ("signs" in presenting.as_json(shown)["facts"]) == bool(shown.signs)
    return [(sign.code, sign.facts) for sign in shown.signs]


def test_r5_3_what_looks_like_another_claims_receipt_is_told_to_those_who_judge(
    any_pilot: Pilot, claims: tuple[str, str]
) -> None:
    """It refuses nothing, names no claim, and whoever enters a claim does not learn of it."""
    first, second = claims
    hand_in(any_pilot, first, scan())
    hand_in(any_pilot, second, scan(size=(540, 360), blot=8))
    any_pilot.submit(first)
    sign = [("receipt_looks_alike", {"number": 1})]
    assert signs(first, any_pilot.zhao_min) == signs(first, any_pilot.sun_li) == sign
    assert signs(first, any_pilot.wang_fang) == []
    any_pilot.act("claim", second, "withdraw", any_pilot.wang_fang, CLAIMED)
    assert signs(first, any_pilot.zhao_min) == []
    any_pilot.check(first, any_pilot.zhao_min)
    assert state("claim", first) == "submitted"


def test_looks_are_compared_as_bits_whatever_their_sign() -> None:
    assert claim_files._distance(signed("8" + "0" * 15), 1, 64) == 2
    assert claim_files._distance(-1, 0, 64) == 64


def test_r5_3_photographs_of_two_papers_of_one_form_do_not_look_alike(
    any_pilot: Pilot, claims: tuple[str, str]
) -> None:
    """From afar they do, but no hand holds two papers alike; and a PDF, drawn by a program, tells nothing."""
    invoices = []
    for text, turned in (("24372000000012345678 4790.00", 0.25), ("25371000000087654321 3120.00", -0.25)):
        picture = Image.open(io.BytesIO(scan(size=(1350, 900))))
        ImageDraw.Draw(picture).text((700, 60), text, fill="black", font_size=44)
        ImageDraw.Draw(picture).text((90, 640), text, fill="black", font_size=44)
        target = io.BytesIO()
        picture.rotate(turned, fillcolor="gray").save(target, "JPEG")
        invoices.append(target.getvalue())
    looks = [papers.examined(invoice).look for invoice in invoices]
    assert claim_files._distance(*looks, 64) <= claim_files.ALIKE_BITS
    for claim, invoice in zip(claims, invoices, strict=True):
        hand_in(any_pilot, claim, invoice)
    assert signs(claims[0], any_pilot.zhao_min) == []
    assert papers.examined(A_PDF).look == 0


def test_r5_3_even_surfaces_look_like_nothing(any_pilot: Pilot, claims: tuple[str, str]) -> None:
    for claim, grey in zip(claims, ("white", "gray"), strict=True):
        target = io.BytesIO()
        Image.new("RGB", (90, 60), grey).save(target, "PNG")
        hand_in(any_pilot, claim, target.getvalue())
    assert signs(claims[0], any_pilot.zhao_min) == []
