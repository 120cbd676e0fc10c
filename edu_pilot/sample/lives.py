"""The life of one fictional person, step by step: application, study, certification."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from dateutil.relativedelta import relativedelta

from edu_pilot.rules.calendar import intake_window, registration_day
from edu_pilot.rules.study import earliest_diploma, plan
from edu_pilot.sample.calendar import Life, saturday
from edu_pilot.sample.claims import claiming
from edu_pilot.sample.exams import DAY, PUBLISHED_AFTER, SCORED_AFTER, Exams, Session
from edu_pilot.sample.hands import Hands
from edu_pilot.sample.people import Worker
from edu_pilot.sample.stories import Story
from edu_pilot.workflow.policy import Row
from edu_pilot.workflow.registry import Actor

PAPERS = ("id_front", "id_back", "previous_diploma", "portrait", "migrant_work")
MONTHS_OF_TERM, TERMS = 6, 5
LAST_COURSE = "60002"
WAITING = 12
# What ends or stops a study after its first term: the step and what is given with it.
BROKEN_OFF: dict[str, tuple[str, dict[str, str]]] = {
    "withdrawn": ("withdraw", {"withdrawal": "JOB_CHANGE"}),
    "suspended": ("suspend", {"suspension": "WORK", "note": "外派务工一年"}),
    "cancelled": ("cancel", {"cancellation": "DISCIPLINE", "note": "违纪处分决定"}),
}
# These never pass their last course.
WITHOUT_END = ("studying", "expired")


def days(number: int) -> timedelta:
    """Return a span of days."""
    return timedelta(days=number)


@dataclass
class Person:
    """Who it is, how the story goes, and the references the records got on the way."""

    hands: Hands
    exams: Exams
    worker: Worker
    story: Story
    chance: Random
    application: str = ""
    study: str = ""
    certification: str = ""
    failed: list[Row] = field(default_factory=list)

    @property
    def clerk(self) -> Actor:
        """The clerk of the person's county."""
        return self.hands.of_county("clerk", self.worker.county)

    @property
    def registrar(self) -> Actor:
        """The registrar of the city university."""
        return self.hands.staff["registrar"]

    @property
    def begins_on(self) -> date:
        """The first day of the intake's registration month."""
        return registration_day(self.worker.intake)

    @property
    def signs_up_on(self) -> date:
        """The day of sign-up, within the weeks after it opens; never before, whatever the weekday."""
        opens = intake_window(self.hands.policy, self.worker.intake).opens
        day = min(opens + days(self.chance.randint(8, 50)), self.hands.last)
        return max(opens, self.hands.office(day))

    def apply(self, action: str, who: Actor | None = None, **given: object) -> str:
        """Take a step on the application, as the clerk unless somebody else is named."""
        who = who or self.clerk
        return self.hands.act(who, "application", self.application, action, **given).state

    def learn(self, action: str, **given: object) -> str:
        """Let the registrar take a step on the study."""
        return self.hands.act(self.registrar, "study", self.study, action, **given).state

    def train(self, action: str, **given: object) -> str:
        """Let the clerk take a step on the certification."""
        return self.hands.act(self.clerk, "certification", self.certification, action, **given).state

    def examine(self, action: str, **given: object) -> str:
        """Let the examiner take a step on the certification."""
        who = self.hands.staff["examiner"]
        return self.hands.act(who, "certification", self.certification, action, **given).state


def signing_up(person: Person) -> Life:
    """From the draft, by the clerk or online by the worker, to the registration."""
    yield (day := person.signs_up_on)
    online = person.story.special == "online" or person.chance.random() < 0.15
    who = person.hands.worker(person.worker.id_number) if online else person.clerk
    form = person.worker.form(person.hands.policy)
    person.application = person.hands.new("application", who, **form).reference
    if person.story.application == "draft":
        return
    if person.story.application != "registered":
        yield person.hands.office(day + days(person.chance.randint(0, 6)))
    person.apply("register")
    yield from applying(person)


def applying(person: Person) -> Life:
    """From the registration to the admission, or to where the story ends before it."""
    story, ending = person.story, person.story.application
    if ending == "registered":
        return
    yield person.hands.office(person.hands.calendar.today + days(person.chance.randint(3, 8)))
    late = ending == "returned" or story.special == "answered"
    handed = PAPERS[:-1] if late else PAPERS
    person.hands.hand_in(person.clerk, person.application, person.worker, *handed)
    if late:
        person.apply("return_for_correction", faults=["PAPER_MISSING"], note="缺务工证明")
    if ending == "returned":
        return
    yield person.hands.office(person.hands.calendar.today + days(7))
    if late:
        _answer(person)
    yield from _decided(person)


