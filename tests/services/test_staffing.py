"""Roles by two administrators, and people who leave (C4, C14, edge case 70)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from edu_pilot.extensions import read
from edu_pilot.services import accounts, audit, logins, staffing
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.logins import Caller
from edu_pilot.services.perform import create, enter_many, perform, perform_many
from edu_pilot.services.standing import LetGo
from edu_pilot.workflow.reasons import Forbidden, Refused
from edu_pilot.workflow.registry import Actor
from tests.factories import SIGN_UP, Pilot, application_form, contents, on, row, rows
from tests.people import DECHENG, QIHE, entered, fresh_code, staff, worker


@pytest.fixture
def second(app: Flask) -> Actor:
    """Give a second administrator."""
    accounts.add("admin.second", ["admin"], None, worker(50).id_number, OPERATOR)
    return staff("admin.second")


def codes(refusal: pytest.ExceptionInfo[Refused]) -> set[str]:
    """Give the codes of a refusal."""
    return {reason.code for reason in refusal.value.reasons}


def test_one_administrator_asks_and_another_confirms(app: Flask, second: Actor) -> None:
    assert staffing.grant("wang.fang", ["registrar"], None, staff("admin")) is False
    assert staff("wang.fang").roles == {"clerk"}
    staffing.confirm("wang.fang", second)
    assert (staff("wang.fang").roles, staff("wang.fang").county) == ({"registrar"}, None)
    trail = [e["action"] for e in rows("audit_entry", workflow="account", reference="wang.fang")]
    assert sorted(trail) == ["add", "ask_grant", "grant"]


def test_asking_for_the_same_confirms(app: Flask, second: Actor) -> None:
    assert staffing.grant("wang.fang", ["clerk"], DECHENG, staff("admin")) is False
    assert staffing.grant("wang.fang", ["clerk"], DECHENG, second) is True
    assert staff("wang.fang").county == DECHENG


def test_who_asked_does_not_confirm_not_even_by_a_second_account(app: Flask, second: Actor) -> None:
    own = Actor("x", "another.name", frozenset({"admin"}), None, staff("admin").person_key)
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    for who in (staff("admin"), own, OPERATOR):
        with pytest.raises(Refused) as refusal:
            staffing.confirm("wang.fang", who)
        assert codes(refusal) == {"second_administrator"}
    assert staff("wang.fang").roles == {"clerk"}


def test_nobody_gives_roles_to_themselves(app: Flask, second: Actor) -> None:
    with pytest.raises(Refused) as refusal:
        staffing.grant("admin", ["admin", "registrar"], None, staff("admin"))
    assert codes(refusal) == {"own_account"}
    staffing.grant("admin", ["registrar"], None, second)
    with pytest.raises(Refused):
        staffing.confirm("admin", staff("admin"))
    assert staff("admin").roles == {"admin"}


def test_an_account_of_an_administrator_begins_without_roles(app: Flask, second: Actor) -> None:
    assert staffing.add("zhang.li", ["clerk"], QIHE, worker(77).id_number, staff("admin")) is None
    assert staff("zhang.li").roles == frozenset()
    staffing.confirm("zhang.li", second)
    assert (staff("zhang.li").roles, staff("zhang.li").county) == ({"clerk"}, QIHE)


def test_what_was_asked_can_be_dropped(app: Flask, second: Actor) -> None:
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    staffing.decline("wang.fang", second)
    with pytest.raises(NotFound):
        staffing.confirm("wang.fang", second)


TAKEN_OVER = {
    "reset": lambda who: staffing.reset("wang.fang", who),
    "link": lambda who: staffing.link("wang.fang", who, "reset"),
    "factor": lambda who: staffing.reset_factor("wang.fang", who),
}


@pytest.mark.parametrize("step", TAKEN_OVER)
def test_whose_password_or_factor_is_replaced_has_no_roles_until_another_confirms(
    app: Flask, second: Actor, step: str
) -> None:
    """R6.3: one administrator alone is never two."""
    admin = staff("admin")
    TAKEN_OVER[step](admin)
    assert (staff("wang.fang").roles, staff("wang.fang").county) == (frozenset(), None)
    [grant] = rows("role_grant", closed_at=None)
    assert (grant["roles"], grant["county"], grant["asked_by"]) == ("clerk", QIHE, "admin")
    # A second way in changes nothing of what waits, and who opened the way does not confirm.
    for again in TAKEN_OVER.values():
        again(admin)
    with pytest.raises(Refused) as refusal:
        staffing.confirm("wang.fang", admin)
    assert codes(refusal) == {"second_administrator"}
    staffing.confirm("wang.fang", second)
    assert (staff("wang.fang").roles, staff("wang.fang").county) == ({"clerk"}, QIHE)


@pytest.mark.parametrize("step", TAKEN_OVER)
def test_the_operators_help_leaves_the_roles(app: Flask, step: str) -> None:
    TAKEN_OVER[step](OPERATOR)
    assert staff("wang.fang").roles == {"clerk"}
    assert rows("role_grant") == []


def test_who_opens_the_way_into_an_account_does_not_confirm_what_another_asked_for(app: Flask, second: Actor) -> None:
    staffing.add("zhang.li", ["clerk"], QIHE, worker(77).id_number, second)
    staffing.link("zhang.li", staff("admin"), "invite")
    with pytest.raises(Refused) as refusal:
        staffing.confirm("zhang.li", staff("admin"))
    assert codes(refusal) == {"second_administrator"}
    staffing.confirm("zhang.li", second)
    assert staff("zhang.li").roles == {"clerk"}


def test_the_first_ones_password_ends_when_another_gives_the_link(app: Flask, second: Actor) -> None:
    password = staffing.reset("wang.fang", staff("admin"))
    staffing.link("wang.fang", second, "reset")
    assert logins.enter("wang.fang", password, fresh_code("wang.fang"), Caller()) is None


def test_an_administrator_helps_the_own_account_without_losing_it(app: Flask) -> None:
    staffing.reset_factor("admin", staff("admin"))
    assert staff("admin").roles == {"admin"}


def test_a_token_is_drawn_by_its_owner_or_the_operator(app: Flask) -> None:
    """Whoever holds the token acts as the account."""
    with pytest.raises(Forbidden):
        staffing.token("chen.hui", staff("admin"))
    assert rows("account", name="chen.hui")[0]["token_hash"] is None
    for who in (staff("chen.hui"), OPERATOR):
        assert accounts.by_token(staffing.token("chen.hui", who)) == staff("chen.hui")


STEPS = {
    "add": lambda who: staffing.add("x", ["clerk"], QIHE, worker(1).id_number, who),
    "grant": lambda who: staffing.grant("xu.ning", ["registrar"], None, who),
    "confirm": lambda who: staffing.confirm("xu.ning", who),
    "decline": lambda who: staffing.decline("xu.ning", who),
    "end": lambda who: staffing.end("xu.ning", who),
    "reset": lambda who: staffing.reset("xu.ning", who),
    "token": lambda who: staffing.token("chen.hui", who),
    "link": lambda who: staffing.link("xu.ning", who, "reset"),
    "factor": lambda who: staffing.reset_factor("xu.ning", who),
    "revoke": lambda who: staffing.revoke("xu.ning", who),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("account", ["wang.fang", "xu.ning"])
def test_accounts_are_the_administrators(app: Flask, step: str, account: str) -> None:
    before = contents()
    with pytest.raises(Forbidden):
        STEPS[step](staff(account))
    assert contents() == before


def test_who_leaves_is_out_and_the_signatures_stay(app: Flask, pilot: Pilot) -> None:
    reference = pilot.registered()
    staffing.end("wang.fang", staff("admin"))
    with pytest.raises(NotFound):
        staff("wang.fang")
    assert entered("wang.fang", "demowang.fang") is None
    assert {e["actor"] for e in rows("audit_entry", reference=reference)} == {"wang.fang"}
    assert row("application", reference)["created_by"] == "wang.fang"
    with read() as conn:
        assert audit.verify(conn).ok
    with pytest.raises(Refused):
        accounts.add("wang.fang", ["clerk"], QIHE, worker(3).id_number, OPERATOR)


def test_the_work_goes_to_somebody_who_may_do_it(app: Flask) -> None:
    for unfit in ("decheng.clerk", "zhao.min", "wang.fang"):
        with pytest.raises(Refused) as refusal:
            staffing.end("wang.fang", staff("admin"), unfit)
        assert codes(refusal) == {"successor_unfit"}
    staffing.end("zhao.min", staff("admin"), "zhao.min.colleague")
    assert rows("account", name="zhao.min")[0]["handed_to"] == "zhao.min.colleague"


def test_what_a_leaver_asked_for_is_asked_anew(app: Flask, second: Actor) -> None:
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    staffing.end("admin", second)
    with pytest.raises(NotFound):
        staffing.confirm("wang.fang", second)


def test_nobody_ends_the_own_account_or_one_twice(app: Flask) -> None:
    with pytest.raises(Refused) as refusal:
        staffing.end("admin", staff("admin"))
    assert codes(refusal) == {"own_account"}
    staffing.end("wang.fang", staff("admin"))
    with pytest.raises(Refused) as refusal:
        staffing.end("wang.fang", staff("admin"))
    assert codes(refusal) == {"account_ended"}


def _ended(_second: Actor) -> None:
    staffing.end("wang.fang", staff("admin"))


def _another_role(second: Actor) -> None:
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    staffing.confirm("wang.fang", second)


def _another_county(second: Actor) -> None:
    staffing.grant("wang.fang", ["clerk"], DECHENG, staff("admin"))
    staffing.confirm("wang.fang", second)


@pytest.mark.parametrize("change", [_ended, _another_role, _another_county])
def test_r6_3_who_was_let_in_before_takes_no_step_afterwards(
    pilot: Pilot, second: Actor, change: Callable[[Actor], None]
) -> None:
    """A request knows its account before it waits for its turn to write; the account may end meanwhile."""
    draft, before = pilot.draft(), pilot.wang_fang
    change(second)
    stored = contents()
    for step in (
        lambda: perform("application", draft, "register", before),
        lambda: create("application", before, application_form(worker(3))),
        lambda: list(perform_many("application", [row("application", draft)["id"]], "register", before)),
        lambda: list(enter_many("application", [application_form(worker(4))], "register", before)),
    ):
        with on(SIGN_UP), pytest.raises(LetGo):
            step()
    assert contents() == stored


@pytest.mark.parametrize(("path", "told"), [("/desk", "Please sign in"), ("/api/v1/workflows", "unauthorized")])
def test_who_was_let_go_in_between_is_asked_to_sign_in(site: Flask, path: str, told: str) -> None:
    with site.test_request_context(path, headers={"Accept-Language": "en"}):
        answer = site.make_response(site.handle_user_exception(LetGo("wang.fang")))
    assert answer.status_code == 401
    assert told in answer.get_data(as_text=True)
