"""The same key and body get the stored answer; whatever happens in between, the work is done once."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import Idempotency
from edu_pilot.services import due, idempotency, papers, perform, presenting
from edu_pilot.services.perform import Result
from edu_pilot.web import access, api
from edu_pilot.web.api.views import View
from tests import app as installations
from tests.app import TODAY, Place
from tests.factories import A_PDF, Pilot, application_form, case, rows
from tests.people import worker
from tests.web.api.conftest import Caller, Programs
from tests.web.api.test_shapes import line, roster

KEY = Idempotency.__table__


def register(caller: Caller, reference: str, key: str | None, version: int = 1) -> Any:
    return caller.post(f"/records/application/{reference}/actions/register", {"version": version, "input": {}}, key=key)


def test_a_repeated_creation_gets_the_stored_answer(clerk: Caller, pilot: Pilot) -> None:
    first, again = (clerk.post("/records/application", application_form(), key="k") for _ in range(2))
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(rows("application")) == 1


def test_a_repeated_step_gets_the_answer_of_then(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.draft()
    first = register(clerk, reference, "k")
    pilot.hand_in_papers(reference)
    pilot.verify(reference)
    assert register(clerk, reference, "k").data == first.data
    assert case("application", reference).state == "verified"


def test_the_order_of_names_in_the_body_makes_no_difference(clerk: Caller, pilot: Pilot) -> None:
    form = application_form()
    first = clerk.post("/records/application", form, key="k")
    assert clerk.post("/records/application", dict(reversed(form.items())), key="k").data == first.data


def test_the_same_key_with_another_request_is_a_mismatch(clerk: Caller, pilot: Pilot) -> None:
    clerk.post("/records/application", application_form(), key="k")
    for path, body in (("/records/application", application_form(worker(1))), ("/search", application_form())):
        answer = clerk.post(path, body, key="k")
        assert (answer.status_code, answer.get_json()["error"]) == (409, "idempotency_mismatch")
    assert len(rows("application")) == 1


def test_a_key_belongs_to_its_account(programs: Programs, pilot: Pilot) -> None:
    mine = programs("wang.fang").post("/records/application", application_form(), key="k")
    form = application_form(worker(1), county="德城区", point="德城区教学点")
    other = programs("decheng.clerk").post("/records/application", form, key="k")
    assert (mine.status_code, other.status_code) == (201, 201)
    assert len(rows("application")) == 2


def test_a_refusal_is_stored_too(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    address = f"/records/application/{reference}/actions/verify"
    first = clerk.post(address, {"version": 2}, key="k")
    pilot.hand_in_papers(reference)
    again = clerk.post(address, {"version": 2}, key="k")
    assert (again.status_code, again.data) == (409, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert clerk.post(address, {"version": 2}, key="k2").get_json()["state"] == "verified"


def test_neither_a_bad_token_nor_a_failure_is_stored(
    programs: Programs, clerk: Caller, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "no space left")

    Caller(programs.site.test_client(), "wrong").post("/records/application", application_form(), key="k")
    with monkeypatch.context() as broken:
        broken.setattr(perform.numbers, "reference", full)
        assert clerk.post("/records/application", application_form(), key="k").status_code == 503
    assert not rows("idempotency")
    assert clerk.post("/records/application", application_form(), key="k").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "\x7f", " "])
def test_a_key_must_be_a_short_printable_text(clerk: Caller, pilot: Pilot, key: str) -> None:
    answer = clerk.post("/records/application", application_form(), key=key)
    assert answer.status_code == 422
    assert not rows("application")


def test_an_answer_lost_after_the_commit_is_told_from_the_record(
    clerk: Caller, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(idempotency, "PATIENCE", 0.1)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(presenting, "show", killed)
        clerk.post("/records/application", application_form(), key="k")
    answer = clerk.post("/records/application", application_form(), key="k")
    assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert [answer.get_json()["reference"]] == [r["reference"] for r in rows("application")]


def test_a_lost_answer_speaks_of_the_record_of_the_step_and_not_of_one_it_opened(
    registrar: Caller, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    reference = pilot.verified()
    asked = f"/records/application/{reference}/actions/admit", {"version": 3, "input": {}}
    monkeypatch.setattr(idempotency, "PATIENCE", 0.1)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(presenting, "show", killed)
        registrar.post(*asked, key="k")
    answer = registrar.post(*asked, key="k").get_json()
    assert (answer["workflow"], answer["reference"], answer["state"]) == ("application", reference, "admitted")


def test_a_repeated_upload_keeps_one_file(clerk: Caller, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/records/application/{pilot.registered()}/files"

    def upload() -> Any:
        return clerk.form(address, key="k", kind="id_front", file=(io.BytesIO(A_PDF), "a.pdf"))

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(idempotency, "PATIENCE", 0.1)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(papers, "of_record", killed)
        upload()
    lost, again = upload(), upload()
    assert (lost.status_code, again.get_json()["id"]) == (201, rows("paper")[0]["id"])
    assert len(rows("paper")) == 1
    other = clerk.form(address, key="k", kind="id_front", file=(io.BytesIO(A_PDF + b"!"), "a.pdf"))
    assert other.get_json()["error"] == "idempotency_mismatch"


def test_a_repeated_import_gets_the_stored_report(clerk: Caller, pilot: Pilot) -> None:
    def send() -> Any:
        return clerk.form("/imports/rosters", key="k", intake="2209", file=roster(line(1), line(2)))

    first, again = send(), send()
    assert again.data == first.data
    assert first.get_json()["accepted"] == 2


def test_a_broken_import_is_in_progress_at_first_and_taken_up_again_later(
    clerk: Caller, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send() -> Any:
        return clerk.form("/imports/rosters", key="k", intake="2209", file=roster(line(1), line(2)))

    whole = perform.enter_many

    def breaks(workflow: str, given: Any, action: str, actor: Any, **more: Any) -> Iterator[Result]:
        yield from whole(workflow, given[:1], action, actor, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(idempotency, "PATIENCE", 0.1)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("edu_pilot.services.rosters.enter_many", breaks)
        send()
    waiting = send()
    assert (waiting.status_code, waiting.get_json()["error"]) == (409, "in_progress")
    assert int(waiting.headers["Retry-After"]) > 0
    age(idempotency.LEFT_BEHIND)
    report = send().get_json()
    assert (report["accepted"], [p["code"] for p in report["problems"]]) == (1, ["already_registered"])
    assert len(rows("application")) == 2


def age(by: timedelta) -> None:
    with write() as conn:
        conn.execute(KEY.update().values(at=clock.now() - by - timedelta(seconds=1)))


def test_after_30_days_a_key_is_forgotten(clerk: Caller, pilot: Pilot) -> None:
    assert clerk.post("/records/application", application_form(), key="k").status_code == 201
    age(idempotency.KEPT)
    assert clerk.post("/records/application", application_form(worker(1)), key="k").status_code == 201
    age(idempotency.KEPT)
    assert [due.run()["keys_dropped"], due.run()["keys_dropped"]] == [1, 0]
    assert not rows("idempotency")


def test_the_stored_answer_is_sealed(clerk: Caller, pilot: Pilot) -> None:
    clerk.post("/records/application", application_form(), key="k")
    (row,) = rows("idempotency")
    assert "刘伟".encode() not in row["answer"]


@contextmanager
def two_programs(place: Place) -> Iterator[tuple[Flask, Programs]]:
    with installations.opened(place) as app:
        api.init_app(app)
        yield app, Programs(app)


def at_once(site: Flask, caller: Caller, send: Any, number: int = 2) -> list[Any]:
    """Send the same request from several threads at the same moment."""
    barrier, answers = threading.Barrier(number), []

    def run() -> None:
        with clock.on(TODAY):
            program = Caller(site.test_client(), caller.token)
            barrier.wait()
            answers.append(send(program))

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("round_", range(5))
def test_of_two_creations_at_the_same_moment_one_is_carried_out(any_place: Place, round_: int) -> None:
    with two_programs(any_place) as (site, programs), clock.on(TODAY):
        clerk = programs("wang.fang")
        answers = at_once(site, clerk, lambda p: p.post("/records/application", application_form(), key="k"))
        with site.app_context():
            assert len(rows("application")) == 1
            assert len([e for e in rows("audit_entry") if e["action"] == "create"]) == 1
    assert {a.status_code for a in answers} == {201}
    assert len({a.data for a in answers}) == 1
    assert sorted(a.headers.get("Idempotency-Replayed", "") for a in answers) == ["", "true"]


@pytest.mark.parametrize("round_", range(5))
def test_of_four_steps_at_the_same_moment_one_is_taken(any_place: Place, round_: int) -> None:
    with two_programs(any_place) as (site, programs), clock.on(TODAY):
        clerk = programs("wang.fang")
        with site.app_context():
            reference = Pilot().draft()
        answers = at_once(site, clerk, lambda p: register(p, reference, "k"), 4)
        with site.app_context():
            assert len([e for e in rows("audit_entry") if e["action"] == "register"]) == 1
    assert {(a.status_code, a.get_json().get("state")) for a in answers} == {(200, "registered")}


def test_without_the_key_the_second_step_is_stale(site: Flask, clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.draft()
    answers = at_once(site, clerk, lambda p: register(p, reference, None))
    assert sorted(a.status_code for a in answers) == [200, 409]


def test_a_claim_rolled_back_is_made_again(site: Flask, pilot: Pilot) -> None:
    asked = idempotency.Once("wang.fang", "k", "hash")
    token = idempotency.once.set(asked)
    try:
        with pytest.raises(ZeroDivisionError), write() as conn:
            idempotency.claim(conn, reference="A")
            raise ZeroDivisionError
        for _ in range(2):
            with write() as conn:
                idempotency.claim(conn, reference="A")
        idempotency.once.set(idempotency.Once("wang.fang", "k", "hash"))
        with pytest.raises(idempotency.AlreadyClaimed), write() as conn:
            idempotency.claim(conn, reference="A")
    finally:
        idempotency.once.reset(token)
    with write() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(KEY)).scalar_one() == 1


READS_ONLY = {"Search"}


def writing_views() -> list[type[View]]:
    """Give the views with a token whose POST writes something."""
    asked = [view for view in View.__subclasses__() if hasattr(view, "post") and view.permission == access.TOKEN]
    return [view for view in asked if view.__name__ not in READS_ONLY]


def test_every_view_that_writes_says_how_a_lost_answer_is_told() -> None:
    assert {view.__name__ for view in writing_views()} >= {"Records", "Action", "Files", "Imports"}
    assert [v.__name__ for v in writing_views() if not v.resumable and v.recount is View.recount] == []