def _answer(person: Person) -> None:
    person.hands.hand_in(person.clerk, person.application, person.worker, PAPERS[-1])
    person.apply("amend", job=person.worker.job)
    person.apply("register")


def _decided(person: Person) -> Life:
    ending = person.story.application
    if ending == "rejected":
        person.apply("reject", person.registrar, rejection="NOT_MIGRANT_WORKER", note="未能证明务工")
        return
    if ending == "withdrawn" and person.story.special != "admitted":
        person.apply("withdraw", withdrawal="PERSONAL", note="本人申请退出")
        return
    person.apply("verify")
    if ending == "verified":
        return
    yield person.hands.office(person.begins_on - days(10))
    yield from _admitted(person)


def _admitted(person: Person) -> Life:
    state = person.apply("admit", person.registrar)
    for _ in range(WAITING):
        if state != "waitlisted":
            break
        # Who waits is admitted by the system once a place is given back.
        yield person.hands.calendar.today + days(30)
        state = person.hands.state("application", person.application)
    if state == "admitted":
        yield from _opened(person)


def _opened(person: Person) -> Life:
    person.study, certification = person.hands.opened_by(person.application)
    person.certification = certification["reference"]
    if person.story.application == "withdrawn":
        yield person.hands.office(person.hands.calendar.today + days(7))
        person.apply("withdraw", withdrawal="MOVED_AWAY", note="已迁离本市")
    elif person.story.study != "enrolled":
        person.hands.calendar.start(certifying(person))
        yield from studying(person)


def studying(person: Person) -> Life:
    """From the student number to the diploma, a term's courses every half year."""
    yield person.hands.office(person.begins_on + days(person.chance.randint(8, 14)))
    person.learn("confirm_status")
    for term in range(TERMS):
        yield _exam_day(person, term)
        _sit(person, term)
        if person.story.study in BROKEN_OFF:
            yield person.hands.office(person.hands.calendar.today + days(30))
            step, given = BROKEN_OFF[person.story.study]
            person.learn(step, **given)
            return
    yield from _graduating(person)


def _exam_day(person: Person, term: int) -> date:
    month = person.begins_on + relativedelta(months=MONTHS_OF_TERM * term + 4)
    return month.replace(day=5)


