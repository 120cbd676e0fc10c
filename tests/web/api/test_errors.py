"""One shape for every error, and a status for every cause; never a 500 for bad input."""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from edu_pilot.extensions import write
from edu_pilot.models import Account
from edu_pilot.services import search
from tests.factories import CHECKED, SIGN_UP, Pilot, application_form, case, on, passed, row, rows
from tests.people import LIU_WEI
from tests.web.api.conftest import Caller, Programs

FORM = application_form()
MALFORMED: tuple[tuple[str, dict[str, Any], list[str]], ...] = (
    ("/records/application", {"data": b"{"}, ["body"]),
    ("/records/application", {"data": b"\xff\xfe"}, ["body"]),
    ("/records/application", {"data": b"[]"}, ["body"]),
    ("/records/application", {"data": b""}, ["body"]),
    ("/records/application", {"data": b'{"name": NaN}'}, ["body"]),
    ("/records/application", {"data": b'{"name": "\\ud800"}'}, ["body"]),
    ("/records/application", {"data": b'{"name": "\\u0000"}'}, ["body"]),
    ("/records/application", {"data": b'{"name": ' + b"9" * 5000 + b"}"}, ["body"]),
    ("/records/application", {"data": b"[" * 100_000}, ["body"]),
    ("/records/application", {"json": FORM | {"name": 5}}, ["name"]),
    ("/records/application", {"json": FORM | {"sex": "x", "birth_on": "2022-02-30"}}, ["sex", "birth_on"]),
    ("/records/application", {"json": FORM | {"union_member": 1}}, ["union_member"]),
    ("/records/application", {"json": FORM | {"label:x": 1}}, ["label:x"]),
    ("/records/application", {"json": {k: v for k, v in FORM.items() if k != "name"}}, ["name"]),
    ("/records/application/A/actions/register", {"json": {}}, ["version"]),
    ("/records/application/A/actions/register", {"json": {"version": "1"}}, ["version"]),
    ("/records/application/A/actions/register", {"json": {"version": True}}, ["version"]),
    ("/records/application/A/actions/register", {"json": {"version": 1, "input": []}}, ["input"]),
    ("/records/application/A/actions/register", {"json": {"version": 1, "more": 1}}, ["more"]),
    ("/records/application/A/files", {"data": {"kind": "id_front"}}, ["file"]),
    ("/records/application/A/files", {"json": {}}, ["kind", "file"]),
    ("/imports/rosters", {"data": {"intake": "2209"}}, ["file"]),
    ("/search", {"json": {}}, ["id_number"]),
    ("/search", {"json": {"phone": 1}}, ["phone"]),
    ("/search", {"json": {"phone": "1", "id_number": "2"}}, ["phone"]),
    ("/status", {"json": {"code": 1}}, ["code", "id_tail"]),
)


