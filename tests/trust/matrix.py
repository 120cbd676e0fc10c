"""The authorisation matrix: who asks, for what, how, and what the policy table says to it.

The expected answer comes from docs/access.md (the door) and from the workflow files (creation, steps, files,
readers of documents), read here anew and not through the product's own decisions.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
import time_machine
import yaml
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from edu_pilot import clock, paths
from edu_pilot.extensions import read, write
from edu_pilot.models import Account, Document, LoginSession, Throttle
from edu_pilot.models.base import new_id
from edu_pilot.services import accounts, factor, logins, outbox, papers, prints, store
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.logins import Caller
from edu_pilot.services.vault import vault
from tests.access_table import PAGE, listed
from tests.factories import A_PDF, CHECKED, Pilot, row, rows
from tests.people import DECHENG, LIU_WEI, QIHE, STAFF, id_number, staff, worker
from tests.web.visitor import TOKEN, Visitor, text

SESSION = LoginSession.__table__
DAY = CHECKED
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = ("GET", "HEAD", "OPTIONS")
OVERRIDE = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "DELETE", "X-Method-Override": "PUT"}
COUNTY_ROLES = {"clerk", "union_reviewer"}
STUDENT = "student"
FIELD = "id_number"
# What is carried out for whoever is past the door, so that it is asked with the spare session; and the way out,
# which nobody's session takes: it would end the ones that are still to ask.
AT_ONCE = ("/account/factor", "/account/recovery", "/status/copy")
WAY_OUT = "/logout"


@dataclass(frozen=True)
class Principal:
    """Somebody who asks: what is known of them, and what they send along."""

    name: str
    roles: frozenset[str] = frozenset()
    county: str | None = None
    person: str | None = None
    known: bool = True
    cookie: str = ""
    csrf: str = ""
    token: str = ""
    # A token sent to pages, where it counts for nothing.
    stray: str = ""
    # The cookie and the form's token of another session, of somebody for whom nothing is carried out.
    spare: tuple[str, str] = ("", "")


NO_RUN = "PR2501-999999"
PRINTED = "registration_form"


@dataclass(frozen=True)
class Thing:
    """A record, and what hangs on it; one that is missing has no county and no person."""

    name: str
    workflow: str
    reference: str
    state: str = ""
    county: str | None = None
    person: str | None = None
    document: str = "ZZ2501-999999"
    kind: str = ""
    file: str = "0" * 32
    run: str = NO_RUN
    version: int = 1
    missing: bool = False


@dataclass(frozen=True)
class Cell:
    """One request of the matrix: the rule it is built from, and the answer that the table allows."""

    rule: str
    method: str
    principal: Principal
    thing: Thing | None
    path: str
    headers: Mapping[str, str]
    body: bytes
    expected: frozenset[int]
    hidden: bool

    def __str__(self) -> str:
        """Name the cell in one line."""
        thing = self.thing.name if self.thing else "–"
        return f"{self.method} {self.rule} · {self.principal.name} · {thing}"


@dataclass
class World:
    """An installation with something of everything in two counties, and everybody who may ask for it."""

    app: Flask
    principals: list[Principal] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)


# The world


class OtherCounty(Pilot):
    """The same hands in the other county."""

    def __init__(self) -> None:
        super().__init__()
        self.wang_fang, self.zhao_min = staff("decheng.clerk"), staff("union.decheng")


PLACES = {QIHE: {}, DECHENG: {"county": "德城区", "point": "德城区教学点"}}


def build(app: Flask) -> World:
    """Populate an installation; call it inside the application on DAY."""
    _add_account("union.decheng", "union_reviewer", DECHENG, 995)
    _add_account("lapsed", "union_reviewer", QIHE, 994)
    _add_account("disabled", "registrar", None, 993)
    _add_account("zhao.min.twin", "university_reviewer", None, 0)
    world = World(app)
    world.things = [*_things(Pilot(), QIHE, 0), *_things(OtherCounty(), DECHENG, 10), *_missing()]
    _keep_bytes()
    runs = {"own registered": _printed("wang.fang"), "other registered": _printed("decheng.clerk")}
    world.things = [replace(thing, run=runs.get(thing.name, NO_RUN)) for thing in world.things]
    world.principals = _principals(app)
    return world


def _add_account(name: str, role: str, county: str | None, born: int) -> None:
    person = id_number(date(1970, 1, born - 980), 998) if born else _number_of("zhao.min")
    secret = factor.sample_secret(name)
    accounts.add(name, [role], county, person, OPERATOR, password=f"demo{name}", secret=secret)


def _number_of(account: str) -> str:
    return next(member.id_number for member in STAFF if member.account == account)


def _things(pilot: Pilot, county: str, first: int) -> Iterator[Thing]:
    """Yield applications in four states, a claim that waits for its checks, and for the city a batch."""
    where, liu = PLACES[county], LIU_WEI if county == QIHE else worker(first)
    ways = {
        "draft": pilot.draft(liu, by=pilot.wang_fang, **where),
        "registered": pilot.registered(worker(first + 1), **where),
        "returned": pilot.registered(liu, **where),
        "withdrawn": pilot.registered(worker(first + 2), **where),
    }
    pilot.act("application", ways["returned"], "return_for_correction", pilot.wang_fang, faults=["ILLEGIBLE"])
    pilot.withdraw(ways["withdrawn"])
    for reference in ways.values():
        papers.add("application", reference, "portrait", A_PDF, pilot.wang_fang)
    side = "own" if county == QIHE else "other"
    yield from (_thing(f"{side} {state}", "application", reference) for state, reference in ways.items())
    study = pilot.graduated(worker(first + 3), **where)
    yield _thing(f"{side} study", "study", study)
    yield _thing(f"{side} certification", "certification", pilot.certification_of(study))
    claim = pilot.submitted(study)
    papers.add("claim", claim, "portrait", A_PDF, pilot.wang_fang)
    yield _thing(f"{side} claim", "claim", claim)
    if county == QIHE:
        yield _thing("batch", "payment", pilot.batch(pilot.approved(pilot.graduated(worker(first + 4)))))


def _thing(name: str, workflow: str, reference: str) -> Thing:
    found = row(workflow, reference)
    person = rows("person", id=found["person_id"])[0]["id_index"] if found.get("person_id") else found.get("id_index")
    documents, files = rows("document", record_id=found["id"]), rows("paper", record_id=found["id"])
    thing = Thing(name, workflow, reference, found["state"], found["county"], person, version=found["version"])
    if documents:
        thing = replace(thing, document=documents[0]["number"], kind=documents[0]["kind"])
    return replace(thing, file=files[0]["id"]) if files else thing


def _missing() -> Iterator[Thing]:
    for reference in ("A2209-999999", "S2209-999999", "C2209-999999", "R2503-999999", "B2503-999"):
        workflow = {"A": "application", "S": "study", "C": "certification", "R": "claim", "B": "payment"}[reference[0]]
        yield Thing(f"missing {workflow}", workflow, reference, missing=True)


def _keep_bytes() -> None:
    """Give every document its bytes, as the worker would have: reading then changes nothing."""
    for document in rows("document"):
        key, digest = store.keep("documents", A_PDF + b"% " + document["number"].encode(), ".pdf")
        made = {"store_key": key, "sha256": digest, "rendered_at": clock.now()}
        with write() as conn:
            conn.execute(sa.update(Document.__table__).where(Document.__table__.c.id == document["id"]).values(made))


def _printed(clerk: str) -> str:
    """Print every registration form of a clerk's county."""
    wanted, actor = prints.Wanted("application", PRINTED), staff(clerk)
    with read() as conn:
        number = len(prints.find(conn, actor, wanted).numbers)
    run = prints.ask(wanted, number, "", new_id(), actor)
    outbox.drain(task="print")
    return run


