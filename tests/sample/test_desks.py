"""The pilot of 40 people that somebody looks around in: every desk of the city has something to decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import read
from edu_pilot.models import Certification, Claim, Payment, Session
from edu_pilot.rules.certification import objections_until
from edu_pilot.sample import printing
from edu_pilot.sample.load import load
from edu_pilot.services import accounts, instance, perform
from edu_pilot.services.sittings import objections
from edu_pilot.services.worklists import Sought
from tests.app import Place, at_work, opened
from tests.rules.shipped import POLICY

TODAY, PEOPLE, SEED = date(2026, 12, 5), 40, 1
# What waits for somebody who looks around: the conflict desk, the maker, the releaser, the bank, the clerk.
WAITING = {
    (Claim, "not_agreed"), (Claim, "returned"), (Claim, "bounced"), (Claim, "submitted"), (Claim, "approved"),
    (Payment, "drawn"), (Payment, "released"), (Payment, "exported"),
}  # fmt: skip

pytestmark = pytest.mark.xdist_group("sample")


@pytest.fixture(scope="module", autouse=True)
def forty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Load them, documents not rendered, and stay at work on their day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "render_all", lambda told: 0)
        with opened(Place(tmp_path_factory.mktemp("forty") / "instance")) as app, at_work(app, TODAY):
            instance.init()
            load(PEOPLE, SEED)
            yield


def test_every_desk_of_claims_and_payments_has_work() -> None:
    with read() as conn:
        reached = {
            (model, state)
            for model in (Claim, Payment)
            for state in conn.execute(sa.select(model.__table__.c.state)).scalars()
        }
    assert WAITING - reached == set()


def test_an_objection_to_marks_waits_for_the_examiner_within_its_days() -> None:
    examiner = accounts.named("examiner")
    with read() as conn:
        listed = objections(conn, examiner, Sought(), closed=False)
        columns, sessions = Certification.__table__.c, Session.__table__.c
        query = sa.select(columns.reference, sessions.published_on).join(Session, sessions.id == columns.session_id)
        waiting = columns.objection_on.is_not(None), columns.objection_closed_on.is_(None)
        found = conn.execute(query.where(*waiting)).all()
    assert listed.total == len(found) >= 1
    assert all(objections_until(POLICY, published) >= TODAY for _, published in found)
    marks = {"theory": "62", "practical": "80"}
    assert perform.perform("certification", found[0].reference, "readd", examiner, marks).state == "passed"
