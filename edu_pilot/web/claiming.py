"""A student's claim: one page to fill in, one to look over, one to keep; later each part by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.services import contacts, documents, outbox, own_claims, papers, policies, presenting, search, telling
from edu_pilot.services.actors import STUDENT
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import create
from edu_pilot.services.presenting import Shown
from edu_pilot.services.wording import yuan
from edu_pilot.web import access, files
from edu_pilot.web.forms import ROWS, Answers, Table, form_of, whole
from edu_pilot.web.words import Words
from edu_pilot.workflow.definition import Action
from edu_pilot.workflow.engine import Offer
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason, Refused

pages = Blueprint("claiming", __name__, url_prefix="/my/claim")
# What says that a row of the receipts is meant: the rest is filled in beforehand.
TYPED = ("number", "paid_on", "amount_fen")
# As long as nothing is decided, papers that are missing can still be brought.
UNDECIDED = frozenset({"draft", "submitted", "returned", "not_agreed"})
RECEIPT = ("kind", "code", "number", "issuer", "payer", "item", "paid_on", "evidence")
MORE = (
    "other_money_fen", "explanation", "union_of", "member_since_on", "member_until_on", "employer_gone",
    "register_code", "register_code_until",
)  # fmt: skip
PARTS: Mapping[str, tuple[str, ...]] = {
    "receipts": ("new_receipts",),
    "card": ("new_account_number", "new_account_holder"),
    "more": MORE,
}
# Which part of the page mends a reason, by the field or the name of its rule.
MENDED: Mapping[str, str] = {
    "receipts": "receipts", "receipts_complete": "receipts", "receipts_not_used": "receipts",
    "receipt_files_not_used": "receipts", "receipt_evidence_suffices": "receipts", "account_number": "card",
    "account_holder": "card", **dict.fromkeys(MORE, "more"), "skill_certificate_where_required": "certificate",
    "diploma_recorded": "diploma", "diploma_holds": "diploma", "within_claim_window": "diploma",
    "reimbursement_not_lost": "diploma", "gone_employer_is_proved": "receipts",
}  # fmt: skip
# Which part of the page a reason of a return is about; any other names none.
NAMED: Mapping[str, str] = {
    "PAPER_MISSING": "receipts", "ILLEGIBLE": "receipts", "RECEIPT_DETAILS_WRONG": "receipts",
    "AMOUNT_WRONG": "receipts", "ACCOUNT_WRONG": "card", "NAME_DIFFERS": "card", "UNION_MEMBERSHIP_UNCLEAR": "more",
}  # fmt: skip
FormData = MultiDict[str, str]


@dataclass(frozen=True)
class Task:
    """One thing a claim needs: its name, whether it is done, what stands against it, where it is mended."""

    name: str
    title: str
    told: str
    reasons: Sequence[Reason]
    address: str | None = None
    named: bool = False

    @property
    def optional(self) -> bool:
        """Whether most people have nothing to enter here."""
        return self.name == "more"


@dataclass(frozen=True)
class Kept:
    """The photos of a form that comes back: the notes by which they are handed in, and why some were not taken."""

    notes: Sequence[str]
    faults: Sequence[tuple[int, Reason]]


NOTHING_KEPT = Kept((), ())


@pages.get("")
@access.roles(STUDENT)
def start() -> Any:
    """Show the claim's tasks, or the page on which a new claim is filled in."""
    with read() as conn:
        own = own_claims.of(conn, access.actor())
        if own.study is None:
            return render_template("student/no_claim.html", against=(), words=Words(presenting.in_force(conn)))
        if own.live is not None:
            return _tasks_page(conn, own.live)
        if against := own_claims.against(conn, own.study, access.actor()):
            return _blocked_page(conn, own.study, against)
        form = _new_form(conn, own.study, _defaults(conn, own.study, "receipts"))
        return _new_page(conn, own.study, form)


