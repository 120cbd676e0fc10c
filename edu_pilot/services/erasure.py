"""Erasing a person: name, numbers, files and papers go; figures, money and the audit trail stay as they are (R2.9).

What accounting has to keep is stored and used for nothing else, and goes when its own time is over.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import (
    Account,
    Application,
    AuditEntry,
    BankFile,
    Certification,
    Claim,
    ClaimCheck,
    Document,
    LiveCase,
    Outbox,
    Paper,
    Payment,
    Person,
    PersonAlias,
    PrintSheet,
    PrintStack,
    PrivateInput,
    Receipt,
    Study,
)
from edu_pilot.models.base import Blind
from edu_pilot.services import audit, begun, idempotency, keys, policies, store
from edu_pilot.services.actors import SYSTEM, require_role
from edu_pilot.services.cases import Case, NotFound, table
from edu_pilot.services.vault import Vault, vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Malformed, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

ACCOUNT = Account.__table__
APPLICATION = Application.__table__
PERSON = Person.__table__
ALIAS = PersonAlias.__table__
BANK_FILE = BankFile.__table__
LIVE = LiveCase.__table__
CLAIM = Claim.__table__
CHECK = ClaimCheck.__table__
RECEIPT = Receipt.__table__
PAPER = Paper.__table__
PAYMENT = Payment.__table__
DOCUMENT = Document.__table__
STACK, SHEET = PrintStack.__table__, PrintSheet.__table__
OUTBOX = Outbox.__table__
ENTRY = AuditEntry.__table__
PRIVATE = PrivateInput.__table__
WORKFLOWS = tuple(model.__tablename__ for model in (Application, Study, Certification, Claim))
# What a paper still says afterwards, so that its number can be looked up.
KEPT_OF_A_PAPER = ("number", "issued_on", "issuer_zh", "issuer_en", "key_id", "code", "base_url", "payable_fen")


@dataclass(frozen=True)
class Whole:
    """Everything kept of one human being: the person, if there is one already, and every record."""

    person: Mapping[str, Any] | None
    records: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def key(self) -> str | None:
        """The blind index that stands for the person."""
        own: str | None = self.person["id_index"] if self.person else self.records[0][1]["id_index"]
        return own

    def of(self, workflow: str) -> list[Mapping[str, Any]]:
        """Return the records of one workflow."""
        return [row for name, row in self.records if name == workflow]


@dataclass(frozen=True)
class Erased:
    """What an erasure took, and the records of which accounting keeps a part."""

    reference: str
    records: tuple[str, ...]
    kept: tuple[str, ...]
    files: int = 0


def out_of_use(case: Case) -> bool:
    """Whether a record's personal data are erased, or may only be stored."""
    if case.workflow not in WORKFLOWS:
        return False
    standing = case.person_standing
    return bool(standing.erased_on or _stored_only_since(case))


def require_in_use(case: Case) -> None:
    """Raise Refused for a record whose personal data are erased, or may only be stored."""
    if reason := out_of_use_because(case):
        raise Refused([reason])


def out_of_use_because(case: Case) -> Reason | None:
    """Return why a record's personal data are used no more, or None."""
    if case.workflow not in WORKFLOWS:
        return None
    standing = case.person_standing
    if standing.erased_on:
        return _gone(standing.erased_on)
    if day := _stored_only_since(case):
        text = N_("Since %(day)s this person's data may only be stored, not used.")
        return blocked(text, code="storage_only", day=day.isoformat())
    return None


def _stored_only_since(case: Case) -> date | None:
    """Consent is withdrawn for a person, or for one claim by its own step."""
    since: date | None = case.person_standing.restricted_on or case.row.get("storage_only_on")
    return since


def _gone(day: date) -> Reason:
    text = N_("The personal data of this record were erased on %(day)s.")
    return blocked(text, code="erased", day=day.isoformat())


# Whom it is about


