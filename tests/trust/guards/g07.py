"""What keeps steps of one moment from both being taken; each comes late enough for a single round to show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from edu_pilot.services import idempotency, outbox, perform, standing
from edu_pilot.web.api import records
from tests.races.protections import taken_away
from tests.trust.guards import g05, guard

HERE = "tests/trust/test_g07_mixed_races.py::test_only_what_one_after_the_other_could_bring"
# Longer than the contestants start apart, in seconds.
LATE = 0.5
# Both have judged before the first writes, and the second writes after it.
LATER = {"renew_register_code": LATE, "check": 2 * LATE}


@contextmanager
def _late(module: Any, name: str, seconds: Callable[..., float] = lambda *_given: LATE) -> Iterator[None]:
    """Let a function be called a moment later, so that whoever started with it has been there first."""
    plain: Callable[..., Any] = getattr(module, name)

    def late(*given: Any, **named: Any) -> Any:
        time.sleep(seconds(*given))
        return plain(*given, **named)

    with mock.patch.object(module, name, late):
        yield


@guard("seen_version", test=HERE)
def without_version_and_lock() -> Iterator[None]:
    """What was changed meanwhile is checked unseen: no transaction, no lock, no condition of the UPDATE.

    A step from a state that was left meanwhile would still be refused by the database's own table of moves.
    """
    with ExitStack() as stack:
        stack.enter_context(taken_away(["transaction", "version"]))
        stack.enter_context(_late(perform, "_taken", lambda _change, action: LATER.get(action.name, 0)))
        yield


@guard("standing_account", test=HERE)
def without_asking_the_account_again() -> Iterator[None]:
    """An account is looked at when its request comes in, and not when its step is written."""
    with mock.patch.object(standing, "require_unchanged", lambda _conn, _actor: None), _late(outbox, "perform"):
        yield


@guard("own_deed", test=HERE)
def without_knowing_the_own_deed() -> Iterator[None]:
    """A duplicate that meets what the first sending entered takes it for another's."""
    with mock.patch.object(idempotency, "done_by_another", lambda _conn: False), _late(records, "create"):
        yield


# A click with a key that the server has seen already is carried out like any other.
guard("one_deed_a_key", test=HERE)(g05.repeated_key_is_known)
