"""The fictional pilot: a small one, loaded once and then once more from a copy of the same installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import read
from edu_pilot.models import Account, Certification, Claim, Document, Payment, Person, Receipt
from edu_pilot.rules.identity import card_fault, id_faults
from edu_pilot.sample import printing
from edu_pilot.sample.accounts import posts
from edu_pilot.sample.load import load
from edu_pilot.sample.people import Population
from edu_pilot.sample.summary import Summary
from edu_pilot.services import audit, cases, instance, outbox, policies, rendering
from edu_pilot.services.vault import vault
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Refused
from tests.app import Place, copy_sqlite, opened
from tests.people import entered

TODAY = date(2026, 11, 23)
PEOPLE, SEED = 7, 7
FOUR = {"registration_form", "admission_notice", "completion_certificate", "claim_form"}
DOCUMENT, CLAIM, PERSON = Document.__table__, Claim.__table__, Person.__table__

pytestmark = pytest.mark.xdist_group("sample")


@dataclass(frozen=True)
class Loaded:
    """An installation with the sample in it."""

    app: Flask
    summary: Summary


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give an installation as `init` leaves it, for copying only."""
    place = Place(tmp_path_factory.mktemp("fresh") / "instance")
    with opened(place) as app, app.app_context():
        instance.init()
    return place


