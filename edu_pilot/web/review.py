"""The desks of union, university and arbiter: queues, one claim at a time, and the public notice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot import i18n
from edu_pilot.extensions import read
from edu_pilot.services import alerts, documents, evidence, holds, notices, outbox, presenting, reviewing, search
from edu_pilot.services.cases import Case
from edu_pilot.services.reviewing import Queue
from edu_pilot.web import access, choices
from edu_pilot.web.choices import Asked
from edu_pilot.web.forms import Answers, Part, form_of, lined
from edu_pilot.web.records import step_of
from edu_pilot.web.words import Words
from edu_pilot.web.worklists import page_number
from edu_pilot.workflow.reasons import N_, Refused

pages = Blueprint("review", __name__, url_prefix="/review")
JUDGES = ("union_reviewer", "university_reviewer", "arbiter", "auditor")
# The steps that the page of one claim is made for; all others stand below as everywhere.
DECISIONS = ("check", "recheck", "settle", "resolve_objection")
TITLES = {
    reviewing.CHECKS: N_("To be checked"),
    reviewing.CONFLICTS: N_("Not agreed"),
    reviewing.OBJECTIONS: N_("Objections"),
    reviewing.ACCOUNTS: N_("Changed accounts"),
}


def _queue() -> Queue:
    """Return the queue that the address or the form names; NotFound for one that is not the reader's."""
    mine, asked = reviewing.stages(access.actor()), request.values
    stage = asked.get("stage") or mine[0]
    if stage not in mine:
        abort(404)
    age = asked.get("age", "")
    days = int(age) if age in map(str, reviewing.AGES) else None
    return Queue(stage, asked.get("county") or None, asked.get("major") or None, days, asked.get("whose") or None)


def _filters(queue: Queue) -> dict[str, Any]:
    """Return a queue as the query of an address."""
    return {name: str(value) for name, value in vars(queue).items() if value}


