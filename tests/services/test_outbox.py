"""What follows a commit follows exactly once; what is refused stays to be seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edu_pilot import clock
from edu_pilot.extensions import read, write
from edu_pilot.models import Outbox
from edu_pilot.services import documents, due, outbox, rendering
from edu_pilot.services.unit import LostRace
from edu_pilot.workflow.reasons import Forbidden
from tests.factories import (
    BATCHED,
    CHECKED,
    Pilot,
    on,
    rows,
    state,
)
from tests.people import worker

OUTBOX = Outbox.__table__


def follow_ups() -> list[tuple[str, str]]:
    """Give (workflow, action) of the follow-ups that wait."""
    waiting = [r for r in rows("outbox", task="perform") if not r["done_at"] and not r["refusal"]]
    return [(r["workflow"], r["action"]) for r in waiting]


def steps(reference: str, action: str) -> int:
    return len(rows("audit_entry", reference=reference, action=action))


def test_a_released_batch_puts_its_claims_into_payment_once(any_pilot: Pilot) -> None:
    claim = any_pilot.approved(any_pilot.graduated())
    batch = any_pilot.batch(claim)
    any_pilot.act("payment", batch, "release", any_pilot.releaser, BATCHED)
    assert follow_ups() == [("claim", "pay")]
    assert state("claim", claim) == "approved"
    with on(BATCHED):
        assert [outbox.drain(), outbox.drain()] == [1, 0]
    assert (state("claim", claim), steps(claim, "pay")) == ("in_payment", 1)


def test_a_follow_up_is_recorded_with_its_cause(pilot: Pilot) -> None:
    claim = pilot.approved(pilot.graduated())
    batch = pilot.batch(claim)
    pilot.act("payment", batch, "release", pilot.releaser, BATCHED)
    with on(BATCHED):
        outbox.drain()
    release = rows("audit_entry", reference=batch, action="release")[0]
    pay = rows("audit_entry", reference=claim, action="pay")[0]
    assert pay["actor"] == "system"
    assert f'"cause":{release["number"]},' in pay["body"]


def test_two_workers_with_the_same_row_carry_it_out_once(any_pilot: Pilot) -> None:
    """The row is closed in the step's own commit: a second worker that read it before loses."""
    claim = any_pilot.approved(any_pilot.graduated())
    batch = any_pilot.batch(claim)
    any_pilot.act("payment", batch, "release", any_pilot.releaser, BATCHED)
    seen_by_both = rows("outbox", task="perform")[0]
    with on(BATCHED):
        outbox._carry_out(seen_by_both)
        outbox._carry_out(seen_by_both)
    assert steps(claim, "pay") == 1
    assert rows("outbox", id=seen_by_both["id"])[0]["done_at"]
    assert not rows("outbox", id=seen_by_both["id"])[0]["refusal"]


