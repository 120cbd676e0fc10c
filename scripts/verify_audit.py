#!/usr/bin/env python3
"""Check an audit trail of edu-pilot without edu-pilot, from docs/audit-format.md alone; Python 3.11 is enough.

SOURCE: an export, - for one on standard input, an SQLite file, or a postgresql:// address (then psycopg is needed).
Prints one JSON document. Exit code: 0 in order, 1 not in order, 2 could not be read.
"""

import argparse
import base64
import hashlib
import io
import json
import sqlite3
import sys
import time
from pathlib import Path

COLUMNS = ("number", "actor", "workflow", "reference", "action", "from_state", "to_state", "policy_version", "at")
ANCHOR = ("anchor", "number", "hash", "at", "key_id", "cause", "signature")
RECORDS = ("application", "study", "certification", "session", "claim", "payment")
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519 (RFC 8032)
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, d - c, d + c, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    found = (0, 1, 1, 0)
    for bit in f"{number:b}":
        found = add(found, found) if bit == "0" else add(add(found, found), point)
    return found


def point_of(raw):
    y, sign = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if len(raw) != 32 or y >= P or (x * x - square) % P:
        raise ValueError("no point of the curve")
    return (x := x if x & 1 == sign else P - x), y, 1, x * y % P


def signed(key, text, message):
    try:
        signature = bytes.fromhex(text)
        a, r, s = point_of(key), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    except (ValueError, LookupError, TypeError):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(s, point_of(b"X" + b"f" * 31)), add(r, times(h, a))
    equal = not any((left[i] * right[2] - right[i] * left[2]) % P for i in (0, 1))
    return equal and s < ORDER and text == signature.hex()


def from_export(file):  # yields ("head", …), ("anchor", …), ("entry", columns, body, previous, hash), ("record", …)
    for line in file:
        if line.startswith('{"entry":'):
            yield "entry", None, line[9:-76], None, line[-67:-3]
            continue
        value = json.loads(line)
        kind = next(kind for kind in ("format", "anchor", "record", "end") if kind in value)
        yield ("head", value["head"]) if kind == "format" else (kind, value)


def from_database(execute):
    yield "head", dict(zip(("number", "hash"), next(iter(execute("SELECT number, hash FROM audit_head"))), strict=True))
    for row in execute(
        "SELECT number, head_number, head_hash, at, key_id, cause, signature FROM audit_anchor ORDER BY 1"
    ):
        yield "anchor", dict(zip(ANCHOR, row, strict=True))
    for row in execute(f"SELECT {', '.join(COLUMNS)}, body, previous_hash, hash FROM audit_entry ORDER BY number"):
        yield "entry", row[:-3], *row[-3:]
    for table in RECORDS:
        for row in execute(f"SELECT reference, state, version FROM {table}"):
            yield "record", dict(zip(("workflow", "record", "state", "version"), (table, *row), strict=True))
    yield "end", None


def opened(source):
    if source.startswith("postgresql"):
        import psycopg

        link = psycopg.connect(source.replace("+psycopg", ""))
        link.read_only, link.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
        return from_database(lambda text: link.cursor(f"c{abs(hash(text))}").execute(text))
    file = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115 (read to the end of the program)
    if file.peek(15)[:15] == b"SQLite format 3":
        link = sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)
        link.execute("BEGIN")
        return from_database(link.execute)
    return from_export(io.TextIOWrapper(file, "utf-8", newline="\n"))


