"""The one-time notice: whoever asks for a correction names every fault at once; a second time needs a second person."""

from __future__ import annotations

from typing import Any

from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, rule


@rule(on_input=True)
def new_faults_are_permitted(attempt: Attempt) -> Blocked:
    """R3.3: a return names all faults at once; later ones are named only if another person permitted them since."""
    record = attempt.record
    if not record.faults_named:
        return None
    permitted = {code for permit in record.faults_permitted if _serves(permit, attempt) for code in permit.faults}
    new = [code for code in _asked(attempt) if code not in record.faults_named | permitted]
    if not new:
        return None
    text = N_(
        "This case was returned before, and all faults are named at once: %(faults)s would be new. "
        "Another person must permit it first."
    )
    who = "arbiter" if "outcome" in attempt.input else "registrar"
    return blocked(text, who=who, faults="policy:decision_codes.correct:" + ",".join(new))


def _serves(permit: Any, attempt: Attempt) -> bool:
    """R5.2: a permit is another human being's, whatever the account, and of a claim it is for one body."""
    actor = attempt.actor
    same = permit.person_key is not None and permit.person_key == actor.person_key
    return permit.actor != actor.name and not same and (permit.body is None or permit.body in actor.roles)


def _asked(attempt: Attempt) -> list[str]:
    """Return the faults this step names: those of a return, or of a check that asks for correction."""
    given = attempt.input
    asks = given.get("outcome", "correct") == "correct"
    return list(given.get("faults") or given.get("reasons") or ()) if asks else []


@rule
def was_returned_before(attempt: Attempt) -> Blocked:
    """R3.3: the first return names what it must; only a later one needs a permit."""
    if attempt.record.faults_named:
        return None
    return blocked(N_("The case has not been returned yet; the first return needs no permit."))
