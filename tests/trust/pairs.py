"""Steps that meet at one moment over HTTP, the subjects they meet at, and what may come of it.

The law of a pair is written down from the rulebook: which answers it may get. What else must come of
each order (states, sums, entries of the trail) is taken from the engine itself, which is given both
orders one after the other first: so the model knows everything the race could change, and cannot
agree with a fault of the engine as to who wins.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import permutations
from typing import Any

import sqlalchemy as sa
from stdnum import luhn

from edu_pilot.extensions import all_rows, read
from edu_pilot.models import AuditEntry
from edu_pilot.services import accounts, outbox
from edu_pilot.services.actors import OPERATOR, SYSTEM
from tests.factories import BATCHED, CARD, Pilot, lines_of, on, passed, receipt, row, rows
from tests.people import LIU_WEI, fresh_code, id_number, worker
from tests.trust.client import Answer, Browser, Caller, at_once
from tests.trust.servers import Site

ENTRY = AuditEntry.__table__
DAY = BATCHED
OTHER_CARD = "622848001012345678" + luhn.calc_check_digit("622848001012345678")
CARDS = {CARD[-4:]: "card", OTHER_CARD[-4:]: "other card"}
CLICKS = 100
# How many of the same requests tell in a row what the first and what all others are answered.
A_FEW = 3
TRIES = 50
# A signed-in administrator proves who it is anew before the product asks for it.
SIGNED_IN_SECONDS = 300
OPEN = ("draft", "returned", "submitted", "not_agreed", "approved", "objected", "bounced")
STALE, STALE_FIRST = ("200", "409 stale: stale"), ("409 stale: stale", "200")

Step = Callable[[], Answer]
Line = Caller | Browser
Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """Everything a round left behind, in words that are the same for each round."""

    answers: tuple[str, ...]
    steps: Rows
    follow_ups: Rows
    claims: Rows


@dataclass
class Hall:
    """Everybody's hands and lines, and the two students whose claims are raced for."""

    pilot: Pilot
    site: Site
    labels: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    lines: dict[tuple[str, ...], list[Caller]] = field(default_factory=dict)
    drawn: int = 0
    signed_in: tuple[Browser, float] | None = None

    def __post_init__(self) -> None:
        self.here = self.pilot.graduated()
        self.decheng = Pilot()
        self.decheng.wang_fang = self.decheng.decheng_clerk
        home = {"county": "德城区", "point": "德城区教学点"}
        self.there = self.decheng.graduated(worker(1), by=self.decheng.decheng_clerk, **home)
        maker = id_number(date(1988, 1, 1), 998)
        accounts.add("maker.two", ["finance_maker"], None, maker, OPERATOR, password="demomaker.two")

    # Subjects

    def next(self) -> int:
        """Give a number that no round had yet."""
        self.drawn += 1
        return self.drawn

    def known(self, label: str, reference: str) -> str:
        """Let a reference or an account go by one name in every round."""
        self.labels[reference] = label
        return reference

    def draft(self) -> str:
        """Enter a claim."""
        return self.known("claim", self.pilot.claim(self.here))

    def submitted(self) -> str:
        """Submit a claim."""
        return self.known("claim", self.pilot.submitted(self.here))

    def approved(self) -> str:
        """Let both bodies pass a claim."""
        return self.known("claim", self.pilot.approved(self.here))

    def exported(self, claim: str) -> str:
        """Send a claim to the bank in a batch of its own."""
        batch = self.known("batch", self.pilot.batch(claim))
        self.pilot.export(batch, DAY)
        return batch

    def clear(self) -> None:
        """End what the round left open, so that the next one can claim for the same studies."""
        self.labels.clear()
        with on(DAY):
            outbox.drain()
        for batch in rows("payment", state="drawn"):
            step = ("payment", batch["reference"], "cancel", self.pilot.he_jun, DAY)
            self.pilot.act(*step, cancellation="ENTERED_BY_MISTAKE")
        for batch in rows("payment", state="released"):
            self.pilot.act("payment", batch["reference"], "export", self.pilot.releaser, DAY)
        for batch in rows("payment", state="exported"):
            back = {str(claim["reference"]): "OTHER" for claim in rows("claim", state="in_payment")}
            self.pilot.settle(batch["reference"], DAY, back)
        for claim in rows("claim", live=True):
            if claim["state"] in OPEN:
                self.pilot.act("claim", claim["reference"], "withdraw", SYSTEM, DAY)

    # Lines

    def token(self, account: str) -> str:
        """Give an account's token, drawn once."""
        if account not in self.tokens:
            self.tokens[account] = accounts.token(account, OPERATOR)
        return self.tokens[account]

    def two(self, *names: str) -> list[Caller]:
        """Give lines of two accounts that end in two processes of the server."""
        if names not in self.lines:
            self.lines[names] = [Caller(self.site.base, self.token(name)) for name in names]
            self.apart(*self.lines[names])
        return self.lines[names]

    def many(self, name: str) -> list[Caller]:
        """Give a line for each click of an account."""
        if (name,) not in self.lines:
            self.lines[(name,)] = [Caller(self.site.base, self.token(name)) for _ in range(CLICKS)]
        return self.lines[(name,)]

    def apart(self, one: Line, other: Line) -> None:
        """Open the second line anew until another process than the first one's takes it."""
        taken = self._answering(one)
        for _ in range(TRIES):
            if self._answering(other) != taken:
                return
        raise RuntimeError("one process takes every line")

    def _answering(self, one: Line) -> int:
        one.line.close()
        one.line.request("GET", "/healthz")
        one.line.getresponse().read()
        return self.site.answering(one.line)

    def admin(self) -> Browser:
        """Give the administrator's browser, signed in a few minutes ago at most."""
        if self.signed_in is None or time.monotonic() - self.signed_in[1] > SIGNED_IN_SECONDS:
            browser = Browser(self.site.base)
            entered = browser.send("/login", username="admin", password="demoadmin", code=fresh_code("admin"))
            assert entered.status == 303
            browser.renew()
            self.signed_in = browser, time.monotonic()
        return self.signed_in[0]

    def close(self) -> None:
        """Close every line."""
        for one in [one for some in self.lines.values() for one in some]:
            one.line.close()
        if self.signed_in:
            self.signed_in[0].line.close()

    # Rounds

    def serial(self, pair: Pair) -> frozenset[Outcome]:
        """Let the steps be taken one after the other in each order, at a subject of its own each."""
        orders = [range(A_FEW)] if pair.alike else permutations(range(len(next(iter(pair.law)))))
        return frozenset(self._round(pair, lambda steps, order=order: _in_order(steps, order)) for order in orders)

    def race(self, pair: Pair) -> Outcome:
        """Let the steps be taken at one moment."""
        return self._round(pair, at_once)

    def _round(self, pair: Pair, take: Callable[[Sequence[Step]], Sequence[Answer]]) -> Outcome:
        steps, mark = pair.prepare(self), rows("audit_head")[0]["number"]
        answers = tuple(_said(answer) for answer in take(steps))
        with on(DAY):
            outbox.drain()
        outcome = self._outcome(_alike(answers) if pair.alike else answers, mark)
        self.clear()
        return outcome

    def _outcome(self, answers: tuple[str, ...], mark: int) -> Outcome:
        trail = self._trail(mark)
        people = tuple(step for step in trail if step[1] != SYSTEM.name)
        system = Counter(step for step in trail if step[1] == SYSTEM.name)
        return Outcome(answers, people, tuple(sorted(system.items())), tuple(self._claims()))

    def _trail(self, mark: int) -> Rows:
        columns = ("reference", "actor", "workflow", "action", "from_state", "to_state")
        query = sa.select(*(ENTRY.c[name] for name in columns)).where(ENTRY.c.number > mark).order_by(ENTRY.c.number)
        with read() as conn:
            return tuple(self._step(*entry.values()) for entry in all_rows(conn, query))

    def _step(self, reference: str, actor: str, workflow: str, *step: str) -> tuple[str, ...]:
        number = sum(label.startswith(workflow) for label in self.labels.values())
        label = self.labels.setdefault(reference, f"{workflow} {number}")
        return label, self.labels.get(actor, actor), *step

    def _claims(self) -> Iterator[tuple[Any, ...]]:
        """Give every claim of the round with its receipts, its checks, and what is to be paid for it."""
        for claim in sorted(rows("claim"), key=lambda c: str(c["reference"])):
            if label := self.labels.get(claim["reference"]):
                kept = tuple(claim[name] for name in ("state", "version", "live", "payable_fen", "explanation"))
                receipts = len(rows("receipt", claim_id=claim["id"], live=True))
                checks = tuple(sorted(check["body"] for check in rows("claim_check", claim_id=claim["id"])))
                yield label, *kept, CARDS[claim["account_tail"]], receipts, checks, _lines(claim["id"])


