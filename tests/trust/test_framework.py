"""The trust tests' own machinery: a server that is killed comes back, a guard that is named is away."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.app import Place
from tests.trust import guards
from tests.trust.servers import served


def test_a_killed_server_comes_back(sqlite_place: Place) -> None:
    with served(sqlite_place, workers=1) as site:
        with urllib.request.urlopen(f"{site.base}/version") as answer:
            assert answer.status == 200
        assert site.restart() < 30
        request = urllib.request.Request(
            f"{site.base}/api/v1/workflows", headers={"Authorization": f"Bearer {site.token('chen.hui')}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200


def test_every_guard_names_a_test_that_exists() -> None:
    for one in guards.every().values():
        file, _, function = one.test.partition("::")
        assert f"def {function.partition('[')[0]}(" in Path(file).read_text("utf-8"), one.name


def test_an_unknown_guard_is_named() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.trust.controls", "nothing"], capture_output=True, text=True, env=os.environ,
        check=False,
    )  # fmt: skip
    assert run.returncode == 2 and "no such guard: nothing" in run.stderr
