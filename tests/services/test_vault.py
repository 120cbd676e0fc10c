"""Personal values are sealed for their row, and keys belong to one purpose each (R2.9)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from edu_pilot.extensions import write
from edu_pilot.services import vault
from edu_pilot.services.vault import KeysMissing, Unreadable, Vault
from tests.factories import Pilot, case, rows
from tests.people import LIU_WEI, worker


@pytest.fixture
def keys(tmp_path: Path) -> Vault:
    vault.create_keys(tmp_path / "keys")
    return vault.load(tmp_path / "keys")


def test_a_sealed_value_opens_at_its_place(keys: Vault) -> None:
    blob = keys.seal("person.id_number", "row1", LIU_WEI.id_number)
    assert LIU_WEI.id_number.encode() not in blob
    assert keys.open("person.id_number", "row1", blob) == LIU_WEI.id_number


@pytest.mark.parametrize(("place", "row"), [("person.id_number", "row2"), ("person.phone", "row1"), ("", "")])
def test_a_value_moved_elsewhere_does_not_open(keys: Vault, place: str, row: str) -> None:
    blob = keys.seal("person.id_number", "row1", LIU_WEI.id_number)
    with pytest.raises(Unreadable):
        keys.open(place, row, blob)


@pytest.mark.parametrize("at", [1, 12, 13, -1])
def test_an_altered_value_does_not_open(keys: Vault, at: int) -> None:
    blob = bytearray(keys.seal("person.id_number", "row1", LIU_WEI.id_number))
    blob[at] ^= 1
    with pytest.raises(Unreadable):
        keys.open("person.id_number", "row1", bytes(blob))


def test_the_same_value_is_sealed_differently_each_time(keys: Vault) -> None:
    assert keys.seal("a.b", "1", "x") != keys.seal("a.b", "1", "x")


def test_a_blind_index_meets_only_its_equals(keys: Vault, tmp_path: Path) -> None:
    vault.create_keys(tmp_path / "others")
    others = vault.load(tmp_path / "others")
    index = keys.index("id_number", LIU_WEI.id_number)
    assert index == keys.index("id_number", LIU_WEI.id_number)
    assert index != keys.index("phone", LIU_WEI.id_number)
    assert index != others.index("id_number", LIU_WEI.id_number)


def test_existing_keys_are_never_overwritten(tmp_path: Path) -> None:
    vault.create_keys(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    vault.create_keys(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert len(set(before.values())) == len(before) == 5


def test_only_their_owner_may_read_the_keys(tmp_path: Path) -> None:
    vault.create_keys(tmp_path / "keys")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}


def test_missing_keys_are_named(tmp_path: Path) -> None:
    vault.create_keys(tmp_path)
    (tmp_path / "code").unlink()
    with pytest.raises(KeysMissing, match="code"):
        vault.load(tmp_path)


def test_the_database_never_sees_a_number_or_phone(any_pilot: Pilot) -> None:
    """R2.9: neither in the application nor in the person nor in the case it holds live."""
    any_pilot.submitted(any_pilot.graduated())
    stored = "".join(
        str(dict(r)) for t in ("application", "person", "claim", "live_case", "audit_entry") for r in rows(t)
    )
    for secret in (LIU_WEI.id_number, LIU_WEI.phone):
        assert secret not in stored
    assert rows("claim")[0]["account_tail"] in stored


def test_a_number_copied_to_another_person_by_raw_sql_does_not_open(any_pilot: Pilot) -> None:
    first, second = any_pilot.registered(), any_pilot.registered(worker(1))
    swap = (
        "UPDATE application SET id_number ="
        f" (SELECT id_number FROM application WHERE reference = '{first}')"
        f" WHERE reference = '{second}'"
    )
    with write() as conn:
        conn.execute(sa.text(swap))
    assert case("application", first).id_number == LIU_WEI.id_number
    with pytest.raises(Unreadable):
        _ = case("application", second).id_number