class Trail:
    def __init__(self, keys, kept, states):
        self.keys, self.kept, self.states = keys, kept, states
        self.number, self.hash, self.anchors, self.records = 0, "0" * 64, 0, 0
        self.heads, self.missed = ({kept["number"]: {kept["hash"]}}, "anchor" in kept) if kept else ({}, False)
        self.broken, self.standing, self.wrong, self.last, self.newest = set(), {}, [], 0, 0

    def head(self, told):
        self.top = told["number"], told["hash"]

    def anchor(self, anchor):
        told = {name: anchor[name] for name in sorted(ANCHOR[:-1])}
        message = b"edu-pilot anchor\0" + json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        genuine = not self.keys or signed(self.keys.get(anchor["key_id"]), anchor["signature"], message)
        self.anchors += 1
        self.missed = self.missed and anchor != self.kept
        following = anchor["anchor"] == self.last + 1 and anchor["number"] >= self.newest
        self.last, self.newest = anchor["anchor"], max(self.newest, anchor["number"])
        if genuine and following:
            self.heads.setdefault(anchor["number"], set()).add(anchor["hash"])
        else:
            self.broken.add(anchor["number"])

    def entry(self, columns, body, previous, digest):
        number = self.number + 1
        if columns and columns[0] != number:
            return number, "missing"
        if number in self.broken or (self.missed and number == self.kept["number"]):
            return number, "anchor"
        fine = hashlib.sha256((self.hash + body).encode()).hexdigest() == digest and previous in (None, self.hash)
        told = json.loads(body) if self.states or columns or not fine else {"number": number}
        if told["number"] != number:  # an export has no column beside the body that says where an entry stood
            own = hashlib.sha256(f"{previous}{body}".encode()).hexdigest() == digest
            return number, "order" if own else "content" if columns else "missing"
        same = columns in (None, tuple(map(told.get, COLUMNS))) and self.heads.get(number) in (None, {digest})
        if not fine or not same:
            return number, "content"
        if self.states and not self.moved(told, number):
            return number, "state"
        self.number, self.hash = number, digest

    def moved(self, told, number):
        key, version, to = (told["workflow"], told["reference"]), told["record_version"], told["to_state"]
        state, before, _ = self.standing.get(key, ("", 0, 0))
        still = told["from_state"] == to
        note = version == 0 and still and to in ("", state)
        self.standing[key] = (state, before, number) if note else (to, version, number)
        sound = version == before + 1 or (still and version == before > 0)
        return note or (told["from_state"] == state and sound)

    def record(self, record):
        self.records += 1
        state, version, number = self.standing.pop((record["workflow"], record["record"]), ("", 0, 0))
        if (state, version) != (record["state"], record["version"]):
            self.wrong.append(number)

    def end(self, _told):
        if max(self.top[0], *self.heads, 0) > self.number:
            return self.number + 1, "missing"
        if self.broken or self.missed:
            return self.number + 1, "anchor"
        if self.top != (self.number, self.hash):
            return min(self.number, self.top[0] + 1), "content"
        self.wrong += [number for _, version, number in self.standing.values() if version]
        return (min(self.wrong) or None, "state") if self.wrong and self.states else None

    def walk(self, items):
        for kind, *what in items:
            try:
                fault = getattr(self, kind)(*what)
            except (ValueError, LookupError, TypeError, AttributeError):  # what cannot be read
                fault = self.number + 1, "content"
            if fault or kind == "end":
                return fault
        return self.number + 1, "missing"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--key", action="append", default=[], help="public key in PEM, kept outside; may be repeated")
    parser.add_argument("--head", help="a head or an anchor, kept outside")
    parser.add_argument("--chain-only", action="store_true", help="hashes and anchors alone, no states")
    given, start = parser.parse_args(), time.perf_counter()
    try:
        keys = [base64.b64decode("".join(Path(key).read_text().split("\n")[1:-2]))[-32:] for key in given.key]
        kept = json.loads(Path(given.head).read_text()) if given.head else None
        trail = Trail({hashlib.sha256(key).hexdigest()[:8]: key for key in keys}, kept, not given.chain_only)
        fault = trail.walk(opened(given.source))
    except (OSError, ValueError, LookupError, StopIteration, sqlite3.Error) as problem:
        parser.error(f"{given.source}: cannot be read ({problem!r})")
    pace, (first, reason) = round(trail.number / (time.perf_counter() - start)), fault or (None, None)
    found = {"ok": not fault, "entries": trail.number, "records": trail.records, "first_bad": first, "reason": reason}
    more = {"anchors": trail.anchors, "signatures_checked": bool(keys), "entries_a_second": pace}
    print(json.dumps(found | more))
    sys.exit(1 if fault else 0)


if __name__ == "__main__":
    main()
