"""What offices do all day, act by act over HTTP: everything the programme has, in the order people do it."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from edu_pilot.extensions import read
from edu_pilot.rules.study import plan
from edu_pilot.services import policies
from tests.factories import (
    A_PDF,
    CARD,
    DIPLOMA,
    Pilot,
    application_form,
    certificate_number,
    diploma_number,
    files_in_force,
    passed,
    publish,
    receipt,
    refused,
    row,
)
from tests.people import Human, worker

# A day on which sign-up is open, and a claim approved on CHECKED has been on notice long enough.
DAY, INTAKE = date(2025, 3, 14), "2503"
# Workers below this number are the supply's own.
SUPPLIED = 1_000
ROSTER = ("姓名", "身份证号", "手机号码", "县区", "教学点", "报考层次", "报考专业", "原学历")
SCORES = ("学号", "姓名", "课程代码", "形考成绩", "终考成绩", "考试日期")
# How a step stands in the trail: workflow, reference, action. Of what is not born yet the reference is empty.
Trace = tuple[str, str, str]
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Act:
    """One request of an account: a POST with a body or a form, or a GET with neither."""

    account: str
    path: str
    traces: tuple[Trace, ...] = ()
    body: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """Give the method."""
        return "GET" if self.body is None and self.form is None else "POST"

    def of_version(self, version: int) -> Act:
        """Give the same step on another version of its record."""
        return replace(self, body={**(self.body or {}), "version": version})

    def bearing(self, *workflows: str) -> Act:
        """Give the same step where it opens records of other workflows in its commit."""
        return replace(self, traces=(*self.traces, *((workflow, "", "create") for workflow in workflows)))

    def encoded(self) -> tuple[str, bytes | None]:
        """Give the type and the bytes of what is sent."""
        if self.form is None:
            return "application/json", None if self.body is None else json.dumps(self.body).encode()
        file = FileStorage(io.BytesIO(self.form["file"]), self.form["name"])
        boundary, content = encode_multipart({**self.form["fields"], "file": file})
        return f"multipart/form-data; boundary={boundary}", content

    def __str__(self) -> str:
        """Name the act."""
        return "/".join(self.traces[0][::2]) if self.traces else f"{self.method} {self.path}"


Life = Generator[Act, Any, None]


class Exhausted(Exception):
    """Nothing of what a life begins with is left at the moment."""


def creation(account: str, workflow: str, given: Mapping[str, Any]) -> Act:
    """Bring a record into being."""
    return Act(account, f"/records/{workflow}", ((workflow, "", "create"),), given)


def step(account: str, record: Mapping[str, Any], action: str, **given: Any) -> Act:
    """Take a step on the record as it was answered last."""
    workflow, reference = record["workflow"], record["reference"]
    path = f"/records/{workflow}/{reference}/actions/{action}"
    return Act(account, path, ((workflow, reference, action),), {"version": record["version"], "input": given})


def look(account: str, record: Mapping[str, Any], more: str = "") -> Act:
    """Ask for a record as it is now."""
    return Act(account, f"/records/{record['workflow']}/{record['reference']}{more}")


def paper(account: str, record: Mapping[str, Any], kind: str) -> Act:
    """Hand in a file."""
    trace = (record["workflow"], record["reference"], "add_file")
    form = {"fields": {"kind": kind}, "file": A_PDF, "name": f"{kind}.pdf"}
    return Act(account, f"/records/{trace[0]}/{trace[1]}/files", (trace,), form=form)


def table(account: str, kind: str, traces: Sequence[Trace], lines: Sequence[Sequence[str]], **fields: str) -> Act:
    """Import a list."""
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    form = {"fields": fields, "file": text.getvalue().encode(), "name": f"{kind}.csv"}
    return Act(account, f"/imports/{kind}", tuple(traces), form=form)


@dataclass
class Supply:
    """What the lives draw from: who is still nobody's, and records that others brought as far as they are needed."""

    papers: list[str]
    courses: list[str]
    people: itertools.count[int] = field(default_factory=lambda: itertools.count(SUPPLIED))
    receipts: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    completed: deque[Mapping[str, Any]] = field(default_factory=deque)
    approved: deque[str] = field(default_factory=deque)
    certified: deque[Mapping[str, Any]] = field(default_factory=deque)

    def person(self) -> Human:
        """Give somebody who has not applied yet."""
        return worker(next(self.people))

    @staticmethod
    def taken(things: deque[Thing]) -> Thing:
        """Take one of the things; raise Exhausted where others hold the last."""
        try:
            return things.popleft()
        except IndexError:
            raise Exhausted from None


