"""Who may register (rulebook §1 to §3), one table per rule, against a tiny policy."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from edu_pilot import i18n
from edu_pilot.rules import calendar, lookups, people
from edu_pilot.rules.identity import id_checksum
from edu_pilot.workflow.policy import Policy
from edu_pilot.workflow.reasons import Reason
from edu_pilot.workflow.registry import Actor, Attempt, shipped
from tests.rules import shipped as under_shipped

POLICY = Policy(
    number=1,
    holds_from=date(2022, 1, 1),
    parameters={
        "intakes": {
            "season_months": {"spring": 3, "autumn": 9},
            "first": "2209",
            "opens": {"months_before": 3, "day": 1},
            "closes": {"day": 15},
        },
        "ages": {"min": 16, "max": 59},
        "levels": [{"code": "zhuanke", "name": {"zh": "专科", "en": "Junior college"}, "aliases": ["大专"]}],
        "diplomas_enough": ["高中", "中专", "职高", "技校", "大专", "本科"],
    },
    tables={
        "counties": (
            {"code": "371402", "name_zh": "德城区", "aliases": "德城", "former_codes": ""},
            {
                "code": "371403",
                "name_zh": "陵城区",
                "aliases": "陵城 陵县",
                "former_codes": "371421",
            },
        ),
        "points": (
            {
                "code": "371402-01",
                "county": "371402",
                "name_zh": "德城区教学点",
                "from_intake": "2209",
                "to_intake": "",
                "majors": "",
            },
            {
                "code": "371403-01",
                "county": "371403",
                "name_zh": "陵城区教学点",
                "from_intake": "2209",
                "to_intake": "2309",
                "majors": "530701",
            },
        ),
        "majors": (
            {"code": "530701", "name_zh": "电子商务", "from_intake": "2209", "to_intake": ""},
            {
                "code": "530302",
                "name_zh": "大数据与会计",
                "from_intake": "2209",
                "to_intake": "2303",
            },
        ),
        "regions": ({"code": "371402"}, {"code": "371421"}),
        "holidays": (
            {"date": "2022-10-03", "kind": "off"},
            {"date": "2022-10-04", "kind": "off"},
            {"date": "2022-10-05", "kind": "off"},
            {"date": "2022-10-06", "kind": "off"},
            {"date": "2022-10-07", "kind": "off"},
            {"date": "2022-10-08", "kind": "work"},
            {"date": "2022-10-09", "kind": "work"},
        ),
    },
)
LIU_WEI: dict[str, Any] = {
    "registered_on": None,
    "name": "刘伟",
    "id_number": "371402198501019996",
    "sex": "male",
    "birth_on": date(1985, 1, 1),
    "phone": "13812345678",
    "county": "371402",
    "point": "371402-01",
    "intake": "2209",
    "level": "zhuanke",
    "major": "530701",
    "previous_diploma": "高中",
    "person_elsewhere": None,
}
WANG_FANG = Actor("a1", "Wang Fang", frozenset({"clerk"}), county="371402")


def asked(name: str, /, *, actor: Actor = WANG_FANG, **changes: Any) -> list[Reason]:
    today = changes.pop("today", date(2022, 9, 1))
    record = SimpleNamespace(**{**LIU_WEI, **changes})
    attempt = Attempt(record, "register", actor, {}, POLICY, today)
    return shipped.rules[name].reasons(attempt)


def codes(name: str, /, **changes: Any) -> list[str]:
    return [reason.code for reason in asked(name, **changes)]


def born(day: str, order: str = "999") -> str:
    body = f"371402{day}{order}"
    return body + id_checksum(body)


RULES = [rule.name for rule in shipped.rules.values() if rule.ask.__module__ == people.__name__]


@pytest.mark.parametrize("name", [*RULES, "intake_is_open"])
def test_nothing_blocks_liu_wei(name: str) -> None:
    assert asked(name) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_stands_an_empty_record(name: str) -> None:
    for reason in asked(name, **dict.fromkeys(LIU_WEI)):
        assert reason.english()


@pytest.mark.parametrize(
    ("typed", "found"),
    [(None, ["name_missing"]), (" ", ["name_missing"]), ("Liu Wei", ["name_format"])],
)
def test_name_is_given_and_well_formed(typed: str | None, found: list[str]) -> None:
    assert codes("name_is_given_and_well_formed", name=typed) == found


def test_a_name_in_private_characters_is_told_to_be_typed_anew() -> None:
    [reason] = asked("name_is_given_and_well_formed", name="刘\ue000\U000f0000")
    assert (reason.code, reason.facts["characters"]) == ("name_format", "U+E000, U+F0000")
    assert "private use (U+E000, U+F0000)" in reason.english()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (None, ["id_number_missing"]),
        ("37140219850101999", ["id_number_format"]),
        ("371402850101999", []),
        ("371402198501019997", ["id_number_checksum"]),
        (born("19900230"), ["id_number_date"]),
        (born("20220902"), ["id_number_date"]),
        ("371402199002309999", ["id_number_checksum", "id_number_date"]),
    ],
)
def test_id_number_is_sound(typed: str | None, found: list[str]) -> None:
    assert codes("id_number_is_sound", id_number=typed) == found


@pytest.mark.parametrize(
    ("number", "sex", "found"),
    [
        (LIU_WEI["id_number"], None, []),
        (LIU_WEI["id_number"], "男", []),
        (LIU_WEI["id_number"], "female", ["sex_mismatch"]),
        (LIU_WEI["id_number"], "?", ["sex_mismatch"]),
        ("371402198501019997", "female", ["sex_mismatch"]),  # a wrong check digit hides nothing
        ("3714021985", "female", []),  # of a malformed number nothing follows
    ],
)
def test_sex_matches_number(number: str, sex: str | None, found: list[str]) -> None:
    assert codes("sex_matches_number", id_number=number, sex=sex) == found


@pytest.mark.parametrize(
    ("number", "birth_on", "found"),
    [
        (LIU_WEI["id_number"], None, []),
        (LIU_WEI["id_number"], "1985-01-01", []),
        (LIU_WEI["id_number"], date(1985, 1, 2), ["birth_mismatch"]),
        (LIU_WEI["id_number"], "spring 1985", ["birth_mismatch"]),
        (born("19900230"), date(1990, 3, 2), ["birth_mismatch"]),
        ("3714021985", date(1985, 1, 2), []),
    ],
)
def test_birth_matches_number(number: str, birth_on: date | str | None, found: list[str]) -> None:
    assert codes("birth_matches_number", id_number=number, birth_on=birth_on) == found


@pytest.mark.parametrize(
    ("day", "found"),
    [
        ("20060901", []),  # 16 on the day
        ("20060902", ["age_out_of_range"]),
        ("19620902", []),  # 59 until the day after
        ("19620901", ["age_out_of_range"]),
        ("19900230", []),  # no real date, no age
        ("20301231", []),
    ],
)
def test_age_in_range(day: str, found: list[str]) -> None:
    assert codes("age_in_range", id_number=born(day)) == found


def test_age_is_told_with_the_day_and_the_limits() -> None:
    [reason] = asked("age_in_range", id_number=born("20090315"))
    assert reason.facts == {"age": 13, "day": "2022-09-01", "min": 16, "max": 59}


@pytest.mark.parametrize(
    ("typed", "found"),
    [(None, ["phone_missing"]), ("123", ["phone_format"]), ("+86 138 1234 5678", [])],
)
def test_phone_is_sound(typed: str | None, found: list[str]) -> None:
    assert codes("phone_is_sound", phone=typed) == found


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("371403", "371403"),
        ("陵城区", "371403"),
        (" 陵县", "371403"),
        ("371421", "371403"),
        ("济南市", None),
        ("", None),
        (None, None),
    ],
)
def test_county_is_known_by_any_of_its_names(typed: str | None, code: str | None) -> None:
    assert lookups.county_code(POLICY, typed) == code
    assert codes("county_is_known", county=typed) == ([] if code else ["county_unknown"])


@pytest.mark.parametrize(
    ("county", "of_actor", "found"),
    [
        ("371402", "371402", []),
        ("陵城区", "371402", ["county_not_yours"]),
        ("371403", None, []),
        ("济南市", "371402", []),  # unknown is its own fault
    ],
)
def test_county_is_mine(county: str, of_actor: str | None, found: list[str]) -> None:
    actor = Actor("a1", "Wang Fang", frozenset({"clerk"}), county=of_actor)
    assert codes("county_is_mine", actor=actor, county=county) == found


@pytest.mark.parametrize(
    ("county", "point", "intake", "found"),
    [
        ("德城区", "德城区教学点", "2209", []),
        ("德城区", "陵城区教学点", "2209", ["point_unknown"]),
        ("德城区", "", "2209", ["point_unknown"]),
        ("济南市", "陵城区教学点", "2209", []),  # the county is its own fault
        ("济南市", "济南教学点", "2209", ["point_unknown"]),
        ("陵城区", "371403-01", "2403", ["point_unknown"]),  # closed since
    ],
)
def test_point_is_known(county: str, point: str, intake: str, found: list[str]) -> None:
    assert codes("point_is_known", county=county, point=point, intake=intake) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [("专科", []), ("大专", []), ("本科", ["level_unknown"]), (None, ["level_unknown"])],
)
def test_level_is_known(typed: str | None, found: list[str]) -> None:
    assert codes("level_is_known", level=typed) == found


@pytest.mark.parametrize(
    ("major", "changes", "found"),
    [
        ("电子商务", {}, []),
        ("大数据与会计", {}, []),
        ("大数据与会计", {"intake": "2309"}, ["major_not_open"]),
        ("530302", {"county": "371403", "point": "371403-01"}, ["major_not_open"]),
        ("530302", {"intake": None}, []),  # the intake is its own fault
        ("临床医学", {}, ["major_unknown"]),
        ("", {}, ["major_unknown"]),
    ],
)
def test_major_is_open(major: str, changes: dict[str, Any], found: list[str]) -> None:
    assert codes("major_is_open", major=major, **changes) == found


def _closing(major: str) -> Policy:
    """Give the shipped policy with one major that takes nobody yet."""
    shipped_now = under_shipped.POLICY
    rows = tuple(r | {"from_intake": "2909"} if r["code"] == major else r for r in shipped_now.table("majors"))
    return replace(shipped_now, tables={**shipped_now.tables, "majors": rows})


@pytest.mark.parametrize(
    ("rule", "record", "given", "said"),
    [
        ("new_major_is_known", {"major": "530701"}, {"new_major": "460301"}, "机电一体化技术（460301）"),
        ("offered_major_is_open", {"major": "530701"}, {"offered_major": "460301"}, "机电一体化技术（460301）"),
        ("new_point_is_known", {"major": "460301"}, {"new_point": "371425-02"}, "教学点（371425-02）"),
        ("occupation_suits_major", {"major": "460301", "occupation": "bricklayer"}, {}, "砌筑工与所报专业不符"),
    ],
)
def test_a_code_of_the_catalogue_is_told_with_its_name(
    rule: str, record: dict[str, str], given: dict[str, str], said: str
) -> None:
    tried = under_shipped.attempt({"intake": "2209", "point": "371425-01", **record}, given, policy=_closing("460301"))
    [reason] = under_shipped.reasons(rule, tried)
    told = i18n.say(reason, under_shipped.COMPILED, "zh")
    assert said in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"point": "371425-02", "intake": "2303"},
            "Jiaomiao Teaching Point, Qihe does not take Mechatronics (460301); "
            "in this county it is taken at: Qihe Teaching Point.",
        ),
        (
            {"point": "371425-01", "intake": "2209", "closed": "460301"},
            "Mechatronics (460301) takes no applicants of this intake. This teaching point takes: Big Data and "
            "Accounting, E-commerce, Construction Engineering, Business Administration, Public Administration.",
        ),
    ],
)
def test_a_major_that_is_not_open_is_named_and_so_is_where_it_is(changes: dict[str, str], said: str) -> None:
    policy = _closing(changes.pop("closed", ""))
    tried = under_shipped.attempt({"major": "460301", "county": "371425", **changes}, policy=policy)
    [reason] = under_shipped.reasons("major_is_open", tried)
    assert (i18n.say(reason, under_shipped.COMPILED, "en"), reason.field) == (said, "major")
    assert "机电一体化技术（460301）" in i18n.say(reason, under_shipped.COMPILED, "zh")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("中专", []),
        ("本科", []),
        ("初中", ["previous_diploma_too_low"]),
        ("其他", ["previous_diploma_too_low"]),
        ("", ["previous_diploma_too_low"]),
    ],
)
def test_diploma_is_enough(typed: str, found: list[str]) -> None:
    assert codes("diploma_is_enough", previous_diploma=typed) == found


def test_no_data_is_told_apart_from_no_match() -> None:
    [none], [no_match] = (
        asked("major_is_open", major=None),
        asked("major_is_open", major="临床医学"),
    )
    assert none.text != no_match.text
    assert no_match.facts["value"] == "临床医学" and str(no_match.facts["offered"]).startswith("table:majors:")


@pytest.mark.parametrize(
    ("rule", "changes", "said"),
    [
        ("major_is_open", {"major": "护理"}, "“护理”不是本项目的专业；该批次可报：大数据与会计、电子商务、"),
        ("major_is_open", {"major": ""}, "请填写报考专业；该批次可报：大数据与会计、"),
        ("county_is_known", {"county": "莘县"}, "“莘县”不是本项目的县（市、区）；请改为其中之一：德城区、陵城区、"),
        ("point_is_known", {"point": "晏城"}, "“晏城”不是本县（市、区）招收该批次的教学点；请改为：齐河县教学点。"),
        ("point_is_known", {"point": "晏城", "county": ""}, "请先填对县（市、区）"),
        ("level_is_known", {"level": "本科"}, "“本科”不是本项目的报考层次；请改为：专科。"),
        ("diploma_is_enough", {"previous_diploma": "夜校"}, "已达到的，请写作：高中、普通高中、"),
        ("birth_matches_number", {"birth_on": "九零年"}, "“九零年”不是日期；请写作 2001-09-01"),
        ("birth_matches_number", {"birth_on": "1990-02-03"}, "出生日期与身份证号中的不一致，请与证件核对"),
        ("id_number_is_sound", {"id_number": "3714"}, "现为 4 个字符；请对照身份证重新填写"),
        ("id_number_is_sound", {"id_number": "371402198501019997"}, "身份证号最后一位（7）校验不符"),
        ("phone_is_sound", {"phone": "1390000"}, "现为 7 个字符；请向本人核实后改正"),
    ],
)
def test_what_is_wrong_comes_with_what_to_write_instead(rule: str, changes: dict[str, str], said: str) -> None:
    given = {"intake": "2209", "county": "371425", "point": "371425-01", "id_number": born("19900101"), **changes}
    [reason] = under_shipped.reasons(rule, under_shipped.attempt(given))
    assert said in i18n.say(reason, under_shipped.COMPILED, "zh")
    assert i18n.say(reason, under_shipped.COMPILED, "en")


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 11, 20), "今天没有批次可报名；下一批次 2703 于 2026年12月1日开始报名。"),
        (date(2026, 12, 5), "今天可报名的批次：2703；下一批次 2709 于 2027年6月1日开始报名。"),
    ],
)
def test_a_closed_intake_names_the_open_ones_and_the_next(day: date, said: str) -> None:
    [reason] = under_shipped.reasons(
        "intake_is_open", under_shipped.attempt({"intake": "2209", "registered_on": None}, today=day)
    )
    assert reason.code == "intake_closed"
    assert said in i18n.say(reason, under_shipped.COMPILED, "zh")


def test_second_registration_is_refused_with_place_and_day_and_nothing_else() -> None:
    elsewhere = SimpleNamespace(point_name="齐河县教学点", since=date(2022, 6, 7), name="刘伟")
    [reason] = asked("not_already_registered", person_elsewhere=elsewhere)
    assert reason.code == "already_registered"
    assert reason.english() == "already registered at 齐河县教学点 since 2022-06-07"


@pytest.mark.parametrize(
    ("intake", "today", "found"),
    [
        ("2209", date(2022, 5, 31), ["intake_closed"]),
        ("2209", date(2022, 6, 1), []),
        ("2209", date(2022, 9, 15), []),
        ("2209", date(2022, 9, 16), ["intake_closed"]),
        ("2303", date(2022, 12, 1), []),
        ("2203", date(2022, 3, 1), ["intake_unknown"]),  # before the first
        ("2210", date(2022, 9, 1), ["intake_unknown"]),
        ("autumn", date(2022, 9, 1), ["intake_unknown"]),
        (None, date(2022, 9, 1), ["intake_unknown"]),
    ],
)
def test_intake_is_open(intake: str | None, today: date, found: list[str]) -> None:
    assert codes("intake_is_open", intake=intake, today=today) == found


@pytest.mark.parametrize(
    ("intake", "found"), [("2209", []), ("2210", ["intake_unknown"]), ("autumn", ["intake_unknown"])]
)
def test_a_case_that_was_in_time_once_stays_so(intake: str, found: list[str]) -> None:
    """R3.3: a correction may be answered after sign-up has closed."""
    later, first = date(2022, 10, 20), date(2022, 9, 14)
    assert codes("intake_is_open", intake=intake, today=later, registered_on=first) == found


@pytest.mark.parametrize(
    ("intake", "season", "day"),
    [("2209", "autumn", date(2022, 9, 1)), ("2303", "spring", date(2023, 3, 1))],
)
def test_intake_names_season_and_registration_day(intake: str, season: str, day: date) -> None:
    assert (calendar.season(intake), calendar.registration_day(intake)) == (season, day)


@pytest.mark.parametrize(
    ("day", "number", "then"),
    [
        (date(2022, 9, 30), 1, date(2022, 10, 8)),  # over the holidays to a working Saturday
        (date(2022, 9, 30), 2, date(2022, 10, 9)),
        (date(2022, 9, 30), 3, date(2022, 10, 10)),
        (date(2022, 9, 30), 0, date(2022, 9, 30)),
        (date(2030, 9, 30), 5, date(2030, 10, 7)),  # an unknown year counts Monday to Friday
    ],
)
def test_working_days_follow_the_holidays(day: date, number: int, then: date) -> None:
    assert calendar.working_days_after(POLICY, day, number) == then


def test_years_without_holidays_are_named() -> None:
    span = date(2021, 12, 1), date(2023, 1, 1)
    assert calendar.years_without_holidays(POLICY, *span) == [2021, 2023]


@pytest.mark.parametrize(
    ("day", "number", "then"),
    [
        (date(2025, 1, 31), 18, date(2026, 7, 31)),
        (date(2024, 8, 31), 18, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
    ],
)
def test_months_end_on_the_last_day_of_a_shorter_month(day: date, number: int, then: date) -> None:
    assert calendar.months_after(day, number) == then


def test_regions_of_every_edition_are_known() -> None:
    assert lookups.known_regions(POLICY) == {"371402", "371421"}
