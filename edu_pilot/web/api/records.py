"""Records: lists, one record, its birth, its steps, its history and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from edu_pilot.extensions import read
from edu_pilot.services import look_ups, outbox, papers, presenting, search
from edu_pilot.services.cases import Case, NotFound
from edu_pilot.services.idempotency import Deed
from edu_pilot.services.perform import create, in_force, unit_of, version_of
from edu_pilot.services.search import Wanted
from edu_pilot.services.unit import Unit
from edu_pilot.web import access, files
from edu_pilot.web.api import schemas
from edu_pilot.web.api.views import View, api, json_body, malformed, reply, says
from edu_pilot.workflow.reasons import Malformed

RECORD = "/records/<workflow>/<reference>"
FILE_COLUMNS = ("id", "kind", "media_type", "size", "sha256", "uploaded_by")
AN_OBJECT = {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}


def record_reply(workflow: str, reference: str, status: int = 200) -> Response:
    """Return a record as the caller sees it now."""
    with read() as conn:
        case = search.get(conn, workflow, reference, access.actor())
        data = presenting.as_json(presenting.show(conn, case, access.actor()))
    address = url_for("api.record", workflow=workflow, reference=reference)
    return reply(data, status, **({"Location": address} if status == 201 else {}))


def listed(conn: Connection, found: Sequence[Case]) -> list[dict[str, Any]]:
    """Return records as lists show them: without offers, whose rules would be asked for each."""
    unit = unit_of(conn, access.actor())
    return [_listed(case, unit) for case in found]


def _listed(case: Case, unit: Unit) -> dict[str, Any]:
    version, current = version_of(unit, case), in_force(unit)
    facts = presenting.facts(case, version.policy, unit.actor, current.policy)
    data = presenting.as_json(presenting.Shown(case, version, facts, ()))
    del data["offers"]
    return data


@api.route("/records/<workflow>", endpoint="records")
class Records(View):
    """The records of a workflow that the caller may see."""

    @api.arguments(schemas.Wanted, location="query")
    @says(200, schemas.Records)
    def get(self, wanted: dict[str, Any], workflow: str) -> Response:
        """List records by reference, a page at a time; an ID number or phone is asked for by `POST /search`."""
        if search.person_number(wanted.get("q") or ""):
            raise Malformed([malformed("malformed", "q")])
        with read() as conn:
            found, following = search.find(conn, workflow, access.actor(), Wanted(**wanted))
            return reply({"records": listed(conn, found), "next": following})

    @api.doc(requestBody={**AN_OBJECT, "description": "the fields that `create` of the workflow needs"})
    @says(201, schemas.Record)
    def post(self, workflow: str) -> Response:
        """Create a record in its initial state."""
        done = create(workflow, access.actor(), json_body())
        return record_reply(done.workflow, done.reference, 201)

    def recount(self, deed: Deed) -> Response:
        """Tell what was created."""
        return record_reply(deed["workflow"], deed["reference"], 201)


@api.route(RECORD, endpoint="record")
class Record(View):
    """One record."""

    @says(200, schemas.Record)
    def get(self, workflow: str, reference: str) -> Response:
        """Show a record with every action that leaves its state."""
        return record_reply(workflow, reference)


@api.route(RECORD + "/actions/<action>", endpoint="action")
class Action(View):
    """One step."""

    @api.arguments(schemas.Act)
    @says(200, schemas.Record)
    def post(self, asked: dict[str, Any], workflow: str, reference: str, action: str) -> Response:
        """Take a step on the version of the record that was seen."""
        outbox.act(workflow, reference, action, access.actor(), asked.get("input"), asked["version"])
        return record_reply(workflow, reference)

    def recount(self, deed: Deed) -> Response:
        """Show the record as it is now."""
        return record_reply(deed["workflow"], deed["reference"])


@api.route(RECORD + "/history", endpoint="history")
class History(View):
    """What happened to a record."""

    @says(200, schemas.History)
    def get(self, workflow: str, reference: str) -> Response:
        """List the steps taken, oldest first; a check is sealed until the claim is decided."""
        with read() as conn:
            case = search.get(conn, workflow, reference, access.actor())
            return reply({"entries": presenting.history(conn, case, access.actor())})


def _file(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in FILE_COLUMNS} | {"uploaded_at": row["uploaded_at"].isoformat()}


def _files(workflow: str, reference: str) -> list[dict[str, Any]]:
    with read() as conn:
        case = search.get(conn, workflow, reference, access.actor())
        return [_file(row) for row in papers.of_record(conn, case)]


@api.route(RECORD + "/look-ups", endpoint="look_ups")
class LookUps(View):
    """A personal value in full."""

    secret = True

    @api.arguments(schemas.LookUp)
    @says(200, schemas.LookedUp)
    def post(self, asked: dict[str, Any], workflow: str, reference: str) -> Response:
        """Show a value in full; who asks, what and why stands on record."""
        value = look_ups.reveal(workflow, reference, asked["field"], asked["reason"], access.actor())
        return reply({"field": asked["field"], "value": value})

    def recount(self, deed: Deed) -> Response:
        """Show the value whose look-up is on record already, to whom it may still be shown."""
        with read() as conn:
            value = look_ups.value_of(conn, deed["workflow"], deed["reference"], deed["field"], access.actor())
        return reply({"field": deed["field"], "value": value})


MULTIPART = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["kind", "file"],
                "properties": {"kind": {"type": "string"}, "file": {"type": "string", "format": "binary"}},
            }
        }
    },
}


@api.route(RECORD + "/files", endpoint="files")
class Files(View):
    """The files handed in for a record."""

    @says(200, schemas.Files)
    def get(self, workflow: str, reference: str) -> Response:
        """List the files of a record."""
        return reply({"files": _files(workflow, reference)})

    @api.doc(requestBody=MULTIPART)
    @says(201, schemas.File)
    def post(self, workflow: str, reference: str) -> Response:
        """Hand in a JPEG, PNG or PDF of at most 10 MB."""
        kind, content, _name = uploaded("kind")
        file = papers.add(workflow, reference, kind, content, access.actor())
        return _file_reply(workflow, reference, file)

    def recount(self, deed: Deed) -> Response:
        """Tell which file was kept."""
        return _file_reply(deed["workflow"], deed["reference"], deed["file"])


def _file_reply(workflow: str, reference: str, file: str) -> Response:
    row = next((row for row in _files(workflow, reference) if row["id"] == file), None)
    if row is None:
        # It was struck since.
        raise NotFound(file)
    address = url_for("api.file", workflow=workflow, reference=reference, file=file)
    return reply(row, 201, Location=address)


def uploaded(name: str) -> tuple[str, bytes, str]:
    """Return a text field, the file of a form and its name; raise Malformed naming what is missing."""
    text, sent = request.form.get(name, "").strip(), files.uploaded()
    faults = [malformed("missing", field) for field, given in ((name, text), ("file", sent)) if not given]
    if "\x00" in text:
        faults.append(malformed("malformed", name))
    if faults or sent is None:
        raise Malformed(faults)
    return text, *sent


@api.route(RECORD + "/files/<file>", endpoint="file")
class File(View):
    """One file of a record."""

    @says(200, "application/octet-stream")
    def get(self, workflow: str, reference: str, file: str) -> AnyResponse:
        """Send the kept bytes."""
        row, content = papers.content(workflow, reference, file, access.actor())
        name = f"{reference}-{row['kind']}.{row['media_type'].partition('/')[2]}"
        return files.download(content, row["media_type"], name)


@api.route(RECORD + "/files/<file>/strike", endpoint="strike_file")
class StrikeFile(View):
    """A receipt's file that was put on the wrong claim."""

    @says(200, schemas.Files)
    def post(self, workflow: str, reference: str, file: str) -> Response:
        """Strike the file while the claim can be amended, and list the files left."""
        papers.strike(workflow, reference, file, access.actor())
        return reply({"files": _files(workflow, reference)})

    def recount(self, deed: Deed) -> Response:
        """List the files left."""
        return reply({"files": _files(deed["workflow"], deed["reference"])})
