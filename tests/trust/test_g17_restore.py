"""G17: what was lost comes back by the runbook's commands alone, figure by figure, and nothing else comes in."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from edu_pilot import process
from edu_pilot.config import RECIPIENT
from edu_pilot.extensions import read, sqlite_module, write
from edu_pilot.models import Counter
from edu_pilot.services import archive, backup, engines, figures, moving, restore, snapshots
from edu_pilot.services.archive import Unfit
from tests import postgres as postgres_server
from tests.app import Place, at_work, build, copy_sqlite, opened
from tests.factories import Pilot, rows
from tests.people import worker
from tests.trust import runbook
from tests.trust.clusters import Cluster, cluster
from tests.trust.figures import figure, seed, size

POSTGRES = pytest.mark.xdist_group("postgres")


@dataclass(frozen=True)
class Bench:
    """The operator's desk: a key pair, the copy of the keys in the safe, the commands."""

    folder: Path
    commands: Path
    identity: Path
    recipient: str

    def settings(self, data: Path, url: str | None = None) -> dict[str, str]:
        """Give the environment of an installation."""
        known = {"EDU_PILOT_DATA": str(data), "EDU_PILOT_BACKUP_RECIPIENTS": self.recipient, "EDU_PILOT_LANG": "en"}
        return known | ({"EDU_PILOT_DATABASE_URL": url} if url else {})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    commands = runbook.command_folder(tmp_path / "bin")
    identity = tmp_path / "identity.txt"
    text, public = archive.new_identity()
    identity.write_text(text)
    return Bench(tmp_path, commands, identity, public)


def test_the_command_writes_a_key_that_is_taken(tmp_path: Path) -> None:
    data, identity = {"EDU_PILOT_DATA": str(tmp_path / "elsewhere")}, tmp_path / "identity.txt"
    told = runbook.done("new-identity", runbook.command_folder(tmp_path / "bin"), IDENTITY=identity, **data)
    assert RECIPIENT.fullmatch(told.strip()) and told.strip() in identity.read_text()
    assert archive.identity_of(identity.read_text())
    assert identity.stat().st_mode & 0o077 == 0


def filled(place: Place, people: int = 3) -> None:
    """Let some workers come the whole way to the money, and others half of it."""
    with opened(place) as app, at_work(app):
        pilot = Pilot()
        pilot.pay_out(pilot.batch(pilot.approved(pilot.graduated())))
        for n in range(people):
            pilot.complete(worker(n))


def empty(bench: Bench, name: str) -> Path:
    """Give an empty machine's folder."""
    folder = bench.folder / name
    folder.mkdir()
    return folder


# The whole backup


def test_a_backup_comes_back_on_an_empty_machine(
    any_place: Place, request: pytest.FixtureRequest, bench: Bench
) -> None:
    """By the runbook's commands only: counts, sums, 1,000 sampled hashes and the audit head agree."""
    filled(any_place)
    kept = {"BACKUP": bench.folder / "pilot.backup", "FIGURES": bench.folder / "figures.json"}
    runbook.done("backup", bench.commands, **kept, **bench.settings(any_place.data, any_place.url))
    url = request.getfixturevalue("postgres").fresh_database("restored_pilot") if any_place.url else None
    there = bench.settings(empty(bench, "new"), url)
    given = {"KEYS_COPY": any_place.data / "keys", "IDENTITY": bench.identity}
    engine = "postgresql" if url else "sqlite"
    with figure("G17", seed("G17"), f"full {engine}") as told:
        answer = runbook.done("restore", bench.commands, **kept, **given, **there)
        taken = json.loads(kept["FIGURES"].read_text())
        told(rows=sum(taken["rows"].values()), samples=len(taken["samples"]), entries=taken["head"]["number"])
    assert "All figures agree." in answer and "All is well: Yes" in answer
    assert sum(taken["sums"].values()) > 0 and len(taken["samples"]) >= 5