# Who asks


def _principals(app: Flask) -> list[Principal]:
    """Sign everybody in once; a request carries the cookie or token by itself."""
    names = {
        "clerk own": "wang.fang", "clerk other": "decheng.clerk", "union own": "zhao.min",
        "union other": "union.decheng", "registrar": "chen.hui", "auditor": "xu.ning", "admin": "admin",
        "second account": "zhao.min.twin", "maker": "he.jun",
    }  # fmt: skip
    found = [_account(app, name, account) for name, account in names.items()]
    lapsed = _account(app, "union lapsed", "lapsed")
    _change("lapsed", roles="")
    disabled = _account(app, "disabled", "disabled")
    _change("disabled", active=False)
    with time_machine.travel(clock.now().replace(year=clock.now().year - 1), tick=False):
        stale = _account(app, "stale session", "examiner")
    accounts.token("examiner", OPERATOR)
    anonymous = Principal("anonymous", known=False, **_sent(Visitor(app)))
    students = [_student(app, "student self", LIU_WEI.id_number), _student(app, "student other", worker(10).id_number)]
    # The form's token went with the session that has ended by itself.
    gone = [replace(disabled, known=False), replace(stale, known=False, csrf="", spare=("", ""))]
    return [anonymous, *students, *found, replace(lapsed, roles=frozenset(), county=None, known=True), *gone]


