"""What a person is told of a case: on the own page, and in texts that a clerk copies into SMS or WeChat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Connection

from edu_pilot import clock, i18n
from edu_pilot.extensions import read, write
from edu_pilot.rules.calendar import months_after, registration_day, working_days_after
from edu_pilot.rules.study import credits_to_complete, earliest_diploma
from edu_pilot.services import audit, cases, contacts, erasure, guide, idempotency, presenting, search
from edu_pilot.services.actors import STUDENT, role_missing
from edu_pilot.services.cases import Case
from edu_pilot.services.contacts import Contact
from edu_pilot.services.perform import in_force, unit_of
from edu_pilot.services.presenting import Shown
from edu_pilot.services.search import Wanted
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import require_visible
from edu_pilot.services.wording import yuan
from edu_pilot.workflow.definition import SAME, Definition
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Malformed, blocked
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

OF_A_PERSON = ("application", "study", "certification", "claim")
TELL = "tell"
CHANNELS = {
    "sms": N_("SMS"),
    "wechat": N_("WeChat"),
    "phone": N_("Telephone"),
    "person": N_("In person"),
}
ARBITER, MAKER = "arbiter", "finance_maker"
# Roles that act by themselves or for upkeep: nobody calls them.
NO_OFFICE = frozenset({"system", "operator"})


@dataclass(frozen=True)
class Stage:
    """Where one case of a person stands, in plain words."""

    shown: Shown
    meaning: str | None
    todo: str | None
    following: str | None
    mine: bool
    holder: Contact | None
    offers: Mapping[str, Offer]

    @property
    def case(self) -> Case:
        """The record."""
        return self.shown.case


@dataclass(frozen=True)
class Message:
    """A text that can be sent: its key, what it is about, and what it says."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class _Asked:
    """A case whose texts are wanted: what is known of it, and by which policies."""

    shown: Shown
    current: Policy
    lang: str

    @property
    def case(self) -> Case:
        return self.shown.case

    @property
    def policy(self) -> Policy:
        return self.shown.version.policy

    @property
    def definition(self) -> Definition:
        return self.shown.compiled.definition(self.case.workflow)

    @property
    def section(self) -> guide.Section:
        return guide.sections(self.case.workflow, self.lang).get(self.case.state) or guide.Section()

    def day(self, value: date | str | None) -> str | None:
        """Return a date in the reader's words."""
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return i18n.show_date(day, self.lang) if day else None

    def row(self, table: str, code: str | None) -> str | None:
        """Return the name of a catalogue row."""
        return self.policy.label(table, code, self.lang) or None

    def coded(self, path: str, codes: Sequence[str]) -> str | None:
        """Return the labels of codes as one list, None for none."""
        labels = self.policy.find(path, {})
        texts = [labels[code][self.lang] if code in labels else code for code in codes]
        return ("、" if self.lang == "zh" else ", ").join(texts) or None


def stages(conn: Connection, actor: Actor) -> tuple[list[Stage], Compiled]:
    """Return every case of the person who asks, in the order in which they follow each other, and today's version."""
    found = [case for name in OF_A_PERSON for case in search.find(conn, name, actor, Wanted())[0]]
    unit = unit_of(conn, actor)
    current = in_force(unit).compiled
    return [stage(presenting.show(conn, case, actor, unit), current.policy) for case in _of_one(found)], current


def _of_one(found: Sequence[Case]) -> list[Case]:
    """Return the cases of one person with what one of them tells of another, so that it is not read again."""
    people: dict[str, dict[str, Any]] = {}
    for case in found:
        if case.workflow != "application" and case.person_id not in people:
            people[case.person_id] = {"person": case.person, "person_standing": case.person_standing}
    studies = {case.application_id: case.reference for case in found if case.workflow == "study"}
    claims = {case.study_id: case.reference for case in found if case.workflow == "claim" and case.live}
    known = {"application": ("study_reference", studies), "study": ("claim_reference", claims)}
    return [_with(case, people.get(case.row["person_id"], {}), known.get(case.workflow)) for case in found]


def _with(case: Case, person: Mapping[str, Any], other: tuple[str, Mapping[str, str]] | None) -> Case:
    return case.seen_as(**person, **({other[0]: other[1].get(case.id)} if other else {}))


def stage(shown: Shown, current: Policy) -> Stage:
    """Return where one case stands, what its person must do, what comes next, and who holds it."""
    asked = _Asked(shown, current, i18n.language())
    known, section = values(asked), asked.section
    roles = _turn(shown, holders(asked.definition, asked.case.state))
    called = (contacts.of(shown.case, role, asked.current) for role in roles)
    return Stage(
        shown,
        meaning=section.say("is", known),
        todo=section.say("do", known),
        following=section.say("next", known),
        mine=STUDENT in roles,
        # Whoever is called by several offices knows none of them: of two that check side by side the first is named.
        holder=next((contact for contact in called if contact), None),
        offers={offer.action.name: offer for offer in shown.offers},
    )


