"""G11: every route × method × who × whose thing answers as the policy table says, and asking changes nothing."""

from __future__ import annotations

import http.client
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from edu_pilot import clock
from edu_pilot.models import LoginSession
from tests import app as installations
from tests.app import Place
from tests.factories import contents
from tests.trust import matrix
from tests.trust.figures import column, figure, seed, size
from tests.trust.matrix import SAFE, Cell, World
from tests.trust.servers import served

# What reading itself may leave behind: who read a paper, a file or a person's records stands in `look_up`, which is
# what that table is for, and a session notes in `seen_at` that it is still used, to end by itself when it is not.
BY_READING, SEEN = "look_up", "seen_at"
# A POST that is refused may have been counted before it was judged: that is what keeps others from guessing.
BY_TRYING = "throttle"
SESSION = LoginSession.__table__
CSRF = re.compile(rb'(name="csrf_token" value|nonce)="[^"]+"')


@pytest.fixture(scope="module")
def place(sqlite_template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give an installation of this file's own."""
    return installations.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("matrix") / "instance")


@pytest.fixture(scope="module")
def world(place: Place) -> Iterator[World]:
    """Give the populated installation; no context stays open over requests."""
    with installations.opened(place) as app, installations.at_work(app, matrix.DAY):
        made = matrix.build(app)
    with installations.opened(place) as app, clock.on(matrix.DAY):
        made.app = app
        yield made


def rows_of(app: Flask, *but: str) -> dict[str, Any]:
    """Give every row but what reading may leave behind, and but the tables named."""
    with app.app_context():
        found = {name: rows for name, rows in contents().items() if name not in (BY_READING, *but)}
    kept = [place for place, column in enumerate(SESSION.c) if column.name != SEEN]
    return found | {SESSION.name: sorted(tuple(row[place] for place in kept) for row in found[SESSION.name])}


def ask(app: Flask, cell: Cell) -> tuple[int, bytes, Mapping[str, str]]:
    """Ask in process, without a cookie jar: every cell sends its own."""
    client = app.test_client(use_cookies=False)
    answer = client.open(cell.path, method=cell.method, headers=dict(cell.headers), data=cell.body, buffered=True)
    kept = {name: answer.headers[name] for name in ("Content-Type", "Cache-Control") if name in answer.headers}
    return answer.status_code, CSRF.sub(b"", answer.data), kept


def test_every_cell_answers_as_the_table_says(world: World) -> None:
    matrix.forget_tries(world.app)
    before, counted, wrong = rows_of(world.app), Counter[str](), []
    told_missing: dict[tuple[str, str, str, str], tuple[int, bytes, Mapping[str, str]]] = {}
    hidden: list[tuple[Cell, tuple[int, bytes, Mapping[str, str]]]] = []
    whole = column() != "small"
    with figure("G11", seed("G11"), "process") as told:
        # Whatever only asks comes first, so that not even a count of tries may differ after it.
        for cell in sorted(matrix.cells(world, whole=whole), key=lambda c: c.method not in SAFE):
            answered = ask(world.app, cell)
            counted[cell.method] += 1
            if answered[0] not in cell.expected:
                wrong.append(f"{cell}: {answered[0]}, not {sorted(cell.expected)}")
            if cell.hidden and cell.thing:
                key = (cell.rule, cell.method, cell.principal.name, cell.thing.workflow)
                if cell.thing.missing:
                    told_missing[key] = answered
                else:
                    hidden.append((cell, answered))
            if cell.method in SAFE and counted.total() % 1000 == 0:
                assert rows_of(world.app) == before, f"one of the 1000 requests before {cell} wrote"
        unlike = [str(c) for c, a in hidden if a != told_missing[_key(c)]]
        told(cells=counted.total(), principals=len(world.principals), hidden=len(hidden), wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert unlike == []
    # Nothing was to be carried out: neither by a safe method nor by a refused step.
    assert rows_of(world.app, BY_TRYING) == {name: found for name, found in before.items() if name != BY_TRYING}
    assert len(world.principals) >= 14 and counted.total() > (50_000 if whole else 12_000) and len(hidden) > 1_000


def test_no_form_is_heard_without_its_token(world: World) -> None:
    """T19: whoever asks, a POST that another site could have made their browser send changes nothing."""
    matrix.forget_tries(world.app)
    before, asked = rows_of(world.app), 0
    for cell in matrix.cells(world, whole=False):
        page = cell.method == "POST" and not cell.rule.startswith("/api/") and matrix.door(cell.rule, "POST")
        if page and not cell.principal.stray:
            forged = replace(cell, body=b"", headers={**cell.headers, "HX-Request": "true"})
            assert ask(world.app, forged)[0] == 400, str(cell)
            asked += 1
    assert rows_of(world.app) == before
    assert asked > 300


def _key(cell: Cell) -> tuple[str, str, str, str]:
    assert cell.thing
    return (cell.rule, cell.method, cell.principal.name, cell.thing.workflow)


def test_a_sample_of_the_cells_answers_so_over_http(place: Place, world: World) -> None:
    matrix.forget_tries(world.app)
    every = list(matrix.cells(world, whole=True))
    chosen = random.Random(seed("G11")).sample(every, min(size("G11"), len(every)))
    wrong = []
    with (
        figure("G11", seed("G11"), "http") as told,
        served(place, workers=1, on=matrix.DAY) as site,
        ExitStack() as stack,
    ):
        line = http.client.HTTPConnection(urlsplit(site.base).netloc, timeout=60)
        stack.callback(line.close)
        for cell in chosen:
            status = _ask_over(line, cell)
            if status not in cell.expected:
                wrong.append(f"{cell}: {status}, not {sorted(cell.expected)}")
        told(cells=len(chosen), wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _ask_over(line: http.client.HTTPConnection, cell: Cell) -> int:
    try:
        return _status(line, cell)
    except (ConnectionError, http.client.HTTPException):
        # A server may end a line after an answer it gave without reading the body; no cell does anything twice.
        line.close()
        return _status(line, cell)


def _status(line: http.client.HTTPConnection, cell: Cell) -> int:
    line.request(cell.method, cell.path, cell.body or None, dict(cell.headers))
    answer = line.getresponse()
    answer.read()
    return answer.status