def _lines(claim_id: str) -> Rows:
    """Give the payments of a claim, each with its batch's total."""
    found = rows("payment_item", claim_id=claim_id)
    batches = {item["payment_id"]: rows("payment", id=item["payment_id"])[0] for item in found}
    return tuple(
        sorted(
            (str(item["result"]), item["live"], item["amount_fen"], batch["total_fen"], batch["state"])
            for item, batch in ((item, batches[item["payment_id"]]) for item in found)
        )
    )


def _in_order(steps: Sequence[Step], order: Sequence[int]) -> list[Answer]:
    taken = {n: steps[n]() for n in order if n < len(steps)}
    return [taken[n] for n in sorted(taken)]


def _alike(answers: Sequence[str]) -> tuple[str, ...]:
    """Say what the same requests were answered, however many they were: each answer once."""
    told = Counter(answers).items()
    return tuple(sorted(f"all others {answer}" if number > 1 else answer for answer, number in told))


def _said(answer: Answer) -> str:
    """Say an answer in the words that must be the same each time: status, codes, whether it was told before."""
    body = answer.body if isinstance(answer.body, dict) else {}
    code = f" {body['error']}" if "error" in body else ""
    told = [told["code"] for name in ("reasons", "problems", "notices") for told in body.get(name, [])]
    codes = f": {', '.join(sorted(told))}" if told else ""
    return f"{answer.status}{code}{codes}" + (" again" if "idempotency-replayed" in answer.headers else "")