def _turn(shown: Shown, roles: Sequence[str]) -> Sequence[str]:
    """Return the roles that can still move a case.

    A dispute that was handed over is with the arbiter alone (R5.2). Once another account is given, its confirmation and
    then the payment are awaited (R5.8).
    """
    if shown.facts.get("escalated_on") and ARBITER in roles:
        return [ARBITER]
    if STUDENT in roles and shown.case.row.get("account_changed_at"):
        return [contacts.UNION if shown.facts["account_waits"] else MAKER]
    return roles


def holders(definition: Definition, state: str) -> Sequence[str]:
    """Return the roles a state waits for: those its texts name, else whoever can lead it to another state."""
    told = guide.sections(definition.name, "zh").get(state) if definition.name in OF_A_PERSON else None
    if told and told.holders is not None:
        return told.holders
    moving = [a for a in definition.leaving(state) if not a.dangerous and any(t.state != SAME for t in a.targets)]
    return list(dict.fromkeys(role for a in moving for role in a.by if role not in NO_OFFICE))


def values(asked: _Asked) -> Mapping[str, str | None]:
    """Return what the placeholders of a case's texts stand for; never an ID number, telephone or card."""
    case, told = asked.case, asked.shown.facts
    point = contacts.of(case, contacts.POINT, asked.current, asked.lang) or Contact("", "")
    union = contacts.of(case, contacts.UNION, asked.current, asked.lang) or Contact("", "")
    limit = asked.definition.states[case.state].days
    due = case.since_on + timedelta(days=limit) if limit else None
    return {
        "name": told.get("name"), "reference": case.reference, "site": f"{base_address()}/status",
        "office": point.office, "office_phone": point.phone, "union": union.office, "union_phone": union.phone,
        "due_on": asked.day(due) if due and due >= clock.today() else None, **_VALUES[case.workflow](asked),
    }  # fmt: skip


def base_address() -> str:
    """Return the public address of this installation."""
    return str(current_app.config["SETTINGS"].base_url).rstrip("/")


def _application(asked: _Asked) -> dict[str, str | None]:
    told, case = asked.shown.facts, asked.case
    number, today = told["waiting_number"], clock.today()
    offered = told["offered_major"] if told["offer_until"] and told["offer_until"] >= today else None
    return {
        "major": asked.row("majors", told["major"]),
        "papers_missing": asked.coded("papers", told["papers_missing"]),
        "faults": asked.coded("decision_codes.correct", case.faults_open) if told["answer_until"] else None,
        "answer_until": asked.day(_not_past(told["answer_until"])),
        "waiting_number": str(number) if number else None,
        "offered_major": asked.row("majors", offered) if offered else None,
        "offer_until": asked.day(told["offer_until"]),
    }


def _study(asked: _Asked) -> dict[str, str | None]:
    told, case, policy = asked.shown.facts, asked.case, asked.policy
    starts, first = registration_day(case.intake), earliest_diploma(policy, case.intake)
    needed = credits_to_complete(policy, case.major)
    missing = max(0, needed - (told["credits"] or 0))
    claimable = told["claim_until"] if not told["claim"] and case.reimbursable else None
    to_claim = _not_past(claimable)
    return {
        "major": asked.row("majors", told["major"]), "student_number": told["student_number"],
        "credits": str(told["credits"] or 0), "credits_needed": str(needed),
        "credits_missing": str(missing) if missing else None, "months_left": _months_left(policy, told["ends_on"]),
        "ends_on": asked.day(told["ends_on"]), "term_starts": asked.day(_coming(starts)),
        "earliest_diploma": asked.day(_coming(first)), "to_claim": asked.day(to_claim),
        "claim_missed": None if to_claim else asked.day(claimable),
        "diploma_number": told["diploma_number"], "diploma_on": asked.day(told["diploma_on"]),
        "cap": yuan(policy.get("claim.cap_fen")),
    }  # fmt: skip


def _coming(day: date) -> date | None:
    return day if day > clock.today() else None


def _not_past(day: date | None) -> date | None:
    return day if day is not None and day >= clock.today() else None


def _months_left(policy: Policy, ends_on: date | None) -> str | None:
    """Return the whole months until a school status ends, once the first warning of it is due (R3.5)."""
    today = clock.today()
    longest = max(policy.get("study.warnings_months"))
    if ends_on is None or not months_after(ends_on, -longest) <= today < ends_on:
        return None
    return str(next(n for n in range(1, longest + 1) if months_after(ends_on, -n) <= today))


