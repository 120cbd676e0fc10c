"""The payment's desk: whom money can go to, batches made by one and released by another, the bank's answer."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import (
    accounts,
    bank_files,
    batches,
    counts,
    outbox,
    payments,
    presenting,
    reconciliation,
    search,
)
from edu_pilot.services.payments import Judged
from edu_pilot.services.perform import create
from edu_pilot.web import access, choices, files
from edu_pilot.web.choices import Asked
from edu_pilot.web.forms import Answers, form_of
from edu_pilot.web.records import hands_in, step_of
from edu_pilot.web.words import Words
from edu_pilot.web.worklists import page_number
from edu_pilot.workflow.reasons import N_, Refused

pages = Blueprint("payments", __name__, url_prefix="/payments")
READERS = ("finance_maker", "finance_releaser", "auditor")
MAKER = "finance_maker"
READY, BATCHES, BOUNCED, WAITING = "ready", "batches", "bounced", "waiting"
TITLES = {
    READY: N_("Ready for payment"),
    BATCHES: N_("Batches"),
    BOUNCED: N_("Sent back and changed accounts"),
    WAITING: N_("Not yet payable"),
}
NEWEST = 20
# As many claims as a new batch takes from the page at once.
MOST = 200


@pages.get("")
@access.roles(*READERS)
def index() -> str:
    """Show the claims that can be paid, the batches, or what waits; the maker's day begins with the claims."""
    return index_page()


def index_page(refused: Refused | None = None) -> str:
    """Render the payment's desk."""
    actor = access.actor()
    view = request.args.get("list") or (READY if MAKER in actor.roles or refused else BATCHES)
    if view not in TITLES:
        abort(404)
    state, at = request.args.get("state") or None, page_number()
    with read() as conn:
        words = Words(presenting.in_force(conn))
        known = batches.standing(conn, actor)
        lists = {
            READY: [claim for claim, _amount in known.ready],
            BOUNCED: [*known.bounced, *known.changed],
            WAITING: [c for c in known.waiting if c not in known.bounced and c not in known.changed],
        }
        tallies = counts.by_state(conn, "payment", actor)
        shown = lists.get(view, [])
        size = MOST if view == READY else batches.PAGE
        page = sorted(shown)[size * (at - 1) : size * at] if view in lists else []
        found, total = batches.batches(conn, actor, state, at) if view == BATCHES else ([], len(shown))
        return render_template(
            "payments/index.html",
            words=words,
            view=view,
            titles=TITLES,
            numbers={name: len(ids) for name, ids in lists.items()} | {BATCHES: sum(tallies.values())},
            known=known,
            payees=batches.payees(conn, actor, page, known),
            batches=found,
            tallies=tallies,
            state=state,
            at=at,
            last=max(1, -(-total // size)),
            draws=MAKER in actor.roles,
            refused=refused,
        )


@pages.post("")
@access.roles(MAKER)
def draw() -> Response:
    """Make a batch of the claims that were ticked."""
    g.again = index_page
    done = create("payment", access.actor(), {"claims": request.form.getlist("claims")})
    flash(_("Created: %(reference)s", reference=done.reference))
    return redirect(url_for(".batch", reference=done.reference), 303)


@pages.get("/reconciliation")
@access.roles(*READERS)
def reconcile() -> str:
    """Show what was approved, what is open, paid and given back, and every difference, for the whole city."""
    with read() as conn:
        found = reconciliation.reconcile(conn)
        words = Words(presenting.in_force(conn))
    return render_template(
        "payments/reconciliation.html", found=found, words=words, texts=reconciliation.TEXTS, newest=NEWEST
    )


@pages.get("/results")
@access.roles(MAKER)
def results() -> str:
    """Ask for the bank's answer and the batch it is for."""
    return results_page()


@pages.post("/results")
@access.roles(MAKER)
def judge() -> Any:
    """Show what the bank's answer says of every payment; it is taken by the form that follows, without the file."""
    sent, reference = files.uploaded(), request.form.get("batch", "").strip()
    if sent is None or not sent[1] or not reference:
        return results_page(missing=True), 422
    g.again = partial(results_page, None)
    return results_page(payments.judge_results(*sent, reference, access.actor()))


def results_page(found: Judged | None = None, refused: Refused | None = None, *, missing: bool = False) -> str:
    """Render the page of the bank's answer."""
    actor, reference = access.actor(), request.values.get("batch", "")
    with read() as conn:
        words = Words(presenting.in_force(conn))
        case = search.get(conn, "payment", reference, actor) if found else None
        return render_template(
            "payments/results.html",
            words=words,
            known=batches.answerable(conn, actor),
            batch=reference,
            case=case,
            found=found,
            report=found.report.as_dict(words.reason) if found else None,
            amounts={item.number: item for item in case.items} if case else {},
            missing=missing,
            refused=refused,
            columns=bank_files.COLUMNS,
            told=bank_files.RESULTS,
            reasons=words.compiled.policy.get("decision_codes.bounce"),
        )


@pages.get("/<reference>")
@access.roles(*READERS)
def batch(reference: str) -> str:
    """Show one batch: whom it pays, by which account's tail, the sums, and the steps."""
    return batch_page(reference)


def batch_page(reference: str, tried: Answers | None = None, refused: Refused | None = None) -> str:
    """Render one batch; the form that was tried keeps its entries."""
    actor = access.actor()
    with read() as conn:
        case = search.get(conn, "payment", reference, actor)
        whole = presenting.whole(conn, case, actor)
        words = Words(whole.shown.compiled)
        return render_template(
            "payments/batch.html",
            workflow="payment",
            case=case,
            facts=whole.shown.facts,
            whole=whole,
            words=words,
            sheet=batches.sheet(conn, case, actor),
            steps=[step_of("payment", offer, Asked(conn, actor, words, case), tried) for offer in whole.shown.offers],
            tried=tried,
            refused=refused,
            takes_file=payments.RELEASER in actor.roles,
            hands=accounts.offices(conn, hands_in(whole)),
        )


@pages.get("/<reference>/bank-file")
@access.signed_in
def bank_file(reference: str) -> Response:
    """Send the file as a download; it holds account numbers in clear, so only the releaser gets it."""
    content = payments.bank_file(reference, access.actor())
    return files.download(content, "text/csv; charset=gb18030", f"{reference}.csv")


@pages.get("/<reference>/<action>")
@access.roles(*READERS)
def back(reference: str, action: str) -> Response:
    """Lead a reloaded step back to its batch: asking for a page never takes a step."""
    with read() as conn:
        search.get(conn, "payment", reference, access.actor())
    return redirect(url_for(".batch", reference=reference))


@pages.post("/<reference>/<action>")
@access.roles(*READERS)
def act(reference: str, action: str) -> Any:
    """Take one step on a batch; a refusal shows the batch again with every reason."""
    form = _entered(reference, action)
    if not form.validate():
        return batch_page(reference, form), 422
    g.again = partial(batch_page, reference, form)
    done = outbox.act("payment", reference, action, access.actor(), form.given, form.seen)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    flash(words.done(action, done))
    return redirect(url_for(".batch", reference=reference), 303)


def _entered(reference: str, action: str) -> Answers:
    """Return the form that was sent; NotFound for a hidden batch before anything else is said."""
    with read() as conn:
        actor = access.actor()
        case = search.get(conn, "payment", reference, actor)
        words = Words(presenting.show(conn, case, actor).compiled)
        known = words.compiled.definition("payment").actions
        if action not in known:
            abort(404)
        options = choices.options_of("payment", known[action], Asked(conn, actor, words, case))
        return form_of(known[action], words, options, request.form, case)