@pytest.fixture(scope="module")
def sample(fresh: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """Give the sample on 23 November 2026, its context open."""
    place = copy_sqlite(fresh, tmp_path_factory.mktemp("sample") / "instance")
    with opened(place) as app, app.app_context(), clock.on(TODAY):
        yield Loaded(app, load(PEOPLE, SEED))


@pytest.fixture
def policy(sample: Loaded) -> Policy:
    with read() as conn:
        return policies.in_force(conn, TODAY).policy


def fingerprint() -> dict[str, object]:
    """Give every number, name and hash that the same seed must give again."""
    with read() as conn:
        names = conn.execute(sa.select(PERSON.c.name, PERSON.c.id_index, PERSON.c.birth_on))
        numbers = conn.execute(sa.select(Receipt.__table__.c.number)).scalars()
        papers = conn.execute(sa.select(DOCUMENT.c.number, DOCUMENT.c.code, DOCUMENT.c.sha256))
        states = {w: states_of(w) for w in cases.workflows()}
        return {
            "people": sorted(map(tuple, names)),
            "receipts": sorted(numbers),
            "papers": sorted(map(tuple, papers)),
            "states": states,
        }


def states_of(workflow: str) -> list[tuple[str, str]]:
    columns = cases.table(workflow).c
    with read() as conn:
        return sorted(map(tuple, conn.execute(sa.select(columns.reference, columns.state))))


def test_people_stand_in_many_states(sample: Loaded) -> None:
    reached = {(workflow, state) for workflow, state, _ in sample.summary.rows()}
    assert {("application", "admitted"), ("study", "studying"), ("study", "graduated")} <= reached
    assert {("claim", "paid"), ("claim", "refused"), ("payment", "settled")} <= reached
    assert sum(n for w, _, n in sample.summary.rows() if w == "application") == PEOPLE


def test_trail_of_the_whole_pilot_holds(sample: Loaded) -> None:
    with read() as conn:
        assert audit.verify(conn).ok
        assert outbox.refused(conn) == []


def test_every_id_number_is_sound_and_belongs_to_nobody(sample: Loaded) -> None:
    with read() as conn:
        rows = conn.execute(sa.select(PERSON.c.id, PERSON.c.id_number)).all()
    numbers = [vault().open("person.id_number", row, sealed) for row, sealed in rows]
    assert len(numbers) >= PEOPLE - 1
    assert all(not id_faults(n, TODAY) and 996 <= int(n[14:17]) <= 999 for n in numbers)


def test_people_of_a_population_are_sound_and_differ_by_seed(policy: Policy) -> None:
    crowd = [Population(policy, seed) for seed in (1, 2)]
    drawn = [[p.worker("2209", "371425") for _ in range(200)] for p in crowd]
    everyone = [worker for workers in drawn for worker in workers]
    assert len({w.id_number for w in drawn[0]}) == 200
    assert {w.id_number for w in drawn[0]} != {w.id_number for w in drawn[1]}
    assert all(w.id_number.startswith("371425") and not card_fault(w.card) for w in everyone)
    assert any("·" in w.name for w in everyone) and any(ord(w.name[-1]) > 0xFFFF for w in everyone)


def test_receipt_numbers_are_never_equal(policy: Policy) -> None:
    crowd = [Population(policy, seed) for seed in (1, 2)]
    numbers = [p.receipt_number(TODAY) for p in crowd for _ in range(100)]
    assert len(set(numbers)) == 200 and {len(n) for n in numbers} == {20}


def test_four_documents_for_everybody_who_is_paid(sample: Loaded) -> None:
    with read() as conn:
        paid = conn.execute(sa.select(CLAIM.c.person_id).where(CLAIM.c.state == "paid")).scalars().all()
        query = sa.select(DOCUMENT.c.person_id, DOCUMENT.c.kind).where(DOCUMENT.c.person_id.in_(paid))
        kinds = conn.execute(query).all()
    assert len(paid) >= 2
    assert all({kind for person, kind in kinds if person == one} >= FOUR for one in paid)


def test_a_batch_comes_to_the_sum_of_its_claims(sample: Loaded) -> None:
    with read() as conn:
        query = sa.select(sa.func.sum(CLAIM.c.payable_fen)).where(CLAIM.c.state == "paid")
        paid = conn.execute(query).scalar_one()
        payments = Payment.__table__.c
        settled = sa.select(sa.func.sum(payments.total_fen)).where(payments.state == "settled")
        assert conn.execute(settled).scalar_one() == paid > 0


def test_most_certificates_are_verified_and_the_newest_are_pending(sample: Loaded) -> None:
    table = Certification.__table__
    with read() as conn:
        days = conn.execute(
            sa.select(table.c.certified_on, table.c.verified_on).where(table.c.state == "certified")
        ).all()
    verified = [day.certified_on for day in days if day.verified_on]
    assert verified and all(day.verified_on > day.certified_on for day in days if day.verified_on)
    assert len(verified) > len(days) // 2


def test_every_account_of_the_sample_signs_in(sample: Loaded, policy: Policy) -> None:
    wanted = list(posts(policy))
    assert len(wanted) == 2 * 11 + 8
    for post in wanted:
        actor = entered(post.account, "demo" + post.account)
        assert actor and actor.roles == {post.role} and actor.county == post.county
    with read() as conn:
        keys = conn.execute(sa.select(Account.__table__.c.person_key, Account.__table__.c.demo)).all()
    assert len({key for key, _ in keys}) == len(wanted) and all(demo for _, demo in keys)


def test_summary_tells_what_was_not_reached_and_why(sample: Loaded) -> None:
    told = json.loads(json.dumps(sample.summary.as_dict()))
    reached = {(w, s) for w, states in told["states"].items() for s in states}
    missed = {(m["workflow"], m["state"]) for m in told["not_reached"]}
    assert not reached & missed
    assert ("application", "waitlisted") in missed
    assert {p["part"] for p in told["parts"]} >= {"roster/registration", "study", "claims", "documents"}


def test_before_the_first_diploma_claims_wait_for_their_date(
    fresh: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = copy_sqlite(fresh, tmp_path_factory.mktemp("early") / "instance")
    with opened(place) as app, app.app_context(), clock.on(date(2022, 6, 10)):
        told = load(3, SEED).as_dict()
    codes = {(m["workflow"], m["state"]): m["text"] for m in told["not_reached"]}
    assert "no_story" not in {m["code"] for m in told["not_reached"]}
    assert codes["claim", "paid"].startswith("not before 2025-")


def test_same_seed_gives_the_same_numbers_and_the_same_bytes(
    sample: Loaded, fresh: Place, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time the documents are made by several processes, which must change nothing."""
    first = fingerprint()
    monkeypatch.setattr(printing, "WORTH_SHARING", 2)
    monkeypatch.setattr(printing.os, "cpu_count", lambda: 2)
    place = copy_sqlite(fresh, tmp_path_factory.mktemp("again") / "instance")
    with opened(place) as app, app.app_context(), clock.on(TODAY):
        again = load(PEOPLE, SEED)
        assert fingerprint() == first
    assert again.counts == sample.summary.counts
    if not rendering.missing_pieces():
        assert again.rendered == again.documents > 0


def test_installation_with_records_takes_no_sample(sample: Loaded) -> None:
    before = fingerprint()
    with pytest.raises(Refused) as refused:
        load(PEOPLE, SEED)
    assert [r.code for r in refused.value.reasons] == ["not_fresh"]
    assert fingerprint() == before


def test_production_takes_no_sample(sample: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = sample.app.config["SETTINGS"]
    monkeypatch.setitem(sample.app.config, "SETTINGS", type(settings)(**{**vars(settings), "env": "production"}))
    with pytest.raises(Refused) as refused:
        load(PEOPLE, SEED)
    assert [r.code for r in refused.value.reasons] == ["sample_in_production"]