def supplied(studies: int, claims: int, certificates: int) -> Supply:
    """Bring records as far as the lives begin; call it inside an application on any day."""
    _publish_for_the_day()
    pilot, people = Pilot(), itertools.count()
    with read() as conn:
        policy = policies.in_force(conn, DAY).policy
    courses = [course["code"] for course in plan(policy, _major(policy))]
    supply = Supply(list(policy.get("papers")), courses)
    for _ in range(studies):
        supply.completed.append(_known("study", pilot.completed(worker(next(people)))))
    for _ in range(claims):
        supply.approved.append(_approved(pilot, worker(next(people))))
    for _ in range(certificates):
        study = pilot.graduated(worker(next(people)))
        pilot.certified(study)
        supply.certified.append(_known("study", study))
    return supply


def _major(policy: Any) -> str:
    wanted = application_form()["major"]
    return next(major["code"] for major in policy.table("majors") if wanted in major.values())


def _publish_for_the_day() -> None:
    """Let the notice of a claim end by the day, and give the year places for thousands."""
    files, changes = (
        files_in_force(),
        {"notice_working_days: 5": "notice_working_days: 1", '"2025": 300': '"2025": 90000'},
    )
    text = files["policies.yaml"]
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    publish(files | {"policies.yaml": text}, date(2022, 1, 2))


def _known(workflow: str, reference: str) -> dict[str, Any]:
    found = row(workflow, reference)
    return {"workflow": workflow, "reference": reference, "version": found["version"], "state": found["state"]}


def _approved(pilot: Pilot, who: Human) -> str:
    study, reading = pilot.graduated(who), passed()["reading"] | {"id_tail": who.id_number[-4:]}
    claim = pilot.submitted(study)
    for reviewer in (pilot.zhao_min, pilot.sun_li):
        pilot.check(claim, reviewer, passed(reading=reading))
    return claim


# The lives


def applicant(supply: Supply, chance: random.Random) -> Life:
    """Somebody signs up, is admitted, learns, and passes the exam of a session held for the purpose."""
    application = yield creation("wang.fang", "application", application_form(supply.person(), intake=INTAKE))
    application = yield step("wang.fang", application, "register")
    for kind in supply.papers:
        yield paper("wang.fang", application, kind)
    application = yield step("wang.fang", application, "verify")
    admission = step("chen.hui", application, "admit")
    application = yield admission.bearing("study", "certification")
    reference = application["facts"]["study"]
    study = yield look("chen.hui", {"workflow": "study", "reference": reference})
    study = yield step("chen.hui", study, "confirm_status")
    yield _scores(supply, study, chance)
    # The certification is planned in the commit that opens the study, so that both have one serial.
    yield from _exam({"workflow": "certification", "reference": "C" + reference[1:]})


def _scores(supply: Supply, study: Mapping[str, Any], chance: random.Random) -> Act:
    courses = chance.sample(supply.courses, 3)
    number, name = study["facts"]["student_number"], study["facts"]["name"]
    lines = [(number, name, course, "80", "70", DAY.isoformat()) for course in courses]
    trace = ("study", study["reference"], "record_score")
    return table("chen.hui", "scores", [trace] * len(lines), [SCORES, *lines])


