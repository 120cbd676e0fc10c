"""What a date brings for applications and studies: places given back, warnings, the end on its day (R1.4, R3.5)."""

from __future__ import annotations

import sqlalchemy as sa

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Application, Claim, Study
from edu_pilot.rules.study import warning_due
from edu_pilot.services import national_query, policies
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.perform import perform_many

APPLICATION = Application.__table__
STUDY = Study.__table__
CLAIM = Claim.__table__
RUNNING = ("studying", "suspended", "completed")


def late_answers() -> int:
    """R1.4, R3.3: give back the places reserved for corrections that did not come in time; return how many."""
    return _taken("application", _unanswered(), "release_late_place")


def _unanswered() -> list[str]:
    query = sa.select(APPLICATION.c.id).where(
        APPLICATION.c.state == "returned",
        APPLICATION.c.place == "reserved",
        APPLICATION.c.answer_until < clock.today(),
    )
    with read() as conn:
        return list(conn.execute(query.order_by(APPLICATION.c.queue_number)).scalars())


def claims() -> dict[str, int]:
    """Hand over disputes that were left lying, let claims lapse that were not corrected; once each."""
    return {
        "escalated": _taken("claim", _disputes_left(), "escalate"),
        "lapsed": _taken("claim", _not_corrected(), "lapse"),
        "certificates_verified": national_query.recheck(),
    }


def _disputes_left() -> list[str]:
    overdue = CLAIM.c.recheck_until < clock.today(), CLAIM.c.escalated_on.is_(None)
    return _claims(CLAIM.c.state == "not_agreed", *overdue)


def _not_corrected() -> list[str]:
    """R5.6: whether the time for a new submission is over too is judged by each claim's own policy version."""
    return _claims(CLAIM.c.state == "returned", CLAIM.c.answer_until < clock.today())


def _claims(*where: sa.ColumnElement[bool]) -> list[str]:
    with read() as conn:
        return list(conn.execute(sa.select(CLAIM.c.id).where(*where).order_by(CLAIM.c.reference)).scalars())


def studies() -> dict[str, int]:
    """Expire what ends today or has ended, warn of what ends soon; a second run finds nothing to do."""
    return {
        "expired": _taken("study", _ended(), "expire"),
        "warned": _taken("study", _to_warn(), "warn_of_expiry"),
        "recovered": _taken("claim", _paid_of_revoked(), "recover", recovery="DIPLOMA_REVOKED"),
        "stopped": _taken("claim", [*_of_revoked("approved"), *_of_revoked("bounced")], "withdraw"),
    }


def _taken(workflow: str, ids: list[str], action: str, **given: str) -> int:
    return sum(not result.reasons for result in perform_many(workflow, ids, action, SYSTEM, given))


def _paid_of_revoked() -> list[str]:
    """Claims paid of which not all is asked back yet."""
    rest = CLAIM.c.payable_fen > sa.func.coalesce(CLAIM.c.recovery_fen, 0)
    return [claim for state in ("paid", "recovering", "recovered") for claim in _of_revoked(state, rest)]


def _of_revoked(state: str, *where: sa.ColumnElement[bool]) -> list[str]:
    """Claims that were with the bank when their diploma was revoked, now that its result is in."""
    query = sa.select(CLAIM.c.id).join(STUDY, STUDY.c.id == CLAIM.c.study_id)
    with read() as conn:
        return list(conn.execute(query.where(STUDY.c.state == "revoked", CLAIM.c.state == state, *where)).scalars())


def _ended() -> list[str]:
    query = sa.select(STUDY.c.id).where(STUDY.c.state.in_(RUNNING), STUDY.c.ends_on <= clock.today())
    with read() as conn:
        return list(conn.execute(query.order_by(STUDY.c.reference)).scalars())


def _to_warn() -> list[str]:
    """Judged by each study's own policy version, so that nothing is tried that is not due."""
    today = clock.today()
    query = sa.select(STUDY).where(STUDY.c.state.in_(RUNNING), STUDY.c.ends_on > today)
    with read() as conn:
        return [
            row.id
            for row in conn.execute(query.order_by(STUDY.c.reference))
            if warning_due(
                policies.of(conn, row.policy_version_id).policy, row.ends_on, row.warned_months, today
            )
        ]  # fmt: skip
