"""Is an installation whole after a crash? What was acknowledged is there, nothing is half done, nothing twice."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from edu_pilot.extensions import Base, all_rows, read, write
from edu_pilot.models import (
    AuditEntry,
    ClaimCheck,
    Document,
    Idempotency,
    Outbox,
    Paper,
    PaymentItem,
    PrivateInput,
    Score,
    Study,
)
from edu_pilot.services import audit, idempotency, outbox, store, sweep
from edu_pilot.services.actors import SYSTEM
from edu_pilot.services.reconciliation import reconcile
from tests.trust import numbering
from tests.trust.client import Answer
from tests.trust.lives import Act, Trace

ENTRY = AuditEntry.__table__
CHECK = ClaimCheck.__table__
DOCUMENT = Document.__table__
KEY = Idempotency.__table__
OUTBOX = Outbox.__table__
PAPER = Paper.__table__
ITEM = PaymentItem.__table__
PRIVATE = PrivateInput.__table__
SCORE = Score.__table__
STUDY = Study.__table__
LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass(frozen=True)
class Deed:
    """One act under its key, and its answer once it came."""

    key: str
    act: Act
    answer: Answer | None = None

    @property
    def first_told(self) -> bool:
        """Whether the answer came at the first sending, so that a repetition must be the same to the letter."""
        return self.answer is not None and "idempotency-replayed" not in map(str.lower, self.answer.headers)


@dataclass
class Ledger:
    """What everybody asked for and was answered, written down outside of the installation."""

    since: int
    deeds: dict[str, Deed] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, act: Act) -> str:
        """Note an act before it is sent; return its key."""
        key = uuid.uuid4().hex.translate(LETTERS)
        with self.lock:
            self.deeds[key] = Deed(key, act)
        return key

    def answered(self, key: str, answer: Answer) -> None:
        """Note that the act was acknowledged."""
        with self.lock:
            self.deeds[key] = replace(self.deeds[key], answer=answer)

    def refused(self, key: str) -> None:
        """Note that nothing was done."""
        with self.lock:
            del self.deeds[key]

    def now(self) -> tuple[list[Deed], list[Deed]]:
        """Give the deeds that are acknowledged, and those whose outcome nobody knows."""
        with self.lock:
            deeds = list(self.deeds.values())
        return [deed for deed in deeds if deed.answer], [deed for deed in deeds if not deed.answer]


def opened_ledger() -> Ledger:
    """Give a ledger of what comes after the newest entry."""
    with read() as conn:
        return Ledger(audit.head(conn)["number"])


def require_sound(ledger: Ledger) -> None:
    """Raise AssertionError naming everything that is lost, half done or done twice."""
    # First of all: what is acknowledged later than this may stand in the database or not.
    told, unknown = ledger.now()
    with read() as conn:
        entries = all_rows(conn, sa.select(ENTRY).order_by(ENTRY.c.number))
    found = {
        "database": list(_of_database()),
        "trail": list(_of_trail()),
        "journal": list(_of_journal(entries)),
        "money": list(_of_money()),
        "numbers": [f"{name}: {series}" for name, series in numbering.faults().items() if series],
        "files": list(_of_files()),
        "acts": list(_of_acts(entries[ledger.since :], told, unknown)),
        "answers": list(_of_answers(told)),
    }
    assert not any(found.values()), {name: faults for name, faults in found.items() if faults}


def ten_minutes_pass() -> None:
    """Let work in several commits that has broken off be taken up again, and the worker do what follows the rest."""
    broken = KEY.c.status.is_(None)
    with write() as conn:
        for row in all_rows(conn, sa.select(KEY).where(broken)):
            mine = sa.and_(KEY.c.account == row["account"], KEY.c.key == row["key"])
            conn.execute(KEY.update().where(mine).values(at=row["at"] - idempotency.LEFT_BEHIND))
    outbox.drain()


Faults = Iterator[str]


def _of_database() -> Faults:
    with read() as conn:
        if conn.dialect.name == "sqlite":
            yield from (text for (text,) in conn.exec_driver_sql("PRAGMA integrity_check") if text != "ok")
            yield from (str(row) for row in conn.exec_driver_sql("PRAGMA foreign_key_check"))


def _of_trail() -> Faults:
    with read() as conn:
        verdict = audit.verify(conn)
    if not verdict.ok:
        yield f"{verdict.reason} at {verdict.first_bad}"


def _of_journal(entries: Iterable[Mapping[str, Any]]) -> Faults:
    """Compare what the entries say was written beside the records with what is there."""
    notes = [(row["workflow"], row["action"], json.loads(row["body"])["input"]) for row in entries]
    numbers = {number for _, _, note in notes for number in note.get("documents", ())}
    yield from _unlike("documents", numbers, _values(DOCUMENT.c.number, DOCUMENT.c.record_id != ""))
    yield from _unlike("renderings", numbers, _values(OUTBOX.c.reference, OUTBOX.c.task == "render"))
    files = {note["file"] for _, action, note in notes if action == "add_file"}
    yield from _unlike("papers", files, _values(PAPER.c.id))
    private = {note["private"] for _, _, note in notes if "private" in note}
    yield from _unlike("private inputs", private, _values(PRIVATE.c.id))
    counts = Counter(action for _, action, _ in notes)
    yield from _unlike("checks", {counts["check"] + counts["recheck"]}, {len(_values(CHECK.c.id))})
    yield from _unlike("scores", {counts["record_score"]}, {len(_values(SCORE.c.id))})


def _unlike(what: str, said: set[Any], there: set[Any]) -> Faults:
    if said != there:
        yield f"{what}: said {sorted(said - there)}, there {sorted(there - said)}"


def _values(column: Any, *where: Any) -> set[Any]:
    with read() as conn:
        return set(conn.execute(sa.select(column).where(*where)).scalars())


def _of_money() -> Faults:
    with read() as conn:
        found = reconcile(conn)
        lines = sa.select(ITEM.c.claim_id).where(sa.or_(ITEM.c.live, ITEM.c.result == "paid"))
        twice = lines.group_by(ITEM.c.claim_id).having(sa.func.count() > 1)
        yield from (f"claim {claim} is paid twice" for claim in conn.execute(twice).scalars())
    yield from map(str, found.differences)
    if found.difference_fen:
        yield f"{found.difference_fen} fen"


def _of_files() -> Faults:
    """Every row's file is there, whole; what belongs to no row has a name that the sweep knows."""
    with read() as conn:
        known = sweep.referenced(conn, Base.metadata.sorted_tables)
        hashes = {
            row[0]: row[1] for t in (DOCUMENT, PAPER) for row in conn.execute(sa.select(t.c.store_key, t.c.sha256))
        }
    there = {entry.key for entry in store.store().entries()}
    yield from (f"{key} is missing" for key in sorted(known - there))
    yield from (f"{key} stays for ever" for key in sorted(there - known) if not sweep.OURS.fullmatch(key))
    for key in sorted(known & there & hashes.keys()):
        if hashlib.sha256(store.store().get(key)).hexdigest() != hashes[key]:
            yield f"{key} is half written"