def whole(conn: Connection, reference: str) -> Whole:
    """Return all that is kept of the person behind a record's reference; NotFound if nobody is."""
    for workflow in WORKFLOWS:
        records = table(workflow)
        row = one_row(conn, sa.select(records).where(records.c.reference == reference))
        if row is not None:
            person = row["person_id"] or _person_of_draft(conn, row)
            return _whole_of(conn, person) if person else Whole(None, ((workflow, row),))
    raise NotFound(reference)


def _person_of_draft(conn: Connection, row: Mapping[str, Any]) -> str | None:
    """Return the person who writes a draft, where they are known from before."""
    if not row["id_index"]:
        return None
    return conn.execute(sa.select(PERSON.c.id).where(PERSON.c.id_index == row["id_index"])).scalar()


def _whole_of(conn: Connection, person_id: str) -> Whole:
    person = one_row(conn, sa.select(PERSON).where(PERSON.c.id == person_id))
    found: list[tuple[str, Mapping[str, Any]]] = []
    for workflow in WORKFLOWS:
        records = table(workflow)
        own = records.c.person_id == person_id
        if workflow == "application" and person is not None:
            own = sa.or_(own, records.c.id_index == person["id_index"])
        found += [
            (workflow, row) for row in all_rows(conn, sa.select(records).where(own).order_by(records.c.reference))
        ]
    return Whole(person, tuple(found))


# May it be?


def _policy(conn: Connection) -> Policy:
    return policies.in_force(conn, clock.today()).policy


def objections(conn: Connection, about: Whole) -> list[Reason]:
    """Return what stands against erasing a person, all at once."""
    ended = _policy(conn).find("retention.ended", {})
    text = N_("%(reference)s is not over yet.")
    alive = [
        blocked(text, code="case_lives", reference=row["reference"], who=("clerk", "registrar"))
        for workflow, row in about.records
        if row["state"] not in ended.get(workflow, ())
    ]
    return alive + ([_gone(about.person["erased_on"])] if about.person and about.person["erased_on"] else [])


def _require_role(conn: Connection, actor: Actor) -> None:
    roles = tuple(_policy(conn).find("retention.by", ()))
    require_role(actor, roles, also=SYSTEM.roles)


def _require_reason(conn: Connection, reason: str) -> None:
    known = _policy(conn).find("retention.reasons", {})
    if reason not in known:
        text = N_("Choose a reason from: %(known)s")
        raise Malformed([blocked(text, code="reason_unknown", field="reason", known=", ".join(known))])


def erase(reference: str, reason: str, actor: Actor) -> Erased:
    """Erase what is known of the person behind a reference, but what accounting keeps.

    Raises NotFound, Forbidden, Malformed for an unknown reason, Refused while a case lives.
    """
    with write() as conn:
        _require_role(conn, actor)
        _require_reason(conn, reason)
        about = whole(conn, reference)
        if against := objections(conn, about):
            raise Refused(against)
        work = _Erasure(conn, vault(), about, _kept(conn, about))
        files = work.run()
        kept = [row["reference"] for row in work.kept]
        given = {"reason": reason, "records": [row["reference"] for _w, row in about.records], "kept": kept}
        audit.append(conn, [audit.Entry(actor.name, "person", reference, "erase", input=given)])
    _drop(files)
    return Erased(reference, tuple(given["records"]), tuple(kept), len(files))


def _drop(files: Sequence[str]) -> None:
    """Let the bytes go, now that no row refers to them."""
    for key in files:
        store.store().delete(key)


def _kept(conn: Connection, about: Whole) -> tuple[Mapping[str, Any], ...]:
    """Return the claims that accounting has to keep: those that were paid."""
    states = _policy(conn).find("retention.accounting.states", ())
    return tuple(row for row in about.of("claim") if row["state"] in states)


def restrict(reference: str, reason: str, actor: Actor) -> None:
    """Consent was withdrawn: from now on the person's data are stored and used for nothing else (edge 68)."""
    with write() as conn:
        _require_role(conn, actor)
        _require_reason(conn, reason)
        about = whole(conn, reference)
        if about.person is None:
            text = N_("A draft is erased, not restricted.")
            raise Refused([blocked(text, code="no_person_yet")])
        if against := objections(conn, about):
            raise Refused(against)
        conn.execute(PERSON.update().where(PERSON.c.id == about.person["id"]).values(restricted_on=clock.today()))
        audit.append(conn, [audit.Entry(actor.name, "person", reference, "restrict", input={"reason": reason})])


