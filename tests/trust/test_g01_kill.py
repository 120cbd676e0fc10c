"""G1: the whole server group is killed at random moments under load; nothing is lost, half done or done twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edu_pilot.extensions import db
from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from tests.app import Place, at_work, opened
from tests.people import STAFF
from tests.trust.client import Answer, Caller, callers
from tests.trust.figures import figure, seed, size
from tests.trust.lives import DAY, LIVES, Act, Exhausted, Life, Supply, look, supplied
from tests.trust.servers import served
from tests.trust.soundness import Ledger, opened_ledger, require_sound, ten_minutes_pass

CLIENTS = 8
# Acts that the servers acknowledge first, and seconds under load until the next kill.
FIRST = 5
LOAD = 0.1, 0.8
# How often a step is tried that waits for others' steps, and the seconds until it is tried again.
TRIES, PAUSE = 100, 0.1
REPEATED = 5
KINDS, PATIENCE_SECONDS = 12, 120


@dataclass
class Office:
    """Eight programs at work: each goes through one life after the other, and asks until it is answered."""

    base: str
    tokens: dict[str, str]
    supply: Supply
    ledger: Ledger
    ending: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)
    waits: int = 0
    given_up: bool = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let everybody work for the block, and finish the act in hand at its end."""
        threads = [threading.Thread(target=self._work, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException:
            # The server may be down for good: nobody is to wait for it.
            self.given_up = True
            raise
        finally:
            self.ending.set()
            for thread in threads:
                thread.join()

    def work_on(self, acts: int, kinds: int = 0) -> None:
        """Wait until so many acts of so many kinds were acknowledged in all."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while len(self.ledger.now()[0]) < acts or kinds_of(self.ledger) < kinds:
            if self.faults or time.monotonic() > patience:
                return
            time.sleep(PAUSE)

    def _work(self, n: int) -> None:
        chance, lives = random.Random(f"{seed('G1')}:{n}"), list(LIVES)
        try:
            with self.lines() as lines:
                life = lives[n % len(lives)]
                while not self.ending.is_set():
                    self._live(life(self.supply, chance), lines)
                    (life,) = chance.choices(lives, list(LIVES.values()))
        except BaseException as fault:  # the test itself raises it, in its own thread
            self.faults.append(fault)
            raise SystemExit from fault

    @contextmanager
    def lines(self) -> Iterator[dict[str, Caller]]:
        """Give a line for each account."""
        with callers(self.base, self.tokens.values()) as found:
            yield dict(zip(self.tokens, found, strict=True))

    def _live(self, life: Life, lines: dict[str, Caller]) -> None:
        try:
            act = next(life)
            while not self.ending.is_set():
                act = life.send(self._done(act, lines))
        except (StopIteration, Exhausted):
            return

    def _done(self, act: Act, lines: dict[str, Caller]) -> object:
        """Carry out an act, on the record as it is by then, and give the body of its answer."""
        for _ in range(TRIES):
            key = self.ledger.begin(act)
            answer = self.told(lines[act.account], act, key)
            if answer.status < 300:
                self.ledger.answered(key, answer)
                return answer.body
            assert answer.status == 409, f"{act}: {answer.status} {answer.body}"
            self.ledger.refused(key)
            self.waits += 1
            time.sleep(PAUSE)
            act = self._anew(act, lines)
        raise AssertionError(f"{act}: {answer.body}")

    def _anew(self, act: Act, lines: dict[str, Caller]) -> Act:
        """Give a step on the version that its record has come to."""
        if not act.body or "version" not in act.body:
            return act
        workflow, reference, _ = act.traces[0]
        record = {"workflow": workflow, "reference": reference}
        return act.of_version(self.told(lines[act.account], look(act.account, record)).body["version"])

    def told(self, line: Caller, act: Act, key: str = "") -> Answer:
        """Send an act until it is answered; a server that is down or busy with the same key is asked again."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < patience and not self.given_up:
            answer = sent(line, act, key)
            busy = answer.status == 409 and answer.body["error"] == "in_progress"
            if answer.seen and answer.status != 503 and not busy:
                return answer
            time.sleep(PAUSE)
        raise AssertionError(f"no answer: {act}")


def sent(line: Caller, act: Act, key: str) -> Answer:
    """Send an act once."""
    kind, content = act.encoded()
    headers = {"Idempotency-Key": key, "Content-Type": kind} if act.method == "POST" else {}
    return line.ask(act.method, act.path, content, headers)


def test_a_killed_server_group_loses_nothing(sqlite_place: Place) -> None:
    """R6.1, R5.8: acknowledged acts stand, no act stands half or twice, the same key gives the same answer."""
    kills, chance, slowest, repeated = size("G1"), random.Random(seed("G1")), 0.0, 0
    with opened(sqlite_place) as app, figure("G1", seed("G1")) as figures:
        with at_work(app, DAY):
            supply = supplied(min(1 + kills // 4, 20), min(1 + kills // 2, 30), min(kills // 2, 2))
            tokens = {member.account: accounts.token(member.account, OPERATOR) for member in STAFF}
            ledger = opened_ledger()
            db.engine.dispose()
        with served(sqlite_place, on=DAY) as site:
            office = Office(site.base, tokens, supply, ledger)
            with office.at_work():
                for n in range(kills):
                    office.work_on(len(ledger.now()[0]) + FIRST)
                    time.sleep(chance.uniform(*LOAD))
                    site.kill()
                    with at_work(app, DAY):
                        require_sound(ledger)
                        ten_minutes_pass()
                        # Nobody but the servers has the database open when they are killed.
                        db.engine.dispose()
                    slowest = max(slowest, site.start())
                    repeated += answered_alike(office, chance)
                    acknowledged, unknown = ledger.now()
                    figures(kills=n + 1, acknowledged=len(acknowledged), unknown=len(unknown), repeated=repeated)
                    figures(ready=f"{slowest:.1f}s", waits=office.waits)
                    assert not office.faults
                office.work_on(0, KINDS)
                figures(repeated=repeated + answered_alike(office, chance))
        assert not office.faults
        with at_work(app, DAY):
            require_settled(ledger)
            figures(kinds=kinds_of(ledger), acknowledged=len(ledger.now()[0]))
    assert kinds_of(ledger) >= KINDS


def answered_alike(office: Office, chance: random.Random) -> int:
    """Send some of the acts again under their keys; return how many were told the same to the letter."""
    told_first = [deed for deed in office.ledger.now()[0] if deed.first_told and deed.act.method == "POST"]
    some = chance.sample(told_first, min(REPEATED, len(told_first)))
    with office.lines() as lines:
        for deed in some:
            again = office.told(lines[deed.act.account], deed.act, deed.key)
            assert deed.answer is not None
            assert (again.status, again.body) == (deed.answer.status, deed.answer.body), str(deed.act)
    return len(some)


def require_settled(ledger: Ledger) -> None:
    """Nobody waits for an answer any more: every act stands once."""
    assert ledger.now()[1] == []
    require_sound(ledger)


def kinds_of(ledger: Ledger) -> int:
    """Give how many kinds of acts were acknowledged."""
    return len({trace[::2] for deed in ledger.now()[0] for trace in deed.act.traces})
