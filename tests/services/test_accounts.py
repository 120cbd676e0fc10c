"""Who may sign in, and as whom (R6.3)."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask

from edu_pilot.extensions import write
from edu_pilot.services import accounts, staffing
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.vault import vault
from edu_pilot.workflow.reasons import Malformed, Refused
from tests.factories import contents, rows
from tests.people import QIHE, STAFF, entered, worker

ZHANG_LI = worker(77)


def add(name: str = "zhang.li", roles: str = "clerk", county: str | None = QIHE,
        person: str | None = ZHANG_LI.id_number, demo: bool = False) -> str:  # fmt: skip
    return accounts.add(name, roles.split(","), county, person, OPERATOR, password="long-enough", demo=demo)


def test_an_account_signs_in_with_its_password_only(any_app: Flask) -> None:
    add()
    actor = entered("zhang.li", "long-enough")
    assert actor is not None
    assert (actor.name, actor.roles, actor.county) == ("zhang.li", frozenset({"clerk"}), QIHE)
    assert entered("zhang.li", "long-enougH") is None
    assert entered("nobody", "long-enough") is None


def test_the_person_behind_an_account_is_kept_as_a_blind_index(app: Flask) -> None:
    add()
    key = accounts.named("zhang.li").person_key
    assert key == vault().index("id_number", ZHANG_LI.id_number)
    assert ZHANG_LI.id_number not in str(contents()["account"])


def test_neither_password_nor_token_is_stored(app: Flask) -> None:
    add()
    token = accounts.token("zhang.li", OPERATOR)
    stored = str(contents()["account"]) + str(contents()["audit_entry"])
    assert "long-enough" not in stored
    assert token not in stored


def test_a_new_token_ends_the_old_one(app: Flask) -> None:
    add()
    old, new = (accounts.token("zhang.li", OPERATOR) for _ in range(2))
    assert accounts.by_token(old) is None
    actor = accounts.by_token(new)
    assert actor is not None
    assert actor.name == "zhang.li"


@pytest.mark.parametrize("token", ["", "x", "刘伟"])
def test_a_token_nobody_gave_is_nobody(app: Flask, token: str) -> None:
    assert accounts.by_token(token) is None


def test_a_reset_password_replaces_the_old(app: Flask) -> None:
    add()
    fresh = staffing.reset("zhang.li", OPERATOR)
    assert entered("zhang.li", "long-enough") is None
    assert entered("zhang.li", fresh) is not None


@pytest.mark.parametrize(
    "common", ["woaini1314520", "5201314a123456", "QQ123456qq123456", "Password2026!", "123456789012", "qihe123456!!"]
)
def test_a_password_everybody_tries_first_is_not_taken(app: Flask, common: str) -> None:
    """C14: long enough, and yet on the list or made of what stands there."""
    before = contents()
    with write() as conn, pytest.raises(Malformed) as refusal:
        accounts.set_password(conn, accounts.named("wang.fang").account_id or "", common)
    assert [(r.code, r.field) for r in refusal.value.reasons] == [("password_common", "password")]
    assert contents() == before


@pytest.mark.parametrize("good", ["twelve-or-more", "correct horse battery", "黄河边的白杨树1974棵哦", "xK7-mQ2w-vB9z"])
def test_a_password_of_ones_own_is_taken(app: Flask, good: str) -> None:
    with write() as conn:
        accounts.set_password(conn, accounts.named("wang.fang").account_id or "", good)
    assert entered("wang.fang", good)


def test_who_is_not_there_has_nothing_to_reset(app: Flask) -> None:
    before = contents()
    for change in (staffing.reset, accounts.token):
        with pytest.raises(NotFound):
            change("nobody", OPERATOR)
    assert contents() == before


FAULTY: dict[str, tuple[dict[str, object], set[str]]] = {
    "taken": ({"name": "wang.fang"}, {"name_taken"}),
    "reserved": ({"name": "operator"}, {"name_taken"}),
    "empty": ({"name": ""}, {"name_taken"}),
    "long": ({"name": "x" * 65}, {"name_taken"}),
    "no such role": ({"roles": "king", "county": None}, {"role_unknown"}),
    "system": ({"roles": "system", "county": None}, {"role_unknown"}),
    "student": ({"roles": "student", "county": None}, {"role_unknown"}),
    "clerk of no county": ({"county": None}, {"county_needed"}),
    "registrar of a county": ({"roles": "registrar"}, {"county_needed"}),
    "no such county": ({"county": "999999"}, {"county_unknown"}),
    "a wrong number": ({"person": "371425199002309980"}, {"id_number_format"}),
    "everything": (
        {"name": "", "roles": "king", "county": "999999", "person": "1"},
        {"name_taken", "role_unknown", "county_needed", "county_unknown", "id_number_format"},
    ),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_a_faulty_account_is_refused_with_all_reasons(app: Flask, kind: str) -> None:
    given, expected = FAULTY[kind]
    before = contents()
    with pytest.raises(Refused) as refusal:
        add(**given)  # type: ignore[arg-type]
    assert {reason.code for reason in refusal.value.reasons} == expected
    assert contents() == before


def test_a_demo_account_is_refused_in_production(app: Flask) -> None:
    add("demo.clerk", demo=True)
    assert entered("demo.clerk", "long-enough") is not None
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = dataclasses.replace(settings, env="production")
    assert entered("demo.clerk", "long-enough") is None


def test_every_change_of_an_account_is_in_the_trail(app: Flask) -> None:
    add()
    staffing.reset("zhang.li", OPERATOR)
    accounts.token("zhang.li", OPERATOR)
    trail = [e["action"] for e in rows("audit_entry", workflow="account", reference="zhang.li")]
    assert sorted(trail) == ["add", "reset", "token"]


def test_everybody_of_the_tests_has_an_account(app: Flask) -> None:
    assert {row["name"] for row in rows("account")} == {member.account for member in STAFF}