# What it does


class _Erasure:
    """One person's erasure inside one transaction."""

    def __init__(self, conn: Connection, opener: Vault, about: Whole, kept: Sequence[Mapping[str, Any]] = ()) -> None:
        self.conn, self.vault, self.about, self.kept = conn, opener, about, kept
        # Stands for the person from now on: figures still count one, and no number leads to it.
        self.token = secrets.token_hex(32)
        self.today = clock.today()
        self.files: list[str] = []

    def run(self) -> list[str]:
        """Write what is left; return the store's keys whose bytes must go after the commit."""
        spared = {row["id"] for row in self.kept}
        for workflow, row in self.about.records:
            if row["id"] not in spared:
                self._record(workflow, row)
            self._papers(workflow, row, keep=row["id"] in spared)
        begun.forget(self.conn)
        idempotency.forget(self.conn, [row["reference"] for _workflow, row in self.about.records])
        if self.about.person:
            self._person(self.about.person)
            self._forget_key(self.about.person["id_index"])
        return self.files

    def _forget_key(self, key: str) -> None:
        """No index of the number stays behind, unless somebody of the staff is this person and needs it."""
        if self.conn.execute(sa.select(ACCOUNT.c.id).where(ACCOUNT.c.person_key == key)).first():
            return
        for named in keys.blind_tables():
            for column in (c for c in named.c if isinstance(c.type, Blind)):
                self.conn.execute(named.update().where(column == key).values({column.name: self.token}))

    def _person(self, row: Mapping[str, Any]) -> None:
        values = {
            "name": "", "name_keys": "", "birth_on": _year_only(row["birth_on"]), "erased_on": self.today,
            "id_number": self.vault.seal("person.id_number", row["id"], ""), "id_index": self.token,
            "phone": self.vault.seal("person.phone", row["id"], ""), "phone_index": secrets.token_hex(32),
        }  # fmt: skip
        self.conn.execute(PERSON.update().where(PERSON.c.id == row["id"]).values(values))
        self.conn.execute(ALIAS.delete().where(ALIAS.c.person_id == row["id"]))
        self.conn.execute(LIVE.delete().where(LIVE.c.id_index == row["id_index"]))

    def _record(self, workflow: str, row: Mapping[str, Any]) -> None:
        if workflow == "application":
            self._application(row)
        if workflow == "claim":
            self._claim(row)
        self._inputs(workflow, row["reference"])

    def _application(self, row: Mapping[str, Any]) -> None:
        blank = ("id_number", "phone", "phone_index", "previous_school", "employer", "job", "query_code", "query_index")
        values = dict.fromkeys(blank) | {
            "name": "", "name_keys": "", "birth_on": _year_only(row["birth_on"]), "erased_on": self.today,
            "id_index": self.token if row["id_index"] else None,
        }  # fmt: skip
        self.conn.execute(APPLICATION.update().where(APPLICATION.c.id == row["id"]).values(values))

    def _claim(self, row: Mapping[str, Any]) -> None:
        blank = dict.fromkeys(
            ("account_number", "account_tail", "account_holder", "explanation", "heir", "register_code")
        )
        self.conn.execute(CLAIM.update().where(CLAIM.c.id == row["id"]).values(blank))
        self.conn.execute(RECEIPT.update().where(RECEIPT.c.claim_id == row["id"]).values(payer=""))
        for check in all_rows(self.conn, sa.select(CHECK).where(CHECK.c.claim_id == row["id"])):
            reading = {name: value for name, value in check["reading"].items() if name != "id_tail"}
            self.conn.execute(CHECK.update().where(CHECK.c.id == check["id"]).values(reading=reading, note=None))

    def _inputs(self, workflow: str, reference: str) -> None:
        """What was typed at each step is kept beside the trail, so that it can go and the trail stays."""
        own = ENTRY.c.workflow == workflow, ENTRY.c.reference == reference
        bodies = self.conn.execute(sa.select(ENTRY.c.body).where(*own)).scalars()
        for row in (json.loads(body)["input"].get("private") for body in bodies):
            if row:
                empty = self.vault.seal("private_input.content", row, "{}")
                self.conn.execute(PRIVATE.update().where(PRIVATE.c.id == row).values(content=empty))

    def _papers(self, workflow: str, row: Mapping[str, Any], *, keep: bool) -> None:
        """Files and issued papers lose content and bytes; kind, day and hash stay, and with them the proof."""
        own = DOCUMENT.c.workflow == workflow, DOCUMENT.c.record_id == row["id"], DOCUMENT.c.person_id.is_not(None)
        if keep:
            kept = _policy(self.conn).find("retention.accounting.documents", ())
            self.documents(*own, DOCUMENT.c.kind.not_in(kept))
            return
        self.documents(*own)
        files = PAPER.c.workflow == workflow, PAPER.c.record_id == row["id"], PAPER.c.erased_at.is_(None)
        self.files += self.conn.execute(sa.select(PAPER.c.store_key).where(*files)).scalars()
        self.conn.execute(PAPER.update().where(*files).values(store_key="", erased_at=clock.now()))

    def documents(self, *which: sa.ColumnElement[bool]) -> int:
        """Blank issued papers; return how many there were."""
        rows = all_rows(self.conn, sa.select(DOCUMENT).where(*which))
        for document in rows:
            self.files += filter(None, [document["store_key"]])
            content = json.loads(self.vault.open("document.context", document["id"], document["context"]))
            left = {name: content[name] for name in KEPT_OF_A_PAPER if name in content} | {"name": ""}
            values = {
                "context": self.vault.seal("document.context", document["id"], json.dumps(left, ensure_ascii=False)),
                "store_key": "", "problem": None, "erased_at": clock.now(),
            }  # fmt: skip
            self.conn.execute(DOCUMENT.update().where(DOCUMENT.c.id == document["id"]).values(values))
            self._render_no_more(document["number"])
            self._printed(document["number"])
        return len(rows)

    def _printed(self, number: str) -> None:
        """The printer's files that show a paper go, whoever else is in them; the log of prints stays."""
        same = sa.and_(SHEET.c.run_id == STACK.c.run_id, SHEET.c.stack == STACK.c.stack)
        shown = STACK.c.store_key != "", SHEET.c.document == number
        stacks = all_rows(self.conn, sa.select(STACK.c.id, STACK.c.store_key).join(SHEET, same).where(*shown))
        self.files += [row["store_key"] for row in stacks]
        gone = STACK.update().where(STACK.c.id.in_([row["id"] for row in stacks]))
        self.conn.execute(gone.values(store_key="", removed_at=clock.now()))

    def _render_no_more(self, number: str) -> None:
        """A paper that was never rendered waits for its bytes no longer."""
        waits = (OUTBOX.c.task == "render", OUTBOX.c.reference == number, OUTBOX.c.done_at.is_(None))
        self.conn.execute(OUTBOX.update().where(*waits).values(done_at=clock.now(), refusal=None))

    def bank_files(self, until: date) -> int:
        """Blank the files of batches that were over by a day; their fingerprint stays."""
        over = sa.select(PAYMENT.c.id).where(PAYMENT.c.since_on <= until)
        files = all_rows(self.conn, sa.select(BANK_FILE).where(BANK_FILE.c.payment_id.in_(over)))
        rows = [r for r in files if self.vault.open("bank_file.content", r["id"], r["content"])]
        for row in rows:
            empty = self.vault.seal("bank_file.content", row["id"], "")
            self.conn.execute(BANK_FILE.update().where(BANK_FILE.c.id == row["id"]).values(content=empty))
        return len(rows)


