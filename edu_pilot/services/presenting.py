"""A record as people and programs see it: facts, offers with their reasons, history; one shape for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock, i18n
from edu_pilot.extensions import all_rows
from edu_pilot.models import AuditEntry, Claim, ClaimCheck, PrivateInput
from edu_pilot.rules.application import remarks
from edu_pilot.rules.certification import PARTS, objections_until, passed_part_until
from edu_pilot.rules.claim import BODIES, receipt_signs
from edu_pilot.rules.claim_dates import claim_deadline
from edu_pilot.rules.study import Module, credits_to_complete, earliest_diploma, modules
from edu_pilot.services import disclosure, documents, erasure, papers, policies, veil
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import in_force as in_force_for
from edu_pilot.services.perform import rules_policy, unit_of, version_of
from edu_pilot.services.unit import Unit
from edu_pilot.services.vault import vault
from edu_pilot.workflow.definition import Definition, Need
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor, Attempt
from edu_pilot.workflow.versions import Compiled

ENTRY = AuditEntry.__table__
PRIVATE = PrivateInput.__table__
CLAIM, CHECK = Claim.__table__, ClaimCheck.__table__
JUDGES = frozenset({*BODIES, "arbiter", "auditor"})
# What of a check is personal, as its form declares it.
CHECKED_PRIVATELY = ("reading", "note")


@dataclass(frozen=True)
class Shown:
    """One record for one actor: what it is, what can be done, what was done."""

    case: Case
    version: policies.Version
    facts: dict[str, Any]
    offers: tuple[Offer, ...]
    signs: tuple[Reason, ...] = ()

    @property
    def compiled(self) -> Compiled:
        """The workflow version the record goes by."""
        return self.version.compiled


def show(conn: Connection, case: Case, actor: Actor, unit: Unit | None = None) -> Shown:
    """Return what an actor sees of a record that is visible to them (R6.2); several share a unit's versions."""
    unit = unit or unit_of(conn, actor)
    version = version_of(unit, case)
    engine = version.compiled.engines[case.workflow]
    policy = rules_policy(unit, version)
    offers = tuple(
        Offer(action, engine.blockers(Attempt(case, action.name, actor, {}, policy, unit.today), on_input=False))
        for action in engine.offered(case.state, actor)
    )
    told = facts(case, version.policy, actor, in_force_for(unit).policy)
    return Shown(case, version, told, offers, tuple(_signs(case, actor)))


def _signs(case: Case, actor: Actor) -> list[Reason]:
    """R5.3: what the machine found suspicious, for those who judge; nobody else learns of other claims."""
    return receipt_signs(case) if case.workflow == "claim" and actor.roles & JUDGES else []


def as_json(shown: Shown, lang: str | None = None) -> dict[str, Any]:
    """Return a record in the contract's shape."""
    case = shown.case
    return {
        "reference": case.reference,
        "workflow": case.workflow,
        "state": case.state,
        "version": case.version,
        "policy_version": shown.version.number,
        "facts": {name: _plain(value) for name, value in shown.facts.items()} | _signs_json(shown, lang),
        "offers": [offer_json(offer, shown.compiled, lang) for offer in shown.offers],
    }


def _signs_json(shown: Shown, lang: str | None) -> dict[str, Any]:
    return {"signs": [reason_json(sign, shown.compiled, lang) for sign in shown.signs]} if shown.signs else {}


def offer_json(offer: Offer, version: Compiled, lang: str | None = None) -> dict[str, Any]:
    """Return one offer with its form fields and, if it is blocked, every reason."""
    lang = lang or i18n.language()
    return {
        "action": offer.action.name,
        "label": offer.action.label.say(lang),
        "needs": [need_json(need, lang) for need in offer.action.needs],
        "reasons": [reason_json(reason, version, lang) for reason in offer.reasons],
    }


def need_json(need: Need, lang: str) -> dict[str, Any]:
    """Return one field of an action's form."""
    choices = [{"value": code, "label": label.say(lang)} for code, label in need.choices.items()]
    label = need.label.say(lang)
    return {"name": need.name, "type": need.type, "label": label, "required": need.required, "choices": choices}


def reason_json(reason: Reason, version: Compiled, lang: str | None = None) -> dict[str, Any]:
    """Return one reason: code, sentence, facts, and the roles that can mend it."""
    told = {
        "code": reason.code,
        "text": i18n.say(reason, version, lang),
        "facts": reason.facts,
        "who": list(reason.who),
    }
    return told | ({"field": reason.field} if reason.field else {})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def facts(case: Case, policy: Policy, actor: Actor, current: Policy) -> dict[str, Any]:
    """Return the facts of a record as an actor sees them by the policy in force; personal numbers masked (R2.9)."""
    found: dict[str, Any] = disclosure.disclosed(_FACTS[case.workflow](case, policy), actor, current)
    return found | _put_away(case)


