"""Records in any state, each reached by the steps people take: so none can be impossible."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import Flask
from stdnum import luhn

from edu_pilot import clock
from edu_pilot.extensions import Base, read, write
from edu_pilot.models import PolicyVersion
from edu_pilot.rules.study import plan
from edu_pilot.services import cases, outbox, papers, policies
from edu_pilot.services.actors import OPERATOR, SYSTEM
from edu_pilot.services.cases import Case
from edu_pilot.services.perform import Done, birth, create, perform, unit_of
from edu_pilot.services.vault import vault
from edu_pilot.workflow.registry import Actor
from tests.people import LIU_WEI, Human, staff

SIGN_UP = date(2022, 7, 5)
VERIFIED = date(2022, 7, 20)
ADMITTED = date(2022, 8, 15)
CONFIRMED = date(2022, 9, 10)
EXAM = date(2024, 5, 18)
CERTIFIED = date(2024, 6, 28)
SAT = date(2024, 6, 20)
COMPLETED = date(2024, 12, 20)
DIPLOMA = date(2025, 1, 31)
GRADUATED = date(2025, 2, 10)
CLAIMED = date(2025, 3, 3)
CHECKED = date(2025, 3, 10)
BATCHED = date(2025, 3, 24)
SETTLED = date(2025, 3, 31)

# One blank page of the smallest size there is: hundreds of them are read in the suite.
A_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj trailer<</Root 1 0 R>>\n%%EOF\n"
)
CARD = "622202160100123456" + luhn.calc_check_digit("622202160100123456")


def serial(reference: str) -> str:
    """Give the six digits at a reference's end."""
    return f"{int(reference.rpartition('-')[2]):06d}"


def application_form(who: Human = LIU_WEI, **changes: Any) -> dict[str, Any]:
    """Give what a clerk of Qihe types for a worker."""
    return {
        "name": who.name,
        "id_number": who.id_number,
        "phone": who.phone,
        "county": "齐河县",
        "point": "齐河县教学点",
        "intake": "2209",
        "level": "专科",
        "major": "电子商务",
        "previous_school": "齐河县第一中学",
        "previous_diploma": "高中",
        "employer": "齐河建筑安装有限公司",
        "job": "仓库管理员",
        "union_member": "yes",
    } | changes


def receipt(number: str, payer: str = LIU_WEI.name, **changes: Any) -> dict[str, Any]:
    """Give one receipt as it is typed; the number is filled up to its 20 digits."""
    return {
        "kind": "digital_invoice",
        "code": "",
        "number": number.zfill(20),
        "issuer": "德州广播电视大学",
        "payer": payer,
        "item": "学费",
        "paid_on": "2022-09-12",
        "amount_fen": 479_000,
    } | changes


def diploma_number(reference: str, day: date = DIPLOMA) -> str:
    """Give the number of a diploma of level 06 from the school's list."""
    return f"511615{day.year}06{serial(reference)}"


def certificate_number(level: str, reference: str, day: date = CERTIFIED) -> str:
    """Give the number of a certificate from the body's list."""
    return f"S000037000000{day:%y}{level}{serial(reference)}"


def lines_of(batch: str) -> list[Any]:
    """Give the lines of a payment batch in order of their numbers."""
    return sorted(rows("payment_item", payment_id=row("payment", batch)["id"]), key=lambda item: str(item["number"]))


