"""G20: a session that ended, a form of somebody else, a link used before: nothing gets in twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from edu_pilot import clock
from edu_pilot.extensions import write
from edu_pilot.models import LoginSession, Throttle
from edu_pilot.services import access_limits, accounts, factor, logins, staffing
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.cases import NotFound
from edu_pilot.services.logins import Caller
from edu_pilot.services.throttle import TooMany
from tests.app import TODAY
from tests.factories import Pilot, contents, rows
from tests.people import entered, fresh_code, staff, worker
from tests.trust.figures import column, figure, seed, size
from tests.web.visitor import TOKEN, Visitor, text

PASSWORD = "twelve-or-more"
THREADS = {"small": 8, "ci": 16, "release": 100}
HERE = Caller("10.0.0.1", "Firefox")


def _second() -> None:
    accounts.add("admin.second", ["admin"], None, worker(50).id_number, OPERATOR)


def _other_roles() -> None:
    _second()
    staffing.grant("wang.fang", ["registrar"], None, staff("admin"))
    staffing.confirm("wang.fang", staff("admin.second"))


def _by_link() -> None:
    staffing.set_by_link("reset", staffing.link("wang.fang", OPERATOR, "reset"), PASSWORD)


# What ends a session: done in the browser, or done to the account.
IN_THE_BROWSER: dict[str, tuple[str, dict[str, str]]] = {
    "signed out": ("/logout", {}),
    "another password": (
        "/account/password", {"present": "demowang.fang", "password": PASSWORD, "repeated": PASSWORD},
    ),
}  # fmt: skip
TO_THE_ACCOUNT: dict[str, Callable[[], object]] = {
    "ended": lambda: staffing.end("wang.fang", OPERATOR),
    "password reset": lambda: staffing.reset("wang.fang", OPERATOR),
    "password by link": _by_link,
    "factor reset": lambda: staffing.reset_factor("wang.fang", OPERATOR),
    "revoked": lambda: staffing.revoke("wang.fang", OPERATOR),
    "other roles": _other_roles,
}
ENDINGS = (*IN_THE_BROWSER, *TO_THE_ACCOUNT)


@pytest.fixture
def hands(site: Flask) -> Iterator[Pilot]:
    """Give everybody's hands; the business date holds for the whole test."""
    with clock.on(TODAY), site.app_context():
        yield Pilot()


def _signed_in(site: Flask, name: str = "wang.fang") -> Visitor:
    visitor = Visitor(site)
    assert visitor.sign_in(name).status_code == 303
    return visitor


def _thief(visitor: Visitor) -> Visitor:
    """Give a browser with a copy of somebody's cookies."""
    copy = Visitor(visitor.site)
    found = visitor.client.get_cookie("session")
    assert found is not None
    copy.client.set_cookie("session", found.value)
    return copy


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_kept_cookie_is_worth_nothing_afterwards(site: Flask, hands: Pilot, ending: str) -> None:
    draft = hands.draft()
    owner = _signed_in(site)
    thief = _thief(owner)
    assert thief.get("/desk").status_code == 200
    if ending in IN_THE_BROWSER:
        path, fields = IN_THE_BROWSER[ending]
        assert owner.send(path, **fields).status_code == 303
    else:
        TO_THE_ACCOUNT[ending]()
    before = contents()
    assert thief.get("/desk").status_code == 302
    assert thief.send(f"/records/application/{draft}/register", seen_version="1").status_code == 302
    assert thief.get("/account").status_code == 302
    assert contents() == before


def test_a_token_from_before_the_sign_in_is_none_afterwards(site: Flask) -> None:
    """Fixation: whoever planted a cookie in the browser knows nothing of the session that begins there."""
    victim = _signed_in(site)
    planted = _thief(victim)
    victim.sign_in("chen.hui")
    assert planted.get("/desk").status_code == 302 and victim.get("/registry").status_code == 200


def _posts(site: Flask) -> list[str]:
    rules = [rule for rule in site.url_map.iter_rules() if "POST" in (rule.methods or ())]
    built = [rule.build(dict.fromkeys(rule.arguments, "x")) for rule in rules]
    return sorted({found[1] for found in built if found is not None})


def test_no_form_is_taken_without_its_token_or_with_anothers(site: Flask, hands: Pilot) -> None:
    hands.draft()
    clerk, other = _signed_in(site), _signed_in(site, "decheng.clerk")
    foreign = TOKEN.search(text(other.get("/login")))
    assert foreign
    pages = [path for path in _posts(site) if not path.startswith("/api/")]
    before = contents()
    with figure("G20", seed("G20"), "forms") as told:
        for path in pages:
            for data in ({}, {"csrf_token": foreign.group(1)}, {"csrf_token": ""}, {"csrf_token": "x" * 40}):
                answer = clerk._open("POST", path, data=data, headers={"HX-Request": "true"})
                assert answer.status_code == 400, (path, data)
        told(posts=len(pages), tried=4 * len(pages), taken=0)
    assert contents() == before and len(pages) >= 25


