"""G9's starting point: records in every state, two counties and four intakes, each reached by steps both sides took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import Application, Paper
from edu_pilot.models.base import new_id
from tests import app as installations
from tests.app import Place
from tests.factories import A_PDF, CARD, application_form, publish_places, receipt, serial
from tests.people import DECHENG, QIHE, worker
from tests.trust.model import SYSTEM, Step, Who, World
from tests.trust.model_school import PAPERS, plan
from tests.trust.walk import COUNTY_OF, Disagreement, Template, Walk, cast, numbers_of_people, open_accounts, opened

APPLICATION, PAPER = Application.__table__, Paper.__table__
# The day the walks begin: sign-up for 2509 is open, the graduates of 2209 claim, those of 2303 wait for their day.
TODAY = date(2025, 7, 7)
# R1.4, but for 2025: few, so that somebody waits.
PLACES = {"2022": 334, "2023": 333, "2024": 333, "2025": 6, "2026": 300, "2027": 300}
SIGN_UP = {
    "2209": date(2022, 7, 5), "2303": date(2023, 1, 10), "2409": date(2024, 7, 5), "2509": date(2025, 7, 1),
}  # fmt: skip
CONFIRMED = {"2209": date(2022, 9, 10), "2303": date(2023, 3, 10), "2409": date(2024, 9, 10)}
SAT, COMPLETED, GRADUATED = date(2024, 6, 20), date(2024, 12, 20), date(2025, 2, 10)
CLAIMED, CHECKED, BATCHED, SETTLED = date(2025, 3, 3), date(2025, 3, 10), date(2025, 3, 24), date(2025, 3, 31)
EXAM = date(2024, 5, 18)
PEOPLE = {who.account: who for who in cast()}


def who(account: str) -> Who:
    """Return one of the staff."""
    return PEOPLE[account]


def card(n: int) -> str:
    """Return the n-th sound card number."""
    body = f"6222021601{n:08d}"
    return next(body + str(d) for d in range(10) if _luhn(body + str(d)))


def _luhn(digits: str) -> bool:
    doubled = (int(d) * 2 if n % 2 else int(d) for n, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _id(conn: Connection, reference: str) -> str:
    return str(conn.execute(sa.select(APPLICATION.c.id).where(APPLICATION.c.reference == reference)).scalar_one())


@dataclass
class Builder:
    """Lets records come into every state."""

    walk: Walk
    people: int = 3
    first: str = ""

    def go(self, account: str, day: date, workflow: str, reference: str, action: str, **given: Any) -> str:
        """Take a step that must be taken; return the state."""
        actor = SYSTEM if account == "system" else who(account)
        answer = self.walk.take(Step(actor, day, workflow, reference, action, given))
        if answer.status != 200:
            raise Disagreement(f"{workflow} {reference} {action}: {answer.status} {answer.body}")
        return str(answer.body["state"])

    def person(self) -> int:
        """Return the next worker who is nobody's second account."""
        self.people += 1
        return self.people

    def clerk(self, county: str) -> str:
        """Return the clerk of a county."""
        return "wang.fang" if county == QIHE else "decheng.clerk"

    def draft(self, n: int, intake: str = "2509", county: str = QIHE) -> str:
        """Enter a draft."""
        place, point = COUNTY_OF[county]
        form = application_form(worker(n), intake=intake, county=place, point=point)
        return self.walk.create(who(self.clerk(county)), "application", form, SIGN_UP[intake])

    def registered(self, n: int, intake: str = "2509", county: str = QIHE, *, papers: bool = True) -> str:
        """Register somebody whose papers are there."""
        reference = self.draft(n, intake, county)
        self.go(self.clerk(county), SIGN_UP[intake], "application", reference, "register")
        if papers:
            self.papers(reference, county)
        return reference

    def papers(self, reference: str, county: str) -> None:
        """Hand in all papers: the first application's over the API, for every other one the same rows."""
        if not self.first:
            self.first = reference
            for kind in sorted(PAPERS):
                self.paper("application", reference, kind, county)
            return
        with self.walk.hands.app.app_context(), write() as conn:
            known = conn.execute(sa.select(PAPER).where(PAPER.c.record_id == _id(conn, self.first))).mappings().all()
            again = {"record_id": _id(conn, reference)}
            conn.execute(PAPER.insert(), [{**one, **again, "id": new_id()} for one in known])
        self.walk.world.cases[reference].papers |= PAPERS

    def paper(self, workflow: str, reference: str, kind: str, county: str = QIHE) -> None:
        """Hand in a paper."""
        answer = self.walk.hands.hand_in(who(self.clerk(county)), workflow, reference, kind, A_PDF)
        assert answer.status == 201, answer
        self.walk.world.cases[reference].papers.add(kind)

    def verified(self, n: int, intake: str = "2509", county: str = QIHE) -> str:
        """Verify somebody."""
        reference = self.registered(n, intake, county)
        self.go(self.clerk(county), SIGN_UP[intake], "application", reference, "verify")
        return reference

    def enrolled(self, n: int, intake: str = "2509", county: str = QIHE) -> str:
        """Admit somebody and return the study."""
        reference = self.verified(n, intake, county)
        state = self.go("chen.hui", SIGN_UP[intake], "application", reference, "admit")
        assert state == "admitted", state
        return str(self.walk.world.cases[reference].study)

    def studying(self, n: int, intake: str, county: str = QIHE) -> str:
        """Confirm a status."""
        study = self.enrolled(n, intake, county)
        self.go("chen.hui", CONFIRMED[intake], "study", study, "confirm_status")
        return study

    def graduates(self, studies: Sequence[str], day: date) -> None:
        """Let scores and, for those of 2209, diplomas be imported; both sides judge every line."""
        self.import_scores(studies)
        for study in studies:
            self.go("chen.hui", day, "study", study, "complete")

    def import_scores(self, studies: Sequence[str]) -> None:
        """Import a pass in every course of everybody's plan as one list."""
        world, lines = self.walk.world, ["学号,姓名,课程代码,课程名称,形考成绩,终考成绩,考试日期"]
        for study in studies:
            case = world.cases[study]
            for course in plan(case.major):
                given = {"course": course["code"], "sat_on": SAT.isoformat(), "formative": "80", "final": "70"}
                assert world.predict(Step(who("chen.hui"), SAT, "study", study, "record_score", given)).status == 200
                lines.append(f"{case.student_number},{world.names[case.person]},{course['code']},,80,70,{SAT}")
        self._import("scores", SAT, lines)

    def import_diplomas(self, studies: Sequence[str], day: date) -> None:
        """Import everybody's diploma as one list."""
        world, lines = self.walk.world, ["学号,姓名,毕业证书编号,毕业日期"]
        for study in studies:
            case = world.cases[study]
            given = {"diploma_number": f"511615202506{serial(study)}", "diploma_on": "2025-01-31"}
            assert world.predict(Step(who("chen.hui"), day, "study", study, "graduate", given)).status == 200
            lines.append(f"{case.student_number},{world.names[case.person]},{given['diploma_number']},2025-01-31")
        self._import("diplomas", day, lines)

    def _import(self, kind: str, day: date, lines: Sequence[str]) -> None:
        answer = self.walk.hands.send(who("chen.hui"), day, kind, f"{kind}.csv", "\n".join(lines).encode())
        if answer.status != 200 or answer.body["accepted"] != len(lines) - 1:
            raise Disagreement(f"{kind}: {answer.status} {answer.body}")

    # Exams

    def session(self, day: date, starts: str = "09:00", seats: int = 30, *, state: str = "open") -> str:
        """Plan an exam session, and open it."""
        given = {
            "occupation": "ecommerce_specialist", "level": "4", "held_on": day.isoformat(), "starts": starts,
            "site": "齐河县职业中专", "rooms": [{"room": "A101", "seats": seats}],
        }  # fmt: skip
        planned_on = min(day, TODAY)
        reference = self.walk.create(who("examiner"), "session", given, planned_on)
        if state == "open":
            self.go("examiner", planned_on, "session", reference, "open")
        return reference

    def certification(self, study: str) -> str:
        """Return the certification beside a study."""
        found = [one for one in self.walk.world.of("certification") if one.study == study]
        return str(found[0].reference)

    def exam_step(self, reference: str, action: str, day: date, account: str = "examiner", **given: Any) -> None:
        """Take a step of a certification."""
        self.go(account, day, "certification", reference, action, **given)

    def trained(self, study: str, day: date = EXAM) -> str:
        """Let somebody finish the training."""
        reference = self.certification(study)
        clerk = self.clerk(str(self.walk.world.cases[study].county))
        self.exam_step(reference, "start_training", day, clerk)
        self.exam_step(reference, "finish_training", day, clerk, hours="60", attendance_percent="95")
        return reference

    def entered(self, study: str, session: str, day: date = EXAM) -> str:
        """Enter somebody for a session."""
        reference = self.trained(study, day)
        self.exam_step(reference, "enter", day, session=session)
        return reference

    def seated(self, study: str, session: str, day: date = EXAM) -> str:
        """Seat somebody."""
        reference = self.entered(study, session, day)
        self.exam_step(reference, "seat", day)
        return reference

    def marked(self, reference: str, day: date, theory: str, practical: str) -> str:
        """Let a seated candidate sit, and give marks."""
        self.exam_step(reference, "mark_sat", day)
        self.exam_step(reference, "score", day, theory=theory, practical=practical)
        return reference

    # Claims

    def claim(self, study: str, day: date = CLAIMED) -> str:
        """Enter a claim."""
        case = self.walk.world.cases[study]
        name = self.walk.world.names[case.person]
        given = {
            "study": study, "receipts": [receipt(serial(study), name)], "account_number": CARD, "account_holder": name,
        }  # fmt: skip
        return self.walk.create(who(self.clerk(case.union_county)), "claim", given, day)

    def submitted(self, study: str, day: date = CLAIMED) -> str:
        """Submit a claim."""
        reference = self.claim(study, day)
        self.go(self.clerk(str(self.walk.world.cases[reference].county)), day, "claim", reference, "submit")
        return reference

    def checked(self, reference: str, account: str, outcome: str = "pass", day: date = CHECKED, **more: Any) -> str:
        """Give a body's check."""
        state = self.walk.world.cases[reference].state
        action = "recheck" if state == "not_agreed" else "check"
        return self.go(
            account, day, "claim", reference, action, **checked_as(self.walk.world, reference, outcome), **more
        )

    def approved(self, study: str, day: date = CHECKED) -> str:
        """Let both bodies pass a claim."""
        reference = self.submitted(study, min(day, CLAIMED))
        union = "zhao.min" if self.walk.world.cases[reference].county == QIHE else "union.decheng"
        self.checked(reference, union, day=day)
        assert self.checked(reference, "sun.li", day=day) == "approved"
        return reference

    def batch(self, *claims: str, day: date = BATCHED) -> str:
        """Draw a batch."""
        return self.walk.create(who("he.jun"), "payment", {"claims": list(claims)}, day)

    def exported(self, *claims: str) -> str:
        """Release and export a batch."""
        reference = self.batch(*claims)
        self.go("releaser", BATCHED, "payment", reference, "release")
        self.go("releaser", BATCHED, "payment", reference, "export")
        return reference


