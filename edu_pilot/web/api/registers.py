"""Everything beside the records: workflows, documents, rosters, counts, verification, search and status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from flask import Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from edu_pilot import clock, i18n
from edu_pilot.extensions import read, write
from edu_pilot.services import (
    alerts,
    documents,
    imports,
    national_query,
    notices,
    outbox,
    payments,
    presenting,
    query_codes,
    rosters,
    search,
    statistics,
    verification,
)
from edu_pilot.services.cases import NotFound
from edu_pilot.services.idempotency import Deed
from edu_pilot.web import access, files
from edu_pilot.web.api import schemas
from edu_pilot.web.api.records import listed, uploaded
from edu_pilot.web.api.views import View, api, malformed, reply, says
from edu_pilot.workflow.definition import Action, Definition
from edu_pilot.workflow.reasons import Malformed

TRUE, FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
DOCUMENT_COLUMNS = ("number", "kind", "workflow", "policy_version", "sha256", "template_version", "renderer")
NOBODY_SIGNS_IN: dict[str, Any] = {"security": []}


def _step(action: Action) -> dict[str, Any]:
    lang = i18n.language()
    return {
        "name": action.name,
        "label": action.label.say(lang),
        "from": list(action.sources),
        "to": [target.state for target in action.targets],
        "by": list(action.by),
        "needs": [presenting.need_json(need, lang) for need in action.needs],
    }


def _workflow(definition: Definition) -> dict[str, Any]:
    lang = i18n.language()
    states = [
        {"name": state.name, "label": state.label.say(lang), "final": state.final, "days": state.days}
        for state in definition.states.values()
    ]
    return {
        "name": definition.name,
        "label": definition.label.say(lang),
        "prefix": definition.prefix,
        "initial": definition.initial,
        "create": _step(definition.create),
        "states": states,
        "actions": [_step(action) for action in definition.actions.values()],
    }


@api.route("/workflows", endpoint="workflows")
class Workflows(View):
    """The workflows in force."""

    @says(200, schemas.Workflows)
    def get(self) -> Response:
        """Show every workflow as it is in force today."""
        with read() as conn:
            version = presenting.in_force(conn)
        found = [_workflow(engine.definition) for engine in version.engines.values()]
        return reply({"policy_version": version.policy.number, "workflows": found})


@api.route("/documents/<number>", endpoint="document")
class Document(View):
    """An issued document."""

    @says(200, schemas.Document)
    def get(self, number: str) -> Response:
        """Show what is known of a document but its content."""
        with read() as conn:
            found, case = documents.seen(conn, number, access.actor())
        dates = {name: verification.iso(found.row[name]) for name in ("issued_on", "rendered_at", "voided_at")}
        return reply(
            {name: found.row[name] for name in DOCUMENT_COLUMNS}
            | dates
            | {"reference": case.reference if case else None}
        )


@api.route("/documents/<number>.pdf", endpoint="document_pdf")
class DocumentPdf(View):
    """An issued document's bytes."""

    @says(200, "application/pdf")
    def get(self, number: str) -> AnyResponse:
        """Send the PDF; one that no worker has rendered yet is made now and kept."""
        return files.download(documents.content(number, access.actor()), "application/pdf", f"{number}.pdf")


@api.route("/documents/<number>/take-down", endpoint="take_down")
class TakeDown(View):
    """A published list that must not be seen any more."""

    @api.arguments(schemas.TakeDown)
    @says(200, schemas.TakenDown)
    def post(self, asked: dict[str, Any], number: str) -> Response:
        """Take a published list down, record the incident, and name the claims whose persons are to be told."""
        notices.take_down(number, asked["reason"], access.actor(), asked.get("claims", ()))
        return _taken_down(number)

    def recount(self, deed: Deed) -> Response:
        """Tell once more what was taken down."""
        return _taken_down(deed["reference"])


def _taken_down(number: str) -> Response:
    with read() as conn:
        return reply({"number": number, "claims": notices.concerned(conn, number)})


@api.route("/alerts", endpoint="alerts")
class Alerts(View):
    """What a union must hear of."""

    @says(200, schemas.Alerts)
    def get(self) -> Response:
        """List the receipts that were claimed twice, as the caller's union is told of them, newest first."""
        with read() as conn:
            rows = alerts.of_actor(conn, access.actor())
        columns = ("kind", "number", "county", "other_county", "reference")
        return reply({"alerts": [{n: row[n] for n in columns} | {"on": row["raised_on"].isoformat()} for row in rows]})


A_LIST = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "intake": {"type": "string", "description": "The intake of a roster; lists need none."},
                    "batch": {"type": "string", "description": "The payment batch that results are for."},
                    "dry_run": {"type": "boolean", "default": False},
                },
            }
        }
    },
}


