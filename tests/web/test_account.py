"""The own account, the second factor, the proof before a step, and the administrators' list."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from edu_pilot import config, create_app
from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.services import accounts, factor
from edu_pilot.services.actors import OPERATOR
from tests.app import CHEAP, Place
from tests.factories import Pilot, row, rows, state
from tests.people import QIHE, fresh_code, worker
from tests.web.visitor import Visitor, masked, text

PASSWORD = "twelve-or-more"
LATER = timedelta(minutes=11)
Sit = Callable[[str], Visitor]


def test_the_first_sign_in_can_only_enrol(site: Flask, stranger: Visitor) -> None:
    with site.app_context():
        password = accounts.add("zhang.li", ["union_reviewer"], QIHE, worker(77).id_number, OPERATOR)
    answer = stranger.send("/login", username="zhang.li", password=password, next="/review")
    assert answer.headers["Location"] == "/account/enrol"
    assert stranger.get("/review").headers["Location"] == "/account/enrol"
    page = text(stranger.get("/account/enrol"))
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret and "data:image/svg+xml;base64," in page
    assert stranger.send("/account/enrol", code="000000").status_code == 422
    told = text(stranger.send("/account/enrol", code=factor.present_code(secret.group(1))))
    assert len(re.findall(r"<code>[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}</code>", told)) == 10
    assert stranger.get("/review").status_code == 200
    assert stranger.get("/account/enrol").status_code == 302


def test_samples_show_their_codes_but_not_in_production(site: Flask, stranger: Visitor) -> None:
    with site.app_context():
        accounts.add(
            "clerk.sample", ["clerk"], QIHE, None, OPERATOR,
            password="democlerk.sample", demo=True, secret=factor.sample_secret("clerk.sample"),
        )  # fmt: skip
    page = text(stranger.get("/login"))
    shown = re.search(r"<code>(\d{6})</code>", page)
    assert shown
    for _ in range(2):  # what stands there for everybody may be used by everybody
        form = {"username": "clerk.sample", "password": "democlerk.sample", "code": shown.group(1)}
        assert Visitor(site).send("/login", **form).status_code == 303
    site.config["SETTINGS"] = dataclasses.replace(site.config["SETTINGS"], env="production")
    assert not re.search(r"<code>\d{6}</code>", text(stranger.get("/login")))


def test_too_many_tries_are_told_plainly(stranger: Visitor) -> None:
    answers = [stranger.send("/login", username="wang.fang", password="wrong") for _ in range(7)]
    assert [a.status_code for a in answers] == [401] * 6 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 30
    assert "Too many attempts" in text(answers[-1]) and "Try again in 1 minutes" in text(answers[-1])
    assert stranger.sign_in("wang.fang").status_code == 429
    assert stranger.sign_in("chen.hui").status_code == 303


def test_an_administrator_lets_somebody_in_again(at_desk: Sit, stranger: Visitor) -> None:
    for _ in range(6):
        stranger.send("/login", username="wang.fang", password="wrong")
    page = text(at_desk("admin").send("/admin/accounts/wang.fang/link", purpose="reset"))
    link = re.search(r"(/link/reset/[\w-]+)</code>", page)
    assert link
    before = with_app(stranger.site, lambda: str(rows("login_link")))
    assert stranger.get(link.group(1)).status_code == 200
    assert with_app(stranger.site, lambda: str(rows("login_link"))) == before
    assert stranger.send(link.group(1), password=PASSWORD, repeated="other").status_code == 422
    assert stranger.send(link.group(1), password=PASSWORD, repeated=PASSWORD).status_code == 303
    assert stranger.get(link.group(1)).status_code == 404
    code = with_app(stranger.site, lambda: fresh_code("wang.fang"))
    assert stranger.send("/login", username="wang.fang", password=PASSWORD, code=code).status_code == 303


def with_app(site: Flask, ask: Callable[[], str]) -> str:
    """Ask something inside the application."""
    with site.app_context():
        return ask()


def test_the_own_sessions_are_listed_and_ended(at_desk: Sit) -> None:
    here, there = at_desk("wang.fang"), at_desk("wang.fang")
    page = text(here.get("/account"))
    other = re.search(r'name="session" value="([0-9a-f]{32})"', page)
    assert other and "This browser" in page
    assert here.send("/account/sessions", session=other.group(1)).status_code == 303
    assert there.get("/desk").status_code == 302 and here.get("/desk").status_code == 200
    again = at_desk("wang.fang")
    here.send("/account/sessions", session="others")
    assert again.get("/desk").status_code == 302 and here.get("/desk").status_code == 200


def test_a_new_password_signs_every_other_browser_out(at_desk: Sit) -> None:
    here, there = at_desk("wang.fang"), at_desk("wang.fang")
    faulty = [
        {"present": "wrong", "password": PASSWORD, "repeated": PASSWORD},
        {"present": "demowang.fang", "password": PASSWORD, "repeated": PASSWORD + "x"},
        {"present": "demowang.fang", "password": "short", "repeated": "short"},
        {"present": "demowang.fang", "password": "xx-Wang.Fang-xx", "repeated": "xx-Wang.Fang-xx"},
    ]
    assert [here.send("/account/password", **given).status_code for given in faulty] == [422] * 4
    good = {"present": "demowang.fang", "password": PASSWORD, "repeated": PASSWORD}
    assert here.send("/account/password", **good).status_code == 303
    assert here.get("/desk").status_code == 200 and there.get("/desk").status_code == 302


def test_another_authenticator_holds_from_its_first_code(at_desk: Sit) -> None:
    clerk = at_desk("wang.fang")
    assert clerk.send("/account/factor").headers["Location"] == "/account/enrol"
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", text(clerk.get("/account/enrol")))
    assert secret and at_desk("wang.fang")
    assert clerk.send("/account/enrol", code=factor.present_code(secret.group(1))).status_code == 200
    assert clerk.get("/desk").status_code == 200
    assert Visitor(clerk.site).sign_in("wang.fang").status_code == 401


def test_a_step_about_money_asks_who_sits_there_and_keeps_the_entries(at_desk: Sit, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    with time_machine.travel(datetime.now(UTC)) as clock:
        clerk = at_desk("wang.fang")
        clock.shift(LATER)
        entries = {"account_number": "6222021607001234567", "account_holder": "刘伟"}
        answer = clerk.act(f"/records/claim/{claim}", "change_account", **entries)
        assert answer.status_code == 403
        page = text(answer)
        assert "Please confirm that it is you" in page and entries["account_number"] in page
        carried = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        assert row("claim", claim)["account_changed_at"] is None
        path = f"/records/claim/{claim}/change_account"
        wrong = clerk.send(path, **{k: v for k, v in carried.items() if k != "csrf_token"}, step_up_code="000000")
        assert wrong.status_code == 403 and "The code is not right" in text(wrong)
        fields = {k: v for k, v in carried.items() if k != "csrf_token"}
        code = with_app(clerk.site, lambda: fresh_code("wang.fang"))
        done = clerk.send(path, **fields, step_up_code=code)
        assert done.status_code == 303 and row("claim", claim)["account_changed_at"] is not None


def test_what_is_blocked_is_said_before_anybody_is_asked(at_desk: Sit, hands: Pilot) -> None:
    claim = hands.submitted(hands.graduated())
    with time_machine.travel(datetime.now(UTC)) as clock:
        clerk = at_desk("wang.fang")
        clock.shift(LATER)
        answer = clerk.act(f"/records/claim/{claim}", "change_account", account_number="x", account_holder="y")
    assert answer.status_code == 409 and "Please confirm that it is you" not in text(answer)
    assert state("claim", claim) == "submitted"


def test_a_program_proves_it_by_a_header_in_production(site: Flask, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    token = accounts.token("wang.fang", OPERATOR)
    site.config["SETTINGS"] = dataclasses.replace(site.config["SETTINGS"], env="production")
    body = {
        "version": row("claim", claim)["version"],
        "input": {"account_number": "6222021607001234567", "account_holder": "刘伟"},
    }
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    address = f"/api/v1/records/claim/{claim}/actions/change_account"
    refused = site.test_client().post(address, json=body, headers=headers)
    assert refused.status_code == 403 and refused.get_json()["error"] == "step_up_needed"
    assert refused.headers["EduPilot-OTP"] == "required"
    wrong = site.test_client().post(address, json=body, headers=headers | {"EduPilot-OTP": "000000"})
    assert wrong.get_json()["error"] == "step_up_needed"
    code = fresh_code("wang.fang")
    done = site.test_client().post(address, json=body, headers=headers | {"EduPilot-OTP": code})
    assert done.status_code == 200, done.get_json()
    replayed = site.test_client().post(address, json=body, headers=headers)
    assert replayed.status_code == 200 and replayed.headers["Idempotency-Replayed"] == "true"


def test_two_administrators_and_a_newcomer(at_desk: Sit, site: Flask) -> None:
    with site.app_context():
        accounts.add(
            "admin.second", ["admin"], None, worker(50).id_number, OPERATOR,
            password="demoadmin.second", secret=factor.sample_secret("admin.second"),
        )  # fmt: skip
    first, other = at_desk("admin"), at_desk("admin.second")
    form = {"name": "zhang.li", "person": worker(77).id_number, "roles": "clerk", "county": QIHE}
    assert first.send("/admin/accounts", **form).status_code == 303
    confirms = 'action="/admin/accounts/zhang.li/confirm"'
    assert "You asked for these roles" in text(first.get("/admin/accounts"))
    assert confirms not in text(first.get("/admin/accounts")) and confirms in text(other.get("/admin/accounts"))
    assert first.send("/admin/accounts/zhang.li/confirm").status_code == 409
    assert other.send("/admin/accounts/zhang.li/confirm").status_code == 303
    with site.app_context():
        assert accounts.named("zhang.li").roles == {"clerk"}
    assert first.send("/admin/accounts/zhang.li/end").status_code == 303
    assert first.send("/admin/accounts/zhang.li/end").status_code == 409


def test_giving_rights_asks_who_sits_there(at_desk: Sit) -> None:
    with time_machine.travel(datetime.now(UTC)) as clock:
        admin = at_desk("admin")
        clock.shift(LATER)
        answer = admin.send("/admin/accounts/wang.fang/end")
    assert answer.status_code == 403 and "Please confirm that it is you" in text(answer)


@pytest.mark.parametrize("account", ["wang.fang", "xu.ning"])
def test_others_do_not_see_the_accounts(at_desk: Sit, account: str) -> None:
    visitor = at_desk(account)
    assert visitor.get("/admin/accounts").status_code == 403
    assert visitor.send("/admin/accounts/wang.fang/end").status_code == 403


def test_a_person_has_no_account_page(stranger: Visitor, hands: Pilot) -> None:
    assert stranger.get("/account").status_code == 302
    assert stranger.get("/account/enrol").status_code == 302


def test_every_miss_of_a_link_is_the_same(stranger: Visitor) -> None:
    answers = [stranger.get(f"/link/{path}") for path in ("reset/x", "invite/y", "other/z")]
    answers.append(stranger.send("/link/reset/x", password=PASSWORD, repeated=PASSWORD))
    assert {a.status_code for a in answers} == {404}
    assert len({masked(a) for a in answers}) == 1


@pytest.mark.parametrize(("hops", "seen"), [("0", "127.0.0.1"), ("1", "10.9.9.9")])
def test_an_address_is_believed_as_far_as_the_office_says(sqlite_place: Place, hops: str, seen: str) -> None:
    environ = {"EDU_PILOT_DATA": str(sqlite_place.data), "EDU_PILOT_PROXY_HOPS": hops}
    app = config_app(environ)
    visitor = Visitor(app)
    visitor.headers["X-Forwarded-For"] = "1.2.3.4, 10.9.9.9"
    assert visitor.sign_in("wang.fang").status_code == 303
    with app.app_context():
        assert [session["address"] for session in rows("login_session")] == [seen]


def config_app(environ: dict[str, str]) -> Flask:
    """Give an application with settings of its own."""
    return create_app(config.read(environ), **CHEAP)


def test_a_clerk_without_a_factor_signs_in_by_password_and_proves_a_step_with_it(site: Flask, hands: Pilot) -> None:
    claim = hands.approved(hands.graduated())
    with write() as conn:
        conn.execute(Account.__table__.update().where(Account.__table__.c.name == "wang.fang").values(totp_secret=None))
    with time_machine.travel(datetime.now(UTC)) as clock:
        clerk = Visitor(site)
        assert clerk.send("/login", username="wang.fang", password="demowang.fang").headers["Location"] == "/"
        clock.shift(LATER)
        entries = {"account_number": "6222021607001234567", "account_holder": "刘伟"}
        asked = clerk.act(f"/records/claim/{claim}", "change_account", **entries)
        assert asked.status_code == 403 and 'type="password"' in text(asked)
        path = f"/records/claim/{claim}/change_account"
        entries |= {"seen_version": str(row("claim", claim)["version"])}
        assert "The password is not right" in text(clerk.send(path, **entries, step_up_code="demo"))
        assert clerk.send(path, **entries, step_up_code="demowang.fang").status_code == 303
    assert row("claim", claim)["account_changed_at"] is not None
