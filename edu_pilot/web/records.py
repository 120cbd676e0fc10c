"""Lists, one record, its steps and its files: the same pages for every workflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import (
    accounts,
    cases,
    counts,
    documents,
    look_ups,
    outbox,
    own_claims,
    papers,
    policies,
    presenting,
    query_codes,
    search,
    telling,
)
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import create
from edu_pilot.services.search import Wanted
from edu_pilot.web import access, choices, files
from edu_pilot.web.choices import Asked
from edu_pilot.web.forms import Answers, Part, Reading, form_of, whole
from edu_pilot.web.words import Words
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason, Refused
from edu_pilot.workflow.versions import Compiled

pages = Blueprint("records", __name__, url_prefix="/records")
PAGE = 50
# Whoever has lost the slip asks with whatever record is at hand.
RENEW = "renew_query_code"
FILTERS = ("state", "county", "intake", "major", "q")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "application": ("name", "county", "major", "intake"),
    "study": ("name", "student_number", "county", "major"),
    "certification": ("name", "occupation", "county", "held_on"),
    "session": ("occupation", "held_on", "site"),
    "claim": ("name", "county", "payable_fen", "submitted_on"),
    "payment": ("total_fen", "created_by", "released_by"),
}


@dataclass(frozen=True)
class Line:
    """One record in a list."""

    case: Case
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """An offered action and, where it can be taken, its form."""

    offer: Offer
    form: Answers


def lines(conn: Connection, found: Iterable[Case], policy: Policy | None = None) -> list[Line]:
    """Return records as a list shows them to who asks, by the policy in force."""
    policy, actor = policy or presenting.in_force(conn).policy, access.actor()
    return [Line(case, presenting.facts(case, policy, actor, policy)) for case in found]


@pages.get("/<workflow>")
@access.signed_in
def index(workflow: str) -> str:
    """Show one page of a workflow's records; the filters stand in the address, personal numbers never."""
    cases.table(workflow)
    asked = {name: request.args.get(name, "").strip() or None for name in FILTERS}
    if search.person_number(asked["q"] or ""):
        abort(400)
    wanted = Wanted(**asked, after=request.args.get("after"), limit=PAGE)
    with read() as conn:
        actor = access.actor()
        found, following = search.find(conn, workflow, actor, wanted)
        return render_template(
            "records/list.html",
            workflow=workflow,
            words=Words(presenting.in_force(conn)),
            columns=COLUMNS[workflow],
            lines=lines(conn, found),
            counts=counts.by_state(conn, workflow, actor),
            filters={name: value for name, value in asked.items() if value},
            following=following,
            may_create=_may_create(conn, workflow),
        )


def _may_create(conn: Connection, workflow: str) -> bool:
    by = presenting.in_force(conn).definition(workflow).create.by
    return bool(access.actor().roles & set(by))


@pages.get("/<workflow>/<reference>")
@access.signed_in
def detail(workflow: str, reference: str) -> str:
    """Show one record: facts, steps, what happened, documents and files."""
    return detail_page(workflow, reference)


def detail_page(
    workflow: str,
    reference: str,
    tried: Answers | None = None,
    refused: Refused | None = None,
    revealed: Mapping[str, str] | None = None,
    file_faults: Mapping[str, Sequence[Reason]] | None = None,
) -> str:
    """Render a record's page; the form that was tried keeps its entries, a value looked at stands in full."""
    with read() as conn:
        actor = access.actor()
        case = search.get(conn, workflow, reference, actor)
        whole = presenting.whole(conn, case, actor)
        words = Words(whole.shown.compiled)
        asked = Asked(conn, actor, words, case)
        own = actor.roles == {STUDENT}
        now, further = papers.offered(whole.shown.version.policy, workflow, case.state)
        return render_template(
            "student/case.html" if own else "records/detail.html",
            workflow=workflow,
            case=case,
            facts=whole.shown.facts,
            whole=whole,
            words=words,
            steps=[step_of(workflow, offer, asked, tried) for offer in whole.shown.offers],
            tried=tried,
            refused=refused,
            stuck=_stuck(conn, case),
            kinds=_labelled(words, now),
            further=_labelled(words, further),
            strikes=any(offer.action.name == "amend" for offer in whole.shown.offers),
            can_be_struck=partial(papers.can_be_struck, case),
            revealed=revealed or {},
            file_faults=file_faults,
            newest_files={file["kind"]: file for file in whole.files if not file["erased_at"]},
            look_ups=look_ups.offered(conn, case, actor),
            look_up_reasons=look_ups.reasons(conn),
            readable=documents.readable(conn, actor),
            against_claim=_against_claim(conn, case),
            papers=documents.newest_first(whole.documents) if own else (),
            hands=accounts.offices(conn, hands_in(whole)),
            telling=telling.messages(conn, whole.shown, actor),
            channels=telling.CHANNELS,
            desk=_desk(workflow, reference),
            renewal=query_codes.renewed_at(conn, case, actor, words.compiled.definition("application").actions[RENEW]),
            next_kind=next(iter(whole.shown.facts.get("papers_missing", ())), None),
        )


