"""What keeps strangers' files from harm."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from edu_pilot.services import pictures, sandbox, spreadsheets
from edu_pilot.services.sandbox import Done
from tests.trust import probe
from tests.trust.guards import guard

WORKS = {"paper": pictures.made_anew, "table": spreadsheets.told}


@contextmanager
def unwalled() -> Iterator[None]:
    """Let files be read in the open, by this process: only here can a reader's own guard be taken away."""

    def run(task: str, content: bytes, **facts: str) -> Done:
        return Done(*WORKS[task](content, **facts), 0)

    with mock.patch.object(sandbox, "run", run):
        yield


FILE = "tests/trust/test_g14_files.py::"


@guard("pixels_are_counted", test=FILE + "test_a_picture_of_too_many_pixels_is_refused_by_its_size")
def without_pixels() -> Iterator[None]:
    """The reader of pictures takes any number of pixels."""
    with unwalled(), mock.patch.object(pictures.Image, "MAX_IMAGE_PIXELS", None):
        yield


@guard("pdfs_are_drawn_anew", test=FILE + "test_a_pdf_is_drawn_anew")
def without_drawing() -> Iterator[None]:
    """A PDF is kept as it came."""
    facts = {"media_type": "application/pdf", "look": "0" * 16}
    with unwalled(), mock.patch.object(pictures, "_document", lambda content: (facts, content)):
        yield


@guard("archives_are_measured", test=FILE + "test_an_archive_is_measured_before_it_is_unpacked")
def without_measure() -> Iterator[None]:
    """A workbook may unpack to any size."""
    with unwalled(), mock.patch.object(spreadsheets, "_archive_within_bounds", lambda entries: None):
        yield


@guard("no_network_behind_the_wall", test=FILE + "test_behind_the_wall_is_no_network_no_file_and_no_program")
def without_wall() -> Iterator[None]:
    """The readers' process stays where the application is."""
    with mock.patch.object(probe, "BEFORE", "sandboxed.wall_in = lambda: {}"):
        yield


@guard("readers_have_limits", test=FILE + "test_a_reader_that_dies_or_hangs_takes_nobody_along")
def without_limits() -> Iterator[None]:
    """Reading in the open: nothing ends a file that burns time."""
    with unwalled():
        yield