def _exam(reference: Mapping[str, Any]) -> Life:
    one = yield look("examiner", reference)
    one = yield step("wang.fang", one, "start_training")
    one = yield step("wang.fang", one, "finish_training", hours="60", attendance_percent="95")
    session = {name: one["facts"][name] for name in ("occupation", "level")}
    session |= {"held_on": DAY.isoformat(), "starts": "09:00", "site": "齐河县职业中专"}
    session = yield creation("examiner", "session", session | {"rooms": [{"room": "A101", "seats": 30}]})
    session = yield step("examiner", session, "open")
    one = yield step("wang.fang", one, "enter", session=session["reference"])
    session = yield step("examiner", session, "seat_all")
    session = yield step("examiner", session, "hold")
    one = yield look("examiner", one)
    one = yield step("examiner", one, "mark_sat")
    one = yield step("examiner", one, "score", theory="75", practical="81")
    session = yield step("examiner", session, "score_all")
    yield step("examiner", session, "publish")
    number = certificate_number(one["facts"]["level"], one["reference"], DAY)
    one = yield look("examiner", one)
    yield step("examiner", one, "certify", certificate_number=number, certified_on=DAY.isoformat())


def roster(supply: Supply, _chance: random.Random) -> Life:
    """A point sends a list, which is taken in one commit."""
    people = [supply.person() for _ in range(4)]
    lines = [
        (who.name, who.id_number, who.phone, "齐河县", "齐河县教学点", "专科", "电子商务", "高中") for who in people
    ]
    traces = [("application", "", action) for action in ("create", "register") for _ in people]
    yield table("wang.fang", "rosters", traces, [ROSTER, *lines], intake=INTAKE)


def claimant(supply: Supply, chance: random.Random) -> Life:
    """Somebody graduates and claims; both bodies check, once or twice; and the claim is taken back."""
    study = supply.taken(supply.completed)
    if study["state"] == "completed":
        diploma = diploma_number(study["reference"])
        study = yield step("chen.hui", study, "graduate", diploma_number=diploma, diploma_on=DIPLOMA.isoformat())
    else:
        study = yield look("chen.hui", study)
    name, tail = study["facts"]["name"], study["facts"]["id_number"][-4:]
    given = {"study": study["reference"], "receipts": [receipt(str(8_000_000 + next(supply.receipts)), name)]}
    claim = yield creation("wang.fang", "claim", given | {"account_number": CARD, "account_holder": name})
    claim = yield step("wang.fang", claim, "submit")
    yes, no = ({**one, "reading": one["reading"] | {"id_tail": tail}} for one in (passed(), refused()))
    agreed = chance.random() < 0.5
    yield step("zhao.min", claim, "check", **yes)
    claim = yield step("sun.li", claim, "check", **(yes if agreed else no))
    if not agreed:
        yield step("zhao.min", claim, "recheck", **yes)
        claim = yield step("sun.li", claim, "recheck", **no)
        claim = yield step("arbiter", claim, "settle", decision="pass")
    yield step("wang.fang", claim, "withdraw")
    supply.completed.append({**study, "state": "graduated"})


def payment(supply: Supply, chance: random.Random) -> Life:
    """A batch is drawn; it is paid while there are claims in plenty, else cancelled."""
    claims = [supply.taken(supply.approved)]
    batch = yield creation("he.jun", "payment", {"claims": claims})
    if len(supply.approved) < 2 and chance.random() < 0.8:
        yield step("he.jun", batch, "cancel", cancellation="ENTERED_BY_MISTAKE")
        supply.approved.extend(claims)
        return
    batch = yield step("releaser", batch, "release")
    batch = yield step("releaser", batch, "export")
    paid = [{"number": line["number"], "result": "paid"} for line in batch["facts"]["items"]]
    yield step("he.jun", batch, "settle", results=paid)


def certificate(supply: Supply, _chance: random.Random) -> Life:
    """The completion certificate is issued, and again, and fetched."""
    study = yield look("chen.hui", supply.taken(supply.certified))
    first = study["facts"]["double_certificate_on"] is None
    study = yield step("chen.hui", study, f"{'' if first else 're'}issue_double_certificate")
    history = yield look("chen.hui", study, "/history")
    number = history["entries"][-1]["input"]["documents"][0]
    yield Act("chen.hui", f"/documents/{number}.pdf")
    supply.certified.append(study)


LIVES: Mapping[Callable[[Supply, random.Random], Life], int] = {
    applicant: 5, roster: 1, claimant: 4, payment: 3, certificate: 2,
}  # fmt: skip
