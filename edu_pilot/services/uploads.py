"""Lists on their way in: looked over, kept, taken in the background, and taken back while nobody acted on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read
from edu_pilot.models import Account, Application, AuditEntry
from edu_pilot.services import (
    accounts,
    begun,
    exports,
    imports,
    look_ups,
    national_query,
    outbox,
    rosters,
)
from edu_pilot.services.begun import Kept
from edu_pilot.services.perform import perform_many
from edu_pilot.services.roster_reading import (
    HEADS,
    NONE_CHOSEN,
    Chosen,
    HeaderNotFound,
    Heads,
    as_text,
    is_own,
    likely_header,
    unrecognised,
)
from edu_pilot.services.rosters import Progress, Report, Told
from edu_pilot.services.spreadsheets import Grid, Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.services.visibility import visible_to, walled
from edu_pilot.workflow.reasons import N_, Malformed, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
APPLICATION = Application.__table__
ENTRY = AuditEntry.__table__
# So many rows are taken while the clerk waits; longer lists go to the worker.
AT_ONCE = 60
# Bad rows shown on the page; the rest is in the workbook.
SHOWN = 100
# How often the page is told how far a list is, in rows.
EVERY = 100
SQL_LIST = 500
# What a roster does to an application by itself: any other entry is somebody's work.
OWN_STEPS = ("create", "register")
TAKEN_ALREADY = N_("This list was taken already.")
NOTHING_TO_TAKE = N_("No row of this list can be taken.")
CHOSEN_TWICE = N_("%(column)s is held by more than one column (%(heads)s): choose it for one of them.")
NO_SUCH_FIELD = N_("Choose one of the fields that the list offers for each column.")
NOT_TO_UNDO = N_("Only a roster that was taken can be taken back.")


class Take(Protocol):
    """How a kind of list is judged, and taken unless it is a dry run."""

    def __call__(
        self, data: bytes, filename: str, about: str, actor: Actor, *, chosen: Chosen, dry_run: bool,
        progress: Progress | None,
    ) -> Report: ...  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of list: its columns, what takes it, and how it may be taken."""

    take: Take
    heads: Heads
    needed: Sequence[str]
    # Columns that need not stand in the file for it to be read, but without which the rules take no row.
    asked: Sequence[str] = ()
    # Proved by a code while the person sits there, so never left to the worker.
    in_person: bool = False
    can_be_undone: bool = False
    hints: Mapping[str, str] = field(default_factory=dict)


def _people(
    kind: rosters.Kind, data: bytes, filename: str, about: str, actor: Actor, *, chosen: Chosen,
    dry_run: bool, progress: Progress | None,
) -> Report:  # fmt: skip
    found = rosters.import_roster(
        data, filename, about, actor, kind=kind, chosen=chosen, dry_run=dry_run, progress=progress
    )
    if not dry_run:
        outbox.follow_up()
    return found


def _list(
    kind: imports.Kind, data: bytes, filename: str, _about: str, actor: Actor, *, chosen: Chosen,
    dry_run: bool, progress: Progress | None,
) -> Report:  # fmt: skip
    return imports.import_list(kind, data, filename, actor, chosen=chosen, dry_run=dry_run, progress=progress)


def _certificates(
    data: bytes, filename: str, about: str, actor: Actor, *, chosen: Chosen, dry_run: bool, progress: Progress | None
) -> Report:
    # The only column there is must be there, so nothing is left to choose.
    del about, chosen, progress
    return national_query.take(data, filename, actor, dry_run=dry_run)


_PERSON = {
    "id_number": "371425199003071234", "birth_on": "1990-03-07", "phone": "13812345678", "sex": "男",
    "level": "专科", "previous_diploma": "高中", "union_member": "是",
}  # fmt: skip
_ASKED = ("phone", "county", "point", "level", "major", "previous_diploma")
KINDS: Mapping[str, Kind] = {
    "rosters": Kind(
        partial(_people, rosters.REGISTER), HEADS, ("name", "id_number"), asked=_ASKED, can_be_undone=True,
        hints=_PERSON,
    ),
    "cases": Kind(
        partial(_people, rosters.TAKE_OVER), {**HEADS, **rosters.TAKE_OVER.more, **rosters.TAKE_OVER.optional},
        ("name", "id_number", *rosters.TAKE_OVER.more), asked=_ASKED, hints={**_PERSON, "confirmed_on": "2022-09-06"},
    ),
    "scores": Kind(
        partial(_list, imports.SCORES), imports.SCORES.heads, imports.SCORES.needed, hints={"sat_on": "2024-07-05"}
    ),
    "diplomas": Kind(
        partial(_list, imports.DIPLOMAS), imports.DIPLOMAS.heads, imports.DIPLOMAS.needed,
        hints={"diploma_on": "2025-01-31"},
    ),
    "certificates": Kind(
        _certificates, {national_query.COLUMN: national_query.HEADS}, (national_query.COLUMN,), in_person=True
    ),
}  # fmt: skip