def _sit(person: Person, term: int) -> None:
    """Courses failed before come first; in the last term nobody who graduates fails."""
    courses = plan(person.hands.policy, person.worker.major)
    now = [c for n, c in enumerate(courses) if n * TERMS // len(courses) == term]
    again, person.failed = person.failed, []
    for course in (*again, *now):
        if not (course["code"] == LAST_COURSE and person.story.study in WITHOUT_END):
            fails = course in now and term < TERMS - 1 and person.chance.random() < 0.06
            _score(person, course, fails)


def _score(person: Person, course: Row, fails: bool) -> None:
    low, high = (35, 52) if fails else (62, 96)
    parts = {name: str(person.chance.randint(low, high)) for name in ("formative", "final")}
    share = float(course["formative_share"])
    # A part that does not count is not asked; one that is missing makes the course void (R3.6).
    asked = {"formative": share > 0, "final": share < 1}
    if fails and share > 0 and person.chance.random() < 0.2:
        asked["formative"] = asked["final"] is False
    given = {name: text for name, text in parts.items() if asked[name]}
    person.learn("record_score", course=course["code"], sat_on=person.hands.calendar.today.isoformat(), **given)
    if fails:
        person.failed.append(course)


def _graduating(person: Person) -> Life:
    yield person.hands.office(person.hands.calendar.today + days(15))
    if person.story.study in WITHOUT_END:
        return
    person.learn("complete")
    ripe_on = earliest_diploma(person.hands.policy, person.worker.intake)
    if person.story.study == "completed":
        return
    yield person.hands.office(ripe_on + days(20))
    person.learn("graduate", diploma_number=_diploma_number(person, ripe_on), diploma_on=ripe_on.isoformat())
    yield person.hands.office(person.hands.calendar.today + days(15))
    if person.hands.state("certification", person.certification) == "certified":
        person.learn("issue_double_certificate")
    if person.story.claim:
        yield from claiming(person.hands, person.worker, person.story, person.study, person.chance)
    if person.story.study == "revoked":
        person.learn("revoke_diploma", revocation="FALSE_PAPERS", note="入学材料不实")


def _diploma_number(person: Person, day: date) -> str:
    school = person.hands.policy.get("study.school_code")
    level = person.hands.policy.get("levels")[0]["diploma_code"]
    return f"{school}1{day.year}{level}{person.hands.serial(f'diploma{day.year}'):06d}"


def certifying(person: Person) -> Life:
    """From the plan to the certificate, beside the study."""
    ending = person.story.certification
    if ending == "planned":
        return
    yield person.hands.office(person.begins_on + days(45))
    person.train("start_training")
    if ending == "training":
        return
    yield person.hands.office(person.begins_on + days(110))
    if ending == "withdrawn":
        person.train("withdraw")
        return
    chance = person.chance
    person.train("finish_training", hours=str(chance.randint(48, 80)), attendance_percent=str(chance.randint(84, 100)))
    if ending != "trained":
        yield from _examined(person)


def _examined(person: Person) -> Life:
    ending, held_on = person.story.certification, _held_on(person)
    yield from _seated(person, held_on)
    yield held_on + days(8)
    if ending == "absent":
        person.examine("resit")
    elif ending == "void":
        person.examine("void", voiding="CHEATING", note="考试中夹带")
    elif ending not in ("entered", "seated", "sat"):
        yield from _marked(person, held_on)


def _seated(person: Person, held_on: date) -> Life:
    yield person.hands.office(held_on - days(40))
    row = person.hands.row("certification", person.certification)
    session = person.exams.session(row["occupation"], row["level"], held_on)
    person.train("enter", session=session.reference)
    if person.story.certification == "entered":
        return
    yield person.hands.office(held_on - days(30))
    person.examine("seat")
    (session.absent if person.story.certification == "absent" else session.candidates).append(row["id"])
    if person.story.special == "moved" and held_on == _lost_day(person.hands.last):
        yield from _moved(person, session)


def _lost_day(last: date) -> date:
    """A Sunday ahead, on which nobody else is examined: its sessions are cancelled."""
    return saturday(last + days(21)) + days(1)


def _moved(person: Person, session: Session) -> Life:
    yield person.hands.office(person.hands.last - days(7))
    person.exams.cancel(session)
    yield person.hands.calendar.today + days(1)
    yield from _seated(person, saturday(person.hands.last + days(28)))


def _held_on(person: Person) -> date:
    """A step that is still open on the business date was taken lately."""
    last, ending, special = person.hands.last, person.story.certification, person.story.special
    over = person.story.study != "studying" or ending in ("certified", "failed")
    if over and special != "objected":
        return saturday(person.begins_on + relativedelta(months=15))
    lately = {
        # Published in the week before the business date, so that the days for an objection are not over.
        "objected": saturday(last - PUBLISHED_AFTER - DAY),
        "tomorrow": last + days(1),
        "scored": saturday(last - SCORED_AFTER),
        "moved": _lost_day(last),
        "entered": saturday(last + days(28)),
        "seated": saturday(last + days(28)),
        "sat": saturday(last - days(2)),
    }
    return lately.get(special) or lately.get(ending) or saturday(last - days(20))


def _marked(person: Person, held_on: date) -> Life:
    ending, chance = person.story.certification, person.chance
    theory = chance.randint(40, 58) if ending == "failed" else chance.randint(62, 95)
    person.examine("score", theory=str(theory), practical=str(chance.randint(62, 95)))
    if person.story.special == "objected":
        yield held_on + PUBLISHED_AFTER + DAY
        who = person.hands.worker(person.worker.id_number)
        note = "理论成绩与本人估分相差较大，申请复核"
        person.hands.act(who, "certification", person.certification, "object_to_score", note=note)
    if ending != "certified":
        return
    yield person.hands.office(held_on + days(35))
    row, day = person.hands.row("certification", person.certification), held_on + days(25)
    number = _certificate_number(person, row["kind"], row["level"], day)
    person.examine("certify", certificate_number=number, certified_on=day.isoformat())


def _certificate_number(person: Person, kind: str, level: str, day: date) -> str:
    form = person.hands.policy.get("certification.certificate_number")
    letter = form["prefixes"][0 if kind == "skill_level" else 1]
    serial = person.hands.serial(f"certificate{letter}{day:%y}{level}")
    return f"{letter}0096{form['province']}000960{day:%y}{level}{serial:06d}"
