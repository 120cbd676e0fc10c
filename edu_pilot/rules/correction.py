"""The one-time notice: whoever asks for a correction names every fault at once; a second time needs a second person."""

from __future__ import annotations

from edu_pilot.workflow.reasons import N_, Blocked
from edu_pilot.workflow.registry import Attempt, blocked, rule


@rule(on_input=True)
def new_faults_are_permitted(attempt: Attempt) -> Blocked:
    """R3.3: a return names all faults at once; later ones are named only if somebody else permitted them since."""
    record = attempt.record
    if not record.faults_named:
        return None
    permitted = {code for actor, codes in record.faults_permitted if actor != attempt.actor.name for code in codes}
    new = [code for code in _asked(attempt) if code not in record.faults_named | permitted]
    if not new:
        return None
    text = N_(
        "This case was returned before, and all faults are named at once: %(faults)s would be new. "
        "Another person must permit it first."
    )
    return blocked(text, who="registrar", faults="policy:decision_codes.correct:" + ",".join(new))


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
    return blocked(N_("The case has not been returned yet; the first return needs no permit."), who="registrar")