def _against_claim(conn: Connection, case: Case) -> Sequence[Reason]:
    """Return what stands against a claim for a study with a diploma that has none."""
    if case.workflow != "study" or not case.diploma_on or case.claim_reference or not _may_create(conn, "claim"):
        return ()
    return own_claims.against(conn, case, access.actor())


def hands_in(whole: presenting.Whole) -> set[str]:
    """Return the accounts that a record's page names."""
    return {entry["actor"] for entry in whole.history} | {file["uploaded_by"] for file in whole.files}


# The pages made for the work on one kind of record.
DESKS = {"claim": "review.claim", "payment": "payments.batch"}


def _desk(workflow: str, reference: str) -> str | None:
    """Return the page where the reader works on such a record, if it is theirs."""
    endpoint = DESKS.get(workflow)
    mine = endpoint is not None and access.may_open(endpoint, access.actor())
    return url_for(endpoint, reference=reference) if endpoint and mine else None


def step_of(workflow: str, offer: Offer, asked: Asked, tried: Answers | None, reading: type[Part] = Reading) -> Step:
    """Return a step with its form: the one that was tried, if it was this step's, else a fresh one."""
    if tried is not None and tried.action.name == offer.action.name:
        return Step(offer, tried)
    options = choices.options_of(workflow, offer.action, asked) if offer.open else {}
    return Step(offer, form_of(offer.action, asked.words, options, case=asked.case, reading=reading))


def _stuck(conn: Connection, case: Case) -> list[Reason]:
    """Return why steps that should have followed by themselves were refused; staff see it."""
    if access.actor().roles == {STUDENT}:
        return []
    rows = outbox.refused(conn)
    own = [row for row in rows if (row["workflow"], row["reference"]) == (case.workflow, case.reference)]
    return [Reason(told["code"], told["text"], told["facts"]) for row in own for told in row["refusal"]]


def _labelled(words: Words, kinds: Sequence[str]) -> list[tuple[str, str]]:
    return [(kind, words.paper(kind)) for kind in kinds]


@pages.get("/<workflow>/<reference>/<action>")
@access.signed_in
def back(workflow: str, reference: str, action: str) -> Response:
    """Lead a reloaded step back to its record: asking for a page never takes a step."""
    with read() as conn:
        search.get(conn, workflow, reference, access.actor())
    return redirect(url_for(".detail", workflow=workflow, reference=reference))


@pages.post("/<workflow>/<reference>/<action>")
@access.signed_in
def act(workflow: str, reference: str, action: str) -> Any:
    """Take one step; a refusal shows the record again with every reason."""
    form = _entered(workflow, reference, action)
    if not form.validate():
        return detail_page(workflow, reference, form), 422
    g.again = partial(detail_page, workflow, reference, form)
    done = outbox.act(workflow, reference, action, access.actor(), form.given, form.seen)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    flash(words.done(action, done))
    return redirect(url_for(".detail", workflow=workflow, reference=reference), 303)


def _entered(workflow: str, reference: str, action: str) -> Answers:
    """Return the form that was sent; NotFound for a hidden record before anything else is said."""
    with read() as conn:
        actor = access.actor()
        case = search.get(conn, workflow, reference, actor)
        words = Words(presenting.show(conn, case, actor).compiled)
        known = words.compiled.definition(workflow).actions
        if action not in known:
            abort(404)
        options = choices.options_of(workflow, known[action], Asked(conn, actor, words, case))
        return form_of(known[action], words, options, request.form, case)


@pages.get("/<workflow>/new")
@access.signed_in
def new(workflow: str) -> str:
    """Show the form of a new record."""
    return _new_page(workflow, _blank(workflow, None))


