"""Files handed in for a record: looked at, kept, and served only to who may see the record (R3.2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read, write
from edu_pilot.models import Paper
from edu_pilot.models.base import new_id
from edu_pilot.sandboxed import Refusal
from edu_pilot.services import audit, cases, erasure, idempotency, look_ups, receipt_files, sandbox, store
from edu_pilot.services.actors import STUDENT, require_role
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import unit_of, version_of
from edu_pilot.services.policies import Version
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import require_visible, walled
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Fact, Malformed, Reason, Refused, blocked
from edu_pilot.workflow.registry import Actor

PAPER = Paper.__table__
LIMIT = 10 * 1024 * 1024
# A note holds half a day, in seconds: its bytes are swept after a whole one. Eight are two full choices of photos.
NOTE_HOLDS, MOST_NOTES = 12 * 3600, 8
ENDINGS = {"image/jpeg": ".jpg", "application/pdf": ".pdf"}
BEYOND = N_("Reading the file takes more time or memory than a picture or PDF may.")


def add(workflow: str, reference: str, kind: str, content: bytes, actor: Actor) -> str:
    """Keep a file for a record and return its id.

    Raises Malformed for a kind or content not allowed, Forbidden for a role with no part in the workflow,
    Refused for the receipt of another claim.
    """
    with read() as conn:
        case = cases.by_reference(conn, vault(), workflow, reference)
        require_visible(actor, case)
        version = version_of(unit_of(conn, actor), case)
        _require_part(version, case, actor)
        _require_kind(version, kind)
    return _handed_in(case, kind, laid_down(content), actor)


def laid_down(content: bytes) -> dict[str, Any]:
    """Look at a file and keep its bytes, so that they are safe on disk before any row refers to them."""
    made = examined(content)
    key, digest = store.keep("papers", made.content, ENDINGS[made.media_type])
    return {
        "media_type": made.media_type, "size": len(made.content), "sha256": digest, "sent_sha256": made.sent_sha256,
        "look": made.look, "detail": made.detail, "store_key": key,
    }  # fmt: skip


def _handed_in(case: Case, kind: str, laid: Mapping[str, Any], actor: Actor) -> str:
    workflow, reference = case.workflow, case.reference
    row = {
        "id": new_id(), "workflow": workflow, "record_id": case.id, "kind": kind, **laid,
        "uploaded_at": clock.now(), "uploaded_by": actor.name,
    }  # fmt: skip
    digest = row["sha256"]
    with receipt_files.held_once(), write() as conn:
        idempotency.claim(conn, workflow=workflow, reference=reference, file=str(row["id"]))
        # Locked, so that the entry names the state the record has when it is written.
        held = cases.by_reference(conn, vault(), workflow, reference, lock=True)
        receipt_files.hold(conn, held, row)
        conn.execute(PAPER.insert().values(row))
        given = {"kind": kind, "file": row["id"], "sha256": digest}
        entry = audit.Entry(actor.name, workflow, reference, "add_file", held.state, held.state, input=given)
        audit.append(conn, [entry])
    return str(row["id"])


def note(content: bytes, actor: Actor) -> str:
    """Keep a file whose record is not there yet, and return the signed note by which its sender hands it in.

    Without a row the bytes go with the sweep: a file never handed in is gone within days.
    """
    return _notes().dumps({"of": actor.person_key, "laid": laid_down(content)})


def note_all(
    notes: Sequence[str], contents: Sequence[bytes], actor: Actor
) -> tuple[list[str], list[tuple[int, Reason]]]:
    """Keep files beside those noted before; return all notes, and why some were not taken, by place from 1."""
    kept, faults = list(noted(notes, actor)), []
    for place, content_sent in enumerate(contents, len(kept) + 1):
        try:
            kept.append(note(content_sent, actor))
        except Refused as refused:
            faults += [(place, reason) for reason in refused.reasons]
    return kept, faults


def noted(notes: Sequence[str], actor: Actor) -> dict[str, dict[str, Any]]:
    """Return what the notes of this person stand for; one that is forged, another's or too old stands for nothing."""
    read_notes = {text: _read_note(text) for text in notes[:MOST_NOTES]}
    return {text: found["laid"] for text, found in read_notes.items() if found and found["of"] == actor.person_key}