def test_the_files_come_back_byte_for_byte(sqlite_place: Place, bench: Bench) -> None:
    filled(sqlite_place)
    path = made(sqlite_place, bench)
    target = empty(bench, "new")
    back(path, bench, target, sqlite_place.data / "keys")
    old = {p.relative_to(sqlite_place.data): p.read_bytes() for p in (sqlite_place.data / "store").rglob("*.pdf")}
    new = {p.relative_to(target): p.read_bytes() for p in (target / "store").rglob("*.pdf")}
    assert old and old == new


def made(place: Place, bench: Bench, name: str = "pilot.backup", **how: Any) -> Path:
    """Write a backup sealed to the bench's key."""
    with opened_with(place, bench.recipient) as app, at_work(app):
        return backup.make(bench.folder / name, **how).path


@contextmanager
def opened_with(place: Place, recipient: str) -> Iterator[Flask]:
    """Give the application with a public key in its settings."""
    with opened(place) as app:
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], backup_recipients=(recipient,))
        yield app


def back(path: Path, bench: Bench, data: Path, keys: Path | None, identity: str | None = None) -> restore.Restored:
    """Restore into a folder."""
    if keys:
        shutil.copytree(keys, data / "keys")
    app = build(Place(data))
    with app.app_context():
        return restore.restore(path, identity or bench.identity.read_text())


@pytest.fixture
def archived(sqlite_place: Place, bench: Bench) -> Path:
    """Give a sealed backup of a small installation."""
    with opened(sqlite_place) as app, at_work(app):
        Pilot().complete()
    return made(sqlite_place, bench)


def left(data: Path) -> set[str]:
    """Give what a refused restore has left in a folder."""
    return {str(p.relative_to(data)) for p in data.rglob("*") if p.is_file()} - {process.IN_USE}


def test_another_key_does_not_open_it(archived: Path, bench: Bench) -> None:
    target = empty(bench, "new")
    with pytest.raises(Unfit) as refused:
        back(archived, bench, target, None, archive.new_identity()[0])
    assert refused.value.code == "archive_sealed" and left(target) == set()


@pytest.mark.parametrize("sealed", [True, False])
def test_a_cut_or_altered_backup_is_refused(sqlite_place: Place, bench: Bench, sealed: bool) -> None:
    with opened(sqlite_place) as app, at_work(app):
        Pilot().complete()
        if not sealed:
            backup.make(bench.folder / "pilot.backup")
    path = made(sqlite_place, bench) if sealed else bench.folder / "pilot.backup"
    whole = path.read_bytes()
    draw = random.Random(seed("G17"))
    with figure("G17", seed("G17"), f"damaged {'sealed' if sealed else 'plain'}") as told:
        refused = 0
        for n in range(10 * size("G17")):
            at = draw.randrange(512, len(whole) - 20_480)
            damaged = whole[:at] if n % 2 else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            refused += not opens(damaged, bench)
        told(damaged=10 * size("G17"), refused=refused)
    assert opens(whole, bench)
    assert refused == 10 * size("G17")


def opens(content: bytes, bench: Bench) -> bool:
    """Whether an archive is taken for whole; padding between members belongs to nobody."""
    path = bench.folder / "damaged"
    path.write_bytes(content)
    try:
        with archive.opened(path, bench.identity.read_text(), bench.folder):
            return True
    except Unfit:
        return False


def test_it_goes_into_an_empty_place_only(archived: Path, sqlite_place: Place, bench: Bench) -> None:
    before = (sqlite_place.data / "edu-pilot.db").read_bytes()
    app = build(sqlite_place)
    with app.app_context(), pytest.raises(Unfit) as refused:
        restore.restore(archived, bench.identity.read_text())
    assert refused.value.code == "not_empty"
    assert (sqlite_place.data / "edu-pilot.db").read_bytes() == before


