"""Faults planted in the product, each of which the walk or its first steps must notice: a rule that is not asked, a
branch that is always taken, an effect that is not done, and the order of refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from unittest import mock

from edu_pilot.rules import calendar, claim, claim_dates
from edu_pilot.services import perform, visibility
from edu_pilot.services.visibility import Scope
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.registry import shipped
from tests import app as installations
from tests.trust.guards import guard

WALK = "tests/trust/test_g09_model.py::test_product_and_model_agree"
# Rules that are not asked: four eyes, states of others, windows, amounts, numbers, places, papers.
UNASKED = (
    # C4, R5.2
    "not_own_record", "not_own_case", "not_typed_by_me", "not_entered_by_me", "not_prepared_by_me",
    "my_body_has_not_checked", "other_body_was_another_person", "not_checked_by_me", "account_changed_by_another",
    "drawn_by_another", "no_claim_of_mine",
    # R1, R2, R3
    "intake_is_open", "age_in_range", "id_number_is_sound", "not_already_registered", "papers_complete",
    "next_in_the_queue", "student_number_not_confirmed", "draft_is_for_my_county", "draft_is_my_own",
    "registered_place_is_kept", "new_faults_are_permitted", "an_offer_is_open", "registration_month_reached",
    "sitting_within_study", "scores_are_sound", "not_in_first_term", "credits_reached", "modules_reached",
    "diploma_not_too_early", "diploma_number_is_sound", "diploma_number_is_free", "double_certificate_not_issued",
    "holds_a_skill_certificate", "years_are_over", "withdrawn_through_the_application",
    # R4
    "status_confirmed", "training_is_enough", "session_fits", "a_seat_is_free", "session_day_reached",
    "marks_are_sound", "objection_in_time", "certificate_number_is_sound", "resit_not_planned", "seats_for_all",
    "everybody_is_seated", "all_candidates_scored",
    # R5
    "diploma_recorded", "no_other_claim", "receipts_are_new", "within_claim_window", "account_is_own",
    "excess_is_explained", "reading_is_complete", "outcome_has_reasons", "rechecked_by_both", "notice_is_running",
    "notice_is_over", "account_is_settled", "not_in_a_batch", "recovery_at_most_paid", "recovered_at_most_the_rest",
    "claims_are_payable", "results_cover_the_batch",
)  # fmt: skip
# These are taken away by `python -m tests.trust.controls` too; all of them by a test of their own in a campaign.
CONTROLS = (
    "every_role_may", "every_county_is_seen", "versions_are_not_compared", "one_reason_at_a_time", "not_own_record",
    "not_entered_by_me", "my_body_has_not_checked", "student_number_not_confirmed", "no_other_claim",
    "account_is_settled", "release_place_undone",
)  # fmt: skip
# Where a fault shows that is not named after the rule of one step.
WHERE: Mapping[str, Sequence[tuple[str, str]]] = {
    "not_own_record": [("application", "verify"), ("study", "record_score")],
    "not_own_case": [("claim", "check")],
    "my_body_has_not_checked": [("claim", "check")],
    "other_body_was_another_person": [("claim", "check")],
    "not_entered_by_me": [("claim", "check")],
    "not_prepared_by_me": [("claim", "settle"), ("claim", "resolve_objection"), ("claim", "check")],
    "receipts_are_new": [("claim", "amend")],
    "reading_is_complete": [("claim", "check")],
    "outcome_has_reasons": [("claim", "check")],
    "a_seat_is_free": [("certification", "seat"), ("certification", "enter"), ("certification", "finish_training")],
    "seats_for_all": [("session", "seat_all"), ("certification", "enter"), ("session", "open")],
    "account_changed_by_another": [("claim", "change_account"), ("claim", "confirm_account")],
    "account_is_own": [("claim", "submit"), ("claim", "create")],
    "excess_is_explained": [("claim", "submit"), ("claim", "create")],
    "intake_is_open": [("application", "register"), ("application", "create")],
    "all_candidates_scored": [("session", "score_all")],
    "everybody_is_seated": [("session", "hold"), ("session", "list_doors"), ("certification", "reseat")],
    "objection_in_time": [("certification", "object_to_score")],
    "status_confirmed": [("certification", "start_training"), ("certification", "enter")],
    "session_day_reached": [("certification", "mark_sat")],
    "certificate_number_is_sound": [("certification", "certify"), ("certification", "score")],
    "marks_are_sound": [("certification", "score")],
    "draft_is_for_my_county": [("application", "amend")],
    "draft_is_my_own": [("application", "amend")],
    "id_number_is_sound": [("application", "amend"), ("application", "register")],
    "age_in_range": [("application", "register"), ("application", "create")],
    "not_already_registered": [("application", "register"), ("application", "amend")],
    "new_faults_are_permitted": [("application", "register"), ("application", "return_for_correction")],
    "account_is_settled": [("claim", "pay"), ("claim", "change_account")],
    "within_claim_window": [("claim", "submit")],
    "deadline_a_day_late": [("claim", "submit")],
    "claims_are_payable": [("payment", "create")],
    "no_claim_of_mine": [("payment", "create")],
    "no_other_claim": [("claim", "create")],
    "diploma_recorded": [("claim", "create")],
    "holidays_are_worked": [("claim", "object"), ("application", "accept_major"), ("application", "offer_major")],
    "notice_ends_a_day_early": [("claim", "pay")],
    "both_bodies_pass_true": [("claim", "check")],
    "one_passes_one_refuses_false": [("claim", "check")],
    "both_parts_pass_true": [("certification", "score")],
    "has_a_place_true": [("application", "admit"), ("application", "verify")],
    "all_is_recovered_true": [("claim", "confirm_recovered"), ("claim", "recover")],
    "release_live_case_undone": [("application", "reject"), ("application", "register"), ("application", "amend")],
    "set_answer_date_undone": [("application", "return_for_correction"), ("application", "release_late_place")],
    "withdraw_certifications_undone": [("study", "withdraw"), ("study", "cancel")],
    "close_study_undone": [("application", "withdraw")],
    "free_receipts_undone": [("claim", "withdraw"), ("claim", "create")],
    "free_items_undone": [("payment", "cancel"), ("claim", "change_account")],
    "bar_for_false_papers_undone": [("claim", "recover"), ("claim", "create"), ("claim", "withdraw")],
    "ban_undone": [("certification", "void"), ("certification", "resit")],
    "confirm_account_undone": [("claim", "confirm_account"), ("claim", "change_account"), ("claim", "pay")],
    "release_place_undone": [("application", "release_late_place"), ("application", "withdraw")],
}
# The first day on which a fault in a date shows, where the walk begins then.
DAYS = {
    "deadline_a_day_late": date(2026, 8, 1), "within_claim_window": date(2026, 8, 1),
    "notice_ends_a_day_early": date(2025, 7, 11), "objection_in_time": date(2025, 7, 11),
    "intake_is_open": date(2025, 9, 16), "years_are_over": date(2030, 3, 10),
}  # fmt: skip
Planted = Callable[[], Iterator[None]]
BUGS: dict[str, Planted] = {}


def bug(plant: Planted) -> Planted:
    """Keep a planted fault under its function's name."""
    BUGS[plant.__name__] = plant
    return plant


