"""A version published by an earlier program runs on under today's, with its meaning of then (R1.6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from edu_pilot import paths
from edu_pilot.workflow.registry import shipped
from edu_pilot.workflow.versions import compile_files, read_folder
from tests.factories import Pilot, passed, receipt, refused, row, rows, state, store_instead
from tests.people import LIU_WEI

VERSIONS = sorted(p for p in (Path(__file__).parents[1] / "workflow" / "versions").iterdir() if p.is_dir())
FIRST = read_folder(paths.workflows()) | read_folder(VERSIONS[0])


@pytest.fixture
def old(app: Flask, pilot: Pilot) -> Pilot:
    """Give an installation whose one version is that of the first program, as after a change of the program."""
    store_instead(app, FIRST)
    return pilot


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_every_earlier_version_compiles(folder: Path) -> None:
    files = read_folder(paths.workflows()) | read_folder(folder)
    assert set(compile_files(files, shipped).engines) >= {"application", "study", "claim", "payment"}


def test_a_claim_of_an_earlier_version_is_paid(old: Pilot) -> None:
    study = old.graduated()
    claim = old.submitted(study)
    assert state("claim", claim) == "submitted"
    for actor in (old.zhao_min, old.sun_li):
        old.check(claim, actor, passed())
    old.pay_out(old.batch(claim))
    assert state("claim", claim) == "paid"


def test_a_receipt_of_an_earlier_version_is_the_original(old: Pilot) -> None:
    claim = old.claim(old.graduated(), receipts=[receipt("1", LIU_WEI.name)])
    assert state("claim", claim) == "draft"
    assert [r["evidence"] for r in rows("receipt")] == ["original"]


def test_a_dispute_of_an_earlier_version_has_no_last_day(old: Pilot) -> None:
    claim = old.submitted(old.graduated())
    old.check(claim, old.zhao_min, passed())
    old.check(claim, old.sun_li, refused())
    assert (state("claim", claim), row("claim", claim)["recheck_until"]) == ("not_agreed", None)
