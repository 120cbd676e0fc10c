"""Issued papers: numbered and frozen in the step's commit, rendered after it, kept byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, one_row, read, write
from edu_pilot.models import Document, Outbox, PrintSheet
from edu_pilot.models.base import new_id
from edu_pilot.sandboxed import Refusal
from edu_pilot.services import (
    cases,
    erasure,
    look_ups,
    numbers,
    pades,
    policies,
    portraits,
    proof,
    rendering,
    sandbox,
    store,
    wording,
)
from edu_pilot.services.actors import OPERATOR, STUDENT, role_missing
from edu_pilot.services.cases import Case, NotFound, table
from edu_pilot.services.contexts import context_of
from edu_pilot.services.policies import Version
from edu_pilot.services.unit import Change, Unit
from edu_pilot.services.vault import Vault, vault
from edu_pilot.services.visibility import require_visible, walled
from edu_pilot.workflow.reasons import N_, Refused, blocked
from edu_pilot.workflow.registry import Actor

DOCUMENT = Document.__table__
OUTBOX = Outbox.__table__
SHEET = PrintSheet.__table__
CODE_LENGTH = 16
# Two facts and their message fit into the column.
FACT_LIMIT = 500
DUPLICATE = "副本"
# What lies in a printer's tray, and what one reader takes.
STACK = 100


def issue(change: Change, kind: str) -> None:
    """Give a document its number and freeze what it says; bytes are made after the commit.

    A step that leads elsewhere than its document speaks of (waiting list, not admission) issues none.
    """
    context = context_of(kind, change)
    if context is None:
        return
    about = About(change.workflow, change.record_id, _person_of(change), change.now_value("county"))
    number = file_away(change.unit, change.version, kind, context, about)
    change.note.setdefault("documents", []).append(number)


@dataclass(frozen=True)
class About:
    """What a paper belongs to; one for the public belongs to no record."""

    workflow: str
    record_id: str = ""
    person_id: str | None = None
    county: str | None = None


def file_away(unit: Unit, version: Version, kind: str, context: Mapping[str, Any], about: About) -> str:
    """Number a paper, freeze what it says, and ask for its bytes; return the number."""
    row, number = new_id(), _number(unit, version, kind)
    code = unit.vault.code("document", number, CODE_LENGTH)
    fixed = {"number": number, "code": wording.grouped(code), "base_url": current_app.config["SETTINGS"].base_url}
    fixed["key_id"] = proof.key_id(unit.vault.public_key)
    frozen = json.dumps({**context, **fixed}, ensure_ascii=False)
    unit.conn.execute(
        DOCUMENT.insert().values(
            id=row,
            number=number,
            kind=kind,
            code=code,
            **vars(about),
            policy_version=version.number,
            issued_on=unit.today,
            context=unit.vault.seal("document.context", row, frozen),
        )
    )
    unit.follow("render", reference=number)
    return number


def _person_of(change: Change) -> str | None:
    """Return the person a paper is about; a session or a batch has none."""
    columns = table(change.workflow).c
    person: str | None = change.now_value("person_id") if "person_id" in columns else None
    return person


def _number(unit: Unit, version: Version, kind: str) -> str:
    series = f"{version.compiled.documents[kind].prefix}{unit.today:%y%m}"
    return f"{series}-{numbers.draw(unit.conn, series)[0]:06d}"


def ungrouped(code: str) -> str:
    """Return a typed code as it is stored: capitals, no separators, the letters I and O read as printed."""
    letters = "".join(c for c in code.upper() if c.isalnum())
    return letters.replace("I", "8").replace("O", "9") if len(letters) <= 32 else ""


@dataclass(frozen=True)
class Frozen:
    """A document row with its content in clear."""

    row: Mapping[str, Any]
    context: dict[str, Any]

    @property
    def is_public(self) -> bool:
        """Whether it belongs to no record and hides nothing: a notice that is put up for everybody."""
        return not self.row["record_id"]

    @property
    def proof(self) -> proof.Proof:
        """The facts that its QR code states and the signature covers; a list's holder is its record."""
        context = self.context
        amount = context.get("payable_fen")
        return proof.Proof(
            kind=self.row["kind"],
            number=self.row["number"],
            holder=context["name"] if "name" in context else context["holder"],
            id_tail=context.get("id_number", "")[-4:],
            issued_on=context["issued_on"],
            issuer=context["issuer_zh"],
            key_id=context["key_id"],
            major=context.get("major_zh", ""),
            diploma_number=context.get("diploma_number", ""),
            diploma_on=context.get("diploma_on", ""),
            certificate_number=context.get("certificate_number", ""),
            amount_fen=amount,
        )


