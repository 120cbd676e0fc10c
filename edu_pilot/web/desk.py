"""The clerk's desk: applicants entered by keyboard, one after the other, with what is known told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, abort, current_app, flash, g, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from edu_pilot import clock, i18n
from edu_pilot.extensions import read
from edu_pilot.services import (
    begun,
    cards,
    disclosure,
    entry,
    erasure,
    glyphs,
    look_ups,
    policies,
    presenting,
    search,
    slips,
    waiting,
    wording,
)
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import create, unit_of, version_of
from edu_pilot.services.policies import Version
from edu_pilot.web import access, choices, files
from edu_pilot.web.account import qr_picture
from edu_pilot.web.choices import Asked
from edu_pilot.web.forms import Answers, form_of
from edu_pilot.web.words import Words, moment
from edu_pilot.workflow.reasons import Refused
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("desk", __name__)
WORKFLOW = entry.WORKFLOW
# What is the same for a whole stack of applicants; none of it says anything of a person.
STICKY = ("county", "point", "intake", "level", "major")
# The order of the page: who it is, what for, where from.
PARTS = (
    ("person", ("id_number", "name", "sex", "birth_on", "phone")),
    ("study", ("county", "point", "intake", "level", "major", "occupation")),
    ("life", ("previous_school", "previous_diploma", "employer", "job", "union_member")),
)
LONGEST_NUMBER = 40


WAITS = waiting.AT_THE_DESK
SHOWN = 15
# Records of a state that are looked at to say how many are due; more than a county ever has.
COUNTED = 1000


@dataclass(frozen=True)
class Line:
    """One record that waits: how long already, and until when it may."""

    case: Case
    days: int
    due_on: date | None

    @property
    def overdue(self) -> bool:
        """Whether it should be gone already."""
        return self.due_on is not None and self.due_on < clock.today()

    @property
    def urgent(self) -> bool:
        """Whether it is due today or should be gone already."""
        return self.due_on is not None and self.due_on <= clock.today()


def page() -> str:
    """Return the county's work today: what waits, how long the oldest has, and by name what is due first."""
    actor, today = access.actor(), clock.today()
    with read() as conn:
        compiled = presenting.in_force(conn)
        ages = {name: waiting.ages(conn, actor, name, states) for name, states in WAITS.items()}
        lines = sorted((line for name in WAITS for line in _lines(conn, name)), key=_order)
        shown = lines if request.args.get("all") == "1" else lines[:SHOWN]
        names = {line.case.reference: _name(compiled, line.case) for line in shown}
    own = [w for w in WAITS if actor.roles & set(compiled.definition(w).create.by)]
    numbers = [age.number for of in ages.values() for age in of.values()]
    return render_template(
        "desk/index.html", words=Words(compiled), ages=ages, waits=WAITS, lines=shown, names=names,
        left=len(lines) - len(shown), due=_first_due(lines), creates=own, number=sum(numbers), now=today,
        due_today=sum(line.due_on == today for line in lines), more=any(number > COUNTED for number in numbers),
        overdue=sum(line.overdue for line in lines),
    )  # fmt: skip


def _first_due(lines: Sequence[Line]) -> dict[tuple[str, str], Line]:
    """Return of each state with a limit the line that is due first."""
    dated = [line for line in lines if line.due_on]
    return {(line.case.workflow, line.case.state): line for line in sorted(dated, key=_order, reverse=True)}


def _order(line: Line) -> tuple[bool, date, str]:
    """What is due first stands first, then what nobody set a day for, the oldest first."""
    return line.due_on is None, line.due_on or line.case.since_on, line.case.reference


def _lines(conn: Connection, workflow: str) -> list[Line]:
    actor, unit, today = access.actor(), unit_of(conn, access.actor()), clock.today()
    found = waiting.foremost(conn, actor, workflow, WAITS[workflow], COUNTED)
    return [Line(case, (today - case.since_on).days, waiting.due_on(case, version_of(unit, case))) for case in found]


def _name(compiled: Compiled, case: Case) -> str | None:
    """Return whose record it is, as far as the reader may know."""
    name = case.name if case.workflow == "application" else case.person.name
    found: str | None = disclosure.disclosed({"name": name}, access.actor(), compiled.policy)["name"]
    return found


@pages.get("/desk/register")
@access.roles("clerk")
def form() -> str:
    """Show the entry of an applicant, with what was left half filled in, or with what stays the same."""
    with read() as conn:
        left = begun.form_of(conn, WORKFLOW, access.actor())
    given, since = left or (_sticky(), None)
    form = _blank(MultiDict(given) if given else None)
    _choose_the_only(form)
    return _page(form, since=since)


def _choose_the_only(form: Answers) -> None:
    """Where there is nothing to choose between, it is chosen."""
    for field in form.fields:
        codes = [option.value for option in getattr(field, "choices", None) or () if option.value]
        if field.name in STICKY and not field.data and len(codes) == 1:
            field.data = codes[0]


def _sticky() -> dict[str, str]:
    given = {name: text for name in STICKY if (text := request.args.get(name, "").strip()[:64])}
    own = access.actor().county
    return given | ({"county": own} if own and "county" not in given else {})


def _blank(entered: MultiDict[str, str] | None) -> Answers:
    with read() as conn:
        words = Words(policies.in_force(conn, clock.today()).compiled)
        action = words.compiled.definition(WORKFLOW).create
        options = choices.options_of(WORKFLOW, action, Asked(conn, access.actor(), words))
        return form_of(action, words, options, entered)