def checked_as(world: World, reference: str, outcome: str, reasons: Sequence[str] = ()) -> dict[str, Any]:
    """Return a check's input."""
    number = world.ids[world.cases[reference].person]
    reading = {"amount_fen": 479_000, "id_tail": number[-4:], "diploma_on": "2025-01-31"}
    given: dict[str, Any] = {"outcome": outcome, "reading": reading}
    reasons = reasons or {"refuse": ["NOT_MEMBER"], "correct": ["ACCOUNT_WRONG"]}.get(outcome, [])
    return given | ({"reasons": list(reasons)} if reasons else {})


def make(source: Place, to: Path) -> Template:
    """Populate a copy of an installation."""
    place = installations.copy_sqlite(source, to)
    world = World(places=dict(PLACES), ids=numbers_of_people())
    with installations.opened(place) as app, app.app_context(), clock.on(date(2022, 1, 3)):
        publish_places(PLACES["2025"], "2025", date(2022, 1, 3))
        tokens, keys = open_accounts(app)
    with opened(place, tokens, keys) as hands:
        builder = Builder(Walk(hands, world, TODAY))
        _applications(builder)
        _studies(builder)
        builder.walk.compare()
    return Template(place, world, tokens, keys, TODAY)


def _applications(b: Builder) -> None:
    """Bring applications into every state; the year has places for all but the last."""
    day = date(2025, 7, 2)
    b.registered(0)
    for county in (QIHE, DECHENG):
        b.draft(b.person(), county=county)
        b.registered(b.person(), county=county)
        b.verified(b.person(), county=county)
        b.enrolled(b.person(), county=county)
    b.registered(b.person(), papers=False)
    b.go("wang.fang", day, "application", b.registered(b.person()), "return_for_correction", faults=["ILLEGIBLE"])
    held = b.verified(b.person())
    b.go("chen.second", day, "application", held, "return_for_correction", faults=["PAPER_MISSING"])
    b.go("chen.hui", day, "application", b.registered(b.person()), "reject", rejection="NOT_IN_CITY")
    b.go("wang.fang", day, "application", b.registered(b.person()), "withdraw", withdrawal="PERSONAL")
    b.enrolled(b.person())
    for _n in range(2):
        last = b.verified(b.person())
        assert b.go("chen.hui", day, "application", last, "admit") == "waitlisted"