# Looking over


def look_over(name: str, data: bytes, filename: str, about: str, actor: Actor) -> str:
    """Judge a list, keep it with what was found, and return its id; raises as the kind's import does."""
    told = _judged(name, data, filename, about, actor, NONE_CHOSEN)
    return begun.keep_list(name, about, filename, data, told, actor)


def choose(list_id: str, chosen: Chosen, actor: Actor) -> None:
    """Read columns as a clerk says, {head: column}, and judge the list anew; raises Refused as well as the import."""
    with read() as conn:
        kept = begun.list_of(conn, list_id, actor)
    _require_one_each(kept, chosen)
    told = _judged(kept.row["name"], kept.data, kept.filename, kept.row["about"], actor, chosen)
    if not begun.judge_anew(list_id, told):
        raise Refused([blocked(TAKEN_ALREADY, code="taken_already", who="clerk")])


def _require_one_each(kept: Kept, chosen: Chosen) -> None:
    heads = KINDS[kept.row["name"]].heads
    if not chosen.keys() <= set(kept.told.get("open", ())) or not set(chosen.values()) <= heads.keys():
        raise Malformed([blocked(NO_SUCH_FIELD, code="no_such_field", who="clerk")])
    held = {column: [text] for column, text in recognised(kept).items()}
    for text, column in chosen.items():
        held.setdefault(column, []).append(text)
    twice = {column: "、".join(texts) for column, texts in held.items() if len(texts) > 1}
    if twice:
        told = ((heads[column][0], texts) for column, texts in twice.items())
        raise Refused(
            blocked(CHOSEN_TWICE, code="column_chosen_twice", who="clerk", column=c, heads=texts) for c, texts in told
        )


def recognised(kept: Kept) -> dict[str, str]:
    """Return the columns whose heads are known without anybody's choice, with their heads in the file."""
    chosen = kept.told.get("chosen", {})
    return {column: text for column, text in kept.told.get("heads", {}).items() if text not in chosen}


def _judged(name: str, data: bytes, filename: str, about: str, actor: Actor, chosen: Chosen) -> dict[str, Any]:
    """Return what is found in a list; one whose needed heads are missing has no row, but columns to choose from."""
    refused: Sequence[Reason] = ()
    try:
        report = KINDS[name].take(data, filename, about, actor, chosen=chosen, dry_run=True, progress=None)
    except rosters.Unusable as fault:
        if fault.code != "header_not_found":
            raise
        report, refused = Report(0, 0, (), ()), fault.reasons
    return _found(name, data, filename, chosen, report) | {"refused": [asdict(reason) for reason in refused]}


def _found(name: str, data: bytes, filename: str, chosen: Chosen, report: Report) -> dict[str, Any]:
    return {
        "report": _written(report), "chosen": dict(chosen), **_bad_rows(name, data, filename, chosen, report)
    }  # fmt: skip


def _written(report: Report) -> dict[str, Any]:
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "problems": [_remark(told) for told in report.problems],
        "notices": [_remark(told) for told in report.notices],
        "records": [list(pair) for pair in report.records],
    }


def _remark(told: Told) -> dict[str, Any]:
    return {"row": told.row, "value": told.value, "reason": asdict(told.reason)}


def report_of(kept: Kept) -> Report:
    """Return what was found in a list, as it was when it was looked over or taken."""
    told = kept.told["report"]
    problems, notices = (tuple(_read(remark) for remark in told[n]) for n in ("problems", "notices"))
    records = tuple((row, reference) for row, reference in told["records"])
    return Report(told["rows"], told["accepted"], problems, notices, records)


def _read(remark: Mapping[str, Any]) -> Told:
    reason = dict(remark["reason"]) | {"who": tuple(remark["reason"]["who"])}
    return Told(remark["row"], Reason(**reason), remark["value"])