def _change(account: str, **values: Any) -> None:
    with write() as conn:
        conn.execute(sa.update(Account.__table__).where(Account.__table__.c.name == account).values(values))


def _account(app: Flask, name: str, account: str) -> Principal:
    """Sign in twice: the first session counts as proved for ever, the other never."""
    actor, visitor, other = staff(account), Visitor(app), Visitor(app)
    assert visitor.sign_in(account).status_code == 303
    _proved(actor.account_id, clock.now() + timedelta(days=36_500))
    assert other.sign_in(account).status_code == 303
    newest = max(rows("login_session", account_id=actor.account_id), key=lambda login: str(login["made_at"]))
    _proved(actor.account_id, None, newest["id"])
    spare = _sent(other)
    token = accounts.token(account, OPERATOR)
    return Principal(
        name, actor.roles, actor.county, actor.person_key, token=token, spare=(spare["cookie"], spare["csrf"]),
        **_sent(visitor),
    )  # fmt: skip


def _proved(account_id: str | None, at: datetime | None, session: str | None = None) -> None:
    which = SESSION.c.id == session if session else SESSION.c.account_id == account_id
    with write() as conn:
        conn.execute(SESSION.update().where(which).values(stepped_up_at=at))


def _student(app: Flask, name: str, number: str) -> Principal:
    key = vault().index("id_number", number)
    known = next(r for r in rows("application", id_index=key) if r["query_code"])
    code = vault().open("application.query_code", known["id"], known["query_code"])
    visitor = Visitor(app)
    assert visitor.send("/status", code=code, id_tail=number[-6:]).status_code == 303
    # Of a person of whom nothing is kept.
    other = Visitor(app)
    with other.client.session_transaction() as browser:
        browser["token"] = logins.enter_as_student("0" * 64, Caller()).token
    spare = _sent(other)
    return Principal(
        name, frozenset({STUDENT}), None, key, spare=(spare["cookie"], spare["csrf"]), **_sent(visitor)
    )  # fmt: skip


def forget_tries(app: Flask) -> None:
    """Take every count of tries back: the limits on guessing have tests of their own."""
    with app.app_context(), write() as conn:
        conn.execute(Throttle.__table__.delete())


def _sent(visitor: Visitor) -> dict[str, str]:
    """Give the cookie a browser sends, and the token its forms carry."""
    token = TOKEN.search(text(visitor.get("/login")))
    cookie = visitor.client.get_cookie("session")
    assert token and cookie and token.group(1)
    return {"cookie": f"session={cookie.value}", "csrf": token.group(1)}


# What they ask

