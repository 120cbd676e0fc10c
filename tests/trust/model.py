"""What the rulebook and the contract say, stated a second time: it predicts the answer to every step of G9.

Nothing here asks the product: no rule, no workflow file, no policy. Of the shipped files only the teaching plans are
read, which are lists and no rules. A step is judged in the contract's order: hidden 404 · stale 409 · never this role
403 · not from this state 409 · blocked 409, all reasons at once · malformed 422 · blocked by what is entered 409.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any


def names(text: str) -> tuple[str, ...]:
    """Return the names of a line."""
    return tuple(text.split())


ROLES = (
    "clerk", "registrar", "examiner", "union_reviewer", "university_reviewer", "arbiter", "finance_maker",
    "finance_releaser", "auditor", "admin", "student", "system",
)  # fmt: skip
STATES: Mapping[str, tuple[str, ...]] = {
    "application": names("draft registered returned verified admitted waitlisted rejected withdrawn"),
    "study": names("enrolled studying suspended completed graduated withdrawn expired cancelled revoked"),
    "certification": names("planned training trained entered seated sat passed certified failed absent void withdrawn"),
    "claim": names(
        "draft submitted returned not_agreed approved objected in_payment paid bounced refused withdrawn "
        "recovering recovered"
    ),
    "session": names("planned open seated held scored published cancelled"),
    "payment": names("drawn released exported settled cancelled"),
}  # fmt: skip
PREFIXES = {"application": "A", "study": "S", "certification": "C", "claim": "R", "session": "X", "payment": "B"}
# R6.3: of these roles everybody works for a county and sees no other.
OF_A_COUNTY = ("clerk", "union_reviewer")
COUNTIES = {"德城区": "371402", "齐河县": "371425"}
POINTS = {"德城区教学点": "371402", "齐河县教学点": "371425"}

# R6.4: the State Council's notices of public holidays; a year without a notice counts Monday to Friday.
OFF = names(
    "2025-01-01 2025-01-28+8 2025-04-04+3 2025-05-01+5 2025-05-31+3 2025-10-01+8 2026-01-01+3 "
    "2026-02-15+9 2026-04-04+3 2026-05-01+5 2026-06-19+3 2026-09-25+3 2026-10-01+7"
)  # fmt: skip
WORKED = set(
    names(
        "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 "
        "2026-05-09 2026-09-20 2026-10-10"
    )
)  # fmt: skip
HOLIDAYS = {
    date.fromisoformat(first) + timedelta(days=n)
    for first, _, days in (span.partition("+") for span in OFF)
    for n in range(int(days or 1))
}


def working_days_after(day: date, number: int) -> date:
    """R6.4: the working day so many working days later."""
    while number:
        day += timedelta(days=1)
        if day.isoformat() in WORKED or (day.weekday() < 5 and day not in HOLIDAYS):
            number -= 1
    return day


def months_after(day: date, number: int) -> date:
    """R6.4: month arithmetic to the last day of the month."""
    month = day.month - 1 + number
    first = date(day.year + month // 12, month % 12 + 1, 1)
    last = (date(first.year + first.month // 12, first.month % 12 + 1, 1) - timedelta(days=1)).day
    return first.replace(day=min(day.day, last))


def begins(intake: str) -> date:
    """R1.5: the first day of the registration month."""
    return date(2000 + int(intake[:2]), int(intake[2:]), 1)


@dataclass(frozen=True)
class Who:
    """Somebody who acts: account, role, county, and the person behind the account."""

    account: str
    role: str
    county: str | None = None
    person: str | None = None


SYSTEM = Who("system", "system")


@dataclass(frozen=True)
class Step:
    """One request: who, on which day, what on which record, with which input and seen version (None: the present)."""

    who: Who
    day: date
    workflow: str
    reference: str
    action: str
    given: Mapping[str, Any] = field(default_factory=dict)
    seen: int | None = None


@dataclass(frozen=True)
class Expected:
    """What must be answered: the status, for a refusal its codes, for a success the state."""

    status: int
    codes: frozenset[str] = frozenset()
    state: str = ""


class Stop(Exception):
    """A step is refused."""

    def __init__(self, status: int, codes: Iterable[str] = ()) -> None:
        super().__init__(status, codes)
        self.expected = Expected(status, frozenset(codes))


@dataclass
class Case:
    """What every record has: its state and version, its county, the person it is about."""

    workflow: str
    reference: str
    state: str
    county: str | None = None
    person: str | None = None
    version: int = 1
    # Whoever took a step on it, handing in papers apart.
    hands: set[Who] = field(default_factory=set)
    papers: set[str] = field(default_factory=set)


@dataclass
class World:
    """Everything the model knows of an installation."""

    cases: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    # R1.4: the places of each year, and how many are reserved or used.
    places: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    # R2.8: the application that keeps each person from registering again.
    live: dict[str, str] = field(default_factory=dict)
    bars: dict[str, date] = field(default_factory=dict)
    bans: list[tuple[str, date, str]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    queue: deque[tuple[str, str, str, dict[str, Any]]] = field(default_factory=deque)

    def of(self, workflow: str, *states: str) -> list[Any]:
        """Return the records of a workflow, of these states if any are named."""
        every = (case for case in self.cases.values() if case.workflow == workflow)
        return [case for case in every if not states or case.state in states]

    def add(self, case: Case, period: str) -> str:
        """Give a new record its reference: prefix, period, and a number without gaps."""
        series = f"{PREFIXES[case.workflow]}{period}"
        self.numbers[series] = self.numbers.get(series, 0) + 1
        digits = 3 if case.workflow in ("session", "payment") else 6
        case.reference = f"{series}-{self.numbers[series]:0{digits}d}"
        self.cases[case.reference] = case
        return case.reference

    def free(self, year: str) -> int:
        """R1.4: places of a year that nobody holds."""
        return self.places.get(year, 0) - self.taken.get(year, 0)

    def then(self, workflow: str, reference: str, action: str, **given: Any) -> None:
        """Let a step follow in a commit of its own."""
        self.queue.append((workflow, reference, action, given))

    def predict(self, step: Step) -> Expected:
        """Say what a step comes to, and let it happen here too, with all that follows."""
        try:
            state = self._take(step)
        except Stop as stop:
            return stop.expected
        self._follow(step.day)
        return Expected(200, state=state)

    def create(self, who: Who, day: date, workflow: str, given: Mapping[str, Any]) -> tuple[Expected, str]:
        """Say what bringing a record into being comes to, and its reference."""
        rule = CREATE[workflow]
        attempt = Try(self, Step(who, day, workflow, "", "create", given), None)
        try:
            if who.role not in rule.by:
                raise Stop(403, ["role_missing"])
            reference = rule.run(attempt)
        except Stop as stop:
            return stop.expected, ""
        self.cases[reference].hands |= hand_of(who)
        return Expected(201, state=self.cases[reference].state), reference

    def _take(self, step: Step) -> str:
        case, who = self.cases.get(step.reference), step.who
        if case is None or case.workflow != step.workflow or not sees(self, who, case):
            raise Stop(404)
        if step.seen is not None and step.seen != case.version:
            raise Stop(409, ["stale"])
        rule = STEPS.get((step.workflow, step.action))
        if rule is None:
            raise Stop(404)
        if who.role not in rule.by:
            raise Stop(403, ["role_missing"])
        if case.state not in rule.of:
            raise Stop(409, ["not_from_this_state"])
        to = rule.run(Try(self, step, case)) or rule.to or case.state
        # R5.2: a sealed step that moves nothing leaves no sign.
        case.version += not (rule.sealed and to == case.state)
        case.state = to
        case.hands |= hand_of(who)
        return str(to)

    def _follow(self, day: date) -> None:
        while self.queue:
            workflow, reference, action, given = self.queue.popleft()
            if reference == "first_waiting":
                reference = self._first_waiting(given.pop("year"))
            try:
                self._take(Step(SYSTEM, day, workflow, reference, action, given))
            except Stop:
                continue

    def _first_waiting(self, year: str) -> str:
        waiting = [case for case in self.of("application", "waitlisted") if case.intake[:2] == year]
        return str(min(waiting, key=lambda case: case.queue_number).reference) if waiting else ""


def hand_of(who: Who) -> set[Who]:
    """C4: whose hand a step shows; a student's is the person's own case, which is asked for itself."""
    return set() if who.role in ("student", "system") else {who}


def sees(world: World, who: Who, case: Any) -> bool:
    """R6.3, R4.5: a county sees its own, a student the own person's and no untold re-sit, all others everything."""
    if who.role in OF_A_COUNTY:
        return case.county == who.county and case.county is not None
    if who.role != "student":
        return True
    if case.person is None or case.person != who.person:
        return False
    before = world.cases.get(getattr(case, "previous", ""))
    return before is None or before.state != "failed" or published(world, before) is not None


