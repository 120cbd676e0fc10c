import json
from tests.factories import Pilot, application_form
def test_x(clerk, registrar, anybody, pilot):
    r = clerk.post("/records/application", application_form(union_member=True, sex="男"), key="k1")
    print(r.status_code, r.headers, r.get_data(as_text=True))
    r2 = clerk.post("/records/application", application_form(union_member=True, sex="男"), key="k1")
    print(r2.status_code, r2.headers, r2.data == r.data)
    print(clerk.get("/records/application").get_data(as_text=True)[:600])
    for p in ("/workflows","/records/application/A2209-000001/history","/records/application/A2209-000001/files","/statistics","/statistics?by=county,major,intake,state,year&as_of=2022-08-20","/statistics?by=x","/verify/abc","/nothing","/records/foo","/records/audit_entry","/records/policy_version/x"):
        r = clerk.get(p); print(p, r.status_code, r.get_data(as_text=True)[:400])
    ref = pilot.registered(__import__("tests.people").people.worker(3))
    from edu_pilot.extensions import read
    print(clerk.get("/documents/RF2208-000001").get_data(as_text=True))
    from tests.factories import rows
    n = rows("document")[0]["number"]; print(n)
    print(clerk.get(f"/documents/{n}").get_data(as_text=True))
    r = clerk.get(f"/documents/{n}.pdf"); print(r.status_code, r.headers, r.data[:20])
    print(anybody.client.get("/readyz").get_data(as_text=True)); print(anybody.client.get("/metrics").get_data(as_text=True)[-900:])
    d = anybody.get("/openapi.json").get_json(); print(json.dumps(d)[:1500]); print(list(d["paths"]))
    assert 0
