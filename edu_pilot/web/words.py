"""Texts for templates: labels of a policy version, dates, amounts, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask, current_app
from flask_babel import gettext as _

from edu_pilot import clock, i18n
from edu_pilot.services import telling
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.answers import CLEARED
from edu_pilot.services.perform import Done
from edu_pilot.services.wording import yuan
from edu_pilot.workflow.definition import SAME, Need
from edu_pilot.workflow.reading import Label
from edu_pilot.workflow.reasons import N_, Reason
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import Compiled

# Where the codes inside a receipt have their labels.
PARTS = {
    "kind": "claim.receipt_kinds",
    "item": "claim.receipt_items",
    "reason": "decision_codes.bounce",
    "evidence": "claim.receipt_evidence",
}
# Where the codes that people choose have their names; a level has a list of its own.
TABLES = {
    "county": "counties", "new_county": "counties", "point": "points", "new_point": "points", "major": "majors",
    "new_major": "majors", "offered_major": "majors", "occupation": "occupations",
}  # fmt: skip
# What stands in a step's way because of who asks: a colleague of the same role can take it, the reader never can.
ABOUT_THE_READER = frozenset(
    {
        "account_changed_by_another", "acts_for_one_body", "drawn_by_another", "has_a_person", "no_claim_of_mine",
        "no_item_of_mine", "not_checked_by_me", "not_entered_by_me", "not_objected_by_me", "not_own_case",
        "not_own_record", "not_prepared_by_me", "not_typed_by_me", "other_body_was_another_person",
    }
)  # fmt: skip
# Done already by the reader's own side: what is left is for the others.
DONE_BY_ONES_OWN = frozenset({"my_body_has_not_checked"})
# Who acts without an account.
WITHOUT_ACCOUNT = (STUDENT, "system", "operator")
# What a step sets going that nobody takes back: said before it is pressed.
BEFOREHAND = {
    ("application", "renew_query_code"): N_(
        "The old query code and the registration form that bears it stop working at once; hand out the new form."
    ),
    ("session", "publish"): N_(
        "Everybody with marks in this session gets a score notice and sees the result. Objections can be made for "
        "%(days)s working days from today on. What is published is not taken back."
    ),
}
Office = tuple[Sequence[str], str | None]
# What is noted beside a record without a step of its own.
FILE_NOTES = {"add_file": N_("File added"), "strike_file": N_("File struck")}
NOTES = {**FILE_NOTES, telling.TELL: N_("The person was told")}


def init_app(app: Flask) -> None:
    """Give the templates their filters and what every page shows."""
    app.jinja_env.filters.update(day=day, moment=moment, yuan=amount)
    app.jinja_env.globals.update(language=i18n.language)
    app.context_processor(_installation)


def _installation() -> dict[str, Any]:
    settings = current_app.config["SETTINGS"]
    return {"settings": settings, "today": clock.today()}


def day(value: date | str | None) -> str:
    """Return a date as people read it, a masked one as it is, a dash for none."""
    if not value:
        return "—"
    if isinstance(value, str) and "*" in value:
        return value
    return i18n.show_date(date.fromisoformat(value) if isinstance(value, str) else value)


def moment(value: datetime | str) -> str:
    """Return an instant as day and time in Asia/Shanghai."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = instant.astimezone(clock.SHANGHAI)
    return f"{i18n.show_date(local.date())} {local:%H:%M}"


def amount(fen: int | None) -> str:
    """Return an amount of fen in yuan, a dash for none."""
    return "—" if fen is None else f"¥{yuan(fen)}"


