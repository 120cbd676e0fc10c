"""Files handed in for a record: looked at, kept, and served only to who may see the record (R3.2)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from PIL import Image
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import all_rows, read, write
from edu_pilot.models import Paper
from edu_pilot.models.base import new_id
from edu_pilot.services import audit, cases, idempotency, look_ups, store
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.perform import unit_of, version_of
from edu_pilot.services.policies import Version
from edu_pilot.services.vault import vault
from edu_pilot.services.visibility import require_visible
from edu_pilot.workflow.reasons import N_, Forbidden, Malformed, blocked
from edu_pilot.workflow.registry import Actor

PAPER = Paper.__table__
LIMIT = 10 * 1024 * 1024
PIXELS = 25_000_000
IMAGES = {"JPEG": ("image/jpeg", ".jpg"), "PNG": ("image/png", ".png")}


def add(workflow: str, reference: str, kind: str, content: bytes, actor: Actor) -> str:
    """Keep a file for a record and return its id.

    Raises Malformed for a kind or content not allowed, Forbidden for a role with no part in the workflow.
    """
    media_type, clean, ending = examined(content)
    with read() as conn:
        case = cases.by_reference(conn, vault(), workflow, reference)
        require_visible(actor, case)
        version = version_of(unit_of(conn, actor), case)
        _require_part(version, case, actor)
        _require_kind(version, kind)
    # The bytes are safe on disk before any row refers to them.
    key, digest = store.keep("papers", clean, ending)
    row = {
        "id": new_id(), "workflow": workflow, "record_id": case.id, "kind": kind, "media_type": media_type,
        "size": len(clean), "sha256": digest, "store_key": key, "uploaded_at": clock.now(), "uploaded_by": actor.name,
    }  # fmt: skip
    with write() as conn:
        idempotency.claim(conn, workflow=workflow, reference=reference, file=str(row["id"]))
        conn.execute(PAPER.insert().values(row))
        given = {"kind": kind, "file": row["id"], "sha256": digest}
        # Locked, so that the entry names the state the record has when it is written.
        state = cases.by_reference(conn, vault(), workflow, reference, lock=True).state
        audit.append(conn, [audit.Entry(actor.name, workflow, reference, "add_file", state, state, input=given)])
    return str(row["id"])


def _require_part(version: Version, case: Case, actor: Actor) -> None:
    """R6.3: who reads all but changes nothing adds no file either."""
    definition = version.compiled.definition(case.workflow)
    steps = (definition.create, *definition.actions.values())
    roles = sorted({role for step in steps for role in step.by})
    if not actor.roles & set(roles):
        text = N_("This step belongs to: %(roles)s")
        raise Forbidden([blocked(text, code="role_missing", roles="roles:" + ",".join(roles), who=tuple(roles))])


def _require_kind(version: Version, kind: str) -> None:
    """R1.6: the kinds of paper are those of the record's own version."""
    policy = version.policy
    if kind not in policy.get("papers") and kind not in policy.find("other_papers", {}):
        text = N_("%(kind)s is no kind of paper.")
        raise Malformed([blocked(text, code="file_kind_unknown", field="kind", kind=kind[:64])])


def examined(content: bytes) -> tuple[str, bytes, str]:
    """Return (media type, clean bytes, ending) of a JPEG, PNG or PDF; images are drawn anew.

    Drawing anew drops the place a phone writes into a photo, and whatever hides behind the picture.
    """
    if len(content) > LIMIT:
        raise _refused("file_too_large", N_("The file is larger than 10 MB."))
    if content.startswith(b"%PDF-"):
        return "application/pdf", content, ".pdf"
    try:
        return _drawn_anew(content)
    except Exception:  # a hostile picture makes its decoder raise anything
        raise _refused("file_not_readable", N_("The file is neither a JPEG or PNG picture nor a PDF.")) from None


def _drawn_anew(content: bytes) -> tuple[str, bytes, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(content), formats=list(IMAGES)) as picture:
            if picture.width * picture.height > PIXELS:
                raise ValueError("too many pixels")
            kind = str(picture.format)
            fresh = picture.convert("RGB")
    target = io.BytesIO()
    fresh.save(target, kind)
    return IMAGES[kind][0], target.getvalue(), IMAGES[kind][1]


def _refused(code: str, text: str) -> Malformed:
    return Malformed([blocked(text, code=code, field="file")])


def of_record(conn: Connection, case: Case) -> list[Mapping[str, Any]]:
    """Return the files of a record, oldest first."""
    query = sa.select(PAPER).where(PAPER.c.workflow == case.workflow, PAPER.c.record_id == case.id)
    return all_rows(conn, query.order_by(PAPER.c.uploaded_at, PAPER.c.id))


def content(workflow: str, reference: str, file_id: str, actor: Actor) -> tuple[Mapping[str, Any], bytes]:
    """Return one file of a record the actor may see; NotFound for any other."""
    with read() as conn:
        case = cases.by_reference(conn, vault(), workflow, reference)
        require_visible(actor, case)
        row = next((r for r in of_record(conn, case) if r["id"] == file_id), None)
    if row is None or row["erased_at"]:
        raise NotFound(file_id)
    look_ups.note(actor, look_ups.FILE, case, f"{row['kind']}:{file_id}"[:64])
    return row, store.store().get(row["store_key"])