def _blocked_page(conn: Connection, study: Case, against: Sequence[Reason]) -> str:
    current = presenting.in_force(conn)
    point = contacts.of(study, contacts.POINT, current.policy)
    return render_template("student/no_claim.html", against=against, point=point, words=Words(current))


@pages.post("")
@access.roles(STUDENT)
def enter() -> Any:
    """Bring the claim into being with its receipts, its card and the photos."""
    actor = access.actor()
    with read() as conn:
        study = own_claims.study(conn, actor)
        form = _new_form(conn, study, _meant("receipts"))
    if not form.validate():
        return _again(form), 422
    g.again = partial(_again, form)
    done = create("claim", actor, form.given | {"study": study.reference})
    return _with_photos(done.reference)


def _again(form: Answers, refused: Refused | None = None) -> str:
    with read() as conn:
        study = own_claims.study(conn, access.actor())
        return _new_page(conn, study, form, refused)


def _new_page(conn: Connection, study: Case, form: Answers, refused: Refused | None = None) -> str:
    shown = presenting.show(conn, study, access.actor())
    against = refused.reasons if refused else ()
    form.blame_rows(against, Words(shown.compiled))
    _fill_up(form["receipts"], _known(conn, study))
    return render_template(
        "student/claim_new.html",
        study=shown,
        form=form,
        refused=refused,
        kept=_kept(),
        more=[form[name] for name in MORE],
        more_open=any(form[name].errors for name in MORE) or any(reason.field in MORE for reason in against),
        words=Words(shown.compiled),
        certificates=study.certificates,
    )


def _kept() -> Kept:
    """Keep the photos of a form that comes back, beside those kept with it before; the claim need not be there yet."""
    actor = access.actor()
    return Kept(*papers.note_all(request.form.getlist("kept"), files.several("photos"), actor))


def _new_form(conn: Connection, study: Case, entered: FormData) -> Answers:
    version = policies.of(conn, study.policy_version_id).compiled
    action = version.definition("claim").create
    asked = {"study", "heir"}
    needs = tuple(need for need in action.needs if need.name not in asked)
    return form_of(replace(action, needs=needs), Words(version), {}, entered)


def _known(conn: Connection, study: Case) -> dict[str, str]:
    """Return what a receipt says in nearly every case: an invoice for tuition, by the university, to the student."""
    policy: Policy = policies.of(conn, study.policy_version_id).policy
    return {
        "kind": next(iter(policy.get("claim.receipt_kinds"))),
        "issuer": policy.get("programme.issuer.zh"),
        "payer": study.person.name,
        "item": next(iter(policy.get("claim.receipt_items"))),
    }


def _defaults(conn: Connection, study: Case, field: str) -> FormData:
    rows = [(f"{field}-{n}-{name}", value) for n in range(ROWS) for name, value in _known(conn, study).items()]
    return MultiDict([*rows, ("account_holder", study.person.name)])


def _meant(field: str) -> FormData:
    """Return the form without the rows in which nothing was typed."""
    empty = {
        f"{field}-{n}-"
        for n in range(ROWS)
        if not any(request.form.get(f"{field}-{n}-{name}", "").strip() for name in TYPED)
    }
    kept = ((name, value) for name, value in request.form.items(multi=True) if not name.startswith(tuple(empty)))
    return MultiDict(kept)


def _fill_up(table: Table, known: Mapping[str, str]) -> None:
    """Fill in beforehand the rows in which nothing stands yet."""
    for row in table:
        if not row.answer:
            for name, value in known.items():
                row.form[name].data = value


def _with_photos(reference: str) -> Any:
    """Keep the photos sent along; the ones that cannot be taken are named, and nothing else is lost."""
    notes, actor = request.form.getlist("kept"), access.actor()
    before = papers.hand_in_noted(reference, notes, actor) if notes else []
    sent = papers.add_all("claim", reference, "receipt", files.several("photos"), actor)
    faults = [*before, *((len(papers.noted(notes, actor)) + place, reason) for place, reason in sent)]
    if faults:
        return _part_page("receipts", faults=faults, taken=True), 422
    return redirect(url_for(".check"), 303)


