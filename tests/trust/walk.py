"""G9's walker: takes steps on an installation over HTTP and on the model, and stops where the two disagree.

Staff ask `/api/v1` with a token. A student has no token (the site's session is hers) and the system is nobody who
could ask: their steps go to the service that every request ends in, and are answered by the API's own handler.
"""

from __future__ import annotations

import copy
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import db, read
from edu_pilot.services import accounts, actors, outbox
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import table
from edu_pilot.services.perform import create as bring_about
from edu_pilot.services.vault import vault
from edu_pilot.web.api import errors
from edu_pilot.workflow.registry import Actor
from tests.app import Place, build
from tests.people import DECHENG, QIHE, STAFF, id_number, worker
from tests.trust import model_exams, model_money, model_school
from tests.trust.client import Answer, Caller
from tests.trust.model import ROLES, STATES, STEPS, Expected, Step, Who, World

NOON = time(12)
HEADS = {
    "name": "姓名", "id_number": "身份证号", "phone": "手机号", "county": "县（市、区）", "point": "教学点",
    "level": "报考层次", "major": "报考专业", "previous_school": "原毕业院校", "previous_diploma": "原学历",
    "employer": "工作单位", "job": "岗位", "union_member": "工会会员",
}  # fmt: skip
COUNTY_OF = {QIHE: ("齐河县", "齐河县教学点"), DECHENG: ("德城区", "德城区教学点")}
# Other accounts of persons who act already, or are the person of a case (C4): account, role, whose.
SECOND = (
    ("zhao.twin", "university_reviewer", "zhao.min"),
    ("he.twin", "finance_releaser", "he.jun"),
    ("chen.twin", "arbiter", "chen.hui"),
    ("wang.union", "union_reviewer", "wang.fang"),
    ("wang.university", "university_reviewer", "wang.fang"),
    ("wang.registrar", "registrar", "wang.fang"),
    ("zhao.arbiter", "arbiter", "zhao.min"),
    ("sun.maker", "finance_maker", "sun.li"),
    ("pupil.registrar", "registrar", "w0"),
    ("pupil.scholar", "registrar", "w1"),
    ("pupil.examiner", "examiner", "w1"),
    ("pupil.union", "union_reviewer", "w2"),
    ("pupil.university", "university_reviewer", "w2"),
    ("pupil.arbiter", "arbiter", "w2"),
    ("pupil.maker", "finance_maker", "w2"),
    ("pupil.releaser", "finance_releaser", "w2"),
)
OTHERS = (("union.decheng", "union_reviewer", DECHENG, 7), ("chen.second", "registrar", None, 8))


class Disagreement(AssertionError):
    """Model and product do not say the same."""


def cast() -> list[Who]:
    """Return everybody of the staff as the model knows them."""
    found = [Who(one.account, one.roles[0], one.county, one.account) for one in STAFF]
    found += [Who(name, role, QIHE if role == "union_reviewer" else None, whose) for name, role, whose in SECOND]
    return found + [Who(name, role, county, name) for name, role, county, _n in OTHERS]


def numbers_of_people(count: int = 60) -> dict[str, str]:
    """Return the ID number of everybody: staff, and as many workers."""
    found = {one.account: one.id_number for one in STAFF} | {f"w{n}": worker(n).id_number for n in range(count)}
    return found | {name: id_number(date(1971, 1, n), 998) for name, _role, _county, n in OTHERS}


