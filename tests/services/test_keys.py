"""Keys are rotated while the installation lives on, and nothing of the old ones is left in it (R2.9)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, current_app

from edu_pilot import process
from edu_pilot.extensions import Base, db, read, write
from edu_pilot.models.base import Blind
from edu_pilot.services import (
    accounts,
    audit,
    documents,
    factor,
    health,
    keys,
    proof,
    search,
    staffing,
    statistics,
    vault,
    verification,
)
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.archive import Unfit
from edu_pilot.services.vault import FIELD, INDEX, ISSUER, SESSION, SIGNING
from edu_pilot.workflow.reasons import Refused
from tests.documents.readers import by_pyhanko
from tests.factories import SETTLED, Pilot, case, rows
from tests.people import LIU_WEI, STAFF, staff, worker


def folder() -> Path:
    return current_app.config["SETTINGS"].keys


def stored(kind: type) -> list[bytes]:
    """Give every stored value of a column type, as bytes."""
    found: list[bytes] = []
    with read() as conn:
        for table in Base.metadata.sorted_tables:
            for column in (c for c in table.c if isinstance(c.type, kind)):
                values = conn.execute(sa.select(column).where(column.is_not(None))).scalars()
                found += [v if isinstance(v, bytes) else v.encode() for v in values]
    return found


def database_bytes() -> bytes:
    """Give the database's file and what is written ahead of it."""
    place = Path(db.engine.url.database or "")
    return b"".join(p.read_bytes() for p in (place, place.with_name(place.name + "-wal")) if p.exists())


def test_every_sealed_value_goes_under_the_new_key(any_pilot: Pilot) -> None:
    any_pilot.paid(any_pilot.graduated())
    before = set(stored(keys.Sealed))
    done = keys.rotate("seal", OPERATOR)
    assert (done.key, done.values, done.unreadable, done.retired, done.complete) == (
        2,
        len(rows_sealed()),
        0,
        (1,),
        True,
    )
    assert {blob[0] for blob in stored(keys.Sealed)} == {2}
    assert not before & set(stored(keys.Sealed))
    assert case("application", "A2209-000001").id_number == LIU_WEI.id_number
    assert vault.numbers(folder(), FIELD) == [2]
    with read() as conn:
        assert audit.verify(conn).ok


def rows_sealed() -> list[object]:
    """Give every row that holds a sealed value; one whose sealed columns are all empty has nothing to rewrite."""
    queries = [sa.select(table).where(_holds(table)) for table in keys.sealed_tables()]
    with read() as conn:
        return [row for query in queries for row in conn.execute(query).all()]