# The claim that is there


def _shown(conn: Connection) -> Shown:
    """Return the claim that is made; NotFound without one."""
    own = own_claims.of(conn, access.actor())
    if own.live is None:
        raise NotFound("claim")
    return presenting.show(conn, own.live, access.actor())


def _offer(shown: Shown, name: str) -> Offer | None:
    return next((offer for offer in shown.offers if offer.action.name == name), None)


def _tasks_page(conn: Connection, claim: Case) -> Any:
    shown = presenting.show(conn, claim, access.actor())
    if _offer(shown, "amend") is None:
        return redirect(url_for(".done"))
    stage = telling.stage(shown, presenting.in_force(conn).policy)
    tasks, words = _tasks(conn, shown), Words(shown.compiled)
    return render_template(
        "student/claim.html", shown=shown, stage=stage, tasks=tasks, words=words, returned=_returned(shown)
    )


def _tasks(conn: Connection, shown: Shown) -> list[Task]:
    """Return what the claim needs, each with what the engine has against it."""
    offer, told, case = _offer(shown, "submit"), shown.facts, shown.case
    against: dict[str, list[Reason]] = {}
    for reason in offer.reasons if offer else ():
        against.setdefault(MENDED.get(reason.field or "") or MENDED.get(reason.code, "more"), []).append(reason)
    named = {NAMED.get(code) for check in _returned(shown) for code in check["reasons"]}
    total = sum(receipt["amount_fen"] for receipt in told["receipts"])
    numbers = {"number": len(told["receipts"]), "amount": yuan(total), "photos": len(_photos(conn, case))}
    words, held = Words(shown.compiled), case.certificates
    card = _("%(holder)s, ending in %(tail)s", holder=told["account_holder"], tail=told["account_tail"])
    has = ", ".join(words.row("occupations", one.occupation) for one in held)
    texts = {
        "receipts": (_("Receipts"), _("%(number)s, together %(amount)s yuan; %(photos)s photos", **numbers)),
        "diploma": (_("Diploma"), told["diploma_number"] or "—"),
        "certificate": (_("Skill certificate"), has or _("none; not needed for the claim")),
        "card": (_("Bank card"), card),
        "more": (_("Other particulars"), _("only where they apply to you")),
    }
    return [
        Task(name, title, text, against.get(name, ()), _address(name), name in named)
        for name, (title, text) in texts.items()
    ]


def _address(name: str) -> str | None:
    return url_for(".part", part=name) if name in PARTS else None


def _returned(shown: Shown) -> list[Mapping[str, Any]]:
    """Return the checks that sent the claim back, as long as it is with the claimant."""
    checks = shown.facts["checks"] if shown.case.state == "returned" else ()
    return [check for check in checks if check["outcome"] == "correct"]


@pages.get("/check")
@access.roles(STUDENT)
def check() -> Any:
    """Show everything once more before it is submitted."""
    return _check_page()


def _check_page(refused: Refused | None = None) -> Any:
    with read() as conn:
        shown = _shown(conn)
        offer = _offer(shown, "submit")
        if offer is None:
            return redirect(url_for(".done"))
        return render_template(
            "student/claim_check.html",
            shown=shown,
            offer=offer,
            refused=refused,
            returned=_returned(shown),
            tasks=_tasks(conn, shown),
            photos=_photos(conn, shown.case),
            words=Words(shown.compiled),
        )


def _photos(conn: Connection, case: Case) -> list[Mapping[str, Any]]:
    return [row for row in papers.of_record(conn, case) if row["kind"] == "receipt" and not row["erased_at"]]


@pages.post("/submit")
@access.roles(STUDENT)
def submit() -> Any:
    """Submit the claim as it stands."""
    with read() as conn:
        case = _shown(conn).case
    seen = request.form.get("seen_version", "")
    g.again = _check_page
    outbox.act("claim", case.reference, "submit", access.actor(), {}, whole(seen) or 0)
    return redirect(url_for(".done"), 303)