def test_without_its_keys_or_with_others_it_is_refused(
    archived: Path, sqlite_place: Place, bench: Bench, tmp_path: Path
) -> None:
    target = empty(bench, "new")
    with pytest.raises(Unfit) as refused:
        back(archived, bench, target, None)
    assert refused.value.code == "keys_missing" and left(target) == set()
    others = tmp_path / "others"
    shutil.copytree(sqlite_place.data / "keys", others)
    (others / "signing").write_bytes(os.urandom(32))
    with pytest.raises(Unfit) as refused:
        back(archived, bench, empty(bench, "other"), others)
    assert refused.value.code == "keys_differ"
    sent = [path.relative_to(others) for path in others.rglob("*") if path.is_file()]
    assert left(bench.folder / "other") == {f"keys/{path}" for path in sent}


def test_keys_travel_only_when_asked_for_and_sealed(sqlite_place: Place, bench: Bench) -> None:
    with opened(sqlite_place) as app, at_work(app), pytest.raises(Unfit) as refused:
        backup.make(bench.folder / "open.backup", with_keys=True)
    assert refused.value.code == "recipients_missing" and not (bench.folder / "open.backup").exists()
    path = made(sqlite_place, bench, with_keys=True)
    target = empty(bench, "new")
    assert back(path, bench, target, None).audit_ok
    folder = sqlite_place.data / "keys"
    kept = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    assert {Path("signing"), Path("issuer"), Path("public/issuer.1.pem")} <= set(kept)
    for key in kept:
        assert (target / "keys" / key).read_bytes() == (folder / key).read_bytes()
        assert (folder / key).read_bytes() not in path.read_bytes()


def test_a_restored_row_that_is_another_is_noticed(archived: Path, bench: Bench, sqlite_place: Place) -> None:
    """The figures are compared before the database comes into being."""
    with archive.opened(archived, bench.identity.read_text(), bench.folder) as found:
        kept = dict(found.manifest["figures"])
    with opened(sqlite_place) as app, at_work(app):
        with read() as conn:
            assert figures.differences(conn, kept) == []
        with write() as conn:
            conn.execute(Counter.__table__.insert().values(series="planted", value=1))
        with read() as conn:
            assert figures.differences(conn, kept) == ["rows counter"]


# Back to an instant: SQLite


def test_a_county_goes_back_to_the_last_snapshot(sqlite_place: Place, bench: Bench) -> None:
    """By the runbook's commands only."""
    folder = sqlite_place.data / "snapshots"
    kept: list[tuple[datetime, dict[str, Any]]] = []
    with opened_with(sqlite_place, bench.recipient) as app, at_work(app):
        pilot = Pilot()
        for n in range(size("G17") + 1):
            pilot.complete(worker(n))
            snapshots.take()
            with read() as conn:
                kept.append((datetime.now(UTC), figures.taken(conn)))
            pilot.registered(worker(100 + n))
    at, recorded = random.Random(seed("G17")).choice(kept[:-1])
    target = empty(bench, "new")
    given = {"KEYS_COPY": sqlite_place.data / "keys", "IDENTITY": bench.identity, "SNAPSHOTS": folder}
    with figure("G17", seed("G17"), "instant sqlite") as told:
        runbook.done("restore-snapshot", bench.commands, **given, INSTANT=at.isoformat(), **bench.settings(target))
        told(snapshots=len(kept), rows=sum(recorded["rows"].values()))
    with opened(Place(target)) as app, at_work(app):
        with read() as conn:
            assert figures.differences(conn, recorded) == []
        assert all((target / "store" / row["store_key"]).exists() for row in rows("paper"))


def test_a_payment_step_is_snapped_at_once_and_a_quiet_county_not_at_all(app: Flask) -> None:
    keeper, pilot = snapshots.Keeper(), Pilot()
    claim = pilot.approved(pilot.graduated())
    assert keeper.round()
    assert not keeper.round()
    pilot.registered(worker(1))
    assert not keeper.round(), "five minutes have not gone by"
    pilot.batch(claim)
    assert keeper.round()


