"""Rotation of keys: a new one is added, what is stored goes under it, the old one is put away, old pages are gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import Connection

from edu_pilot import clock, process
from edu_pilot.extensions import Base, all_rows, db, read, write
from edu_pilot.models import KeyUse
from edu_pilot.models.base import Blind, Sealed
from edu_pilot.services import at_work, audit, issuer, policies, vault
from edu_pilot.services.vault import FIELD, INDEX, ISSUER, RETIRED, SESSION, SIGNING, Keeper, Unreadable, Vault
from edu_pilot.workflow.reasons import N_, Refused, blocked
from edu_pilot.workflow.registry import Actor

USE = KeyUse.__table__
CHUNK = 500
# Sessions signed by the key before the present one are still opened.
SESSIONS_KEPT = 2
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Rotated:
    """What a rotation did: the key now in use, the values it took, those nobody can open, the keys put away."""

    what: str
    key: int
    values: int = 0
    unreadable: int = 0
    retired: tuple[int, ...] = ()
    old_pages_gone: bool = True

    @property
    def complete(self) -> bool:
        """Whether nothing of the old key is left."""
        return self.old_pages_gone and not self.unreadable


def rotate(what: str, actor: Actor, tell: Tell = lambda _done, _all: None) -> Rotated:
    """Put what is stored under a new key of one kind: seal, index, sign, session or issuer.

    One that was broken off goes on where it stopped. Raises Refused or Unfit where it is not possible now.
    """
    return _noted(_ROTATIONS[what](tell), actor)


def _noted(done: Rotated, actor: Actor) -> Rotated:
    keeper().forget()
    with write() as conn:
        audit.append(conn, [audit.Entry(actor.name, "keys", done.what, "rotate", input=_plain(done))])
    return done


def _plain(done: Rotated) -> dict[str, Any]:
    return asdict(done) | {"retired": list(done.retired)}


def keeper() -> Keeper:
    """Return the keeper of this process's keys."""
    found: Keeper = current_app.extensions["vault"]
    return found


def index_keys() -> int:
    """Return how many index keys the stored blind indexes went through."""
    with read() as conn:
        return index_keys_in(conn)


def index_keys_in(conn: Connection) -> int:
    """Return how many index keys the blind indexes of this connection's database went through."""
    return int(conn.execute(sa.select(USE.c.number).where(USE.c.purpose == INDEX)).scalar() or 1)


def _folder() -> Path:
    return keeper().folder


# Sealed values


def _seal(tell: Tell) -> Rotated:
    folder = _folder()
    number = _unfinished(folder) or vault.add_key(folder, FIELD)
    keeper().forget()
    _wait_for_others()
    keys = _with_retired(vault.load(folder, 1))
    values, unreadable = 0, 0
    tables = sealed_tables()
    for place, table in enumerate(tables):
        for taken, failed in _resealed(table, keys):
            values, unreadable = values + taken, unreadable + failed
            tell(place, len(tables))
    tell(len(tables), len(tables))
    retired = () if unreadable or _left(number) else _retire_older(folder, FIELD, 1)
    return Rotated("seal", number, values, unreadable, retired, forget_old_pages(tables))


def _unfinished(folder: Path) -> int | None:
    """Return the newest key if an earlier rotation has not put away the one before."""
    found = vault.numbers(folder, FIELD)
    return found[-1] if len(found) > 1 else None


def _wait_for_others() -> None:
    """Let running processes meet the new key, and what they began before come to its end."""
    with process.alone(current_app.config["SETTINGS"].data) as nobody:
        if nobody and not _others_connected():
            return
    time.sleep(2 * vault.LOOK_SECONDS)
    while _older_transactions():
        time.sleep(vault.LOOK_SECONDS)


_CONNECTED = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
_OLDER = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND xact_start < now() - make_interval(secs => :seconds)"
)


def _others_connected() -> bool:
    if db.engine.dialect.name == "sqlite":
        return False
    db.engine.dispose()
    with read() as conn:
        return bool(conn.execute(_CONNECTED).scalar())


def _older_transactions() -> bool:
    """Whether PostgreSQL still carries out what began before the new key; SQLite has one writer at a time."""
    if db.engine.dialect.name == "sqlite":
        return False
    with read() as conn:
        return bool(conn.execute(_OLDER, {"seconds": 2 * vault.LOOK_SECONDS}).scalar())


def _with_retired(keys: Vault) -> Vault:
    """A value that a straggler sealed with a key put away meanwhile is taken along as well."""
    away = keys.folder / RETIRED
    old = {n: (away / (FIELD if n == 1 else f"{FIELD}.{n}")).read_bytes() for n in vault.numbers(away, FIELD)}
    return replace(keys, sealing=old | dict(keys.sealing))


