"""Print runs: papers of one kind that somebody has printed as one job, and the log of every sheet (R2.9).

Who may have a paper is asked three times: when it is put into a run, when it is drawn, and when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Application, Document, PrintRun, PrintSheet, PrintStack, Study
from edu_pilot.models.base import new_id
from edu_pilot.services import audit, cases, documents, erasure, look_ups, numbers, parcels, policies, presenting, store
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import in_force, unit_of
from edu_pilot.services.unit import Unit
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import scope_of, visible_to, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Malformed, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

RUN, STACK, SHEET = PrintRun.__table__, PrintStack.__table__, PrintSheet.__table__
DOCUMENT = Document.__table__
APPLICATION, STUDY = Application.__table__, Study.__table__
REGISTER, TASK, SERIES = "print_run", "print", "PR"
# An hour's work of the worker; whoever has more to print narrows the days.
MOST = 10_000
# On one page.
ROWS, LEFT_OUT = 50, 100
REVOKED = N_("This paper was revoked; ask for a copy of the one that holds.")
ERASED = N_("The content of this paper is erased.")
FILE_GONE = N_("The file for the printer is removed; print again what you need.")


def settings(policy: Policy) -> Mapping[str, Any]:
    """Return what a policy says of printing."""
    return policies.section(policy, "printing")


# Which papers


@dataclass(frozen=True)
class Wanted:
    """Papers of one kind, narrowed by the days of their issue and by where their people are; `fresh` never printed."""

    workflow: str
    kind: str
    since: date | None = None
    until: date | None = None
    county: str | None = None
    point: str | None = None
    fresh: bool = True


@dataclass(frozen=True)
class Found:
    """The papers that fit, in the order of the sheets, and how many of them were printed before."""

    numbers: tuple[str, ...]
    before: int

    @property
    def too_many(self) -> bool:
        """Whether they are more than one run takes."""
        return len(self.numbers) > MOST


def kinds(conn: Connection, actor: Actor) -> list[tuple[str, str]]:
    """Return the papers an actor may hand out, each as workflow and kind."""
    compiled, mine = presenting.in_force(conn), documents.readable(conn, actor)
    actions = ((name, a) for name in compiled.engines for a in compiled.definition(name).actions.values())
    return list(dict.fromkeys((name, kind) for name, action in actions for kind in action.issues if kind in mine))


def find(conn: Connection, actor: Actor, wanted: Wanted) -> Found:
    """Return the papers that fit and that the actor may have; revoked and erased ones are none."""
    records = cases.table(wanted.workflow)
    query = sa.select(DOCUMENT.c.number, _printed().label("before"))
    query = query.join(records, records.c.id == DOCUMENT.c.record_id).where(*_conditions(actor, wanted))
    with walled(conn, actor):
        rows = all_rows(conn, query.order_by(*_order(records)).limit(MOST + 1))
    return Found(tuple(row["number"] for row in rows), sum(bool(row["before"]) for row in rows))


def _order(records: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Sheets are handed out by county and teaching point, so they lie in that order."""
    return [*(records.c[name] for name in ("county", "point") if name in records.c), DOCUMENT.c.number]


