"""What the commands print to a Chinese reader is Chinese; codes, numbers and names of commands stay."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from flask import Flask

from edu_pilot.commands.words import WORDS
from edu_pilot.extensions import read, write
from edu_pilot.sample.hands import PARTS
from edu_pilot.services import accounts, audit, due, proof
from tests.cli.test_cli import Type, typed
from tests.factories import Pilot
from tests.people import worker

# A word of small letters that is no part of a code, a path, a hash, an address or an account.
WORD = re.compile(r"(?<![\w./:@-])[A-Z]?[a-z]{2,}(?![\w./:@-])")
NAMES = {"edu-pilot", "fen"}


def english(told: str) -> set[str]:
    """Give the English words of an answer, the names of commands and fields left out."""
    plain = re.sub(r"edu-pilot [a-z -]+|(?m:^  \w+: .*$)|(?m:^\s*\w+:)|(?m:^[a-z_]+ +\d+$)|(?m:^[\w.]+  )", "", told)
    return set(WORD.findall(plain)) - NAMES


@pytest.fixture
def run(app: Flask) -> Type:
    return typed(app)


def test_every_answer_of_the_commands_is_chinese(run: Type, pilot: Pilot) -> None:
    application, study = pilot.registered(), pilot.studying(worker(1))
    asked: list[tuple[str, ...]] = [
        ("audit", "verify"), ("due", "run"), ("users", "list"), ("quota", "show", "2022"), ("figures",),
        ("case", "show", "application", application), ("case", "show", "study", study),
        ("case", "act", "application", application, "verify", "--as", "wang.fang"),
        ("case", "act-all", "application", "verify", "--state", "registered", "--as", "wang.fang"),
        ("verify", "ABCD2345"), ("workflows", "show", "claim"), ("workflows", "check"), ("store", "sweep"),
        ("payment", "reconcile"), ("audit", "look-ups"), ("case", "show", "application", "A2209-999999"),
    ]  # fmt: skip
    for words in asked:
        told = run(*words, "--lang", "zh")
        assert told.exit_code in (0, 1), (words, told.output)
        assert english(told.output) == set(), (words, told.output)


def test_a_broken_trail_and_an_account_that_is_off_are_told_in_chinese(run: Type, pilot: Pilot) -> None:
    pilot.registered()
    with write() as conn:
        conn.exec_driver_sql("DROP TRIGGER audit_entry_no_delete")
        conn.exec_driver_sql("DELETE FROM audit_entry WHERE number = 5")
        conn.execute(accounts.ACCOUNT.update().where(accounts.ACCOUNT.c.name == "wang.fang").values(active=False))
    assert "首条有误的记录: 5" in (broken := run("audit", "verify").output) and "缺少记录" in broken
    assert english(broken) == set()
    listed = run("users", "list").output
    assert "（已停用）" in listed and "教学点工作人员" in listed and english(listed) == set()


def test_every_chore_and_every_finding_has_a_name(pilot: Pilot) -> None:
    with read() as conn:
        found = {*vars(audit.verify(conn)), *(part.name for part in fields(proof.Proof))}
    assert {*due.run(), *found, *PARTS.values()} <= set(WORDS)
