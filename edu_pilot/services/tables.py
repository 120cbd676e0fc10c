"""Uploaded tables, read behind the wall."""

from __future__ import annotations

from edu_pilot.sandboxed import Refusal
from edu_pilot.services import sandbox
from edu_pilot.services.spreadsheets import MAX_FILE_BYTES, TOO_LARGE, Grid, Unreadable, untold
from edu_pilot.workflow.reasons import N_

BEYOND = N_("Reading the file takes more time or memory than a table may.")


def read_grid(data: bytes, filename: str) -> Grid:
    """Return the first sheet with data of an .xlsx, .xls, .ods or .csv file; raises Unreadable."""
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(TOO_LARGE, limit=MAX_FILE_BYTES // 1024 // 1024)
    try:
        done = sandbox.run("table", data, filename=filename[-255:])
        return untold(done.facts, done.content)
    except Refusal as refusal:
        raise Unreadable(refusal.text, **refusal.facts) from None
    except (sandbox.Beyond, ValueError, KeyError, TypeError):
        raise Unreadable(BEYOND) from None