@pages.get("/done")
@access.roles(STUDENT)
def done() -> str:
    """Say that the claim is in, what comes next, whom to call; the page can be opened again at any time."""
    actor = access.actor()
    with read() as conn:
        case = search.get(conn, "claim", own_claims.newest(conn, actor).reference, actor)
        shown = presenting.show(conn, case, actor)
        current = presenting.in_force(conn)
        return render_template(
            "student/claim_done.html",
            shown=shown,
            stage=telling.stage(shown, current.policy),
            no_photo=case.state in UNDECIDED and not _photos(conn, case),
            issued=documents.newest_first(
                [row for row in documents.of_record(conn, "claim", case.id) if not row["voided_at"]]
            ),
            readable=documents.readable(conn, actor),
            words=Words(current),
            point=contacts.of(case, contacts.POINT, current.policy),
            union=contacts.of(case, contacts.UNION, current.policy),
            today=clock.today(),
        )


# One part by itself


@pages.get("/<part>")
@access.roles(STUDENT)
def part(part: str) -> str:
    """Show one part of the claim to be changed."""
    if part not in PARTS:
        raise NotFound(part)
    return _part_page(part)


def _part_page(
    name: str,
    tried: Answers | None = None,
    refused: Refused | None = None,
    faults: Sequence[tuple[int, Reason]] = (),
    *,
    taken: bool = False,
) -> str:
    with read() as conn:
        shown = _shown(conn)
        form = tried or _part_form(shown, name, _standing(shown) if name == "receipts" else None)
        form.blame_rows(refused.reasons if refused else (), Words(shown.compiled))
        if name == "receipts":
            study = own_claims.study(conn, access.actor())
            _fill_up(form["new_receipts"], _known(conn, study))
        return render_template(
            f"student/claim_{name}.html",
            shown=shown,
            returned=_returned(shown),
            form=form,
            refused=refused,
            faults=faults,
            kept=NOTHING_KEPT if taken else _kept(),
            photos=_photos(conn, shown.case),
            words=Words(shown.compiled),
        )


def _part_form(shown: Shown, name: str, entered: FormData | None = None) -> Answers:
    """Return the form that amends one part; NotFound once the claim cannot be amended."""
    offer = _offer(shown, "amend")
    if offer is None:
        raise NotFound(name)
    action: Action = offer.action
    needs = tuple(need for need in action.needs if need.name in PARTS[name])
    return form_of(replace(action, needs=needs), Words(shown.compiled), {}, entered, shown.case)


def _standing(shown: Shown) -> FormData:
    """Return the receipts as they stand, as a form shows them."""
    rows: list[tuple[str, str]] = []
    for n, receipt in enumerate(shown.facts["receipts"]):
        rows += [(f"new_receipts-{n}-{name}", receipt[name] or "") for name in RECEIPT]
        rows += [(f"new_receipts-{n}-{name}", yuan(receipt[name])) for name in ("amount_fen",)]
        rows += [(f"new_receipts-{n}-refunded_fen", yuan(receipt["refunded_fen"]))] if receipt["refunded_fen"] else []
    return MultiDict(rows)


@pages.post("/<part>")
@access.roles(STUDENT)
def amend(part: str) -> Any:
    """Change one part of the claim, and keep the photos sent along."""
    if part not in PARTS:
        raise NotFound(part)
    with read() as conn:
        shown = _shown(conn)
        form = _part_form(shown, part, _meant("new_receipts"))
    if not form.validate():
        return _part_page(part, form), 422
    g.again = partial(_part_page, part, form)
    outbox.act("claim", shown.case.reference, "amend", access.actor(), form.given, form.seen)
    return _with_photos(shown.case.reference)


def to_photos() -> Response:
    """Lead back to the photos of the claim."""
    return redirect(url_for("claiming.part", part="receipts", _anchor="photos"), 303)