@pages.get("")
@access.roles(*JUDGES)
def index() -> str:
    """Show one of the queues, oldest claims first; the filters stand in the address."""
    queue, actor, at = _queue(), access.actor(), page_number()
    with read() as conn:
        lines, total = reviewing.page(conn, actor, queue, at)
        return render_template(
            "review/index.html",
            words=Words(presenting.in_force(conn)),
            queue=queue,
            filters=_filters(queue),
            lines=lines,
            total=total,
            at=at,
            last=max(1, -(-total // reviewing.PAGE)),
            counted=reviewing.counted(conn, actor),
            titles=TITLES,
            ages=reviewing.AGES,
            majors=reviewing.majors(conn, actor, queue.stage),
            told=alerts.of_actor(conn, actor),
        )


@pages.get("/notice")
@access.roles(*JUDGES)
def notice() -> str:
    """Show whose public notice runs, masked as it is published, and what has been objected to."""
    return notice_page()


def notice_page(refused: Refused | None = None) -> str:
    """Render the public notice with its objections."""
    actor = access.actor()
    with read() as conn:
        words = Words(presenting.in_force(conn))
        return render_template(
            "review/notice.html",
            words=words,
            counted=reviewing.counted(conn, actor),
            titles=TITLES,
            running=notices.running(conn, actor),
            objected=reviewing.page(conn, actor, Queue(reviewing.OBJECTIONS))[0],
            lists=notices.published(conn, actor),
            readable=documents.readable(conn, actor),
            publishes=bool(actor.roles & set(notices.PUBLISHERS)),
            refused=refused,
        )


@pages.post("/notice")
@access.roles(*JUDGES)
def publish() -> Response:
    """Issue today's list of the own county, or of the whole city."""
    if request.form.get("step") != "publish":
        abort(422)
    g.again, actor = notice_page, access.actor()
    number = notices.publish(actor.county, actor)
    outbox.follow_up()
    flash(_("Published: %(number)s", number=number))
    return redirect(url_for(".notice"), 303)


@pages.get("/<reference>")
@access.roles(*JUDGES)
def claim(reference: str) -> str:
    """Show one claim: its evidence beside what is claimed, and the decision of one's own body."""
    return claim_page(reference)


def claim_page(
    reference: str, tried: Answers | None = None, refused: Refused | None = None, *, doubted: bool = False
) -> str:
    """Render the page of one claim; a form that was tried keeps its entries, one in doubt asks whether it is meant."""
    actor, queue = access.actor(), _queue()
    with read() as conn:
        case = search.get(conn, "claim", reference, actor)
        shown = presenting.show(conn, case, actor)
        words = Words(shown.compiled)
        asked = Asked(conn, actor, words, case)
        steps = [step_of("claim", offer, asked, tried, _reading(case)) for offer in shown.offers]
        files = evidence.files(conn, case, actor)
        body = holds.body_of(actor)
        checks = shown.facts.get("checks") or []
        return render_template(
            "review/claim.html",
            workflow="claim",
            case=case,
            facts=shown.facts,
            version=shown.version,
            signs=shown.signs,
            words=words,
            decision=next((s for s in steps if s.offer.action.name in DECISIONS), None),
            steps=[s for s in steps if s.offer.action.name not in DECISIONS],
            tried=tried,
            refused=refused,
            doubted=doubted,
            queue=queue,
            titles=TITLES,
            filters=_filters(queue),
            place=reviewing.place(conn, actor, queue, reference),
            held=holds.held(conn, [case.id], actor).get(case.id),
            holds=body is not None,
            body=body,
            findings=evidence.findings(conn, case, actor, body),
            differing=evidence.differing(checks),
            files=files,
            chosen=_chosen(files),
            certificates=case.certificates,
        )


def _reading(case: Case) -> type[Part]:
    return lined(len(case.receipts))


def _chosen(files: list[evidence.File]) -> evidence.File | None:
    """Return the file that is shown large: the one asked for, else the first.

    Only one: each that is shown is a reading, and stands on record.
    """
    asked = request.args.get("file")
    return next((file for file in files if file.id == asked), files[0] if files else None)


@pages.post("/<reference>/hold")
@access.roles(*JUDGES)
def hold(reference: str) -> Response:
    """Take a claim on or hand it back; colleagues see it, and nobody is barred by it."""
    step = request.form.get("step")
    if step not in ("take", "hand_back"):
        with read() as conn:
            search.get(conn, "claim", reference, access.actor())
        abort(422)
    g.again = partial(claim_page, reference, None)
    if step == "take":
        holds.take(reference, access.actor(), request.form.get("seen", ""))
        flash(_("You have taken this claim on."))
    else:
        holds.hand_back(reference, access.actor())
        flash(_("The claim is handed back."))
    return redirect(url_for(".claim", reference=reference, **_filters(_queue())), 303)


@pages.post("/<reference>/<action>")
@access.roles(*JUDGES)
def act(reference: str, action: str) -> Any:
    """Take one step on a claim and go on to the next of the same queue; a refusal shows every reason."""
    form = _entered(reference, action)
    if not form.validate():
        return claim_page(reference, form), 422
    if _passes_another_amount(reference, form.given) and "meant" not in request.form:
        return claim_page(reference, form, doubted=True), 422
    g.again = partial(claim_page, reference, form)
    outbox.act("claim", reference, action, access.actor(), form.given, form.seen)
    flash(_("Done: %(action)s", action=f"{reference} {form.action.label.say(i18n.language())}"))
    return redirect(_onward(reference), 303)


def _passes_another_amount(reference: str, given: Mapping[str, Any]) -> bool:
    """Whether a claim is passed though another amount was read than is claimed: what is claimed would be paid."""
    reading = given.get("reading")
    if given.get("outcome") != "pass" or not reading:
        return False
    with read() as conn:
        receipts = search.get(conn, "claim", reference, access.actor()).receipts
        return bool(reading["amount_fen"] != sum(receipt.amount_fen for receipt in receipts))


@pages.get("/<reference>/<action>")
@access.roles(*JUDGES)
def back(reference: str, action: str) -> Response:
    """Lead a reloaded step back to its claim: asking for a page never takes a step."""
    with read() as conn:
        search.get(conn, "claim", reference, access.actor())
    return redirect(url_for(".claim", reference=reference))


def _entered(reference: str, action: str) -> Answers:
    """Return the form that was sent; NotFound for a hidden claim before anything else is said."""
    with read() as conn:
        actor = access.actor()
        case = search.get(conn, "claim", reference, actor)
        words = Words(presenting.show(conn, case, actor).compiled)
        known = words.compiled.definition("claim").actions
        if action not in known:
            abort(404)
        options = choices.options_of("claim", known[action], Asked(conn, actor, words, case))
        return form_of(known[action], words, options, request.form, case, _reading(case))


def _onward(reference: str) -> str:
    """Return the next claim of the queue, or the queue where none is left or none was asked for."""
    queue = _queue()
    if request.form.get("then") != "next":
        return url_for(".claim", reference=reference, **_filters(queue))
    with read() as conn:
        following = reviewing.place(conn, access.actor(), queue, reference).after
    if following:
        return url_for(".claim", reference=following, **_filters(queue))
    return url_for(".index", **_filters(queue))
