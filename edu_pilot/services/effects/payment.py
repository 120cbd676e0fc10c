"""What steps of a payment batch write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from edu_pilot.models import BankFile, PaymentItem
from edu_pilot.models.base import new_id
from edu_pilot.services import bank_files, numbers
from edu_pilot.services.facts.payment import Item
from edu_pilot.services.unit import Change
from edu_pilot.workflow.registry import effect

ITEM = PaymentItem.__table__


@effect
def draw_batch(change: Change) -> None:
    """R5.8: one numbered line per claim; the batch's total is their sum."""
    references = tuple(sorted(str(r) for r in change.input["claims"]))
    claims = change.case.claims_named(references)
    drawn = numbers.draw(change.conn, f"payment{change.unit.today.year}", len(references))
    rows = [
        {
            "id": new_id(),
            "payment_id": change.record_id,
            "claim_id": claims[reference].id,
            "number": f"P{change.unit.today.year}-{number:06d}",
            "amount_fen": claims[reference].payable_fen,
            "result": None,
            "live": True,
        }
        for reference, number in zip(references, drawn, strict=True)
    ]
    change.values["total_fen"] = sum(claims[r].payable_fen for r in references)
    change.add(PaymentItem, *rows)


@effect
def note_release(change: Change) -> None:
    """R5.8: the releaser is kept by person; every claim of the batch goes into payment."""
    actor = change.attempt.actor
    change.values |= {"released_by": actor.name, "releaser_key": actor.person_key}
    change.note["total_fen"] = change.case.total_fen
    for item in change.case.items:
        change.then("pay", workflow="claim", reference=item.claim)


@effect
def keep_bank_file(change: Change) -> None:
    """R5.8: the bank file as it is sent, and its fingerprint, so that what was paid by can be proved for ever."""
    content, row = bank_files.content(change.conn, change.unit.vault, change.record_id), new_id()
    digest = hashlib.sha256(content).hexdigest()
    sealed = change.unit.vault.seal("bank_file.content", row, content.decode(bank_files.ENCODING))
    known = {"id": row, "payment_id": change.record_id, "sha256": digest, "exported_at": change.unit.now}
    change.add(BankFile, known | {"content": sealed})
    change.note["bank_file_sha256"] = digest


@effect
def note_export(change: Change) -> None:
    """R1.6, R5.8: the name that versions published before the file was kept give to keep_bank_file."""
    keep_bank_file(change)


@effect
def settle_items(change: Change) -> None:
    """R5.8: each line has one result; a paid line holds its claim for ever, a bounced one lets it go."""
    given = {result["number"]: result for result in change.input["results"]}
    for item in change.case.items:
        _settle(change, item, given[item.number])


def _settle(change: Change, item: Item, result: Mapping[str, Any]) -> None:
    paid = result["result"] == "paid"
    change.conn.execute(ITEM.update().where(ITEM.c.id == item.id).values(result=result["result"], live=paid))
    if paid:
        change.then("confirm_paid", workflow="claim", reference=item.claim)
    else:
        change.then("bounce", workflow="claim", reference=item.claim, bounce=result["reason"])


@effect
def sign_the_trail(change: Change) -> None:
    """R6.1: the trail as it stands after this step is signed in the same commit, so that money has its anchor."""
    change.unit.anchored = True


@effect
def free_items(change: Change) -> None:
    """R5.8: a cancelled batch lets its claims into another one."""
    change.conn.execute(ITEM.update().where(ITEM.c.payment_id == change.record_id).values(live=False))