def _conditions(actor: Actor, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    records = cases.table(wanted.workflow)
    found = [DOCUMENT.c.workflow == wanted.workflow, DOCUMENT.c.kind == wanted.kind]
    found += [DOCUMENT.c.voided_at.is_(None), DOCUMENT.c.erased_at.is_(None)]
    found += [visible_to(actor, records), visible_to(actor, DOCUMENT)]
    found += [DOCUMENT.c.issued_on >= wanted.since] if wanted.since else []
    found += [DOCUMENT.c.issued_on <= wanted.until] if wanted.until else []
    found += [records.c.county == wanted.county] if wanted.county else []
    found += [_at_point(records, wanted.point)] if wanted.point else []
    return [*found, ~_printed()] if wanted.fresh else found


def _at_point(records: sa.Table, point: str) -> sa.ColumnElement[bool]:
    """R2.2: the teaching point stands in application and study; what hangs on a study has its study's."""
    if "point" in records.c:
        return records.c.point == point
    if "study_id" not in records.c:
        return sa.false()
    # The record itself is narrowed to what the actor sees.
    return records.c.study_id.in_(sa.select(STUDY.c.id).where(STUDY.c.point == point))


def _printed() -> sa.ColumnElement[bool]:
    """Whether a paper stands in some run and was not left out there."""
    return sa.exists().where(SHEET.c.document == DOCUMENT.c.number, SHEET.c.refusal.is_(None)).correlate(DOCUMENT)


# Asking


@dataclass(frozen=True)
class Order:
    """What is put into a run: whose papers, which, how many of them were printed before, and how they were chosen."""

    workflow: str
    kind: str
    county: str | None
    papers: Found
    chosen_by: Mapping[str, Any] = field(default_factory=dict)


def ask(wanted: Wanted, seen: int, why: str, key: str, actor: Actor) -> str:
    """Ask for the papers that fit to be printed, and return the run's number; the worker makes them.

    `seen` is how many the actor was told of, `key` the form's own: sent twice it asks once.
    Raises Malformed for a reprint without a reason, Refused where there is nothing, too much, or another number now.
    """

    def order(conn: Connection) -> Order:
        if (wanted.workflow, wanted.kind) not in kinds(conn, actor):
            raise Malformed([blocked(N_("Choose a kind of paper."), code="kind_unknown", field="kind")])
        found = find(conn, actor, wanted)
        _require_as_seen(found, seen)
        given = {name: str(value) for name in CHOSEN_BY if (value := getattr(wanted, name))}
        return Order(wanted.workflow, wanted.kind, actor.county or wanted.county, found, given)

    return _once(key, why, actor, order)


CHOSEN_BY = ("since", "until", "county", "point")


def _require_as_seen(found: Found, seen: int) -> None:
    """Raise Refused unless there are as many papers as the actor was told of."""
    if not found.numbers:
        raise Refused([blocked(N_("There is no paper to print."), code="nothing_to_print")])
    if found.too_many:
        text = N_("At most %(most)s sheets are printed at once; narrow the days.")
        raise Refused([blocked(text, code="too_many_sheets", most=MOST)])
    if len(found.numbers) != seen:
        text = N_("There are %(number)s papers now; look over the number and send it once more.")
        raise Refused([blocked(text, code="papers_changed", number=len(found.numbers))])


def again(number: str, first: int, last: int, why: str, key: str, actor: Actor) -> str:
    """Ask for some sheets of a run to be printed once more; return the new run's number.

    Raises NotFound for a run the actor may not see, Malformed for a range that is none or a missing reason, Refused.
    """

    def order(conn: Connection) -> Order:
        run = of_number(conn, number, actor)
        if not 1 <= first <= last <= run["sheets"]:
            text = N_("Choose sheets from 1 to %(last)s.")
            raise Malformed([blocked(text, code="range_unknown", field="first", last=run["sheets"])])
        found = _still_holding(conn, run, first, last, actor)
        _require_as_seen(found, len(found.numbers))
        given = {"again": number, "first": first, "last": last}
        return Order(run["workflow"], run["kind"], run["county"], found, given)

    return _once(key, why, actor, order)


def _still_holding(conn: Connection, run: Mapping[str, Any], first: int, last: int, actor: Actor) -> Found:
    """Return the papers of a range of sheets that the actor may have and that neither are revoked nor erased."""
    wanted, records = Wanted(run["workflow"], run["kind"], fresh=False), cases.table(run["workflow"])
    query = sa.select(SHEET.c.document).join(DOCUMENT, DOCUMENT.c.number == SHEET.c.document)
    query = query.join(records, records.c.id == DOCUMENT.c.record_id)
    query = query.where(SHEET.c.run_id == run["id"], SHEET.c.position.between(first, last), *_conditions(actor, wanted))
    with walled(conn, actor):
        found = tuple(conn.execute(query.order_by(SHEET.c.position)).scalars())
    # Whatever became of the sheets: the run they are of is the print before.
    return Found(found, len(found))


def _once(key: str, why: str, actor: Actor, order: Callable[[Connection], Order]) -> str:
    try:
        with write() as conn:
            return _of_key(conn, key, actor) or _begun(conn, key, why, actor, order)
    except IntegrityError:
        # The form was sent twice at the same moment, and the other one was first.
        with read() as conn:
            known = _of_key(conn, key, actor)
        if known is None:
            raise
        return known


def _of_key(conn: Connection, key: str, actor: Actor) -> str | None:
    row = one_row(conn, sa.select(RUN.c.number, RUN.c.asked_by).where(RUN.c.id == key))
    if row is not None and row["asked_by"] != actor.name:
        raise NotFound(key)
    return row["number"] if row else None


def _begun(conn: Connection, key: str, why: str, actor: Actor, order: Callable[[Connection], Order]) -> str:
    unit = unit_of(conn, actor)
    series = f"{SERIES}{unit.today:%y%m}"
    # The number before the papers are looked for: until the commit it keeps another run from finding the same ones.
    number = f"{series}-{numbers.draw(conn, series)[0]:06d}"
    wanted = order(conn)
    _require_reason(in_force(unit).policy, wanted.papers.before, why)
    _write(unit, key, number, wanted, why)
    given = {"workflow": wanted.workflow, "kind": wanted.kind, "sheets": len(wanted.papers.numbers), **wanted.chosen_by}
    given |= {"before": wanted.papers.before, "reason": why} if wanted.papers.before else {}
    unit.follow(TASK, reference=number)
    unit.entries.append(audit.Entry(actor.name, REGISTER, number, "ask", input=given))
    unit.close()
    return number


def _require_reason(policy: Policy, before: int, why: str) -> None:
    """Raise Malformed for papers that were printed before and no known reason to do so again."""
    if before and why not in settings(policy)["reasons"]:
        text = N_("%(number)s of these papers were printed before; say why they are printed again.")
        raise Malformed([blocked(text, code="reprint_reason", field="why", number=before)])


def _write(unit: Unit, key: str, number: str, order: Order, why: str) -> None:
    papers = order.papers.numbers
    run = {
        "id": key, "number": number, "kind": order.kind, "workflow": order.workflow, "county": order.county,
        "asked_by": unit.actor.name, "asked_at": unit.now, "why": why if order.papers.before else "",
        "sheets": len(papers), "stacks": -(-len(papers) // documents.STACK), "made": 0,
    }  # fmt: skip
    unit.conn.execute(RUN.insert().values(run))
    sheets = [
        {"id": new_id(), "run_id": key, "position": n + 1, "document": one, "stack": n // documents.STACK + 1}
        for n, one in enumerate(papers)
    ]
    unit.conn.execute(SHEET.insert(), sheets)


# Looking


def _mine(conn: Connection, actor: Actor) -> list[sa.ColumnElement[bool]]:
    """R6.3: runs of papers that the actor may hand out, of the own county, or all where the actor sees all."""
    scope = scope_of(actor)
    own = sa.true() if scope.everything else RUN.c.county == scope.county if scope.county else sa.false()
    return [RUN.c.kind.in_(documents.readable(conn, actor)), own]


def of_number(conn: Connection, number: str, actor: Actor) -> Mapping[str, Any]:
    """Return a run the actor may see; NotFound for a missing and for a hidden one alike."""
    row = one_row(conn, sa.select(RUN).where(RUN.c.number == number, *_mine(conn, actor)))
    if row is None:
        raise NotFound(number)
    return row


@dataclass(frozen=True)
class Runs:
    """One page of the runs, newest first."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, one at least."""
        return max(1, -(-self.total // ROWS))


def newest(conn: Connection, actor: Actor, page: int) -> Runs:
    """Return one page of the runs an actor may see; a page beyond the last is the last."""
    mine = _mine(conn, actor)
    total = conn.execute(sa.select(sa.func.count()).select_from(RUN).where(*mine)).scalar_one()
    page = max(1, min(page, -(-total // ROWS)))
    query = sa.select(RUN).where(*mine).order_by(RUN.c.asked_at.desc(), RUN.c.number.desc())
    return Runs(all_rows(conn, query.limit(ROWS).offset((page - 1) * ROWS)), total, page)


def stacks_of(conn: Connection, run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the stacks of a run in order: first and last sheet, how many are left out, and the file if it is made."""
    left = sa.func.sum(sa.case((SHEET.c.refusal.is_not(None), 1), else_=0)).label("left")
    ends = sa.func.min(SHEET.c.position).label("first"), sa.func.max(SHEET.c.position).label("last")
    query = sa.select(SHEET.c.stack, *ends, left).where(SHEET.c.run_id == run["id"]).group_by(SHEET.c.stack)
    files = {row["stack"]: row for row in all_rows(conn, sa.select(STACK).where(STACK.c.run_id == run["id"]))}
    return [{**row, "file": files.get(row["stack"])} for row in all_rows(conn, query.order_by(SHEET.c.stack))]


def sheets_of(conn: Connection, run: Mapping[str, Any], stack: int) -> list[Mapping[str, Any]]:
    """Return the sheets of one stack, each with how often its paper was printed in earlier runs."""
    query = sa.select(SHEET.c.position, SHEET.c.document, SHEET.c.made_at, SHEET.c.refusal)
    rows = all_rows(conn, query.where(SHEET.c.run_id == run["id"], SHEET.c.stack == stack).order_by(SHEET.c.position))
    before = times(conn, [row["document"] for row in rows], before=run["asked_at"])
    return [{**row, "before": before.get(row["document"]), "reason": reason_of(row)} for row in rows]


def left_out(conn: Connection, run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the first of the sheets that are in no file, each with its reason."""
    query = sa.select(SHEET.c.position, SHEET.c.document, SHEET.c.refusal)
    mine = SHEET.c.run_id == run["id"], SHEET.c.refusal.is_not(None)
    rows = all_rows(conn, query.where(*mine).order_by(SHEET.c.position).limit(LEFT_OUT))
    return [{**row, "reason": reason_of(row)} for row in rows]


def reason_of(sheet: Mapping[str, Any]) -> Reason | None:
    """Return why a sheet was left out, or None."""
    told = sheet["refusal"]
    return Reason(**told | {"who": tuple(told["who"])}) if told else None


@dataclass(frozen=True)
class Times:
    """How often a paper was printed, and when last."""

    number: int
    last: datetime


def times(conn: Connection, papers: Sequence[str], before: datetime | None = None) -> dict[str, Times]:
    """Return by its number how often each paper was made ready for a printer, in runs asked for before a moment."""
    if not papers:
        return {}
    counted = sa.func.count().label("number"), sa.func.max(SHEET.c.made_at).label("last")
    query = sa.select(SHEET.c.document, *counted).join(RUN, RUN.c.id == SHEET.c.run_id)
    query = query.where(SHEET.c.document.in_(papers), SHEET.c.made_at.is_not(None))
    query = query.where(RUN.c.asked_at < before) if before else query
    rows = all_rows(conn, query.group_by(SHEET.c.document))
    return {row["document"]: Times(row["number"], row["last"]) for row in rows}


def log_of(conn: Connection, paper: str) -> list[Mapping[str, Any]]:
    """Return when, by whom and in which run a paper was made ready for a printer, newest first."""
    query = sa.select(RUN.c.number, RUN.c.asked_by, RUN.c.why, SHEET.c.made_at, SHEET.c.position)
    query = query.join(RUN, RUN.c.id == SHEET.c.run_id).where(SHEET.c.document == paper, SHEET.c.made_at.is_not(None))
    return all_rows(conn, query.order_by(SHEET.c.made_at.desc(), RUN.c.number.desc()).limit(ROWS))


# Opening


def fit(
    conn: Connection, run: Mapping[str, Any], papers: Sequence[str], actor: Actor
) -> tuple[dict[str, Case], dict[str, Reason]]:
    """Return the record of each paper of a run that the actor may have at this moment, and why not of the others."""
    readable = run["kind"] in documents.readable(conn, actor)
    records, columns = cases.table(run["workflow"]), (DOCUMENT.c[n] for n in PLAIN)
    with walled(conn, actor):
        rows = all_rows(conn, sa.select(*columns).where(DOCUMENT.c.number.in_(papers), visible_to(actor, DOCUMENT)))
        known = [row["record_id"] for row in rows]
        visible = all_rows(conn, sa.select(records).where(records.c.id.in_(known), visible_to(actor, records)))
    by_id = {case.id: case for case in cases.batch_of(conn, vault(), run["workflow"], visible)}
    by_number = {row["number"]: row for row in rows if readable and row["record_id"] in by_id}
    found = {n: by_id[by_number[n]["record_id"]] if n in by_number else None for n in papers}
    against = {n: reason for n, case in found.items() if (reason := _against(by_number.get(n), case))}
    return {n: case for n, case in found.items() if case and n not in against}, against


PLAIN = ("number", "record_id", "voided_at", "erased_at")


def _against(paper: Mapping[str, Any] | None, case: Case | None) -> Reason | None:
    """Return what stands against printing a paper: not to be had, erased, out of use, revoked."""
    if paper is None or case is None:
        return blocked(N_("There is no paper of this kind that you may open."), code="no_document")
    if paper["erased_at"]:
        return blocked(ERASED, code="erased")
    if paper["voided_at"]:
        return blocked(REVOKED, code="revoked")
    return erasure.out_of_use_because(case)


def stack_file(number: str, stack: int, actor: Actor) -> bytes:
    """Return a stack's file for the printer, once it is on record whose papers are opened.

    Raises NotFound for a run or stack the actor may not see, Refused where the file is gone or a paper in it may not
    be opened any more.
    """
    with read() as conn:
        run, kept, papers = _opened(conn, number, stack, actor)
    if not kept["store_key"]:
        raise Refused([blocked(FILE_GONE, code="file_gone")])
    content = store.store().get(kept["store_key"])
    look_ups.note_printed(actor, run["number"], papers)
    return content


def stack_papers(number: str, stack: int, actor: Actor) -> bytes:
    """Return the kept files of a stack's papers as a ZIP; it needs no printer's file, raises the rest that one does."""
    with read() as conn:
        run, _kept, papers = _opened(conn, number, stack, actor)
    names = {paper: f"{parcels.safe(case.reference, run['kind'], paper)}.pdf" for paper, case in papers.items()}
    content = parcels.packed((name, documents.render(paper)) for paper, name in names.items())
    look_ups.note_printed(actor, run["number"], papers)
    return content


def _opened(
    conn: Connection, number: str, stack: int, actor: Actor
) -> tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Case]]:
    """Return a run, one of its stacks that is made, and the records of the papers within."""
    run = of_number(conn, number, actor)
    kept = one_row(conn, sa.select(STACK).where(STACK.c.run_id == run["id"], STACK.c.stack == stack))
    if kept is None:
        raise NotFound(number)
    inside = SHEET.c.run_id == run["id"], SHEET.c.stack == stack, SHEET.c.made_at.is_not(None)
    papers = list(conn.execute(sa.select(SHEET.c.document).where(*inside).order_by(SHEET.c.position)).scalars())
    found, against = fit(conn, run, papers, actor)
    if against:
        raise Refused([_of_sheet(paper, reason) for paper, reason in against.items()])
    return run, kept, found


def _of_sheet(paper: str, reason: Reason) -> Reason:
    text = N_("%(paper)s may not be opened any more; print the others again without it.")
    return blocked(text, code=reason.code, paper=paper)


# Not for long


def purge() -> int:
    """Remove the printer's files that were kept long enough, the log of prints stays; return how many there were."""
    with write() as conn:
        days = settings(policies.in_force(conn, clock.today()).policy)["keep_days"]
        old = STACK.c.store_key != "", STACK.c.made_at < clock.now() - timedelta(days=days)
        keys = list(conn.execute(sa.select(STACK.c.store_key).where(*old)).scalars())
        gone = STACK.update().where(STACK.c.store_key.in_(keys))
        conn.execute(gone.values(store_key="", removed_at=clock.now()))
    for key in keys:
        store.store().delete(key)
    return len(keys)