def _bad_rows(name: str, data: bytes, filename: str, chosen: Chosen, report: Report) -> dict[str, Any]:
    """Return the columns the file has, those that nobody reads, and the cells of its first bad rows, for the page."""
    grid, columns, head = _table(name, data, filename, chosen)
    bad = {told.row for told in report.problems}
    rows = [row for row in grid.rows if row.number in bad and row.number > head][:SHOWN]
    cells = {
        row.number: {c: as_text(row.cells[at]) for c, at in columns.items() if at < len(row.cells)} for row in rows
    }
    line = next(row for row in grid.rows if row.number == head)
    known = {*columns.values(), *(at for at, cell in enumerate(line.cells) if is_own(cell))}
    unread = [text for at, cell in enumerate(line.cells) if at not in known and (text := as_text(cell).strip())]
    return {
        "columns": list(columns),
        "heads": {c: as_text(line.cells[at]).strip() for c, at in columns.items()},
        "unread": unread,
        "open": unrecognised(line, KINDS[name].heads),
        "cells": {str(number): found for number, found in cells.items()},
    }


def _table(name: str, data: bytes, filename: str, chosen: Chosen) -> tuple[Grid, Mapping[str, int], int]:
    """Return a list's table, where each of its columns stands, and the line of its head."""
    kind, grid = KINDS[name], read_grid(data, filename)
    try:
        head = likely_header(grid, kind.heads, kind.needed, chosen)
    except HeaderNotFound as fault:
        raise rosters.Unusable(fault.reason) from None
    return grid, head.columns, head.row


# Taking


def take(list_id: str, actor: Actor) -> None:
    """Take the good rows of a list: a short one now, a long one by the worker; raises Refused if there is nothing."""
    with read() as conn:
        kept = begun.list_of(conn, list_id, actor)
    total = report_of(kept).accepted
    if not total:
        raise Refused([blocked(NOTHING_TO_TAKE, code="nothing_to_take", who="clerk")])
    kind = KINDS[kept.row["name"]]
    if kind.in_person:
        # Asked for before it is noted: the step may want the identity proved first.
        _take_now(kept, actor)
        return
    if not begun.ask(list_id, total):
        raise Refused([blocked(TAKEN_ALREADY, code="taken_already", who="clerk")])
    if total <= AT_ONCE:
        _take_now(kept, actor)


def take_waiting() -> int:
    """Take the lists that wait, for the accounts that asked; return how many there were."""
    waiting = begun.asked(AT_ONCE)
    for list_id, account in waiting:
        _take_for(list_id, account)
    return len(waiting)


def _take_for(list_id: str, account: str) -> None:
    """Take one list; whatever stands against it is told on its page, and it is not tried for ever."""
    with read() as conn:
        actor = accounts.active(conn, ACCOUNT.c.id == account)
        kept = begun.list_of(conn, list_id, actor) if actor else None
    if kept and kept.phase != "taking":
        # Taken meanwhile: judged once more, its own rows would count as registered already.
        return
    try:
        if actor and kept:
            _take_now(kept, actor)
            return
    except Refused as refused:
        begun.note(list_id, (kept.told if kept else {}) | {"refused": [asdict(reason) for reason in refused.reasons]})
    begun.note(list_id, taken_at=clock.now())


def _take_now(kept: Kept, actor: Actor) -> None:
    kind, name = KINDS[kept.row["name"]], kept.row["name"]

    def progress(done: int, total: int) -> None:
        if done % EVERY == 0 or done == total:
            begun.note(kept.id, done=done, total=total)

    chosen = kept.told.get("chosen", NONE_CHOSEN)
    report = kind.take(
        kept.data, kept.filename, kept.row["about"], actor,
        chosen=chosen, dry_run=False, progress=None if kind.in_person else progress,
    )  # fmt: skip
    told = _found(name, kept.data, kept.filename, chosen, report)
    begun.note(kept.id, told, taken_at=clock.now(), asked_at=kept.row["asked_at"] or clock.now(), done=report.accepted)


# Taking back


@dataclass(frozen=True)
class TakenBack:
    """How many rows of a list were taken back, and which stay because somebody acted on them, with the reasons."""

    number: int
    left: tuple[tuple[str, tuple[Reason, ...]], ...]


ACTED_ON = N_("%(actor)s did “%(action)s” on it since.")


