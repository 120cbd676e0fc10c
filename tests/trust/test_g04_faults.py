"""G4: a disk that fails or is full is never answered with a success, and the installation heals by itself."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask

from edu_pilot import faults
from edu_pilot.services import store
from tests.app import Place, at_work, copy_sqlite, opened
from tests.factories import Pilot, rows
from tests.trust.callers import UNKNOWN, Callers
from tests.trust.figures import figure, seed, size
from tests.trust.servers import Site, served

WITHOUT_STRACE = "no strace on this machine; install it: apt-get install -y --no-install-recommends strace"
WITHOUT_ROOT = "this account may not trace or mount; run the tests as root"
PATIENCE_SECONDS = 40
# (call, fault): what the kernel is made to answer, at the n-th call from now.
POINTS = [(call, fault) for fault in ("ENOSPC", "EIO") for call in ("pwrite64", "fdatasync", "fsync")]


@pytest.fixture
def traced(sqlite_place: Place) -> Iterator[Site]:
    """Give a server whose processes may be traced."""
    if shutil.which("strace") is None:
        pytest.skip(WITHOUT_STRACE)
    if os.geteuid() != 0:
        pytest.skip(WITHOUT_ROOT)
    with served(sqlite_place, workers=1) as site:
        yield site


def web_process(site: Site) -> int:
    """Give the process that answers: the newest child of the server."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < patience:
        parent = site.group[0].pid
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if found and b"resource_tracker" not in Path(f"/proc/{found[-1]}/cmdline").read_bytes():
            return int(found[-1])
        time.sleep(0.05)
    raise RuntimeError("the server has no process")


@contextmanager
def faulty(process: int, call: str, fault: str, when: int) -> Iterator[None]:
    """Let the process's calls fail from the n-th on, for the block."""
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(process), "-e", f"trace={call}"]
    tracer = subprocess.Popen([*words, "-e", f"inject={call}:error={fault}:when={when}+"], stderr=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + PATIENCE_SECONDS
        while traced_by(process) == 0 and time.monotonic() < patience:
            time.sleep(0.02)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE_SECONDS)


def traced_by(process: int) -> int:
    """Give the number of the process that traces this one, 0 if none."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("TracerPid:"):
                return int(line.split()[1])
    return 0


def healed(callers: Callers) -> float:
    """Send what has no answer again until all have one; return the seconds that took."""
    begun = time.monotonic()
    while callers.retry():
        assert time.monotonic() - begun < PATIENCE_SECONDS, callers.site.log.read_text()[-3000:]
        time.sleep(0.1)
    return time.monotonic() - begun


def require_each_once(place: Place, callers: Callers) -> int:
    """Hold the database against what was answered: every key one record, no more; return how many."""
    with opened(place) as app, at_work(app):
        stored = {row["employer"]: row["reference"] for row in rows("application")}
        assert len(stored) == len(rows("application")), "a request was carried out twice"
    lost = [key for key, reference in callers.told.items() if stored.get(key) != reference]
    assert lost == []
    assert stored.keys() == callers.told.keys()
    return len(stored)


def test_no_success_is_told_for_what_is_not_stored(traced: Site) -> None:
    """EIO and ENOSPC at writes and syncs: 503 or nothing, then one record for each key."""
    draw, slowest = random.Random(seed("G4")), 0.0
    callers = Callers(traced, traced.token("wang.fang"))
    assert callers.enter() == 201
    with figure("G4", seed("G4"), "calls") as told:
        for n in range(size("G4")):
            call, fault = POINTS[n % len(POINTS)]
            with faulty(web_process(traced), call, fault, draw.randrange(1, 6)):
                for _ in range(3):
                    callers.enter()
            slowest = max(slowest, healed(callers))
            told(points=n + 1, requests=len(callers.statuses), healed=f"{slowest:.1f}s")
        told(stored=require_each_once(traced.place, callers))
    assert callers.seen <= {201, 503, UNKNOWN} and 503 in callers.seen


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(WITHOUT_ROOT)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_heals_without_a_restart(small_disk: Path, sqlite_template: Place) -> None:
    place = copy_sqlite(sqlite_template, small_disk / "instance")
    ballast = small_disk / "ballast"
    with served(place, workers=1) as site, figure("G4", seed("G4"), "full disk") as told:
        callers = Callers(site, site.token("wang.fang"))
        assert callers.enter() == 201
        fill(ballast)
        for _ in range(400):
            if callers.enter() != 201:
                break
        refused = [callers.enter() for _ in range(3)]
        process = web_process(site)
        ballast.unlink()
        seconds = healed(callers)
        told(stored=require_each_once(place, callers), refused=len(refused), healed=f"{seconds:.1f}s")
        assert set(refused) == {503}
        assert web_process(site) == process


def fill(ballast: Path) -> None:
    """Take what is left of a file system but some pages."""
    free = shutil.disk_usage(ballast.parent).free
    ballast.write_bytes(b"\0" * max(0, free - 64 * 1024))


def test_a_full_disk_leaves_no_half_of_a_file(small_disk: Path) -> None:
    kept = store.Folder(small_disk)
    kept.put("papers/aa/one.pdf", b"x" * 100_000)
    with pytest.raises(OSError, match="No space left"):
        kept.put("papers/bb/two.pdf", b"x" * 8_000_000)
    assert [entry.key for entry in kept.entries()] == ["papers/aa/one.pdf"]
    kept.put("papers/bb/two.pdf", b"x" * 100_000)


@pytest.fixture
def forgiven() -> Iterator[None]:
    """Let the process of the tests live on after a fault that it was shown."""
    yield
    faults.forget()


@pytest.mark.usefixtures("forgiven")
def test_a_process_that_met_an_io_fault_takes_no_more_work(site: Flask) -> None:
    client = site.test_client()
    assert client.get("/version").status_code == 200
    faults.note(OSError(28, "No space left on device"))
    assert client.get("/version").status_code == 200
    faults.note(OSError(5, "Input/output error"))
    assert client.get("/").status_code == 503
    assert client.get("/api/v1/workflows").status_code in (401, 503)


def test_a_row_never_refers_to_a_file_that_was_not_kept(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row comes after the file: a store that fails leaves no row."""
    reference = pilot.registered()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        pilot.hand_in_papers(reference)
    assert rows("paper") == []
