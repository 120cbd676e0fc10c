"""What each role sees of personal facts, equal on every way a record is shown (R2.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from edu_pilot import cli, clock, paths
from edu_pilot.extensions import read
from edu_pilot.services import accounts, actors, presenting, search
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.disclosure import MASKS, disclosed
from edu_pilot.services.wording import masked_id
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.registry import Actor
from tests.factories import CARD, CHECKED, CLAIMED, Pilot, on, row
from tests.people import LIU_WEI, STAFF, staff
from tests.web.visitor import Visitor, text

POLICIES = yaml.safe_load((paths.workflows() / "policies.yaml").read_text("utf-8"))
TABLE = {name: entry for entry in POLICIES["disclosure"] for name in entry["facts"]}
ROLES = yaml.safe_load((paths.workflows() / "roles.yaml").read_text("utf-8"))
WHOLE = (LIU_WEI.id_number, LIU_WEI.phone, CARD, "1985-01-01", "1985年1月1日", "1 January 1985")


def personal_fields() -> Iterator[str]:
    """Give every field that a workflow file marks as personal."""
    for path in paths.workflows().glob("*.yaml"):
        for name, field in (yaml.safe_load(path.read_text("utf-8")).get("fields") or {}).items():
            if isinstance(field, dict) and field.get("personal"):
                yield name


def test_every_personal_field_has_its_line() -> None:
    assert set(personal_fields()) - set(TABLE) == set()


def test_a_line_names_known_roles_and_every_mask_has_one() -> None:
    named = {role for entry in TABLE.values() for role in (*entry.get("full", ()), *entry.get("masked", ()))}
    assert named - set(ROLES) == set()
    assert set(MASKS) - set(TABLE) == set()
    assert {name for name, entry in TABLE.items() if "masked" in entry} == set(MASKS)


def policy(*entries: dict[str, Any]) -> Policy:
    return Policy(1, clock.today(), {"disclosure": list(entries)} if entries else {})


def actor(*roles: str) -> Actor:
    return Actor("1", "somebody", frozenset(roles))


@pytest.mark.parametrize("table", [(), ({"facts": ["id_number", "birth_on"], "full": ["clerk"]},)])
def test_no_policy_shows_a_number_whole(table: tuple[dict[str, Any], ...]) -> None:
    seen = disclosed({"id_number": LIU_WEI.id_number, "birth_on": "1985-01-01"}, actor("clerk"), policy(*table))
    assert seen == {"id_number": masked_id(LIU_WEI.id_number), "birth_on": "1985-**-**"}


def test_a_role_that_is_not_listed_sees_nothing() -> None:
    given = {"employer": "齐河建筑", "receipts": [1], "county": "371425", "phone": LIU_WEI.phone}
    table = policy({"facts": ["employer", "receipts", "phone"], "full": ["clerk"], "masked": ["clerk"]})
    nothing = {"employer": None, "receipts": [], "county": "371425", "phone": None}
    assert disclosed(given, actor("admin"), table) == nothing
    assert disclosed(given, actor("admin", "clerk"), table)["employer"] == "齐河建筑"


def test_a_personal_entry_without_a_line_is_hidden() -> None:
    assert disclosed({"hobby": "x", "county": "y"}, actor("clerk"), policy(), frozenset({"hobby"})) == {
        "hobby": None,
        "county": "y",
    }


@pytest.fixture
def claim(pilot: Pilot) -> str:
    reference = pilot.submitted(pilot.graduated())
    pilot.check(reference, pilot.zhao_min)
    pilot.check(reference, pilot.sun_li)
    given = {"account_number": CARD, "account_holder": LIU_WEI.name}
    pilot.act("claim", reference, "change_account", pilot.wang_fang, CHECKED, **given)
    return reference


def everyone() -> list[Actor]:
    return [*(staff(member.account) for member in STAFF if member.account != "decheng.clerk"), OPERATOR]


def records(claim: str) -> list[tuple[str, str]]:
    study = row("claim", claim)["study_id"]
    with read() as conn:
        found = search.by_person(conn, OPERATOR, LIU_WEI.id_number, None)
    assert study in {case.id for case in found}
    return [(case.workflow, case.reference) for case in found]


def test_nobody_sees_a_number_whole(claim: str, app: Flask) -> None:
    """Facts and history of every record of the person, for every role and the student."""
    own = actors.student(row("application", records(claim)[0][1])["id_index"])
    with on(CLAIMED), read() as conn:
        for who in (*everyone(), own):
            for workflow, reference in records(claim):
                case = search.get(conn, workflow, reference, who)
                whole = presenting.whole(conn, case, who)
                told = json.dumps([presenting.as_json(whole.shown), whole.history], default=str, ensure_ascii=False)
                assert [value for value in WHOLE if value in told] == [], (who.name, workflow)


EXPECTED = {
    ("wang.fang", "application"): {"id_number": "371425********", "phone": "138****1234", "employer": "齐河"},
    ("admin", "application"): {"id_number": "371425********", "phone": None, "employer": None, "birth_on": None},
    ("he.jun", "application"): {"phone": None, "birth_on": None, "job": None},
    ("examiner", "application"): {"phone": "138****1234", "job": None, "birth_on": "1985-**-**"},
    ("xu.ning", "application"): {"id_number": "371425********", "phone": "138****1234", "birth_on": "1985-**-**"},
    ("he.jun", "claim"): {"account_tail": CARD[-4:], "phone": None},
    ("chen.hui", "claim"): {"account_tail": None, "account_holder": None, "phone": "138****1234"},
    ("admin", "claim"): {"account_tail": None, "account_holder": None, "phone": None},
}


def facts_of(workflow: str, reference: str, who: Actor) -> dict[str, Any]:
    with read() as conn:
        return presenting.show(conn, search.get(conn, workflow, reference, who), who).facts


def test_each_role_sees_what_the_table_says(claim: str) -> None:
    application = dict(records(claim))["application"]
    for (name, workflow), expected in EXPECTED.items():
        seen = facts_of(workflow, claim if workflow == "claim" else application, staff(name))
        for fact, value in expected.items():
            assert seen[fact] == value or (value and str(seen[fact]).startswith(value)), (name, fact, seen[fact])
    assert facts_of("claim", claim, staff("admin"))["receipts"] == []
    assert len(facts_of("claim", claim, staff("he.jun"))["receipts"]) == 1


@pytest.mark.parametrize("name", ["wang.fang", "admin", "he.jun", "xu.ning", "examiner"])
def test_api_list_command_line_and_page_tell_the_same(claim: str, app: Flask, name: str) -> None:
    application = dict(records(claim))["application"]
    headers = {"Authorization": f"Bearer {accounts.token(name, OPERATOR)}"}
    client = app.test_client()
    one = client.get(f"/api/v1/records/application/{application}", headers=headers).json["facts"]
    [listed] = client.get("/api/v1/records/application", headers=headers).json["records"]
    [found] = client.post("/api/v1/search", json={"phone": LIU_WEI.phone}, headers=headers).json["records"][:1]
    assert listed["facts"] == one == found["facts"]
    cli.register(app)
    group = FlaskGroup(name="edu-pilot", add_default_commands=False, load_dotenv=False)
    words = ["case", "show", "application", application, "--as", name, "--json"]
    result = CliRunner().invoke(group, words, obj=ScriptInfo(create_app=lambda: app))
    assert json.loads(result.stdout)["facts"] == one
    visitor = Visitor(app)
    visitor.sign_in(name)
    page = text(visitor.get(f"/records/application/{application}"))
    assert [value for value in WHOLE if value in page] == []
    for fact in ("id_number", "phone", "birth_on", "employer", "job"):
        assert one[fact] is None or one[fact] in page, fact
    if one["phone"] is None:
        assert "138****1234" not in page


def test_the_corrected_number_is_masked_in_the_history(pilot: Pilot) -> None:
    """The number before and the number after are both the person's."""
    from_history = disclosed({"new_id_number": "371425198501029995"}, pilot.chen_hui, policy())
    assert from_history == {"new_id_number": "371425********9995"}
