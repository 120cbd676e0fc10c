"""Rosters as clerks send them: judged by the rules of registration, good rows taken, every fault told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Application, LiveCase
from edu_pilot.rules.calendar import intake_is_open, intake_is_ours
from edu_pilot.rules.lookups import known_regions, level_code
from edu_pilot.services import cases, exports, fitting, glyphs, policies
from edu_pilot.services.actors import require_role
from edu_pilot.services.answers import read_date
from edu_pilot.services.effects.application import PLAIN
from edu_pilot.services.perform import Result, enter_many
from edu_pilot.services.roster_reading import (
    HEADS,
    NEEDED_HEADS,
    NONE_CHOSEN,
    Chosen,
    HeaderNotFound,
    Heads,
    RosterRow,
    column_of,
    find_header,
    mark_repeated_numbers,
    note_shared_phones,
    note_unknown_regions,
    note_unprintable,
    problems_of,
    read_rows,
)
from edu_pilot.services.spreadsheets import Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.services.vault import vault
from edu_pilot.services.wording import masked_id
from edu_pilot.workflow.definition import Definition
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.reasons import Blocked, Reason, Refused
from edu_pilot.workflow.registry import Actor, Attempt

WORKFLOW = "application"
APPLICATION = Application.__table__
LIVE = LiveCase.__table__
SQL_LIST = 500
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Kind:
    """What a roster's rows become: the step that takes them, the rule for its intake, its further columns."""

    step: str
    intake: Callable[[Attempt], Blocked]
    more: Heads = field(default_factory=dict)
    optional: Heads = field(default_factory=dict)


REGISTER = Kind("register", intake_is_open)
# Counties that already have students: the roster's columns with the number and day of the school status.
TAKE_OVER = Kind(
    "take_over",
    intake_is_ours,
    {"student_number": ("学号",), "confirmed_on": ("注册日期", "学籍注册日期")},
    {"occupation": ("拟考证书", "拟考工种")},
)


class Unusable(Refused):
    """A roster that cannot be judged at all: nothing is written."""

    def __init__(self, reason: Reason) -> None:
        super().__init__([reason])
        self.code = reason.code


@dataclass(frozen=True)
class Told:
    """One remark on one row, as the spreadsheet shows its number."""

    row: int
    reason: Reason
    value: str

    @property
    def column(self) -> str:
        """The canonical column the remark is about."""
        return column_of(self.reason)


@dataclass(frozen=True)
class Report:
    """What became of a roster's rows."""

    rows: int
    accepted: int
    problems: tuple[Told, ...]
    notices: tuple[Told, ...]
    records: tuple[tuple[int, str], ...] = ()

    @property
    def rejected(self) -> int:
        """Rows that were not taken."""
        return self.rows - self.accepted

    def as_dict(self, say: Callable[[Reason], str]) -> dict[str, Any]:
        """Return the answer of the contract, its sentences said in the reader's language."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "problems": [_told(t, say) for t in self.problems],
            "notices": [_told(t, say) for t in self.notices],
            "records": [{"row": row, "reference": reference} for row, reference in self.records],
        }


def _told(told: Told, say: Callable[[Reason], str]) -> dict[str, Any]:
    shown = masked_id(told.value) if told.column == "id_number" else told.value
    return {
        "row": told.row,
        "column": told.column,
        "code": told.reason.code,
        "text": say(told.reason),
        "value": shown,
    }


@dataclass
class _Judged:
    """A row with everything the rules say against it."""

    row: RosterRow
    problems: list[Reason] = field(default_factory=list)


def import_roster(
    data: bytes,
    filename: str,
    intake: str,
    actor: Actor,
    *,
    kind: Kind = REGISTER,
    chosen: Chosen = NONE_CHOSEN,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Judge every row and take the good ones as registered or taken-over cases; a dry run writes nothing.

    Raises Unusable (file_unreadable, header_not_found, intake_unknown, intake_closed) or Forbidden.
    """
    with read() as conn:
        engine, attempt = _setting(conn, kind, intake, actor)
        rows = _rows(conn, _table(data, filename, kind, chosen), attempt, kind)
        judged = [_Judged(row, problems) for row, problems in _judge(conn, engine, attempt, kind, rows)]
    good = [j.row for j in judged if not j.problems]
    results = [] if dry_run else _take(good, kind, intake, actor, progress)
    return _report(judged, good, results)


def taken_by(definition: Definition, step: str = "register") -> list[str]:
    """Return the roles that may both enter and take in: nobody else learns who is registered already (R2.8)."""
    takers = definition.actions[step].by
    return [role for role in definition.create.by if role in takers]


def _setting(conn: Connection, kind: Kind, intake: str, actor: Actor) -> tuple[Engine, Attempt]:
    """Return the engine and an attempt to ask it with; raise where no row could be taken."""
    version = policies.in_force(conn, clock.today())
    engine = version.compiled.engines[WORKFLOW]
    require_role(actor, taken_by(engine.definition, kind.step))
    blank = cases.candidate(conn, vault(), WORKFLOW, [{"id": "", "intake": intake}])[0]
    attempt = Attempt(blank, kind.step, actor, {}, version.policy, clock.today())
    if isinstance(closed := kind.intake(attempt), Reason):
        raise Unusable(closed)
    return engine, attempt


