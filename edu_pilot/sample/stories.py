"""Which way each fictional person goes: endings for every state, dealt over the intakes that allow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from edu_pilot.rules.calendar import intake_window, months_after, registration_day
from edu_pilot.rules.study import earliest_diploma
from edu_pilot.workflow.policy import Policy


@dataclass(frozen=True)
class Story:
    """Where one person's records end up, unless the calendar ends first.

    `special` tells two ways to the same state apart; `after_days` is how long before the business
    date the intake's registration month (a study) or earliest diploma (a claim) must lie.
    """

    application: str = "admitted"
    study: str = "graduated"
    certification: str = "certified"
    claim: str = ""
    special: str = ""
    after_days: int = 0


def _claim(state: str, special: str = "", days: int = 60, certification: str = "certified") -> Story:
    return Story(claim=state, special=special, after_days=days, certification=certification)


# Claims that are over: the first of a stage come first where there are few people.
SETTLED = (
    _claim("paid", days=200),
    _claim("refused", days=200),
    _claim("paid", "employer", 200),
    _claim("refused", "arbiter", 200),
    _claim("paid", "arbiter", 200),
    _claim("withdrawn", days=200),
    _claim("paid", "corrected", 200),
    _claim("", "unclaimed", 200, certification="failed"),
    _claim("paid", "other_money", 200),
    Story(study="withdrawn", certification="withdrawn", after_days=200),
    _claim("paid", "excess", 200),
    Story(study="revoked", claim="recovering", after_days=260),
    _claim("recovered", days=260),
    _claim("paid", "new_account", 260),
    # A school status lasts eight years; the diploma could have come after less than two and a half.
    Story(study="expired", certification="failed", after_days=2060),
)
# Claims on somebody's desk today: the first nine are those of 40 people, work for every desk.
OPEN = (
    _claim("approved"),
    _claim("in_payment"),
    _claim("not_agreed"),
    _claim("submitted"),
    _claim("returned"),
    _claim("approved", "drawn"),
    _claim("in_payment", "exported", 80),
    _claim("bounced", days=130),
    _claim("draft"),
    _claim("submitted", "union"),
    _claim("submitted", "university"),
    Story(study="completed", certification="passed", after_days=20),
    Story(study="studying", certification="failed", after_days=20),
    Story(claim="", special="no_double", after_days=60, certification="failed"),
    _claim("objected"),
)
# Studies under way, beside every step of a certification.
STUDYING = (
    Story(study="studying", certification="seated", after_days=200),
    Story(study="studying", certification="training", after_days=60),
    Story(study="studying", certification="sat", after_days=200),
    Story(study="studying", certification="planned", after_days=20),
    Story(study="studying", certification="entered", after_days=200),
    Story(study="studying", certification="trained", after_days=150),
    Story(study="studying", certification="passed", after_days=200),
    Story(study="studying", certification="failed", special="objected", after_days=200),
    Story(study="withdrawn", certification="withdrawn", after_days=200),
    Story(study="studying", certification="certified", after_days=500),
    Story(study="studying", certification="withdrawn", after_days=200),
    Story(study="suspended", certification="training", after_days=200),
    Story(study="cancelled", certification="training", after_days=200),
    Story(study="studying", certification="absent", after_days=200),
    Story(study="studying", certification="void", after_days=200),
    Story(study="studying", certification="seated", special="tomorrow", after_days=200),
    Story(study="studying", certification="passed", special="scored", after_days=200),
    Story(study="studying", certification="seated", special="moved", after_days=200),
    Story(study="studying", certification="failed", after_days=500),
)
# Applications of the newest intake.
APPLYING = (
    Story(application="draft"),
    Story(application="registered"),
    Story(application="returned"),
    Story(study="enrolled"),
    Story(application="verified"),
    Story(application="rejected"),
    Story(application="withdrawn"),
    Story(application="draft", special="online"),
    Story(application="withdrawn", special="admitted"),
    Story(study="studying", certification="planned", special="answered"),
)
USUAL = {
    "settled": SETTLED[0],
    "open": OPEN[1],
    # Nothing is held back: the certification has come as far as the calendar lets it.
    "studying": Story(study="studying", after_days=20),
    "applying": Story(study="studying"),
}
STAGES = {"settled": SETTLED, "open": OPEN, "studying": STUDYING, "applying": APPLYING}
SETTLING_IN = timedelta(days=75)
SHARES = {"settled": 34, "open": 22, "studying": 30, "applying": 14}
# Where the newest year's places are at most this share of the people, they are all taken and some wait.
OVERSUBSCRIBED = 0.3
WAITING = 8


@dataclass(frozen=True)
class Cast:
    """One person of the sample: the intake and the story."""

    intake: str
    story: Story


def intakes(policy: Policy, today: date) -> list[str]:
    """Return every intake from the first to the newest whose sign-up has opened (R1.5)."""
    first: str = policy.get("intakes.first")
    months = sorted(policy.get("intakes.season_months").values())
    codes = (f"{y:02d}{m:02d}" for y in range(int(first[:2]), today.year % 100 + 2) for m in months)
    return [c for c in codes if c >= first and intake_window(policy, c).opens <= today]


def cast(policy: Policy, today: date, people: int, rng: Random) -> list[Cast]:
    """Deal stories to so many people, in the order of their intakes."""
    known = intakes(policy, today)
    taken: Counter[str] = Counter()
    dealt = []
    for stage, story in _wanted(people, rng):
        fits = [c for c in known if _fits(policy, today, stage, story, c, known)]
        while not fits and stage != "applying":
            stage, story = _earlier(stage, rng)
            fits = [c for c in known if _fits(policy, today, stage, story, c, known)]
        intake = min(fits or known[-1:], key=lambda code: (taken[code], code))
        taken[intake] += 1
        dealt.append(Cast(intake, story))
    joined = _joining(policy, today, USUAL["applying"], known)
    return sorted(_crowded(policy, joined, dealt), key=lambda one: one.intake)


def _crowded(policy: Policy, newest: str, dealt: list[Cast]) -> list[Cast]:
    """Let people of the usual way join the newest intake instead, until its year is full and some wait (R1.4)."""
    year = f"20{newest[:2]}"
    places = policy.get("quota.hard").get(year, 0)
    if not 0 < places <= len(dealt) * OVERSUBSCRIBED:
        return dealt
    short = places + WAITING - sum(_takes_a_place(one, year) for one in dealt)
    usual = [n for n, one in enumerate(dealt) if one.story == USUAL["settled"]]
    for n in usual[len(usual) - max(short, 0) :]:
        dealt[n] = Cast(newest, USUAL["applying"])
    return dealt


def _takes_a_place(one: Cast, year: str) -> bool:
    return f"20{one.intake[:2]}" == year and one.story.application in ("admitted", "verified")


def _wanted(people: int, rng: Random) -> Iterator[tuple[str, Story]]:
    """Yield stage and story of each person: every ending once, then mostly the usual way."""
    given: Counter[str] = Counter()
    for _ in range(people):
        stage = min(SHARES, key=lambda name: (given[name] + 1) / SHARES[name])
        endings = STAGES[stage]
        yield stage, _next(endings, given[stage], stage, rng)
        given[stage] += 1


def _next(endings: Sequence[Story], n: int, stage: str, rng: Random) -> Story:
    if n < len(endings):
        return endings[n]
    return USUAL[stage] if rng.random() < 0.6 else rng.choice(endings)


def _earlier(stage: str, rng: Random) -> tuple[str, Story]:
    """Where no intake has come so far yet, the person stands at the stage before."""
    names = list(STAGES)
    before = names[names.index(stage) + 1]
    return before, rng.choice(STAGES[before])


def _joining(policy: Policy, today: date, story: Story, known: list[str]) -> str:
    """Return the newest intake; one that has just opened has drafts and registrations only."""
    settled_in = intake_window(policy, known[-1]).opens + SETTLING_IN <= today
    if settled_in or len(known) == 1 or story.application in ("draft", "registered"):
        return known[-1]
    return known[-2]


def _fits(policy: Policy, today: date, stage: str, story: Story, intake: str, known: list[str]) -> bool:
    past = today - timedelta(days=story.after_days)
    ripe_on, begun_on = earliest_diploma(policy, intake), registration_day(intake)
    if stage == "applying":
        return intake == _joining(policy, today, story, known)
    if stage == "studying":
        return begun_on <= past and ripe_on > today
    if stage == "open":
        # A claim still on a desk was made lately, within the months the policy leaves for it.
        last = months_after(ripe_on, policy.get("claim.deadline_months"))
        return ripe_on <= past and today <= last
    return ripe_on <= past