def _page(form: Answers, refused: Refused | None = None, *, since: Any = None, read_from: bool = False) -> str:
    with read() as conn:
        words = Words(policies.in_force(conn, clock.today()).compiled)
        form.mark(refused.reasons if refused else (), words.reason)
        return render_template(
            "desk/register.html",
            form=form,
            parts=PARTS,
            words=words,
            refused=refused,
            since=since,
            read_from=read_from,
            last=request.args.get("last"),
            newest=entry.newest(conn, access.actor()),
            workflow=WORKFLOW,
        )


@pages.post("/desk/register")
@access.roles("clerk")
def enter() -> Any:
    """Register an applicant and go on with the next, or keep a draft; what is refused stays on the page."""
    form, actor = _blank(request.form), access.actor()
    if not form.validate():
        return _page(form), 422
    g.again = partial(_page, form)
    if request.form.get("step") == "draft":
        reference = create(WORKFLOW, actor, form.given).reference
        begun.drop_form(WORKFLOW, actor)
        flash(_("Created: %(reference)s", reference=reference))
        return redirect(url_for("records.detail", workflow=WORKFLOW, reference=reference), 303)
    reference = entry.register(form.given, actor)
    begun.drop_form(WORKFLOW, actor)
    flash(_("Registered: %(reference)s", reference=reference))
    _warn_of_paper(form)
    kept = {name: text for name in STICKY if (text := form[name].data)}
    return redirect(url_for(".form", last=reference, **kept), 303)


def _warn_of_paper(form: Answers) -> None:
    """R2.4: tell at the desk, while the ID card lies there, which characters no paper will show."""
    typed = "".join(text for text in form.given.values() if isinstance(text, str))
    if characters := glyphs.not_drawn(typed):
        text = _(
            "No installed font draws %(characters)s. Compare with the ID card; if it is right, tell the administrator. "
            "The papers wait until a font has it.",
            characters=characters,
        )
        flash(text)


@pages.post("/desk/card")
@access.roles("clerk")
def card() -> Any:
    """Read a pasted or scanned text as a whole and fill the form with it; nothing is kept."""
    found = cards.read(request.form.get("card", ""))
    if _wants_json():
        return jsonify(found=found, text=_read(found))
    return _page(_blank(MultiDict({**request.form.to_dict(), **found})), read_from=True)


def _read(found: Mapping[str, str]) -> str:
    return _("Read from the card: %(number)s entries", number=len(found)) if found else _("Nothing could be read.")


@pages.post("/desk/known")
@access.roles("clerk")
def known() -> Response:
    """Say at once whether a number is registered already; who asked is put on record."""
    number = request.form.get("id_number", "")[:LONGEST_NUMBER]
    found = entry.known(number, access.actor())
    with read() as conn:
        words = Words(policies.in_force(conn, clock.today()).compiled)
    return jsonify(
        sound=found.sound,
        reasons=[words.reason(reason) for reason in found.reasons],
        records=[
            {
                "reference": reference,
                "state": words.state(WORKFLOW, state),
                "address": url_for("records.detail", workflow=WORKFLOW, reference=reference),
            }
            for reference, state in found.records
        ],
    )


@pages.post("/desk/kept")
@access.roles("clerk")
def keep() -> Any:
    """Keep what was typed so far, sealed for this account; or forget it."""
    actor, form = access.actor(), _blank(request.form)
    fields = {field.name: field.data for field in form.fields if isinstance(field.data, str) and field.data}
    if request.form.get("drop"):
        begun.drop_form(WORKFLOW, actor)
        return redirect(url_for(".form"), 303)
    # A form in which only what stays the same is filled in is not worth keeping.
    at = begun.keep_form(WORKFLOW, fields, actor) if fields.keys() - set(STICKY) else None
    if _wants_json():
        return jsonify(text=_("Kept at %(moment)s", moment=moment(at)) if at else "")
    return redirect(url_for(".form"), 303)


@pages.get("/desk/slip/<reference>")
@access.roles("clerk", "registrar")
def slip(reference: str) -> str:
    """Show the slip an applicant takes along, with the code to ask for the status; who printed it is on record."""
    case, version = _with_a_code(reference)
    address = _status_address()
    told = {"code": wording.grouped(case.query_code), "address": address, "picture": qr_picture(address)}
    return render_template("desk/slip.html", case=case, words=Words(version.compiled), **told)


@pages.get("/desk/slip/<reference>.pdf")
@access.roles("clerk", "registrar")
def slip_pdf(reference: str) -> Response:
    """Send the slip and its counterfoil as a paper, in the language in use."""
    case, version = _with_a_code(reference)
    code = wording.grouped(case.query_code)
    content = slips.pdf(case, version, code, _status_address(), i18n.language())
    return files.download(content, "application/pdf", f"{reference}-slip.pdf", shown=True)


def _with_a_code(reference: str) -> tuple[Case, Version]:
    """Return an application that can be asked about, and note that its code was looked at."""
    actor = access.actor()
    with read() as conn:
        case = search.get(conn, WORKFLOW, reference, actor)
        version = version_of(unit_of(conn, actor), case)
        if not case.query_index:
            abort(404)
        erasure.require_in_use(case)
    look_ups.note(actor, look_ups.DOCUMENT, case, "query_code")
    return case, version


def _status_address() -> str:
    return str(current_app.config["SETTINGS"].base_url.rstrip("/") + url_for("public.status"))


def _wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"
