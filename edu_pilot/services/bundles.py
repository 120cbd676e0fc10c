"""Papers issued again where the workflow allows it, and the papers of many records in one folder or ZIP."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from edu_pilot import disk
from edu_pilot.extensions import read
from edu_pilot.services import documents, outbox, parcels, search
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import objections, unit_of, version_of
from edu_pilot.services.rendering import RenderingRefused
from edu_pilot.workflow.definition import SAME, Action
from edu_pilot.workflow.reasons import N_, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

NO_PAPER = N_("There is no paper of this kind that you may open.")
Progress = Callable[[int, int], None]
Keep = Callable[[str, bytes], None]


def issue_again(workflow: str, reference: str, kind: str, actor: Actor) -> str:
    """Issue a paper of a record by the step its workflow has for that, for the first time or anew; return its number.

    Raises NotFound, Forbidden, or Refused: `not_issued_here` where no step does so in the present state.
    """
    with read() as conn:
        case = search.get(conn, workflow, reference, actor)
        action = _step(conn, case, kind, actor)
    outbox.act(workflow, reference, action, actor)
    with read() as conn:
        return str(_newest(documents.of_record(conn, workflow, case.id))[kind]["number"])


def _step(conn: Connection, case: Case, kind: str, actor: Actor) -> str:
    """Return the step that can issue a paper now; where all are blocked the first, which tells why."""
    unit = unit_of(conn, actor)
    definition = version_of(unit, case).compiled.definition(case.workflow)
    steps = [action.name for action in definition.leaving(case.state) if _issues_only(action, kind, case.state)]
    if not steps:
        text = N_("In the state “%(state)s” no step issues this paper.")
        state = f"label:{definition.name}.states.{case.state}"
        raise Refused([blocked(text, code="not_issued_here", state=state)])
    return next((step for step in steps if not objections(unit, case, step, {})), steps[0])


def _issues_only(action: Action, kind: str, state: str) -> bool:
    """Whether a step issues the paper, asks nothing and leaves the record where it is."""
    stays = all(target.state in (SAME, state) for target in action.targets)
    return kind in action.issues and stays and not any(need.required for need in action.needs)


def _newest(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the newest paper of each kind that still holds."""
    return {row["kind"]: row for row in rows if row["voided_at"] is None}


@dataclass(frozen=True)
class Saved:
    """What became of one paper of one record: a file, or the reason why there is none."""

    reference: str
    kind: str
    number: str = ""
    file: str = ""
    reasons: tuple[Reason, ...] = ()


def bundle(
    target: Path,
    workflow: str,
    references: Sequence[str],
    kinds: Sequence[str],
    actor: Actor,
    progress: Progress | None = None,
) -> list[Saved]:
    """Write the papers of records that still hold into a folder, or a ZIP where the name ends so; tell each.

    `kinds` empty means every kind the actor may open. Raises OSError where the target cannot be written.
    """
    told: list[Saved] = []
    with _opened(target) as keep:
        for done, reference in enumerate(references, 1):
            told += _saved(keep, workflow, reference, kinds, actor)
            if progress:
                progress(done, len(references))
    return told


def zipped(workflow: str, references: Sequence[str], kind: str, actor: Actor) -> bytes:
    """Return the papers of one kind of many records as a ZIP; raise Refused naming every one that is not there."""
    files: dict[str, bytes] = {}
    told = [saved for name in references for saved in _saved(files.__setitem__, workflow, name, [kind], actor)]
    if refused := [reason for saved in told for reason in saved.reasons]:
        raise Refused(refused)
    return parcels.packed(files.items())


@dataclass(frozen=True)
class Stack:
    """One file for the printer: its name, the papers within in their order, and whether an earlier run wrote it."""

    file: str
    numbers: tuple[str, ...]
    printed_before: bool


