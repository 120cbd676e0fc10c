"""The whole story over HTTP: one worker from the roster line to the paid claim, on both databases."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.rules.study import plan
from edu_pilot.services import accounts, audit, presenting
from edu_pilot.services.actors import OPERATOR
from tests import app as installations
from tests.app import Place
from tests.factories import (
    A_PDF,
    ADMITTED,
    BATCHED,
    CARD,
    CERTIFIED,
    CHECKED,
    CLAIMED,
    COMPLETED,
    CONFIRMED,
    DIPLOMA,
    EXAM,
    GRADUATED,
    SAT,
    SETTLED,
    SIGN_UP,
    VERIFIED,
    certificate_number,
    diploma_number,
    passed,
    receipt,
)
from tests.people import LIU_WEI, STAFF
from tests.services.test_roster_reading import HEAD, as_xlsx, line


@dataclass
class Office:
    """Everybody at their own machine: each call is one person's, on a day, with a token."""

    app: Flask
    tokens: dict[str, str]

    def call(self, who: str, day: date, method: str, path: str, **more: Any) -> Any:
        """Call the API as somebody on a day."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        with clock.on(day):
            return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, who: str, day: date, path: str) -> Any:
        """Read something that is there."""
        answer = self.call(who, day, "GET", path)
        assert answer.status_code == 200, answer.json
        return answer.json

    def act(self, who: str, day: date, path: str, action: str, **given: Any) -> Any:
        """Take a step on the version that is seen."""
        seen = self.get(who, day, f"/records/{path}")["version"]
        body = {"version": seen, "input": given}
        answer = self.call(who, day, "POST", f"/records/{path}/actions/{action}", json=body)
        assert answer.status_code == 200, answer.json
        return answer.json

    def create(self, who: str, day: date, workflow: str, **given: Any) -> str:
        """Create a record and give its reference."""
        answer = self.call(who, day, "POST", f"/records/{workflow}", json=given)
        assert answer.status_code == 201, answer.json
        return str(answer.json["reference"])

    def only(self, who: str, day: date, workflow: str) -> Any:
        """Give the one record there is."""
        [found] = self.get(who, day, f"/records/{workflow}")["records"]
        return found


@pytest.fixture
def office(any_place: Place) -> Iterator[Office]:
    with installations.opened(any_place) as app:
        with app.app_context():
            tokens = {member.account: accounts.token(member.account, OPERATOR) for member in STAFF}
        yield Office(app, tokens)


def test_one_worker_from_the_roster_line_to_the_paid_claim(office: Office) -> None:
    application = admitted(office)
    study = studied(office)
    certified(office)
    graduated(office, study)
    claim = claimed(office, study)
    checked_blind(office, claim)
    paid(office, claim)
    papers_say_what_the_record_says(office, {application, study, claim})


def admitted(office: Office) -> str:
    """A roster line is registered, its papers handed in, verified and admitted."""
    work = {"employer": "齐河建筑安装有限公司", "job": "仓库管理员", "previous_school": "齐河县第一中学"}
    place = {"county": "齐河县", "point": "齐河县教学点", "union_member": "是"}
    roster = as_xlsx([HEAD, line(1, LIU_WEI.name, LIU_WEI.id_number, LIU_WEI.phone, **work, **place)])
    form = {"file": (io.BytesIO(roster), "roster.xlsx"), "intake": "2209"}
    report = office.call("wang.fang", SIGN_UP, "POST", "/imports/rosters", data=form).json
    assert (report["accepted"], report["problems"]) == (1, [])
    reference = report["records"][0]["reference"]
    path = f"application/{reference}"
    for kind in office.get("wang.fang", SIGN_UP, f"/records/{path}")["facts"]["papers_missing"]:
        upload = {"file": (io.BytesIO(A_PDF), "paper.pdf"), "kind": kind}
        answer = office.call("wang.fang", SIGN_UP, "POST", f"/records/{path}/files", data=upload)
        assert answer.status_code == 201
    office.act("wang.fang", VERIFIED, path, "verify")
    assert office.act("chen.hui", ADMITTED, path, "admit")["state"] == "admitted"
    return path


def studied(office: Office) -> str:
    """Admission has opened the study; its number is drawn and every course passed."""
    path = f"study/{office.only('chen.hui', CONFIRMED, 'study')['reference']}"
    confirmed = office.act("chen.hui", CONFIRMED, path, "confirm_status")
    assert re.fullmatch(r"22370064\d{5}", confirmed["facts"]["student_number"])
    with office.app.app_context(), read() as conn:
        courses = [c["code"] for c in plan(presenting.in_force(conn).policy, confirmed["facts"]["major"])]
    for course in courses:
        scores = {"formative": "80", "final": "70", "sat_on": SAT.isoformat()}
        office.act("chen.hui", SAT, path, "record_score", course=course, **scores)
    office.act("chen.hui", COMPLETED, path, "complete")
    return path


def certified(office: Office) -> None:
    """Beside it the second certificate: training, a session with seats, both parts, a number."""
    found = office.only("examiner", CONFIRMED, "certification")
    path, facts = (
        f"certification/{found['reference']}",
        office.get("examiner", CONFIRMED, f"/records/certification/{found['reference']}")["facts"],
    )
    office.act("wang.fang", CONFIRMED, path, "start_training")
    office.act("wang.fang", EXAM, path, "finish_training", hours="60", attendance_percent="95")
    room = {"rooms": [{"room": "A101", "seats": 1}], "site": "齐河县职业中专", "starts": "09:00"}
    what = {"occupation": facts["occupation"], "level": facts["level"], "held_on": EXAM.isoformat()}
    session = office.create("examiner", CONFIRMED, "session", **room, **what)
    office.act("examiner", CONFIRMED, f"session/{session}", "open")
    office.act("wang.fang", EXAM, path, "enter", session=session)
    office.act("examiner", EXAM, path, "seat")
    office.act("examiner", EXAM, path, "mark_sat")
    office.act("examiner", EXAM, path, "score", theory="75", practical="81")
    number = certificate_number(facts["level"], found["reference"])
    office.act("examiner", CERTIFIED, path, "certify", certificate_number=number, certified_on=CERTIFIED.isoformat())


def graduated(office: Office, study: str) -> None:
    """The diploma is recorded and the double certificate issued."""
    number = diploma_number(study)
    office.act("chen.hui", GRADUATED, study, "graduate", diploma_number=number, diploma_on=DIPLOMA.isoformat())
    office.act("chen.hui", GRADUATED, study, "issue_double_certificate")


def claimed(office: Office, study: str) -> str:
    """The claim is entered and submitted; its amount is fixed to the fen."""
    given = {"receipts": [receipt("1")], "account_number": CARD, "account_holder": LIU_WEI.name}
    reference = office.create("wang.fang", CLAIMED, "claim", study=study.partition("/")[2], **given)
    path = f"claim/{reference}"
    submitted = office.act("wang.fang", CLAIMED, path, "submit")
    assert submitted["facts"]["payable_fen"] == 479_000
    return path


def checked_blind(office: Office, claim: str) -> None:
    """Neither body sees the other's check before its own; only both passes approve."""
    before = {who: seen_by(office, who, claim) for who in ("sun.li", "sun.li.colleague")}
    assert office.act("zhao.min", CHECKED, claim, "check", **passed())["state"] == "submitted"
    assert {who: seen_by(office, who, claim) for who in before} == before
    assert office.act("sun.li", CHECKED, claim, "check", **passed())["state"] == "approved"
    checks = office.get("sun.li", CHECKED, f"/records/{claim}")["facts"]["checks"]
    assert {check["body"] for check in checks} == {"union_reviewer", "university_reviewer"}


