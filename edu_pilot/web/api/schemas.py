"""The shapes of requests and answers, as the API's document states them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

TEXT_LIMIT = 200


class Shape(ma.Schema):
    """Every object: its fields in the order written, no others."""


class Reason(Shape):
    """Why something is refused, and who can mend it."""

    code = fields.String(required=True)
    text = fields.String(required=True)
    facts = fields.Dict(required=True)
    who = fields.List(fields.String(), required=True)
    field = fields.String()


class Error(Shape):
    """The one shape of an error."""

    error = fields.String(required=True)
    message = fields.String(required=True)
    reasons = fields.List(fields.Nested(Reason), required=True)


class Choice(Shape):
    """A value that may be chosen."""

    value = fields.String(required=True)
    label = fields.String(required=True)


class Need(Shape):
    """One field of an action's input."""

    name = fields.String(required=True)
    type = fields.String(
        required=True,
        validate=validate.OneOf(("text", "date", "money_fen", "choice", "file", "list", "object")),
    )
    label = fields.String(required=True)
    required = fields.Boolean(required=True)
    choices = fields.List(fields.Nested(Choice), required=True)


class Offer(Shape):
    """An action that leaves the present state; a blocked one carries its reasons."""

    action = fields.String(required=True)
    label = fields.String(required=True)
    needs = fields.List(fields.Nested(Need), required=True)
    reasons = fields.List(fields.Nested(Reason), required=True)


class Listed(Shape):
    """A record as lists show it."""

    reference = fields.String(required=True)
    workflow = fields.String(required=True)
    state = fields.String(required=True)
    version = fields.Integer(required=True)
    policy_version = fields.Integer(required=True)
    facts = fields.Dict(required=True)


class Record(Listed):
    """A record with what can be done now."""

    offers = fields.List(fields.Nested(Offer), required=True)


class Records(Shape):
    """One page of records; `next` is given as `after` to get the following one."""

    records = fields.List(fields.Nested(Listed), required=True)
    next = fields.String(required=True, allow_none=True)


class Found(Shape):
    """Every visible record of the persons found."""

    records = fields.List(fields.Nested(Listed), required=True)


class Entry(Shape):
    """One step in a record's history."""

    number = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    on = fields.Date(required=True)
    actor = fields.String(required=True)
    action = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from")
    to = fields.String(required=True)
    policy_version = fields.Integer(required=True)
    input = fields.Dict(required=True)


class History(Shape):
    """What happened to a record, oldest first."""

    entries = fields.List(fields.Nested(Entry), required=True)


class File(Shape):
    """A file handed in for a record."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    uploaded_at = fields.DateTime(required=True)
    uploaded_by = fields.String(required=True)


class Files(Shape):
    """The files of a record, oldest first."""

    files = fields.List(fields.Nested(File), required=True)


class Step(Shape):
    """An action's state and what leads there."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    from_ = fields.List(fields.String(), required=True, data_key="from")
    to = fields.List(fields.String(), required=True)
    by = fields.List(fields.String(), required=True)
    needs = fields.List(fields.Nested(Need), required=True)


class State(Shape):
    """A state of a workflow; `days` is how long a record should stay there at most."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    final = fields.Boolean(required=True)
    days = fields.Integer(required=True, allow_none=True)


class Workflow(Shape):
    """A workflow as it is in force."""

    name = fields.String(required=True)
    label = fields.String(required=True)
    prefix = fields.String(required=True)
    initial = fields.String(required=True)
    create = fields.Nested(Step, required=True)
    states = fields.List(fields.Nested(State), required=True)
    actions = fields.List(fields.Nested(Step), required=True)


class Workflows(Shape):
    """Every workflow in force."""

    policy_version = fields.Integer(required=True)
    workflows = fields.List(fields.Nested(Workflow), required=True)


class Document(Shape):
    """An issued document; `sha256` once its PDF is kept."""

    number = fields.String(required=True)
    kind = fields.String(required=True)
    workflow = fields.String(required=True)
    reference = fields.String(required=True)
    issued_on = fields.Date(required=True)
    policy_version = fields.Integer(required=True)
    sha256 = fields.String(required=True, allow_none=True)
    template_version = fields.String(required=True, allow_none=True)
    renderer = fields.String(required=True, allow_none=True)
    rendered_at = fields.DateTime(required=True, allow_none=True)
    voided_at = fields.DateTime(required=True, allow_none=True)


class Remark(Shape):
    """A remark on one row of a roster."""

    row = fields.Integer(required=True)
    column = fields.String(required=True)
    code = fields.String(required=True)
    text = fields.String(required=True)
    value = fields.String(required=True)


class Taken(Shape):
    """A row that was taken."""

    row = fields.Integer(required=True)
    reference = fields.String(required=True)


class Report(Shape):
    """What became of a roster's rows."""

    rows = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    problems = fields.List(fields.Nested(Remark), required=True)
    notices = fields.List(fields.Nested(Remark), required=True)
    records = fields.List(fields.Nested(Taken), required=True)