def stacks(
    target: Path,
    workflow: str,
    references: Sequence[str],
    kind: str,
    actor: Actor,
    progress: Progress | None = None,
) -> tuple[list[Stack], list[Saved]]:
    """Write the papers of one kind of many records into a folder as files for the printer, a stack of sheets each.

    A stack bears a hash of what is in it and appears whole or not at all: a run that was stopped is taken up by
    calling this again, and what was written is neither drawn nor noted as opened a second time. Return the stacks,
    and what is in none with its reasons. Raises OSError where the folder cannot be written.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted, left = _found(workflow, references, kind, actor)
    made: list[Stack] = []
    for start in range(0, len(wanted), documents.STACK):
        stack, missing = _stack(target, wanted[start : start + documents.STACK], kind, actor)
        made, left = [*made, *stack], [*left, *missing]
        if progress:
            progress(min(start + documents.STACK, len(wanted)), len(wanted))
    return made, left


def _found(
    workflow: str, references: Sequence[str], kind: str, actor: Actor
) -> tuple[list[tuple[str, str]], list[Saved]]:
    """Return each record with the number of its paper, and the records that have none."""
    found, left = [], []
    for reference in references:
        try:
            row = _papers(workflow, reference, actor).get(kind)
        except NotFound:
            left.append(_without(reference, kind, N_("Not found: %(what)s"), "not_found", what=reference))
            continue
        if row is None:
            left.append(_without(reference, kind, NO_PAPER, "no_document"))
        else:
            found.append((reference, str(row["number"])))
    return found, left


def _without(reference: str, kind: str, text: str, code: str, **facts: str) -> Saved:
    return Saved(reference, kind, reasons=(blocked(text, code=code, **facts),))


def _stack(target: Path, wanted: Sequence[tuple[str, str]], kind: str, actor: Actor) -> tuple[list[Stack], list[Saved]]:
    digest = hashlib.sha256(" ".join(number for _, number in wanted).encode()).hexdigest()[:12]
    name = f"{parcels.safe(kind, wanted[0][1], str(len(wanted)), digest)}.pdf"
    if (target / name).exists():
        return [Stack(name, tuple(number for _, number in wanted), True)], []
    sheets: list[str] = []
    left: list[Saved] = []
    for reference, number in wanted:
        try:
            documents.content(number, actor)
            sheets.append(number)
        except RenderingRefused as refused:
            left.append(_without(reference, kind, refused.text, "not_rendered", **refused.facts))
    if not sheets:
        return [], left
    # Without the refused ones under another name: once these can be drawn, the whole stack is written anew.
    name = name if not left else f"partly-{name}"
    disk.write_private(target / name, documents.printer_file(sheets))
    return [Stack(name, tuple(sheets), False)], left


@contextmanager
def _opened(target: Path) -> Iterator[Keep]:
    if target.suffix.lower() != ".zip":
        target.mkdir(parents=True, exist_ok=True)
        yield lambda name, content: disk.write_private(target / name, content)
        return
    # Under another name until it is whole: half a ZIP would look like all of it.
    part = target.with_name(f".{target.name}.part")
    with disk.private(part) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        yield lambda name, content: archive.writestr(name, content)
    os.replace(part, target)


def _saved(keep: Keep, workflow: str, reference: str, kinds: Sequence[str], actor: Actor) -> list[Saved]:
    try:
        found = _papers(workflow, reference, actor)
    except NotFound:
        return [Saved(reference, "", reasons=(blocked(N_("Not found: %(what)s"), code="not_found", what=reference),))]
    wanted = kinds or sorted(found)
    return [_one(keep, reference, kind, found.get(kind), actor) for kind in wanted]


def _papers(workflow: str, reference: str, actor: Actor) -> dict[str, Mapping[str, Any]]:
    with read() as conn:
        case = search.get(conn, workflow, reference, actor)
        found = _newest(documents.of_record(conn, workflow, case.id))
        readable = documents.readable(conn, actor)
    return {kind: row for kind, row in found.items() if kind in readable}


def _one(keep: Keep, reference: str, kind: str, row: Mapping[str, Any] | None, actor: Actor) -> Saved:
    if row is None:
        return _without(reference, kind, NO_PAPER, "no_document")
    number = str(row["number"])
    try:
        content = documents.content(number, actor)
    except RenderingRefused as refused:
        return Saved(reference, kind, number, reasons=(blocked(refused.text, code="not_rendered", **refused.facts),))
    name = f"{parcels.safe(reference, kind, number)}.pdf"
    keep(name, content)
    return Saved(reference, kind, number, name)