def _notes() -> URLSafeTimedSerializer:
    key = current_app.secret_key or ""
    return URLSafeTimedSerializer([*current_app.config["SECRET_KEY_FALLBACKS"][::-1], key], salt="papers")


def _read_note(text: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = _notes().loads(text, max_age=NOTE_HOLDS)
    except BadData:
        return None
    return found


def hand_in_noted(reference: str, notes: Sequence[str], actor: Actor) -> list[tuple[int, Reason]]:
    """Put files kept before a claim was there on it as receipts; return why some were not taken, by place from 1."""
    faults: list[tuple[int, Reason]] = []
    with read() as conn:
        case = cases.by_reference(conn, vault(), "claim", reference)
        require_visible(actor, case)
        _require_part(version_of(unit_of(conn, actor), case), case, actor)
    for place, laid in enumerate(noted(notes, actor).values(), 1):
        try:
            _handed_in(case, receipt_files.KIND, laid, actor)
        except Refused as refused:
            faults += [(place, reason) for reason in refused.reasons]
    return faults


def add_all(
    workflow: str, reference: str, kind: str, contents: Sequence[bytes], actor: Actor
) -> list[tuple[int, Reason]]:
    """Keep several files, each for itself; return why some were not taken, by their place from 1."""
    sent = [(kind, one) for one in contents]
    found = enumerate((against for _kind, against in _each(workflow, reference, sent, actor)), 1)
    return [(place, reason) for place, reasons in found for reason in reasons]


def add_many(workflow: str, reference: str, sent: Mapping[str, bytes], actor: Actor) -> dict[str, tuple[Reason, ...]]:
    """Keep several files, each by itself; return for each kind what stands against its file, nothing if it is kept."""
    return dict(_each(workflow, reference, sent.items(), actor))


def _each(
    workflow: str, reference: str, sent: Iterable[tuple[str, bytes]], actor: Actor
) -> Iterator[tuple[str, tuple[Reason, ...]]]:
    for kind, content_sent in sent:
        try:
            add(workflow, reference, kind, content_sent, actor)
        except Refused as refused:
            yield kind, refused.reasons
        else:
            yield kind, ()


def strike(workflow: str, reference: str, file_id: str, actor: Actor) -> None:
    """Take a receipt's file off a claim that can still be amended; its bytes go with the next sweep (R5.3).

    Raises NotFound for another kind of file and one of another record, Forbidden for who may not amend the claim,
    Refused once it is submitted.
    """
    with write() as conn:
        idempotency.claim(conn, workflow=workflow, reference=reference, file=file_id)
        case = cases.by_reference(conn, vault(), workflow, reference, lock=True)
        require_visible(actor, case)
        row = next((r for r in of_record(conn, case) if r["id"] == file_id and can_be_struck(case, r)), None)
        if row is None:
            raise NotFound(file_id)
        _require_amendable(version_of(unit_of(conn, actor), case), case, actor)
        conn.execute(PAPER.delete().where(PAPER.c.id == file_id))
        receipt_files.let_go(conn, row)
        given = {"kind": row["kind"], "file": file_id, "sha256": row["sha256"]}
        audit.append(
            conn, [audit.Entry(actor.name, workflow, reference, "strike_file", case.state, case.state, input=given)]
        )


def can_be_struck(case: Case, row: Mapping[str, Any]) -> bool:
    """Whether a file is one of those that shut others out: a claim's receipt whose bytes are there."""
    return case.workflow == "claim" and row["kind"] == receipt_files.KIND and not row["erased_at"]


def _require_amendable(version: Version, case: Case, actor: Actor) -> None:
    amend = version.compiled.definition(case.workflow).actions["amend"]
    require_role(actor, amend.by)
    if case.state not in amend.sources:
        text = N_("A receipt's file is struck only before the claim is submitted or after it was returned.")
        raise Refused([blocked(text, code="file_stays", field="file", who=amend.by)])


def _require_part(version: Version, case: Case, actor: Actor) -> None:
    """R6.3: who reads all but changes nothing adds no file either."""
    definition = version.compiled.definition(case.workflow)
    steps = (definition.create, *definition.actions.values())
    roles = sorted({role for step in steps for role in step.by})
    require_role(actor, roles)


def offered(policy: Policy, workflow: str, state: str) -> tuple[list[str], list[str]]:
    """Return the kinds of paper that a record's state can need, and the others that its workflow knows (R1.6).

    A version published before there was such a rule offers what is needed for an application, and all others.
    """
    first, second = list(policy.get("papers")), list(policy.find("other_papers", {}))
    rule = policy.find("papers_offered")
    if rule is None:
        return first, second
    known = {kind: states for kind in (*first, *second) if (states := rule.get(workflow, {}).get(kind)) is not None}
    now = [kind for kind, states in known.items() if state in states]
    return now, [kind for kind in known if kind not in now]


def _require_kind(version: Version, kind: str) -> None:
    """R1.6: the kinds of paper are those of the record's own version."""
    policy = version.policy
    if kind not in policy.get("papers") and kind not in policy.find("other_papers", {}):
        text = N_("%(kind)s is no kind of paper.")
        raise Malformed([blocked(text, code="file_kind_unknown", field="kind", kind=kind[:64])])


@dataclass(frozen=True)
class Made:
    """A file made anew: what is kept, the hash of what was sent, and how a picture looks."""

    media_type: str
    content: bytes
    sent_sha256: str
    look: int
    detail: str


def examined(content: bytes) -> Made:
    """Return a JPEG, PNG or PDF made anew from what it shows, as JPEG or PDF.

    That drops the place a phone writes into a photo, and whatever hides in or behind a picture or a page.
    """
    if len(content) > LIMIT:
        raise _refused("file_too_large", N_("The file is larger than 10 MB."))
    try:
        done = sandbox.run("paper", content)
        media_type, detail = str(done.facts["media_type"]), str(done.facts["detail"])[: receipt_files.DETAIL_LENGTH]
        look = receipt_files.signed(str(done.facts["look"]))
    except Refusal as refusal:
        raise _refused(refusal.code, refusal.text, **refusal.facts) from None
    except (sandbox.Beyond, KeyError, ValueError):
        raise _refused("file_beyond_limits", BEYOND) from None
    return Made(media_type, done.content, hashlib.sha256(content).hexdigest(), look, detail)


def _refused(code: str, text: str, **facts: Fact) -> Malformed:
    return Malformed([Reason(code, text, facts, field="file")])


def of_record(conn: Connection, case: Case) -> list[Mapping[str, Any]]:
    """Return the files of a record, oldest first."""
    query = sa.select(PAPER).where(PAPER.c.workflow == case.workflow, PAPER.c.record_id == case.id)
    return all_rows(conn, query.order_by(PAPER.c.uploaded_at, PAPER.c.id))


def content(workflow: str, reference: str, file_id: str, actor: Actor) -> tuple[Mapping[str, Any], bytes]:
    """Return one file of a record the actor may see; NotFound for any other."""
    with read() as conn:
        with walled(conn, actor):
            case = cases.by_reference(conn, vault(), workflow, reference)
            require_visible(actor, case)
        row = next((r for r in of_record(conn, case) if r["id"] == file_id), None)
        if actor.roles != {STUDENT}:
            erasure.require_in_use(case)
    if row is None or row["erased_at"]:
        raise NotFound(file_id)
    look_ups.note(actor, look_ups.FILE, case, f"{row['kind']}:{file_id}"[:64])
    return row, store.store().get(row["store_key"])


# A kept PDF is of our own making: pages of one JPEG each, written by `pictures.pdf_of`.
_PICTURE = re.compile(rb"/Filter/DCTDecode/Length (\d+)>>\nstream\n")


def pages(content: bytes) -> list[bytes]:
    """Return the pages of a kept PDF as the pictures they are."""
    found, at = [], 0
    while head := _PICTURE.search(content, at):
        at = head.end() + int(head.group(1))
        found.append(content[head.end() : at])
    return found


def page(workflow: str, reference: str, file_id: str, number: int, actor: Actor) -> bytes:
    """Return one page of a kept PDF as JPEG, the first is 1; NotFound as for a file one may not see."""
    row, kept = content(workflow, reference, file_id, actor)
    found = pages(kept) if row["media_type"] == "application/pdf" else []
    if not 1 <= number <= len(found):
        raise NotFound(file_id)
    return found[number - 1]