def told(answer: Any, status: int, error: str) -> list[dict[str, Any]]:
    """Assert the one shape and give its reasons."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json"), answer.data
    body = answer.get_json()
    assert set(body) == {"error", "message", "reasons"}
    assert body["error"] == error
    assert body["message"]
    assert all({"code", "text", "facts", "who"} <= set(reason) for reason in body["reasons"])
    found: list[dict[str, Any]] = body["reasons"]
    return found


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_malformed_input_is_told_field_by_field(clerk: Caller, number: int) -> None:
    path, given, fields = MALFORMED[number]
    reasons = told(clerk._ask("POST", path, **given), 422, "malformed")
    assert [r["field"] for r in reasons] == fields
    assert not rows_of(clerk, "application")


def rows_of(caller: Caller, table: str) -> list[Any]:
    with caller.client.application.app_context():
        return list(rows(table))


def test_a_dry_run_is_asked_for_in_clear_words(clerk: Caller) -> None:
    answer = clerk.form("/imports/rosters", intake="2209", dry_run="maybe", file=(io.BytesIO(b"x"), "x.csv"))
    assert [r["field"] for r in told(answer, 422, "malformed")] == ["dry_run"]


@pytest.mark.parametrize("query", ["limit=x", "limit=0", "colour=red", "q=" + "x" * 300, "q=%00"])
def test_a_malformed_filter_is_refused_not_ignored(clerk: Caller, query: str) -> None:
    assert told(clerk.get(f"/records/application?{query}"), 422, "malformed")


@pytest.mark.parametrize("token", [None, "", "nonsense", "\xff"])
def test_a_token_is_needed(programs: Programs, token: str | None) -> None:
    client = programs.site.test_client()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    for method, path in (("GET", "/records/application"), ("POST", "/search"), ("GET", "/documents/x.pdf")):
        answer = client.open("/api/v1" + path, method=method, headers=headers)
        told(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_disabled_account_has_no_token(programs: Programs, clerk: Caller) -> None:
    account = Account.__table__
    with programs.site.app_context(), write() as conn:
        conn.execute(account.update().where(account.c.name == "wang.fang").values(active=False))
    told(clerk.get("/workflows"), 401, "unauthorized")


def test_missing_and_hidden_things_get_the_same_answer(programs: Programs, pilot: Pilot) -> None:
    reference = pilot.registered()
    number = rows("document")[0]["number"]
    pilot.hand_in_papers(reference)
    file = rows("paper")[0]["id"]
    stranger = programs("decheng.clerk")
    record, missing = f"/records/application/{reference}", "/records/application/A2209-999999"
    answers = [
        stranger.get(path)
        for path in (
            record, missing, f"{record}/history", f"{missing}/history", f"{record}/files", f"{record}/files/{file}",
            f"{missing}/files/{file}", f"/documents/{number}", f"/documents/{number}.pdf", "/documents/none",
            "/documents/none.pdf", "/records/nothing", "/records/audit_entry", "/records/nothing/x", "/none", "/",
        )
    ]  # fmt: skip
    act = {"version": 99, "input": {}}
    answers += [stranger.post(f"{path}/actions/register", act) for path in (record, missing)]
    answers += [stranger.post("/records/nothing", {}), stranger.post("/imports/nothing", {})]
    answers += [stranger.form(f"{record}/files", kind="id_front", file=(io.BytesIO(b"%PDF-"), "a.pdf"))]
    for answer in answers:
        told(answer, 404, "not_found")
    assert len({answer.data for answer in answers}) == 1
    assert stranger.get("/records/application").get_json()["records"] == []
    assert stranger.post("/search", {"id_number": LIU_WEI.id_number}).get_json() == {"records": []}
    assert stranger.get("/statistics").get_json()["persons"] == 0


def test_an_unknown_action_of_a_visible_record_is_missing(clerk: Caller, pilot: Pilot) -> None:
    told(clerk.post(f"/records/application/{pilot.draft()}/actions/fly", {"version": 1}), 404, "not_found")


def test_a_step_offers_and_takes_only_the_reasons_of_its_own_workflow(clerk: Caller, pilot: Pilot) -> None:
    path = f"/records/application/{pilot.registered()}"
    record = clerk.get(path).get_json()
    [needs] = [offer["needs"] for offer in record["offers"] if offer["action"] == "return_for_correction"]
    [offered] = [{choice["value"] for choice in need["choices"]} for need in needs if need["name"] == "faults"]
    assert "EMPLOYER_MISSING" in offered and "RECEIPT_DETAILS_WRONG" not in offered
    given = {"version": record["version"], "input": {"faults": ["RECEIPT_DETAILS_WRONG"]}}
    [reason] = told(clerk.post(f"{path}/actions/return_for_correction", given), 422, "malformed")
    assert reason["field"] == "faults"


def test_every_miss_of_the_status_is_the_same(anybody: Caller, pilot: Pilot) -> None:
    code = case("application", pilot.registered()).query_code
    tail = LIU_WEI.id_number[-6:]
    misses = [
        {"code": code, "id_tail": "000000"}, {"code": "AAAABBBBCCCC", "id_tail": tail}, {"code": "", "id_tail": ""},
        {"code": code[:11], "id_tail": tail}, {"code": code, "id_tail": LIU_WEI.id_number[-4:]},
    ]  # fmt: skip
    answers = [anybody.post("/status", asked) for asked in misses]
    for answer in answers:
        told(answer, 404, "not_found")
    assert len({answer.data for answer in answers}) == 1


def test_a_role_that_never_may_gets_403(programs: Programs, pilot: Pilot) -> None:
    reference = pilot.draft()
    answer = programs("zhao.min").post(f"/records/application/{reference}/actions/register", {"version": 1})
    assert [r["code"] for r in told(answer, 403, "forbidden")] == ["role_missing"]
    told(programs("xu.ning").post("/records/application", FORM), 403, "forbidden")
    assert case("application", reference).state == "draft"


def test_a_blocked_step_gets_409_with_every_reason(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered(employer="")
    answer = clerk.post(f"/records/application/{reference}/actions/verify", {"version": 2, "input": None})
    assert {r["code"] for r in told(answer, 409, "refused")} == {"papers_complete", "work_stated"}
    assert case("application", reference).state == "registered"


def test_reasons_are_told_in_chinese(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    answer = clerk.post(
        f"/records/application/{reference}/actions/verify", {"version": 2}, headers={"Accept-Language": "zh-CN"}
    )
    assert "材料" in told(answer, 409, "refused")[0]["text"]


def test_an_old_version_gets_409_stale_and_changes_nothing(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    answer = clerk.post(f"/records/application/{reference}/actions/withdraw", {"version": 1, "input": {}})
    assert [r["facts"]["actor"] for r in told(answer, 409, "stale")] == ["wang.fang"]
    assert case("application", reference).version == 2


@pytest.mark.parametrize(("first", "second"), [("zhao.min", "sun.li"), ("sun.li", "zhao.min")])
def test_a_wrong_version_does_not_tell_of_the_other_bodys_check(
    programs: Programs, pilot: Pilot, first: str, second: str
) -> None:
    """R5.2: the check is sealed in the sentence of a stale step, too."""
    address = f"/records/claim/{pilot.submitted(pilot.graduated())}/actions/check"
    version = row("claim", address.split("/")[3])["version"]
    with on(CHECKED):
        assert programs(first).post(address, {"version": version, "input": passed()}).status_code == 200
        answer = programs(second).post(address, {"version": 1, "input": passed()})
    assert first not in answer.get_data(as_text=True)
    assert [r["facts"]["actor"] for r in told(answer, 409, "stale")] == ["wang.fang"]


def test_a_method_that_is_not_taken_gets_405(clerk: Caller) -> None:
    answer = clerk._ask("DELETE", "/records/application")
    told(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    told(clerk._ask("GET", "/status"), 405, "method_not_allowed")


def test_what_is_too_large_gets_413(site: Flask, clerk: Caller, pilot: Pilot) -> None:
    address = f"/records/application/{pilot.registered()}/files"
    eleven = b"%PDF-" + b"x" * (11 * 1024 * 1024)
    answer = clerk.form(address, kind="id_front", file=(io.BytesIO(eleven), "a.pdf"))
    told(answer, 413, "too_large")
    answer.request.environ["wsgi.input"].close()
    site.config["MAX_CONTENT_LENGTH"] = 1000
    told(clerk.post("/search", {"phone": "1" * 2000}), 413, "too_large")
    told(clerk.post("/search", {"phone": "1" * 2000}, key="k"), 413, "too_large")
    assert not rows("paper")


@pytest.mark.parametrize(
    ("content", "name", "intake", "code"),
    [
        (b"\x00\x01", "a.xlsx", "2209", "file_unreadable"),
        (b"a,b\n1,2", "a.csv", "2209", "header_not_found"),
        (b"a", "a.csv", "never", "intake_unknown"),
        (b"a", "a.csv", "2303", "intake_closed"),
    ],
)
def test_an_unusable_roster_is_told_by_its_own_code(
    clerk: Caller, content: bytes, name: str, intake: str, code: str
) -> None:
    with on(SIGN_UP):
        answer = clerk.form("/imports/rosters", intake=intake, file=(io.BytesIO(content), name))
    assert [r["code"] for r in told(answer, 422, code)] == [code]


def test_a_roster_belongs_to_those_who_register(programs: Programs) -> None:
    answer = programs("zhao.min").form("/imports/rosters", intake="2209", file=(io.BytesIO(b"a"), "a.csv"))
    told(answer, 403, "forbidden")


def test_a_database_that_does_not_answer_gets_503(clerk: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(search, "find", broken)
    answer = clerk.get("/records/application")
    told(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_fault_of_ours_gets_500_without_a_trace(clerk: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("371425198501019990")

    monkeypatch.setattr(search, "find", broken)
    answer = clerk.get("/records/application")
    told(answer, 500, "internal")
    assert b"371425" not in answer.data


def test_an_installation_without_keys_is_not_ready(site: Flask, anybody: Caller, programs: Programs) -> None:
    del site.extensions["vault"]
    told(anybody.post("/status", {"code": "A", "id_tail": "1"}), 503, "unavailable")
    answer = anybody.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["database"]["ok"]) == (503, False)


def test_a_store_that_takes_nothing_is_not_ready(site: Flask, anybody: Caller) -> None:
    root = site.config["SETTINGS"].data / "store"
    shutil.rmtree(root, ignore_errors=True)
    root.write_text("in the way")
    answer = anybody.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["store"]["ok"]) == (503, False)


def test_answers_are_nobody_elses(clerk: Caller) -> None:
    for answer in (clerk.get("/workflows"), clerk.get("/none"), clerk.post("/search", {"phone": "1"}, key="k")):
        assert answer.headers["Cache-Control"] == "no-store"
