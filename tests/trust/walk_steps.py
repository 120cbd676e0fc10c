"""G9's choice of the next step: half of them go where the walks were least, the others keep the cases moving."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from tests.factories import application_form, receipt, serial
from tests.people import DECHENG, QIHE, worker
from tests.trust.model import (
    OF_A_COUNTY,
    ROLES,
    STEPS,
    SYSTEM,
    Step,
    Who,
    World,
    check_digit,
    names,
    working_days_after,
)
from tests.trust.model_school import plan
from tests.trust.walk import COUNTY_OF, HEADS, Walk, cast
from tests.trust.walk_template import card, checked_as

# Days on which something opens or ends, and the first after it: sign-up, terms, notices, deadlines, three years on.
MARKS = tuple(
    date.fromisoformat(day)
    for day in names(
        "2025-07-20 2025-07-31 2025-08-15 2025-08-16 2025-09-01 2025-09-15 2025-09-16 2025-12-01 "
        "2026-03-01 2026-03-16 2026-06-20 2026-06-21 2026-07-31 2026-08-01 2026-09-10 2027-03-01 "
        "2027-09-15 2028-07-07 2028-09-10 2029-09-10 2030-03-10 2030-09-10 2032-09-10"
    )
)
# The last character would be another.
WRONG_DIGIT = next(f"37142519850101999{d}" for d in "12" if check_digit("37142519850101999") != d)
Inputs = Sequence[Mapping[str, Any]]
# As many of a hundred inputs are what the step asks for.
SOUND, SOUND_IN_FOCUS = 70, 40


@cache
def actions_of(workflow: str) -> tuple[str, ...]:
    """Return the steps of a workflow."""
    return tuple(action for of, action in STEPS if of == workflow)


@cache
def accounts_of(role: str) -> tuple[Who, ...]:
    """Return everybody of the staff who has a role."""
    return tuple(who for who in cast() if who.role == role)


@dataclass
class Chooser:
    """Chooses steps: by a seeded chance, and by how often each cell was seen."""

    rng: random.Random
    cells: Counter[tuple[str, str, str, str]]
    # Steps that are tried more than others, from where they are possible.
    focus: Sequence[tuple[str, str]] = ()

    def begins(self, day: date) -> date:
        """Return the day a walk begins: mostly the template's, else one of the marks of the three years after."""
        return day if self.rng.random() < 0.6 else self.rng.choice([mark for mark in MARKS if mark.year < 2029])

    def later(self, world: World, day: date) -> date:
        """Return the same day, mostly; else a day or a few on, the next mark, or the end of something that runs."""
        chance = self.rng.random()
        if chance < 0.93:
            return day
        if chance < 0.97:
            return day + timedelta(days=self.rng.choice((1, 1, 2, 3)))
        if chance < 0.99:
            return self.rng.choice((working_days_after(day, 5), working_days_after(day, 10) + timedelta(days=1)))
        return next((mark for mark in MARKS if mark > day), day)

    def step(self, world: World, day: date) -> Step:
        """Return the next step."""
        cases = list(world.cases.values())
        wanted = self._wanted(cases) if self.focus and self.rng.random() < 0.7 else None
        if wanted:
            case, action, role = wanted
        elif self.rng.random() < 0.5:
            case, action, role = self._least_seen(cases)
        else:
            case, action, role = self._lively(cases)
        who = self._who(role, case)
        given = self._input(world, case, action, day, who)
        seen = case.version - 1 if self.rng.random() < 0.02 else None
        return Step(who, day, case.workflow, case.reference, action, given, seen)

    def _least_seen(self, cases: list[Any]) -> tuple[Any, str, str]:
        there: dict[tuple[str, str], list[Any]] = {}
        for case in cases:
            there.setdefault((case.workflow, case.state), []).append(case)
        every = [(*key, action) for key in there for action in actions_of(key[0])]
        tried = [(*self.rng.choice(every), self.rng.choice(ROLES)) for _n in range(60)]
        workflow, state, action, role = min(tried, key=lambda cell: self.cells[cell])
        return self.rng.choice(there[workflow, state]), action, role

    def _wanted(self, cases: list[Any]) -> tuple[Any, str, str] | None:
        workflow, action = self.rng.choice(self.focus)
        if (workflow, action) not in STEPS:
            return None
        rule = STEPS[workflow, action]
        found = [case for case in cases if case.workflow == workflow and case.state in rule.of]
        return (self.rng.choice(found), action, self.rng.choice(rule.by)) if found else None

    def _lively(self, cases: list[Any]) -> tuple[Any, str, str]:
        while True:
            case = self.rng.choice(cases)
            ways = [(name, rule) for (of, name), rule in STEPS.items() if of == case.workflow and case.state in rule.of]
            # What ends a case is left for later, mostly.
            if ways and self.rng.random() < 0.95:
                ways = [way for way in ways if way[0] not in ("withdraw", "cancel", "reject")] or ways
            if ways:
                name, rule = self.rng.choice(ways)
                return case, name, self.rng.choice(rule.by)

    def _who(self, role: str, case: Any) -> Who:
        if role == "system":
            return SYSTEM
        if role == "student":
            person = case.person if self.rng.random() < 0.85 else "w2"
            # A number that is nobody's opens no session.
            return Who("student", "student", None, "w3" if person is None or person[0].isdigit() else person)
        found = accounts_of(role)
        mine = [who for who in found if who.county == case.county]
        if role in OF_A_COUNTY and mine and self.rng.random() < 0.85:
            return self.rng.choice(mine)
        return self.rng.choice(found)

    def _input(self, world: World, case: Any, action: str, day: date, who: Who) -> Mapping[str, Any]:
        sound, unsound = inputs(world, case, action, day, self.rng)
        chance = self.rng.randrange(100)
        if chance < (SOUND_IN_FOCUS if self.focus else SOUND) or not unsound:
            return self.rng.choice(sound) if chance < 96 else {**sound[0], "colour": "red"}
        return {} if chance > 96 else self.rng.choice(unsound)

    def go_on(self, walk: Walk, *, travels: bool = True) -> None:
        """Take the next step on both sides."""
        walk.day = self.later(walk.world, walk.day) if travels else walk.day
        chance = self.rng.random()
        born = any(action == "create" for _workflow, action in self.focus)
        if chance < (0.4 if born else 0.06):
            walk.create(*self.birth(walk.world, walk.day))
        elif chance < 0.07 and travels:
            walk.import_roster(*self.roster(walk.day))
        elif chance < 0.08 and travels:
            walk.import_score(*self.score(walk.world, walk.day))
        else:
            walk.take(self.step(walk.world, walk.day))

    def birth(self, world: World, day: date) -> tuple[Who, str, Mapping[str, Any]]:
        """Return who brings what into being, with what."""
        wanted = [workflow for workflow, action in self.focus if action == "create"]
        workflow = self.rng.choice(wanted or ("application", "application", "claim", "claim", "session", "payment"))
        role = self.rng.choice(BORN_BY[workflow]) if self.rng.random() < 0.8 else self.rng.choice(ROLES[:-1])
        who = (
            Who("student", "student", None, f"w{self.rng.randrange(60)}")
            if role == "student"
            else self.rng.choice(accounts_of(role))
        )
        return who, workflow, BIRTHS[workflow](world, day, who, self.rng)

    def roster(self, day: date) -> tuple[Who, str, list[dict[str, str]]]:
        """Return who imports a roster, for which intake, with which rows."""
        role = "clerk" if self.rng.random() < 0.8 else self.rng.choice(ROLES[:-2])
        who = self.rng.choice(accounts_of(role))
        place, point = COUNTY_OF[who.county or QIHE]
        intake = self.rng.choice((f"{day:%y}09", f"{day:%y}09", f"{day.year % 100 + 1}03", "2510"))
        rows = []
        for _n in range(self.rng.choice((1, 2, 4))):
            form = application_form(worker(self.rng.randrange(60)), county=place, point=point)
            rows.append({name: form[name] for name in HEADS} | self.rng.choice(({}, {}, {}, *ROWS_AMISS)))
        return who, intake, rows

    def score(self, world: World, day: date) -> tuple[Who, Any, Mapping[str, str]]:
        """Return who imports a score, whose, and which."""
        role = self.rng.choice(("registrar", "examiner", "registrar", "examiner", "clerk", "auditor"))
        studies = [study for study in world.of("study") if study.student_number]
        study = self.rng.choice([s for s in studies if s.state == "studying"] or studies)
        study = study if self.rng.random() < 0.8 else self.rng.choice(studies)
        course = self.rng.choice(plan(study.major) or plan("530701"))["code"]
        given = {"course": course, "formative": "80", "final": "70", "sat_on": day.isoformat()}
        more = {"sat_on": (day + timedelta(days=1)).isoformat()}, {"course": "00000"}, {"final": "101"}
        return self.rng.choice(accounts_of(role)), study, given | self.rng.choice(({}, {}, *more))


