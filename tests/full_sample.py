"""The sample of so many people that every story is told and every list is long; its documents wait to be rendered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from edu_pilot.sample import printing
from edu_pilot.sample.load import load
from edu_pilot.sample.summary import Summary
from edu_pilot.services import instance
from tests.app import Place, at_work, opened
from tests.trust.figures import column

TODAY = date(2026, 11, 23)
PEOPLE, SEED = {"small": 75}.get(column(), 1000), 7


@dataclass(frozen=True)
class Crowd:
    """Where they are, and what the loading told."""

    place: Place
    summary: Summary


def crowd_at(place: Place) -> Crowd:
    """Load them into a new installation on 23 November 2026."""
    with pytest.MonkeyPatch.context() as patch, opened(place) as app, at_work(app, TODAY):
        patch.setattr(printing, "render_all", lambda told: 0)
        instance.init()
        return Crowd(place, load(PEOPLE, SEED))
