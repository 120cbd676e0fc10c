"""G21: guessing at the sign-in, the status page, links and papers, from many addresses, against several workers."""

from __future__ import annotations

import math
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.services import access_limits, accounts
from edu_pilot.services.access_limits import Limits, Tries
from edu_pilot.services.vault import vault
from tests.app import TODAY, Place
from tests.factories import Pilot, row
from tests.people import LIU_WEI, STAFF
from tests.trust.client import Browser
from tests.trust.figures import column, figure, seed, size
from tests.trust.servers import served
from tests.web.visitor import TOKEN, Visitor, text

ACCOUNT = Account.__table__
MOST_PER_DAY = 10
GUESSERS = 8
WORKERS = {"small": 2, "ci": 4, "release": 4}
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
# A password costs some milliseconds here, as it costs a tenth of a second in earnest.
MEMORY_KIB = 4096
ATTEMPTS, FEWEST_PAIRS, MOST_PAIRS = 4, 60, 10_000


class Guesser(Browser):
    """A stranger's browser that claims another address with each request."""

    def __init__(self, base: str, number: int) -> None:
        self.chance = random.Random(f"{seed('G21')}:{number}")
        super().__init__(base)

    def guess(self, path: str, **fields: str) -> int:
        """Send a form from an address of its own and give the status."""
        return self.send(path, **fields).status

    def headers(self) -> dict[str, str]:
        """Give the address that is claimed."""
        return {"X-Forwarded-For": f"10.{self.chance.randrange(4)}.{self.chance.randrange(256)}.7"}

    def text(self, length: int) -> str:
        """Give random characters."""
        return "".join(self.chance.choice(ALPHABET) for _ in range(length))


TAIL = LIU_WEI.id_number[-6:]
# What is guessed at, and the one thing every guess has in common.
DOORS: dict[str, Callable[[Guesser, str], int]] = {
    "sign-in of one account": lambda one, _code: one.guess(
        "/login", username="wang.fang", password=one.text(8), code="1"
    ),
    "sign-in of no account": lambda one, _code: one.guess("/login", username="nobody.at.all", password=one.text(8)),
    "codes for one ID": lambda one, _code: one.guess("/status", code=one.text(12), id_tail=TAIL),
    "IDs for one code": lambda one, code: one.guess("/status", code=code, id_tail=f"{one.chance.randrange(10**6):06}"),
}


@pytest.fixture
def hands(site: Flask) -> Iterator[Pilot]:
    """Give everybody's hands; the business date holds for the whole test."""
    with clock.on(TODAY), site.app_context():
        yield Pilot()


def query_code(reference: str) -> str:
    """Give the code printed on a registration form."""
    found = row("application", reference)
    return vault().open("application.query_code", found["id"], found["query_code"])


def test_few_guesses_at_one_id_pass_from_however_many_addresses(
    any_place: Place, any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDU_PILOT_PROXY_HOPS", "1")
    code, each = query_code(any_pilot.registered()), size("G21") // len(DOORS)
    engine = "postgresql" if any_place.url else "sqlite"
    with figure("G21", seed("G21"), engine) as told, served(any_place, workers=WORKERS[column()]) as site:
        guessers = [Guesser(site.base, n) for n in range(GUESSERS)]
        for door, guess in DOORS.items():
            answers = Counter(_many(guessers, guess, code, each))
            passed = answers[401] + answers[404]
            told(**{door.replace(" ", "_"): f"{passed}/{answers.total()}"})
            assert set(answers) <= {401, 404, 429}, (door, answers)
            assert 0 < passed <= MOST_PER_DAY and answers[429], (door, answers)
        for one in guessers:
            one.line.close()


def _many(guessers: Sequence[Guesser], guess: Callable[[Guesser, str], int], code: str, number: int) -> Iterator[int]:
    """Let all guess at once, each on its own line."""
    shares = [number // len(guessers)] * len(guessers)
    with ThreadPoolExecutor(len(guessers)) as pool:
        for found in pool.map(
            lambda pair: [guess(pair[0], code) for _ in range(pair[1])], zip(guessers, shares, strict=True)
        ):
            yield from found


def test_guessed_links_and_papers_are_all_the_same_miss(site: Flask, hands: Pilot) -> None:
    hands.registered()
    chance = random.Random(seed("G21"))
    visitor = Visitor(site)
    bodies = set()
    for _ in range(20):
        token = "".join(chance.choice(ALPHABET) for _ in range(43))
        bodies.add(masked(visitor.send(f"/link/reset/{token}", password="x" * 12, repeated="x" * 12), token))
        bodies.add(masked(visitor.get(f"/link/invite/{token}"), token))
    assert len(bodies) == 1
    papers = {masked(visitor.get(f"/v/{n:016}"), f"{n:016}") for n in range(20)}
    assert len(papers) == 1


def masked(answer: object, typed: str) -> str:
    """Give a page without its token and without what was typed into it."""
    page = text(answer)  # type: ignore[arg-type]
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page).replace(typed, "…")


def generous(conn: object) -> Limits:
    """Give limits that nobody reaches: only what a single try tells is looked at."""
    open_to_all = Tries(timedelta(days=1), 10**9, 10**9, timedelta(0))
    names = ("account", "code", "person", "address", "total")
    return replace(SHIPPED(conn), tries=dict.fromkeys(names, open_to_all))  # type: ignore[arg-type]


SHIPPED = access_limits.limits


def signing_in(site: Flask, _hands: Pilot) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str, int]:
    """Give names that are and names that are not, with a wrong password."""
    site.config["ARGON2_MEMORY_KIB"] = MEMORY_KIB
    dear = accounts.password_hash("nobody guesses this")
    with write() as conn:
        conn.execute(sa.update(ACCOUNT).values(password_hash=dear))
    there = [member.account for member in STAFF]
    gone = [name[::-1] for name in there]
    return [(name, "wrong") for name in there], [(name, "wrong") for name in gone], "/login", 401