ROWS_AMISS: Sequence[dict[str, str]] = (
    {"phone": "12345"}, {"name": "A"}, {"major": "天文学"}, {"previous_diploma": "初中"}, {"level": "本科"},
    {"county": "火星县"}, {"county": "德城区", "point": "德城区教学点"}, {"id_number": WRONG_DIGIT},
    {"id_number": "371425201001019998"}, {"id_number": "12"},
)  # fmt: skip
BORN_BY = {
    "application": ("clerk", "student", "registrar"), "claim": ("clerk", "student"), "session": ("examiner",),
    "payment": ("finance_maker",),
}  # fmt: skip


def _draft(_world: World, day: date, who: Who, rng: random.Random) -> Mapping[str, Any]:
    county = who.county or rng.choice((QIHE, DECHENG))
    if rng.random() < 0.1:
        county = rng.choice((QIHE, DECHENG))
    person = int((who.person or "w1")[1:]) if who.role == "student" and rng.random() < 0.9 else rng.randrange(60)
    place, point = COUNTY_OF[county]
    changes = rng.choice(({}, {}, {}, {}, *FAULTY))
    intake = f"{day:%y}09" if day.month < 11 else f"{day.year % 100 + 1}03"
    return application_form(worker(person), intake=intake, county=place, point=point) | changes