def published(world: World, certification: Any) -> date | None:
    """R4.5: the day on which the scores of a certification's session were published."""
    session = world.cases.get(certification.session)
    return session.published_on if session else None


# How fields are read


def _text(value: Any, _choices: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


def _date(value: Any, _choices: Any) -> date:
    return date.fromisoformat(value)


def _choice(value: Any, choices: Any) -> str:
    if value not in choices:
        raise ValueError
    return str(value)


def _list(value: Any, choices: Any) -> list[Any]:
    # One value may stand for a list of it.
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or (choices and not set(map(str, items)) <= choices):
        raise ValueError
    return items


def _object(value: Any, _choices: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _money(value: Any, _choices: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


READERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "text": _text, "date": _date, "choice": _choice, "list": _list, "object": _object, "money": _money,
}  # fmt: skip
CHOICES: Mapping[str, frozenset[str]] = {
    "RETURN": frozenset(
        names(
            "PAPER_MISSING ILLEGIBLE PAPER_EXPIRED PORTRAIT_UNSUITABLE NAME_DIFFERS ID_NUMBER_DIFFERS "
            "DIPLOMA_UNCLEAR WORK_NOT_PROVEN EMPLOYER_MISSING UNION_MEMBERSHIP_UNCLEAR OTHER"
        )
    ),
    "CORRECT": frozenset(
        names(
            "PAPER_MISSING ILLEGIBLE PAPER_EXPIRED NAME_DIFFERS ID_NUMBER_DIFFERS UNION_MEMBERSHIP_UNCLEAR "
            "RECEIPT_DETAILS_WRONG AMOUNT_WRONG ACCOUNT_WRONG OTHER"
        )
    ),
    "REFUSE": frozenset(
        names(
            "NOT_ADMITTED_VIA_PROGRAMME NO_DIPLOMA DIPLOMA_OUT_OF_WINDOW LEVEL_ALREADY_CLAIMED NOT_MEMBER "
            "RECEIPT_DUPLICATE RECEIPT_VOID RECEIPT_PAYER_MISMATCH ITEM_NOT_TUITION "
            "AMOUNT_EXCEEDS_RECEIPTS PAID_BY_EMPLOYER PAID_BY_OTHERS IDENTITY_MISMATCH ACCOUNT_NOT_OWN "
            "ILLEGIBLE LATE SELF_REVIEW NOT_IN_SCHOOL_STATUS SKILL_CERTIFICATE_MISSING FALSE_PAPERS"
        )
    ),
    "REJECT": frozenset(
        names(
            "NOT_MIGRANT_WORKER NOT_IN_CITY AGE_OUT_OF_RANGE DIPLOMA_TOO_LOW DIPLOMA_NOT_PROVEN "
            "LEVEL_ALREADY_HELD ALREADY_ENROLLED IDENTITY_NOT_PROVEN MAJOR_NOT_OFFERED NO_ANSWER "
            "FALSE_PAPERS OTHER"
        )
    ),
    "WITHDRAW": frozenset(
        names(
            "PERSONAL JOB_CHANGE MOVED_AWAY ILLNESS MILITARY_SERVICE OTHER_SCHOOL ENTERED_BY_MISTAKE "
            "DEATH OTHER"
        )
    ),
    "SUSPEND": frozenset(names("WORK ILLNESS FAMILY MILITARY_SERVICE OTHER")),
    "CANCEL": frozenset(names("NOT_REGISTERED FALSE_PAPERS DISCIPLINE ENTERED_BY_MISTAKE OTHER")),
    "CALL_OFF": frozenset(names("SITE_NOT_AVAILABLE ENTERED_BY_MISTAKE OTHER")),
    "CANCEL_BATCH": frozenset(names("ENTERED_BY_MISTAKE OTHER")),
    "REVOKE": frozenset(["FALSE_PAPERS", "ACADEMIC_FRAUD", "ISSUED_BY_MISTAKE", "OTHER"]),
    "VOID": frozenset(["CHEATING", "IMPERSONATION", "IRREGULAR_SESSION", "OTHER"]),
    "BOUNCE": frozenset(names("ACCOUNT_CLOSED NAME_MISMATCH NUMBER_WRONG ACCOUNT_FROZEN OTHER")),
    "RECOVER": frozenset(names("DIPLOMA_REVOKED RECEIPT_REVERSED PAID_TWICE FALSE_PAPERS OTHER")),
    "YESNO": frozenset(("yes", "no")),
    "YES": frozenset(("yes",)),
    "SEX": frozenset(("male", "female")),
    "FACE": frozenset(("passed", "failed")),
    "OUTCOME": frozenset(("pass", "refuse", "correct")),
    "DECISION": frozenset(("pass", "refuse")),
    "RESOLUTION": frozenset(("founded", "unfounded")),
    "BODY": frozenset(("union_reviewer", "university_reviewer")),
    "UNION": frozenset(("unit", "township", "none")),
}  # fmt: skip


@dataclass
class Try:
    """One attempt: the world, the step, the record; each refusal is raised with all codes of its kind at once."""

    world: World
    step: Step
    case: Any

    @property
    def who(self) -> Who:
        """Who acts."""
        return self.step.who

    @property
    def day(self) -> date:
        """On which day."""
        return self.step.day

    def require(self, **rules: bool) -> None:
        """Refuse with the names of all rules that do not hold."""
        self.refuse(code for code, holds in rules.items() if not holds)

    def refuse(self, codes: Iterable[str]) -> None:
        """Refuse with these codes, if there are any."""
        if found := set(codes):
            raise Stop(409, found)

    @property
    def not_own(self) -> bool:
        """C4: whether the actor is somebody else than the person of the record."""
        return self.who.person is None or self.who.person != self.case.person

    def read(self, **wanted: str) -> dict[str, Any]:
        """Read the input: each field by its kind, `?` for one that may be missing, choices by name."""
        faults = {"field_unknown"} if set(self.step.given) - set(wanted) else set[str]()
        found: dict[str, Any] = {}
        for name, words in wanted.items():
            kind, *choices = words.rstrip("?").split()
            given = self.step.given.get(name)
            if given is None or given == "" or (kind == "list" and given == []):
                faults |= set() if words.endswith("?") else {"field_missing"}
                continue
            try:
                found[name] = READERS[kind](given, frozenset[str]().union(*(CHOICES[c] for c in choices)))
            except (ValueError, TypeError):
                faults.add("field_malformed")
        if faults:
            raise Stop(422, faults)
        return found


@dataclass(frozen=True)
class Rule:
    """One step of a workflow: whose, from which states, where to, and what it asks and does."""

    by: tuple[str, ...]
    of: tuple[str, ...]
    to: str
    sealed: bool
    run: Callable[[Try], Any]


STEPS: dict[tuple[str, str], Rule] = {}
CREATE: dict[str, Rule] = {}
Ran = Callable[[Try], Any]


def step(workflow: str, *, by: str, of: str, to: str = "", sealed: bool = False) -> Callable[[Ran], Ran]:
    """Register a function as the step of its name; it returns the state where that depends."""

    def register(run: Ran) -> Ran:
        name = run.__name__.partition("__")[0].rstrip("_")
        STEPS[workflow, name] = Rule(tuple(by.split()), tuple(of.split()), to, sealed, run)
        return run

    return register


def create(workflow: str, *, by: str) -> Callable[[Ran], Ran]:
    """Register a function that brings records of a workflow into being and returns the reference."""

    def register(run: Ran) -> Ran:
        CREATE[workflow] = Rule(tuple(by.split()), (), "", False, run)
        return run

    return register


def plain(workflow: str, action: str, *, by: str, of: str, to: str = "") -> None:
    """Register a step that asks and does nothing beside."""
    STEPS[workflow, action] = Rule(tuple(by.split()), tuple(of.split()), to, False, lambda t: t.read() and "")


# R2.1: the check digit of an ID number, MOD 11-2.


def check_digit(body: str) -> str:
    """Return the last character of an ID number."""
    return "10X98765432"[sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body)) % 11]


def number_faults(number: str, day: date) -> set[str]:
    """R2.1: what is wrong with an ID number."""
    if not number:
        return {"id_number_missing"}
    if not re.fullmatch("[0-9]{17}[0-9X]", number):
        return {"id_number_format"}
    faults = set() if check_digit(number[:17]) == number[17] else {"id_number_checksum"}
    born = _born(number)
    return faults if born and born <= day else faults | {"id_number_date"}


def _born(number: str) -> date | None:
    try:
        return date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    except ValueError:
        return None


def age_fits(number: str, day: date) -> bool:
    """R2.6: 16 to 59 on a day."""
    born = _born(number)
    if born is None:
        return True
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return 16 <= age <= 59


NAME = re.compile(r"[\u4e00-\u9fff·]{2,50}")
PHONE = re.compile(r"1[3-9][0-9]{9}")
# R2.7: a card number, 16 to 19 digits, Luhn.


def is_card(text: str) -> bool:
    """Whether a bank card number is sound."""
    digits = text.replace(" ", "").replace("-", "")
    if not re.fullmatch("[0-9]{16,19}", digits):
        return False
    doubled = (int(d) * 2 if n % 2 else int(d) for n, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
