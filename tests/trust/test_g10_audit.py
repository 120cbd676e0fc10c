"""G10: whatever is done to the trail shows, in this program and in one that knows nothing of it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.services import anchors, audit, audit_export, health, readiness, unit, verification
from edu_pilot.services.canonical import canonical, chained
from edu_pilot.services.vault import vault
from tests import app as installations
from tests.app import Place
from tests.factories import SIGN_UP, Pilot, rows
from tests.people import worker
from tests.trust.figures import column, figure, seed, size
from tests.trust.trail import KINDS, VERIFIER, Copy, World, build, by_program, by_stranger, verifier


@pytest.fixture(scope="module")
def world(sqlite_template: Place, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a trail of some hundred entries with a dozen anchors."""
    folder = tmp_path_factory.mktemp("world")
    return build(installations.copy_sqlite(sqlite_template, folder / "instance"), folder)


@pytest.fixture(scope="module")
def stranger() -> ModuleType:
    """Give the independent verifier."""
    return verifier()


def test_every_tampering_is_detected(world: World, stranger: ModuleType, tmp_path: Path) -> None:
    """R6.1: nine kinds, each found by both verifiers at the same, first number."""
    number, file = seed("G10"), tmp_path / "copy.db"
    chance, kinds = random.Random(number), Counter[str]()
    with figure("G10", number, "tampered") as told:
        for n in range(size("G10")):
            shutil.copy(world.file, file)
            kind = KINDS[n % len(KINDS)]
            copy = Copy(world, file, chance)
            expected = kind(copy)
            copy.close()
            found = by_program(file, asdict(world.kept), world.keys)
            assert found == expected, f"{kind.__name__}, round {n}"
            assert by_stranger(stranger, file, asdict(world.kept), world.keys) == expected, (
                f"{kind.__name__}, round {n}"
            )
            kinds[kind.__name__] += 1
            told(tamperings=n + 1, detected=n + 1, kinds=len(kinds), entries=world.entries)


def test_an_untouched_copy_is_never_accused(world: World, stranger: ModuleType, tmp_path: Path) -> None:
    """Whatever was kept outside."""
    number, file = seed("G10"), tmp_path / "copy.db"
    chance = random.Random(number)
    outside = [asdict(world.kept), {"number": world.kept.number, "hash": world.kept.hash}, None]
    with figure("G10", number, "untouched") as told:
        for n in range(size("G10")):
            early = chance.random() < 0.3
            shutil.copy(world.early if early else world.file, file)
            kept = None if early else chance.choice(outside)
            assert by_program(file, kept, world.keys) == (None, None)
            assert by_stranger(stranger, file, kept, world.keys) == (None, None)
            told(copies=n + 1, accused=0)


# The independent verifier, as a stranger runs it


