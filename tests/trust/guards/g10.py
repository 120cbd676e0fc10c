"""What keeps the trail honest, to be missed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import mock

from sqlalchemy import Connection

from edu_pilot.services import anchors, audit
from tests.trust.guards import guard

FILE = "tests/trust/test_g10_audit.py"


@guard("audit_chain", test=f"{FILE}::test_every_tampering_is_detected")
def without_chain() -> Iterator[None]:
    """Entries are read without comparing a hash, a number or a column."""
    with mock.patch.object(audit, "_fault", lambda *_given: None):
        yield


@guard("audit_anchors", test=f"{FILE}::test_every_tampering_is_detected")
def without_anchors() -> Iterator[None]:
    """Nothing that was signed or kept outside is compared."""
    with mock.patch.object(audit, "_promises", lambda *_given: audit.Promises({}, frozenset())):
        yield


@guard("audit_signatures", test=f"{FILE}::test_every_tampering_is_detected")
def without_signatures() -> Iterator[None]:
    """Any anchor is taken for signed."""
    with mock.patch.object(anchors.Anchor, "holds", lambda *_given: True):
        yield


@guard("audit_steps", test=f"{FILE}::test_a_step_without_its_entry_is_found")
def without_steps() -> Iterator[None]:
    """No record is followed from step to step."""
    with (
        mock.patch.object(audit._Walk, "_moved", lambda *_given: None),
        mock.patch.object(audit, "_compared", lambda _conn, walk: audit.Verdict(True, walk.number, 0)),
    ):
        yield


@guard("audit_append", test=f"{FILE}::test_every_state_change_has_exactly_one_entry")
def without_some_entries() -> Iterator[None]:
    """The entry of one kind of step is dropped on the way."""
    plain = audit.append

    def append(conn: Connection, entries: Sequence[audit.Entry]) -> int:
        return plain(conn, [entry for entry in entries if entry.action != "submit"])

    with mock.patch.object(audit, "append", append):
        yield


@guard("money_anchor", test=f"{FILE}::test_money_moves_with_its_anchor")
def without_money_anchor() -> Iterator[None]:
    """A batch is released and settled without signing the trail."""
    with mock.patch.object(anchors, "make", lambda *_given: None):
        yield
