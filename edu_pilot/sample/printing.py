"""The sample's documents, rendered at the end: by several processes where there are many of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from flask import current_app

from edu_pilot import create_app
from edu_pilot.config import Settings
from edu_pilot.extensions import read
from edu_pilot.services import documents, outbox, rendering

# Below so many documents the start of the processes takes longer than the rendering.
WORTH_SHARING = 60
PAGES_A_TURN = 4


def render_all(told: Callable[[int, int], None]) -> int:
    """Render every pending document; return how many have their bytes now, 0 without a renderer."""
    try:
        rendering.require_renderer()
    except rendering.PangoMissing:
        return 0
    with read() as conn:
        waiting = documents.pending(conn)
    workers = os.cpu_count() or 1
    if workers > 1 and len(waiting) >= WORTH_SHARING:
        _share(waiting, workers, told)
    while outbox.drain(20, task="render"):
        told(len(waiting) - _left(), len(waiting))
    return len(waiting) - _left()


def _left() -> int:
    with read() as conn:
        return len(documents.pending(conn))


def _share(waiting: list[str], workers: int, told: Callable[[int, int], None]) -> None:
    """Bytes are the same whoever renders them; what a process could not do the caller does itself."""
    try:
        with pool_of(workers) as pool:
            for n, _ in enumerate(pool.map(_render, waiting, chunksize=PAGES_A_TURN), 1):
                told(n, len(waiting))
    except BrokenProcessPool:
        return


def pool_of(workers: int) -> ProcessPoolExecutor:
    """Return so many processes with this installation open; they end with this one, however it ends."""
    settings: Settings = current_app.config["SETTINGS"]
    return ProcessPoolExecutor(workers, get_context("spawn"), _open, (settings,))


def _open(settings: Settings) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    create_app(settings).app_context().push()


def _end_with_parent() -> None:
    """Wait for the end of the parent's pipe: a parent that is killed tells its pool nothing."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _render(number: str) -> None:
    try:
        documents.render(number)
    except rendering.RenderingRefused:
        # The reason is kept on the document and told again when its outbox row is carried out.
        return
