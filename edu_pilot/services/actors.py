"""Who acts: accounts become actors; the operator and the system have no person behind them."""

from __future__ import annotations

from edu_pilot.workflow.registry import Actor

# Audited as such: it imports and administers, but makes no human decision.
OPERATOR = Actor(None, "operator", frozenset({"operator"}))
# Follow-ups and what the calendar asks for.
SYSTEM = Actor(None, "system", frozenset({"system"}))
STUDENT = "student"


def student(person_key: str) -> Actor:
    """Return the actor of a person who proved to hold the query code and the ID tail."""
    return Actor(None, STUDENT, frozenset({STUDENT}), person_key=person_key)
