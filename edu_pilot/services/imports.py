"""Lists as the school sends them, scores and diplomas: each line judged by its step's own guard, good ones taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read
from edu_pilot.models import Study
from edu_pilot.rules.identity import half_width, normalise_id, normalise_name, without_blanks
from edu_pilot.rules.study import plan
from edu_pilot.services import cases, policies
from edu_pilot.services.actors import require_role
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import Result, objections, perform_many, unit_of, version_of
from edu_pilot.services.roster_reading import (
    NONE_CHOSEN,
    Chosen,
    HeaderNotFound,
    Heads,
    as_text,
    cells_of,
    column_of,
    day_of,
    digits_lost,
    find_header,
    is_data,
)
from edu_pilot.services.rosters import Progress, Report, Told, Unusable
from edu_pilot.services.spreadsheets import Cell, Unreadable
from edu_pilot.services.tables import read_grid
from edu_pilot.services.unit import Unit
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import visible_to
from edu_pilot.workflow.reasons import N_, Fact, Reason
from edu_pilot.workflow.registry import Actor

WORKFLOW = "study"
STUDY = Study.__table__
SQL_LIST = 500

STUDENT_NUMBER_UNKNOWN = N_("No student has this student number.")
NAME_MISMATCH = N_("The name is not the one recorded for this student number.")
ID_NUMBER_MISMATCH = N_("The ID number is not the one recorded for this student number.")
LOST_DIGITS = N_(
    "The spreadsheet kept this number as a number and lost its last digits; "
    "format the column as text and type the number again."
)
DUPLICATE = N_("The same is said on row %(first_row)s already.")
COURSE_NAME_DIFFERS = N_("In the teaching plan this course is called: %(course)s")


@dataclass(frozen=True)
class Kind:
    """A list: the step each line takes, its heads, what of a line is the step's input, what makes a line the same."""

    action: str
    heads: Heads
    needed: tuple[str, ...]
    given: tuple[str, ...]
    same: tuple[str, ...]


STUDENT: Heads = {"student_number": ("学号",), "name": ("姓名",)}
SCORES = Kind(
    "record_score",
    {
        **STUDENT,
        "course": ("课程代码",),
        "course_name": ("课程名称",),
        "formative": ("形考成绩", "形成性考核成绩"),
        "final": ("终考成绩", "终结性考试成绩"),
        "sat_on": ("考试日期",),
    },
    needed=("student_number", "name", "course", "formative", "final", "sat_on"),
    given=("course", "sat_on", "formative", "final"),
    same=("student_number", "course", "sat_on"),
)
DIPLOMAS = Kind(
    "graduate",
    {
        **STUDENT,
        "id_number": ("身份证号", "身份证号码", "公民身份号码"),
        "diploma_number": ("毕业证书编号", "毕业证编号"),
        "diploma_on": ("毕业日期",),
    },
    needed=("student_number", "name", "diploma_number", "diploma_on"),
    given=("diploma_number", "diploma_on"),
    same=("student_number",),
)
KINDS: Mapping[str, Kind] = {"scores": SCORES, "diplomas": DIPLOMAS}


@dataclass
class Line:
    """One line of a list: values as they are given to the step, cells as in the file, what is said of them."""

    number: int
    values: dict[str, str]
    raw: dict[str, str]
    problems: list[Reason] = field(default_factory=list)
    notices: list[Reason] = field(default_factory=list)
    record_id: str = ""