@dataclass
class Hands:
    """An installation in process, the tokens of its staff, and the keys of its persons."""

    app: Flask
    place: Place
    tokens: Mapping[str, str]
    keys: Mapping[str, str]
    callers: Mapping[str, Caller] = field(default_factory=dict)

    def take(self, step: Step, version: int) -> Answer:
        """Take a step as the one who acts in it would."""
        seen = version if step.seen is None else step.seen
        path = f"/records/{step.workflow}/{step.reference}/actions/{step.action}"
        if step.who.role in ("student", "system"):
            return self._served(step.day, lambda: outbox.act(
                step.workflow, step.reference, step.action, self._actor(step.who), step.given, seen
            ))  # fmt: skip
        return self.post(step.who, step.day, path, {"version": seen, "input": step.given})

    def create(self, who: Who, day: date, workflow: str, given: Mapping[str, Any]) -> Answer:
        """Bring a record into being."""
        if who.role in ("student", "system"):
            answer = self._served(day, lambda: bring_about(workflow, self._actor(who), given))
            return replace(answer, status=201) if answer.status == 200 else answer
        return self.post(who, day, f"/records/{workflow}", given)

    def post(self, who: Who, day: date, path: str, body: Any) -> Answer:
        """Send JSON with an account's token."""
        if self.callers:
            return self.callers[who.account].post(path, body)
        headers = {"Authorization": f"Bearer {self.tokens[who.account]}", "Accept-Language": "en"}
        with clock.on(day, NOON):
            answer = self.app.test_client(use_cookies=False).post(f"/api/v1{path}", json=body, headers=headers)
        return Answer(answer.status_code, answer.get_json(silent=True))

    def send(self, who: Who, day: date, kind: str, name: str, content: bytes, **fields: str) -> Answer:
        """Send a list to be imported."""
        headers = {"Authorization": f"Bearer {self.tokens[who.account]}", "Accept-Language": "en"}
        data = {**fields, "file": (io.BytesIO(content), name)}
        with clock.on(day, NOON):
            client = self.app.test_client(use_cookies=False)
            answer = client.post(f"/api/v1/imports/{kind}", data=data, headers=headers)
        return Answer(answer.status_code, answer.get_json(silent=True))

    def hand_in(self, who: Who, workflow: str, reference: str, kind: str, content: bytes) -> Answer:
        """Hand in a paper."""
        headers = {"Authorization": f"Bearer {self.tokens[who.account]}"}
        data = {"kind": kind, "file": (io.BytesIO(content), "a.pdf")}
        client = self.app.test_client(use_cookies=False)
        answer = client.post(f"/api/v1/records/{workflow}/{reference}/files", data=data, headers=headers)
        return Answer(answer.status_code, answer.get_json(silent=True))

    def _actor(self, who: Who) -> Actor:
        return actors.SYSTEM if who.role == "system" else actors.student(self.keys[str(who.person)])

    def _served(self, day: date, act: Any) -> Answer:
        with self.app.test_request_context("/api/v1/"), clock.on(day, NOON):
            try:
                done = act()
            except Exception as error:  # the API's handler tells what each becomes
                response = errors.told(error)
                return Answer(response.status_code, json.loads(response.get_data()))
            with read() as conn:
                records = table(done.workflow)
                row = conn.execute(sa.select(records).where(records.c.reference == done.reference)).mappings().one()
        return Answer(200, {name: row[name] for name in ("reference", "state", "version")})

    def standing(self) -> dict[str, tuple[str, int]]:
        """Return state and version of every record there is."""
        with self.app.app_context(), read() as conn:
            found = {}
            for workflow in STATES:
                columns = (table(workflow).c[name] for name in ("reference", "state", "version"))
                found |= {r[0]: (str(r[1]), int(r[2])) for r in conn.execute(sa.select(*columns))}
        return found


def codes_of(answer: Answer) -> frozenset[str]:
    """Return the codes of a refusal."""
    if answer.status < 400 or answer.status == 404:
        return frozenset()
    return frozenset(reason["code"] for reason in answer.body["reasons"])