FAULTY: Inputs = (
    {"intake": "2510"}, {"intake": "2303"}, {"county": "火星县"}, {"phone": "12345"}, {"name": "A"}, {"name": ""},
    {"major": "天文学"}, {"previous_diploma": "初中"}, {"level": "本科"}, {"point": "德城区教学点"},
    {"union_member": "perhaps"}, {"id_number": WRONG_DIGIT}, {"id_number": "123"}, {"employer": ""},
    {"id_number": "371425201001019998"}, {"birth_on": "2022-02-30"}, {"colour": "red"}, {"major": "工商企业管理"},
)  # fmt: skip


def _claim(world: World, _day: date, who: Who, rng: random.Random) -> Mapping[str, Any]:
    studies = world.of("study", "graduated") if rng.random() < 0.8 else world.of("study")
    study = rng.choice(studies or world.of("study"))
    name = world.names[study.person]
    given = {
        "study": study.reference, "receipts": [receipt(f"7{rng.randrange(300)}", name)],
        "account_number": card(rng.randrange(9)), "account_holder": name,
    }  # fmt: skip
    more: Inputs = (
        {"account_holder": "别人"}, {"account_number": "6222021601001234560"}, {"union_of": "none"},
        {"receipts": [receipt(f"8{rng.randrange(300)}", name, amount_fen=479_001)]},
        {"receipts": [receipt(f"8{rng.randrange(300)}", name, paid_on="2021-09-12")]},
    )  # fmt: skip
    return given | rng.choice(
        ({}, {}, {}, {}, *more, *_receipts_amiss(world, study, "receipts"), {"study": "S2209-999999"})
    )


def _receipts_amiss(world: World, study: Any, field: str) -> list[dict[str, Any]]:
    name, own = world.names[study.person], f"6{serial(study.reference)}"
    taken = next((r for c in world.of("claim") if c.live for r in c.receipts), receipt("1", name))
    return [
        {field: [receipt(own, name), receipt(own, name)]},
        {field: [receipt(own, name) | {"number": "123"}]},
        {field: [receipt(own, name, item="餐费")]},
        {field: [dict(taken)]},
        {field: [receipt(own, name, amount_fen=0)]},
        {field: "none"},
        {"other_money_fen": -1},
    ]


