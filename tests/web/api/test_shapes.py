"""What each address answers, in the shapes the contract states."""

from __future__ import annotations

import hashlib
import io
from datetime import date
from typing import Any

from flask import Flask

from edu_pilot.services import statistics
from tests.factories import (
    A_PDF,
    CARD,
    CHECKED,
    CLAIMED,
    SIGN_UP,
    VERIFIED,
    Pilot,
    application_form,
    case,
    on,
    passed,
    receipt,
    row,
    rows,
    serial,
)
from tests.people import LIU_WEI, QIHE, worker
from tests.web.api.conftest import Caller, Programs

RECORD = {"reference", "workflow", "state", "version", "policy_version", "facts", "offers"}
HEADS = "姓名,身份证号码,手机号码,所属县区,教学点,报考层次,报考专业,学历"


def roster(*lines: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO("\n".join((HEADS, *lines)).encode()), "roster.csv"


def line(n: int) -> str:
    who = worker(n)
    return f"{who.name},{who.id_number},{who.phone},齐河县,齐河县教学点,专科,电子商务,高中"


def test_workflows_tell_states_actions_and_needs(clerk: Caller) -> None:
    told = clerk.get("/workflows").get_json()
    names = [w["name"] for w in told["workflows"]]
    assert sorted(names) == ["application", "certification", "claim", "payment", "session", "study"]
    application = next(w for w in told["workflows"] if w["name"] == "application")
    assert (application["initial"], application["prefix"]) == ("draft", "A")
    admit = next(a for a in application["actions"] if a["name"] == "admit")
    assert admit["to"] == ["admitted", "waitlisted"]


def test_a_created_application_is_a_draft_with_its_offers(clerk: Caller) -> None:
    answer = clerk.post("/records/application", application_form(sex="男", union_member=True, birth_on=None))
    record = answer.get_json()
    assert answer.status_code == 201
    assert set(record) == RECORD
    assert (record["state"], record["version"], record["policy_version"]) == ("draft", 1, 1)
    facts = record["facts"]
    assert (facts["name"], facts["id_number"], facts["county"]) == ("刘伟", "371425********9990", QIHE)
    assert (facts["sex"], facts["union_member"]) == ("male", True)
    assert {"amend", "register", "withdraw"} == {offer["action"] for offer in record["offers"]}
    need = next(o for o in record["offers"] if o["action"] == "withdraw")["needs"][0]
    assert set(need) == {"name", "type", "label", "required", "choices"}
    assert answer.headers["Location"] == f"/api/v1/records/application/{record['reference']}"


def test_a_step_answers_the_record_as_it_is_then(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.draft()
    answer = clerk.post(f"/records/application/{reference}/actions/register", {"version": 1, "input": {}})
    assert answer.status_code == 200
    assert (answer.get_json()["state"], answer.get_json()["version"]) == ("registered", 2)
    assert answer.get_json() == clerk.get(f"/records/application/{reference}").get_json()


def test_a_blocked_offer_carries_its_reasons_in_the_language_asked_for(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    address = f"/records/application/{reference}"
    offers = clerk.get(address).get_json()["offers"]
    verify = next(o for o in offers if o["action"] == "verify")
    assert [r["code"] for r in verify["reasons"]] == ["papers_complete"]
    assert set(verify["reasons"][0]) == {"code", "text", "facts", "who"}
    chinese = clerk.get(address, headers={"Accept-Language": "zh"}).get_json()["offers"]
    assert next(o for o in chinese if o["action"] == "verify")["label"] == "审核通过"


def test_a_list_goes_on_where_the_page_ended(clerk: Caller, pilot: Pilot) -> None:
    references = sorted(pilot.draft(worker(n)) for n in range(5))
    first = clerk.get("/records/application?limit=3").get_json()
    assert [r["reference"] for r in first["records"]] == references[:3]
    rest = clerk.get(f"/records/application?limit=3&after={first['next']}").get_json()
    assert [r["reference"] for r in rest["records"]] == references[3:]
    assert rest["next"] is None
    assert set(first["records"][0]) == RECORD - {"offers"}


def test_a_list_is_filtered_by_state_intake_and_name(clerk: Caller, pilot: Pilot) -> None:
    draft, registered = pilot.draft(worker(1)), pilot.registered()
    for query, found in (
        ("state=draft", [draft]),
        ("state=registered&intake=2209", [registered]),
        ("intake=2303", []),
        ("q=刘伟", [registered]),
        (f"q={draft}", [draft]),
        (f"county={QIHE}&limit=100000", [draft, registered]),
    ):
        records = clerk.get(f"/records/application?{query}").get_json()["records"]
        assert [r["reference"] for r in records] == found, query


def test_the_history_names_steps_and_masks_numbers(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    entries = clerk.get(f"/records/application/{reference}/history").get_json()["entries"]
    assert [(e["action"], e["from"], e["to"]) for e in entries] == [
        ("create", "", "draft"), ("register", "draft", "registered"),
    ]  # fmt: skip
    assert {"number", "at", "actor", "action", "from", "to", "policy_version", "input"} <= set(entries[0])
    assert entries[0]["input"]["id_number"] == "371425********9990"
    assert LIU_WEI.id_number not in str(entries)


def test_a_file_is_kept_listed_and_served_as_a_download(clerk: Caller, pilot: Pilot) -> None:
    address = f"/records/application/{pilot.registered()}/files"
    made = clerk.form(address, kind="id_front", file=(io.BytesIO(A_PDF), "a.pdf"))
    assert made.status_code == 201
    assert clerk.get(address).get_json()["files"] == [made.get_json()]
    served = clerk.get(f"{address}/{made.get_json()['id']}")
    assert (served.data[:5], served.mimetype) == (b"%PDF-", "application/pdf")
    assert served.headers["Content-Disposition"].startswith("attachment")


def test_a_receipts_file_is_struck_once_however_often_it_is_asked(clerk: Caller, pilot: Pilot) -> None:
    address = f"/records/claim/{pilot.claim(pilot.graduated())}/files"
    made = clerk.form(address, key="a", kind="receipt", file=(io.BytesIO(A_PDF), "a.pdf")).get_json()
    struck = [clerk.post(f"{address}/{made['id']}/strike", {}, key="b") for _ in range(2)]
    assert [answer.get_json() for answer in struck] == [{"files": []}] * 2
    assert clerk.post(f"{address}/{made['id']}/strike", {}, key="c").status_code == 404


def test_a_document_is_told_and_what_is_sent_is_kept(programs: Programs, clerk: Caller, pilot: Pilot) -> None:
    """No PDF leaves the house of which the hash is not kept; reviewers have no part in the registration form."""
    reference = pilot.registered()
    number = rows("document")[0]["number"]
    told = clerk.get(f"/documents/{number}").get_json()
    assert (told["kind"], told["reference"]) == ("registration_form", reference)
    assert "code" not in told
    sent = clerk.get(f"/documents/{number}.pdf").data
    assert rows("document")[0]["sha256"] == hashlib.sha256(sent).hexdigest()
    assert programs("zhao.min").get(f"/documents/{number}").status_code == 200
    assert programs("zhao.min").get(f"/documents/{number}.pdf").status_code == 403
    assert programs("decheng.clerk").get(f"/documents/{number}.pdf").status_code == 404


def test_a_roster_is_judged_first_and_taken_then(clerk: Caller, pilot: Pilot) -> None:
    fields: dict[str, Any] = {"intake": "2209"}
    trial = clerk.form("/imports/rosters", file=roster(line(1), line(1)), dry_run="true", **fields).get_json()
    assert (trial["rows"], trial["accepted"], trial["rejected"], trial["records"]) == (2, 1, 1, [])
    assert [(p["row"], p["code"]) for p in trial["problems"]] == [(3, "duplicate_in_file")]
    assert not rows("application")
    taken = clerk.form("/imports/roster", file=roster(line(1), line(2)), **fields).get_json()
    assert [r["row"] for r in taken["records"]] == [2, 3]
    assert {r["state"] for r in rows("application")} == {"registered"}


def test_search_finds_a_person_by_number_or_phone(clerk: Caller, pilot: Pilot) -> None:
    reference = pilot.registered()
    number, phone = {"id_number": LIU_WEI.id_number}, {"phone": LIU_WEI.phone}
    for asked in (number, phone, phone | {"id_number": None}):
        found = clerk.post("/search", asked).get_json()["records"]
        assert [r["reference"] for r in found] == [reference]
    assert clerk.post("/search", {"phone": "13900000000"}).get_json() == {"records": []}


def test_status_tells_where_the_case_stands_and_nothing_of_the_person(anybody: Caller, pilot: Pilot) -> None:
    code = case("application", pilot.registered()).query_code
    asked = {"code": code, "id_tail": LIU_WEI.id_number[-6:]}
    answer = anybody.post("/status", asked)
    (told,) = answer.get_json()["records"]
    assert set(told) == {"workflow", "state", "since", "holder", "next"}
    assert (told["workflow"], told["state"], told["since"]) == ("application", "registered", SIGN_UP.isoformat())
    assert LIU_WEI.name not in answer.get_data(as_text=True)


def test_a_code_is_verified_without_a_token(anybody: Caller, pilot: Pilot) -> None:
    pilot.registered()
    document = rows("document")[0]
    told = anybody.get(f"/verify/{document['code']}").get_json()
    assert (told["result"], told["number"], told["revoked_at"]) == ("genuine", document["number"], None)
    assert anybody.get("/verify/AAAA-BBBB-CCCC-DDDD").get_json()["result"] == "unknown"


def test_statistics_of_a_past_day_stay_the_same_for_ever(registrar: Caller, pilot: Pilot) -> None:
    reference = pilot.complete()
    pilot.draft(worker(5))
    address = f"/statistics?by=county,state&as_of={SIGN_UP.isoformat()}"
    before = registrar.get(address).get_json()
    assert before["rows"] == [
        {"county": QIHE, "state": "draft", "persons": 1},
        {"county": QIHE, "state": "registered", "persons": 1},
    ]
    with on(VERIFIED):
        given = {"new_county": "德城区", "new_point": "德城区教学点"}
        pilot.act("application", reference, "move_county", pilot.chen_hui, VERIFIED, **given)
    assert registrar.get(address).get_json() == before
    after = registrar.get("/statistics?by=county").get_json()
    assert [r["county"] for r in after["rows"]] == ["371402", QIHE]
    assert registrar.get("/statistics?as_of=2022-01-01").get_json()["rows"] == []


def test_statistics_count_a_person_once_in_each_group(registrar: Caller, pilot: Pilot) -> None:
    pilot.enrolled()
    told = registrar.get("/statistics?by=workflow&as_of=2022-08-20").get_json()
    assert told["persons"] == 1
    assert {r["workflow"]: r["persons"] for r in told["rows"]} == {"application": 1, "study": 1, "certification": 1}
    majors = registrar.get(f"/statistics?by={','.join(statistics.BY)}").get_json()["rows"]
    assert {(r["major"], r["intake"], r["year"]) for r in majors} == {("530701", "2209", "2022")}


def test_a_claim_before_the_diploma_is_refused_with_that_reason(clerk: Caller, pilot: Pilot) -> None:
    study = pilot.studying()
    given = claim_form(study)
    answer = clerk.post("/records/claim", given)
    assert answer.status_code == 409
    assert answer.get_json()["error"] == "refused"
    assert "diploma_recorded" in [r["code"] for r in answer.get_json()["reasons"]]
    assert not rows("claim")


def claim_form(study: str) -> dict[str, Any]:
    return {
        "study": study, "receipts": [receipt(serial(study))], "account_number": CARD,
        "account_holder": LIU_WEI.name, "other_money_fen": 0,
    }  # fmt: skip


def test_the_first_bodys_check_is_sealed_for_the_other(programs: Programs, pilot: Pilot) -> None:
    study = pilot.graduated()
    clerk, union, university = (programs(name) for name in ("wang.fang", "zhao.min", "sun.li"))
    with on(CLAIMED):
        claim = clerk.post("/records/claim", claim_form(study)).get_json()["reference"]
        address = f"/records/claim/{claim}"
        clerk.post(f"{address}/actions/submit", {"version": 1, "input": {}})
    with on(CHECKED):
        version = union.get(address).get_json()["version"]
        seen = [(university.get(path).data, clerk.get(path).data) for path in (address, f"{address}/history")]
        checked = union.post(f"{address}/actions/check", {"version": version, "input": passed()})
        assert (checked.status_code, checked.get_json()["state"]) == (200, "submitted")
        again = [(university.get(path).data, clerk.get(path).data) for path in (address, f"{address}/history")]
        assert again == seen
        assert union.get("/records/claim").get_json()["records"][0]["facts"]["checks"] == []
        decided = university.post(f"{address}/actions/check", {"version": version, "input": passed()})
        assert decided.get_json()["state"] == "approved"
    assert len(decided.get_json()["facts"]["checks"]) == 2


def test_promised_facts_of_a_claim(clerk: Caller, pilot: Pilot) -> None:
    claim = pilot.submitted(pilot.graduated())
    facts = clerk.get(f"/records/claim/{claim}").get_json()["facts"]
    assert (facts["payable_fen"], facts["account_tail"]) == (479_000, row("claim", claim)["account_tail"])
    assert facts["receipts"][0]["amount_fen"] == 479_000


def test_the_document_of_the_api_has_every_route_and_no_other(site: Flask, anybody: Caller) -> None:
    told = anybody.get("/openapi.json").get_json()
    assert told["openapi"].startswith("3.")
    routed = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in site.url_map.iter_rules() if rule.endpoint.startswith("api.")
        for method in rule.methods or () if method in ("GET", "POST")
    }  # fmt: skip
    written = {(path, method) for path, item in told["paths"].items() for method in item if method in ("get", "post")}
    assert written == routed


def test_the_document_of_the_api_refers_to_nothing_that_is_not_there(anybody: Caller) -> None:
    told = anybody.get("/openapi.json").get_json()
    for path, item in told["paths"].items():
        named = {p["name"] for p in item.get("parameters", ()) if p["in"] == "path"}
        assert named == {part[1:].partition("}")[0] for part in path.split("/") if part.startswith("{")}
        for method in set(item) - {"parameters"}:
            assert "default" in item[method]["responses"]
            assert item[method]["summary"]
    for reference in references(told):
        found: Any = told
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [r for part in value.values() for r in references(part)]
    return [r for part in value for r in references(part)] if isinstance(value, list) else []


def test_health_tells_what_is_checked(anybody: Caller, pilot: Pilot) -> None:
    ask = anybody.client.get
    assert ask("/healthz").get_json() == {"ok": True}
    told = ask("/readyz")
    names = {"database", "settings", "store", "queue", "fonts", "anchors", "clock"}
    assert set(told.get_json()["checks"]) == names
    assert told.get_json()["checks"]["settings"]["foreign_keys"] == 1
    assert ask("/version").get_json()["version"]
    pilot.registered()
    anybody.get("/verify/a-reference-of-nobody")
    figures = ask("/metrics").get_data(as_text=True)
    assert 'edu_pilot_requests_total{method="GET",route="/api/v1/verify/<code>",status="200"} 1.0' in figures
    assert "edu_pilot_outbox_waiting 1.0" in figures
    assert "a-reference-of-nobody" not in figures
    # How many steps were taken just now may tell of a sealed check.
    assert "audit" not in figures


def test_a_day_is_a_day_of_the_calendar(registrar: Caller) -> None:
    assert registrar.get(f"/statistics?as_of={date(2022, 2, 28)}").status_code == 200
    assert registrar.get("/statistics?as_of=2022-02-30").status_code == 422
