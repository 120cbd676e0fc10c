"""Forms built from what an action needs; entries are read by the services' own reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    Field,
    FieldList,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.form import BaseForm
from wtforms.widgets import CheckboxInput, ListWidget

from edu_pilot import i18n
from edu_pilot.services import answers, own_claims
from edu_pilot.services.cases import Case
from edu_pilot.services.wording import yuan
from edu_pilot.web.words import Words
from edu_pilot.workflow.definition import Action, Need
from edu_pilot.workflow.reasons import Fact, Malformed, Reason

ROWS = 6
LARGEST_FEN = 10**12
RADIOS = 4
PAID = "paid"
LINE = "line_"
LONG = frozenset({"note", "explanation"})
Options = Mapping[str, Sequence[tuple[str, str]]]


class Text(StringField):
    """One line; blanks around it are no entry."""

    @property
    def answer(self) -> str | None:
        """The entry as the services read it."""
        return (self.data or "").strip() or None


class LongText(TextAreaField):
    """Several lines."""

    answer = Text.answer


class Day(Text):
    """A date typed in any of the usual ways; the services read it."""


class IsoDay(Text):
    """A date inside a group, which is kept as ISO text."""

    @property
    def answer(self) -> str | None:
        """The date in ISO form, or what was typed if it is none."""
        typed = (self.data or "").strip()
        day = answers.read_date(typed) if typed else None
        return day.isoformat() if day else typed or None

    def post_validate(self, form: BaseForm, validation_stopped: bool) -> None:
        """Tell a day that is none at its own place, beside all else that is wrong."""
        typed = (self.data or "").strip()
        if typed and answers.read_date(typed) is None:
            raise ValidationError(_("%(field)s must be a real date such as 2022-09-01.", field=self.label.text))


class Yuan(StringField):
    """An amount typed in yuan, read as whole fen."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read 4790, 4,790.00 or ¥4790.5; anything else is a fault of this field."""
        typed = valuelist[0].strip() if valuelist else ""
        self.data = _fen(typed) if typed else None

    @property
    def answer(self) -> int | None:
        """The amount in fen."""
        return self.data

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else (yuan(self.data) if self.data is not None else "")


def _fen(typed: str) -> int:
    plain = typed.translate({ord(c): None for c in "¥￥,， 元"})
    whole, _dot, part = plain.partition(".")
    digits = whole + part.ljust(2, "0")
    if not (whole and digits.isascii() and digits.isdigit() and len(part) <= 2 and int(digits) < LARGEST_FEN):
        raise ValueError(_("Write the amount in yuan, such as 4790.00."))
    return int(digits)


def whole(text: str) -> int | None:
    """Return a whole number as people and addresses write it, None for anything else or more than a database counts."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class Number(Text):
    """A whole number."""

    @property
    def answer(self) -> Any:
        """The number, or what was typed if it is none."""
        typed = (self.data or "").strip()
        number = whole(typed)
        return number if number is not None else typed or None


class Choice(SelectField):
    """One of many."""

    answer = Text.answer


class Radios(RadioField):
    """One of few, all in sight."""

    answer = Text.answer


class Checks(SelectMultipleField):
    """Any of those offered."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    @property
    def answer(self) -> list[str]:
        """The codes ticked."""
        return list(self.data or ())


class Lines(TextAreaField):
    """A list, one value to a line."""

    @property
    def answer(self) -> list[str]:
        """The lines that hold something."""
        return [line.strip() for line in (self.data or "").splitlines() if line.strip()]


class Part(Form):
    """Fields that make one value together."""

    @property
    def answer(self) -> dict[str, Any] | None:
        """The parts that were entered, or None if none was."""
        given = {field.short_name: field.answer for field in self}
        return {n: v for n, v in given.items() if v is not None} or None