# One way into each rule; the names in braces come from the thing.
PATHS = {
    "/static/<path:filename>": "/static/app.css",
    "/language/<lang>": "/language/en",
    "/view/<name>": "/view/elder",
    "/registry/places/<year>": "/registry/places/2022",
    "/registry/queue/<queue>": "/registry/queue/admit",
    "/registry/graduation/<step>": "/registry/graduation/complete",
    "/exams/sessions/<session>": "/exams/sessions/X2412-999",
    **{f"/exams/sessions/<session>/{page}": f"/exams/sessions/X2412-999/{page}" for page in (
        "attendance", "entries", "scores", "seats", "tickets",
    )},
    "/exams/sessions/<session>/steps/<action>": "/exams/sessions/X2412-999/steps/open",
    "/my/claim/<part>": "/my/claim/card",
    "/v/<code>": "/v/ABCDEFGHJKLMNPQR",
    "/api/v1/verify/<code>": "/api/v1/verify/ABCDEFGHJKLMNPQR",
    "/api/v1/imports/<kind>": "/api/v1/imports/rosters",
    "/records/<workflow>": "/records/application",
    "/records/<workflow>/new": "/records/application/new",
    "/api/v1/records/<workflow>": "/api/v1/records/application",
    "/records/<workflow>/find": "/records/application/find",
    "/search/<sealed>": "/search/of-nobody",
    "/lists/<kind>": "/lists/scores",
    "/lists/<kind>/template": "/lists/scores/template",
    "/uploads/<list_id>": "/uploads/of-nobody",
    "/uploads/<list_id>/columns": "/uploads/of-nobody/columns",
    "/uploads/<list_id>/take": "/uploads/of-nobody/take",
    "/uploads/<list_id>/undo": "/uploads/of-nobody/undo",
    "/uploads/<list_id>/workbook": "/uploads/of-nobody/workbook",
    "/link/<purpose>/<token>": "/link/reset/of-nobody",
    "/admin/policies/<version>": "/admin/policies/1",
    "/admin/policies/<version>/files/<path:name>": "/admin/policies/1/files/roles.yaml",
    "/guide/<group>": "/guide/clerk",
    **{f"/admin/accounts/<name>/{step}": f"/admin/accounts/nobody/{step}" for step in (
        "grant", "confirm", "decline", "end", "factor", "revoke", "link",
    )},
}  # fmt: skip
# A part of an address that two rules share, read as a reference.
NOTHING = Thing("nothing", "application", "nothing", missing=True)
OF_A_THING = re.compile(r"<(reference|number|file|file_id|run)>")


def path_of(rule: str, thing: Thing | None) -> str:
    """Give an address under a rule."""
    if thing is None:
        return PATHS.get(rule, rule)
    values = {
        "workflow": thing.workflow, "reference": thing.reference, "action": step_of(thing.workflow),
        "number": thing.document, "file": thing.file, "file_id": thing.file, "page": "1",
        "run": thing.run, "stack": "1",
    }  # fmt: skip
    return re.sub(r"<(\w+)>", lambda match: str(values[match.group(1)]), rule)


def step_of(workflow: str) -> str:
    """Name a step that is refused to everybody in the states of the world, so that no cell changes it."""
    steps = {"application": "verify", "study": "resume", "certification": "resit", "claim": "settle"}
    return steps.get(workflow, "export")


def body_of(rule: str, principal: Principal, thing: Thing | None) -> tuple[bytes, str]:
    """Give what is sent with a POST: complete enough to reach the decision, never enough to be carried out."""
    api = rule.startswith("/api/")
    if rule.endswith("/files"):
        boundary, content = encode_multipart(_paper() | ({} if api else {"csrf_token": principal.csrf}))
        return content, f'multipart/form-data; boundary="{boundary}"'
    if not api:
        form = {"csrf_token": principal.csrf}
        if rule.endswith("/<action>") and thing is not None:
            form |= {"seen_version": str(thing.version), "decision": "pass"}
        if rule.endswith("/look-ups"):
            form |= _asked_for(principal)
        if rule.endswith("/link"):
            form["purpose"] = "reset"
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    if rule.endswith("/actions/<action>") and thing is not None:
        given = {"decision": "pass"} if thing.workflow == "claim" else {}
        return json.dumps({"version": thing.version, "input": given}).encode(), "application/json"
    if rule.endswith("/look-ups"):
        return json.dumps(_asked_for(principal)).encode(), "application/json"
    return (b'{"reason": "OTHER"}' if rule.endswith("/take-down") else b"{}"), "application/json"


def _asked_for(principal: Principal) -> dict[str, str]:
    """Give a reason only to whom the value is refused anyway: whoever may look at it names none that there is."""
    return {"field": FIELD, "reason": "NONE" if looks_at(principal) else "COMPARE"}


def _paper() -> dict[str, Any]:
    """Give a sound file of a kind that nobody asks for."""
    return {"kind": "nonsense", "file": FileStorage(io.BytesIO(A_PDF), "paper.pdf", content_type="application/pdf")}