def _studies(b: Builder) -> None:
    day = date(2025, 6, 2)
    b.studying(1, "2409")
    b.studying(b.person(), "2409", DECHENG)
    b.go("chen.hui", day, "study", b.studying(b.person(), "2409"), "suspend", suspension="WORK")
    b.go("chen.hui", day, "study", b.studying(b.person(), "2409"), "withdraw", withdrawal="PERSONAL")
    b.go("chen.hui", day, "study", b.studying(b.person(), "2409"), "cancel", cancellation="DISCIPLINE")
    b.go("system", date(2030, 9, 10), "study", b.studying(b.person(), "2209"), "expire")
    done = [b.studying(2, "2209")] + [b.studying(b.person(), "2209") for _n in range(21)]
    done += [b.studying(b.person(), "2209", DECHENG) for _n in range(3)]
    waiting = [b.studying(b.person(), "2209"), b.studying(b.person(), "2303")]
    b.graduates([*done, *waiting], COMPLETED)
    b.import_diplomas(done, GRADUATED)
    b.go("chen.hui", day, "study", done[-1], "revoke_diploma", revocation="ACADEMIC_FRAUD")
    _exams(b, done)
    _claims(b, done[:-1])


def _exams(b: Builder, studies: list[str]) -> None:
    """Bring certifications and sessions into every state."""
    told = b.session(EXAM)
    people = [b.seated(study, told) for study in studies[:5]]
    b.go("examiner", EXAM, "session", told, "seat_all")
    b.go("examiner", EXAM, "session", told, "hold")
    passed = [b.marked(one, EXAM, "75", "81") for one in people[:2]]
    b.marked(people[2], EXAM, "75", "40")
    b.exam_step(b.marked(people[3], EXAM, "90", "90"), "void", EXAM, voiding="CHEATING")
    b.exam_step(people[4], "mark_absent", EXAM)
    number = f"S000037000000244{serial(passed[0])}"
    b.exam_step(passed[0], "certify", date(2024, 6, 28), certificate_number=number, certified_on="2024-06-28")
    b.go("examiner", EXAM, "session", told, "score_all")
    b.go("examiner", date(2025, 7, 3), "session", told, "publish")
    day = date(2025, 6, 20)
    scored = b.session(day, "14:00")
    ready = [b.seated(study, scored, day) for study in studies[5:8]]
    held = b.session(day)
    sat = b.seated(studies[8], held, day)
    for session in (scored, held):
        b.go("examiner", day, "session", session, "seat_all")
        b.go("examiner", day, "session", session, "hold")
    b.exam_step(sat, "mark_sat", day)
    b.marked(ready[0], day, "61", "60")
    b.marked(ready[1], day, "59", "60")
    b.marked(ready[2], day, "20", "90")
    b.go("examiner", day, "session", scored, "score_all")
    _coming(b, studies[9:])