def _table(data: bytes, filename: str, kind: Kind, chosen: Chosen) -> list[RosterRow]:
    heads, needed = {**HEADS, **kind.more, **kind.optional}, (*NEEDED_HEADS, *kind.more)
    try:
        grid = read_grid(data, filename)
        return read_rows(grid, find_header(grid, heads, needed, chosen))
    except (Unreadable, HeaderNotFound) as fault:
        raise Unusable(fault.reason) from None


def _rows(conn: Connection, rows: list[RosterRow], attempt: Attempt, kind: Kind) -> list[RosterRow]:
    if "student_number" in kind.more:
        mark_repeated_numbers(rows)
    note_unknown_regions(rows, known_regions(attempt.policy))
    note_shared_phones(rows, _live_phones(conn, rows))
    note_unprintable(rows, glyphs.not_drawn)
    return rows


def _live_phones(conn: Connection, rows: Sequence[RosterRow]) -> set[str]:
    """Return the phones of the file that some live application has too (R2.5)."""
    keys = {vault().index("phone", row.values["phone"]): row.values["phone"] for row in rows}
    wanted, found = list(keys), set()
    for start in range(0, len(wanted), SQL_LIST):
        part = wanted[start : start + SQL_LIST]
        query = sa.select(APPLICATION.c.phone_index).join(LIVE, LIVE.c.application_id == APPLICATION.c.id)
        found |= set(conn.execute(query.where(APPLICATION.c.phone_index.in_(part))).scalars())
    return {keys[key] for key in found}


def _judge(
    conn: Connection, engine: Engine, attempt: Attempt, kind: Kind, rows: Sequence[RosterRow]
) -> list[tuple[RosterRow, list[Reason]]]:
    values = [_as_record(attempt, row, n) for n, row in enumerate(rows)]
    judged = []
    for row, case in zip(rows, cases.candidate(conn, vault(), WORKFLOW, values), strict=True):
        given = _step_input(kind, row)
        asked = Attempt(case, kind.step, attempt.actor, given, attempt.policy, attempt.today)
        # What would be refused while it is written is told with everything else, before anything is.
        long = fitting.too_long(APPLICATION, {name: row.values[name] for name in PLAIN})
        judged.append((row, problems_of(row, [*engine.blockers(asked, on_input=True), *long])))
    return judged


def _step_input(kind: Kind, row: RosterRow) -> dict[str, Any]:
    given = {name: row.values[name] for name in kind.more if row.values[name]}
    return given | ({"confirmed_on": read_date(given["confirmed_on"])} if "confirmed_on" in given else {})


def _as_record(attempt: Attempt, row: RosterRow, n: int) -> dict[str, Any]:
    number = row.values["id_number"]
    return {
        **row.values,
        "id": f"row-{n}",
        "intake": attempt.record.intake,
        "level": level_code(attempt.policy, row.values["level"]) or row.values["level"],
        "id_index": vault().index("id_number", number) if number else None,
    }


def _take(good: Sequence[RosterRow], kind: Kind, intake: str, actor: Actor, progress: Progress | None) -> list[Result]:
    columns = (*HEADS, *kind.optional)
    given = [{**{n: row.values[n] for n in columns if row.values.get(n)}, "intake": intake} for row in good]
    inputs = [_step_input(kind, row) for row in good]
    results: list[Result] = []
    for result in enter_many(WORKFLOW, given, kind.step, actor, inputs=inputs):
        results.append(result)
        if progress:
            progress(len(results), len(good))
    return results


def _report(judged: Sequence[_Judged], good: Sequence[RosterRow], results: Sequence[Result]) -> Report:
    """Put together what was taken; a row that lost a race while it was written is told like any other."""
    late = {row.number: result for row, result in zip(good, results, strict=False) if result.reasons}
    problems = [
        Told(j.row.number, reason, j.row.raw.get(column_of(reason), ""))
        for j in judged
        for reason in (*j.problems, *(late[j.row.number].reasons if j.row.number in late else ()))
    ]
    taken = [row for row in good if row.number not in late]
    notices = [
        Told(row.number, remark.reason(), row.raw.get(remark.column, "")) for row in taken for remark in row.notices
    ]
    records = [(row.number, result.reference) for row, result in zip(good, results, strict=False) if not result.reasons]
    return Report(len(judged), len(taken), tuple(problems), tuple(notices), tuple(records))


def workbook(answer: Mapping[str, Any]) -> bytes:
    """Return a roster's answer as a workbook for the clerk; nothing in it is a formula or a link."""
    columns = ("row", "column", "code", "text", "value")
    told = {name: [[line[column] for column in columns] for line in answer[name]] for name in ("problems", "notices")}
    return exports.workbook({name: [columns, *lines] for name, lines in told.items()})