def test_a_crash_before_the_commit_leaves_the_follow_up_waiting(
    any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = any_pilot.approved(any_pilot.graduated())
    batch = any_pilot.batch(claim)
    any_pilot.act("payment", batch, "release", any_pilot.releaser, BATCHED)
    with monkeypatch.context() as broken, on(BATCHED), pytest.raises(KeyboardInterrupt):
        broken.setattr(outbox, "_once", _killed)
        outbox.drain()
    assert (state("claim", claim), follow_ups()) == ("approved", [("claim", "pay")])
    with on(BATCHED):
        outbox.drain()
    assert (state("claim", claim), steps(claim, "pay")) == ("in_payment", 1)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_refused_follow_up_is_kept_with_its_reasons(any_pilot: Pilot) -> None:
    """It shows on the record and in doctor, is not tried for ever, and holds up nobody else."""
    claims = [any_pilot.approved(any_pilot.graduated(worker(n))) for n in range(2)]
    batch = any_pilot.batch(*claims)
    any_pilot.act("payment", batch, "release", any_pilot.releaser, BATCHED)
    # The clock of the worker stands wrong: for it the public notice still runs.
    with on(CHECKED):
        assert outbox.drain() == 2
        assert outbox.drain() == 0
    with read() as conn:
        kept = outbox.refused(conn)
    assert [[r["code"] for r in row["refusal"]] for row in kept] == [["notice_is_over"]] * 2
    assert {state("claim", claim) for claim in claims} == {"approved"}


def test_a_follow_up_on_a_record_that_is_gone_is_kept_and_logged(
    pilot: Pilot, capsys: pytest.CaptureFixture[str]
) -> None:
    pilot.draft()
    _plant(reference="R2503-999999")
    assert outbox.drain() == 1
    assert "reference=R2503-999999" in capsys.readouterr().err
    with read() as conn:
        assert [r["refusal"][0]["code"] for r in outbox.refused(conn)] == ["NotFound"]


def _plant(**values: object) -> None:
    row = {
        "id": "planted", "task": "perform", "workflow": "claim", "reference": "", "action": "pay",
        "input": {}, "cause": 1, "created_at": rows("audit_entry")[0]["at"],
    }  # fmt: skip
    with write() as conn:
        conn.execute(OUTBOX.insert().values(row | values))


def always_late(*_: object) -> None:
    raise LostRace


def broken_disk(*_: object) -> None:
    raise OSError("no space left on device")


def released(pilot: Pilot, *people: int) -> list[str]:
    """Give claims that wait to be put into payment, one batch each."""
    claims = [pilot.approved(pilot.graduated(worker(n))) for n in people]
    for claim in claims:
        pilot.act("payment", pilot.batch(claim), "release", pilot.releaser, BATCHED)
    return claims


def make_due() -> None:
    """Let the time pass that a follow-up was put back for."""
    with write() as conn:
        conn.execute(OUTBOX.update().values(not_before=None))


@pytest.mark.parametrize("trouble", [always_late, broken_disk, lambda *_: {}["gone"]])
def test_a_passing_trouble_leaves_the_follow_up_waiting(
    any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch, trouble: Callable[..., None]
) -> None:
    """A lost race or a fault is no refusal: the row is put back, and later carried out."""
    claim = released(any_pilot, 0)[0]
    with monkeypatch.context() as broken, on(BATCHED):
        broken.setattr(outbox, "_once", trouble)
        outbox.drain()
    with read() as conn:
        assert outbox.refused(conn) == []
    kept = rows("outbox", task="perform")[0]
    assert (kept["attempts"], kept["not_before"] > kept["created_at"]) == (1, True)
    with on(BATCHED):
        assert outbox.drain() == 0
        make_due()
        assert outbox.drain() == 1
    assert (state("claim", claim), steps(claim, "pay")) == ("in_payment", 1)


def test_a_row_that_cannot_be_carried_out_holds_up_nobody(any_pilot: Pilot) -> None:
    claims = released(any_pilot, 0, 1)
    _plant(task="perform", workflow="no_such_thing", reference="", input={"find": "nobody"}, cause=0)
    with on(BATCHED):
        assert outbox.drain(limit=5) == 3
    assert {state("claim", claim) for claim in claims} == {"in_payment"}
    assert rows("outbox", id="planted")[0]["attempts"] == 1


def test_what_waits_longer_is_put_back_for_longer(pilot: Pilot) -> None:
    pilot.draft()
    _plant(input={"find": "nobody"})
    pauses = []
    for _ in range(3):
        outbox.drain()
        row = rows("outbox", id="planted")[0]
        pauses.append(row["not_before"] - clock.now())
        make_due()
    assert pauses == sorted(pauses)
    assert pauses[2] > pauses[0] * 3


def test_due_tries_a_refused_follow_up_again(any_pilot: Pilot) -> None:
    """What doctor tells one to type mends what it tells of."""
    claim = released(any_pilot, 0)[0]
    with on(CHECKED):
        outbox.drain()
        assert due.run()["follow_ups"] == 0
    with read() as conn:
        assert len(outbox.refused(conn)) == 1
    with on(BATCHED):
        assert due.run()["follow_ups"] == 1
    with read() as conn:
        assert outbox.refused(conn) == []
    assert (state("claim", claim), steps(claim, "pay")) == ("in_payment", 1)


def test_due_tries_a_refused_rendering_again(
    pilot: Pilot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pilot.registered()

    def no_font(*_: object) -> bytes:
        raise rendering.RenderingRefused("no font")

    with monkeypatch.context() as broken:
        broken.setattr(documents, "made_of", no_font)
        outbox.drain(task="render")
        with read() as conn:
            assert [r["task"] for r in outbox.refused(conn)] == ["render"]
    assert f"reference={rows('document')[0]['number']}" in capsys.readouterr().err
    monkeypatch.setattr(documents, "made_of", lambda _document: documents.Made(b"%PDF", "", ""))
    due.run()
    with read() as conn:
        assert outbox.refused(conn) == []
        assert documents.pending(conn) == []


def test_bytes_made_elsewhere_close_the_refused_rendering(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    pilot.registered()
    number = rows("document")[0]["number"]

    def no_font(*_: object) -> bytes:
        raise rendering.RenderingRefused("no font")

    with monkeypatch.context() as broken:
        broken.setattr(documents, "made_of", no_font)
        outbox.drain(task="render")
    monkeypatch.setattr(documents, "made_of", lambda _document: documents.Made(b"%PDF", "", ""))
    documents.render(number)
    with read() as conn:
        assert outbox.refused(conn) == []
    assert rows("outbox", task="render")[0]["done_at"]


def test_what_follows_a_step_never_breaks_it(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_next", broken_disk)
    outbox.follow_up()


def test_follow_ups_are_carried_out_in_order_of_their_causes(pilot: Pilot) -> None:
    claims = [pilot.approved(pilot.graduated(worker(n))) for n in range(3)]
    for claim in claims:
        pilot.act("payment", pilot.batch(claim), "release", pilot.releaser, BATCHED)
    with on(BATCHED):
        outbox.drain(limit=2)
    assert [state("claim", claim) for claim in claims] == ["in_payment", "in_payment", "approved"]


def test_a_refused_step_asks_for_nothing(pilot: Pilot) -> None:
    """R5.8: the maker may not release the own batch, so no claim goes into payment."""
    batch = pilot.batch(pilot.approved(pilot.graduated()))
    with pytest.raises(Forbidden):
        pilot.act("payment", batch, "release", pilot.he_jun, BATCHED)
    assert follow_ups() == []
