"""What keeps an installation in order: old rows and files go, the money is counted, the trail is signed."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edu_pilot.services import (
    anchors,
    begun,
    erasure,
    idempotency,
    links,
    logins,
    prints,
    reconciliation,
    sweep,
    throttle,
)

# The figure of a chore that could not be done.
FAILED = -1
log = structlog.get_logger()


def run() -> dict[str, int]:
    """Put everything in order once and return what there was to do; the worker does so every hour.

    Each chore stands by itself: one that fails counts as -1, is told in the log, and stops no other.
    """
    done: dict[str, int] = {}
    for figures, chore in _chores():
        for name, number in _done(figures, chore).items():
            done[name] = FAILED if FAILED in (number, done.get(name)) else done.get(name, 0) + number
    return done


def _chores() -> tuple[tuple[tuple[str, ...], Callable[[], int | dict[str, int]]], ...]:
    """Return each chore with the figures that it brings."""
    return (
        (("keys_dropped",), idempotency.purge),
        (("begun_dropped",), begun.purge),
        (("sign_ins_dropped",), logins.purge),
        (("sign_ins_dropped",), links.purge),
        (("sign_ins_dropped",), throttle.purge),
        (("prints_removed",), prints.purge),
        (erasure.DUE, erasure.run_due),
        (("money_differences",), reconciliation.watch),
        (("files_swept",), sweep.due),
        # Last, so that what this run did is signed with it.
        (("anchors_made",), anchors.make_hourly),
    )


def _done(figures: tuple[str, ...], chore: Callable[[], int | dict[str, int]]) -> dict[str, int]:
    try:
        found = chore()
    except Exception:  # whatever it was: the trail must be signed all the same
        log.exception("a chore could not be done", figures=figures)
        return dict.fromkeys(figures, FAILED)
    return found if isinstance(found, dict) else {figures[0]: found}