def _short(**given: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=TEXT_LIMIT), **given)


class TakeDown(Shape):
    """Why a list is taken down and whom it concerns; without claims everybody on it."""

    reason = _short(required=True)
    claims = fields.List(_short(), load_default=())


class TakenDown(Shape):
    """The claims whose persons are to be told."""

    number = fields.String(required=True)
    claims = fields.List(fields.String(), required=True)


class Alert(Shape):
    """A receipt that was claimed twice; the claim that runs on is named to its own county."""

    kind = fields.String(required=True)
    number = fields.String(required=True)
    county = fields.String(required=True)
    other_county = fields.String(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    on = fields.Date(required=True)


class Alerts(Shape):
    """What the caller's union is told."""

    alerts = fields.List(fields.Nested(Alert), required=True)


class Statistics(Shape):
    """Persons per group on a business date; each row has the names of `by` and `persons`."""

    as_of = fields.Date(required=True)
    by = fields.List(fields.String(), required=True)
    persons = fields.Integer(required=True)
    rows = fields.List(fields.Dict(), required=True)


class Verified(Shape):
    """What the check of a document's code found."""

    result = fields.String(required=True, validate=validate.OneOf(("genuine", "altered", "revoked", "unknown")))
    kind = fields.String(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True)
    content = fields.Dict(required=True, allow_none=True)
    revoked_at = fields.DateTime(required=True, allow_none=True)


class Stand(Shape):
    """Where one case of a person stands: no name, no number."""

    workflow = fields.String(required=True)
    state = fields.String(required=True)
    since = fields.Date(required=True)
    holder = fields.List(fields.String(), required=True)
    next = fields.List(fields.String(), required=True)


class Stands(Shape):
    """Where every case of a person stands."""

    records = fields.List(fields.Nested(Stand), required=True)


class Wanted(Shape):
    """The filters of a list."""

    state = _short()
    county = _short()
    intake = _short()
    q = _short(metadata={"description": "a reference, a name, a document's number; never an ID number"})
    after = _short()
    limit = fields.Integer(validate=validate.Range(min=1), metadata={"description": "200 at most"})


class Asked(Shape):
    """The day and the groups of a count."""

    as_of = fields.Date()
    by = _short(
        metadata={
            "description": "of workflow, county, major, intake, year, state, separated by commas; "
            "unit (the county of the school status) counts each person once"
        }
    )


class Act(Shape):
    """A step: the version of the record that was seen, and the answers to the action's needs."""

    version = fields.Integer(required=True, strict=True)
    input = fields.Dict(keys=fields.String(), allow_none=True)


class LookUp(Shape):
    """Which personal value is needed in full, and why: a code of the policy."""

    field = _short(required=True)
    reason = _short(required=True)


class LookedUp(Shape):
    """A personal value in full."""

    field = fields.String(required=True)
    value = fields.String(required=True)


class Search(Shape):
    """One of the two."""

    id_number = _short(allow_none=True)
    phone = _short(allow_none=True)


class Status(Shape):
    """The code of the registration form and the last six of the ID number."""

    code = _short(required=True)
    id_tail = _short(required=True)
