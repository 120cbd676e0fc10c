"""Load the fictional pilot into a fresh installation, from the first intake to the business date."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from random import Random

import sqlalchemy as sa
from flask import current_app

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Account
from edu_pilot.rules.calendar import intake_window
from edu_pilot.rules.study import earliest_diploma
from edu_pilot.sample import accounts, finance, printing, summary
from edu_pilot.sample.calendar import Calendar, Life
from edu_pilot.sample.exams import Exams
from edu_pilot.sample.hands import Hands
from edu_pilot.sample.lives import Person, applying, days, signing_up
from edu_pilot.sample.people import Population
from edu_pilot.sample.stories import cast
from edu_pilot.sample.summary import Summary
from edu_pilot.services import cases, due, exports, policies, rosters, upkeep
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import N_, Refused, blocked

Progress = Callable[[str, int, int], None]
REGISTRATION = "roster/registration"
HEADS = {
    "name": "姓名", "sex": "性别", "id_number": "身份证号", "birth_on": "出生日期", "phone": "手机号",
    "county": "县（市、区）", "point": "教学点", "level": "报考层次", "major": "报考专业",
    "previous_school": "原毕业院校", "previous_diploma": "原学历", "employer": "工作单位", "job": "岗位",
    "union_member": "工会会员",
}  # fmt: skip
ROSTER_AFTER = 20
ACCOUNT = Account.__table__


def load(people: int, seed: int, progress: Progress | None = None) -> Summary:
    """Play the pilot with so many people up to the business date; the same seed gives the same again.

    Raises Refused in production, where records or sample accounts exist, or before the first sign-up.
    """
    today, told = clock.today(), progress or _silent
    policy = _fresh(today)
    population = Population(policy, seed)
    start = time.perf_counter()
    staff = _staffed(population, told)
    calendar = Calendar(today, lambda: None)
    hands = Hands(policy, population, staff, calendar)
    hands.seconds["accounts"] = time.perf_counter() - start
    calendar.close_day = lambda: _close_day(hands)
    _take_up(hands, people, seed)
    first = intake_window(policy, policy.get("intakes.first")).opens
    calendar.run(lambda day: told("calendar", (day - first).days, (today - first).days))
    upkeep.run()
    with hands.timed("documents"):
        rendered = printing.render_all(lambda n, total: told("documents", n, total))
    return _summary(hands, people, seed, rendered)


def _silent(_part: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def _fresh(today: date) -> Policy:
    """Return the policy of an installation that may take the sample; Refused with the reason if not."""
    if current_app.config["SETTINGS"].production:
        text = N_("The sample is fictional and is never loaded in production.")
        raise Refused([blocked(text, code="sample_in_production")])
    with read() as conn:
        policy = policies.in_force(conn, today).policy
        taken = [w for w in cases.workflows() if conn.execute(sa.select(cases.table(w).c.id).limit(1)).first()]
        names = [post.account for post in accounts.posts(policy)]
        known = conn.execute(sa.select(ACCOUNT.c.name).where(ACCOUNT.c.name.in_(names))).scalars().all()
    if taken or known:
        text = N_("There are records or accounts already: %(found)s. The sample needs a fresh installation.")
        raise Refused([blocked(text, code="not_fresh", found=", ".join([*taken, *known]))])
    opens = intake_window(policy, policy.get("intakes.first")).opens
    if today < opens:
        text = N_("Sign-up for the first intake opens on %(day)s; before it there is nothing to show.")
        raise Refused([blocked(text, code="too_early", day=opens.isoformat())])
    return policy


def _close_day(hands: Hands) -> None:
    """Everything the calendar asks for, and every follow-up of the day's steps."""
    with hands.timed("calendar"):
        due.calendar()


def _take_up(hands: Hands, people: int, seed: int) -> None:
    """Start every life: the first intake's through the counties' rosters, the others one by one."""
    exams, rows = Exams(hands), defaultdict[str, list[Person]](list)
    counties = [row["code"] for row in hands.policy.table("counties")]
    dealt = cast(hands.policy, hands.last, people, hands.population.rng)
    for n, one in enumerate(dealt):
        worker = hands.population.worker(one.intake, counties[n % len(counties)])
        person = Person(hands, exams, worker, one.story, Random(f"{seed}:{n}"))
        if one.intake == hands.policy.get("intakes.first") and one.story.application != "draft":
            rows[worker.county].append(person)
        else:
            hands.calendar.start(signing_up(person))
    for county, persons in sorted(rows.items()):
        hands.calendar.start(_roster(hands, county, persons))
    _offices(hands, exams)


def _offices(hands: Hands, exams: Exams) -> None:
    first = hands.policy.get("intakes.first")
    if hands.last > intake_window(hands.policy, first).closes + days(30):
        occupation = hands.policy.table("occupations")[0]
        hands.calendar.start(exams.one_ahead(occupation["code"], occupation["levels"].split()[0]))
    hands.calendar.start(exams.listed(intake_window(hands.policy, first).closes + days(365)))
    hands.calendar.start(finance.months(hands, earliest_diploma(hands.policy, first)))
    hands.calendar.start(finance.at_the_bank(hands))
    hands.calendar.start(finance.on_the_desk(hands))


def _roster(hands: Hands, county: str, persons: list[Person]) -> Life:
    """The clerk of a county hands in one roster; every row goes on as its own case."""
    yield hands.office(intake_window(hands.policy, persons[0].worker.intake).opens + days(ROSTER_AFTER))
    with hands.timed(REGISTRATION):
        report = rosters.import_roster(
            roster_of(hands.policy, persons), f"{county}.xlsx", persons[0].worker.intake,
            hands.of_county("clerk", county),
        )  # fmt: skip
    for row, reference in report.records:
        # The head stands on row 1 of the sheet, the first person on row 2.
        persons[row - 2].application = reference
        hands.calendar.start(applying(persons[row - 2]))


def roster_of(policy: Policy, persons: list[Person]) -> bytes:
    """Return the spreadsheet in which a county sends its applicants."""
    lines = [list(HEADS.values())]
    for person in persons:
        form = person.worker.form(policy) | {"union_member": "是" if person.worker.union_member else "否"}
        lines.append([form[name] for name in HEADS])
    return exports.workbook({"名单": lines})


def _staffed(population: Population, told: Progress) -> dict[str, accounts.Actor]:
    return accounts.add_all(population, lambda n, total: told("accounts", n, total))


def _summary(hands: Hands, people: int, seed: int, rendered: int) -> Summary:
    with read() as conn:
        counts = summary.counted(conn, hands.last)
        issued = summary.documents(conn)
    missed = summary.missed(hands.policy, hands.last, counts)
    return Summary(people, seed, hands.last, counts, issued, rendered, dict(hands.seconds), missed)
