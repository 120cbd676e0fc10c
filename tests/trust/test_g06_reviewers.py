"""G6: many reviewers of one body at many claims, over HTTP and several processes: each is decided once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from edu_pilot.services import accounts
from edu_pilot.services.actors import OPERATOR
from tests.app import Place
from tests.factories import CHECKED, Pilot, passed, receipt, row, rows
from tests.people import QIHE, Human, id_number, worker
from tests.trust.client import Answer, Caller, at_once, callers
from tests.trust.constraints import drop_missed
from tests.trust.figures import column, figure, seed, size
from tests.trust.servers import served

REVIEWERS = {"small": 8, "ci": 16, "release": 64}


def test_of_many_reviewers_one_decides(any_place: Place, any_pilot: Pilot) -> None:
    reviewers = [_reviewer(n) for n in range(REVIEWERS[column()])]
    claims = size("G6") // len(reviewers)
    drop_missed()
    with figure("G6", seed("G6"), _engine(any_place)) as told, served(any_place, workers=2, on=CHECKED) as site:
        statuses = Counter[int]()
        with callers(site.base, map(site.token, reviewers)) as lines:
            for claim, who in (_claim(any_pilot, n) for n in range(claims)):
                answers = _all_check(lines, claim, who)
                _judge(claim, answers)
                statuses.update(answer.status for answer in answers)
        told(claims=claims, reviewers=len(reviewers), decided=statuses[200], refused=statuses[409])
    assert set(statuses) == {200, 409}
    assert statuses[200] == claims


def _engine(place: Place) -> str:
    return "postgresql" if place.url else "sqlite"


def _reviewer(n: int) -> str:
    name, number = f"union.{n}", id_number(date(1980, 1, 1 + n % 28), 996 + n // 28 % 4)
    accounts.add(name, ["union_reviewer"], QIHE, number, OPERATOR, password=f"demo{name}")
    return name


def _claim(pilot: Pilot, n: int) -> tuple[str, Human]:
    who = worker(n)
    return pilot.submitted(pilot.graduated(who), receipts=[receipt(str(9_000 + n), who.name)]), who


def _all_check(lines: Sequence[Caller], claim: str, who: Human) -> list[Answer]:
    seen = int(row("claim", claim)["version"])
    given = passed()
    given["reading"] |= {"id_tail": who.id_number[-4:]}
    return at_once([lambda one=one: one.act("claim", claim, "check", seen, **given) for one in lines])


def _judge(claim: str, answers: Sequence[Answer]) -> None:
    """One check stands; everybody else is told who gave it."""
    checks = rows("claim_check", claim_id=row("claim", claim)["id"])
    assert len(checks) == 1, f"{claim}: {len(checks)} checks"
    winner = rows("account", person_key=checks[0]["person_key"])[0]["name"]
    losers = [answer.body for answer in answers if answer.status == 409]
    assert len(losers) == len(answers) - 1
    assert all(winner in reason["text"] for body in losers for reason in body["reasons"][:1]), losers[:1]