@api.route("/imports/<kind>", endpoint="imports")
class Imports(View):
    """Rosters, score lists and diploma lists as offices send them."""

    resumable = True

    @api.doc(requestBody=A_LIST)
    @says(200, schemas.Report)
    def post(self, kind: str) -> Response:
        """Take the good rows of a list.

        Kind is `rosters` or `cases` (with an intake), `scores`, `diplomas`,
        `certificates` (the national query), or `results` (with a batch).
        """
        if kind not in TAKERS:
            raise NotFound(kind)
        report = TAKERS[kind]()
        with read() as conn:
            version = presenting.in_force(conn)
        return reply(report.as_dict(lambda reason: i18n.say(reason, version)))


def _roster(kind: rosters.Kind) -> rosters.Report:
    intake, content, name = uploaded("intake")
    report = rosters.import_roster(content, name, intake, access.actor(), kind=kind, dry_run=_dry_run())
    outbox.follow_up()
    return report


def _results() -> rosters.Report:
    batch, content, name = uploaded("batch")
    return payments.import_results(content, name, batch, access.actor(), dry_run=_dry_run())


def _certificates() -> rosters.Report:
    return national_query.take(*_file(), access.actor(), dry_run=_dry_run())


def _list(kind: imports.Kind) -> rosters.Report:
    return imports.import_list(kind, *_file(), access.actor(), dry_run=_dry_run())


def _file() -> tuple[bytes, str]:
    sent = files.uploaded()
    if sent is None:
        raise Malformed([malformed("missing", "file")])
    return sent


TAKERS: dict[str, Callable[[], rosters.Report]] = {
    "rosters": partial(_roster, rosters.REGISTER),
    "roster": partial(_roster, rosters.REGISTER),
    "cases": partial(_roster, rosters.TAKE_OVER),
    "results": _results,
    "certificates": _certificates,
    **{name: partial(_list, kind) for name, kind in imports.KINDS.items()},
}


def _dry_run() -> bool:
    text = request.form.get("dry_run", "").strip().lower()
    if text not in TRUE + FALSE:
        raise Malformed([malformed("malformed", "dry_run")])
    return text in TRUE


@api.route("/statistics", endpoint="statistics")
class Statistics(View):
    """Counts of persons."""

    @api.arguments(schemas.Asked, location="query")
    @says(200, schemas.Statistics)
    def get(self, asked: dict[str, Any]) -> Response:
        """Count persons by group as the audit tells them on a business date."""
        by = [name.strip() for name in asked.get("by", "workflow,state").split(",")]
        if len(set(by)) != len(by) or not set(by) <= {*statistics.BY, statistics.UNIT}:
            raise Malformed([malformed("malformed", "by")])
        with read() as conn:
            return reply(statistics.persons(conn, access.actor(), asked.get("as_of") or clock.today(), by))


@api.route("/verify/<code>", endpoint="verify")
class Verify(View):
    """Is a paper ours?"""

    permission = access.PUBLIC

    @api.doc(**NOBODY_SIGNS_IN)
    @says(200, schemas.Verified)
    def get(self, code: str) -> Response:
        """Look up the code printed on a paper."""
        return reply(asdict(verification.by_code(code)))


@api.route("/search", endpoint="search")
class Search(View):
    """Persons by what must not stand in a URL."""

    @api.arguments(schemas.Search)
    @says(200, schemas.Found)
    def post(self, asked: dict[str, Any]) -> Response:
        """Find the records of the person with an ID number, or of the persons with a phone."""
        number, phone = ((asked.get(name) or "").strip() or None for name in ("id_number", "phone"))
        if (number is None) == (phone is None):
            raise Malformed([malformed("malformed", "phone" if number else "id_number")])
        with write() as conn:
            return reply({"records": listed(conn, search.by_person(conn, access.actor(), number, phone))})


@api.route("/status", endpoint="status")
class Status(View):
    """Where a person's own cases stand."""

    permission = access.PUBLIC

    @api.doc(**NOBODY_SIGNS_IN)
    @api.arguments(schemas.Status)
    @says(200, schemas.Stands)
    def post(self, asked: dict[str, Any]) -> Response:
        """Tell, without name or number, where the cases of the holder of a query code stand."""
        person = query_codes.person_of(asked["code"], asked["id_tail"], request.remote_addr or "")
        if person is None:
            raise NotFound("status")
        with read() as conn:
            return reply({"records": [asdict(standing) for standing in search.standings(conn, person)]})


@api.route("/openapi.json", endpoint="openapi")
class OpenApi(View):
    """This document."""

    permission = access.PUBLIC

    @api.doc(**NOBODY_SIGNS_IN)
    @says(200, {"type": "object"})
    def get(self) -> Response:
        """Show the API's document."""
        return reply(current_app.extensions["openapi"])