def frozen(conn: Connection, **by: str) -> Frozen:
    """Return a document by its number or code; NotFound if there is none."""
    where = [DOCUMENT.c[name] == value for name, value in by.items()]
    row = one_row(conn, sa.select(DOCUMENT).where(*where))
    if row is None:
        raise NotFound(next(iter(by.values())))
    return Frozen(row, json.loads(vault().open("document.context", row["id"], row["context"])))


def render(number: str) -> bytes:
    """Make a document's bytes and keep them; a second call returns the kept ones.

    Raises RenderingRefused (a missing font, a character nobody can draw); the reason is kept too.
    """
    with read() as conn:
        document = frozen(conn, number=number)
    if document.row["erased_at"]:
        raise NotFound(number)
    if document.row["store_key"]:
        return store.store().get(document.row["store_key"])
    try:
        made = made_of(document)
    except rendering.RenderingRefused as refused:
        facts = {name: value[:FACT_LIMIT] for name, value in refused.facts.items()}
        _note(number, problem=json.dumps({"text": refused.text, "facts": facts}, ensure_ascii=False))
        raise
    key, digest = store.keep("documents", made.content, ".pdf")
    by = rendering.template_version(document.row["kind"]), rendering.renderer_versions()
    kept = {"store_key": key, "sha256": digest, "template_version": by[0], "renderer": by[1]}
    known = {"unsigned_sha256": made.unsigned_sha256, "mark": made.mark}
    if _note(number, **kept, **known, rendered_at=clock.now(), problem=None):
        return made.content
    return render(number)


def printer_file(numbers: Sequence[str]) -> bytes:
    """Return one PDF of many papers, in their order, for the printer; who may have them is asked before.

    Raises RenderingRefused where one of them, or all together, cannot be drawn.
    """
    sheets = [render(number) for number in numbers]
    lengths = " ".join(str(len(sheet)) for sheet in sheets)
    try:
        return sandbox.run("sheets", b"".join(sheets), lengths=lengths).content
    except sandbox.Beyond:
        raise rendering.BeyondLimits from None


def seen(conn: Connection, number: str, actor: Actor) -> tuple[Frozen, Case | None]:
    """Return a document and its record, None for a public one; NotFound for a missing and a hidden one alike (R6.3)."""
    # Outside the wall: a paper stays with the county that issued it, its record may have moved.
    found = frozen(conn, number=number)
    if found.is_public:
        return found, None
    with walled(conn, actor):
        records = cases.by_ids(conn, vault(), found.row["workflow"], [found.row["record_id"]])
    if not records:
        raise NotFound(number)
    require_visible(actor, records[0])
    return found, records[0]


def content(number: str, actor: Actor) -> bytes:
    """Return the PDF for someone who may open it; it is rendered and kept if no worker did so yet.

    Raises NotFound, Forbidden for a role that the kind is not for, RenderingRefused.
    """
    _opened(number, actor)
    return render(number)


def translation(number: str, actor: Actor) -> bytes:
    """Return a document in English for a holder who asks, made from what was frozen; raises what `content` raises."""
    return _once_more(_opened(number, actor), lang="en")


def duplicate(number: str, actor: Actor) -> bytes:
    """Return a document marked as a duplicate, made from what was frozen; raises what `content` raises."""
    return _once_more(_opened(number, actor), copy_mark=DUPLICATE)


def _opened(number: str, actor: Actor) -> Frozen:
    """Return a document for someone who may open it, and note that it was opened."""
    with read() as conn:
        found, case = seen(conn, number, actor)
        _require_reader(conn, found.row["kind"], actor)
        if case and actor.roles != {STUDENT}:
            erasure.require_in_use(case)
    if found.is_public and found.row["voided_at"] is not None:
        # A list is voided because it shows what it must not: nobody is given it any more.
        raise Refused([blocked(N_("This list has been taken down."), code="taken_down")])
    if found.row["erased_at"]:
        raise NotFound(number)
    if not found.is_public:
        look_ups.note(actor, look_ups.DOCUMENT, case, number)
    return found


