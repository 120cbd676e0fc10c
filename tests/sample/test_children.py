"""The processes that draw the sample's documents end with the one that began them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.app import Place

LOADING = """
import os, time
from edu_pilot import create_app
from edu_pilot.sample import printing
if __name__ == "__main__":
    with create_app().app_context(), printing.pool_of(2) as pool:
        waiting = [pool.submit(time.sleep, 60) for _ in range(2)]
        while len(pool._processes) < 2 or not all(one.running() for one in waiting):
            time.sleep(0.05)
        print(*pool._processes, flush=True)
        time.sleep(60)
"""


def runs(pid: int) -> bool:
    """Say whether a process is there and no mere entry of the dead."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_load_that_is_killed_leaves_no_process_behind(sqlite_place: Place, tmp_path: Path, how: int) -> None:
    script = tmp_path / "loading.py"
    script.write_text(LOADING)
    environ = os.environ | {"EDU_PILOT_DATA": str(sqlite_place.data), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, str(script)], env=environ, stdout=subprocess.PIPE, text=True) as loading:
        assert loading.stdout is not None
        children = [int(pid) for pid in loading.stdout.readline().split()]
        assert len(children) == 2 and all(map(runs, children))
        loading.send_signal(how)
    until = time.monotonic() + 10
    while any(map(runs, children)) and time.monotonic() < until:
        time.sleep(0.05)
    left = [pid for pid in children if runs(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