def bank_says(batch: str, bounced: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Give the bank's answer for every payment of a batch: paid, or sent back for a claim's reason."""
    claims = {claim["id"]: str(claim["reference"]) for claim in rows("claim")}
    back = bounced or {}
    said = [(str(line["number"]), back.get(claims[line["claim_id"]])) for line in lines_of(batch)]
    return [
        {"number": number, "result": "bounced", "reason": reason} if reason else {"number": number, "result": "paid"}
        for number, reason in said
    ]


def passed(**changes: Any) -> dict[str, Any]:
    """Give the check of a body that has nothing against the claim."""
    reading = {"amount_fen": 479_000, "id_tail": LIU_WEI.id_number[-4:], "diploma_on": "2025-01-31"}
    return {"outcome": "pass", "reading": reading} | changes


def refused(code: str = "NOT_MEMBER") -> dict[str, Any]:
    """Give the check of a body that refuses."""
    return passed(outcome="refuse", reasons=[code])


def corrected(*codes: str) -> dict[str, Any]:
    """Give the check of a body that asks for a correction."""
    return passed(outcome="correct", reasons=list(codes or ("ACCOUNT_WRONG",)))


def on(day: date | None) -> AbstractContextManager[None]:
    """Let the block run on the day, or on the one that is."""
    return clock.on(day) if day else nullcontext()


def case(workflow: str, reference: str) -> Case:
    """Give a record as the rules see it; its facts must be asked before the block of a test ends."""
    with read() as conn:
        return cases.by_reference(conn, vault(), workflow, reference)


def row(workflow: str, reference: str) -> Mapping[str, Any]:
    """Give a record's stored columns."""
    return case(workflow, reference).row


def state(workflow: str, reference: str) -> str:
    """Give a record's state."""
    return str(row(workflow, reference)["state"])


def rows(table: str, **where: Any) -> list[Mapping[str, Any]]:
    """Give the rows of a table that have the given values."""
    found = Base.metadata.tables[table]
    query = sa.select(found).where(*(found.c[name] == value for name, value in where.items()))
    with read() as conn:
        return list(conn.execute(query).mappings())


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """Give every row of every table, so that two moments can be compared."""
    tables = Base.metadata.tables
    with read() as conn:
        return {
            name: sorted((tuple(map(str, r)) for r in conn.execute(sa.select(table))), key=str)
            for name, table in tables.items()
        }


def publish(files: Mapping[str, str], day: date | None = None) -> int:
    """Publish a policy version and give its number."""
    with write() as conn:
        return policies.publish(conn, files, day, OPERATOR).number


def files_in_force() -> dict[str, str]:
    """Give the newest published files, to be changed and published again."""
    return dict(max(rows("policy_version"), key=lambda r: int(r["number"]))["files"])


def store_instead(app: Flask, files: Mapping[str, str]) -> None:
    """Let the one stored version be these files, as an earlier program published them."""
    with write() as conn:
        conn.execute(PolicyVersion.__table__.update().values(files=dict(files)))
    app.extensions.pop("policies", None)


def publish_change(name: str, old: str, new: str, day: date | None = None) -> int:
    """Publish a version in which one text of one file is another."""
    files = files_in_force()
    assert files[name].count(old) == 1, f"{name} holds {old!r} not exactly once"
    return publish(files | {name: files[name].replace(old, new)}, day)


def publish_places(places: int, year: str = "2022", day: date | None = None) -> int:
    """Publish a version that gives a year another number of places."""
    files = files_in_force()
    line = next(n for n in files["policies.yaml"].splitlines() if n.strip().startswith("hard:"))
    before = line.partition(f'"{year}": ')[2].partition(",")[0]
    change = line.replace(f'"{year}": {before}', f'"{year}": {places}')
    return publish_change("policies.yaml", line, change, day)


def another_certification(first: str, occupation: str, kind: str = "skill_level", level: str = "4") -> str:
    """Plan another occupation for the person of a certification, whose training is done."""
    known = row("certification", first)
    study = rows("study", id=known["study_id"])[0]
    given = {
        "person_id": known["person_id"], "county": known["county"], "intake": study["intake"],
        "study": study["reference"], "occupation": occupation, "kind": kind, "level": level,
        "hours": 60, "attendance_percent": 95,
    }  # fmt: skip
    with on(CONFIRMED), write() as conn:
        unit = unit_of(conn, SYSTEM)
        reference = birth(unit, "certification", given, guarded=False).reference
        unit.close()
    return reference


class Pilot:
    """Everybody's hands: each method is a step of one of them, or the way to a state."""

    def __init__(self) -> None:
        self.wang_fang = staff("wang.fang")
        self.decheng_clerk = staff("decheng.clerk")
        self.chen_hui = staff("chen.hui")
        self.examiner = staff("examiner")
        self.zhao_min = staff("zhao.min")
        self.zhao_mins_colleague = staff("zhao.min.colleague")
        self.sun_li = staff("sun.li")
        self.sun_lis_colleague = staff("sun.li.colleague")
        self.arbiter = staff("arbiter")
        self.he_jun = staff("he.jun")
        self.releaser = staff("releaser")
        self.xu_ning = staff("xu.ning")
        self.admin = staff("admin")

    def act(
        self, workflow: str, reference: str, action: str, actor: Actor, day: date | None = None,
        **given: Any,
    ) -> Done:  # fmt: skip
        """Take a step on a day."""
        with on(day):
            return perform(workflow, reference, action, actor, given)

    # Application

    def draft(self, who: Human = LIU_WEI, *, by: Actor | None = None, **changes: Any) -> str:
        """Enter a draft."""
        with on(SIGN_UP):
            form = application_form(who, **changes)
            return create("application", by or self.wang_fang, form).reference

    def registered(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Register a worker."""
        reference = self.draft(who, **changes)
        self.act("application", reference, "register", self.wang_fang, SIGN_UP)
        return reference

    def hand_in_papers(self, reference: str) -> None:
        """Hand in every paper that the policy requires."""
        with read() as conn:
            required = policies.in_force(conn, SIGN_UP).policy.get("papers")
        for kind in required:
            papers.add("application", reference, kind, A_PDF, self.wang_fang)

    def complete(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Register a worker whose papers are all there."""
        reference = self.registered(who, **changes)
        self.hand_in_papers(reference)
        return reference

    def verified(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Verify a worker."""
        reference = self.complete(who, **changes)
        self.verify(reference)
        return reference

    def verify(self, reference: str) -> Done:
        """Verify an application whose papers are there."""
        return self.act("application", reference, "verify", self.wang_fang, VERIFIED)

    def admit(self, reference: str) -> Done:
        """Admit, or put on the waiting list."""
        return self.act("application", reference, "admit", self.chen_hui, ADMITTED)

    def admitted(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Admit a worker."""
        reference = self.verified(who, **changes)
        assert self.admit(reference).state == "admitted"
        return reference

    def withdraw(self, reference: str, day: date = ADMITTED) -> Done:
        """Withdraw an application."""
        step = ("application", reference, "withdraw", self.chen_hui, day)
        return self.act(*step, withdrawal="PERSONAL", note="")

    def reject(self, reference: str) -> Done:
        """Reject an application."""
        step = ("application", reference, "reject", self.chen_hui, ADMITTED)
        return self.act(*step, rejection="NOT_IN_CITY")

    # Study

    def enrolled(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Admit a worker and give the study that this opened."""
        application = self.admitted(who, **changes)
        return str(rows("study", application_id=row("application", application)["id"])[0]["reference"])

    def studying(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Confirm a school status."""
        study = self.enrolled(who, **changes)
        self.act("study", study, "confirm_status", self.chen_hui, CONFIRMED)
        return study

    def pass_courses(self, study: str) -> None:
        """Record a pass in every course of the plan."""
        with read() as conn:
            record = cases.by_reference(conn, vault(), "study", study)
            courses = plan(policies.of(conn, record.policy_version_id).policy, record.major)
        for course in courses:
            self.score(study, course["code"])

    def score(self, study: str, course: str, **changes: Any) -> Done:
        """Record one sitting, passed unless said otherwise."""
        given = {"course": course, "sat_on": SAT, "formative": "80", "final": "70"} | changes
        return self.act("study", study, "record_score", self.chen_hui, SAT, **given)

    def completed(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Complete a study."""
        study = self.studying(who, **changes)
        self.pass_courses(study)
        self.act("study", study, "complete", self.chen_hui, COMPLETED)
        return study

    def graduate(self, study: str) -> Done:
        """Record the diploma of a completed study."""
        given = {"diploma_number": diploma_number(study), "diploma_on": DIPLOMA}
        return self.act("study", study, "graduate", self.chen_hui, GRADUATED, **given)

    def graduated(self, who: Human = LIU_WEI, **changes: Any) -> str:
        """Graduate a student."""
        study = self.completed(who, **changes)
        self.graduate(study)
        return study

    # Certification

    def planned_exam(self, occupation: str, level: str, seats: int = 30) -> str:
        """Plan an exam session."""
        given = {
            "occupation": occupation, "level": level, "held_on": EXAM.isoformat(),
            "starts": "09:00", "site": "齐河县职业中专", "rooms": [{"room": "A101", "seats": seats}],
        }  # fmt: skip
        with on(CONFIRMED):
            return create("session", self.examiner, given).reference

    def exam(self, occupation: str, level: str, seats: int = 30) -> str:
        """Open an exam session."""
        session = self.planned_exam(occupation, level, seats)
        self.act("session", session, "open", self.examiner, CONFIRMED)
        return session

    def certification_of(self, study: str) -> str:
        """Give the certification planned beside a study."""
        found = rows("certification", study_id=row("study", study)["id"])
        return str(found[0]["reference"])

    def trained(self, study: str) -> str:
        """Let a student finish the training."""
        reference = self.certification_of(study)
        self.act("certification", reference, "start_training", self.wang_fang, CONFIRMED)
        given = {"hours": "60", "attendance_percent": "95"}
        self.act("certification", reference, "finish_training", self.wang_fang, EXAM, **given)
        return reference

    def seated(self, study: str, session: str | None = None) -> str:
        """Give a student a seat in an exam session."""
        reference = self.trained(study)
        taken = row("certification", reference)
        session = session or self.exam(taken["occupation"], taken["level"])
        step = ("certification", reference, "enter", self.wang_fang, EXAM)
        self.act(*step, session=session)
        self.act("certification", reference, "seat", self.examiner, EXAM)
        return reference

    def certified(self, study: str) -> str:
        """Let a student earn the second certificate."""
        reference = self.seated(study)
        self.act("certification", reference, "mark_sat", self.examiner, EXAM)
        step = ("certification", reference, "score", self.examiner, EXAM)
        self.act(*step, theory="75", practical="81")
        number = certificate_number(row("certification", reference)["level"], reference)
        step = ("certification", reference, "certify", self.examiner, CERTIFIED)
        self.act(*step, certificate_number=number, certified_on=CERTIFIED)
        return reference

    # Claim and payment

    def claim(self, study: str, by: Actor | None = None, **changes: Any) -> str:
        """Enter a claim for a graduated study."""
        name = self.name_of("study", study)
        given = {
            "study": study,
            "receipts": [receipt(serial(study), name)],
            "account_number": CARD,
            "account_holder": name,
        } | changes
        with on(CLAIMED):
            return create("claim", by or self.wang_fang, given).reference

    def name_of(self, workflow: str, reference: str) -> str:
        """Give the name of the person behind a record."""
        return str(rows("person", id=row(workflow, reference)["person_id"])[0]["name"])

    def submitted(self, study: str, **changes: Any) -> str:
        """Submit a claim."""
        reference = self.claim(study, **changes)
        self.submit(reference)
        return reference

    def submit(self, claim: str) -> Done:
        """Submit a claim that is entered or returned."""
        return self.act("claim", claim, "submit", self.wang_fang, CLAIMED)

    def check(self, claim: str, actor: Actor, given: Mapping[str, Any] | None = None) -> Done:
        """Give one body's check; a pass unless said otherwise."""
        return self.act("claim", claim, "check", actor, CHECKED, **(given or passed()))

    def approved(self, study: str, **changes: Any) -> str:
        """Let both bodies pass a claim."""
        claim = self.submitted(study, **changes)
        self.check(claim, self.zhao_min)
        assert self.check(claim, self.sun_li).state == "approved"
        return claim

    def batch(self, *claims: str) -> str:
        """Draw a payment batch."""
        with on(BATCHED):
            return create("payment", self.he_jun, {"claims": list(claims)}).reference

    def paid(self, study: str) -> str:
        """Pay a claim."""
        claim = self.approved(study)
        self.pay_out(self.batch(claim))
        return claim

    def export(self, batch: str, day: date = BATCHED) -> None:
        """Release a batch and export its bank file."""
        self.act("payment", batch, "release", self.releaser, day)
        with on(day):
            outbox.drain()
        self.act("payment", batch, "export", self.releaser, day)

    def pay_out(self, batch: str) -> None:
        """Release a batch, export its bank file and settle it."""
        self.export(batch)
        self.settle(batch)

    def settle(self, batch: str, day: date = SETTLED, bounced: Mapping[str, str] | None = None) -> None:
        """Give the bank's answer: every payment of a batch was paid but those named with a reason."""
        self.act("payment", batch, "settle", self.he_jun, day, results=bank_says(batch, bounced))
        with on(day):
            outbox.drain()