def _holds(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.or_(*(column.is_not(None) for column in table.c if isinstance(column.type, keys.Sealed)))


def test_nothing_of_the_old_values_is_left_in_the_file(pilot: Pilot) -> None:
    """T16: a copy of the disk taken later, and the old key, open nothing together."""
    pilot.submitted(pilot.graduated())
    sealed, blind = stored(keys.Sealed), stored(Blind)
    assert any(blob in database_bytes() for blob in sealed)
    keys.rotate("seal", OPERATOR)
    keys.rotate("index", OPERATOR)
    file = database_bytes()
    assert [blob for blob in sealed + blind if blob in file] == []


def test_without_the_rewriting_old_pages_would_be_found(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    pilot.submitted(pilot.graduated())
    sealed = stored(keys.Sealed)
    monkeypatch.setattr(keys, "forget_old_pages", lambda _tables: True)
    keys.rotate("seal", OPERATOR)
    file = database_bytes()
    assert any(blob in file for blob in sealed)


class Killed(Exception):
    """The process ends here."""


def test_a_rotation_that_was_killed_goes_on(any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    any_pilot.submitted(any_pilot.graduated())
    monkeypatch.setattr(keys, "CHUNK", 2)
    once = keys._reseal

    def killed(conn: sa.Connection, table: sa.Table, *rest: object) -> bool:
        if table.name == "document":
            raise Killed
        return once(conn, table, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(keys, "_reseal", killed)
        with pytest.raises(Killed):
            keys.rotate("seal", OPERATOR)
    assert {blob[0] for blob in stored(keys.Sealed)} == {1, 2}
    assert vault.numbers(folder(), FIELD) == [1, 2]
    # In between both keys open, and the newest seals.
    assert case("application", "A2209-000001").id_number == LIU_WEI.id_number
    done = keys.rotate("seal", OPERATOR)
    assert (done.key, done.retired) == (2, (1,))
    assert {blob[0] for blob in stored(keys.Sealed)} == {2}


def test_a_value_nobody_can_open_keeps_the_old_key(pilot: Pilot) -> None:
    first, second = pilot.registered(), pilot.registered(worker(1))
    with write() as conn:
        other = f"(SELECT phone FROM application WHERE reference = '{first}')"
        conn.execute(sa.text(f"UPDATE application SET phone = {other} WHERE reference = '{second}'"))
    done = keys.rotate("seal", OPERATOR)
    assert (done.unreadable, done.retired, done.complete) == (1, (), False)


def test_a_running_process_meets_the_new_key(pilot: Pilot) -> None:
    keeper = vault.Keeper(folder(), keys.index_keys)
    old = keeper.vault()
    vault.add_key(folder(), FIELD)
    fresh = vault.load(folder())
    # What another process seals before this one looked is opened all the same.
    assert old.open("a.b", "1", fresh.seal("a.b", "1", "x")) == "x"
    keeper._next_look = 0
    assert keeper.vault().newest == 2


def test_everybody_is_found_as_before_when_the_index_changes(any_pilot: Pilot) -> None:
    study = any_pilot.graduated()
    any_pilot.paid(study)
    with read() as conn:
        counted = statistics.persons(conn, OPERATOR, SETTLED, ["workflow", "state"])
    before = set(stored(Blind))
    done = keys.rotate("index", OPERATOR)
    assert (done.key, done.complete) == (2, True)
    assert not before & set(stored(Blind))
    with write() as conn:
        assert statistics.persons(conn, OPERATOR, SETTLED, ["workflow", "state"]) == counted
        assert {c.workflow for c in search.by_person(conn, OPERATOR, LIU_WEI.id_number, None)} >= {"study", "claim"}
        assert search.by_person(conn, OPERATOR, None, LIU_WEI.phone)
        assert audit.verify(conn).ok
    # The same person registers nowhere a second time, and an account is still the same person.
    persons = {row["id_index"] for row in rows("person")}
    assert persons == {vault.vault().index("id_number", LIU_WEI.id_number)}


def test_an_index_rotation_killed_before_its_commit_changed_nothing(
    pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot.registered()
    before = sorted(stored(Blind))

    def killed(*_given: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(keys, "_note_use", killed)
        with pytest.raises(Killed):
            keys.rotate("index", OPERATOR)
    keys.keeper().forget()
    assert sorted(stored(Blind)) == before
    assert vault.vault().index("id_number", LIU_WEI.id_number) in {row["id_index"] for row in rows("person")}
    assert keys.rotate("index", OPERATOR).key == 2
    assert vault.numbers(folder(), INDEX) == [1, 2]
    assert vault.vault().index("id_number", LIU_WEI.id_number) in {row["id_index"] for row in rows("person")}


@contextmanager
def another_process() -> Iterator[None]:
    with process.alone(current_app.config["SETTINGS"].data):
        yield


def test_the_index_is_not_changed_under_a_running_server(pilot: Pilot) -> None:
    with another_process(), pytest.raises(Unfit) as refusal:
        keys.rotate("index", OPERATOR)
    assert refusal.value.code == "at_work"
    assert vault.numbers(folder(), INDEX) == [1]


def test_papers_signed_before_still_verify(pilot: Pilot) -> None:
    """T14: the history of public keys stays; the private key goes."""
    pilot.registered()
    old = rows("document")[0]["number"]
    content = documents.render(old)
    earlier = vault.vault().public_key
    done = keys.rotate("sign", OPERATOR)
    assert done.retired == (1,)
    assert vault.vault().public_key != earlier
    assert vault.vault().public_keys[1:] == (earlier,)
    assert verification.by_file(content).result == "genuine"
    assert verification.by_file(content.replace(b"%%EOF", b"%%EOG")).result == "altered"
    pilot.registered(worker(1))
    new = rows("document")[-1]["number"]
    assert verification.by_key(documents.render(new), vault.vault().public_key).result == "genuine"
    assert vault.numbers(folder(), SIGNING) == [2]


def test_a_paper_frozen_before_a_rotation_names_the_key_that_signs_it(pilot: Pilot) -> None:
    pilot.registered()
    keys.rotate("sign", OPERATOR)
    found = verification.by_key(documents.render(rows("document")[0]["number"]), vault.vault().public_key)
    assert found.content is not None
    assert found.content["key_id"] == proof.key_id(vault.vault().public_key)


def test_papers_are_signed_under_the_certificate_that_init_made(pilot: Pilot) -> None:
    pilot.registered()
    content, kept = documents.render(rows("document")[0]["number"]), rows("document")[0]
    (pinned,) = vault.pinned_certificates(folder())
    assert by_pyhanko(content, pinned)
    unsigned = content[: content.index(b"%%EOF\n") + len(b"%%EOF\n")]
    assert hashlib.sha256(unsigned).hexdigest() == kept["unsigned_sha256"] != kept["sha256"]


def test_papers_of_an_earlier_certificate_still_verify_by_it(pilot: Pilot) -> None:
    pilot.registered()
    old = documents.render(rows("document")[0]["number"])
    assert keys.rotate("issuer", OPERATOR).retired == (1,)
    pilot.registered(worker(1))
    new = documents.render(rows("document")[-1]["number"])
    present, earlier = vault.pinned_certificates(folder())
    assert by_pyhanko(new, present) and by_pyhanko(old, earlier)
    assert not by_pyhanko(new, earlier) and not by_pyhanko(old, present)
    assert verification.by_file(old).result == verification.by_file(new).result == "genuine"
    assert vault.numbers(folder(), ISSUER) == [2] and vault.numbers(folder() / vault.RETIRED, ISSUER) == [1]


def test_an_installation_without_a_certificate_seals_alone_and_is_told_the_line(pilot: Pilot) -> None:
    """An installation of before: its papers verify all the same, and the line makes a certificate."""
    vault.retire_key(folder(), ISSUER, 1)
    keys.keeper().forget()
    pilot.registered()
    content = documents.render(rows("document")[0]["number"])
    assert verification.by_file(content).result == "genuine" and b"/ByteRange" not in content
    (found,) = [one for one in health.findings() if one.name == "certificate"]
    assert not found.fine and found.mend == "edu-pilot keys rotate --what issuer"
    keys.rotate("issuer", OPERATOR)
    assert [one.fine for one in health.findings() if one.name == "certificate"] == [True]


def test_the_private_key_of_papers_is_for_its_owner_alone(pilot: Pilot) -> None:
    assert (folder() / ISSUER).stat().st_mode & 0o077 == 0


def test_sessions_outlive_one_rotation(pilot: Pilot, site: Flask) -> None:
    first = vault.vault().session
    keys.rotate("session", OPERATOR)
    assert vault.vault().sessions == (first, vault.vault().session)
    assert first != vault.vault().session
    keys.rotate("session", OPERATOR)
    assert vault.numbers(folder(), SESSION) == [2, 3]


def test_every_index_of_a_person_is_declared_as_one() -> None:
    """A forgotten one would point to nobody after a rotation."""
    columns = [c for t in Base.metadata.sorted_tables for c in t.c if c.name.endswith(("_index", "_key"))]
    assert [str(c) for c in columns if not isinstance(c.type, Blind) and str(c) not in STORE_KEYS] == []


# Names of kept files, nobody's index.
STORE_KEYS = ("document.store_key", "paper.store_key", "print_stack.store_key")


def test_whatever_depends_on_the_index_key_stands_in_a_declared_column(
    any_pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a column is called: what the index key made is looked for in all of them."""
    made: set[str] = set()
    reckoned = vault.Vault.index

    def noted(self: vault.Vault, kind: str, text: str) -> str:
        made.add(reckoned(self, kind, text))
        return reckoned(self, kind, text)

    monkeypatch.setattr(vault.Vault, "index", noted)
    any_pilot.paid(any_pilot.graduated())
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    with write() as conn:
        factor.new_recovery_codes(conn, rows("account", name="xu.ning")[0]["id"])
    made |= {row["person_key"] for row in rows("account") if row["person_key"]}
    assert [str(column) for column in undeclared(made)] == []
    keys.rotate("index", OPERATOR)
    assert made & set(stored(Blind)) == set()


def undeclared(made: set[str]) -> list[sa.Column[object]]:
    """Give the columns that hold an index though nothing says so."""
    with read() as conn:
        return [
            column
            for table in Base.metadata.sorted_tables
            for column in table.c
            if isinstance(column.type, sa.String)
            and made & set(conn.execute(sa.select(column).where(column.is_not(None))).scalars())
        ]


def test_who_asked_for_roles_is_the_same_person_after_a_rotation(app: Flask) -> None:
    """One human being with two accounts does not become two by a new key."""
    number = next(one.id_number for one in STAFF if one.account == "admin")
    accounts.add("admin.alias", ["admin"], None, number, OPERATOR)
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    keys.rotate("index", OPERATOR)
    with pytest.raises(Refused) as refusal:
        staffing.confirm("wang.fang", staff("admin.alias"))
    assert [reason.code for reason in refusal.value.reasons] == ["second_administrator"]


def test_recovery_codes_outlive_a_rotation(app: Flask) -> None:
    [account] = rows("account", name="xu.ning")
    with write() as conn:
        codes = factor.new_recovery_codes(conn, account["id"])
    keys.rotate("index", OPERATOR)
    with write() as conn:
        assert all(factor.accept(conn, account, code) for code in codes)
        assert not factor.accept(conn, account, codes[0])
