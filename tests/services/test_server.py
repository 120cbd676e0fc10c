"""The worker outlives what breaks in a round, and `serve` outlives its worker."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from edu_pilot import server
from edu_pilot.services import due, outbox, uploads

LINE = "from pathlib import Path; Path({file!r}).open('a').write('started\\n')"


def test_a_broken_round_is_not_the_workers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dropped connection, a full disk: the next round tries again."""
    done: list[int] = []

    def drain(*_: object, **__: object) -> int:
        done.append(1)
        if len(done) == 1:
            raise OperationalError("SELECT", {}, OSError("server closed the connection"))
        return 1

    monkeypatch.setattr(outbox, "drain", drain)
    monkeypatch.setattr(uploads, "take_waiting", lambda: 0)
    monkeypatch.setattr(due, "run", lambda: {})
    rounds = server.Rounds()
    assert [rounds.busy(), rounds.busy()] == [False, True]


def test_what_is_due_and_breaks_does_not_keep_the_rest_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, int]:
        raise KeyError("gone")

    monkeypatch.setattr(outbox, "drain", lambda *_, **__: 1)
    monkeypatch.setattr(uploads, "take_waiting", lambda: 0)
    monkeypatch.setattr(due, "run", broken)
    rounds = server.Rounds()
    assert [rounds.busy(), rounds.busy()] == [False, True]


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    file = tmp_path / "starts"
    command = (sys.executable, "-c", LINE.format(file=str(file)))
    patience = time.monotonic() + 20
    with server.helped(command, pause=0.05):
        while time.monotonic() < patience and not (file.exists() and file.read_text().count("started") >= 2):
            time.sleep(0.05)
    assert file.read_text().count("started") >= 2


def test_the_worker_ends_with_its_server() -> None:
    began = time.monotonic()
    with server.helped((sys.executable, "-c", "import time; time.sleep(60)"), pause=0.05):
        time.sleep(0.3)
    assert time.monotonic() - began < 20