@dataclass(frozen=True)
class Words:
    """The labels of one policy version; an unknown code is shown as it is."""

    compiled: Compiled

    def reason(self, reason: Reason) -> str:
        """Return a reason's sentence."""
        return i18n.say(reason, self.compiled)

    def workflow(self, name: str) -> str:
        """Return a workflow's name."""
        return self._say(self.compiled.definition(name))

    def state(self, workflow: str, name: str) -> str:
        """Return a state's label."""
        return self._say(self.compiled.definition(workflow).states.get(name)) or name

    def action(self, workflow: str, name: str) -> str:
        """Return a step's label, the birth of a record and added files included."""
        if name in NOTES:
            return _(NOTES[name])
        definition = self.compiled.definition(workflow)
        return self._say(definition.create if name == definition.create.name else definition.actions.get(name)) or name

    def done(self, action: str, done: Done) -> str:
        """Return what is said after a step: that it is taken, where its record stands now, whom it waits for.

        A step that stays in its state leaves others to go on with it, and only the record knows whom.
        """
        definition = self.compiled.definition(done.workflow)
        taken, now = self.action(done.workflow, action), self.state(done.workflow, done.state)
        moves = any(target.state != SAME for target in definition.actions[action].targets)
        if moves and (holders := telling.holders(definition, done.state)):
            roles = self.roles(holders)
            return _("Done: %(action)s. Now: %(state)s; waiting for: %(roles)s", action=taken, state=now, roles=roles)
        return _("Done: %(action)s. Now: %(state)s", action=taken, state=now)

    def beforehand(self, workflow: str, name: str) -> str:
        """Return what is to be said before a step is pressed; empty for most."""
        text = BEFOREHAND.get((workflow, name))
        return _(text, days=self.compiled.policy.get("certification.objection_working_days")) if text else ""

    def roles(self, names: Iterable[str]) -> str:
        """Return roles as people call them."""
        return self.joined(self._say(self.compiled.roles.get(name)) or name for name in names)

    def mended_by(self, reason: Reason, reader: Actor | None) -> str:
        """Return who can do something about a reason, the reader told apart from the colleagues; empty for nobody."""
        mine = reader.roles & set(reason.who) if reader else frozenset()
        others = [role for role in reason.who if role not in mine]
        if not mine:
            return _("Can be mended by: %(roles)s", roles=self.roles(others)) if others else ""
        if reason.code in DONE_BY_ONES_OWN:
            return _("Now it is the turn of: %(roles)s", roles=self.roles(others)) if others else ""
        if reason.code in ABOUT_THE_READER:
            return _("Not by you: another person does it (%(roles)s)", roles=self.roles(reason.who))
        if others:
            return _("You can mend it yourself; so can: %(roles)s", roles=self.roles(others))
        return _("You can mend it yourself.")

    def hand(self, name: str, offices: Mapping[str, Office], reader: Actor | None) -> str:
        """Return who acted, by office and county; the account's own name is for the staff."""
        if name in WITHOUT_ACCOUNT:
            return self.roles([name])
        roles, county = offices.get(name, ((), None))
        office = self.roles(roles) + (f" {self.row('counties', county)}" if county else "")
        if reader is None or reader.roles == {STUDENT}:
            return office or _("staff")
        return f"{office} ({name})" if office else name

    def document(self, kind: str) -> str:
        """Return a kind of document."""
        return self._say(self.compiled.documents.get(kind)) or kind

    def row(self, table: str, code: str | None) -> str:
        """Return the name of a catalogue row."""
        return self.compiled.policy.label(table, code, i18n.language())

    def policy(self, path: str, code: str | None) -> str:
        """Return the label a parameter gives to a code."""
        label = self.compiled.policy.find(path, {}).get(code)
        label = label.get("label", label) if label else None
        return str(label[i18n.language()]) if label else (code or "")

    def paper(self, kind: str) -> str:
        """Return a kind of paper that can be handed in."""
        return self.policy("papers" if kind in self.compiled.policy.get("papers") else "other_papers", kind)

    def exam_level(self, kind: str, code: str | None) -> str:
        """Return a level of an examination, of a kind of certificate."""
        return self.policy(f"certification.level_names.{kind}", code)

    def level_of(self, occupation: str, code: str | None) -> str:
        """Return a level of an examination, of an occupation."""
        row = self.compiled.policy.row("occupations", occupation)
        return self.exam_level(row["kind"], code) if row else (code or "")

    def level(self, code: str | None) -> str:
        """Return a level of study."""
        levels = {level["code"]: level["name"] for level in self.compiled.policy.get("levels")}
        return str(levels[code][i18n.language()]) if code in levels else (code or "")

    def choice(self, workflow: str, action: str, need: str, code: str) -> str:
        """Return the label of a choice of an action's form."""
        needs = {n.name: n for n in self.compiled.definition(workflow).actions[action].needs}
        return self._say_label(needs[need].choices.get(code)) or code

    def codes(self, workflow: str, action: str, need: str, codes: Iterable[str]) -> str:
        """Return several choices as one list."""
        return self.joined(self.choice(workflow, action, need, code) for code in codes)

    def actions(self, workflow: str, names: Iterable[str]) -> str:
        """Return several steps as one list."""
        return self.joined(self.action(workflow, name) for name in names)

    def field(self, need: Need) -> str:
        """Return a field's label."""
        return need.label.say(i18n.language())

    def told(self, workflow: str, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what was entered at a step as (label, text), in the form's order."""
        definition = self.compiled.definition(workflow)
        known = {**definition.actions, definition.create.name: definition.create}
        action, given = known.get(entry["action"]), entry["input"]
        if entry["action"] in FILE_NOTES:
            return [(_("Kind of paper"), self.paper(given["kind"]))]
        if entry["action"] == telling.TELL:
            return [(_("What was told"), self.message(workflow, entry)), (_("Told by"), self.channel(given["channel"]))]
        needs = [need for need in action.needs if need.name in given] if action else []
        return [(self.field(need), self._answer(need, given[need.name])) for need in needs]

    def message(self, workflow: str, entry: Mapping[str, Any]) -> str:
        """Return what a text was about that a person was sent."""
        about = telling.title_of(workflow, entry["from"], entry["input"]["message"])
        return about or self.state(workflow, entry["from"])

    def channel(self, code: str) -> str:
        """Return the way in which a person was told."""
        return _(telling.CHANNELS[code]) if code in telling.CHANNELS else code

    def _answer(self, need: Need, value: Any) -> str:
        if isinstance(value, list):
            return self.joined(self._answer(need, one) for one in value)
        if isinstance(value, dict):
            return " · ".join(self._part(name, one) for name, one in value.items() if one not in ("", None))
        if value == CLEARED:
            return "—"
        if need.type == "money_fen":
            return amount(value)
        if need.type == "date":
            return day(value)
        return self._say_label(need.choices.get(value)) or self._named(need.name, str(value))

    def _named(self, name: str, value: str) -> str:
        """Return a code of the catalogue in words; anything else is what somebody wrote."""
        if name in TABLES:
            return self._row_named(TABLES[name], value)
        if name == "level":
            return self.level(value)
        return self.course(value) if name == "course" else value

    def _row_named(self, table: str, value: str) -> str:
        """Return a row's name in the reader's language, whether its code or its name was written."""
        rows = self.compiled.policy.table(table)
        code = next((row["code"] for row in rows if value in (row["code"], row["name_zh"])), value)
        return self.row(table, code)

    def course(self, code: str) -> str:
        """Return a course by its name, whichever major's plan it stands in."""
        column = "course" if i18n.language() == "zh" else "course_en"
        plans = (rows for name, rows in self.compiled.policy.tables.items() if name.startswith("plans/"))
        found = next((row for rows in plans for row in rows if row["code"] == code), None)
        return f"{code} {found[column]}" if found else code

    def _part(self, name: str, value: Any) -> str:
        if name == "result":
            return {"paid": _("Paid out"), "bounced": _("Sent back by the bank")}.get(value, str(value))
        if name in PARTS:
            return self.policy(PARTS[name], str(value))
        if name.endswith("_fen") and isinstance(value, int):
            return amount(value)
        return day(value) if name.endswith("_on") else str(value)

    def joined(self, texts: Iterable[str]) -> str:
        """Return texts as one list."""
        return ("、" if i18n.language() == "zh" else ", ").join(texts)

    def _say(self, labelled: Any) -> str:
        return self._say_label(labelled.label) if labelled is not None else ""

    def _say_label(self, label: Label | None) -> str:
        return label.say(i18n.language()) if label else ""
