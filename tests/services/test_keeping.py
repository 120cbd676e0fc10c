"""What is kept comes back: after an erasure, after a rotation of keys, and when one of the chores fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, current_app
from werkzeug.test import TestResponse

from edu_pilot import clock
from edu_pilot.extensions import db, read, write
from edu_pilot.instants import ClocksDisagree
from edu_pilot.services import (
    accounts,
    anchors,
    archive,
    backup,
    due,
    erasure,
    keys,
    logins,
    look_ups,
    papers,
    restore,
    snapshots,
    sweep,
    upkeep,
)
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.archive import Unfit
from edu_pilot.services.logins import Caller
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Forbidden, Refused
from tests.app import Place, at_work, opened
from tests.factories import A_PDF, Pilot, case, on, rows
from tests.people import LIU_WEI, fresh_code

LATER = date(2026, 3, 2)
DAY = timedelta(days=1)


def erased(pilot: Pilot) -> str:
    """Give the reference of a person who came, left and is erased."""
    reference = pilot.complete()
    pilot.withdraw(reference)
    with on(LATER):
        erasure.erase(reference, "REQUEST_OF_PERSON", OPERATOR)
    return reference


def test_after_an_erasure_nothing_is_missing(pilot: Pilot, tmp_path: Path) -> None:
    erased(pilot)
    assert sweep.look().missing == ()
    assert backup.make(tmp_path / "pilot.backup").missing == []
    assert snapshots.take().exists()


@contextmanager
def another(data: Path) -> Iterator[Flask]:
    """Give an empty machine beside this one, with the keys as they are now."""
    if not data.exists():
        shutil.copytree(current_app.config["SETTINGS"].keys, data / "keys")
    with opened(Place(data)) as app, at_work(app):
        yield app


@pytest.mark.parametrize("what", ["seal", "index", "sign"])
def test_a_backup_made_before_a_rotation_comes_back_whole(pilot: Pilot, tmp_path: Path, what: str) -> None:
    reference = pilot.registered()
    backup.make(tmp_path / "pilot.backup")
    keys.rotate(what, OPERATOR)
    with another(tmp_path / "other"):
        assert restore.restore(tmp_path / "pilot.backup").audit_ok
    with another(tmp_path / "other"):
        assert case("application", reference).id_number == LIU_WEI.id_number
        # Another rotation finds the values that stand under the key put away.
        assert keys.rotate("seal", OPERATOR).complete
        assert case("application", reference).id_number == LIU_WEI.id_number


def test_the_restored_database_says_how_many_index_keys_it_knows(pilot: Pilot, tmp_path: Path) -> None:
    """The folder holds two keys: values of before went through one, those of after through both."""
    index = vault().index("id_number", LIU_WEI.id_number)
    backup.make(tmp_path / "before.backup")
    keys.rotate("index", OPERATOR)
    backup.make(tmp_path / "after.backup")
    for name in ("before", "after"):
        with another(tmp_path / name):
            assert restore.restore(tmp_path / f"{name}.backup").audit_ok
            assert (vault().index("id_number", LIU_WEI.id_number) == index) is (name == "before")


def test_a_failed_restore_leaves_no_keys_and_can_be_repeated(
    pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = archive.new_identity()
    keys.rotate("sign", OPERATOR)
    settings = current_app.config["SETTINGS"]
    current_app.config["SETTINGS"] = replace(settings, backup_recipients=(public,))
    path = backup.make(tmp_path / "pilot.backup", with_keys=True).path
    data = tmp_path / "other"
    (data / "keys" / "retired").mkdir(parents=True)
    with another(data):
        with monkeypatch.context() as patched, pytest.raises(Unfit):
            patched.setattr(restore.figures, "differences", lambda *_: ["rows person"])
            restore.restore(path, secret)
        assert not (data / "keys").exists()
        assert restore.restore(path, secret).audit_ok
    assert {p.stat().st_mode & 0o077 for p in [data / "keys", *(data / "keys").rglob("*")]} == {0}


@pytest.mark.parametrize("broken", ["sweep.due", "throttle.purge", "erasure.run_due"])
def test_a_chore_that_fails_stops_no_other(pilot: Pilot, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    pilot.registered()
    with monkeypatch.context() as patched:
        patched.setattr(f"edu_pilot.services.{broken}", fails)
        done = upkeep.run()
    assert FAILED_FIGURES[broken] == {name for name, number in done.items() if number == upkeep.FAILED}
    with read() as conn:
        assert anchors.appended_since(conn) == 0


FAILED_FIGURES = {
    "sweep.due": {"files_swept"},
    "throttle.purge": {"sign_ins_dropped"},
    "erasure.run_due": {"people_erased", "accounts_erased", "lists_erased"},
}


def fails() -> int:
    """Stand for a disk that does not answer."""
    raise OSError(5, "Input/output error")


def test_the_trail_is_signed_even_if_the_calendar_breaks_off(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    pilot.registered()
    monkeypatch.setattr(due, "calendar", fails)
    with pytest.raises(OSError):
        due.run()
    with read() as conn:
        assert anchors.appended_since(conn) == 0


def test_in_production_no_snapshot_lies_in_clear(pilot: Pilot, tmp_path: Path) -> None:
    settings = current_app.config["SETTINGS"]
    current_app.config["SETTINGS"] = replace(settings, env="production", snapshots=tmp_path / "disk")
    pilot.complete()
    with pytest.raises(Unfit) as refused:
        snapshots.take()
    assert refused.value.code == "recipients_missing" and not (tmp_path / "disk").exists()


def test_a_killed_snapshot_leaves_nothing_in_clear_for_long(
    pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = current_app.config["SETTINGS"]
    disk = tmp_path / "disk"
    changed = replace(settings, backup_recipients=(archive.new_identity()[1],), snapshots=disk)
    current_app.config["SETTINGS"] = changed
    pilot.registered()
    child = os.fork()
    if not child:
        monkeypatch.setattr(snapshots.figures, "taken", lambda _conn: os._exit(9))
        snapshots.take()
    os.waitpid(child, 0)
    assert not [p for p in disk.rglob("*") if p.is_file() and LIU_WEI.name.encode() in p.read_bytes()]
    with archive.workplace(settings.data) as busy:
        assert [p for p in settings.data.glob("clear-*") if p != busy] == []
        snapshots.take()
        assert busy.exists(), "another process works there"
    assert list(settings.data.glob("clear-*")) == []


def test_a_mirrored_file_goes_with_the_last_snapshot_of_it(pilot: Pilot, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    current_app.config["SETTINGS"] = replace(current_app.config["SETTINGS"], snapshots=disk)
    reference, now = pilot.complete(), datetime.now(UTC)
    old = snapshots.take()
    mirrored = [row["store_key"] for row in rows("paper")]
    pilot.withdraw(reference)
    with on(LATER):
        erasure.erase(reference, "REQUEST_OF_PERSON", OPERATOR)
    assert mirrored and snapshots.thin_mirror(disk, set(mirrored), now + DAY) == 0
    assert snapshots.thin_mirror(disk, set(), now + DAY) == 0
    (disk / f"{(now + 2 * DAY).strftime(snapshots.STAMP)}.snapshot").touch()
    assert snapshots.thin_mirror(disk, set(), now + 3 * DAY) == 0, "the old snapshot needs them"
    old.unlink()
    assert snapshots.thin_mirror(disk, set(), now + 3 * DAY) == len(mirrored)
    assert [p for p in (disk / snapshots.MIRROR).rglob("*") if p.is_file()] == []


@pytest.mark.xdist_group("postgres")
def test_on_postgresql_erased_rows_are_rewritten(pg_app: Flask) -> None:
    def places() -> list[int]:
        with read() as conn:
            return [conn.execute(sa.select(sa.func.pg_relation_filenode(t.name))).scalar_one() for t in tables]

    tables, before = erasure.written(), erased(Pilot())
    assert before
    first = places()
    with db.engine.connect() as reader:
        assert not keys.forget_old_pages(tables, 1), "too large to be rewritten: nothing may be claimed"
        assert places() == first
        assert erasure.forget_old_pages()
        assert not reader.connection.driver_connection.autocommit
    assert not set(first) & set(places())


def test_where_nothing_can_be_written_pages_are_read(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_ = logins.enter("wang.fang", "demowang.fang", fresh_code("wang.fang"), Caller())
    assert opened_
    with write() as conn:
        conn.execute(logins.SESSION.update().values(seen_at=clock.now() - timedelta(minutes=2)))

    def disagree(_conn: object) -> None:
        raise ClocksDisagree("60")

    monkeypatch.setattr(app.extensions["clocks"], "require_agreement", disagree)
    found = logins.present(opened_.token)
    assert found and found.actor.name == "wang.fang"


@pytest.mark.parametrize("how", [erasure.restrict, erasure.erase])
def test_the_files_of_who_is_out_of_use_are_closed_to_the_office(pilot: Pilot, how: Callable[..., object]) -> None:
    study = pilot.graduated()
    application = rows("application")[0]["reference"]
    pilot.certified(study)
    file = papers.add("application", application, "portrait", A_PDF, pilot.wang_fang)
    with on(LATER):
        how(study, "WITHDRAWN_CONSENT", OPERATOR)
        with pytest.raises(Refused):
            papers.content("application", application, file, pilot.wang_fang)


def test_a_draft_leads_to_all_that_is_kept_of_its_person(pilot: Pilot) -> None:
    study = pilot.graduated()
    with on(date(2026, 6, 10)):
        draft = pilot.draft(intake="2609")
        with read() as conn:
            about = erasure.whole(conn, draft)
    assert {draft, study} < {row["reference"] for _workflow, row in about.records}


def test_a_looked_up_number_is_kept_in_no_answer(pilot: Pilot, app: Flask) -> None:
    reference = pilot.complete()
    headers = {"Authorization": f"Bearer {accounts.token('wang.fang', OPERATOR)}", "Idempotency-Key": "k1"}
    address, asked = f"/api/v1/records/application/{reference}/look-ups", {"field": "id_number", "reason": "COMPARE"}

    def look() -> TestResponse:
        return app.test_client().post(address, json=asked, headers=headers)

    assert look().json == look().json == {"field": "id_number", "value": LIU_WEI.id_number}
    assert look().headers["Idempotency-Replayed"] == "true"
    assert len(rows("look_up")) == 1
    kept = rows("idempotency")[0]
    assert LIU_WEI.id_number not in vault().open("idempotency.answer", "wang.fang:k1", kept["answer"])
    pilot.withdraw(reference)
    with on(LATER):
        erasure.erase(reference, "REQUEST_OF_PERSON", OPERATOR)
    assert rows("idempotency") == []
    assert look().status_code in (403, 409, 422)


def test_an_answer_given_again_goes_through_the_checks_of_the_first(pilot: Pilot) -> None:
    study = pilot.graduated()
    pilot.certified(study)
    with on(LATER):
        erasure.restrict(study, "WITHDRAWN_CONSENT", OPERATOR)
        with read() as conn:
            with pytest.raises(Refused):
                look_ups.value_of(conn, "study", study, "id_number", pilot.chen_hui)
            with pytest.raises(Forbidden):
                look_ups.value_of(conn, "study", study, "id_number", pilot.xu_ning)