class Group(FormField):
    """One value of several parts."""

    blamed: Sequence[str] = ()

    @property
    def answer(self) -> dict[str, Any] | None:
        """The parts that were entered, or None if none was."""
        part: dict[str, Any] | None = self.form.answer
        return part

    @property
    def errors(self) -> Any:
        """What stands against the value as a whole, else against its parts."""
        return self.blamed or self.form.errors

    @errors.setter
    def errors(self, found: Sequence[str]) -> None:
        self.blamed = found


class Results(Group):
    """The bank's result for each payment of a batch: paid, or the reason it came back; what is not chosen is open."""

    @property
    def answer(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """A result for every payment that has one."""
        return [{"number": field.short_name, **_result(field.answer)} for field in self.form if field.answer]


def _result(chosen: str) -> dict[str, str]:
    return {"result": PAID} if chosen == PAID else {"result": "bounced", "reason": chosen}


class Table(FieldList):
    """A list of values of several parts; rows left empty do not count."""

    def blame(self, row: Fact, names: Sequence[str], text: str) -> str | None:
        """Write what the rules say of a row at the parts named; return the id of the first."""
        typed = [one for one in self if one.answer]
        if not (isinstance(row, int) and 0 < row <= len(typed)):
            return None
        wrong = [field for field in typed[row - 1].form if field.short_name in names]
        for field in wrong:
            field.errors = [text]
        return wrong[0].id if wrong else None

    @property
    def answer(self) -> list[dict[str, Any]]:
        """The rows that hold something."""
        return [row.answer for row in self if row.answer]


class Reading(Part):
    """What a reviewer reads from the evidence."""

    amount_fen = Yuan(_("Amount read from the receipts (yuan)"))
    id_tail = Text(_("Last four of the ID number"))
    diploma_on = IsoDay(_("Date on the diploma"))

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask for every part: a check is a reading of all three."""
        for field in self:
            if not field.raw_data or not field.raw_data[0].strip():
                field.validators = [_missing]
        return bool(super().validate(extra_validators))


class LinedReading(Reading):
    """A reading whose amount is read receipt by receipt, and summed."""

    amount_fen = None  # type: ignore[assignment]

    @property
    def answer(self) -> dict[str, Any] | None:
        """The parts that were entered; the sum only where every receipt was read."""
        given = {field.short_name: field.answer for field in self if not field.short_name.startswith(LINE)}
        lines = [field.answer for field in self if field.short_name.startswith(LINE)]
        whole = {"amount_fen": sum(lines)} if all(line is not None for line in lines) else {}
        return {name: value for name, value in (whole | given).items() if value is not None} or None


def lined(receipts: int) -> type[Part]:
    """Return the reading of a claim with an amount for each of its receipts."""
    lines = {f"{LINE}{n}": Yuan(_("Amount of receipt %(number)s", number=n + 1)) for n in range(receipts)}
    return type("LinedReading", (LinedReading,), lines) if lines else Reading


def _missing(_form: Form, field: Field) -> None:
    raise ValidationError(_("%(field)s is missing.", field=field.label.text))


class Room(Part):
    """A room of an exam session."""

    room = Text(_("Room"))
    seats = Number(_("Seats"))


def _receipt(words: Words) -> type[Part]:
    fields = {
        "kind": Choice(_("Kind of receipt"), choices=_labelled(words, "claim.receipt_kinds"), validate_choice=False),
        "code": Text(_("Receipt code"), description=_forms(words)),
        # A blank one lets the style sheet see whether a number is typed.
        "number": Text(_("Number"), render_kw={"placeholder": " "}),
        "issuer": Text(_("Issuer")),
        "payer": Text(_("Payer")),
        "item": Choice(_("Item"), choices=_labelled(words, "claim.receipt_items"), validate_choice=False),
        "paid_on": IsoDay(_("Paid on")),
        "amount_fen": Yuan(_("Amount (yuan)")),
        "evidence": Choice(
            _("Form of the evidence (empty for the original)"),
            choices=_labelled(words, "claim.receipt_evidence"),
            validate_choice=False,
        ),
        "refunded_fen": Yuan(_("Refunded of it (yuan, empty for nothing)")),
    }
    return type("Receipt", (Part,), fields)


def _forms(words: Words) -> str:
    """R5.3: return for each kind of receipt the digits of its code and number."""
    kinds = words.compiled.policy.get("claim.receipt_kinds")
    return " · ".join(_form_told(words.policy("claim.receipt_kinds", code), kind) for code, kind in kinds.items())


def _form_told(label: str, kind: Mapping[str, Any]) -> str:
    digits = {"kind": label, "code": kind["code_digits"], "number": kind["number_digits"]}
    if not kind["code_digits"]:
        return str(_("%(kind)s: no code, number of %(number)s digits", **digits))
    return str(_("%(kind)s: code of %(code)s digits, number of %(number)s digits", **digits))


def _payments(words: Words, payments: Sequence[tuple[str, str]]) -> type[Part]:
    back = [SelectChoice(code, text, optgroup=_("Bounced")) for code, text in _pairs(words, "decision_codes.bounce")]
    told = [SelectChoice("", ""), SelectChoice(PAID, _("Paid out")), *back]
    lines = {number: Choice(text, choices=told, validate_choice=False) for number, text in payments}
    return type("Payments", (Part,), lines)


def _pairs(words: Words, path: str) -> list[tuple[str, str]]:
    # A version published before the parameter was known offers nothing to choose.
    return [(code, words.policy(path, code)) for code in words.compiled.policy.find(path, {})]


def _labelled(words: Words, path: str) -> list[SelectChoice]:
    return [SelectChoice("", ""), *(SelectChoice(code, label) for code, label in _pairs(words, path))]


class Answers(FlaskForm):
    """The form of one action; its answers are what the services read from it."""

    class Meta:
        # Every POST is guarded already; one hidden token a form is written by the template.
        csrf = False

        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Any:
            """Give each field an id of its own, though several forms stand on one page."""
            options.setdefault("id", f"{form.action.name}-{options['name']}")
            return unbound_field.bind(form=form, **options)

    action: Action
    # What stands in the fields that can be cleared: they are shown filled in, so that emptying them says something.
    standing: Mapping[str, str]
    seen_version = HiddenField()
    places: Mapping[int, str] = MappingProxyType({})

    @property
    def fields(self) -> list[Field]:
        """The fields people fill in."""
        return [self[need.name] for need in self.action.needs]

    @property
    def optional(self) -> bool:
        """Whether nothing must be filled in: what is left empty stays as it is."""
        return bool(self.action.needs) and not any(need.required for need in self.action.needs)

    @property
    def given(self) -> dict[str, Any]:
        """What was entered, by field, as the services and the API know it."""
        found = {need.name: self[need.name].answer for need in self.action.needs}
        kept = {name: value for name, value in found.items() if value not in (None, []) and name not in self.standing}
        return kept | {name: found[name] or "" for name, was in self.standing.items() if (found[name] or "") != was}

    @property
    def seen(self) -> int:
        """The version of the record the form was shown with; none that ever was if it is garbled."""
        return whole(str(self.seen_version.data or "")) or 0

    def mark(self, reasons: Iterable[Reason], say: Callable[[Reason], str]) -> None:
        """Show why the step was refused at the fields it is said of."""
        for field in self.fields:
            told = [say(reason) for reason in reasons if reason.field == field.short_name]
            if told:
                field.errors = told

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask the fields, then the services' reader; all faults stand at their fields."""
        sound = bool(super().validate(extra_validators))
        wrong = {name for name, errors in self.errors.items() if errors}
        try:
            answers.read(self.action.needs, self.given)
        except Malformed as malformed:
            fresh = [reason for reason in malformed.reasons if reason.field not in wrong]
            self.blame(fresh)
            return sound and not fresh
        return sound

    def blame_rows(self, reasons: Iterable[Reason], words: Words) -> None:
        """Write the reasons that are about one row of a table at the parts of the row, and remember where."""
        self.places = {
            id(reason): place
            for reason in reasons
            if reason.field in self and isinstance(table := self[reason.field], Table)
            if (place := table.blame(reason.facts.get("row"), own_claims.faulty_parts(reason), words.reason(reason)))
        }

    @property
    def wrong_entries(self) -> list[tuple[str, str]]:
        """The id and the sentence of each wrong field, each part of a field of several for itself."""
        return [(one.id, _sentence(one)) for field in self.fields if field.errors for one in _wrong(field)]

    def place(self, found: Reason) -> str | None:
        """Return the id of the field a reason is about, or of the part of a row that is wrong."""
        known = found.field and found.field in self
        return self.places.get(id(found)) or (self[found.field].id if known else None)

    def blame(self, reasons: Iterable[Reason]) -> None:
        """Write reasons at the fields they are about."""
        needs = {need.name: need for need in self.action.needs}
        for reason in reasons:
            if reason.field in needs:
                field, label = self[reason.field], needs[reason.field].label
                text = i18n.translate(reason.text, field=label.say(i18n.language()))
                field.errors = [*field.errors, text]


def _wrong(field: Field) -> list[Field]:
    """Return the parts of a field that are wrong, or the field itself where what is wrong is the whole."""
    parts = list(field) if isinstance(field, Table) else list(field.form) if isinstance(field, Group) else []
    return [one for part in parts if part.errors for one in _wrong(part)] or [field]


def _sentence(field: Field) -> str:
    said, label = " ".join(str(one) for one in field.errors), str(field.label.text)
    return said if label in said else label + _(": ") + said


def form_of(
    action: Action,
    words: Words,
    options: Options,
    entered: MultiDict[str, str] | None = None,
    case: Case | None = None,
    reading: type[Part] = Reading,
) -> Answers:
    """Return the form of an action, filled with what was entered or empty but for what of a record can be cleared."""
    fields: dict[str, Any] = {need.name: _field(need, words, options) for need in action.needs}
    fields |= {n.name: Group(reading, n.label.say(i18n.language())) for n in action.needs if n.name == "reading"}
    standing = _standing(action, case) if case else {}
    kind = type("Form", (Answers,), {"action": action, "standing": standing, **fields})
    return kind(formdata=entered, data=standing)


def _standing(action: Action, case: Case) -> dict[str, str]:
    held = {need.name: getattr(case, need.name) for need in action.needs if need.clearable}
    return {name: "" if value is None else str(value) for name, value in held.items()}


def _field(need: Need, words: Words, options: Options) -> Any:
    label = need.label.say(i18n.language())
    if need.name in ("receipts", "new_receipts"):
        return Table(Group(_receipt(words)), label, min_entries=ROWS, max_entries=ROWS)
    if need.name == "rooms":
        return Table(Group(Room), label, min_entries=ROWS, max_entries=ROWS)
    if need.name == "results":
        return Results(_payments(words, options.get(need.name, ())), label)
    choices = [(code, text.say(i18n.language())) for code, text in need.choices.items()]
    return _plain(need, label, choices or list(options.get(need.name, ())))


def _plain(need: Need, label: str, choices: list[tuple[str, str]]) -> Any:
    options = [SelectChoice(code, text) for code, text in choices]
    if need.type == "list":
        return Checks(label, choices=options, validate_choice=False) if choices else Lines(label)
    if choices and need.type == "choice" and need.required and len(choices) <= RADIOS:
        return Radios(label, choices=options, validate_choice=False)
    if choices:
        return Choice(label, choices=[SelectChoice("", ""), *options], validate_choice=False)
    if need.name in LONG:
        return LongText(label)
    return {"date": Day, "money_fen": Yuan}.get(need.type, Text)(label)