def undo(list_id: str, actor: Actor) -> TakenBack:
    """Withdraw every record that a roster brought in and nobody has acted on; the others stay and are named."""
    with read() as conn:
        kept = begun.list_of(conn, list_id, actor)
        if not KINDS[kept.row["name"]].can_be_undone or kept.phase != "taken":
            raise Refused([blocked(NOT_TO_UNDO, code="not_to_undo", who="clerk")])
        references = [reference for _row, reference in report_of(kept).records]
        acted = dict(_acted_on(conn, references))
        free = _ids(conn, actor, [reference for reference in references if reference not in acted])
    given = {"withdrawal": "ENTERED_BY_MISTAKE"}
    results = list(perform_many("application", free, "withdraw", actor, given))
    outbox.follow_up()
    refused = {result.reference: result.reasons for result in results if result.reasons}
    left = tuple(sorted({**acted, **refused}.items()))
    begun.note(list_id, kept.told | {"left": [reference for reference, _why in left]}, undone_at=clock.now())
    return TakenBack(len(results) - len(refused), left)


def _acted_on(conn: Connection, references: Sequence[str]) -> Iterator[tuple[str, tuple[Reason, ...]]]:
    for start in range(0, len(references), SQL_LIST):
        part = references[start : start + SQL_LIST]
        query = sa.select(ENTRY.c.reference, ENTRY.c.actor, ENTRY.c.action).where(
            ENTRY.c.workflow == "application", ENTRY.c.reference.in_(part), ENTRY.c.action.not_in(OWN_STEPS)
        )
        for row in conn.execute(query):
            action = f"label:application.actions.{row.action}"
            yield row.reference, (blocked(ACTED_ON, code="acted_on", actor=row.actor, action=action),)


def _ids(conn: Connection, actor: Actor, references: Sequence[str]) -> list[str]:
    found: dict[str, str] = {}
    for start in range(0, len(references), SQL_LIST):
        part = references[start : start + SQL_LIST]
        query = sa.select(APPLICATION.c.reference, APPLICATION.c.id).where(visible_to(actor, APPLICATION))
        with walled(conn, actor):
            rows = all_rows(conn, query.where(APPLICATION.c.reference.in_(part)))
        found |= {row["reference"]: row["id"] for row in rows}
    return [found[reference] for reference in references if reference in found]


# Workbooks


def annotated(list_id: str, actor: Actor, say: Callable[[Reason], str], head: str) -> tuple[bytes, str]:
    """Return a list as it was sent, as a workbook, with a column that says what is wrong and the cells marked."""
    with read() as conn:
        kept = begun.list_of(conn, list_id, actor)
    report, (grid, columns, head_row) = report_of(kept), _told_table(kept)
    by_row: dict[int, list[Told]] = {}
    for told in report.problems:
        by_row.setdefault(told.row, []).append(told)
    last = _place(grid, head_row)
    lines = [_line(row.cells, last, _said(row.number, by_row, head_row, say, head)) for row in grid.rows]
    marked = {(told.row - 1, columns.get(told.column, last)) for found in by_row.values() for told in found if told.row}
    look_ups.note(actor, look_ups.EXPORT, None, "list")
    name = kept.filename.rsplit(".", 1)[0]
    return exports.workbook({"Sheet1": lines}, marked=marked), f"{name}-checked.xlsx"


def _told_table(kept: Kept) -> tuple[Grid, Mapping[str, int], int]:
    try:
        return _table(kept.row["name"], kept.data, kept.filename, kept.told.get("chosen", NONE_CHOSEN))
    except Unreadable as fault:
        raise rosters.Unusable(fault.reason) from None


def _said(number: int, by_row: Mapping[int, list[Told]], head_row: int, say: Callable[[Reason], str], head: str) -> str:
    if number == head_row:
        return head
    return "；".join(say(told.reason) for told in by_row.get(number, ()))


def _place(grid: Grid, head_row: int) -> int:
    """Return the column for what is wrong: the one a list came back with, or a new one at the end."""
    heads = next((row.cells for row in grid.rows if row.number == head_row), ())
    wide = max((len(row.cells) for row in grid.rows), default=0)
    return next((at for at, cell in enumerate(heads) if is_own(cell)), wide)


def _line(cells: Sequence[Any], place: int, said: str) -> list[str]:
    texts = [as_text(cell) for cell in cells]
    return [*texts[:place], *[""] * (place - len(texts)), said, *texts[place + 1 :]]


def template(name: str) -> bytes:
    """Return an empty list of a kind: its heads as offices write them, and how cells are written."""
    kind = KINDS[name]
    heads = [names[0] for names in kind.heads.values()]
    starred = [
        f"{head}*" if column in (*kind.needed, *kind.asked) else head
        for column, head in zip(kind.heads, heads, strict=True)
    ]
    shown = [[head, kind.hints.get(column, "")] for column, head in zip(kind.heads, heads, strict=True)]
    return exports.workbook({"Sheet1": [starred], "填写示例": [["列", "写法"], *shown]})