def headers_of(rule: str, principal: Principal) -> dict[str, str]:
    """Give what a program or a browser of theirs sends along."""
    if rule.startswith("/api/"):
        # A cookie is no way into the interface for programs, with or without a token.
        bearer = {"Authorization": f"Bearer {principal.token}"} if principal.token else {}
        return bearer | {"Cookie": principal.cookie, "Accept-Language": "en"}
    stray = {"Authorization": f"Bearer {principal.stray}"} if principal.stray else {}
    return stray | {"Cookie": principal.cookie, "Accept-Language": "en"}


# What the table says


@cache
def workflow_file(name: str) -> dict[str, Any]:
    """Read one file of the workflows."""
    return yaml.safe_load((paths.workflows() / f"{name}.yaml").read_text("utf-8"))


def by(workflow: str, step: str) -> set[str]:
    """Give the roles a step is for."""
    definition = workflow_file(workflow)
    return set((definition["create"] if step == "create" else definition["actions"][step])["by"])


def looks_at(principal: Principal) -> bool:
    """Whether the policy lets somebody look at an ID number in full."""
    return bool(principal.roles & set(workflow_file("policies")["look_ups"]["fields"][FIELD]))


def takes_part(workflow: str) -> set[str]:
    """Give the roles that have any step in a workflow."""
    return {role for step in ("create", *workflow_file(workflow)["actions"]) for role in by(workflow, step)}


def sees(principal: Principal, thing: Thing) -> bool:
    """R6.3: a person's own, a county's own, the city all, nobody else anything."""
    if thing.missing or not principal.roles:
        return False
    if principal.roles == {STUDENT}:
        return principal.person is not None and thing.person == principal.person
    if principal.roles & COUNTY_ROLES:
        return principal.county is not None and thing.county == principal.county
    return True


DOOR = {(rule, method): who for rule, methods, who in listed(PAGE.read_text("utf-8")) for method in methods.split()}


def door(rule: str, method: str) -> str | None:
    """Give who may ask a rule by a method, or None where the page does not list it."""
    if method == "OPTIONS":
        return next((who for (known, _), who in DOOR.items() if known == rule), None)
    return DOOR.get((rule, "GET" if method == "HEAD" else method))


def passes(who: str, principal: Principal, api: bool) -> int:
    """Give 0 where the door is open, else the status that is answered at it."""
    if who == "public":
        return 0
    if api:
        return 0 if principal.known and principal.token else 401
    if not principal.known:
        return 302
    if who == "signed_in" or (who == "staff" and principal.roles != {STUDENT}):
        return 0
    return 0 if set(who.split(", ")) & principal.roles else 403


def answer(rule: str, method: str, principal: Principal, thing: Thing | None, step: str) -> tuple[set[int], bool]:
    """Give the statuses that the table allows, and whether the thing is hidden from who asks; `step` ends the path."""
    who, api = door(rule, method), rule.startswith("/api/")
    if who is None:
        return {405}, False
    if method == "POST" and not api and not principal.csrf:
        return {400}, False
    if stopped := passes(who, principal, api):
        return {stopped}, False
    if method == "OPTIONS":
        return {200}, False
    if thing is not None:
        return _behind(rule, method, principal, thing, step)
    return _plain(rule, method, principal), False


def _behind(rule: str, method: str, principal: Principal, thing: Thing, step: str) -> tuple[set[int], bool]:
    if not sees(principal, thing):
        return {404}, True
    name = rule.rpartition("/")[2]
    if rule.startswith("/print-runs/"):
        return _run(name, principal, thing)
    # These desks are for one workflow's records.
    desk = {"/review/<reference>": "claim", "/payments/<reference>": "payment"}
    if any(rule.startswith(own) and thing.workflow != workflow for own, workflow in desk.items()):
        return {404}, False
    if name == "hold":
        return {422}, False
    # A reloaded step leads back to its record.
    if rule.endswith("<reference>/<action>") and method != "POST":
        return {302}, False
    if name == "<action>" and step not in workflow_file(thing.workflow)["actions"]:
        return {404}, False
    if name == "<action>":
        return ({409} if principal.roles & by(thing.workflow, step_of(thing.workflow)) else {403}), False
    if rule.startswith("/desk/slip/<reference>"):
        return {200 if thing.workflow == "application" and thing.state != "draft" else 404}, False
    # No file is sent along, whoever asks.
    if name == "papers":
        return {422}, False
    if name == "files" and method == "POST":
        return {422 if principal.roles & takes_part(thing.workflow) else 403}, False
    if name == "told":
        return {422 if principal.roles & takes_part(thing.workflow) - {"operator", "system"} else 403}, False
    # The files of the world are PDFs of one page.
    if name in ("<file>", "<file_id>", "<page>"):
        return {200 if set(thing.file) != {"0"} else 404}, False
    if name == "bank-file":
        return ({403} if "finance_releaser" not in principal.roles else {409}) if thing.workflow == "payment" else {
            404
        }, False
    # No list was published, and no file of the world is a receipt's.
    if name in ("take-down", "strike"):
        return {404}, False
    if name == "look-ups":
        unknown = looks_at(principal) or thing.workflow in ("session", "payment")
        return {422 if unknown else 403}, False
    if name.startswith("<number>") or name in ("copy.pdf", "english.pdf"):
        return _document(name, principal, thing), False
    return {200}, False