def sealed_tables() -> list[sa.Table]:
    """Return every table that has a sealed column."""
    return [t for t in Base.metadata.sorted_tables if any(isinstance(c.type, Sealed) for c in t.c)]


def _sealed(table: sa.Table) -> list[sa.Column[Any]]:
    return [c for c in table.c if isinstance(c.type, Sealed)]


def _under_another(table: sa.Table, number: int) -> sa.ColumnElement[bool]:
    """The rows with a value whose first byte names another key; NULL compares to nothing and stays out."""
    first = [sa.func.substr(sa.type_coerce(c, sa.LargeBinary), 1, 1, type_=sa.LargeBinary) for c in _sealed(table)]
    return sa.or_(*(byte != sa.literal(bytes([number]), sa.LargeBinary) for byte in first))


def _left(number: int) -> int:
    with read() as conn:
        queries = (sa.select(sa.func.count()).select_from(t).where(_under_another(t, number)) for t in sealed_tables())
        return sum(int(conn.execute(query).scalar_one()) for query in queries)


def _resealed(table: sa.Table, keys: Vault) -> Iterator[tuple[int, int]]:
    """Put a table's values under the newest key, a commit per chunk; yield how many were taken and how many not."""
    names = list(table.primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        with write() as conn:
            query = sa.select(*names, *_sealed(table)).where(_under_another(table, keys.newest))
            if last is not None:
                query = query.where(sa.tuple_(*names) > sa.tuple_(*last))
            rows = all_rows(conn, query.order_by(*names).limit(CHUNK).with_for_update())
            taken = sum(_reseal(conn, table, keys, row) for row in rows)
        if not rows:
            return
        last = tuple(rows[-1][c.name] for c in names)
        yield taken, len(rows) - taken


def _reseal(conn: Connection, table: sa.Table, keys: Vault, row: Mapping[str, Any]) -> bool:
    names = list(table.primary_key.columns)
    # A value is bound to its table, column and row; a row of several keys is named by all of them.
    own = ":".join(str(row[c.name]) for c in names)
    try:
        fresh = {c.name: _fresh(keys, f"{table.name}.{c.name}", own, row[c.name]) for c in _sealed(table)}
    except Unreadable:
        return False
    conn.execute(table.update().where(*(c == row[c.name] for c in names)).values(fresh))
    return True


def _fresh(keys: Vault, place: str, row: str, blob: bytes | None) -> bytes | None:
    return None if blob is None else keys.seal(place, row, keys.open(place, row, blob))


def _retire_older(folder: Path, purpose: str, kept: int) -> tuple[int, ...]:
    older = vault.numbers(folder, purpose)[:-kept]
    for number in older:
        vault.retire_key(folder, purpose, number)
    return tuple(older)


# Blind indexes


def _index(tell: Tell) -> Rotated:
    """All in one commit: between two halves nobody would be found, and one person would count as two."""
    with _alone():
        folder = _folder()
        if index_keys() == len(vault.numbers(folder, INDEX)):
            vault.add_key(folder, INDEX)
        keys = vault.load(folder)
        tables = blind_tables()
        with write() as conn:
            had, values = index_keys_in(conn), 0
            for place, table in enumerate(tables):
                values += _reindexed(conn, table, keys, had)
                tell(place + 1, len(tables))
            _note_use(conn, len(keys.blind))
        return Rotated("index", len(keys.blind), values, old_pages_gone=forget_old_pages(tables))


@contextmanager
def _alone() -> Iterator[None]:
    """A running process would look people up by the old index: none may be there, on no machine."""
    with at_work.alone(current_app.config["SETTINGS"]):
        if _others_connected():
            raise at_work.in_use()
        yield


def blind_tables() -> list[sa.Table]:
    """Return every table that has a blind index."""
    return [t for t in Base.metadata.sorted_tables if any(isinstance(c.type, Blind) for c in t.c)]


def _reindexed(conn: Connection, table: sa.Table, keys: Vault, had: int) -> int:
    blind = [c for c in table.c if isinstance(c.type, Blind)]
    names = _naming(table)
    rows = all_rows(conn, sa.select(*names, *blind).where(sa.or_(*(c.is_not(None) for c in blind))))
    change = table.update().where(*(c == sa.bindparam(f"own_{c.name}") for c in names))
    fresh = [_fresh_indexes(row, names, blind, keys, had) for row in rows]
    for start in range(0, len(fresh), CHUNK):
        conn.execute(
            change.values({c.name: sa.bindparam(f"new_{c.name}") for c in blind}), fresh[start : start + CHUNK]
        )
    return len(rows)


def _fresh_indexes(
    row: Mapping[str, Any], names: Sequence[Any], blind: Sequence[Any], keys: Vault, had: int
) -> dict[str, Any]:
    own = {f"own_{c.name}": row[c.name] for c in names}
    return own | {f"new_{c.name}": row[c.name] and keys.reindexed(row[c.name], had) for c in blind}


def _naming(table: sa.Table) -> list[sa.Column[Any]]:
    """Return columns that name a row and stay as they are: the key, or a unique column where the key is an index."""
    names = list(table.primary_key.columns)
    if not any(isinstance(c.type, Blind) for c in names):
        return names
    unique = (list(i.columns) for i in table.constraints if isinstance(i, sa.UniqueConstraint))
    return next(columns for columns in unique if not any(isinstance(c.type, Blind) for c in columns))


def _note_use(conn: Connection, number: int) -> None:
    if not conn.execute(USE.update().where(USE.c.purpose == INDEX).values(number=number)).rowcount:
        conn.execute(USE.insert().values(purpose=INDEX, number=number))


# Signatures and sessions


def _sign(_tell: Tell) -> Rotated:
    folder = _folder()
    vault.keep_public(folder)
    number = vault.add_key(folder, SIGNING)
    return Rotated("sign", number, retired=_retire_older(folder, SIGNING, 1))


def _session(_tell: Tell) -> Rotated:
    if current_app.config["SETTINGS"].secret_key:
        text = N_("EDU_PILOT_SECRET_KEY signs the sessions here: put the new secret on a line before the old one.")
        raise Refused([blocked(text, code="secret_is_set")])
    folder = _folder()
    number = vault.add_key(folder, SESSION)
    return Rotated("session", number, retired=_retire_older(folder, SESSION, SESSIONS_KEPT))


def _issuer(_tell: Tell) -> Rotated:
    return _signed_under(issuer.made(_issuer_name()))


def _issuer_name() -> str:
    with read() as conn:
        return str(policies.in_force(conn, clock.today()).policy.get("programme.issuer.zh"))


def _signed_under(pem: bytes) -> Rotated:
    folder = _folder()
    before = vault.numbers(folder, ISSUER)
    return Rotated("issuer", vault.add_issuer(folder, pem), retired=tuple(before))


def require_issuer() -> None:
    """Make the issuer's certificate where there is none yet."""
    if not vault.numbers(_folder(), ISSUER):
        _issuer(lambda _done, _all: None)
        keeper().forget()


def bring_issuer(content: bytes, password: bytes | None, actor: Actor) -> Rotated:
    """Sign documents under a key and certificate from a PKCS#12 or PEM file; UnfitCertificate for anything else."""
    done = _signed_under(issuer.from_file(content, password))
    return _noted(done, actor)


_ROTATIONS: Mapping[str, Callable[[Tell], Rotated]] = {
    "seal": _seal,
    "index": _index,
    "sign": _sign,
    "session": _session,
    "issuer": _issuer,
}
KINDS = tuple(_ROTATIONS)


# Old pages


# A table is rewritten within seconds up to this size; nobody reads it meanwhile. In bytes.
SMALL = 256 * 1024 * 1024
# Nobody waits longer for those who read, in PostgreSQL's own words.
PATIENCE, LOCKED = "10s", "55P03"


def forget_old_pages(tables: Sequence[sa.Table], largest: int | None = None) -> bool:
    """Rewrite what the database keeps of former values; False if somebody read for too long to let them go.

    On PostgreSQL the tables named, and none that has more than `largest` bytes: then it is False as well.
    """
    connection = db.engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        if db.engine.dialect.name == "sqlite":
            driver.execute("VACUUM")
            return bool(driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        # Each of them, whatever became of the one before.
        return sum(_rewritten(driver, table.name, largest) for table in tables) == len(tables)
    finally:
        connection.close()


def _rewritten(driver: Any, table: str, largest: int | None) -> bool:
    """Rewrite one table of PostgreSQL; a large one is only tidied, and its old pages stay until they are used anew."""
    driver.autocommit = True
    try:
        size = driver.execute("SELECT pg_total_relation_size(%s::regclass)", [f'"{table}"']).fetchone()[0]
        small = largest is None or size <= largest
        driver.execute(f"SET lock_timeout = '{PATIENCE if largest else 0}'")
        driver.execute(f'VACUUM {"FULL" if small else ""} "{table}"')
    except Exception as error:  # the driver is there only where PostgreSQL is used
        if getattr(error, "sqlstate", None) != LOCKED:
            raise
        return False
    finally:
        driver.execute("RESET lock_timeout")
        driver.autocommit = False
    return small
