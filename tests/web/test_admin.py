"""Administration: health, policies, catalogue, the trail for the audit; and the guides for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from jinja2 import Environment, nodes

from edu_pilot import paths
from edu_pilot.extensions import read, write
from edu_pilot.models import LoginSession, Outbox
from edu_pilot.models.base import new_id
from edu_pilot.services import policies, policy_text, presenting, trail
from edu_pilot.services.actors import OPERATOR
from edu_pilot.services.trail import Asked
from edu_pilot.web.guide import GROUPS
from edu_pilot.workflow.registry import Actor
from edu_pilot.workflow.versions import read_folder
from tests.app import TODAY
from tests.factories import CHECKED, Pilot, contents, on, passed
from tests.people import LIU_WEI, QIHE, staff, worker
from tests.web.queries import MOST, counted
from tests.web.visitor import Visitor, text

AtDesk = Callable[[str], Visitor]
PAGES = ("/admin", "/admin/policies", "/admin/policies/1", "/admin/policies/compare", "/admin/catalogue")


def publish(**changes: tuple[str, str]) -> None:
    """Publish a version in which texts of the parameters are replaced."""
    files = read_folder(paths.workflows())
    for before, after in changes.values():
        assert before in files["policies.yaml"]
        files["policies.yaml"] = files["policies.yaml"].replace(before, after, 1)
    with write() as conn:
        policies.publish(conn, files, date(2022, 8, 1), OPERATOR)


def entries(asked: Asked, actor: Actor | None = None) -> list[dict[str, object]]:
    with read() as conn:
        return list(trail.page(conn, asked, actor or staff("xu.ning")).entries)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_writes_or_asks_much(hands: Pilot, at_desk: AtDesk, site: Flask, lang: str) -> None:
    hands.registered(), publish(a=("min: 16", "min: 17"))
    auditor = at_desk("xu.ning")
    auditor.headers["Accept-Language"] = lang
    auditor.get("/admin")
    before = contents()
    for page in (*PAGES, "/admin/policies/1/files/policies.yaml", "/admin/audit", "/guide", "/guide/admin"):
        with counted(site) as asked:
            assert auditor.get(page).status_code == 200, page
        selects = [query for query in asked if query.lstrip().startswith("SELECT")]
        assert len(selects) <= MOST, (page, len(selects), selects)
    assert contents() == before


def test_the_trail_asks_no_more_for_many_entries(hands: Pilot, at_desk: AtDesk, site: Flask) -> None:
    auditor, numbers = at_desk("xu.ning"), []
    for n in range(2):
        for m in range(3):
            claim = hands.submitted(hands.graduated(worker(10 * n + m)))
            hands.act("claim", claim, "check", hands.zhao_min, CHECKED, **passed())
        with counted(site) as asked:
            assert auditor.get("/admin/audit").status_code == 200
        numbers.append(len([query for query in asked if query.lstrip().startswith("SELECT")]))
    assert numbers[0] == numbers[1] <= MOST


def test_health_tells_what_doctor_tells(hands: Pilot, at_desk: AtDesk, site: Flask) -> None:
    page = text(at_desk("admin").get("/admin"))
    assert "keys, database and policy are there" in page and "Follow-ups are carried out in time" in page
    assert str(site.config["SETTINGS"].data) not in page
    assert '"/admin/accounts"' in page and '"/admin/audit"' not in page


def test_a_refused_follow_up_is_told_in_words_and_leads_to_its_record(hands: Pilot, at_desk: AtDesk) -> None:
    reference = hands.registered()
    reasons = [{"code": "quota_full", "text": "There is no county %(county)s.", "facts": {"county": "zz"}}]
    row = {"id": new_id(), "task": "perform", "workflow": "application", "reference": reference, "action": "admit"}
    kept = {"input": {}, "cause": 1, "attempts": 0, "refusal": reasons}
    with write() as conn:
        stamp = conn.execute(Outbox.__table__.select()).mappings().first()
        conn.execute(Outbox.__table__.insert().values(row | kept | {"created_at": stamp["created_at"]}))  # type: ignore[index]
    page = text(at_desk("admin").get("/admin"))
    assert f'href="/records/application/{reference}"' in page
    assert "There is no county zz." in page and ">Admit<" in page and "1 follow-ups were refused" in page


def test_a_version_is_a_table_of_its_parameters(hands: Pilot, at_desk: AtDesk) -> None:
    page = text(at_desk("admin").get("/admin/policies/1"))
    row = page.partition("<code>claim.cap_fen</code>")[2].partition("</tr>")[0]
    assert "479000" in row and "The most that is paid" in row
    assert "edu-pilot workflows publish" in text(at_desk("admin").get("/admin/policies"))
    assert "Draft a new version" not in text(at_desk("xu.ning").get("/admin/policies"))
    source = text(at_desk("admin").get("/admin/policies/1/files/claim.yaml"))
    assert "seal_check" in source


@pytest.mark.parametrize(
    "path",
    ["/admin/policies/9", "/admin/policies/x", "/admin/policies/1/files/none.yaml", "/admin/policies/compare?old=7",
     "/admin/policies/99999999999", "/guide/nobody"],
)  # fmt: skip
def test_what_was_never_published_is_missing(hands: Pilot, at_desk: AtDesk, path: str) -> None:
    assert at_desk("admin").get(path).status_code == 404


def test_every_parameter_of_the_policy_stands_in_the_table(hands: Pilot) -> None:
    files = read_folder(paths.workflows())
    found = {one.path: one for section in policy_text.sections(files) for one in section.parameters}
    with read() as conn:
        policy = presenting.in_force(conn).policy
    for path in (
        "claim.cap_fen",
        "ages.min",
        "study.school_code",
        "claim.membership.held_at",
        "quota.shares.2022.371402",
    ):
        assert str(found[path].value) == str(policy.get(path)), path
    assert found["programme.issuer"].text("zh") == policy.get("programme.issuer.zh")
    assert found["study.warnings_months"].text("en") == "24, 12, 6"
    assert all(section.parameters for section in policy_text.sections(files))


def test_a_comparison_names_what_changed(hands: Pilot, at_desk: AtDesk) -> None:
    publish(a=("ages: {min: 16, max: 59}", "ages: {min: 18, max: 59}"))
    page = text(at_desk("xu.ning").get("/admin/policies/compare?old=1&new=2"))
    row = page.partition("<code>ages.min</code>")[2].partition("</tr>")[0]
    assert "<td>16</td>" in row and "18" in row and "ages.max" not in page.partition("policies.yaml")[0]
    assert "<code>ages: {min: 18, max: 59}</code>" in page and "changed" in page
    same = text(at_desk("xu.ning").get("/admin/policies/compare?old=2&new=2"))
    assert "These versions have the same files." in same


def test_lines_are_compared_side_by_side() -> None:
    old, new = {"a.yaml": "x\ny\nz", "b.yaml": "1"}, {"a.yaml": "x\nY\nz\nw", "c.yaml": "1"}
    a, b, c = policy_text.differences(old, new)
    assert [(one.old, one.new) for one in a.lines] == [("y", "Y"), (None, "w")]
    assert (b.only_in, c.only_in) == ("old", "new")


def test_the_catalogue_names_majors_counties_points_and_courses(hands: Pilot, at_desk: AtDesk) -> None:
    page = text(at_desk("chen.hui").get("/admin/catalogue"))
    for one in ("E-commerce", "Qihe", "Decheng Teaching Point", "Study Guide to the Open University of China"):
        assert one in page, one
    assert at_desk("wang.fang").get("/admin/catalogue").status_code == 403


# The trail


def test_what_stands_beside_the_records_is_told_in_words(hands: Pilot, at_desk: AtDesk) -> None:
    publish(a=("min: 16", "min: 17"))
    page = text(at_desk("xu.ning").get("/admin/audit?workflow=policy"))
    assert "Policy published" in page and "<dt>Holds from</dt><dd>2022-08-01</dd>" in page and "holds_from" not in page


def test_the_trail_is_narrowed_by_each_filter(hands: Pilot) -> None:
    mine, other = hands.registered(), hands.registered(worker(5))
    hands.withdraw(other)
    asked = {
        "reference": Asked(reference=mine), "lower": Asked(reference=mine.lower()), "action": Asked(action="withdraw"),
        "account": Asked(account="wang.fang", workflow="application"), "kind": Asked(workflow="policy"),
    }  # fmt: skip
    found = {name: entries(one) for name, one in asked.items()}
    assert {e["reference"] for e in found["reference"]} == {mine} and found["lower"] == found["reference"]
    assert {(e["reference"], e["action"]) for e in found["action"]} == {(other, "withdraw")}
    assert found["account"] and {e["actor"] for e in found["account"]} == {"wang.fang"}
    assert [e["action"] for e in found["kind"]] == ["publish"]


def test_days_are_those_of_shanghai(hands: Pilot) -> None:
    hands.registered()
    last = entries(Asked())[0]["at"].astimezone(trail.clock.SHANGHAI).date()  # type: ignore[attr-defined]
    assert entries(Asked(since=last)) and not entries(Asked(since=date(2199, 1, 1)))
    assert entries(Asked(until=last)) and not entries(Asked(until=date(2000, 1, 1)))


def test_pages_follow_without_gap(hands: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.graduated(worker(1))
    monkeypatch.setattr(trail, "PAGE", 7)
    numbers, before = [], None
    for _page in range(100):
        with read() as conn:
            found = trail.page(conn, Asked(before=before), staff("xu.ning"))
        numbers += [entry["number"] for entry in found.entries]
        if (before := found.following) is None:
            break
    assert numbers == list(range(numbers[0], 0, -1))


def history(reader: Visitor, claim: str) -> str:
    """Give what happened to a claim, as its page tells it."""
    return text(reader.get(f"/records/claim/{claim}")).partition('id="history"')[2]


def test_no_personal_number_and_no_reading_of_an_open_check(hands: Pilot, at_desk: AtDesk) -> None:
    claim = hands.submitted(hands.graduated(LIU_WEI))
    hands.act("claim", claim, "check", hands.zhao_min, CHECKED, **passed())
    auditor = at_desk("xu.ning")
    page = text(auditor.get(f"/admin/audit?reference={claim}"))
    assert "Sealed until both bodies have checked" in page and "<dd>Pass</dd>" not in page
    for reader in ("xu.ning", "zhao.min", "sun.li"):
        assert "<dd>Pass</dd>" not in history(at_desk(reader), claim), reader
    hands.act("claim", claim, "check", hands.sun_li, CHECKED, **passed())
    page = text(auditor.get(f"/admin/audit?reference={claim}"))
    assert "Sealed until" not in page and page.count("<dd>Pass</dd>") == 2
    for reader in ("xu.ning", "zhao.min", "sun.li"):
        assert history(at_desk(reader), claim).count("<dd>Pass</dd>") == 2, reader
    whole = text(auditor.get("/admin/audit"))
    assert LIU_WEI.id_number not in whole and LIU_WEI.phone not in whole and claim in whole


def test_an_auditor_of_one_county_reads_that_countys_entries(hands: Pilot) -> None:
    own = hands.registered()
    hands.draft(worker(5), by=hands.decheng_clerk, county="德城区", point="德城区教学点")
    limited = Actor("x", "limited", frozenset({"auditor"}), county=QIHE)
    assert {entry["reference"] for entry in entries(Asked(), limited)} == {own}


def test_the_page_tells_filters_links_and_days_that_are_none(hands: Pilot, at_desk: AtDesk) -> None:
    reference = hands.registered()
    auditor = at_desk("xu.ning")
    page = text(auditor.get("/admin/audit?action=application.register&since=20201301&before=99999999999"))
    assert f'href="/records/application/{reference}"' in page and "This is no day" in page
    assert '<option value="application.register" selected>' in page
    assert "No entry fits these filters." in text(auditor.get("/admin/audit?account=nobody"))
    assert at_desk("admin").get("/admin/audit").status_code == 403
    with on(CHECKED):
        assert "There is no anchor yet." in page


# The guides


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_a_guide_in_the_words_of_the_screens(stranger: Visitor, group: str, lang: str) -> None:
    stranger.headers["Accept-Language"] = lang
    page = text(stranger.get(f"/guide/{group}"))
    told = page.partition("<article")[2].partition("</article>")[0]
    words = re.findall(r'<strong class="word">([^<]*)</strong>', told)
    assert len(words) >= 8 and len(told) < 6000
    # A step or word that nobody knows would be shown as its code.
    assert not [word for word in words if re.fullmatch(r"[a-z_]*", word)]
    if lang == "zh":
        assert not [word for word in words if not re.search(r"[\u4e00-\u9fff]", word)]


def test_a_guide_takes_its_words_from_texts_that_a_screen_shows() -> None:
    shown = set()
    for path in paths.templates().rglob("*.html"):
        if path.parent.name != "guide":
            shown |= _texts(path.read_text("utf-8"))
    code = "".join(path.read_text("utf-8") for path in (paths.PACKAGE / "web").rglob("*.py"))
    shown |= set(re.findall(r'_\(\s*"([^"]+)"', code))
    for path in (paths.templates() / "guide").glob("*.??.html"):
        assert _texts(path.read_text("utf-8")) - shown == set(), path.name


def _texts(template: str) -> set[str]:
    calls = Environment(autoescape=True).parse(template).find_all(nodes.Call)
    called = (one for one in calls if isinstance(one.node, nodes.Name) and one.node.name == "_")
    return {one.args[0].value for one in called if one.args and isinstance(one.args[0], nodes.Const)}


def test_the_guide_is_reached_from_every_page_and_begins_with_ones_own(
    hands: Pilot, at_desk: AtDesk, stranger: Visitor
) -> None:
    assert '<a href="/guide">User guide</a>' in text(stranger.get("/"))
    listed = re.findall(r'<li><a href="/guide/(\w+)">', text(at_desk("he.jun").get("/guide")))
    assert listed[0] == "finance" and set(listed) == set(GROUPS)
    assert re.findall(r'<li><a href="/guide/(\w+)">', text(stranger.get("/guide")))[0] == "student"


# A version drafted at the page


def drafted(**more: str) -> dict[str, str]:
    """Give the form of a draft in which the cap is raised and a major renamed."""
    files = read_folder(paths.workflows())
    cap = files["policies.yaml"].replace("cap_fen: 479000", "cap_fen: 500000", 1)
    majors = files["catalogue/majors.csv"].replace("电子商务", "网络营销", 1)
    assert cap != files["policies.yaml"] and majors != files["catalogue/majors.csv"]
    fields = {"file:policies.yaml": cap.replace("\n", "\r\n"), "file:catalogue/majors.csv": majors}
    return fields | {"base": "1", "shown": "policies.yaml", "step": "check"} | more


def test_a_draft_is_compared_before_it_is_published(hands: Pilot, at_desk: AtDesk) -> None:
    admin = at_desk("admin")
    opened = text(admin.send("/admin/policies/draft", **drafted(step="open", file="claim.yaml")))
    assert "seal_check" in opened and "cap_fen: 500000" in opened
    checked = text(admin.send("/admin/policies/draft", **drafted()))
    assert "claim.cap_fen" in checked and "网络营销" in checked and "The draft has faults" not in checked
    sent = admin.send("/admin/policies/draft", **drafted(step="publish", holds_from="2022-09-01"))
    assert sent.status_code == 303 and sent.location.endswith("/admin/policies/compare?old=1&new=2")
    with read() as conn:
        assert policies.in_force(conn, date(2022, 9, 1)).policy.get("claim.cap_fen") == 500_000
        assert policies.in_force(conn, TODAY).policy.get("claim.cap_fen") == 479_000
    told = entries(Asked(workflow="policy", action="publish"))
    assert told[0]["actor"] == "admin"


def test_a_draft_with_faults_names_them_all_and_is_not_published(hands: Pilot, at_desk: AtDesk) -> None:
    admin, wrong = at_desk("admin"), {"file:roles.yaml": "clerk: 7\n", "file:session.yaml": "label: {zh: 考试\n"}
    for step in ("check", "publish"):
        page = text(admin.send("/admin/policies/draft", **drafted(step=step, holds_from="2022-09-01", **wrong)))
        assert "roles.yaml:" in page and "session.yaml:" in page
    with read() as conn:
        assert len(policies.versions(conn)) == 1


def test_a_long_file_of_a_draft_is_searched_and_its_headings_and_faults_stand_with_their_lines(
    hands: Pilot, at_desk: AtDesk
) -> None:
    admin = at_desk("admin")
    sent = drafted(step="find", find="CAP_FEN")["file:policies.yaml"].splitlines()
    line = next(n for n, one in enumerate(sent, 1) if "cap_fen: 500000" in one)
    page = text(admin.send("/admin/policies/draft", **drafted(step="find", find="CAP_FEN")))
    head = next(n for n, one in enumerate(sent, 1) if one.startswith("claim:"))
    assert f'<a href="#line-{head}" data-line="{head}">{head} claim</a>' in page and f'id="line-{len(sent)}"' in page
    found = page.partition('id="found"')[2].partition("</section>")[0]
    assert f'href="#line-{line}"' in found and "cap_fen: 500000" in found and "The draft has faults" not in page
    assert "No line holds" in text(admin.send("/admin/policies/draft", **drafted(step="find", find="dragon")))
    wrong = {"file:roles.yaml": "clerk: 7\n", "shown": "roles.yaml"}
    faults = text(admin.send("/admin/policies/draft", **drafted(**wrong))).partition('role="alert"')[2]
    assert "<code>clerk: 7</code>" in faults.partition("</div>")[0] and 'href="#line-1"' in faults


def test_a_draft_of_an_older_version_or_for_days_that_are_over_is_refused(hands: Pilot, at_desk: AtDesk) -> None:
    admin = at_desk("admin")
    publish(a=("min: 16", "min: 17"))
    refused = admin.send("/admin/policies/draft", **drafted(step="publish", holds_from="2022-08-01"))
    assert refused.status_code == 409
    assert "Version 2 was published meanwhile" in text(refused) and "holds from today on" in text(refused)
    assert "cap_fen: 500000" in text(refused)


def test_only_an_administrator_who_proved_the_identity_anew_publishes(hands: Pilot, at_desk: AtDesk) -> None:
    assert at_desk("xu.ning").get("/admin/policies/draft").status_code == 403
    admin = at_desk("admin")
    with write() as conn:
        conn.execute(LoginSession.__table__.update().values(stepped_up_at=None))
    asked = admin.send("/admin/policies/draft", **drafted(step="publish", holds_from="2022-09-01"))
    assert asked.status_code == 403 and "500000" in text(asked)
    with read() as conn:
        assert len(policies.versions(conn)) == 1


def test_a_word_of_a_comment_finds_the_parameter_below_it() -> None:
    found = policy_text.matching(
        "claim:\n  # 报销上限（分）\n  # Most that is paid\n  cap_fen: 1\n  other: 2\n", "报销上限"
    )
    assert [number for number, _line in found] == [2, 4]