def _run(name: str, principal: Principal, thing: Thing) -> tuple[set[int], bool]:
    """A run is there for the readers of its kind; no range of sheets is named, whoever asks for them again."""
    if thing.run == NO_RUN or not principal.roles & set(workflow_file("documents")[PRINTED]["readers"]):
        return {404}, True
    return {422 if name == "again" else 200}, False


def _document(name: str, principal: Principal, thing: Thing) -> set[int]:
    if not thing.kind:
        return {404}
    readers = set(workflow_file("documents")[thing.kind]["readers"])
    whole = name.endswith((".pdf", ".png"))
    return {200} if not whole or principal.roles & readers else {403}


# Where no record is asked for: what an empty form or query comes to, for whoever is past the door.
PLAIN: Mapping[tuple[str, str], Sequence[int]] = {
    ("/language/<lang>", "POST"): [303],
    ("/view/<name>", "POST"): [303],
    ("/login", "POST"): [422],
    ("/logout", "POST"): [303],
    ("/status", "POST"): [404],
    ("/verify", "POST"): [422],
    ("/v/<code>", "GET"): [404],
    ("/registry/places", "GET"): [302],
    ("/payments", "POST"): [422],
    ("/payments/results", "POST"): [422],
    ("/review/notice", "POST"): [422],
    # A student's session was not proved just now.
    ("/prove", "POST"): [303, 403],
    ("/print-runs", "POST"): [422],
    ("/registry/places/<year>", "POST"): [409],
    ("/registry/queue/<queue>", "POST"): [422],
    ("/registry/graduation/<step>", "POST"): [422],
    ("/exams/scores", "POST"): [422],
    **{(rule, method): [404] for rule in PATHS if rule.startswith("/exams/sessions/") for method in ("GET", "POST")},
    ("/readyz", "GET"): [200, 503],
    ("/api/v1/imports/<kind>", "POST"): [422],
    ("/api/v1/search", "POST"): [422],
    ("/api/v1/status", "POST"): [422],
    ("/search", "POST"): [303],
    ("/desk/register", "POST"): [422],
    ("/desk/kept", "POST"): [303],
    ("/uploads/<list_id>", "GET"): [404],
    ("/uploads/<list_id>/columns", "POST"): [404],
    ("/uploads/<list_id>/take", "POST"): [404],
    ("/uploads/<list_id>/undo", "POST"): [404],
    ("/uploads/<list_id>/workbook", "GET"): [404],
    ("/search/<sealed>", "GET"): [404],
    ("/records/<workflow>/find", "POST"): [303],
    ("/status/copy", "POST"): [404],
    # No student of the world has a diploma; one has an application, the other session belongs to nobody.
    ("/my/claim", "POST"): [404],
    ("/my/claim/<part>", "GET"): [404],
    ("/my/claim/<part>", "POST"): [404],
    ("/my/claim/check", "GET"): [404],
    ("/my/claim/done", "GET"): [404],
    ("/my/claim/submit", "POST"): [404],
    ("/my/data", "POST"): [422],
    ("/link/<purpose>/<token>", "GET"): [404],
    ("/link/<purpose>/<token>", "POST"): [404],
    ("/account/enrol", "GET"): [302],
    # To the sign-in page without a session, refused with one that enrols nothing.
    ("/account/enrol", "POST"): [303, 422],
    ("/account/factor", "POST"): [403],
    ("/account/recovery", "POST"): [403],
    ("/account/password", "POST"): [422],
    ("/account/sessions", "POST"): [404],
    ("/admin/accounts", "POST"): [409],
    **{(rule, "POST"): [404] for rule in PATHS if rule.startswith("/admin/accounts/<name>/")},
}
CREATES = ("/records/<workflow>/new", "/api/v1/records/<workflow>")


