"""One installation with something of everything, and its pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edu_pilot import clock
from tests import app as installations
from tests.app import Place
from tests.pages.listed import Page, pages
from tests.trust import matrix
from tests.trust.matrix import World


@pytest.fixture(scope="package")
def world(sqlite_template: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the populated installation; no context stays open over requests."""
    place = installations.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("pages") / "instance")
    with installations.opened(place) as app, installations.at_work(app, matrix.DAY):
        made = matrix.build(app)
    with installations.opened(place) as app, clock.on(matrix.DAY):
        made.app = app
        yield made


@pytest.fixture(scope="package")
def every_page(world: World) -> list[Page]:
    """Give the pages, each open to somebody."""
    return pages(world)