@dataclass
class Walk:
    """One installation and its model, step by step."""

    hands: Hands
    world: World
    day: date
    cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    taken: list[Step] = field(default_factory=list)

    def take(self, step: Step) -> Answer:
        """Take a step on both; raise Disagreement where they differ."""
        case = self.world.cases.get(step.reference)
        before = (case.state, case.version) if case else ("", 1)
        if case:
            self.cells[step.workflow, case.state, step.action, step.who.role] += 1
        expected = self.world.predict(step)
        answer = self.hands.take(step, before[1])
        self.taken.append(step)
        self._agree(step, expected, answer, before)
        if expected.status == 200 and case and (got := answer.body["version"]) != case.version:
            raise Disagreement(f"{step}\n  version {got}, the model says {case.version}")
        return answer

    def create(self, who: Who, workflow: str, given: Mapping[str, Any], day: date | None = None) -> str:
        """Bring a record into being on both; return its reference, or nothing where it is refused."""
        step = Step(who, day or self.day, workflow, "", "create", given)
        expected, reference = self.world.create(who, step.day, workflow, given)
        answer = self.hands.create(who, step.day, workflow, given)
        self.taken.append(step)
        self._agree(step, expected, answer, ("", 0))
        if reference and answer.body["reference"] != reference:
            raise Disagreement(f"{step}\n  {answer.body['reference']}, the model says {reference}")
        return reference

    def import_roster(self, who: Who, intake: str, rows: list[dict[str, str]]) -> None:
        """Import a roster on both: which rows are taken, and what is told of the others."""
        lines = [",".join(HEADS.values()), *(",".join(row[name] for name in HEADS) for row in rows)]
        status, codes, told = model_school.roster(self.world, who, self.day, intake, rows)
        answer = self.hands.send(who, self.day, "rosters", "r.csv", "\n".join(lines).encode(), intake=intake)
        self.taken.append(Step(who, self.day, "application", "", "import", {"intake": intake, "rows": rows}))
        found: dict[int, set[str]] = {}
        for problem in answer.body["problems"] if answer.status == 200 else ():
            found.setdefault(problem["row"] - 2, set()).add(problem["code"])
        self.statuses[answer.status] += 1
        if (answer.status, codes_of(answer), found) != (status, codes, told):
            said = f"{answer.status} {sorted(codes_of(answer))} {found}"
            raise Disagreement(f"{self.taken[-1]}\n  answered: {said}\n  model:    {status} {sorted(codes)} {told}")

    def import_score(self, who: Who, study: Any, given: Mapping[str, str]) -> None:
        """Import a list of one score on both; a line is judged by the step's own guard."""
        step = Step(who, self.day, "study", study.reference, "record_score", given)
        # Who may not import at all is told so before any line is looked at.
        may = who.role in STEPS["study", "record_score"].by
        expected = self.world.predict(step) if may else Expected(403, frozenset({"role_missing"}))
        line = (study.student_number, self.world.names[study.person], given["course"], given["formative"])
        heads = "学号,姓名,课程代码,形考成绩,终考成绩,考试日期"
        content = "\n".join((heads, ",".join((*line, given["final"], given["sat_on"])))).encode()
        answer = self.hands.send(who, self.day, "scores", "s.csv", content)
        self.taken.append(Step(who, self.day, "study", study.reference, "import", given))
        self.statuses[answer.status] += 1
        if answer.status == 200:
            codes = frozenset(problem["code"] for problem in answer.body["problems"])
            answer = Answer(200 if answer.body["accepted"] else 409, answer.body)
        else:
            codes = codes_of(answer)
        if (answer.status, codes) != (expected.status, expected.codes):
            raise Disagreement(f"{self.taken[-1]}\n  answered: {answer.status} {codes}\n  model:    {expected}")

    def _agree(self, step: Step, expected: Expected, answer: Answer, before: tuple[str, int]) -> None:
        self.statuses[answer.status] += 1
        codes = codes_of(answer)
        state = answer.body["state"] if answer.status in (200, 201) else ""
        if (answer.status, codes, state) != (expected.status, expected.codes, expected.state):
            said = f"{answer.status} {sorted(codes)} {state}"
            wanted = f"{expected.status} {sorted(expected.codes)} {expected.state}"
            raise Disagreement(f"{step} from {before}\n  answered: {said}\n  model:    {wanted}")

    def again(self, step: Step) -> None:
        """Take a step of an earlier walk."""
        self.day = step.day
        if step.action == "create":
            self.create(step.who, step.workflow, step.given)
        elif step.action != "import":
            self.take(step)
        elif step.workflow == "study":
            self.import_score(step.who, self.world.cases[step.reference], step.given)
        else:
            self.import_roster(step.who, step.given["intake"], step.given["rows"])

    def compare(self) -> None:
        """Every record, its state and version: also what followed by itself, and what must not have happened."""
        mine = {one.reference: (one.state, one.version) for one in self.world.cases.values()}
        if differing := set(self.hands.standing().items()) ^ set(mine.items()):
            raise Disagreement(f"after {self.taken[-1] if self.taken else 'nothing'}: {sorted(differing)}")


@contextmanager
def opened(place: Place, tokens: Mapping[str, str], keys: Mapping[str, str]) -> Iterator[Hands]:
    """Give the hands over an installation; its connections are closed at the end."""
    app = build(place)
    try:
        yield Hands(app, place, tokens, keys)
    finally:
        with app.app_context():
            db.engine.dispose()


def cells_there_are() -> set[tuple[str, str, str, str]]:
    """Return every state × action × role of every workflow."""
    return {
        (workflow, state, action, role)
        for workflow, states in STATES.items()
        for (of, action) in STEPS
        for state in states
        for role in ROLES
        if of == workflow
    }


@dataclass(frozen=True)
class Template:
    """A populated installation, closed, with what the model knows of it."""

    place: Place
    world: World
    tokens: Mapping[str, str]
    keys: Mapping[str, str]
    day: date

    @contextmanager
    def copied(self, to: Path, cells: Counter[tuple[str, str, str, str]]) -> Iterator[Walk]:
        """Give a walk over a fresh copy; the copy is removed at the end."""
        shutil.copytree(self.place.data, to)
        try:
            with opened(Place(to), self.tokens, self.keys) as hands:
                yield Walk(hands, copy.deepcopy(self.world), self.day, cells)
        finally:
            shutil.rmtree(to)


def open_accounts(app: Flask) -> tuple[dict[str, str], dict[str, str]]:
    """Add the other accounts; return a token for each of the staff and the key of everybody's ID number."""
    ids = numbers_of_people()
    with app.app_context():
        for name, role, whose in SECOND:
            county = QIHE if role == "union_reviewer" else None
            accounts.add(name, [role], county, ids[whose], OPERATOR, password=f"demo{name}")
        for name, role, place, _n in OTHERS:
            accounts.add(name, [role], place, ids[name], OPERATOR, password=f"demo{name}")
        tokens = {who.account: accounts.token(who.account, OPERATOR) for who in cast()}
        keys = {person: vault().index("id_number", number) for person, number in ids.items()}
    return tokens, keys


__all__ = ["Disagreement", "Hands", "Template", "Walk", "model_exams", "model_money", "model_school"]