def _plain(rule: str, method: str, principal: Principal) -> set[int]:
    asked = "GET" if method == "HEAD" else method
    if rule == "/desk/roster":
        allowed = principal.roles & by("application", "register")
        return {(200 if asked == "GET" else 422) if allowed else 403}
    if rule in ("/lists/<kind>", "/lists/<kind>/template"):
        allowed = principal.roles & by("study", "record_score")
        return {(200 if asked == "GET" else 422) if allowed else 403}
    if rule == CREATES[0] or (rule == CREATES[1] and asked == "POST"):
        allowed = principal.roles & by("application", "create")
        return {(200 if asked == "GET" else 422) if allowed else 403}
    if rule == "/":
        return {302} if principal.roles == {STUDENT} and principal.known else {200}
    return set(PLAIN.get((rule, asked), [200]))


# The cells


def cells(world: World, *, whole: bool) -> Iterator[Cell]:
    """Yield the matrix, whoever asks in one row; `whole` asks every method for every thing, not for one alone."""
    router = world.app.url_map.bind("localhost")
    rules = sorted({rule.rule for rule in world.app.url_map.iter_rules()})
    for principal in world.principals:
        for rule in rules:
            crossed = _crossed(world, rule, principal)
            for method in METHODS:
                for thing in _asked(world, rule, method, whole):
                    yield _cell(world, router, rule, method, principal, thing)
                for thing in _asked(world, rule, method, whole)[: None if whole else 1]:
                    if crossed and (whole or door(rule, method)):
                        yield _cell(world, router, rule, method, crossed, thing)


def _crossed(world: World, rule: str, principal: Principal) -> Principal | None:
    """Give somebody who comes the wrong way: with a token to a page, with a cookie alone to the API."""
    name = f"{principal.name} the wrong way"
    if rule.startswith("/api/"):
        return replace(principal, name=name, known=False, token="") if principal.token else None
    if not principal.token:
        return None
    nobody = world.principals[0]
    stranger = replace(principal, name=name, known=False, cookie=nobody.cookie, csrf=nobody.csrf, spare=("", ""))
    return replace(stranger, stray=principal.token)


def _asked(world: World, rule: str, method: str, whole: bool) -> Sequence[Thing | None]:
    if not OF_A_THING.search(rule):
        return [None]
    fitting = [t for t in world.things if "bank-file" not in rule or t.workflow == "payment"]
    return fitting if whole or door(rule, method) else fitting[:1]


def _cell(world: World, router: Any, rule: str, method: str, principal: Principal, thing: Thing | None) -> Cell:
    path = path_of(rule, thing)
    # Two rules may share an address: the one that is met there for this method is the one that answers.
    met = _met(router, path, method) or rule
    about, step = (thing or NOTHING) if OF_A_THING.search(met) else None, path.rpartition("/")[2]
    expected, hidden = answer(met, method, principal, about, step)
    sender = _sender(world, met, method, principal)
    body, kind = body_of(met, sender, thing) if method not in SAFE else (b"", "")
    headers = headers_of(met, sender) | (OVERRIDE if method in SAFE else {"Content-Type": kind})
    return Cell(met, method, principal, thing, path, headers, body, frozenset(expected), hidden)


def _sender(world: World, rule: str, method: str, principal: Principal) -> Principal:
    """Give who sends a request: somebody in their own session, unless that would carry something out."""
    if method != "POST" or not principal.csrf:
        return principal
    nobody = world.principals[0]
    if rule == WAY_OUT:
        return replace(principal, cookie=nobody.cookie, csrf=nobody.csrf)
    cookie, csrf = principal.spare
    return replace(principal, cookie=cookie, csrf=csrf) if rule in AT_ONCE and csrf else principal


def _met(router: Any, path: str, method: str) -> str | None:
    try:
        found, _values = router.match(path, method=method, return_rule=True)
    except Exception:  # the router raises for what it does not know: then the rule itself is meant
        return None
    return str(found.rule)