def _certification(asked: _Asked) -> dict[str, str | None]:
    told, case, today = asked.shown.facts, asked.case, clock.today()
    until = told["objection_until"]
    open_still = until is not None and until >= today and told["objection_on"] is None
    kept = [day for part in ("theory", "practical") if (day := told[f"{part}_kept_until"])]
    published = told["published_on"] is not None
    starts, site = case.sitting_place or (None, None)
    return {
        "occupation": asked.row("occupations", told["occupation"]), "held_on": asked.day(told["held_on"]),
        "starts": starts, "site_name": site, "room": told["room"],
        "seat": str(told["seat"]) if told["seat"] else None,
        **{part: str(told[part]) if published and told[part] is not None else None for part in ("theory", "practical")},
        "objection_until": asked.day(until) if open_still else None,
        "part_kept_until": asked.day(_not_past(max(kept))) if kept else None,
        "certificate_number": told["certificate_number"], "certified_on": asked.day(told["certified_on"]),
        "banned_until": asked.day(told["banned_until"]),
    }  # fmt: skip


def _claim(asked: _Asked) -> dict[str, str | None]:
    told, policy = asked.shown.facts, asked.current
    faults = [code for check in asked.case.decided_checks if check.outcome == "correct" for code in check.reasons]
    notice = told["notice_until"]
    pay_from = working_days_after(policy, notice, 1) if notice else None
    reason, tail = told["bounce_reason"], told["account_tail"]
    changed, waits = asked.case.row["account_changed_at"], told["account_waits"]
    days = ("notice_until", "paid_on", "submitted_on")
    return {
        **{name: asked.day(told[name]) for name in days},
        **{name: asked.day(_not_past(told[name])) for name in ("answer_until", "recheck_until", "claim_until")},
        "faults": asked.coded("decision_codes.correct", list(dict.fromkeys(faults))),
        "amount": yuan(told["payable_fen"]) if told["payable_fen"] is not None else None,
        "account_tail": tail, "old_tail": None if changed else tail,
        "tail_to_confirm": tail if waits else None, "pay_from": asked.day(_coming(pay_from) if pay_from else None),
        "bounce_reason": asked.coded("decision_codes.bounce", [reason]) if reason else None,
    }  # fmt: skip


_VALUES: Mapping[str, Callable[[_Asked], dict[str, str | None]]] = {
    "application": _application,
    "study": _study,
    "certification": _certification,
    "claim": _claim,
}


# Texts to send


def messages(conn: Connection, shown: Shown, actor: Actor, lang: str | None = None) -> list[Message]:
    """Return the texts that fit a case today, for staff with a part in its workflow."""
    case = shown.case
    if case.workflow not in OF_A_PERSON or not actor.roles & _tellers(shown) or erasure.out_of_use(case):
        return []
    asked = _Asked(shown, presenting.in_force(conn).policy, lang or i18n.language())
    known, section = values(asked), asked.section
    said = ((key, section.say(key, known)) for key in section.messages)
    return [Message(key, _title(asked, key), text) for key, text in said if text]


def _title(asked: _Asked, key: str) -> str:
    return asked.section.titles[key] or asked.definition.states[asked.case.state].label.say(asked.lang)


def title_of(workflow: str, state: str, key: str) -> str:
    """Return what a text was about that was sent in a state; empty for the one about the state itself."""
    section = guide.sections(workflow, i18n.language()).get(state)
    return section.titles.get(key, "") if section else ""


def _tellers(shown: Shown) -> frozenset[str]:
    """Return the offices with a part in a record's workflow."""
    steps = shown.compiled.definition(shown.case.workflow).actions.values()
    return frozenset(role for step in steps for role in step.by) - NO_OFFICE - {STUDENT}


def note_told(workflow: str, reference: str, key: str, channel: str, actor: Actor) -> None:
    """Put on record that the person was told something, by whom and how; the text itself is not kept.

    Raises NotFound for a hidden record, Forbidden for who has no part in the workflow, Malformed for another text.
    """
    with read() as conn:
        shown = presenting.show(conn, search.get(conn, workflow, reference, actor), actor)
        if not actor.roles & _tellers(shown):
            raise role_missing(sorted(_tellers(shown)))
        erasure.require_in_use(shown.case)
        known = {message.key for message in messages(conn, shown, actor)}
    if key not in known or channel not in CHANNELS:
        raise Malformed([blocked(N_("Choose what was told and how."), code="message_unknown", field="message")])
    with write() as conn:
        idempotency.claim(conn, workflow=workflow, reference=reference, message=key)
        held = cases.by_reference(conn, vault(), workflow, reference, lock=True)
        require_visible(actor, held)
        given = {"message": key, "channel": channel}
        audit.append(conn, [audit.Entry(actor.name, workflow, reference, TELL, held.state, held.state, input=given)])
