"""The examiner's day: sessions with their seats, marks typed as a grid, scores published, objections answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from edu_pilot.extensions import read
from edu_pilot.services import bulk, bundles, counts, course_scores, documents, outbox, presenting, sittings, worklists
from edu_pilot.services.bulk import Row
from edu_pilot.services.cases import Case
from edu_pilot.services.course_scores import Sheet
from edu_pilot.services.worklists import Sought
from edu_pilot.web import access, files
from edu_pilot.web.forms import whole
from edu_pilot.web.words import Words
from edu_pilot.web.worklists import kept, lines, named, page_number, sought, told
from edu_pilot.workflow.reasons import Refused

pages = Blueprint("exams", __name__, url_prefix="/exams")
READERS = ("examiner", "auditor")
# Course marks come to the registrar's desk, too.
SHEETS = ("auditor", "examiner", "registrar")
SCORERS = ("examiner", "registrar")
SESSION, CERTIFICATION = "session", "certification"
SCORE, PARTS = "score", ("theory", "practical")
CHECK_ONLY, TICKET = "check", "exam_ticket"


@pages.get("")
@access.roles(*READERS)
def index() -> str:
    """The sessions, the next first, and what waits around them."""
    actor = access.actor()
    with read() as conn:
        over = request.args.get("over") == "1"
        found = sittings.sessions(conn, actor, page_number(), over=over)
        compiled = presenting.in_force(conn)
        return render_template(
            "exams/index.html",
            words=Words(compiled),
            found=found,
            over=over,
            lines=lines(conn, found.cases),
            people=sittings.counts(conn, found.cases, actor),
            tallies={CERTIFICATION: counts.by_state(conn, CERTIFICATION, actor)},
            objections=sittings.objections(conn, actor, Sought(), closed=False).total,
            creates=bool(actor.roles & set(compiled.definition(SESSION).create.by)),
        )


# One session


@pages.get("/sessions/<session>")
@access.roles(*READERS)
def sitting(session: str) -> str:
    """Show one session: rooms and seats, who sits where, papers, and what comes next."""
    return _session_page(session)


@pages.get("/sessions/<session>/entries")
@access.roles(*READERS)
def entries(session: str) -> str:
    """Show who has finished the training and could enter for the session."""
    return _entries_page(session)


@pages.post("/sessions/<session>/entries")
@access.roles("examiner")
def enter(session: str) -> Any:
    """Enter everybody chosen for the session; tell who was skipped and why."""
    case, chosen = _session(session), named()
    if not chosen:
        return _entries_page(session, nobody=True), 422
    g.again = partial(_entries_page, session)
    outcome = bulk.act(CERTIFICATION, chosen, "enter", access.actor(), {"session": case.reference})
    return _told(outcome, "enter", session)


@pages.post("/sessions/<session>/seats")
@access.roles("examiner")
def seat(session: str) -> Any:
    """Give everybody a seat who waits for one; tell who was skipped and why."""
    _session(session)
    g.again = partial(_session_page, session)
    seating = sittings.seat_all(session, access.actor())
    return _told(seating.outcome, "seat", session, seating=seating)


@pages.post("/sessions/<session>/tickets")
@access.roles("examiner")
def tickets(session: str) -> Any:
    """Send the tickets of everybody on the page as one ZIP; that they were opened is put on record."""
    case, listed = _session(session), request.form.getlist("listed")
    if not listed:
        return _session_page(session, nobody=True), 422
    g.again = partial(_session_page, session)
    bulk.require_few(listed)
    content = bundles.zipped(CERTIFICATION, listed, TICKET, access.actor())
    return files.download(content, "application/zip", f"{case.reference}-{TICKET}.zip")


@pages.post("/sessions/<session>/attendance")
@access.roles("examiner")
def attendance(session: str) -> Any:
    """Note who came: everybody on the page but those ticked as absent."""
    _session(session)
    listed = request.form.getlist("listed")
    if not listed:
        return _session_page(session, nobody=True), 422
    g.again = partial(_session_page, session)
    outcome = sittings.attend(listed, request.form.getlist("chosen"), access.actor())
    return _told(outcome, "mark_sat", session)


@pages.post("/sessions/<session>/steps/<action>")
@access.roles("examiner")
def step(session: str, action: str) -> Response:
    """Take a step of the session itself that asks for nothing."""
    _session(session)
    g.again = partial(_session_page, session)
    seen = request.form.get("seen_version", "")
    done = outbox.act(SESSION, session, action, access.actor(), {}, whole(seen) or 0)
    with read() as conn:
        words = Words(presenting.in_force(conn))
    flash(words.done(action, done))
    return redirect(url_for(".sitting", session=session), 303)


def _session(reference: str) -> Case:
    with read() as conn:
        return sittings.opened(conn, reference, access.actor())


def _told(outcome: Any, action: str, session: str, **more: Any) -> str:
    with read() as conn:
        words = Words(presenting.in_force(conn))
    return render_template(
        "exams/outcome.html", told=told(CERTIFICATION, outcome), words=words, workflow=CERTIFICATION, action=action,
        back=url_for(".sitting", session=session), area=(url_for(".index"), _("Exams")), **more,
    )  # fmt: skip


def _session_page(session: str, refused: Refused | None = None, *, nobody: bool = False) -> str:
    with read() as conn:
        actor = access.actor()
        case = sittings.opened(conn, session, actor)
        shown = presenting.show(conn, case, actor)
        people = sittings.people(conn, case, actor, page_number())
        return render_template(
            "exams/session.html",
            tab="seats",
            case=case,
            facts=shown.facts,
            words=Words(shown.compiled),
            steps=shown.offers,
            people=people,
            lines=lines(conn, people.cases),
            seats=bulk.against(conn, people.cases, "seat", actor),
            sat=bulk.against(conn, people.cases, "mark_sat", actor),
            numbers=sittings.counts(conn, [case], actor)[case.id],
            papers=sittings.papers(conn, case, people.cases),
            readable=documents.readable(conn, actor),
            refused=refused,
            nobody=nobody,
            may_act="examiner" in actor.roles,
        )


def _entries_page(session: str, refused: Refused | None = None, *, nobody: bool = False) -> str:
    with read() as conn:
        actor = access.actor()
        case = sittings.opened(conn, session, actor)
        found = sittings.could_enter(conn, case, actor, page_number())
        shown = presenting.show(conn, case, actor)
        return render_template(
            "exams/entries.html",
            tab="entries",
            case=case,
            facts=shown.facts,
            words=Words(shown.compiled),
            found=found,
            lines=lines(conn, found.cases),
            offers=bulk.against(conn, found.cases, "enter", actor),
            refused=refused,
            nobody=nobody,
            may_act="examiner" in actor.roles,
        )


# The marks of a session


@pages.get("/sessions/<session>/scores")
@access.roles(*READERS)
def scores(session: str) -> str:
    """Show the sheet for the marks of a session: a row for everybody who sat it, a column for each part."""
    return _scores_page(session)


@pages.post("/sessions/<session>/scores")
@access.roles("examiner")
def save_scores(session: str) -> Any:
    """Judge every row that has a mark; take the good ones unless they were only to be checked."""
    _session(session)
    g.again = partial(_scores_page, session)
    entered = _entered(PARTS)
    if not entered:
        return _scores_page(session, nobody=True), 422
    dry_run = request.form.get("step") == CHECK_ONLY
    rows = bulk.enter(CERTIFICATION, SCORE, entered, access.actor(), dry_run=dry_run)
    return _saved(rows, dry_run, url_for(".scores", session=session), partial(_scores_page, session))


def _entered(parts: Sequence[str], **same: str) -> dict[str, dict[str, str]]:
    """Return the rows of a grid that hold something, with what is the same for all of them."""
    form, entered = request.form, {}
    for reference in form.getlist("listed"):
        cells = {part: text for part in parts if (text := form.get(f"{part}-{reference}", "").strip())}
        if cells:
            entered[reference] = cells | same
    return entered


def _saved(rows: Mapping[str, Row], dry_run: bool, back: str, again: Any) -> Any:
    """Lead on where every row is taken; else show the grid with what stands against the others."""
    taken, bad = sum(row.taken for row in rows.values()), sum(bool(row.reasons) for row in rows.values())
    if taken:
        flash(_("%(number)s rows are saved.", number=taken))
    if taken == len(rows):
        return redirect(back, 303)
    return again(rows=rows, dry_run=dry_run), 200 if dry_run and not bad else 409


def _scores_page(
    session: str, refused: Refused | None = None, *, rows: Mapping[str, Row] | None = None, dry_run: bool = False,
    nobody: bool = False,
) -> str:  # fmt: skip
    with read() as conn:
        actor = access.actor()
        case = sittings.opened(conn, session, actor)
        people = sittings.people(conn, case, actor, page_number())
        shown = presenting.show(conn, case, actor)
        found = lines(conn, people.cases)
        return render_template(
            "exams/scores.html",
            tab="scores",
            case=case,
            facts=shown.facts,
            words=Words(shown.compiled),
            people=people,
            lines=found,
            needs=shown.compiled.definition(CERTIFICATION).actions[SCORE].needs,
            open=bulk.against(conn, people.cases, SCORE, actor),
            kept={(one.case.id, part) for one in found for part in PARTS if sittings.kept(one.case, one.facts, part)},
            rows=rows or {},
            dry_run=dry_run,
            refused=refused,
            nobody=nobody,
            may_act="examiner" in actor.roles,
        )


# Objections


@pages.get("/objections")
@access.roles(*READERS)
def objections() -> str:
    """Show whose marks are to be added again, the longest waiting first."""
    closed, wanted = request.args.get("closed") == "1", sought()
    with read() as conn:
        found = sittings.objections(conn, access.actor(), wanted, closed=closed)
        return render_template(
            "exams/objections.html",
            words=Words(presenting.in_force(conn)),
            found=found,
            lines=lines(conn, found.cases),
            closed=closed,
        )


# The marks of a course


@pages.get("/scores")
@access.roles(*SHEETS)
def course() -> str:
    """Choose a course and a day; show the sheet with those who study it."""
    return _course_page()


@pages.post("/scores")
@access.roles(*SCORERS)
def save_course() -> Any:
    """Judge every row that has a mark; take the good ones unless they were only to be checked."""
    g.again = _course_page
    sheet, day = _sheet(), request.args.get("sat_on", "").strip()
    entered = _entered(sheet.parts, course=sheet.code, sat_on=day) if sheet else {}
    if not entered:
        return _course_page(nobody=True), 422
    dry_run = request.form.get("step") == CHECK_ONLY
    rows = bulk.enter("study", course_scores.ACTION, entered, access.actor(), dry_run=dry_run)
    asked: dict[str, Any] = {**kept(sought()), **_also_asked(), "page": page_number()}
    return _saved(rows, dry_run, url_for(".course", **asked), _course_page)


def _sheet() -> Sheet | None:
    """Return the course that the address names."""
    with read() as conn:
        policy = presenting.in_force(conn).policy
    known = course_scores.courses(policy, request.args.get("major"))
    return next((one for one in known if one.code == request.args.get("course")), None)


def _course_page(
    refused: Refused | None = None, *, rows: Mapping[str, Row] | None = None, dry_run: bool = False,
    nobody: bool = False,
) -> str:  # fmt: skip
    wanted, sheet, actor = sought(), _sheet(), access.actor()
    with read() as conn:
        compiled = presenting.in_force(conn)
        found = course_scores.students(conn, actor, wanted) if sheet else worklists.Listed()
        needs = {need.name: need for need in compiled.definition("study").actions[course_scores.ACTION].needs}
        return render_template(
            "exams/course.html",
            words=Words(compiled),
            courses=course_scores.courses(compiled.policy, wanted.major),
            sheet=sheet,
            asked={**kept(wanted), **_also_asked()},
            needs=[needs[part] for part in sheet.parts] if sheet else [],
            day=needs["sat_on"],
            found=found,
            lines=lines(conn, found.cases),
            before={c.id: course_scores.before(c, sheet.code) for c in found.cases} if sheet else {},
            rows=rows or {},
            dry_run=dry_run,
            refused=refused,
            nobody=nobody,
            may_act=bool(actor.roles & set(SCORERS)),
            area=(url_for(".index"), _("Exams"))
            if actor.roles & set(READERS)
            else (url_for("registry.index"), _("Registry")),
        )


def _also_asked() -> dict[str, str]:
    """Return the course and the day that stand in the address."""
    given = {name: request.args.get(name, "").strip()[:16] for name in ("course", "sat_on")}
    return {name: text for name, text in given.items() if text}