def picture(number: str, actor: Actor) -> bytes:
    """Return the first page as a PNG, for browsers that show no PDF; who may see it is asked each time.

    Raises what `content` raises, and RenderingRefused where no picture can be made.
    """
    return _drawn(content(number, actor))


# In memory only: an erased paper leaves no picture behind.
@lru_cache(maxsize=32)
def _drawn(pdf: bytes) -> bytes:
    try:
        return sandbox.run("page", pdf).content
    except (Refusal, sandbox.Beyond):
        raise rendering.RenderingRefused(N_("No picture of this paper can be made; open the PDF.")) from None


def readable(conn: Connection, actor: Actor) -> frozenset[str]:
    """R2.9: the kinds an actor may open by documents.yaml; the operator administers all of them."""
    kinds = policies.in_force(conn, clock.today()).compiled.documents.values()
    return frozenset(kind.name for kind in kinds if actor == OPERATOR or actor.roles & set(kind.readers))


def _require_reader(conn: Connection, kind: str, actor: Actor) -> None:
    if kind in readable(conn, actor):
        return
    known = policies.in_force(conn, clock.today()).compiled.documents
    roles = known[kind].readers if kind in known else ()
    raise role_missing(roles, N_("This paper is opened by: %(roles)s"))


def _once_more(document: Frozen, **changed: str) -> bytes:
    """Return a document drawn anew: its QR code proves the original; the file has no seal and is not kept."""
    if document.row["voided_at"] is not None:
        raise Refused([blocked(N_("This paper was revoked; ask for a copy of the one that holds."), code="revoked")])
    context, qr, _token = _proved(document)
    return rendering.render(document.row["kind"], context | changed, qr, "", _portrait(context))


@dataclass(frozen=True)
class Made:
    """A document's bytes as they are kept, and what is noted of them: the hash before the signature, the mark."""

    content: bytes
    unsigned_sha256: str
    mark: str


def made_of(document: Frozen) -> Made:
    """Render, sign and seal a frozen document; the same each time under the same renderer, keys and certificate."""
    context, qr, token = _proved(document)
    unsigned = rendering.render(document.row["kind"], context, qr, token, _portrait(context))
    content = _signed(unsigned, vault(), context["issued_on"])
    return Made(content, hashlib.sha256(unsigned).hexdigest(), proof.mark(token))


def _proved(document: Frozen) -> tuple[dict[str, Any], bytes, str]:
    """Return what a document says, the QR code that proves it, and the signed facts within."""
    keys, base = vault(), document.context["base_url"]
    # The key may have been changed since the content was frozen; a paper names the one that signs it.
    document = replace(document, context=document.context | {"key_id": proof.key_id(keys.public_key)})
    token = proof.token(document.proof, keys.sign)
    return {**document.context, "verify_at": f"{base}/verify"}, _code(document, token), token


def _code(document: Frozen, token: str) -> bytes:
    return proof.qr_png(proof.address(document.context["base_url"], document.row["code"], token))


@dataclass(frozen=True)
class Again:
    """What came of drawing a kept document once more, and by which template and renderer it was drawn then and now."""

    number: str
    same: bool
    unsigned_sha256: str
    drawn_by: tuple[str, str]
    draws_now: tuple[str, str]


def drawn_again(number: str) -> Again:
    """Draw a kept document once more with the facts it bears, and compare it with the kept hash; keys do not matter.

    Raises NotFound for one that is not kept, or was kept before there were hashes of unsigned files.
    """
    with read() as conn:
        document = frozen(conn, number=number)
    row = document.row
    if row["erased_at"] or not row["store_key"] or not row["unsigned_sha256"]:
        raise NotFound(number)
    token = str(proof.token_in_pdf(store.store().get(row["store_key"])))
    context = {**document.context, "verify_at": f"{document.context['base_url']}/verify"}
    drawn = rendering.render(row["kind"], context, _code(document, token), token, _portrait(context))
    same = hashlib.sha256(drawn).hexdigest() == row["unsigned_sha256"]
    now = rendering.template_version(row["kind"]), rendering.renderer_versions()
    return Again(number, same, row["unsigned_sha256"], (row["template_version"], row["renderer"]), now)