@dataclass(frozen=True)
class Pair:
    """Steps that meet: the answers they may get by the rulebook, and how their subject is prepared."""

    name: str
    law: frozenset[tuple[str, ...]]
    prepare: Callable[[Hall], Sequence[Step]]
    # Whether all send the very same request, so that it is all one which of them was first.
    alike: bool
    # Whether a round costs many times the others', so that there are fewer.
    dear: bool


PAIRS: list[Pair] = []
Prepare = Callable[[Hall], Sequence[Step]]


def pair(*law: tuple[str, ...], alike: bool = False, dear: bool = False) -> Callable[[Prepare], Prepare]:
    """Register how a pair's subject is prepared and its steps are given."""

    def keep(prepare: Prepare) -> Prepare:
        PAIRS.append(Pair(prepare.__name__, frozenset(law), prepare, alike, dear))
        return prepare

    return keep


def seen(workflow: str, reference: str) -> int:
    """Give the version that both contestants have before them."""
    return int(row(workflow, reference)["version"])


@pair(STALE, STALE_FIRST)
def approved_or_withdrawn(hall: Hall) -> Sequence[Step]:
    """R5.2: the second body passes a claim that its clerk withdraws; whoever is late looks at it again."""
    claim = hall.submitted()
    hall.pilot.check(claim, hall.pilot.zhao_min)
    reviewer, clerk = hall.two("sun.li", "wang.fang")
    now = seen("claim", claim)
    return [
        lambda: reviewer.act("claim", claim, "check", now, **passed()),
        lambda: clerk.act("claim", claim, "withdraw", now),
    ]


@pair(STALE, STALE_FIRST)
def amended_or_submitted(hall: Hall) -> Sequence[Step]:
    """R5.4: what is submitted is what its clerk saw, not what a colleague wrote into it meanwhile."""
    claim = hall.draft()
    one, other = hall.two("wang.fang", "wang.fang")
    now = seen("claim", claim)
    return [
        lambda: one.act("claim", claim, "amend", now, explanation="补充说明"),
        lambda: other.act("claim", claim, "submit", now),
    ]


@pair(("200", "200"), STALE)
def code_renewed_or_checked(hall: Hall) -> Sequence[Step]:
    """R5.2: a first check leaves no sign for the clerk; a new code is looked at before the check."""
    claim = hall.submitted()
    clerk, reviewer = hall.two("wang.fang", "zhao.min")
    now = seen("claim", claim)
    given = {"code": "A1B2C3D4E5F6", "code_until": "2025-12-31"}
    return [
        lambda: clerk.act("claim", claim, "renew_register_code", now, **given),
        lambda: reviewer.act("claim", claim, "check", now, **passed()),
    ]


@pair(("303", "200"), ("303", "401 unauthorized"))
def account_ended_or_checked(hall: Hall) -> Sequence[Step]:
    """R6.3: who leaves decides nothing from then on; the trail never has a check after the end."""
    claim, leaver = hall.submitted(), hall.known("leaver", f"leaver.{hall.next()}")
    person = id_number(date(1979, 4, 5), 997)
    accounts.add(leaver, ["university_reviewer"], None, person, OPERATOR, password="demoleaver")
    admin, reviewer = hall.admin(), hall.two("sun.li", "sun.li.colleague")[1]
    reviewer.headers["Authorization"] = f"Bearer {accounts.token(leaver, OPERATOR)}"
    hall.apart(reviewer, admin)
    now = seen("claim", claim)
    return [
        lambda: admin.send(f"/admin/accounts/{leaver}/end"),
        lambda: reviewer.act("claim", claim, "check", now, **passed()),
    ]