def _of_acts(entries: Iterable[Mapping[str, Any]], told: list[Deed], unknown: list[Deed]) -> Faults:
    """Compare people's entries with the acknowledged acts; only what nobody was told of may be there or not."""
    there = Counter(_trace(row) for row in entries if row["actor"] != SYSTEM.name)
    said = Counter(trace for deed in told for trace in _traces(deed))
    named = Counter({trace: count for trace, count in said.items() if trace[1]})
    yield from (f"lost: {trace}" for trace in named - there)
    kinds, perhaps = _kinds(there), _kinds(trace for deed in unknown for trace in deed.act.traces)
    yield from (f"lost: {kind}" for kind in _kinds(said.elements()) - kinds)
    yield from (f"done twice: {kind}" for kind in kinds - _kinds(said.elements()) - perhaps)


def _trace(row: Mapping[str, Any]) -> Trace:
    return row["workflow"], row["reference"], row["action"]


def _traces(deed: Deed) -> Iterator[Trace]:
    """Give what an acknowledged act left in the trail, with the reference it was told."""
    body = deed.answer.body if deed.answer else None
    known = {body["workflow"]: body["reference"]} if isinstance(body, dict) and "workflow" in body else {}
    return ((flow, reference or known.get(flow, ""), action) for flow, reference, action in deed.act.traces)


def _kinds(traces: Iterable[Trace]) -> Counter[tuple[str, str]]:
    """Count entries by workflow and action, whatever the record."""
    if isinstance(traces, Counter):
        traces = traces.elements()
    return Counter((workflow, action) for workflow, _, action in traces)


def _of_answers(told: list[Deed]) -> Faults:
    """What people were told is no later than what is there."""
    versions = _versions()
    papers, documents = _values(PAPER.c.sha256), _values(DOCUMENT.c.sha256)
    for deed in told:
        body: Any = deed.answer.body if deed.answer else None
        if isinstance(body, bytes):
            there = hashlib.sha256(body).hexdigest() in documents
        elif "version" in body:
            there = versions.get(body["reference"], 0) >= body["version"]
        else:
            there = "sha256" not in body or body["sha256"] in papers
        if not there:
            yield f"told and not there: {deed.act}"
        if deed.act.traces and "workflow" in body and body["workflow"] != deed.act.traces[0][0]:
            yield f"told of another record: {deed.act}"


def _versions() -> dict[str, int]:
    tables = [
        table for table in Base.metadata.sorted_tables if {"reference", "version", "state"} <= set(table.c.keys())
    ]
    with read() as conn:
        found = (conn.execute(sa.select(table.c.reference, table.c.version)) for table in tables)
        return {reference: version for rows in found for reference, version in rows}
