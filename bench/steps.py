"""The two steps that are measured: one without effects, one that draws a number and writes dates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from edu_pilot.workflow.registry import Actor

# In the registration month of intake 2209, so that nothing blocks.
TODAY = date(2022, 9, 20)
DRAW = (
    "INSERT INTO counter (series, value) VALUES (?, ?)"
    " ON CONFLICT (series) DO UPDATE SET value = counter.value + 1 RETURNING value"
)
Run = Callable[..., Any]
ByHand = Callable[[Run, Mapping[str, Any], str], Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """An action and what its rules and effects read and write, done by hand."""

    workflow: str
    action: str
    from_state: str
    to_state: str
    actor: Actor
    by_hand: ByHand


def _start_training(run: Run, record: Mapping[str, Any], _day: str) -> Mapping[str, Any]:
    study = run("SELECT student_number FROM study WHERE id=?", record["study_id"]).fetchone()
    if not study["student_number"]:
        raise RuntimeError("not confirmed")
    return {}


def _confirm_status(run: Run, record: Mapping[str, Any], day: str) -> Mapping[str, Any]:
    application = run("SELECT state FROM application WHERE id=?", record["application_id"]).fetchone()
    if application["state"] != "admitted":
        raise RuntimeError("not admitted")
    serial = run(DRAW, "student22autumn", 50001).fetchone()["value"]
    ends = f"{int(day[:4]) + 8}{day[4:]}"
    return {"student_number": f"22370064{serial:05d}", "confirmed_on": day, "ends_on": ends}


def _actor(role: str) -> Actor:
    return Actor(None, f"{role}-1", frozenset({role}))


STEPS = (
    Step("certification", "start_training", "planned", "training", _actor("examiner"), _start_training),
    Step("study", "confirm_status", "enrolled", "studying", _actor("registrar"), _confirm_status),
)
