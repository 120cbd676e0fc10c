"""G3: a power cut at any moment leaves everything that was answered, and nothing by halves."""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edu_pilot.extensions import SAFE_WAL, read, sqlite_module
from edu_pilot.services import anchors, audit, sweep
from tests.app import Place, at_work, copy_sqlite, opened
from tests.factories import Pilot
from tests.people import worker
from tests.trust import traces
from tests.trust.disk_images import Disk, Image
from tests.trust.figures import column, figure, seed, size
from tests.trust.outages import Bench, Story, in_memory, operations
from tests.trust.servers import ROOT
from tests.trust.test_g04_faults import WITHOUT_STRACE
from tests.trust.traces import Event

# How many workers go all the way; with four the log also comes round to its beginning.
WORKERS = {"small": 1, "ci": 4, "release": 4}
OPENED = {"small": 2, "ci": 20, "release": 100}
FAULTS = ("lost", "half", "corrupt", "files")


@dataclass(frozen=True)
class Recording:
    """Where it began, what was done on the disk, and what was committed by and by."""

    before: Path
    events: Sequence[Event]
    story: Story

    def cuts(self, chance: random.Random, number: int) -> Iterator[Cut]:
        """Cut the power so many times, at random moments in their order."""
        moments = Counter(chance.randrange(len(self.events) + 1) for _ in range(number))
        disk, marks = Disk(self.before), 0
        for moment, event in enumerate([*self.events, Event("mark", "")]):
            for _ in range(moments[moment]):
                image = disk.cut(chance)
                yield Cut(moment, marks, image, (disk.generation, marks, image.choices))
            disk.apply(event)
            marks += event.kind == "mark"


@dataclass(frozen=True)
class Cut:
    """A power cut: after how many calls and answers, and what it left; equal `parts` are equal disks."""

    moment: int
    marks: int
    image: Image
    parts: tuple[int, int, bytes]


# One file is kept in a folder that another process has made a moment ago.
KEEP_ONE = """
import sys
from pathlib import Path
from edu_pilot.services import store
from tests.trust import guards
place = Path(sys.argv[1])
Path(place, "papers").mkdir()
with guards.taken_away():
    store.Folder(place).put("papers/aa/one.pdf", b"one")
"""


@pytest.fixture(scope="module")
def recording(sqlite_template: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Record a day's business, and judge every state that it committed."""
    require_strace()
    if sqlite_module().sqlite_version_info < SAFE_WAL:
        pytest.skip("this SQLite library keeps no write-ahead log; install pysqlite3-binary")
    with in_memory() as folder:
        before = copy_sqlite(sqlite_template, folder / "before")
        with opened(before) as app, at_work(app):
            keys = anchors.own_keys()
        # A hundred megabytes of text at four workers: not for the memory.
        yield recorded(before, folder, tmp_path_factory.mktemp("calls") / "trace", keys)


def require_strace() -> None:
    """Skip where nothing can be recorded."""
    if shutil.which("strace") is None:
        pytest.skip(WITHOUT_STRACE)


def recorded(before: Place, folder: Path, trace: Path, keys: anchors.Keys) -> Recording:
    """Let the business be done under the eyes of strace, and follow it."""
    place, marks = copy_sqlite(before, folder / "instance"), folder / "marks"
    words = [sys.executable, "-m", "tests.trust.recorded", str(place.data), str(marks), str(WORKERS[column()])]
    traces.record(words, trace, {"PYTHONPATH": str(ROOT)})
    events = traces.read(trace, place.data, marks)
    trace.unlink()
    disk, story = Disk(before.data), Story(Bench(folder), operations(events), keys)
    story.follow(disk, events)
    require_same(disk.whole(), place.data)
    return Recording(before.data, events, story)


def require_same(image: Image, folder: Path) -> None:
    """Hold the disk that was rebuilt from the record against the real one: nothing escaped the record."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    assert image.names.keys() == found.keys()
    assert [name for name, path in found.items() if path.is_file() and path.read_bytes() != image.read(name)] == []


def test_a_power_cut_loses_nothing_and_leaves_nothing_by_halves(recording: Recording) -> None:
    """All that was synced and a random part of the rest is a state that was committed, with all its files."""
    number, story = seed("G3"), recording.story
    judged: dict[tuple[int, int, bytes], str] = {}
    with figure("G3", number, "images") as told:
        told(calls=len(recording.events), answered=len(story.done), states=len(story.states))
        for n, cut in enumerate(recording.cuts(random.Random(number), size("G3")), 1):
            if cut.parts not in judged:
                judged[cut.parts] = story.judge(cut.image, cut.marks)
            told(images=n, different=len(judged))
        found = Counter(judged.values())
        told(**{fault: found[fault] for fault in FAULTS})
    assert {fault: found[fault] for fault in FAULTS} == dict.fromkeys(FAULTS, 0)


def test_the_program_goes_on_after_a_power_cut(recording: Recording, tmp_path: Path) -> None:
    """What a cut leaves opens without a hand, verifies, misses no file, and takes new work."""
    number = seed("G3")
    with figure("G3", number, "opened") as told:
        for n, cut in enumerate(recording.cuts(random.Random(number), OPENED[column()]), 1):
            place = Place(tmp_path / str(n))
            cut.image.lay_out(place.data)
            with opened(place) as app, at_work(app):
                Pilot().complete(worker(100))
                with read() as conn:
                    assert audit.verify(conn).ok, cut.moment
                assert sweep.look().missing == (), cut.moment
            told(opened=n)


def test_a_kept_file_is_found_in_a_new_folder_of_another_process() -> None:
    """The other one has not synced the folder's name yet, and may never come to it."""
    require_strace()
    with in_memory() as folder:
        place, trace = folder / "store", folder / "trace"
        place.mkdir()
        disk = Disk(place)
        traces.record([sys.executable, "-c", KEEP_ONE, str(place)], trace, {"PYTHONPATH": str(ROOT)})
        for event in traces.read(trace, place, folder / "marks"):
            disk.apply(event)
        require_same(disk.whole(), place)
        assert disk.least().read("papers/aa/one.pdf") == b"one"
