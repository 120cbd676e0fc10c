"""A trail to tamper with: one small world built once, copied for every tampering, and the nine ways to lie."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edu_pilot.extensions import read, sqlite_module
from edu_pilot.services import anchors, audit, audit_export, verification
from edu_pilot.services.anchors import Anchor
from edu_pilot.services.canonical import canonical, chained
from edu_pilot.services.vault import vault
from tests.app import Place, at_work, opened
from tests.factories import Pilot
from tests.people import worker

VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_audit.py"
# What a verifier says: the first bad number and why; (None, None) where all is in order.
Found = tuple[int | None, str | None]


@dataclass(frozen=True)
class World:
    """A database without its triggers, as somebody with its password has it, and what was kept outside."""

    file: Path
    early: Path
    early_entries: int
    export: Path
    kept: Anchor
    public_key: bytes
    private_key: Ed25519PrivateKey
    heads: tuple[int, ...]
    anchors: int

    @property
    def entries(self) -> int:
        """Give the number of the newest entry."""
        return self.kept.number

    @property
    def keys(self) -> anchors.Keys:
        """Give the public key as the verifiers take it."""
        return {self.kept.key_id: self.public_key}


def build(place: Place, folder: Path) -> World:
    """Let some workers go their way, with an anchor now and then, and a whole claim to its payment."""
    with opened(place) as app, at_work(app):
        pilot = Pilot()
        for n in range(8):
            pilot.admitted(worker(n))
            anchors.make_now()
        early = snapshot(place, folder / "early.db")
        early_entries = newest()
        pilot.paid(pilot.graduated())
        pilot.registered(worker(20))
        kept = anchors.make_now()
        file = snapshot(place, folder / "world.db")
        with read() as conn:
            made = anchors.kept(conn)
            (folder / "world.jsonl").write_text("".join(f"{one}\n" for one in audit_export.lines(conn)), "utf-8")
        heads = tuple(sorted({anchor.number for anchor in made}))
        public, private = vault().public_key, vault().signing
        (folder / "key.pem").write_text(verification.public_pem(public))
        (folder / "anchor.json").write_text(json.dumps(vars(kept)))
    return World(file, early, early_entries, folder / "world.jsonl", kept, public, private, heads, len(made))


def newest() -> int:
    """Give the number of the newest entry of the application at work."""
    with read() as conn:
        return int(audit.head(conn)["number"])


def snapshot(place: Place, target: Path) -> Path:
    """Copy the database as it stands into one file without triggers."""
    source, copy = sqlite_module().connect(str(place.data / "edu-pilot.db")), sqlite_module().connect(str(target))
    source.backup(copy)
    copy.execute("PRAGMA journal_mode=DELETE")
    for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        copy.execute(f"DROP TRIGGER {name}")
    copy.commit()
    copy.close()
    source.close()
    return target


# The two verifiers


def by_program(file: Path, kept: Mapping[str, Any] | None, keys: anchors.Keys) -> Found:
    """Ask `audit verify`."""
    engine = sa.create_engine(f"sqlite:///{file}", module=sqlite_module(), poolclass=sa.pool.NullPool)
    with engine.connect() as conn:
        verdict = audit.verify(conn, kept, keys)
    return verdict.first_bad, verdict.reason


def verifier() -> ModuleType:
    """Load the verifier that knows nothing of this program."""
    spec = importlib.util.spec_from_file_location("verify_audit", VERIFIER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_audit"] = module
    spec.loader.exec_module(module)
    return module


def by_stranger(module: ModuleType, file: Path, kept: Mapping[str, Any] | None, keys: anchors.Keys) -> Found:
    """Ask the independent verifier, in this process for speed."""
    link = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        fault = module.Trail(keys, kept, True).walk(module.from_database(link.execute))
    finally:
        link.close()
    return fault or (None, None)


# The nine ways; each changes a copy and tells what must be found

Tampering = Callable[["Copy"], Found]


@dataclass(eq=False)
class Copy:
    """One copy of the world in the hands of a liar."""

    world: World
    file: Path
    chance: random.Random

    @cached_property
    def link(self) -> sqlite3.Connection:
        """Open the copy; that it lasts through a power cut is no matter here."""
        link = sqlite3.connect(self.file)
        link.execute("PRAGMA synchronous=OFF")
        link.row_factory = sqlite3.Row
        return link

    def close(self) -> None:
        """Let everything stand in the file."""
        self.link.commit()
        self.link.close()

    def run(self, *statements: tuple[str, tuple[Any, ...]] | str) -> None:
        """Write past every guard."""
        for statement in statements:
            self.link.execute(*([statement] if isinstance(statement, str) else statement))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Give a table's rows in order of their numbers."""
        return [dict(row) for row in self.link.execute(f"SELECT * FROM {table} ORDER BY number")]

    def number(self, first: int = 1, last: int = 0) -> int:
        """Draw an entry."""
        return self.chance.randint(first, last or self.world.entries)

    def head_from(self, number: int) -> int:
        """Give the first anchored number that is not before this one."""
        return min(head for head in self.world.heads if head >= number)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write an entry in place of the one of its number."""
        names = ", ".join(entry)
        marks = ", ".join("?" for _ in entry)
        statement = f"INSERT OR REPLACE INTO audit_entry ({names}) VALUES ({marks})"
        self.run((statement, tuple(entry.values())))

    def chain_from(self, first: int) -> None:
        """Hash everything anew from an entry on, the head with it."""
        previous = ""
        for entry in self.rows("audit_entry"):
            if entry["number"] >= first:
                entry["previous_hash"] = previous or entry["previous_hash"]
                entry["hash"] = chained(entry["previous_hash"], entry["body"])
                self.write(entry)
            previous = entry["hash"]
        self.run(("UPDATE audit_head SET hash = ?", (previous,)))

    def as_another(self, number: int) -> dict[str, Any]:
        """Give an entry in which somebody else acted."""
        entry = self.rows("audit_entry")[number - 1]
        said = json.loads(entry["body"])
        said["actor"] = entry["actor"] = entry["actor"] + "x"
        entry["body"] = canonical(said)
        return entry

    def sign_from(self, first: int, key: Ed25519PrivateKey) -> None:
        """Sign every anchor from an entry on anew, by the hashes that stand there now."""
        hashes = {entry["number"]: entry["hash"] for entry in self.rows("audit_entry")}
        for row in self.rows("audit_anchor"):
            if row["head_number"] >= first:
                told = (row["number"], row["head_number"], hashes[row["head_number"]], row["at"], row["key_id"])
                anchor = Anchor(*told, row["cause"])
                change = "UPDATE audit_anchor SET head_hash = ?, signature = ? WHERE number = ?"
                self.run((change, (anchor.hash, key.sign(anchor.message()).hex(), row["number"])))


def edit(copy: Copy) -> Found:
    """Change one column of one entry."""
    number = copy.number()
    column = copy.chance.choice(
        ("at", "actor", "workflow", "reference", "action", "from_state", "to_state", "body", "previous_hash", "hash")
    )
    value = copy.rows("audit_entry")[number - 1][column]
    new = "2021-01-01T00:00:00.000000Z" if column == "at" else value[:-1] + ("0" if value[-1:] != "0" else "1")
    copy.run((f"UPDATE audit_entry SET {column} = ? WHERE number = ?", (new, number)))
    return number, "content"


def delete_in_the_middle(copy: Copy) -> Found:
    """Delete one entry that others follow."""
    number = copy.number(last=copy.world.entries - 1)
    copy.run(("DELETE FROM audit_entry WHERE number = ?", (number,)))
    return number, "missing"


def delete_the_tail(copy: Copy) -> Found:
    """Delete the last entries and their anchors, and set the head back: only what was kept outside tells."""
    last = copy.number(last=copy.world.entries - 1)
    copy.run(
        ("DELETE FROM audit_entry WHERE number > ?", (last,)),
        ("DELETE FROM audit_anchor WHERE head_number > ?", (last,)),
        ("UPDATE audit_head SET number = ?, hash = (SELECT hash FROM audit_entry WHERE number = ?)", (last, last)),
    )
    return last + 1, "missing"


def insert(copy: Copy) -> Found:
    """Put a sound new entry between two others."""
    number, entries = copy.number(first=2), copy.rows("audit_entry")
    entry = dict(entries[0]) | {"number": number, "workflow": "account", "from_state": "", "to_state": ""}
    said = {name: entry[name] for name in audit.COLUMNS} | {"at": entry["at"], "record_version": 0, "input": {}}
    entry |= {"body": canonical(said), "previous_hash": entries[number - 2]["hash"]}
    entry["hash"] = chained(entry["previous_hash"], entry["body"])
    copy.run(
        ("UPDATE audit_entry SET number = -number - 1 WHERE number >= ?", (number,)),
        "UPDATE audit_entry SET number = -number WHERE number < 0",
        "UPDATE audit_head SET number = number + 1",
    )
    copy.write(entry)
    return (number, "content") if number in copy.world.heads else (number + 1, "order")


def reorder(copy: Copy) -> Found:
    """Let two entries change places."""
    first, second = sorted(copy.chance.sample(range(1, copy.world.entries + 1), 2))
    copy.run(
        ("UPDATE audit_entry SET number = -1 WHERE number = ?", (first,)),
        ("UPDATE audit_entry SET number = ? WHERE number = ?", (first, second)),
        ("UPDATE audit_entry SET number = ? WHERE number = -1", (second,)),
    )
    return first, "order"


def swap_actor(copy: Copy) -> Found:
    """Let somebody else have done it, with the entry's own hash made to fit; only the next one tells."""
    number = copy.number(last=copy.world.entries - 1)
    entry = copy.as_another(number)
    copy.write(entry | {"hash": chained(entry["previous_hash"], entry["body"])})
    return number if number in copy.world.heads else number + 1, "content"


