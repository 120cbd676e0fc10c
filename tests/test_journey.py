"""The whole story of one worker, from the roster line to the paid claim: read this first."""

from __future__ import annotations

import sqlalchemy as sa

from edu_pilot.extensions import read
from edu_pilot.models import AuditEntry
from edu_pilot.services import audit, outbox
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.perform import create, perform
from tests.factories import (
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
    SETTLED,
    SIGN_UP,
    VERIFIED,
    Pilot,
    application_form,
    bank_says,
    certificate_number,
    diploma_number,
    on,
    passed,
    receipt,
    row,
    rows,
    state,
)

ENTRY = AuditEntry.__table__


def test_liu_wei_goes_from_the_roster_to_the_paid_claim(any_pilot: Pilot) -> None:
    """§1 to §5: the teaching point, the university, both certificates, both bodies, the money."""
    people = any_pilot

    # A line of the clerk's roster is entered and registered by the operator.
    with on(SIGN_UP):
        application = create("application", OPERATOR, application_form()).reference
        perform("application", application, "register", OPERATOR)

    # Wang Fang of the teaching point has seen every paper; Chen Hui admits.
    people.hand_in_papers(application)
    with on(VERIFIED):
        perform("application", application, "verify", people.wang_fang)
    with on(ADMITTED):
        assert perform("application", application, "admit", people.chen_hui).state == "admitted"
    study = rows("study", application_id=row("application", application)["id"])[0]["reference"]
    certification = people.certification_of(study)

    # In September the school status begins, and beside it the training for the skill certificate.
    with on(CONFIRMED):
        perform("study", study, "confirm_status", people.chen_hui)
        perform("certification", certification, "start_training", people.wang_fang)
    assert row("study", study)["student_number"] == "2237006450001"

    with on(EXAM):
        training = {"hours": "60", "attendance_percent": "95"}
        perform("certification", certification, "finish_training", people.wang_fang, training)
    session = people.exam("ecommerce_specialist", "4")
    with on(EXAM):
        perform("certification", certification, "enter", people.wang_fang, {"session": session})
        perform("certification", certification, "seat", people.examiner)
        perform("certification", certification, "mark_sat", people.examiner)
        marks = {"theory": "75", "practical": "81"}
        assert perform("certification", certification, "score", people.examiner, marks).state == "passed"
    with on(CERTIFIED):
        number = certificate_number("4", certification)
        given = {"certificate_number": number, "certified_on": CERTIFIED.isoformat()}
        perform("certification", certification, "certify", people.examiner, given)

    # All courses passed, the diploma has come, and with both certificates the double one is issued.
    people.pass_courses(study)
    with on(COMPLETED):
        perform("study", study, "complete", people.chen_hui)
    with on(GRADUATED):
        diploma = {"diploma_number": diploma_number(study), "diploma_on": DIPLOMA.isoformat()}
        perform("study", study, "graduate", people.chen_hui, diploma)
        perform("study", study, "issue_double_certificate", people.chen_hui)
    assert not rows("live_case")

    # He claims his tuition back; union and university check, each for itself.
    with on(CLAIMED):
        given = {
            "study": study,
            "receipts": [receipt("1", amount_fen=500_000)],
            "account_number": CARD,
            "account_holder": "刘伟",
            "explanation": "含第九学期重修学分费",
        }
        claim = create("claim", people.wang_fang, given).reference
        perform("claim", claim, "submit", people.wang_fang)
    with on(CHECKED):
        assert perform("claim", claim, "check", people.zhao_min, passed()).state == "submitted"
        assert perform("claim", claim, "check", people.sun_li, passed()).state == "approved"
    assert row("claim", claim)["payable_fen"] == 479_000

    # After the public notice He Jun draws the batch, another person releases it, the bank pays.
    with on(BATCHED):
        batch = create("payment", people.he_jun, {"claims": [claim]}).reference
        perform("payment", batch, "release", people.releaser)
        outbox.drain()
    assert state("claim", claim) == "in_payment"
    with on(SETTLED):
        perform("payment", batch, "export", people.releaser)
        perform("payment", batch, "settle", people.he_jun, {"results": bank_says(batch)})
        outbox.drain()
    assert state("claim", claim) == "paid"
    assert row("claim", claim)["paid_on"] == SETTLED

    # Every step is in the trail, and five papers are his; the sixth is the payment list of the batch.
    with read() as conn:
        verdict = audit.verify(conn)
        steps = conn.execute(sa.select(sa.func.count()).select_from(ENTRY)).scalar_one()
    assert (verdict.ok, verdict.records) == (True, 6)
    assert verdict.entries == steps
    assert sorted(d["kind"] for d in rows("document")) == [
        "admission_notice", "claim_form", "completion_certificate", "exam_ticket", "payment_list", "registration_form",
    ]  # fmt: skip
