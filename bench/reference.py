"""The same step by hand in the bare driver: the yardstick that `perform` is measured against."""

import hashlib
import json
from datetime import UTC, datetime

IN_FORCE = "SELECT id FROM policy_version ORDER BY holds_from <= ? DESC, number DESC LIMIT 1"
MOVE = "UPDATE {} SET {}=?, version=? WHERE id=? AND state=? AND version=?"
RESERVE = "UPDATE audit_head SET number=number+? WHERE id=1 RETURNING number, hash"
ENTRY = f"INSERT INTO audit_entry VALUES ({', '.join('?' * 12)})"
CLOSE = "UPDATE audit_head SET hash=? WHERE id=1"
NAMES = ("actor", "workflow", "reference", "action", "from_state")


def take(db, step, references, day):
    """Take one step on each record, all in one commit; `db.run` is one statement on the wire."""
    run, entries = db.run, []
    run(db.begin)
    run(IN_FORCE, day).fetchone()
    for reference in references:
        query = f"SELECT * FROM {step.workflow} WHERE reference=?{db.lock}"
        record = run(query, reference).fetchone()
        values = {"state": step.to_state, "since_on": day, **step.by_hand(run, record, day)}
        guard = (record["version"] + 1, record["id"], record["state"], record["version"])
        move = MOVE.format(step.workflow, "=?, ".join(values))
        if run(move, *values.values(), *guard).rowcount != 1:
            raise RuntimeError("lost race")
        entries.append((step.actor.name, step.workflow, reference, step.action, record["state"]))
    head = run(RESERVE, len(entries)).fetchone()
    previous, at = head["hash"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for number, entry in enumerate(entries, head["number"] - len(entries) + 1):
        body = {**dict(zip(NAMES, entry, strict=True)), "number": number, "at": at, "on": day}
        body |= {"to_state": step.to_state, "policy_version": 1, "input": {}, "cause": None}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256((previous + text).encode()).hexdigest()
        run(ENTRY, number, at, *entry, step.to_state, 1, text, previous, digest)
        previous = digest
    run(CLOSE, previous)
    run("COMMIT")