def hash_anew(copy: Copy) -> Found:
    """Change an entry and hash all that follow anew, the head with them: only anchors tell."""
    number = copy.number()
    copy.write(copy.as_another(number))
    copy.chain_from(number)
    return copy.head_from(number), "content"


def replace_an_anchor(copy: Copy) -> Found:
    """Make the anchors fit a trail written anew, or take one away."""
    way = copy.chance.choice(("strange key", "own key", "altered", "one less", "last gone"))
    anchored = copy.rows("audit_anchor")
    one = copy.chance.choice(anchored)
    match way:
        case "strange key" | "own key":
            number = copy.number()
            copy.write(copy.as_another(number))
            copy.chain_from(number)
            own = way == "own key"
            copy.sign_from(number, copy.world.private_key if own else Ed25519PrivateKey.generate())
            # Where even the key is in the liar's hands, the anchor kept outside contradicts.
            return copy.world.entries if own else copy.head_from(number), "anchor"
        case "altered":
            column = copy.chance.choice(("at", "cause", "key_id", "head_hash", "signature"))
            new = "2021-01-01T00:00:00.000000Z" if column == "at" else "0" * len(one[column])
            copy.run((f"UPDATE audit_anchor SET {column} = ? WHERE number = ?", (new, one["number"])))
            return one["head_number"], "anchor"
        case "one less" if one["number"] < len(anchored):
            copy.run(("DELETE FROM audit_anchor WHERE number = ?", (one["number"],)))
            return anchored[one["number"]]["head_number"], "anchor"
        case _:
            copy.run(("DELETE FROM audit_anchor WHERE number = ?", (len(anchored),)))
            return copy.world.entries, "anchor"


def restore_an_old_backup(copy: Copy) -> Found:
    """Put the database of an earlier day in place of today's: sound in itself."""
    shutil.copy(copy.world.early, copy.file)
    return copy.world.early_entries + 1, "missing"


KINDS: tuple[Tampering, ...] = (
    edit,
    delete_in_the_middle,
    delete_the_tail,
    insert,
    reorder,
    swap_actor,
    hash_anew,
    replace_an_anchor,
    restore_an_old_backup,
)