def test_snapshots_thin_out_to_days_and_months(tmp_path: Path) -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    stamps = ["20260331T110000000000Z", "20260330T130000000000Z", "20260320T010000000000Z", "20260320T020000000000Z",
              "20260101T010000000000Z", "20260105T010000000000Z", "20250101T010000000000Z"]  # fmt: skip
    for stamp in stamps:
        (tmp_path / f"{stamp}.snapshot").touch()
    (tmp_path / "letter.txt").touch()
    assert snapshots.thin_out(tmp_path, now) == 3
    left = {path.name.removesuffix(".snapshot") for path in tmp_path.iterdir()}
    assert left == {stamps[0], stamps[1], stamps[3], stamps[5], "letter.txt"}


# Back to an instant: PostgreSQL


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Give a cluster of this test's own."""
    bin_folder = postgres_server.programs()
    if bin_folder is None:
        pytest.skip(postgres_server.WITHOUT_SERVER)
    if shutil.which("age") is None:
        pytest.skip("no age on this machine; install it: apt-get install -y --no-install-recommends age")
    with cluster(bin_folder) as made:
        yield made


def block(made: Cluster, name: str, **variables: object) -> None:
    """Run a block of the runbook as the cluster's account."""
    made.run("bash", "-c", "set -eu\n" + runbook.blocks()[name], **{k: str(v) for k, v in variables.items()})


@POSTGRES
def test_a_database_goes_back_to_the_second(own_cluster: Cluster, sqlite_place: Place, bench: Bench) -> None:
    """By the runbook's commands only; what was written after the instant is absent."""
    made_, url = own_cluster, own_cluster.url("pilot")
    store_copy, stash = made_.own(made_.home / "archive"), {"RECIPIENT": bench.recipient}
    stash["ARCHIVE"] = str(store_copy)
    made_.sql("CREATE DATABASE pilot TEMPLATE template0")
    block(made_, "pg-prepare", **stash)
    made_.stop()
    made_.start()
    # A county moves in, so that there is something to lose.
    filled(sqlite_place, people=1)
    runbook.done("migrate-to", bench.commands, DATABASE_URL=url, **bench.settings(sqlite_place.data))
    place = Place(sqlite_place.data, url.replace("postgresql:", "postgresql+psycopg:"))
    block(made_, "pg-base", **stash)
    kept = []
    with opened(place) as app, at_work(app):
        pilot = Pilot()
        for n in range(size("G17") + 1):
            pilot.registered(worker(50 + n))
            with read() as conn:
                kept.append((datetime.now(UTC), figures.taken(conn)))
            time.sleep(0.05)
        mirror = bench.folder / "mirror"
        assert snapshots.mirror(mirror, [row["store_key"] for row in rows("paper")]) == []
    made_.sql("SELECT pg_switch_wal()")
    settled(made_)
    made_.stop("immediate")
    at, recorded = random.Random(seed("G17")).choice(kept[:-1])
    with figure("G17", seed("G17"), "instant postgresql") as told:
        lost = made_.data.rename(made_.home / "lost")
        identity = shutil.copy(bench.identity, made_.home)
        shutil.chown(identity, made_.owner)
        block(made_, "pg-restore", **stash, IDENTITY=identity, INSTANT=at.strftime("%Y-%m-%d %H:%M:%S.%f+00"))
        told(instants=len(kept), rows=sum(recorded["rows"].values()), lost=lost.exists())
    target = empty(bench, "new")
    given = {"KEYS_COPY": sqlite_place.data / "keys", "IDENTITY": bench.identity, "SNAPSHOTS": bench.folder / "mirror"}
    runbook.done("pg-files", bench.commands, **given, **bench.settings(target, url))
    with opened(Place(target, place.url)) as app, at_work(app), read() as conn:
        assert figures.differences(conn, recorded) == []


def settled(made: Cluster) -> None:
    """Wait until the archive has everything that was switched away."""
    patience = time.monotonic() + 30
    while (
        made.sql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_stat_archiver") != "t"
    ):
        assert time.monotonic() < patience, made.sql("SELECT * FROM pg_stat_archiver")
        time.sleep(0.1)


# From SQLite to PostgreSQL


