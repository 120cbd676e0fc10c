"""The claim a person is about to make, or has made: found from whose it is, without a number to remember."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edu_pilot.rules.claim import RECEIPT_FIELDS
from edu_pilot.rules.claim_dates import too_late
from edu_pilot.services import policies, search
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import objections_to_birth, unit_of
from edu_pilot.services.search import Wanted
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor


@dataclass(frozen=True)
class Own:
    """A person's newest study with a diploma, and the newest claim for it."""

    study: Case | None
    claim: Case | None

    @property
    def live(self) -> Case | None:
        """The claim, unless it came to its end and another may be made."""
        return self.claim if self.claim is not None and self.claim.live else None


def of(conn: Connection, actor: Actor) -> Own:
    """Return what a person can claim for, and the claim there is."""
    studies = [case for case in search.find(conn, "study", actor, Wanted())[0] if case.diploma_on]
    study = max(studies, key=lambda case: (case.diploma_on, case.reference), default=None)
    if study is None:
        return Own(None, None)
    claims = [case for case in search.find(conn, "claim", actor, Wanted())[0] if case.study_id == study.id]
    return Own(study, max(claims, key=lambda case: (case.live, case.reference), default=None))


def study(conn: Connection, actor: Actor) -> Case:
    """Return the study that can be claimed for; NotFound without a diploma."""
    found = of(conn, actor).study
    if found is None:
        raise NotFound("study")
    return found


def against(conn: Connection, study: Case, actor: Actor) -> tuple[Reason, ...]:
    """Return everything that stands against a claim for a study before a line of it is typed."""
    unit = unit_of(conn, actor)
    found = objections_to_birth(unit, "claim", {"study": study.reference})
    if study.diploma_on is None:
        return found
    late = too_late(policies.of(conn, study.policy_version_id).policy, study.diploma_on, unit.today)
    return (*found, late) if late else found


def newest(conn: Connection, actor: Actor) -> Case:
    """Return the newest claim, live or not; NotFound if none was made."""
    found = of(conn, actor).claim
    if found is None:
        raise NotFound("claim")
    return found


def faulty_parts(reason: Reason) -> list[str]:
    """Return the parts of a receipt that a reason names, by their fields."""
    told = str(reason.facts.get("parts", "")).removeprefix("names:").split(",")
    return [name for name, label in RECEIPT_FIELDS.items() if label in told]
