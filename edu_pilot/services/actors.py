"""Who acts: accounts become actors; the operator and the system have no person behind them."""

from __future__ import annotations

from collections.abc import Collection

from edu_pilot.workflow.reasons import N_, Forbidden, blocked
from edu_pilot.workflow.registry import Actor

# Audited as such: it imports and administers, but makes no human decision.
OPERATOR = Actor(None, "operator", frozenset({"operator"}))
# Follow-ups and what the calendar asks for.
SYSTEM = Actor(None, "system", frozenset({"system"}))
STUDENT = "student"
STEP = N_("This step belongs to: %(roles)s")


def student(person_key: str) -> Actor:
    """Return the actor of a person who proved to hold the query code and the ID tail."""
    return Actor(None, STUDENT, frozenset({STUDENT}), person_key=person_key)


def require_role(actor: Actor, roles: Collection[str], text: str = STEP, *, also: Collection[str] = ()) -> None:
    """Raise Forbidden for one who has none of the roles; `also` may too, but nobody is sent to them (R6.3)."""
    if not actor.roles & {*roles, *also}:
        raise role_missing(roles, text)


def role_missing(roles: Collection[str], text: str = STEP) -> Forbidden:
    """Return the refusal that names the roles a step belongs to."""
    return Forbidden([blocked(text, code="role_missing", roles="roles:" + ",".join(roles), who=tuple(roles))])
