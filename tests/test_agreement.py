"""Every state × action × role: the page, the API, the engine and the command line say the same (R6.2)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo
from flask.testing import FlaskClient

from edu_pilot import cli, clock
from edu_pilot.extensions import read
from edu_pilot.services import accounts, outbox, presenting, search
from edu_pilot.services.actors import OPERATOR, SYSTEM
from edu_pilot.services.cases import NotFound
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.registry import Actor
from tests import app as installations
from tests.app import Place
from tests.factories import (
    BATCHED,
    CHECKED,
    CLAIMED,
    EXAM,
    SETTLED,
    Pilot,
    contents,
    corrected,
    on,
    publish_places,
    refused,
    row,
    rows,
)
from tests.people import STAFF, fresh_code, staff, worker

TODAY = CLAIMED
BLOCKED_SOMEWHERE = ("wang.fang", "chen.hui", "examiner", "zhao.min", "sun.li")


@dataclass(frozen=True)
class World:
    """One installation with a record in every state that can be reached, and a token for everybody."""

    app: Flask
    records: dict[tuple[str, str], str]
    tokens: dict[str, str]


def populate(pilot: Pilot) -> list[tuple[str, str]]:
    """Bring a record into every state, each through the steps people take."""
    people = (worker(n) for n in range(60))
    made = [
        ("application", step(next(people))) for step in (pilot.draft, pilot.registered, pilot.complete, pilot.verified)
    ]
    made += [("application", application(pilot, kind, next(people))) for kind in ("returned", "rejected", "withdrawn")]
    studies = [pilot.enrolled(next(people)), pilot.studying(next(people)), pilot.completed(next(people))]
    graduates = [pilot.graduated(next(people)) for _ in range(18)]
    made += [("study", reference) for reference in (*studies, graduates[0])]
    made.append(("application", rows("application", state="admitted")[0]["reference"]))
    made += certifications(pilot, people)
    made += claims(pilot, graduates)
    made += [("study", study_ended(pilot, next(people), end)) for end in ENDS]
    revoked = graduates[11]
    pilot.act("study", revoked, "revoke_diploma", pilot.chen_hui, TODAY, revocation="FALSE_PAPERS")
    made += [("study", revoked), *after_approval(pilot, graduates[12:])]
    publish_places(used_places(), day=TODAY)
    waiting = pilot.verified(next(people))
    assert pilot.admit(waiting).state == "waitlisted"
    return [*made, ("application", waiting)]


ENDS = {
    "suspend": {"suspension": "WORK"},
    "withdraw": {"withdrawal": "PERSONAL"},
    "cancel": {"cancellation": "DISCIPLINE"},
    "expire": {},
}
EIGHT_YEARS_ON = date(2030, 9, 30)


def study_ended(pilot: Pilot, who: Any, step: str) -> str:
    """Bring a study out of its straight way."""
    reference = pilot.studying(who)
    actor, day = (SYSTEM, EIGHT_YEARS_ON) if step == "expire" else (pilot.chen_hui, TODAY)
    pilot.act("study", reference, step, actor, day, **ENDS[step])
    return reference


def after_approval(pilot: Pilot, graduates: list[str]) -> list[tuple[str, str]]:
    """Bring claims into the states that come after their approval, and a batch to the bank."""
    objected, at_the_bank, bounced = (pilot.approved(study) for study in graduates[:3])
    pilot.act("claim", objected, "object", pilot.wang_fang, CHECKED, objection="不是农民工")
    exported = pilot.batch(at_the_bank)
    pilot.export(exported)
    sent_back = pilot.batch(bounced)
    pilot.export(sent_back)
    [line] = rows("payment_item", payment_id=row("payment", sent_back)["id"])
    result = {"number": line["number"], "result": "bounced", "reason": "ACCOUNT_CLOSED"}
    pilot.act("payment", sent_back, "settle", pilot.he_jun, BATCHED, results=[result])
    with on(BATCHED):
        outbox.drain()
    recovering, recovered = (pilot.paid(study) for study in graduates[3:5])
    for claim in (recovering, recovered):
        pilot.act("claim", claim, "recover", pilot.arbiter, SETTLED, recovery="FALSE_PAPERS")
    whole = row("claim", recovered)["payable_fen"]
    pilot.act("claim", recovered, "confirm_recovered", pilot.he_jun, SETTLED, recovered_fen=whole)
    found = (objected, at_the_bank, bounced, recovering, recovered)
    return [*(("claim", reference) for reference in found), ("payment", exported)]


def used_places() -> int:
    """Give the places of 2022 that are taken: with no other one left the next applicant waits."""
    year = rows("quota", year="2022")[0]
    return int(year["used"]) + int(year["reserved"])


def application(pilot: Pilot, kind: str, who: Any) -> str:
    """Bring an application to one of its unhappy ends."""
    reference = pilot.registered(who)
    if kind == "returned":
        step = ("application", reference, "return_for_correction", pilot.wang_fang)
        pilot.act(*step, faults=["ILLEGIBLE"])
    elif kind == "rejected":
        pilot.reject(reference)
    else:
        pilot.withdraw(reference)
    return reference


def certifications(pilot: Pilot, people: Iterator[Any]) -> list[tuple[str, str]]:
    """Bring certifications and exam sessions into their states."""
    planned = pilot.certification_of(pilot.studying(next(people)))
    training = pilot.certification_of(pilot.studying(next(people)))
    pilot.act("certification", training, "start_training", pilot.wang_fang, TODAY)
    trained = pilot.trained(pilot.studying(next(people)))
    entered = pilot.trained(pilot.studying(next(people)))
    taken = row("certification", entered)
    session = pilot.exam(taken["occupation"], taken["level"], seats=4)
    pilot.act("certification", entered, "enter", pilot.wang_fang, EXAM, session=session)
    seated = pilot.seated(pilot.studying(next(people)), session)
    sat, failed, passed = (pilot.seated(pilot.studying(next(people)), session) for _ in range(3))
    for reference in (sat, failed, passed):
        pilot.act("certification", reference, "mark_sat", pilot.examiner, TODAY)
    marks = {failed: "59", passed: "60"}
    for reference, mark in marks.items():
        pilot.act("certification", reference, "score", pilot.examiner, TODAY, theory="60", practical=mark)
    certified = pilot.certified(pilot.studying(next(people)))
    found = (planned, training, trained, entered, seated, sat, failed, passed, certified)
    ends = [certification_ended(pilot, next(people), end) for end in ("absent", "void", "withdrawn")]
    known = [*found, *ends]
    return [*(("certification", reference) for reference in known), ("session", session), *sessions(pilot, people)]


def certification_ended(pilot: Pilot, who: Any, end: str) -> str:
    """Bring a certification to one of its unhappy ends."""
    if end == "withdrawn":
        reference = pilot.certification_of(pilot.studying(who))
        pilot.act("certification", reference, "withdraw", pilot.examiner, EXAM)
        return reference
    reference = pilot.seated(pilot.studying(who))
    if end == "absent":
        pilot.act("certification", reference, "mark_absent", pilot.examiner, EXAM)
        return reference
    pilot.act("certification", reference, "mark_sat", pilot.examiner, EXAM)
    pilot.act("certification", reference, "void", pilot.examiner, EXAM, voiding="CHEATING")
    return reference


def sessions(pilot: Pilot, people: Iterator[Any]) -> list[tuple[str, str]]:
    """Bring a session into each state it has beside `open`, each with one candidate."""
    steps = ("seat_all", "hold", "score_all", "publish")
    found = [session_after(pilot, next(people), steps[:n]) for n in range(1, 5)]
    planned, cancelled = pilot.planned_exam("ecommerce_specialist", "4"), pilot.exam("ecommerce_specialist", "4")
    pilot.act("session", cancelled, "cancel", pilot.examiner, EXAM, cancellation="SITE_NOT_AVAILABLE")
    return [("session", reference) for reference in (planned, cancelled, *found)]


def session_after(pilot: Pilot, who: Any, steps: tuple[str, ...]) -> str:
    """Take a session with one candidate through the steps; the candidate stays away."""
    reference = pilot.seated(pilot.studying(who))
    session = str(rows("session", id=row("certification", reference)["session_id"])[0]["reference"])
    for step in steps:
        if step == "score_all":
            pilot.act("certification", reference, "mark_absent", pilot.examiner, EXAM)
        pilot.act("session", session, step, pilot.examiner, EXAM)
    return session


def claims(pilot: Pilot, graduates: list[str]) -> list[tuple[str, str]]:
    """Bring claims and payment batches into their states."""
    draft, submitted = pilot.claim(graduates[0]), pilot.submitted(graduates[1])
    half = pilot.submitted(graduates[2])
    pilot.check(half, pilot.zhao_min)
    other_half = pilot.submitted(graduates[7])
    pilot.check(other_half, pilot.sun_li)
    not_agreed = pilot.submitted(graduates[3])
    pilot.check(not_agreed, pilot.zhao_min)
    pilot.check(not_agreed, pilot.sun_li, refused())
    rejected = pilot.submitted(graduates[4])
    pilot.check(rejected, pilot.zhao_min, refused())
    pilot.check(rejected, pilot.sun_li, refused())
    approved = pilot.approved(graduates[5])
    batch = pilot.batch(pilot.approved(graduates[6]))
    returned = pilot.submitted(graduates[8])
    pilot.check(returned, pilot.zhao_min)
    pilot.check(returned, pilot.sun_li, corrected())
    in_payment, paid = pilot.approved(graduates[9]), pilot.paid(graduates[10])
    settled = rows("payment", state="settled")[0]["reference"]
    released = pilot.batch(in_payment)
    pilot.act("payment", released, "release", pilot.releaser, BATCHED)
    with on(BATCHED):
        outbox.drain()
    found = (draft, submitted, half, other_half, not_agreed, rejected, approved, returned, in_payment, paid)
    batches = (batch, released, settled)
    return [*(("claim", reference) for reference in found), *(("payment", reference) for reference in batches)]


@pytest.fixture(scope="module")
def world(sqlite_template: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give an installation in which something of everything is going on."""
    place = installations.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("world") / "instance")
    with installations.opened(place) as app, installations.at_work(app, TODAY):
        made = populate(Pilot())
        tokens = {member.account: accounts.token(member.account, OPERATOR) for member in STAFF}
        records = {(w, f"{row(w, r)['state']}:{r}"): r for w, r in made}
    # No context stays open over requests: what one keeps for itself the next would find.
    with installations.opened(place) as app, clock.on(TODAY):
        yield World(app, records, tokens)