def _coming(b: Builder, studies: list[str]) -> None:
    coming = b.session(date(2025, 7, 20))
    b.seated(studies[0], coming, TODAY)
    b.entered(studies[1], b.session(date(2025, 8, 15), "14:00", seats=1), TODAY)
    b.seated(studies[2], coming, TODAY)
    b.go("examiner", TODAY, "session", coming, "seat_all")
    b.session(date(2025, 8, 15), "15:00")
    b.session(date(2025, 9, 1), state="planned")
    given = {"cancellation": "SITE_NOT_AVAILABLE"}
    b.go("examiner", TODAY, "session", b.session(date(2025, 8, 20)), "cancel", **given)
    b.trained(studies[3], TODAY)
    b.exam_step(b.certification(studies[4]), "start_training", TODAY)
    b.exam_step(b.certification(studies[5]), "withdraw", TODAY)


def _claims(b: Builder, studies: list[str]) -> None:
    """Bring claims and batches into every state; the first two studies and the last are left without a claim."""
    late = date(2025, 7, 4)
    left = iter(studies[:1] + studies[3:])
    b.submitted(next(left))
    b.claim(next(left))
    b.checked(b.submitted(next(left)), "zhao.min")
    for first, second in (("correct", "pass"), ("pass", "refuse"), ("refuse", "refuse")):
        claim = b.submitted(next(left))
        b.checked(claim, "zhao.min", first, late)
        b.checked(claim, "sun.li", second, late)
    b.approved(next(left), late)
    b.approved(next(left))
    objected = b.approved(next(left), late)
    b.go("wang.fang", late, "claim", objected, "object", objection="不是本单位职工")
    b.go("wang.fang", late, "claim", b.submitted(next(left)), "withdraw")
    b.batch(b.approved(next(left)))
    cancelled = b.batch(b.approved(next(left)))
    b.go("he.jun", BATCHED, "payment", cancelled, "cancel", cancellation="ENTERED_BY_MISTAKE")
    released = b.batch(b.approved(next(left)))
    b.go("releaser", BATCHED, "payment", released, "release")
    b.exported(b.approved(next(left)))
    ended = [b.approved(next(left)) for _n in range(4)]
    batch = b.exported(*ended)
    lines = b.walk.world.cases[batch].lines
    results: list[dict[str, str]] = [{"number": number, "result": "paid"} for number in lines]
    results[-1] |= {"result": "bounced", "reason": "ACCOUNT_CLOSED"}
    b.go("he.jun", SETTLED, "payment", batch, "settle", results=results)
    for claim, back in zip(ended[1:3], (1_000, 479_000), strict=True):
        b.go("arbiter", SETTLED, "claim", claim, "recover", recovery="RECEIPT_REVERSED")
        b.go("he.jun", SETTLED, "claim", claim, "confirm_recovered", recovered_fen=back)
    b.submitted(studies[-2])
    b.approved(studies[-1], late)