@POSTGRES
def test_a_county_moves_whole_and_leaves_its_file_aside(
    sqlite_place: Place, postgres: postgres_server.Server, bench: Bench
) -> None:
    filled(sqlite_place)
    with opened(sqlite_place) as app, at_work(app), read() as conn:
        kept = figures.taken(conn)
    url = postgres.fresh_database("moved_pilot")
    here = bench.settings(sqlite_place.data)
    runbook.done("migrate-to", bench.commands, DATABASE_URL=url, **here)
    with opened(Place(sqlite_place.data, url)) as app, at_work(app):
        with read() as conn:
            assert figures.differences(conn, kept) == []
        Pilot().registered(worker(30))
    assert not (sqlite_place.data / "edu-pilot.db").exists()
    again = runbook.run("migrate-to", bench.commands, DATABASE_URL=url, **here)
    assert again.returncode == 2 and "has moved to PostgreSQL" in again.stderr


@POSTGRES
def test_a_county_at_work_or_a_filled_target_is_refused(sqlite_place: Place, postgres: postgres_server.Server) -> None:
    url = postgres.fresh_database("target_of_somebody_else")
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    engine.dispose()
    with opened(sqlite_place) as app, app.app_context():
        with pytest.raises(Unfit) as refused:
            moving.move(url)
        assert refused.value.code == "not_empty"
        with busy(sqlite_place), pytest.raises(Unfit) as refused:
            moving.move(postgres.fresh_database("target_of_a_busy_county"))
        assert refused.value.code == "at_work"
    assert (sqlite_place.data / "edu-pilot.db").exists()


@POSTGRES
@pytest.mark.parametrize("fails", [False, True])
def test_whoever_waits_to_write_is_not_told_that_it_was_written(
    sqlite_place: Place, postgres: postgres_server.Server, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """A command of another process waits for the write lock while the county moves."""
    url, file = postgres.fresh_database(f"target_of_a_waiter_{fails}".lower()), sqlite_place.data / "edu-pilot.db"
    told: list[str] = []

    def waits() -> None:
        conn = sqlite_module().connect(str(file), timeout=30, isolation_level=None)
        try:
            conn.execute("BEGIN IMMEDIATE")
            conn.execute("UPDATE account SET handed_to = 'LOST' WHERE name = 'xu.ning'")
            conn.execute("COMMIT")
            told.append("written")
        except sqlite_module().DatabaseError as error:
            told.append(str(error))
        finally:
            conn.close()

    waiter, copied = threading.Thread(target=waits), moving._copied

    def copied_while_one_waits(*given: Any) -> dict[str, int]:
        counted = copied(*given)
        waiter.start()
        time.sleep(0.3)
        if fails:
            # Found at the target's commit, when the file is closed already.
            engines.driver(given[1]).close()
        return counted

    monkeypatch.setattr(moving, "_copied", copied_while_one_waits)
    with opened(sqlite_place) as app, at_work(app):
        if fails:
            with pytest.raises(Unfit) as refused:
                moving.move(url)
            assert refused.value.code == "target_away"
            Pilot().registered()
        else:
            moving.move(url)
    waiter.join()
    assert told == [moving.CLOSED] or fails
    if fails:
        # The file is open again: the waiter came before or after that, and was told the truth.
        with opened(sqlite_place) as app, at_work(app):
            kept = rows("account", name="xu.ning")[0]["handed_to"]
        assert (kept == "LOST") is (told == ["written"])
    assert file.exists() is fails


def busy(place: Place) -> AbstractContextManager[None]:
    """Give what a server holds as long as it runs."""
    return process.alone(place.data)


def test_a_copy_of_a_copy_is_told_from_its_like(sqlite_template: Place, tmp_path: Path) -> None:
    """Two installations made alike differ in nothing that the figures see, until one is written to."""
    first, second = (copy_sqlite(sqlite_template, tmp_path / name) for name in ("a", "b"))
    with opened(first) as app, at_work(app), read() as conn:
        kept = figures.taken(conn)
    with opened(second) as app, at_work(app):
        Pilot().registered()
        with read() as conn:
            assert "rows application" in figures.differences(conn, kept)