def _year_only(day: date | None) -> date | None:
    return day and date(day.year, 1, 1)


# What a date brings


DUE = ("people_erased", "accounts_erased", "lists_erased")


def run_due() -> dict[str, int]:
    """Erase what was kept long enough; return how many persons and drafts, claims and lists there were."""
    with read() as conn:
        years = _policy(conn).find("retention.years", {})
        people = list(_due(conn, years)) if years else []
    numbers = (
        sum(_erased(reference) for reference in people),
        _accounts_erased(years) if years else 0,
        _lists_erased(years) if years else 0,
    )
    done = dict(zip(DUE, numbers, strict=True))
    if any(done.values()):
        forget_old_pages()
    return done


def forget_old_pages() -> bool:
    """Rewrite what the database still holds of erased values; False where something of them is left."""
    return keys.forget_old_pages(written(), keys.SMALL)


def written() -> list[sa.Table]:
    """Return every table that an erasure writes to."""
    own = {
        PERSON,
        ALIAS,
        APPLICATION,
        LIVE,
        CLAIM,
        CHECK,
        RECEIPT,
        PAPER,
        DOCUMENT,
        PRIVATE,
        BANK_FILE,
        STACK,
        idempotency.KEY,
    }
    return sorted(own | {*keys.blind_tables()}, key=lambda table: table.name)