def sentences(offers: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Give each offer's reasons as (code, text)."""
    return {o["action"]: [(r["code"], r["text"]) for r in o["reasons"]] for o in offers}


def engine_says(world: World, workflow: str, reference: str, actor: Actor) -> dict[str, list[tuple[str, str]]]:
    """Ask the engine."""
    with world.app.app_context(), read() as conn:
        shown = presenting.show(conn, search.get(conn, workflow, reference, actor), actor)
        return sentences(presenting.as_json(shown, "zh")["offers"])


def api_says(client: FlaskClient, token: str, path: str) -> Any:
    """Ask the API."""
    return client.get(f"/api/v1/records/{path}", headers=bearer(token))


def nothing(world: World, path: str) -> dict[str, Any]:
    """Give the body of a step that is tried with nothing entered, on the version that is."""
    with world.app.app_context():
        return {"version": row(*path.split("/"))["version"], "input": {}}


def everything(world: World) -> dict[str, Any]:
    """Give every row there is."""
    with world.app.app_context():
        return contents()


def person(world: World, account: str) -> Actor:
    """Give the actor of one of the staff."""
    with world.app.app_context():
        return staff(account)


def in_force(world: World) -> Mapping[str, Engine]:
    """Give the engines in force."""
    with world.app.app_context(), read() as conn:
        return presenting.in_force(conn).engines


def bearer(token: str) -> dict[str, str]:
    """Give the headers of an API call in Chinese."""
    return {"Authorization": f"Bearer {token}", "Accept-Language": "zh"}


REASON = re.compile(r"<li>(.*?)(?: <span class=\"who\">|</li>)", re.S)


def page_says(client: FlaskClient, path: str) -> dict[str, list[str]]:
    """Ask the page: its steps, and the sentences under each."""
    text = client.get(f"/records/{path}", headers={"Accept-Language": "zh"}).get_data(as_text=True)
    text = text.partition('id="steps"')[2].partition("</div>\n</div>")[0] or text
    steps = re.split(r'(?=<(?:section|details|form)[^>]*id="step-)', text)[1:]
    found = {}
    for step in steps:
        name = re.search(r'id="step-(\w+)"', step)
        blocked = 'class="step blocked"' in step[:60]
        body = step.partition("</section>")[0]
        found[name.group(1)] = [html.unescape(r.strip()) for r in REASON.findall(body)] if name and blocked else []
    return found


def signed_in(world: World, account: str) -> FlaskClient:
    """Give a browser in which somebody has signed in."""
    client = world.app.test_client()
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    with world.app.app_context():
        code = fresh_code(account)
    form = {"username": account, "password": "demo" + account, "code": code}
    form |= {"csrf_token": token.group(1) if token else ""}
    assert client.post("/login", data=form).status_code in (302, 303)
    return client


def command_says(world: World, account: str, workflow: str, reference: str, action: str) -> tuple[int, Any]:
    """Ask the command line."""
    cli.register(world.app)
    group = FlaskGroup(name="edu-pilot", add_default_commands=False, load_dotenv=False)
    words = ["case", "act", workflow, reference, action, "--as", account, "--json", "--lang", "zh"]
    result = CliRunner().invoke(group, words, obj=ScriptInfo(create_app=lambda: world.app))
    return result.exit_code, json.loads(result.stdout)


def test_the_world_holds_every_state(world: World) -> None:
    engines = in_force(world)
    later = {
        "claim": ("withdrawn",),
        "payment": ("cancelled",),
    }
    every = {(name, state) for name, engine in engines.items() for state in engine.definition.states}
    left = {(name, state) for name, states in later.items() for state in states}
    assert every - left - {(w, key.partition(":")[0]) for w, key in world.records} == set()


@pytest.mark.parametrize("account", [member.account for member in STAFF])
def test_page_api_engine_and_command_line_agree(world: World, account: str) -> None:
    actor, browser, client = person(world, account), signed_in(world, account), world.app.test_client()
    token, asked = world.tokens[account], 0
    for (workflow, _), reference in world.records.items():
        path = f"{workflow}/{reference}"
        answered = api_says(client, token, path)
        try:
            truth = engine_says(world, workflow, reference, actor)
        except NotFound:
            assert answered.status_code == browser.get(f"/records/{path}").status_code == 404
            continue
        assert sentences(answered.json["offers"]) == truth, path
        page = page_says(browser, path)
        assert page == {action: [text for _, text in reasons] for action, reasons in truth.items()}, path
        asked += sum(_blocked_everywhere(world, account, client, path, action, why) for action, why in truth.items())
    assert asked or account not in BLOCKED_SOMEWHERE


def _blocked_everywhere(
    world: World, account: str, client: FlaskClient, path: str, action: str, reasons: list[tuple[str, str]]
) -> int:
    """Try a blocked step through API and command line: the same list, and nothing left behind."""
    if not reasons:
        return 0
    workflow, reference = path.split("/")
    before = everything(world)
    headers = bearer(world.tokens[account])
    answered = client.post(f"/api/v1/records/{path}/actions/{action}", json=nothing(world, path), headers=headers)
    assert answered.status_code == 409, (path, action)
    assert [(r["code"], r["text"]) for r in answered.json["reasons"]] == reasons
    code, told = command_says(world, account, workflow, reference, action)
    assert (code, [(r["code"], r["text"]) for r in told["reasons"]]) == (1, reasons)
    assert everything(world) == before
    return 1


@pytest.mark.parametrize("account", ["wang.fang", "xu.ning", "admin", "he.jun"])
def test_a_step_that_is_never_theirs_is_forbidden_everywhere(world: World, account: str) -> None:
    actor, client = person(world, account), world.app.test_client()
    engines = in_force(world)
    for (workflow, _), reference in world.records.items():
        never = [a.name for a in engines[workflow].definition.actions.values() if not actor.roles & set(a.by)]
        for action in never[:3]:
            path = f"/api/v1/records/{workflow}/{reference}/actions/{action}"
            answered = client.post(
                path, json=nothing(world, f"{workflow}/{reference}"), headers=bearer(world.tokens[account])
            )
            assert answered.status_code in (403, 404), (path, answered.json)