def facts_of(conn: Connection, cases: Sequence[Case], actor: Actor) -> list[dict[str, Any]]:
    """Return the facts of each record of a list, each by the version it goes by."""
    unit = unit_of(conn, actor)
    current = in_force_for(unit).policy
    return [facts(case, version_of(unit, case).policy, actor, current) for case in cases]


# Of what may only be stored, nobody reads these.
STORED_ONLY = ("account_tail", "account_holder", "phone", "previous_school", "employer", "job")


def _put_away(case: Case) -> dict[str, Any]:
    """R2.9: since when a person's data are erased or only stored, and what is hidden therefore."""
    if not erasure.out_of_use(case):
        return {}
    standing, known = case.person_standing, {*case.row, "phone"}
    told = {"restricted_on": standing.restricted_on, "erased_on": standing.erased_on}
    return told | {name: None for name in STORED_ONLY if name in known}


def _columns(case: Case, *names: str) -> dict[str, Any]:
    return {name: getattr(case, name) for name in names}


def _application(case: Case, policy: Policy) -> dict[str, Any]:
    return {
        **_columns(case, "name", "id_number", "phone"),
        **_columns(case, "county", "point", "major", "intake", "level", "sex", "birth_on", "previous_school"),
        **_columns(case, "previous_diploma", "employer", "job", "union_member", "registered_on", "place"),
        "county_name": policy.label("counties", case.county),
        "point_name": policy.label("points", case.point),
        "major_name": policy.label("majors", case.major),
        "papers": sorted(case.papers),
        "papers_missing": [code for code in policy.get("papers") if code not in case.papers],
        "waiting_number": case.waiting_ahead + 1 if case.state == "waitlisted" else None,
        "answer_until": case.answer_until,
        **_columns(case, "occupation", "offered_major", "offer_until"),
        "remarks": [_remark(reason) for reason in remarks(policy, case)],
        "study": case.study_reference,
    }


def _remark(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "text": i18n.translate(reason.text, i18n.language(), **reason.facts)}


def _person(case: Case) -> dict[str, Any]:
    person = case.person
    return {"name": person.name, "id_number": person.id_number, "phone": person.phone}


def _study(case: Case, policy: Policy) -> dict[str, Any]:
    return {
        **_person(case),
        **_columns(case, "county", "point", "intake", "level", "major", "student_number", "confirmed_on", "ends_on"),
        **_columns(case, "credits", "completed_on", "diploma_number", "diploma_on", "double_certificate_on"),
        **_columns(case, "union_county", "reimbursable", "major_changed_on", "warned_months"),
        "county_name": policy.label("counties", case.county),
        "major_name": policy.label("majors", case.major),
        **_columns(case, "face_check", "face_checked_on", "welfare_post_on"),
        "claim": case.claim_reference,
        "claim_until": claim_deadline(policy, case.diploma_on) if case.diploma_on else None,
        "credits_wanted": credits_to_complete(policy, case.major),
        "modules": [_module(module) for module in modules(policy, case.major, _passed(case))],
        "diploma_from": earliest_diploma(policy, case.intake),
    }


def _passed(case: Case) -> set[str]:
    return {sitting.course for sitting in case.scores if sitting.passed}


def _module(module: Module) -> dict[str, Any]:
    return {"code": module.code, "minimum": module.minimum, "earned": module.earned, "missing": module.missing}


def _certification(case: Case, policy: Policy) -> dict[str, Any]:
    return {
        **_person(case),
        **_columns(case, "county", "kind", "occupation", "level", "attempt", "hours", "attendance_percent"),
        **_columns(case, "room", "seat", "theory", "practical", "certificate_number", "certified_on"),
        **_columns(case, "ticket_version", "objection_on", "objection_closed_on"),
        "occupation_name": policy.label("occupations", case.occupation),
        "session": case.session_reference,
        "verified_on": case.verified_on,
        "pending_verification": case.state == "certified" and case.verified_on is None,
        "held_on": case.held_on,
        "published_on": case.published_on,
        "objection_until": objections_until(policy, case.published_on) if case.published_on else None,
        **{f"{part}_kept_until": passed_part_until(policy, case, part) for part in PARTS},
        "banned_until": case.banned_until,
        "resit": case.resit_reference,
    }


