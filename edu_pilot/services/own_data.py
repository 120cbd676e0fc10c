"""A copy of everything kept of a person, for that person: to read, to hand on, without the data of others (edge 69)."""

from __future__ import annotations

import html
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection

from edu_pilot import clock, i18n
from edu_pilot.extensions import read, write
from edu_pilot.services import audit, cases, documents, erasure, look_ups, papers, policies, presenting, store
from edu_pilot.services.actors import STUDENT, require_role
from edu_pilot.services.actors import student as student_actor
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.erasure import Whole
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import Actor

# Facts that name others, or that offices keep for themselves.
OF_OTHERS = ("checks", "created_by", "batch")
# Papers of somebody else that lie with the record.
FILES_OF_OTHERS = ("objection",)
# When every file was written does not matter, and the same data give the same archive.
STAMP = (2022, 1, 1, 0, 0, 0)
STYLE = "body{font:16px/1.6 sans-serif;max-width:50em;margin:2em auto}td,th{text-align:left;padding:.2em 1em .2em 0}"


def export(reference: str, actor: Actor) -> bytes:
    """Return the archive for a person: data.json, index.html, papers and files; who made it stands on record.

    Raises NotFound, Forbidden for a role that may not hand out a person's data.
    """
    with read() as conn:
        about = erasure.whole(conn, reference)
        _require_own(conn, about, actor)
        records = _records(conn, about)
        told = [_told(conn, case, about) for case in records]
        person = _person(records, about)
        files = list(_files(conn, records))
    _keep(records[0], actor)
    data = {"made_on": clock.today().isoformat(), "person": person, "records": told}
    return _zipped(data, files)


def reference_of(conn: Connection, person_key: str) -> str:
    """Return a reference of the person who holds a key; NotFound if there is none."""
    records = cases.table("application")
    found = conn.execute(records.select().where(records.c.id_index == person_key)).mappings().first()
    if found is None:
        raise NotFound("person")
    return str(found["reference"])


def _require_own(conn: Connection, about: Whole, actor: Actor) -> None:
    policy = policies.in_force(conn, clock.today()).policy
    roles = tuple(policy.find("retention.by", ()))
    if actor.roles == {STUDENT}:
        if actor.person_key is None or about.key != actor.person_key:
            raise NotFound(about.records[0][1]["reference"])
    else:
        require_role(actor, roles)


def _records(conn: Connection, about: Whole) -> list[Case]:
    found: list[Case] = []
    for workflow in erasure.WORKFLOWS:
        found += cases.batch_of(conn, vault(), workflow, about.of(workflow))
    return found


def _person(records: list[Case], about: Whole) -> dict[str, Any]:
    if about.person is None:
        first = records[0]
        return {
            "name": first.name,
            "id_number": first.id_number,
            "phone": first.phone,
            "birth_on": _plain(first.birth_on),
        }
    row, opener = about.person, vault()
    opened = {name: opener.open(f"person.{name}", row["id"], row[name]) for name in ("id_number", "phone")}
    dates = {name: _plain(row[name]) for name in ("birth_on", "restricted_on", "erased_on")}
    return {"name": row["name"], **opened, "sex": row["sex"], **dates}


def _told(conn: Connection, case: Case, about: Whole) -> dict[str, Any]:
    version = policies.of(conn, case.policy_version_id)
    current = policies.in_force(conn, clock.today()).policy
    found = presenting.facts(case, version.policy, student_actor(about.key or ""), current)
    facts = {name: value for name, value in found.items() if name not in OF_OTHERS}
    if case.workflow == "claim":
        facts["account_number"] = case.account_number
    told = presenting.as_json(presenting.Shown(case, version, facts, ()))
    del told["offers"]
    return told | {
        "history": _history(conn, case, about),
        "documents": [_paper(row) for row in documents.of_record(conn, case.workflow, case.id) if row["person_id"]],
        "files": [
            {"kind": row["kind"], "size": row["size"], "sha256": row["sha256"], "erased": row["erased_at"] is not None}
            for row in papers.of_record(conn, case)
        ],
    }


def _history(conn: Connection, case: Case, about: Whole) -> list[dict[str, Any]]:
    """The steps, without the names of the office's people: each is the office's, or the person's own."""
    entries = presenting.history(conn, case, student_actor(about.key or ""))
    return [entry | {"actor": STUDENT if entry["actor"] == STUDENT else "office"} for entry in entries]


def _paper(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"number": row["number"], "kind": row["kind"], "issued_on": _plain(row["issued_on"])}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _files(conn: Connection, records: list[Case]) -> Iterator[tuple[str, str]]:
    """Yield (name in the archive, key in the store) of every paper and file that is the person's own."""
    for case in records:
        kinds = _read_by_students(policies.of(conn, case.policy_version_id).compiled.documents)
        for row in documents.of_record(conn, case.workflow, case.id):
            if row["person_id"] and row["store_key"] and row["kind"] in kinds:
                yield f"documents/{row['number']}.pdf", row["store_key"]
        for n, row in enumerate(papers.of_record(conn, case), 1):
            if row["store_key"] and row["kind"] not in FILES_OF_OTHERS:
                ending = row["media_type"].rpartition("/")[2]
                yield f"files/{case.reference}-{n}-{row['kind']}.{ending}", row["store_key"]


def _read_by_students(kinds: Mapping[str, Any]) -> set[str]:
    return {name for name, kind in kinds.items() if STUDENT in kind.readers}


def _keep(case: Case, actor: Actor) -> None:
    with write() as conn:
        look_ups.keep(conn, actor, look_ups.EXPORT, case, "everything")
        audit.append(conn, [audit.Entry(actor.name, "person", case.reference, "export")])


def _zipped(data: Mapping[str, Any], files: list[tuple[str, str]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "data.json", json.dumps(data, ensure_ascii=False, indent=1).encode())
        _add(archive, "index.html", _page(data).encode())
        for name, key in files:
            _add(archive, name, store.store().get(key))
    return target.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, STAMP), content, zipfile.ZIP_DEFLATED)


# To be read by people


def _page(data: Mapping[str, Any]) -> str:
    title = i18n.translate(N_("What is kept about you"))
    parts = [f"<h1>{html.escape(title)}</h1>", _table(data["person"])]
    for record in data["records"]:
        parts.append(f"<h2>{html.escape(record['reference'])} · {html.escape(record['state'])}</h2>")
        parts.append(_table(record["facts"]))
        parts.append(f"<h3>{html.escape(i18n.translate(N_('What happened')))}</h3>")
        parts += [_table({k: e[k] for k in ("on", "action", "actor", "input")}) for e in record["history"]]
    head = f'<!doctype html><html lang="{i18n.language()}"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f"{head}<style>{STYLE}</style>{''.join(parts)}</html>"


def _table(values: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(_text(value))}</td></tr>"
        for name, value in values.items()
        if value not in (None, "", [], {})
    )
    return f"<table>{''.join(rows)}</table>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