def run(*words: str) -> tuple[int, dict[str, Any]]:
    """Run it in a process that finds nothing of this program."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-I", str(VERIFIER), *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd="/")
    return done.returncode, json.loads(done.stdout or "{}")


def outside(world: World) -> tuple[str, ...]:
    """Give what was kept outside, as words of the command line."""
    folder = world.export.parent
    return "--key", str(folder / "key.pem"), "--head", str(folder / "anchor.json")


def test_the_verifier_is_short_and_imports_nothing_of_this_program() -> None:
    text = VERIFIER.read_text("utf-8")
    assert len(text.splitlines()) < 200
    assert "import edu_pilot" not in text and "from edu_pilot" not in text


@pytest.mark.parametrize("source", ["file", "export"])
def test_the_verifier_runs_alone(world: World, source: str) -> None:
    code, found = run(str(getattr(world, source)), *outside(world))
    assert (code, found["ok"], found["signatures_checked"]) == (0, True, True)
    assert (found["entries"], found["anchors"]) == (world.entries, world.anchors)


@pytest.mark.xdist_group("postgres")
def test_the_verifier_reads_postgresql(pg_app: Flask, postgres_place: Place, tmp_path: Path) -> None:
    Pilot().paid(Pilot().graduated())
    key = tmp_path / "key.pem"
    key.write_text(verification.public_pem(vault().public_key))
    code, found = run(postgres_place.database_url, "--key", str(key))
    assert (code, found["ok"], found["records"]) == (0, True, 5)
    with write() as conn:
        conn.execute(sa.text("ALTER TABLE audit_entry DISABLE TRIGGER USER"))
        conn.execute(sa.text("UPDATE audit_entry SET actor = 'nobody' WHERE number = 5"))
    code, found = run(postgres_place.database_url)
    assert (code, found["first_bad"], found["reason"]) == (1, 5, "content")


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (lambda lines: lines[:-1], (None, "missing")),
        (lambda lines: [*lines[:20], *lines[21:]], (None, "missing")),
        (lambda lines: [line.replace("chen.hui", "chen.hul") for line in lines], (None, "content")),
        (
            lambda lines: [line.replace('"admitted","version"', '"rejected","version"') for line in lines],
            (None, "state"),
        ),
    ],
)
def test_a_changed_export_is_found(world: World, tmp_path: Path, lie: Any, expected: tuple[Any, str]) -> None:
    lines = world.export.read_text("utf-8").splitlines(keepends=True)
    changed = tmp_path / "changed.jsonl"
    changed.write_text("".join(lie(lines)), "utf-8")
    code, found = run(str(changed), *outside(world))
    assert (code, found["ok"], found["reason"]) == (1, False, expected[1])
    assert found["first_bad"]


def test_what_is_no_trail_is_said_to_be_unreadable(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nothing"))[0] == 2


def test_how_fast_the_verifier_reads(world: World, tmp_path: Path) -> None:
    """The figure is read by people: entries a second of processor time, chain alone and with all states."""
    number = {"small": 20_000, "ci": 300_000, "release": 1_000_000}[column()]
    long = tmp_path / "long.jsonl"
    lengthened(world, long, number)
    with figure("G10", seed("G10"), "speed") as told:
        chain, whole = pace(number, str(long), "--chain-only"), pace(number, str(long))
        told(entries=number, chain_a_second=chain, whole_a_second=whole)


def pace(number: int, *words: str) -> int:
    """Give how many entries the verifier reads in a second of its own, whoever else is at work here."""
    before = os.times().children_user
    found = run(*words)[1]
    assert found["ok"] and found["entries"] == number
    return round(number / max(0.01, os.times().children_user - before))


def lengthened(world: World, target: Path, number: int) -> None:
    """Write an export of many notes beside records, each as long as an entry is."""
    first = json.loads(world.export.read_text("utf-8").splitlines()[world.anchors + 4])["entry"]
    previous = audit.GENESIS
    with target.open("w", encoding="utf-8") as file:
        file.write("")
        entries = []
        for n in range(1, number + 1):
            body = canonical(first | {"number": n, "record_version": 0, "from_state": "", "to_state": ""})
            previous = chained(previous, body)
            entries.append(f'{{"entry":{body},"hash":"{previous}"}}\n')
        file.write(canonical({"format": audit_export.FORMAT, "head": {"number": number, "hash": previous}}) + "\n")
        file.writelines(entries)
        file.write(canonical({"end": {}}) + "\n")


# Every change of a state has its entry


def test_every_state_change_has_exactly_one_entry(any_pilot: Pilot) -> None:
    """R6.1: what the records count and what the trail tells are the same, step by step."""
    claim = any_pilot.paid(any_pilot.graduated())
    any_pilot.registered(worker(1))
    with read() as conn:
        assert audit.verify(conn).ok
    told = [json.loads(entry["body"]) for entry in rows("audit_entry", reference=claim)]
    versions = [entry["record_version"] for entry in told]
    # The first body's check leaves no sign for the other, so it counts no version.
    assert versions == [1, 2, 2, 3, 4, 5]
    assert rows("claim", reference=claim)[0]["version"] == 5


def test_a_step_without_its_entry_is_found(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where later steps have theirs, and the state is one it could have."""
    application = pilot.draft()
    with monkeypatch.context() as without:
        without.setattr(unit.audit, "append", lambda _conn, _entries: 0)
        pilot.act("application", application, "amend", pilot.wang_fang, SIGN_UP, employer="齐河建筑安装有限公司")
    with read() as conn:
        verdict = audit.verify(conn)
        last = audit.head(conn)["number"]
    assert (verdict.ok, verdict.first_bad, verdict.reason) == (False, last, "state")
    pilot.act("application", application, "register", pilot.wang_fang, SIGN_UP)
    with read() as conn:
        verdict = audit.verify(conn)
    assert (verdict.ok, verdict.first_bad, verdict.reason) == (False, last + 1, "state")


# Anchors


def test_money_moves_with_its_anchor(any_pilot: Pilot) -> None:
    """R6.1: the release and the settlement of a batch sign the trail in their own commit."""
    any_pilot.paid(any_pilot.graduated())
    steps = [e["number"] for e in rows("audit_entry", workflow="payment") if e["action"] in ("release", "settle")]
    assert [(a["head_number"], a["cause"]) for a in rows("audit_anchor")] == [(n, "batch") for n in steps]


def test_an_hour_in_which_nothing_was_done_needs_no_anchor(pilot: Pilot) -> None:
    assert anchors.make_hourly() == 1
    assert anchors.make_hourly() == 0
    pilot.draft()
    assert anchors.make_hourly() == 1
    assert [(a["number"], a["cause"]) for a in rows("audit_anchor")] == [(1, "hourly"), (2, "hourly")]


@pytest.mark.parametrize("change", ["UPDATE audit_anchor SET cause = 'x'", "DELETE FROM audit_anchor"])
def test_the_database_refuses_to_change_an_anchor(any_app: Flask, change: str) -> None:
    anchors.make_now()
    with pytest.raises(sa.exc.DBAPIError, match="audit_is_append_only"), write() as conn:
        conn.execute(sa.text(change))


def test_a_late_anchor_is_told(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    anchors.make_now()
    later = clock.now() + timedelta(hours=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    with read() as conn:
        assert not anchors.overdue(conn)
    monkeypatch.undo()
    pilot.draft()
    monkeypatch.setattr(clock, "now", lambda: later)
    with read() as conn:
        assert anchors.overdue(conn)
    assert readiness.checks()["anchors"] == readiness.Checked(True, {"unsigned": 1, "late": True})
    assert [f.fine for f in health.findings() if f.name == "anchors"] == [False]
