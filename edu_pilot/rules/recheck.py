"""How a claim goes on on which the two bodies do not agree: one sealed re-check each, then the arbiter (R5.2)."""

from __future__ import annotations

from edu_pilot.rules.claim import BODIES, one_passes_one_refuses, other_body_still_open
from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, condition, rule


@rule
def bodies_still_differ(attempt: Attempt) -> Blocked:
    """R5.2: each body checks once more, and once only."""
    if len(attempt.record.checks) < len(BODIES):
        return None
    text = N_("Both bodies have checked once more and still differ; the arbiter settles the claim.")
    return blocked(text, who="arbiter")


@rule
def rechecked_by_both(attempt: Attempt) -> Blocked:
    """R5.2: the arbiter settles only what both bodies have checked once more, or let lie beyond its last day."""
    # Whether one of them has done so already is as sealed as what it found.
    if len(attempt.record.checks) == len(BODIES) or attempt.record.escalated_on is not None:
        return None
    return blocked(N_("Both bodies must check the claim once more before it is settled."), who=BODIES)


@condition
def recheck_leaves_it_open(attempt: Attempt) -> bool:
    """R5.2: the other re-check is still to come, or again one body passes and one refuses."""
    return other_body_still_open(attempt) or one_passes_one_refuses(attempt)


@rule(on_input=True)
def refusal_has_reasons(attempt: Attempt) -> Blocked:
    """R5.5: whoever refuses a claim names the codes; whoever lets it pass names none."""
    refuses = attempt.input.get("decision") == "refuse" or attempt.input.get("resolution") == "founded"
    if refuses == bool(attempt.input.get("reasons")):
        return None
    text = N_("Choose at least one reason for a refusal, and none otherwise.")
    return blocked(text, field="reasons", who="arbiter")