def seen_by(office: Office, who: str, claim: str) -> Any:
    """Give everything a reviewer can see of a claim."""
    listed = office.get(who, CHECKED, "/records/claim")
    return listed, office.get(who, CHECKED, f"/records/{claim}"), office.get(who, CHECKED, f"/records/{claim}/history")


def paid(office: Office, claim: str) -> None:
    """One draws the batch, another releases it; settling it pays the claim."""
    batch = f"payment/{office.create('he.jun', BATCHED, 'payment', claims=[claim.partition('/')[2]])}"
    office.act("releaser", BATCHED, batch, "release")
    office.act("releaser", BATCHED, batch, "export")
    said = [
        {"number": item["number"], "result": "paid"}
        for item in office.get("he.jun", SETTLED, f"/records/{batch}")["facts"]["items"]
    ]
    office.act("he.jun", SETTLED, batch, "settle", results=said)
    assert office.get("zhao.min", SETTLED, f"/records/{claim}")["state"] == "paid"


def papers_say_what_the_record_says(office: Office, paths: set[str]) -> None:
    """Six papers were issued, each with its code; and the trail is whole."""
    with office.app.app_context(), read() as conn:
        numbers = conn.exec_driver_sql("SELECT number, kind FROM document ORDER BY number").all()
        assert audit.verify(conn).ok
    assert sorted(kind for _, kind in numbers) == [
        "admission_notice", "claim_form", "completion_certificate", "exam_ticket", "payment_list", "registration_form",
    ]  # fmt: skip
    for number, kind in numbers:
        reader = "he.jun" if kind == "payment_list" else "wang.fang"
        pdf = office.call(reader, SETTLED, "GET", f"/documents/{number}.pdf")
        assert (pdf.status_code, pdf.data[:5]) == (200, b"%PDF-")
