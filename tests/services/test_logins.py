"""Sessions kept by the server, the second factor, and what ends them (C14)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from edu_pilot.extensions import read, write
from edu_pilot.models import LoginSession
from edu_pilot.services import accounts, factor, links, logins, staffing
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.logins import Caller, Opened
from edu_pilot.workflow.reasons import Malformed
from tests.factories import rows
from tests.people import entered, fresh_code, staff, worker

NOW = datetime(2022, 8, 20, 8, 0, tzinfo=UTC)
HERE = Caller("10.0.0.1", "Firefox")
NEWCOMER = "zhang.li"
PASSWORD = "twelve-or-more"

pytestmark = pytest.mark.usefixtures("one_clock")


def enter(name: str = "wang.fang", code: str | None = None) -> Opened | None:
    """Sign one of the staff in."""
    return logins.enter(name, "demo" + name, fresh_code(name) if code is None else code, HERE)


def opened(name: str = "wang.fang") -> Opened:
    """Sign one of the staff in, successfully."""
    found = enter(name)
    assert found is not None
    return found


def test_a_session_is_known_by_its_token_alone(any_app: Flask) -> None:
    made = opened()
    found = logins.present(made.token)
    assert found is not None and found.actor.name == "wang.fang" and found.actor.fresh
    assert made.token not in str(rows("login_session"))
    assert logins.present(made.token + "x") is None and logins.present("") is None


def test_every_sign_in_has_a_token_of_its_own(app: Flask) -> None:
    assert opened().token != opened().token


def test_a_code_is_good_once(any_app: Flask) -> None:
    code = fresh_code("wang.fang")
    assert enter(code=code) is not None
    assert enter(code=code) is None


@pytest.mark.parametrize(("seconds", "fits"), [(-30, True), (0, True), (31, True), (-91, False), (91, False)])
def test_a_clock_may_be_half_a_minute_off(app: Flask, seconds: int, fits: bool) -> None:
    with time_machine.travel(NOW, tick=False):
        code = factor.present_code(factor.sample_secret("wang.fang"), NOW + timedelta(seconds=seconds))
        assert (enter(code=code) is not None) == fits


@pytest.mark.parametrize(
    ("steps", "holds"),
    [([29] * 3, True), ([31], False), ([29] * 24, True), ([29] * 25, False)],
    ids=["used", "idle", "nearly twelve hours", "twelve hours"],
)
def test_idle_and_absolute_limits(app: Flask, steps: list[int], holds: bool) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        token = opened().token
        for minutes in steps:
            clock.shift(timedelta(minutes=minutes))
            found = logins.present(token)
        assert (found is not None) == holds


def test_the_session_of_a_person_ends_after_half_an_hour(app: Flask) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        token = logins.enter_as_student("key", HERE).token
        clock.shift(timedelta(minutes=20))
        assert logins.present(token) is not None
        clock.shift(timedelta(minutes=10))
        assert logins.present(token) is None


def test_looking_writes_once_a_minute_at_most(app: Flask) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        token = opened().token
        for seconds in (0, 30, 59):
            clock.move_to(NOW + timedelta(seconds=seconds))
            logins.present(token)
            assert rows("login_session")[0]["seen_at"] == NOW
        clock.move_to(NOW + timedelta(seconds=60))
        logins.present(token)
        assert rows("login_session")[0]["seen_at"] == NOW + timedelta(seconds=60)


def test_the_proof_grows_old_and_a_code_renews_it(app: Flask) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        made = opened()
        clock.shift(timedelta(minutes=10))
        assert fresh(made.token) is False
        assert logins.step_up(made.login, "000000") is False and fresh(made.token) is False
        assert logins.step_up(made.login, fresh_code("wang.fang")) is True and fresh(made.token) is True


def fresh(token: str) -> bool:
    """Tell whether the identity was proved just now."""
    found = logins.present(token)
    assert found is not None
    return found.actor.fresh


def test_without_a_factor_one_can_only_enrol(any_app: Flask) -> None:
    password = accounts.add(NEWCOMER, ["registrar"], None, worker(77).id_number, OPERATOR)
    made = logins.enter(NEWCOMER, password, "", HERE)
    assert made is not None and made.login.enrolling
    secret = logins.pending_secret(made.login)
    assert secret is not None and secret not in str(rows("login_session"))
    assert logins.enrol(made.login, "000000", HERE) is None
    done = logins.enrol(made.login, factor.present_code(secret), HERE)
    assert done is not None and not done[0].login.enrolling and len(done[1]) == 10
    assert logins.present(made.token) is None
    assert logins.enter(NEWCOMER, password, "", HERE) is None
    recovery = done[1][3].lower()
    assert logins.enter(NEWCOMER, password, recovery, HERE) is not None
    assert logins.enter(NEWCOMER, password, recovery, HERE) is None


def test_a_wrong_name_and_a_wrong_password_cost_one_hash_each(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    reckoned: list[str] = []
    verify = accounts._fits
    monkeypatch.setattr(accounts, "_fits", lambda stored, given: (reckoned.append(stored), verify(stored, given))[1])
    monkeypatch.setattr(accounts, "password_hash", lambda _given: pytest.fail("a hash more"))
    for name in ("wang.fang", "nobody", "xu.ning"):
        before = len(reckoned)
        assert logins.enter(name, "wrong", "000000", HERE) is None
        assert len(reckoned) == before + 1
    assert len({stored.split("$")[3] for stored in reckoned}) == 1


@pytest.mark.parametrize("change", ["reset", "factor", "revoke", "end", "link"])
def test_what_an_administrator_does_ends_sessions_and_token(any_app: Flask, change: str) -> None:
    made, bearer = opened(), accounts.token("wang.fang", OPERATOR)
    link = staffing.link("wang.fang", OPERATOR, "reset")
    assert logins.present(made.token) and accounts.by_token(bearer)
    if change == "link":
        staffing.set_by_link("reset", link, PASSWORD)
    else:
        steps = {"reset": staffing.reset, "factor": staffing.reset_factor, "end": staffing.end}
        steps.get(change, staffing.revoke)("wang.fang", OPERATOR)
    assert logins.present(made.token) is None and accounts.by_token(bearer) is None


def test_a_link_is_used_once_and_for_its_purpose_alone(any_app: Flask) -> None:
    token = staffing.link("wang.fang", OPERATOR, "invite")
    with pytest.raises(NotFound):
        staffing.set_by_link("reset", token, PASSWORD)
    with pytest.raises(Malformed):
        staffing.set_by_link("invite", token, "short")
    staffing.set_by_link("invite", token, PASSWORD)
    with pytest.raises(NotFound):
        staffing.set_by_link("invite", token, PASSWORD)
    assert entered("wang.fang", PASSWORD) and not entered("wang.fang", "demowang.fang")


def test_an_own_session_is_ended_and_no_other(app: Flask) -> None:
    mine, theirs = opened(), opened("xu.ning")
    account = staff("wang.fang").account_id or ""
    with pytest.raises(NotFound):
        logins.end_one(account, theirs.login.id)
    logins.end_one(account, mine.login.id)
    assert logins.present(mine.token) is None and logins.present(theirs.token) is not None
    with read() as conn:
        assert logins.of_account(conn, account) == []


def test_old_sessions_and_links_are_dropped(app: Flask) -> None:
    opened()
    staffing.link("wang.fang", OPERATOR, "reset")
    assert (logins.purge(), links.purge()) == (0, 0)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        assert (logins.purge(), links.purge()) == (1, 1)


def test_a_session_of_nobody_is_nobodys(app: Flask) -> None:
    made = opened()
    with write() as conn:
        conn.execute(sa.update(LoginSession).values(ended_at=NOW))
    assert logins.present(made.token) is None