def test_the_interface_takes_no_cookie_for_a_token(site: Flask, hands: Pilot) -> None:
    clerk, before = _signed_in(site), contents()
    for path in _posts(site):
        if path.startswith("/api/") and path != "/api/v1/status":
            assert clerk._open("POST", path, json={}).status_code == 401, path
    assert {**contents(), "login_session": None} == {**before, "login_session": None}


def _at_once(app: Flask, step: Callable[[], bool]) -> int:
    """Take a step in many threads at one moment and give how often it succeeded."""
    number = THREADS[column()]
    start = Barrier(number)

    def one(_n: int) -> bool:
        with app.app_context():
            start.wait(60)
            return step()

    with ThreadPoolExecutor(number) as pool:
        return sum(pool.map(one, range(number)))


def _links(token: str, purpose: str = "reset") -> bool:
    try:
        staffing.set_by_link(purpose, token, PASSWORD)
    except NotFound:
        return False
    return True


def test_a_link_is_used_by_one_of_many(any_app: Flask) -> None:
    rounds = size("G20")
    with figure("G20", seed("G20"), f"links-{_engine()}") as told:
        for _ in range(rounds):
            token = staffing.link("wang.fang", OPERATOR, "reset")
            assert _at_once(any_app, lambda token=token: _links(token)) == 1
            assert not _links(token)
        told(races=rounds, threads=THREADS[column()], beyond_the_first=0)


def test_a_code_of_the_second_factor_is_used_by_one_of_many(any_app: Flask) -> None:
    rounds = size("G20")
    with figure("G20", seed("G20"), f"codes-{_engine()}") as told:
        for n in range(rounds):
            code = _recovery_code() if n % 2 else fresh_code("wang.fang")
            login = logins.enter("xu.ning", "demoxu.ning", fresh_code("xu.ning"), HERE)
            assert login is not None
            assert _at_once(any_app, lambda code=code: _proves(code)) == 1
            _forget_tries()
        told(races=rounds, threads=THREADS[column()], beyond_the_first=0)


def _proves(code: str) -> bool:
    try:
        return logins.proved(staff("wang.fang"), code)
    except TooMany:
        return False


def _recovery_code() -> str:
    with write() as conn:
        return factor.new_recovery_codes(conn, staff("wang.fang").account_id or "")[0]


def _forget_tries() -> None:
    with write() as conn:
        conn.execute(sa.delete(Throttle))
        conn.execute(sa.delete(LoginSession))


def _engine() -> str:
    with write() as conn:
        return conn.dialect.name


def test_a_link_is_for_its_purpose_and_its_account_alone(any_app: Flask) -> None:
    token = staffing.link("wang.fang", OPERATOR, "invite")
    before = _passwords()
    assert not _links(token, "reset") and not _links(token, "other")
    assert _passwords() == before
    assert _links(token, "invite")
    assert {name for name, stored in _passwords().items() if stored != before[name]} == {"wang.fang"}


def _passwords() -> dict[str, str]:
    return {str(row["name"]): str(row["password_hash"]) for row in rows("account")}


def test_another_persons_browser_is_not_signed_in_by_a_link(site: Flask, hands: Pilot) -> None:
    token = staffing.link("wang.fang", OPERATOR, "reset")
    other = _signed_in(site, "chen.hui")
    assert other.send(f"/link/reset/{token}", password=PASSWORD, repeated=PASSWORD).status_code == 303
    assert other.get("/desk").status_code == 302
    assert entered("chen.hui", "demochen.hui") and entered("wang.fang", PASSWORD)


@pytest.mark.usefixtures("one_clock")
@pytest.mark.parametrize(("seconds", "holds"), [(-1, True), (1, False)])
def test_a_link_ends_to_the_second(any_app: Flask, seconds: int, holds: bool) -> None:
    with time_machine.travel(clock.now(), tick=False) as travelled:
        token = staffing.link("wang.fang", OPERATOR, "reset")
        travelled.shift(_lifetime() + timedelta(seconds=seconds))
        assert _links(token) == holds


def _lifetime() -> timedelta:
    with write() as conn:
        found = access_limits.limits(conn).link
    assert found <= timedelta(minutes=15)
    return found


def test_a_link_stands_in_no_page_but_the_one_that_draws_it(site: Flask, hands: Pilot) -> None:
    admin = _signed_in(site, "admin")
    page = text(admin.send("/admin/accounts/wang.fang/link", purpose="reset"))
    found = re.search(r"/link/reset/([\w-]+)", page)
    assert found and found.group(1) not in text(admin.get("/admin/accounts"))
    assert found.group(1) not in str(contents())