def _session(case: Case, policy: Policy) -> dict[str, Any]:
    occupation = policy.label("occupations", case.occupation)
    return {
        **_columns(case, "occupation", "level", "held_on", "starts", "site", "rooms", "published_on"),
        "occupation_name": occupation,
    }


def _claim(case: Case, policy: Policy) -> dict[str, Any]:
    columns = ("kind", "code", "number", "issuer", "payer", "item", "paid_on", "amount_fen", "evidence", "refunded_fen")
    receipts = [{name: _plain(getattr(r, name)) for name in columns} for r in case.receipts]
    # R2.9: without consent the means to find or call the person are nobody's to see; the accounts stay whole.
    gone = {"id_number": None, "phone": None} if case.storage_only_on else {}
    return {
        **_person(case),
        **gone,
        **_columns(case, "county", "payable_fen", "counted_fen", "other_money_fen", "account_tail", "account_holder"),
        **_columns(case, "submitted_on", "approved_on", "notice_until", "objection_on", "bounce_reason", "paid_on"),
        **_columns(case, "recovery_fen", "recovered_fen", "answer_until", "recheck_until", "escalated_on"),
        **_columns(case, "union_of", "member_since_on", "member_until_on", "employer_gone", "heir"),
        **_columns(
            case, "register_code", "register_code_until", "storage_only_on", "barred_until", "next_year", "incidents"
        ),
        "received_at": case.first_submitted_at.isoformat() if case.first_submitted_at else None,
        "claim_until": claim_deadline(policy, case.study.diploma_on) if case.study.diploma_on else None,
        "account_waits": case.account_changed_at is not None and case.account_confirmed_at is None,
        "batch": case.open_batch,
        "county_name": policy.label("counties", case.county),
        "study": case.study.reference,
        "student_number": case.study.student_number,
        "diploma_number": case.study.diploma_number,
        "diploma_on": case.study.diploma_on,
        "receipts": receipts,
        "checks": _checks(case),
    }


def _checks(case: Case) -> list[dict[str, Any]]:
    """R5.2: both checks of a round are shown once both are there; a re-check stays as sealed as the first check was."""
    if not case.decided_checks:
        return []
    columns = ("round", "body", "outcome", "reading", "reasons", "points", "checked_by")
    told = ({name: getattr(check, name) for name in columns} for check in case.decided_checks)
    notes = (vault().open("claim_check.note", c.id, c.note) if c.note else None for c in case.decided_checks)
    return [check | {"note": note} for check, note in zip(told, notes, strict=True)]


def _payment(case: Case, _policy: Policy) -> dict[str, Any]:
    items = [{"number": i.number, "claim": i.claim, "amount_fen": i.amount_fen, "result": i.result} for i in case.items]
    known = {"items": items, "bank_file": case.bank_file_sha256 is not None, "bank_file_sha256": case.bank_file_sha256}
    return {**_columns(case, "total_fen", "created_by", "released_by"), **known}


_FACTS: Mapping[str, Callable[[Case, Policy], dict[str, Any]]] = {
    "application": _application,
    "study": _study,
    "certification": _certification,
    "session": _session,
    "claim": _claim,
    "payment": _payment,
}


def history(conn: Connection, case: Case, actor: Actor) -> list[dict[str, Any]]:
    """Return what happened to a record, oldest first; an undecided check is nobody's to see (R5.2)."""
    query = sa.select(ENTRY).where(ENTRY.c.workflow == case.workflow, ENTRY.c.reference == case.reference)
    rows = all_rows(conn, query.order_by(ENTRY.c.number))
    unit = unit_of(conn, actor)
    definition = version_of(unit, case).compiled.definition(case.workflow)
    hidden = _sealed(rows, actor, definition)
    return veil.entries(conn, case, actor, told(conn, [row for row in rows if row["number"] not in hidden], actor))


def told(conn: Connection, rows: Sequence[Mapping[str, Any]], actor: Actor) -> list[dict[str, Any]]:
    """Return entries of the trail as an actor may read them, with what was entered as the policy discloses it."""
    bodies = [json.loads(row["body"]) for row in rows]
    opened = _opened(conn, [b["input"]["private"] for b in bodies if "private" in b["input"]])
    current = in_force_for(unit_of(conn, actor))
    decided = _decided(conn, rows, current.compiled.definition("claim"))
    opened |= {number: {name: given[name] for name in CHECKED_PRIVATELY} for number, given in decided.items()}
    whole = (decided.get(row["number"], body["input"]) for row, body in zip(rows, bodies, strict=True))
    given = (_input(one, opened, actor, current.policy) for one in whole)
    return [_entry(row, body, seen) for row, body, seen in zip(rows, bodies, given, strict=True)]