def import_list(
    kind: Kind,
    data: bytes,
    filename: str,
    actor: Actor,
    *,
    chosen: Chosen = NONE_CHOSEN,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Judge every line and take the step of the good ones; a dry run writes nothing.

    Raises Unusable (file_unreadable, header_not_found) or Forbidden.
    """
    with read() as conn:
        definition = policies.in_force(conn, clock.today()).compiled.definition(WORKFLOW)
        require_role(actor, definition.actions[kind.action].by)
        lines = _lines(kind, data, filename, chosen)
        _judge(kind, unit_of(conn, actor), lines)
    good = [line for line in lines if not line.problems]
    taken = {} if dry_run else _take(kind, good, actor, progress)
    return _report(kind, lines, taken)


def _lines(kind: Kind, data: bytes, filename: str, chosen: Chosen) -> list[Line]:
    try:
        grid = read_grid(data, filename)
        header = find_header(grid, kind.heads, kind.needed, chosen)
    except (Unreadable, HeaderNotFound) as fault:
        raise Unusable(fault.reason) from None
    below = ((row, cells_of(row, header)) for row in grid.rows if row.number > header.row)
    lines = [_line(kind, row.number, cells) for row, cells in below if is_data(row, cells, ("student_number",))]
    _mark_repeated(kind.same, lines)
    if "diploma_number" in kind.given:
        _mark_repeated(("diploma_number",), lines)
    return lines


def _line(kind: Kind, number: int, cells: Mapping[str, Cell]) -> Line:
    raw = {column: as_text(cells.get(column, "")) for column in kind.heads}
    line = Line(number, {column: half_width(text).strip() for column, text in raw.items()}, raw)
    for column in ("sat_on", "diploma_on"):
        if day := day_of(cells.get(column, "")):
            line.values[column] = day.isoformat()
    for column in ("id_number", "diploma_number"):
        if digits_lost(cells.get(column, "")):
            line.problems.append(_fault(f"{column}_lost_digits", LOST_DIGITS, column))
    return line


def _fault(code: str, text: str, column: str, **facts: Fact) -> Reason:
    return Reason(code, text, facts, ("registrar",), column)


def _mark_repeated(columns: Sequence[str], lines: Sequence[Line]) -> None:
    """Every line after the first that says the same is a fault, whatever became of the first."""
    first: dict[tuple[str, ...], int] = {}
    for line in lines:
        key = tuple(line.values[column] for column in columns)
        if all(key) and first.setdefault(key, line.number) != line.number:
            line.problems.append(_fault("duplicate_in_file", DUPLICATE, columns[0], first_row=first[key]))


def _judge(kind: Kind, unit: Unit, lines: Sequence[Line]) -> None:
    for start in range(0, len(lines), SQL_LIST):
        part = lines[start : start + SQL_LIST]
        known = _students(unit.conn, unit.actor, {line.values["student_number"] for line in part})
        for line in part:
            _judge_line(kind, unit, line, known.get(line.values["student_number"]))


def _students(conn: Connection, actor: Actor, numbers: set[str]) -> dict[str, Case]:
    """Return the studies the actor may see, by student number, read together."""
    query = sa.select(STUDY).where(STUDY.c.student_number.in_(numbers), visible_to(actor, STUDY))
    found = cases.batch_of(conn, vault(), WORKFLOW, all_rows(conn, query))
    return {str(case.student_number): case for case in found}


def _judge_line(kind: Kind, unit: Unit, line: Line, case: Case | None) -> None:
    if case is None:
        line.problems.append(_fault("student_number_unknown", STUDENT_NUMBER_UNKNOWN, "student_number"))
        return
    line.record_id = case.id
    line.problems += _strangers(line, case)
    lost = {column_of(reason) for reason in line.problems if reason.code.endswith("_lost_digits")}
    against = [_placed(kind, reason) for reason in objections(unit, case, kind.action, _given(kind, line))]
    line.problems += [reason for reason in against if reason.field not in lost]
    order = list(kind.heads)
    line.problems.sort(key=lambda reason: order.index(column_of(reason)))
    line.notices += _course_remarks(unit, case, line)


def _strangers(line: Line, case: Case) -> Iterator[Reason]:
    """A line whose name or ID number is not the student's speaks of somebody else; former numbers are the student's."""
    if normalise_name(line.values["name"])[0] != case.person.name:
        yield _fault("name_mismatch", NAME_MISMATCH, "name")
    number = normalise_id(line.values.get("id_number", ""))
    known = {case.person.id_number} | case.numbers_before
    lost = any(reason.code == "id_number_lost_digits" for reason in line.problems)
    if number and not lost and number not in known:
        yield _fault("id_number_mismatch", ID_NUMBER_MISMATCH, "id_number")


def _placed(kind: Kind, reason: Reason) -> Reason:
    """What is said of the study itself is told at its number."""
    return reason if reason.field in kind.heads else replace(reason, field="student_number")


def _given(kind: Kind, line: Line) -> dict[str, str]:
    return {column: line.values[column] for column in kind.given if line.values[column]}


def _course_remarks(unit: Unit, case: Case, line: Line) -> Iterator[Reason]:
    name = without_blanks(line.values.get("course_name", ""))
    courses = plan(version_of(unit, case).policy, case.major) if name else ()
    course = next((c for c in courses if c["code"] == line.values["course"]), None)
    if course and half_width(without_blanks(course["course"])) != name:
        yield _fault("course_name_differs", COURSE_NAME_DIFFERS, "course_name", course=course["course"])


def _take(kind: Kind, good: Sequence[Line], actor: Actor, progress: Progress | None) -> dict[int, Result]:
    """Take the lines in waves that name each student once, so that each step sees the one before it."""
    taken: dict[int, Result] = {}
    for wave in _waves(good):
        inputs = {line.record_id: _given(kind, line) for line in wave}
        results = perform_many(WORKFLOW, list(inputs), kind.action, actor, inputs=inputs)
        for line, result in zip(wave, results, strict=True):
            taken[line.number] = result
            if progress:
                progress(len(taken), len(good))
    return taken


def _waves(lines: Sequence[Line]) -> list[list[Line]]:
    waves: list[list[Line]] = []
    turns: dict[str, int] = {}
    for line in lines:
        turn = turns[line.record_id] = turns.get(line.record_id, -1) + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(line)
    return waves


def _report(kind: Kind, lines: Sequence[Line], taken: Mapping[int, Result]) -> Report:
    """Put together what was taken; a line that was refused while it was written is told like any other."""
    for line in lines:
        late = taken[line.number].reasons if line.number in taken else ()
        line.problems += [_placed(kind, reason) for reason in late]
    accepted = [line for line in lines if not line.problems]
    records = tuple((line.number, taken[line.number].reference) for line in accepted if line.number in taken)
    problems, notices = _told(lines, lambda line: line.problems), _told(accepted, lambda line: line.notices)
    return Report(len(lines), len(accepted), problems, notices, records)


def _told(lines: Sequence[Line], said: Callable[[Line], list[Reason]]) -> tuple[Told, ...]:
    return tuple(
        Told(line.number, reason, line.raw.get(column_of(reason), "")) for line in lines for reason in said(line)
    )