@pair(("200", "409 refused: account_is_settled"), ("409 refused: not_in_a_batch", "201"))
def card_changed_or_drawn(hall: Hall) -> Sequence[Step]:
    """R5.8: money never goes to a card that nobody has confirmed."""
    claim = hall.approved()
    clerk, maker = hall.two("wang.fang", "he.jun")
    now = seen("claim", claim)
    given = {"account_number": OTHER_CARD, "account_holder": LIU_WEI.name}
    return [
        lambda: clerk.act("claim", claim, "change_account", now, **given),
        lambda: maker.post("/records/payment", {"claims": [claim]}),
    ]


@pair(("201", "409 refused: claims_are_payable"), ("409 refused: claims_are_payable", "201"))
def two_batches(hall: Hall) -> Sequence[Step]:
    """R5.8: one claim stands in one batch."""
    claim = hall.approved()
    one, other = hall.two("he.jun", "maker.two")
    return [lambda: one.post("/records/payment", {"claims": [claim]}),
            lambda: other.post("/records/payment", {"claims": [claim]})]  # fmt: skip


@pair(STALE, STALE_FIRST)
def cancelled_or_released(hall: Hall) -> Sequence[Step]:
    """R5.8: a batch that its maker takes back is not released, and one released is not taken back."""
    batch = hall.known("batch", hall.pilot.batch(hall.approved()))
    maker, releaser = hall.two("he.jun", "releaser")
    now = seen("payment", batch)
    return [
        lambda: maker.act("payment", batch, "cancel", now, cancellation="ENTERED_BY_MISTAKE"),
        lambda: releaser.act("payment", batch, "release", now),
    ]


@pair(("200", "409 refused: receipts_not_used"), ("409 refused: receipts_not_used", "200"))
def one_receipt(hall: Hall) -> Sequence[Step]:
    """R5.3: one receipt counts in one claim, whatever the county."""
    claims = hall.draft(), hall.known("there", hall.decheng.claim(hall.there))
    callers = hall.two("wang.fang", "decheng.clerk")
    given = {"new_receipts": [receipt(str(10_000 + hall.next()))]}
    versions = [seen("claim", claim) for claim in claims]
    return [
        lambda one=one, claim=claim, now=now: one.act("claim", claim, "amend", now, **given)
        for one, claim, now in zip(callers, claims, versions, strict=True)
    ]


@pair(("200", "200: already_settled"), alike=True)
def one_result_twice(hall: Hall) -> Sequence[Step]:
    """R5.8: the bank's answer is taken once, however often its file is sent; here the money came back."""
    return _results(hall, hall.approved(), "bounced,OTHER")


@pair(("200", "200: already_settled"), alike=True, dear=True)
def one_payment_twice(hall: Hall) -> Sequence[Step]:
    """R5.8: the same where the money went out, by a student of its own each round."""
    who = worker(100 + hall.next())
    study, given = hall.pilot.graduated(who), passed()
    given["reading"] |= {"id_tail": who.id_number[-4:]}
    claim = hall.known("claim", hall.pilot.submitted(study))
    for reviewer in (hall.pilot.zhao_min, hall.pilot.sun_li):
        hall.pilot.check(claim, reviewer, given)
    return _results(hall, claim, "paid,")


def _results(hall: Hall, claim: str, result: str) -> Sequence[Step]:
    batch = hall.exported(claim)
    file = f"number,result,reason\n{lines_of(batch)[0]['number']},{result}\n".encode()
    both = hall.two("he.jun", "he.jun")
    return [lambda one=one: one.send_file("/imports/results", "results.csv", file, batch=batch) for one in both]


@pair(("201", "all others 201 again"), alike=True, dear=True)
def clicks_with_a_key(hall: Hall) -> Sequence[Step]:
    """R6.1: a request with a key is carried out once; every click is told of the one claim."""
    body = {"study": hall.here, "receipts": [receipt("77")], "account_number": CARD, "account_holder": LIU_WEI.name}
    key = f"click {hall.next()}"
    return [lambda one=one: one.post("/records/claim", body, key) for one in hall.many("wang.fang")]


@pair(("200", "all others 409 stale: stale"), alike=True, dear=True)
def clicks_without_a_key(hall: Hall) -> Sequence[Step]:
    """R6.2: one click submits, the others are told that the case has moved on."""
    claim = hall.draft()
    now = seen("claim", claim)
    return [lambda one=one: one.act("claim", claim, "submit", now) for one in hall.many("wang.fang")]


@contextmanager
def hall(pilot: Pilot, site: Site) -> Iterator[Hall]:
    """Give the hall of a server, its lines closed at the end."""
    made = Hall(pilot, site)
    try:
        yield made
    finally:
        made.close()