def _decided(conn: Connection, rows: Sequence[Mapping[str, Any]], definition: Definition) -> dict[Any, dict[str, Any]]:
    """Return by entry what a sealed check said, once its round is decided: the trail keeps it without content (R5.2).

    A lone check or re-check is told to nobody.
    """
    sealing = {action.name for action in definition.actions.values() if "seal_check" in action.effects}
    entries = [r for r in rows if r["workflow"] == "claim" and r["action"] in sealing]
    given = _checks_given(conn, {entry["reference"] for entry in entries}) if entries else ()
    found = {}
    for entry in entries:
        # Written by the same transaction, just before its entry.
        own = [c for c in given if (c.reference, c.checked_by) == (entry["reference"], entry["actor"])]
        check = max((c for c in own if c.checked_at <= entry["at"]), key=lambda c: c.round, default=None)
        if check is not None and check.decided:
            found[entry["number"]] = _as_entered(check, entry["number"])
    return found


def _checks_given(conn: Connection, references: set[str]) -> Sequence[Any]:
    other = CHECK.alias()
    same = other.c.claim_id == CHECK.c.claim_id, other.c.round == CHECK.c.round
    decided = sa.exists().where(*same, other.c.body != CHECK.c.body).label("decided")
    query = sa.select(CLAIM.c.reference, CHECK, decided).join(CHECK, CHECK.c.claim_id == CLAIM.c.id)
    return conn.execute(query.where(CLAIM.c.reference.in_(references))).all()


def _as_entered(check: Any, number: int) -> dict[str, Any]:
    note = vault().open("claim_check.note", check.id, check.note) if check.note else None
    told = {name: getattr(check, name) for name in ("outcome", "reading", "reasons", "points")}
    return told | {"note": note, "private": number}


def _sealed(rows: Sequence[Mapping[str, Any]], actor: Actor, definition: Definition) -> frozenset[int]:
    """Return the sealed steps of a round that is still open; only their authors and the audit see them."""
    if "auditor" in actor.roles and not actor.roles & set(BODIES):
        return frozenset()
    open_ones = undecided(rows, definition)
    return frozenset(r["number"] for r in rows if r["number"] in open_ones and r["actor"] != actor.name)


def undecided(rows: Sequence[Mapping[str, Any]], definition: Definition) -> frozenset[int]:
    """Return the sealed steps of a round that is still open, among the steps of one record (R5.2).

    Every round has a check of each body, so an odd one is undecided, and stays so if the claim was withdrawn.
    """
    steps = [r for r in rows if r["action"] in definition.actions and definition.actions[r["action"]].sealed]
    checks = [r["number"] for r in steps if "seal_check" in definition.actions[r["action"]].effects]
    decided = checks[: len(checks) // len(BODIES) * len(BODIES)]
    last = max(decided, default=0)
    return frozenset(r["number"] for r in steps if r["number"] > last)


def _opened(conn: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    vault = unit_of(conn, Actor(None, "", frozenset())).vault
    rows = conn.execute(sa.select(PRIVATE).where(PRIVATE.c.id.in_(ids)))
    return {r.id: json.loads(vault.open("private_input.content", r.id, r.content)) for r in rows}


def _input(given: Mapping[str, Any], opened: Mapping[str, Any], actor: Actor, current: Policy) -> Mapping[str, Any]:
    """Return what was entered at a step as the actor sees it."""
    private = opened.get(given.get("private", ""), {})
    plain = {name: value for name, value in given.items() if name != "private" and name not in private}
    found: dict[str, Any] = disclosure.disclosed(plain | private, actor, current, frozenset(private))
    return {name: value for name, value in found.items() if name in plain or value not in (None, [])}


def _entry(row: Mapping[str, Any], body: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "at": row["at"].isoformat(),
        "on": body["on"],
        "actor": row["actor"],
        "action": row["action"],
        "from": row["from_state"],
        "to": row["to_state"],
        "policy_version": row["policy_version"],
        "input": dict(given),
    }


@dataclass(frozen=True)
class Whole:
    """Everything a record's page shows."""

    shown: Shown
    history: list[dict[str, Any]]
    documents: list[Mapping[str, Any]]
    files: list[Mapping[str, Any]]


def whole(conn: Connection, case: Case, actor: Actor) -> Whole:
    """Return a record with its history, documents and files."""
    return Whole(
        show(conn, case, actor),
        history(conn, case, actor),
        documents.of_record(conn, case.workflow, case.id),
        papers.of_record(conn, case),
    )


def in_force(conn: Connection) -> Compiled:
    """Return the version in force today, for labels that belong to no record."""
    return policies.in_force(conn, clock.today()).compiled