def asking(_site: Flask, hands: Pilot) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str, int]:
    """Give a code that is and one that is not, with a wrong ID tail."""
    code = query_code(hands.registered())
    return [(code, "000000")], [(code[::-1], "000000")], "/status", 404


FIELDS = {"/login": ("username", "password"), "/status": ("code", "id_tail")}


@pytest.mark.parametrize("door", [signing_in, asking])
def test_a_hit_and_a_miss_look_alike_and_take_as_long(
    site: Flask, hands: Pilot, door: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_limits, "limits", generous)
    hits, misses, path, status = door(site, hands)  # type: ignore[misc]
    visitor = Visitor(site)
    found = TOKEN.search(text(visitor.get("/login")))
    assert found
    names = FIELDS[path]
    # Where others work on the same machine, only the work itself can be compared.
    spent = time.process_time if column() == "small" else time.perf_counter

    def one(pair: tuple[str, str]) -> tuple[float, str]:
        form = {"csrf_token": found.group(1), **dict(zip(names, pair, strict=True))}
        begun = spent()
        answer = visitor._open("POST", path, data=form)
        seconds = spent() - begun
        assert answer.status_code == status
        return seconds, masked(answer, pair[0])

    pairs = max(FEWEST_PAIRS, min(MOST_PAIRS, size("G21") // 3))
    with figure("G21", seed("G21"), f"timing-{path.strip('/')}") as told:
        assert len({one(pair)[1] for pair in (*hits, *misses)}) == 1
        for attempt in range(1, ATTEMPTS + 1):
            apart, likelihood = _compared(one, hits, misses, pairs)
            told(pairs=pairs, medians_apart=f"{apart:.2%}", p=f"{likelihood:.3f}", attempt=attempt)
            # Chance alone fails one honest round of a hundred, and a busy machine more: it must fail them all.
            if apart < 0.05 and likelihood > 0.01:
                return
    pytest.fail(f"medians {apart:.1%} apart, p = {likelihood:.4f}")


def _compared(
    one: Callable[[tuple[str, str]], tuple[float, str]],
    hits: Sequence[tuple[str, str]],
    misses: Sequence[tuple[str, str]],
    pairs: int,
) -> tuple[float, float]:
    """Time hits and misses in turn, in random order; give how far the medians are apart, and Mann-Whitney's p."""
    chance, took = random.Random(seed("G21")), {True: list[float](), False: list[float]()}
    for n in range(pairs):
        for kind in chance.sample((True, False), 2):
            tried = hits if kind else misses
            took[kind].append(one(tried[n % len(tried)])[0])
    medians = statistics.median(took[True]), statistics.median(took[False])
    return abs(medians[0] - medians[1]) / min(medians), mann_whitney(took[True], took[False])


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """Give the two-sided p of the rank test, by its normal approximation; ties hardly occur in nanoseconds."""
    ranked = sorted([(value, True) for value in first] + [(value, False) for value in second])
    ranks = sum(rank for rank, (_value, mine) in enumerate(ranked, 1) if mine)
    a, b = len(first), len(second)
    u = ranks - a * (a + 1) / 2
    z = abs(u - a * b / 2) / math.sqrt(a * b * (a + b + 1) / 12)
    return math.erfc(z / math.sqrt(2))


def test_the_rank_test_tells_apart_what_is() -> None:
    chance = random.Random(1)
    same = [[chance.gauss(10, 1) for _ in range(200)] for _ in range(2)]
    assert mann_whitney(*same) > 0.01
    assert mann_whitney(same[0], [value * 1.2 for value in same[1]]) < 1e-6
    assert mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(0.009, abs=0.001)
