"""What the papers of an exam say: ticket, door list and score notice, frozen as primitives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from edu_pilot.models import Session
from edu_pilot.rules.certification import PARTS, kept_until, objections_until
from edu_pilot.services import portraits
from edu_pilot.services.facts.certification import Candidate
from edu_pilot.services.facts.people import humans
from edu_pilot.services.unit import Change
from edu_pilot.workflow.policy import Policy

Context = dict[str, Any]
SESSION = Session.__table__


def ticket_number(reference: str, version: int) -> str:
    """R4.4: the digits of the certification and of the ticket's version, so that an old ticket is seen at the door."""
    return f"{reference[1:].replace('-', '')}{version:02d}"


def _examined(policy: Policy, kind: str, occupation: str, level: str) -> Context:
    names = policy.get(f"certification.level_names.{kind}").get(level, {"zh": level, "en": level})
    kinds = policy.get(f"certification.kinds.{kind}")
    return {
        "kind_zh": kinds["zh"],
        "kind_en": kinds["en"],
        "occupation_zh": policy.label("occupations", occupation),
        "occupation_en": policy.label("occupations", occupation, "en"),
        "level_zh": names["zh"],
        "level_en": names["en"],
    }


def _where(session: Any) -> Context:
    return {
        "session": session.reference,
        "held_on": session.held_on.isoformat(),
        "starts": session.starts,
        "site": session.site,
    }


def _session_now(change: Change) -> Any:
    """Return the session the record belongs to after this step."""
    query = sa.select(SESSION).where(SESSION.c.id == change.now_value("session_id"))
    return change.conn.execute(query).one()


def _exam_ticket(change: Change) -> Context | None:
    """R4.4: the ticket; who moved without having a seat yet gets one with the seat."""
    if change.now_value("seat") is None:
        return None
    case, policy = change.case, change.attempt.policy
    version = change.now_value("ticket_version")
    return {
        **_examined(policy, case.kind, case.occupation, case.level),
        **_where(_session_now(change)),
        "name": case.person.name,
        "sex": {"male": "男", "female": "女"}[case.person.sex],
        "id_number": case.person.id_number,
        "certification": change.reference,
        "ticket": ticket_number(change.reference, version),
        "version": version,
        "room": change.now_value("room"),
        "seat": change.now_value("seat"),
        "portrait": portraits.newest(change.conn, case.study.application_id),
    }


def _door_list(change: Change) -> Context:
    """R4.4: by room and seat, each with the newest ticket only."""
    case, policy = change.case, change.attempt.policy
    occupation = policy.row("occupations", case.occupation)
    kind = occupation["kind"] if occupation else "skill_level"
    seated = [c for c in case.candidates if c.state == "seated"]
    tails = {i: human.id_number[-4:] for i, human in humans(change.conn, {c.person_id for c in seated}).items()}
    rooms = {room["room"]: place for place, room in enumerate(case.rooms)}
    seated.sort(key=lambda c: (rooms.get(c.room, len(rooms)), c.seat))
    return {
        **_examined(policy, kind, case.occupation, case.level),
        **_where(case),
        "holder": change.reference,
        "candidates": len(seated),
        "rooms": [
            {"room": room, "lines": [_line(c, tails) for c in people]}
            for room, people in groupby(seated, key=lambda c: str(c.room))
        ],
    }


def _line(candidate: Candidate, tails: Mapping[str, str]) -> Context:
    return {
        "seat": candidate.seat,
        "ticket": ticket_number(candidate.reference, candidate.ticket_version),
        "name": candidate.name,
        "id_tail": tails[candidate.person_id],
    }


def _score_notice(change: Change) -> Context:
    """R4.5: both parts, the pass mark and until when a re-adding may be asked for."""
    case, policy = change.case, change.attempt.policy
    closed = change.now_value("objection_closed_on")
    return {
        **_examined(policy, case.kind, case.occupation, case.level),
        **_where(case.session),
        "name": case.person.name,
        "id_number": case.person.id_number,
        "certification": change.reference,
        "attempt": case.attempt,
        "parts": [_part(change, part) for part in PARTS],
        "full_mark": policy.get("certification.full_mark"),
        "pass_mark": policy.get("certification.pass_mark"),
        "passed": change.to_state != "failed",
        "published_on": case.published_on.isoformat(),
        "objection_until": objections_until(policy, case.published_on).isoformat(),
        "readded_on": closed.isoformat() if closed else "",
    }


_LABELS = {"theory": ("理论知识", "Theory"), "practical": ("技能操作", "Practical")}


def _part(change: Change, part: str) -> Context:
    mark, since = change.now_value(part), change.now_value(f"{part}_on")
    passed = mark >= change.attempt.policy.get("certification.pass_mark")
    return {
        "label_zh": _LABELS[part][0],
        "label_en": _LABELS[part][1],
        "mark": mark,
        "sat_on": since.isoformat(),
        "kept": since < change.case.held_on,
        "passed": passed,
        # Only who must sit the other part again needs the passed one kept.
        "kept_until": _until(change, since) if passed and change.to_state == "failed" else "",
    }


def _until(change: Change, since: date) -> str:
    return kept_until(change.attempt.policy, since).isoformat()


MAKERS: Mapping[str, Callable[[Change], Context | None]] = {
    "exam_ticket": _exam_ticket,
    "door_list": _door_list,
    "score_notice": _score_notice,
}
