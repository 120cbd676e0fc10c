"""A request's key stands in the commit of its work: a process killed anywhere leaves both or neither (R5.8)."""

from __future__ import annotations

import signal

import pytest

from tests.app import Place
from tests.factories import application_form, rows
from tests.web.api.killed import MOMENTS, caller, in_a_process, send


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_request_leaves_its_key_and_its_work_or_neither(any_place: Place, moment: str) -> None:
    stands = MOMENTS[moment][2]
    assert in_a_process(send, any_place, moment) == -signal.SIGKILL
    with caller(any_place) as program:
        found = len(rows("application")), len(rows("idempotency")), len(rows("audit_entry", workflow="application"))
        assert found == ((1, 1, 1) if stands else (0, 0, 0))
        again = program.post("/records/application", application_form(), key="k")
        assert again.status_code == 201
        assert (again.headers.get("Idempotency-Replayed") == "true") == stands
        assert len(rows("application")) == len(rows("idempotency")) == 1