def _erased(reference: str) -> bool:
    try:
        erase(reference, "RETENTION_OVER", SYSTEM)
    except Refused:
        # A case lives again: whoever asked for the list was a moment too early.
        return False
    return True


def _accounts_erased(years: Mapping[str, int]) -> int:
    """Erase what accounting kept of persons who are erased already, once its own time is over."""
    query = sa.select(CLAIM).join(PERSON, PERSON.c.id == CLAIM.c.person_id)
    over = CLAIM.c.since_on <= _ago(years["accounting"]), CLAIM.c.account_holder.is_not(None)
    with write() as conn:
        rows = all_rows(conn, query.where(PERSON.c.erased_on.is_not(None), *over))
        work = _Erasure(conn, vault(), Whole(None, tuple(("claim", row) for row in rows)))
        files = work.run()
        entries = [
            audit.Entry(SYSTEM.name, "person", row["reference"], "erase", input={"reason": "RETENTION_OVER"})
            for row in rows
        ]
        audit.append(conn, entries)
    _drop(files)
    return len(rows)


def _lists_erased(years: Mapping[str, int]) -> int:
    """Erase the lists that name many, such as door lists and public notices; what accounting needs stays longer."""
    accounting = DOCUMENT.c.kind == "payment_list"
    over = sa.case((accounting, DOCUMENT.c.issued_on <= _ago(years["accounting"])),
                   else_=DOCUMENT.c.issued_on <= _ago(years["lists"]))  # fmt: skip
    with write() as conn:
        work = _Erasure(conn, vault(), Whole(None, ()))
        number = work.documents(DOCUMENT.c.person_id.is_(None), DOCUMENT.c.erased_at.is_(None), over)
        number += work.bank_files(_ago(years["accounting"]))
        if number:
            given = {"reason": "RETENTION_OVER", "number": number}
            audit.append(conn, [audit.Entry(SYSTEM.name, "person", "", "erase_lists", input=given)])
    _drop(work.files)
    return number


def _due(conn: Connection, years: Mapping[str, int]) -> Iterator[str]:
    """Yield a reference of every draft and person whose last case was over long enough ago."""
    drafts = sa.select(APPLICATION.c.reference).where(
        APPLICATION.c.person_id.is_(None), APPLICATION.c.erased_on.is_(None),
        APPLICATION.c.since_on <= _ago(years["draft"]),
    )  # fmt: skip
    yield from conn.execute(drafts).scalars()
    people = sa.select(sa.func.max(APPLICATION.c.reference)).join(PERSON, PERSON.c.id == APPLICATION.c.person_id)
    people = people.where(PERSON.c.erased_on.is_(None)).group_by(APPLICATION.c.person_id)
    people = people.having(sa.func.max(APPLICATION.c.since_on) <= _ago(years["person"]))
    for reference in conn.execute(people).scalars():
        about = whole(conn, reference)
        last = max(row["since_on"] for _workflow, row in about.records)
        if last <= _ago(years["person"]) and not objections(conn, about):
            yield reference


def _ago(years: int) -> date:
    return clock.today() - relativedelta(years=years)