def _portrait(context: Mapping[str, Any]) -> bytes:
    return portraits.printed(context["portrait"]) if context.get("portrait") else b""


def _signed(unsigned: bytes, keys: Vault, issued_on: str) -> bytes:
    """Sign by the issuer's certificate; an installation that has none yet seals alone, and `doctor` says so."""
    if keys.issuer is None:
        return proof.seal(unsigned, keys.sign)
    # The day of issue, not the hour of this rendering: the same document has the same bytes on any day.
    at = datetime.combine(date.fromisoformat(issued_on), time(), clock.SHANGHAI)
    return pades.signed(unsigned, keys.issuer, at, keys.sign)


def _note(number: str, **values: Any) -> bool:
    """Write what became of the rendering, unless another worker was first; bytes close what waits for them."""
    query = DOCUMENT.update().where(DOCUMENT.c.number == number, DOCUMENT.c.store_key.is_(None))
    waits = OUTBOX.update().where(OUTBOX.c.task == "render", OUTBOX.c.reference == number, OUTBOX.c.done_at.is_(None))
    with write() as conn:
        if "store_key" in values:
            conn.execute(waits.values(done_at=values["rendered_at"], refusal=None))
        return bool(conn.execute(query.values(values)).rowcount)


def pending(conn: Connection) -> list[str]:
    """Return the numbers of documents that have no bytes yet, oldest first."""
    query = sa.select(DOCUMENT.c.number).where(DOCUMENT.c.store_key.is_(None))
    return list(conn.execute(query.order_by(DOCUMENT.c.issued_on, DOCUMENT.c.number)).scalars())


def of_record(conn: Connection, workflow: str, record_id: str) -> list[Mapping[str, Any]]:
    """Return the documents issued for one record, newest last, without content, with how often each was printed."""
    columns = [c for c in DOCUMENT.c if c.name != "context"]
    # Within the one query: a record's page has none to spare.
    times, last = (
        sa.select(of(SHEET.c.made_at)).where(SHEET.c.document == DOCUMENT.c.number).scalar_subquery()
        for of in (sa.func.count, sa.func.max)
    )
    query = sa.select(*columns, times.label("printed"), last.label("printed_last"))
    query = query.where(DOCUMENT.c.workflow == workflow, DOCUMENT.c.record_id == record_id)
    return all_rows(conn, query.order_by(DOCUMENT.c.number))


# What a person signs and hands in again: only the newest of a record counts. Of notices each one stays what it is.
FORMS = frozenset({"registration_form", "claim_form"})


def newest_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return documents as their person reads them: those that count first, with what a newer form has replaced."""
    newest: dict[tuple[str, str], str] = {}
    for row in rows:
        if not row["voided_at"]:
            form = (row["record_id"], row["kind"])
            newest[form] = max(newest.get(form, ""), row["number"])
    told = [{**row, "replaced": _replaced(row, newest)} for row in rows]
    told.sort(key=lambda row: (row["issued_on"], row["number"]), reverse=True)
    return sorted(told, key=lambda row: bool(row["voided_at"] or row["replaced"]))


def _replaced(row: Mapping[str, Any], newest: Mapping[tuple[str, str], str]) -> bool:
    last = newest.get((row["record_id"], row["kind"]), "")
    return row["kind"] in FORMS and not row["voided_at"] and row["number"] < last


def problem(row: Mapping[str, Any]) -> tuple[str, dict[str, str]] | None:
    """Return message id and facts of what kept a document from being rendered, or None."""
    if row["problem"] is None or row["store_key"]:
        return None
    told = json.loads(row["problem"])
    return told["text"], told["facts"]


def unprintable(conn: Connection) -> list[str]:
    """Return the numbers of documents whose rendering was refused."""
    query = sa.select(DOCUMENT.c.number).where(DOCUMENT.c.problem.is_not(None))
    return list(conn.execute(query.order_by(DOCUMENT.c.number)).scalars())