@pages.post("/<workflow>/new")
@access.signed_in
def enter(workflow: str) -> Any:
    """Bring a record into being."""
    form = _blank(workflow, request.form)
    if not form.validate():
        return _new_page(workflow, form), 422
    g.again = partial(_new_page, workflow, form)
    done = create(workflow, access.actor(), form.given)
    flash(_("Created: %(reference)s", reference=done.reference))
    return redirect(url_for(".detail", workflow=workflow, reference=done.reference), 303)


def _blank(workflow: str, entered: Any) -> Answers:
    cases.table(workflow)
    with read() as conn:
        if not _may_create(conn, workflow):
            abort(403)
        words = Words(_at_birth(conn, workflow))
        action = words.compiled.definition(workflow).create
        options = choices.options_of(workflow, action, Asked(conn, access.actor(), words))
        form = form_of(action, words, options, entered)
    _prefill(form)
    return form


def _at_birth(conn: Connection, workflow: str) -> Compiled:
    """Return the version the new record will have: its parent's where the form or its link names one."""
    current = policies.in_force(conn, clock.today())
    return policies.at_birth(conn, current, workflow, request.values, access.actor()).compiled


def _prefill(form: Answers) -> None:
    """Take over what the link to the form knows already, such as the study of a claim."""
    if request.method == "GET":
        for field in form.fields:
            if field.name in ("study", "county"):
                field.data = request.args.get(field.name) or (access.actor().county if field.name == "county" else None)


def _new_page(workflow: str, form: Answers, refused: Refused | None = None) -> str:
    with read() as conn:
        words = Words(_at_birth(conn, workflow))
    return render_template("records/form.html", workflow=workflow, form=form, words=words, refused=refused)


@pages.post("/<workflow>/<reference>/files")
@access.signed_in
def add_file(workflow: str, reference: str) -> Any:
    """Keep a file for a record."""
    with read() as conn:
        search.get(conn, workflow, reference, access.actor())
    g.again = partial(detail_page, workflow, reference, None)
    content, _name = files.uploaded() or (b"", "")
    papers.add(workflow, reference, request.form.get("kind", ""), content, access.actor())
    flash(_("File added"))
    return redirect(url_for(".detail", workflow=workflow, reference=reference, _anchor="files"), 303)


@pages.post("/<workflow>/<reference>/papers")
@access.signed_in
def add_papers(workflow: str, reference: str) -> Any:
    """Keep several files at once, each for its kind of paper; what is wrong with one is told at it."""
    with read() as conn:
        search.get(conn, workflow, reference, access.actor())
    g.again = partial(detail_page, workflow, reference, None)
    results = papers.add_many(workflow, reference, files.of_each_field(), access.actor())
    kept = [kind for kind, reasons in results.items() if not reasons]
    if kept:
        flash(_("Files added: %(number)s", number=len(kept)))
    if len(kept) < len(results) or not results:
        return detail_page(workflow, reference, file_faults=results), 422
    return redirect(url_for(".detail", workflow=workflow, reference=reference, _anchor="files"), 303)


@pages.post("/<workflow>/<reference>/files/<file_id>/strike")
@access.signed_in
def strike_file(workflow: str, reference: str, file_id: str) -> Any:
    """Take a receipt's file off a claim it does not belong to."""
    g.again = partial(detail_page, workflow, reference, None)
    papers.strike(workflow, reference, file_id, access.actor())
    flash(_("File struck"))
    return redirect(url_for(".detail", workflow=workflow, reference=reference, _anchor="files"), 303)


@pages.get("/<workflow>/<reference>/files/<file_id>")
@access.signed_in
def file(workflow: str, reference: str, file_id: str) -> Response:
    """Send one file; pictures were drawn anew and may be shown, anything else is only downloaded."""
    row, content = papers.content(workflow, reference, file_id, access.actor())
    kind, ending = row["media_type"].split("/")
    return files.download(content, row["media_type"], f"{reference}-{row['kind']}.{ending}", shown=kind == "image")


@pages.get("/<workflow>/<reference>/files/<file_id>/pages/<page>")
@access.signed_in
def file_page(workflow: str, reference: str, file_id: str, page: str) -> Response:
    """Send one page of a kept PDF as the picture it was drawn as, so that it can stand beside what it proves."""
    number = whole(page) or 0
    picture = papers.page(workflow, reference, file_id, number, access.actor())
    return files.download(picture, "image/jpeg", f"{reference}-{file_id[:8]}-{number}.jpeg", shown=True)