def _session(_world: World, day: date, _who: Who, rng: random.Random) -> Mapping[str, Any]:
    given = {
        "occupation": "ecommerce_specialist", "level": "4",
        "held_on": (day + timedelta(days=rng.choice((0, 3, 30)))).isoformat(),
        "starts": rng.choice(("09:00", "10:30", "14:00")), "site": "考点",
        "rooms": [{"room": "A", "seats": rng.choice((1, 2, 30))}],
    }  # fmt: skip
    more: Inputs = (
        {"level": "5"}, {"occupation": "astronaut"}, {"starts": "25:00"}, {"rooms": [{"room": "A", "seats": 0}]},
        {"site": ""}, {"held_on": "soon"},
    )  # fmt: skip
    return given | rng.choice(({}, {}, {}, {}, {}, *more))


def _payment(world: World, _day: date, _who: Who, rng: random.Random) -> Mapping[str, Any]:
    ready = [c.reference for c in world.of("claim", "approved", "bounced") if not c.batch]
    every = ready if rng.random() < 0.8 else [c.reference for c in world.of("claim")]
    found = rng.sample(every, min(len(every), rng.choice((1, 1, 2))))
    twice = [*found, *found] if rng.random() < 0.05 else found
    return {"claims": twice or ["R2503-999999"]}


BIRTHS = {"application": _draft, "claim": _claim, "session": _session, "payment": _payment}


