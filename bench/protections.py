"""What sealing, the chained trail and idempotency cost a step: `perform` with and without each, in one run.

Each is switched off by patching it here; the product has no switch.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from unittest import mock

from bench import instance
from bench.measure import seconds
from edu_pilot import clock
from edu_pilot.services import audit, idempotency
from edu_pilot.services.audit import ENTRY, GENESIS, Entry
from edu_pilot.services.idempotency import Answer, Once
from edu_pilot.services.perform import create, perform
from edu_pilot.services.vault import Vault
from edu_pilot.workflow.registry import Actor
from tests.factories import SIGN_UP, application_form

CLERK = Actor(None, "clerk-1", frozenset({"clerk"}), "371425")
DRAFTS, TURNS = 100, 12
# A step that seals a phone, an employer and a job, and writes two indexes.
GIVEN = {"phone": "13900001234", "employer": "齐河建筑安装有限公司", "job": "仓库管理员"}
Switch = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Way:
    """One way of taking the step: what is switched off, and whether each request has a key."""

    name: str
    off: Switch
    keyed: bool = True


def measured() -> Iterator[tuple[str, float, float]]:
    """Yield each way with its steps a second, and the rate of the complete one as a share of it."""
    with instance.fresh(), clock.on(SIGN_UP):
        drafts = [create("application", CLERK, application_form()).reference for _ in range(DRAFTS)]
        best = _best(drafts)
    whole = best[WAYS[0].name]
    for way in WAYS:
        yield way.name, DRAFTS / best[way.name], best[way.name] / whole


def _best(drafts: list[str]) -> Mapping[str, float]:
    """Take all ways in turns, so that each meets the machine in the same moods; the best turn of each counts."""
    spent: dict[str, list[float]] = {way.name: [] for way in WAYS}
    for _turn in range(TURNS):
        for way in WAYS:
            with way.off():
                spent[way.name].append(seconds(lambda way=way: _steps(drafts, way)))  # type: ignore[misc]
    return {name: min(turns) for name, turns in spent.items()}


_keys = count()


def _steps(drafts: list[str], way: Way) -> None:
    for reference in drafts:
        if way.keyed:
            once = Once(CLERK.name, str(next(_keys)), "")
            idempotency.carry_out(once, lambda reference=reference: _answered(reference), None)  # type: ignore[misc]
        else:
            perform("application", reference, "amend", CLERK, GIVEN)


def _answered(reference: str) -> Answer:
    done = perform("application", reference, "amend", CLERK, GIVEN)
    return Answer(200, done.reference)


@contextmanager
def _unsealed() -> Iterator[None]:
    """Values are written as they are; what is sealed already is still opened."""
    opened = Vault.open

    def either(vault: Vault, place: str, row: str, blob: bytes) -> str:
        return blob[1:].decode() if blob[:1] == b"\0" else opened(vault, place, row, blob)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Vault, "seal", lambda _v, _p, _r, text: b"\0" + text.encode()))
        stack.enter_context(mock.patch.object(Vault, "open", either))
        yield


_numbers = count(1_000_000)


def _unchained(conn: object, entries: list[Entry]) -> int:
    """Write the same entries without lock, hash and predecessor."""
    rows = []
    for entry in entries:
        plain = {name: getattr(entry, name) for name in audit.COLUMNS[1:]} | {"number": next(_numbers)}
        body = audit.canonical({**plain, "input": entry.input, "cause": entry.cause})
        rows.append({**plain, "at": clock.now(), "body": body, "previous_hash": GENESIS, "hash": GENESIS})
    conn.execute(ENTRY.insert(), rows)  # type: ignore[attr-defined]
    return int(rows[0]["number"])


def _loose() -> AbstractContextManager[object]:
    return mock.patch.object(audit, "append", _unchained)


@contextmanager
def _bare() -> Iterator[None]:
    with _unsealed(), _loose():
        yield


WAYS = (
    Way("with all of them", nullcontext),
    Way("without sealing", _unsealed),
    Way("without the chain", _loose),
    Way("without idempotency", nullcontext, keyed=False),
    Way("without any", _bare, keyed=False),
)


def tell() -> None:
    """Measure and print."""
    print(f"\n{'SQLite, amend with personal values: perform':44}{'steps/s':>9}{'share':>7}")
    for name, rate, share in measured():
        print(f"  {name:42}{rate:9,.0f}{share:7.2f}")


if __name__ == "__main__":
    tell()
