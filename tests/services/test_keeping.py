"""What is kept comes back: after an erasure, after a rotation of keys, and when one of the chores fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from flask import Flask, current_app

from edu_pilot.services import archive, backup, erasure, keys, restore, snapshots, sweep
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.archive import Unfit
from edu_pilot.services.vault import vault
from tests.app import Place, at_work, opened
from tests.factories import Pilot, case, on
from tests.people import LIU_WEI

LATER = date(2026, 3, 2)


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