def _unasked(name: str) -> Planted:
    def plant() -> Iterator[None]:
        rule = replace(shipped.rules[name], ask=lambda _attempt: None)
        with mock.patch.dict(shipped.rules, {name: rule}):
            yield

    return plant


for _name in UNASKED:
    BUGS[_name] = _unasked(_name)


@bug
def every_role_may() -> Iterator[None]:
    """Nobody is asked for the role."""

    def permit(self: Engine, attempt: Any) -> None:
        action = self.action(attempt.action)
        whoever = replace(attempt, actor=replace(attempt.actor, roles=frozenset(action.by)))
        plain(self, whoever)

    plain = Engine.permit
    with mock.patch.object(Engine, "permit", permit):
        yield


@bug
def every_county_is_seen() -> Iterator[None]:
    """A county's clerk and union see all counties."""

    def scope_of(actor: Any) -> Scope:
        return Scope(everything=True) if actor.county else plain(actor)

    plain = visibility.scope_of
    with mock.patch.object(visibility, "scope_of", scope_of):
        yield


@bug
def versions_are_not_compared() -> Iterator[None]:
    """A step on a version that is not the present one goes through."""

    def decided(unit: Any, case: Any, action: str, given: Any, seen: Any = None) -> Any:
        return plain(unit, case, action, given)

    plain = perform._decided
    with mock.patch.object(perform, "_decided", decided):
        yield


@bug
def one_reason_at_a_time() -> Iterator[None]:
    """Only the first reason that blocks is told."""

    def blockers(self: Engine, attempt: Any, *, on_input: bool) -> Any:
        return plain(self, attempt, on_input=on_input)[:1]

    plain = Engine.blockers
    with mock.patch.object(Engine, "blockers", blockers):
        yield


@bug
def holidays_are_worked() -> Iterator[None]:
    """Notices and corrections count every day."""
    with mock.patch.object(calendar, "_working_days", lambda _policy, day: (day + timedelta(n) for n in range(1, 99))):
        yield


@bug
def deadline_a_day_late() -> Iterator[None]:
    """A claim is taken one day after its last."""
    plain = claim_dates.claim_deadline
    later = lambda policy, day: plain(policy, day) + timedelta(days=1)  # noqa: E731
    with mock.patch.object(claim_dates, "claim_deadline", later):
        yield


@bug
def notice_ends_a_day_early() -> Iterator[None]:
    """Money goes out on the last day of the public notice."""
    with mock.patch.object(claim, "notice_ended", lambda last, today: last is not None and today >= last):
        yield


def _branch(name: str, holds: bool) -> Planted:
    def plant() -> Iterator[None]:
        # A compiled workflow holds its conditions.
        installations.COMPILED.clear()
        with mock.patch.dict(shipped.conditions, {name: lambda _attempt: holds}):
            yield
        installations.COMPILED.clear()

    return plant


def _undone(name: str) -> Planted:
    def plant() -> Iterator[None]:
        with mock.patch.dict(shipped.effects, {name: lambda _change: None}):
            yield

    return plant


for _name, _holds in (("both_bodies_pass", True), ("one_passes_one_refuses", False), ("both_parts_pass", True),
                      ("has_a_place", True), ("all_is_recovered", True)):  # fmt: skip
    BUGS[f"{_name}_{_holds}".lower()] = _branch(_name, _holds)
for _name in ("release_live_case", "set_answer_date", "withdraw_certifications", "close_study", "free_receipts",
              "free_items", "bar_for_false_papers", "ban", "confirm_account", "release_place"):  # fmt: skip
    BUGS[f"{_name}_undone"] = _undone(_name)

for _name in CONTROLS:
    guard(f"model_{_name}", test=WALK)(BUGS[_name])