def inputs(world: World, case: Any, action: str, day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    """Return what a step asks for, and what it must refuse or may, for this record on this day."""
    known = PLAIN.get((case.workflow, action)) or PLAIN.get(("", action))
    if known:
        return known
    special = SPECIAL.get((case.workflow, action))
    return special(world, case, day, rng) if special else ([{}], [])


FAULTS: tuple[Inputs, Inputs] = (
    [{"faults": ["ILLEGIBLE"]}, {"faults": ["PAPER_MISSING", "OTHER"], "note": "请补"}],
    [{"faults": []}, {"faults": ["NONSENSE"]}, {"faults": "ILLEGIBLE and more"}],
)
WITHDRAWAL: tuple[Inputs, Inputs] = ([{"withdrawal": "PERSONAL"}, {"withdrawal": "DEATH"}], [{"withdrawal": "X"}])
CANCELLATION: tuple[Inputs, Inputs] = ([{"cancellation": "ENTERED_BY_MISTAKE"}], [{"cancellation": "BOREDOM"}])
MARKS_GIVEN: tuple[Inputs, Inputs] = (
    [{"theory": "75", "practical": "60"}, {"theory": "59", "practical": "90"}, {"theory": "100", "practical": "0"}],
    [
        {"theory": "101", "practical": "60"},
        {"theory": "60"},
        {"practical": "60"},
        {"theory": "sixty", "practical": "1"},
    ],
)
PLAIN: Mapping[tuple[str, str], tuple[Inputs, Inputs]] = {
    ("application", "return_for_correction"): FAULTS,
    ("application", "permit_new_faults"): FAULTS,
    ("application", "withdraw"): WITHDRAWAL,
    ("study", "withdraw"): WITHDRAWAL,
    ("", "cancel"): CANCELLATION,
    ("application", "offer_major"): (
        [{"offered_major": "行政管理"}, {"offered_major": "530302"}],
        [{"offered_major": "天文学"}, {"offered_major": "电子商务"}],
    ),
    ("application", "reject"): ([{"rejection": "OTHER", "note": "不符"}], [{"rejection": "LAZY"}]),
    ("application", "reopen"): ([{"note": "复核"}, {}], []),
    ("application", "move_county"): (
        [{"new_county": "德城区", "new_point": "德城区教学点"}, {"new_county": "齐河县", "new_point": "齐河县教学点"}],
        [{"new_county": "德城区", "new_point": "齐河县教学点"}, {"new_county": "火星县", "new_point": "火星"}],
    ),
    ("study", "suspend"): ([{"suspension": "ILLNESS"}], [{"suspension": "FUN"}]),
    ("study", "change_major"): (
        [{"new_major": "行政管理"}, {"new_major": "电子商务"}],
        [{"new_major": "999999"}, {"new_major": "999999", "consent": "yes"}, {"new_major": "天文学"}],
    ),
    ("study", "change_point"): (
        [{"new_point": "德城区教学点"}, {"new_point": "齐河县教学点"}],
        [{"new_point": "火星"}],
    ),
    ("study", "revoke_diploma"): ([{"revocation": "FALSE_PAPERS"}], [{"revocation": "ENVY"}]),
    ("certification", "finish_training"): (
        [{"hours": "40", "attendance_percent": "80"}],
        [{"hours": "39", "attendance_percent": "80"}, {"hours": "40", "attendance_percent": "79"},
         {"hours": "40", "attendance_percent": "101"}, {"hours": "many", "attendance_percent": "90"}],
    ),
    ("certification", "score"): MARKS_GIVEN,
    ("certification", "readd"): MARKS_GIVEN,
    ("certification", "object_to_score"): ([{"note": "请复核"}, {}], []),
    ("certification", "void"): (
        [{"voiding": "OTHER"}, {"voiding": "CHEATING"}, {"voiding": "IMPERSONATION"}], [{"voiding": "SPITE"}],
    ),
    ("claim", "object"): ([{"objection": "有异议"}], []),
    ("claim", "permit_new_faults"): (
        [{"body": "union_reviewer", "faults": ["ILLEGIBLE"]}, {"body": "university_reviewer", "faults": ["OTHER"]}],
        [{"body": "arbiter", "faults": ["OTHER"]}, {"faults": ["OTHER"]}],
    ),
    ("claim", "settle"): (
        [{"decision": "pass"}, {"decision": "refuse", "reasons": ["NOT_MEMBER"]}],
        [{"decision": "refuse"}, {"decision": "pass", "reasons": ["NOT_MEMBER"]},
         {"decision": "refuse", "reasons": ["ACCOUNT_WRONG"]}, {"decision": "refuse", "reasons": ["FALSE_PAPERS"]}],
    ),
    ("claim", "resolve_objection"): (
        [{"resolution": "unfounded"}, {"resolution": "founded", "reasons": ["FALSE_PAPERS"]}],
        [{"resolution": "founded"}, {"resolution": "unfounded", "reasons": ["OTHER"]}, {"resolution": "both"}],
    ),
    ("claim", "bounce"): ([{"bounce": "ACCOUNT_CLOSED"}], [{"bounce": "UNKNOWN"}]),
    ("claim", "recover"): (
        [{"recovery": "RECEIPT_REVERSED"}, {"recovery": "FALSE_PAPERS"}, {"recovery": "OTHER", "due_fen": 100_000}],
        [{"recovery": "OTHER", "due_fen": 479_001}, {"recovery": "OTHER", "due_fen": 0}, {"recovery": "SPITE"}],
    ),
    ("claim", "confirm_recovered"): (
        [{"recovered_fen": 1_000}, {"recovered_fen": 479_000}], [{"recovered_fen": 0}, {"recovered_fen": 500_000}],
    ),
}  # fmt: skip


def _amended(_world: World, case: Any, day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    other = worker(rng.randrange(40, 60)).id_number
    return [{"job": "瓦工"}, {}, {"union_member": "no"}, {"major": "530302"}, {"id_number": other}], [
        {"county": "德城区", "point": "德城区教学点"}, {"county": "火星县"}, {"new_intake": "2603"},
        {"new_intake": "2604"}, {"previous_diploma": "初中"}, {"previous_diploma": "高中"},
        {"phone": "12"}, {"phone": "13800001111"}, {"union_member": "x"},
        {"new_intake": f"{day:%y}09"}, {"new_name": "X"}, {"new_name": "王芳"},
    ]  # fmt: skip


def _status(_world: World, case: Any, day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    autumn = case.intake.endswith("09")
    number = f"{case.intake[:2]}370064{rng.randrange(60_000, 99_999) if autumn else rng.randrange(10_000, 49_999)}"
    sound = {"student_number": number, "confirmed_on": day.isoformat()}
    return [sound], [
        sound | {"student_number": "123"}, sound | {"student_number": f"{case.intake[:2]}37006450001"},
        sound | {"confirmed_on": (day + timedelta(days=1)).isoformat()}, sound | {"confirmed_on": "2020-01-01"},
        {"student_number": number},
    ]  # fmt: skip


def _sitting(_world: World, case: Any, day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    courses = plan(case.major) or plan("530701")
    sound = {"course": rng.choice(courses)["code"], "sat_on": day.isoformat(), "formative": "80", "final": "60"}
    return [sound, sound | {"final": "41"}, sound | {"formative": None}], [
        sound | {"course": "00000"}, sound | {"formative": "101"}, sound | {"formative": "", "final": ""},
        sound | {"sat_on": (day + timedelta(days=1)).isoformat()}, sound | {"sat_on": "2020-01-01"},
        sound | {"sat_on": "someday"}, *[sound | {"course": c, "sat_on": d} for c, d in sorted(case.sat)[:1]],
    ]  # fmt: skip


def _identity(world: World, case: Any, _day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
    name = world.names[case.person]
    return [{"new_name": name + "一"} if len(name) < 4 else {"new_name": "王一"}], [
        {}, {"new_name": name}, {"new_name": "B"}, {"new_id_number": WRONG_DIGIT},
        {"new_id_number": world.ids["w0"]},
    ]  # fmt: skip


def _diploma(world: World, case: Any, day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
    sound = {"diploma_number": f"51161{5}{day.year}06{serial(case.reference)}", "diploma_on": day.isoformat()}
    taken = next((s for s in world.of("study") if s.diploma_number and s is not case), None)
    return [sound], [
        sound | {"diploma_on": (day + timedelta(days=1)).isoformat()}, sound | {"diploma_on": f"{day.year - 4}-01-01"},
        sound | {"diploma_number": "1"}, {"diploma_on": day.isoformat()},
        *([{"diploma_number": taken.diploma_number, "diploma_on": taken.diploma_on.isoformat()}] if taken else []),
    ]  # fmt: skip


def _dated(field: str, **more: str) -> Any:
    def build(_world: World, _case: Any, day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
        sound = {field: day.isoformat(), **more}
        return [sound], [sound | {field: (day + timedelta(days=1)).isoformat()}, sound | {field: "2020-01-01"}, {}]

    return build


def _face(_world: World, _case: Any, day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
    sound = {"face_check": "passed", "face_checked_on": day.isoformat()}
    return [sound], [
        sound | {"face_check": "failed"}, sound | {"face_check": "unsure"}, sound | {"face_checked_on": "2020-01-01"},
        sound | {"face_checked_on": (day + timedelta(days=1)).isoformat()},
    ]  # fmt: skip


def _for_session(field: str) -> Any:
    def build(world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
        every = world.of("session")
        fitting = [s for s in every if s.state in ("open", "seated")] or every
        sound = {field: rng.choice(fitting).reference}
        card_ends = {"id_card_until": "2024-01-01"} if field == "session" else {}
        return [sound], [{field: "X9901-999"}, {field: rng.choice(every).reference}, sound | card_ends, {field: 7}]

    return build


def _certificate(world: World, case: Any, day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
    number = f"S000037000000{day:%y}{case.level}{serial(case.reference)}"
    sound = {"certificate_number": number, "certified_on": day.isoformat()}
    taken = next((one.number for one in world.of("certification") if one.number and one is not case), number)
    return [sound], [
        sound | {"certificate_number": "Y1"}, sound | {"certified_on": (day + timedelta(days=1)).isoformat()},
        sound | {"certificate_number": taken}, sound | {"certificate_number": number.replace("37", "44", 1)},
        {"certified_on": day.isoformat()},
    ]  # fmt: skip


def _amended_claim(world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    study, name = world.cases[case.study], world.names[case.person]
    fresh, strange = f"5{serial(case.reference)}{rng.randrange(99)}", "德州市总工会"
    sound = receipt(fresh, name)
    return [{"new_receipts": [sound]}, {}, {"new_account_number": card(3)}, {"new_account_holder": name},
            {"explanation": "学费上调"}, {"union_of": "unit"}], [
        *_receipts_amiss(world, study, "new_receipts"),
        {"new_receipts": [sound | {"payer": strange}]}, {"new_receipts": [sound | {"paid_on": "2021-09-12"}]},
        {"new_receipts": [sound | {"amount_fen": 479_001}]}, {"new_receipts": [sound | {"evidence": "screenshot"}]},
        {"new_account_number": "6222021601001234560"}, {"new_account_holder": "别人"}, {"union_of": "none"},
        {"other_money_fen": 1_000},
    ]  # fmt: skip


def _check(world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    sound = [checked_as(world, case.reference, outcome) for outcome in ("pass", "pass", "refuse", "correct")]
    sound.append(checked_as(world, case.reference, "refuse", ["FALSE_PAPERS"]))
    good = sound[0]
    return sound, [
        good | {"reasons": ["NOT_MEMBER"]}, good | {"outcome": "refuse"}, good | {"outcome": "maybe"},
        good | {"outcome": "correct", "reasons": ["NOT_MEMBER"]}, good | {"reading": {"amount_fen": 1}},
        good | {"reading": good["reading"] | {"amount_fen": "much"}}, {"outcome": "pass"},
        checked_as(world, case.reference, "correct", [rng.choice(("ILLEGIBLE", "OTHER", "AMOUNT_WRONG"))]),
    ]  # fmt: skip


def _account(world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    name = world.names[case.person]
    sound = {"account_number": card(rng.randrange(10, 99)), "account_holder": name}
    return [sound], [
        sound | {"account_number": "6222021601001234560"}, sound | {"account_holder": "别人"},
        sound | {"account_number": case.account}, {"account_holder": name},
    ]  # fmt: skip


def _heir(world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    return [{"heir_name": "李静", "account_number": card(5), "account_holder": "李静"}], [{}]


def _register_code(_world: World, _case: Any, day: date, _rng: random.Random) -> tuple[Inputs, Inputs]:
    sound = {"code": "ABCD1234", "code_until": (day + timedelta(days=1)).isoformat()}
    return [sound, sound | {"code_until": "2035-01-01"}], [
        sound | {"code_until": (day - timedelta(days=1)).isoformat()}, {"code": "A"}, sound | {"code_until": "never"},
    ]  # fmt: skip


def _results(_world: World, case: Any, _day: date, rng: random.Random) -> tuple[Inputs, Inputs]:
    paid: list[dict[str, str]] = [{"number": number, "result": "paid"} for number in case.lines]
    back = [{"number": number, "result": "bounced", "reason": "ACCOUNT_CLOSED"} for number in case.lines]
    return [{"results": paid}, {"results": back}], [
        {"results": []}, {"results": paid[1:] or [{"number": "P1", "result": "paid"}]}, {"results": paid + paid},
        {"results": [one | {"result": "perhaps"} for one in paid]},
        {"results": [one | {"reason": "WEATHER"} for one in back]}, {"results": "all paid, we hope"},
    ]  # fmt: skip


SPECIAL: Mapping[tuple[str, str], Any] = {
    ("application", "amend"): _amended,
    ("application", "take_over"): _status,
    ("study", "take_over"): _status,
    ("study", "record_score"): _sitting,
    ("study", "correct_identity"): _identity,
    ("study", "graduate"): _diploma,
    ("study", "note_face_comparison"): _face,
    ("study", "note_welfare_post"): _dated("welfare_post_on"),
    ("certification", "enter"): _for_session("session"),
    ("certification", "reseat"): _for_session("new_session"),
    ("certification", "certify"): _certificate,
    ("claim", "amend"): _amended_claim,
    ("claim", "check"): _check,
    ("claim", "recheck"): _check,
    ("claim", "change_account"): _account,
    ("claim", "name_heir"): _heir,
    ("claim", "renew_register_code"): _register_code,
    ("payment", "settle"): _results,
}
