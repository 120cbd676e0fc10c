"""The hands of everybody in the sample: each step goes through `perform` as the right actor, and is timed."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from edu_pilot.extensions import read
from edu_pilot.models import Application, Certification, Claim, Payment, PaymentItem, Study
from edu_pilot.rules.calendar import registration_day
from edu_pilot.sample.accounts import short_name
from edu_pilot.sample.calendar import Calendar, office_day
from edu_pilot.sample.papers import receipts, specimen
from edu_pilot.sample.people import Population, Worker
from edu_pilot.services import cases, papers
from edu_pilot.services.actors import student
from edu_pilot.services.perform import Done, create, perform, perform_many
from edu_pilot.services.vault import vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor

APPLICATION, STUDY = Application.__table__, Study.__table__
CERTIFICATION, CLAIM = Certification.__table__, Claim.__table__
PAYMENT, ITEM = Payment.__table__, PaymentItem.__table__
# The part of the work each workflow belongs to, as the summary tells it.
PARTS = {
    "application": "roster/registration",
    "study": "study",
    "certification": "certification",
    "session": "certification",
    "claim": "claims",
    "payment": "payment",
}


@dataclass
class Hands:
    """Everybody who acts, what they need to know, and the seconds each part of the work took."""

    policy: Policy
    population: Population
    staff: Mapping[str, Actor]
    calendar: Calendar
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    serials: Counter[str] = field(default_factory=Counter)
    # Claims that a later batch than the month's takes, and how far that batch comes.
    kept_back: dict[str, str] = field(default_factory=dict)
    # Claims whose payment the bank sends back once.
    sent_back: set[str] = field(default_factory=set)

    @property
    def last(self) -> date:
        """The business date on which the sample ends."""
        return self.calendar.last

    def office(self, day: date) -> date:
        """Return the last working day up to the given one."""
        return office_day(self.policy, day)

    def of_county(self, prefix: str, county: str) -> Actor:
        """Return the clerk or union reviewer of a county."""
        row = self.policy.row("counties", county)
        assert row is not None
        return self.staff[f"{prefix}.{short_name(row)}"]

    def worker(self, id_number: str) -> Actor:
        """Return the worker herself, as she acts after looking up her own case."""
        return student(vault().index("id_number", id_number))

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the block's seconds to a part of the work."""
        start = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - start

    def new(self, workflow: str, who: Actor, **given: Any) -> Done:
        """Create a record as somebody."""
        with self.timed(PARTS[workflow]):
            return create(workflow, who, given)

    def act(self, who: Actor, workflow: str, reference: str, action: str, **given: Any) -> Done:
        """Take one step on one record as somebody."""
        with self.timed(PARTS[workflow]):
            return perform(workflow, reference, action, who, given)

    def act_on_all(self, who: Actor, workflow: str, ids: Sequence[str], action: str) -> None:
        """Take the same step on many records at once."""
        with self.timed(PARTS[workflow]):
            for _ in perform_many(workflow, ids, action, who):
                pass

    def hand_in(self, who: Actor, application: str, worker: Worker, *kinds: str) -> None:
        """Upload the worker's paper of each kind for the application."""
        form, day = worker.form(self.policy), registration_day(worker.intake)
        with self.timed(PARTS["application"]):
            for kind in kinds:
                papers.add("application", application, kind, specimen(kind, form, day), who)

    def hand_in_receipts(self, who: Actor, claim: str, given: Sequence[Mapping[str, Any]]) -> None:
        """Upload the picture of a claim's receipts."""
        with self.timed(PARTS["claim"]):
            papers.add("claim", claim, "receipt", receipts(claim, given), who)

    def serial(self, series: str) -> int:
        """Count up a list of an outside body: diplomas, certificates."""
        self.serials[series] += 1
        return self.serials[series]

    def row(self, workflow: str, reference: str) -> Mapping[str, Any]:
        """Return a record's columns."""
        records = cases.table(workflow)
        with read() as conn:
            query = sa.select(records).where(records.c.reference == reference)
            return dict(conn.execute(query).mappings().one())

    def state(self, workflow: str, reference: str) -> str:
        """Return a record's state."""
        return str(self.row(workflow, reference)["state"])

    def opened_by(self, application: str) -> tuple[str, Mapping[str, Any]]:
        """Return the reference of the study and the row of the certification that admission opened."""
        with read() as conn:
            studies = sa.select(STUDY.c.id, STUDY.c.reference).join(APPLICATION)
            study = conn.execute(studies.where(APPLICATION.c.reference == application)).one()
            query = sa.select(CERTIFICATION).where(CERTIFICATION.c.study_id == study.id)
            return study.reference, dict(conn.execute(query).mappings().one())

    def payable(self, today: date) -> list[str]:
        """Return the claims whose notice is over, that stand in no batch and that wait for no other account."""
        held = sa.select(ITEM.c.claim_id).where(ITEM.c.live)
        mended = sa.and_(CLAIM.c.state == "bounced", CLAIM.c.account_confirmed_at.is_not(None))
        query = sa.select(CLAIM.c.reference).where(
            sa.or_(CLAIM.c.state == "approved", mended), CLAIM.c.notice_until < today, CLAIM.c.id.not_in(held)
        )
        with read() as conn:
            return list(conn.execute(query.order_by(CLAIM.c.reference)).scalars())

    def certificates(self, until: date) -> list[str]:
        """Return the numbers of the certificates issued up to a day."""
        query = sa.select(CERTIFICATION.c.certificate_number).where(CERTIFICATION.c.certified_on <= until)
        with read() as conn:
            return list(conn.execute(query.order_by(CERTIFICATION.c.certificate_number)).scalars())

    def items(self, batch: str) -> list[tuple[str, str]]:
        """Return number and claim of every payment of a batch."""
        query = sa.select(ITEM.c.number, CLAIM.c.reference).join(CLAIM, CLAIM.c.id == ITEM.c.claim_id)
        with read() as conn:
            rows = conn.execute(query.join(PAYMENT).where(PAYMENT.c.reference == batch).order_by(ITEM.c.number))
            return [(number, claim) for number, claim in rows]
