"""A text of any length a field takes is kept or refused with a reason, on both databases."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.perform import create, perform
from edu_pilot.workflow.reasons import Malformed, Refused
from tests.factories import CONFIRMED, EXAM, SIGN_UP, Pilot, application_form, contents, on, receipt

LONG = "长" * 2000


@pytest.mark.parametrize("field", application_form())
def test_an_application_takes_or_refuses_any_text(any_pilot: Pilot, field: str) -> None:
    """Never an error of the database: PostgreSQL holds every column to its length."""
    with on(SIGN_UP), suppress(Refused, NotFound):
        form = application_form(**{field: LONG})
        reference = create("application", OPERATOR, form).reference
        perform("application", reference, "register", OPERATOR)


def test_what_is_too_long_is_named_on_both_databases(any_pilot: Pilot) -> None:
    before = contents()
    with pytest.raises(Malformed) as refusal:
        any_pilot.draft(employer=LONG, previous_school=LONG)
    assert [(r.code, r.field) for r in refusal.value.reasons] == [
        ("field_malformed", "previous_school"), ("field_malformed", "employer"),
    ]  # fmt: skip
    assert contents() == before


SESSION: dict[str, Any] = {
    "occupation": "welder", "level": "4", "held_on": EXAM.isoformat(), "starts": "09:00",
    "site": "齐河县职业中专", "rooms": [{"room": "A101", "seats": 30}],
}  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"site": LONG}, {"level": LONG}, {"rooms": [{"room": LONG, "seats": 1}]}, {"occupation": LONG}]
)
def test_a_session_takes_or_refuses_any_text(any_pilot: Pilot, change: dict[str, Any]) -> None:
    with on(CONFIRMED), suppress(Refused):
        create("session", any_pilot.examiner, SESSION | change)


@pytest.mark.parametrize("field", ["issuer", "payer", "number", "code", "kind", "item", "paid_on"])
def test_a_receipt_takes_or_refuses_any_text(any_pilot: Pilot, field: str) -> None:
    study = any_pilot.graduated()
    with suppress(Refused):
        any_pilot.claim(study, receipts=[receipt("1") | {field: LONG}])


@pytest.mark.parametrize("field", ["explanation", "account_holder", "account_number"])
def test_a_claim_takes_or_refuses_any_text(any_pilot: Pilot, field: str) -> None:
    study = any_pilot.graduated()
    with suppress(Refused):
        any_pilot.claim(study, **{field: LONG})
