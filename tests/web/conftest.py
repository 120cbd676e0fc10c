"""Staff and strangers at their browsers, on 20 August 2022."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from edu_pilot import clock
from tests.app import TODAY
from tests.factories import Pilot
from tests.web.visitor import Visitor


@pytest.fixture
def hands(site: Flask) -> Iterator[Pilot]:
    """Give everybody's hands; the business date holds for the whole test."""
    with clock.on(TODAY), site.app_context():
        yield Pilot()


@pytest.fixture
def stranger(site: Flask) -> Iterator[Visitor]:
    """Give a browser in which nobody has signed in."""
    with clock.on(TODAY):
        yield Visitor(site)


@pytest.fixture
def at_desk(site: Flask) -> Iterator[Callable[[str], Visitor]]:
    """Give a browser in which one of the staff has signed in."""

    def sit_down(name: str) -> Visitor:
        visitor = Visitor(site)
        assert visitor.sign_in(name).status_code == 303
        return visitor

    with clock.on(TODAY):
        yield sit_down
