"""The shipped policy data agree with themselves and with the rulebook's figures."""

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
CATALOGUE = WORKFLOWS / "catalogue"
MODULES = {"public_basic", "general", "major_basic", "major_core", "elective", "practice"}


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one catalogue file."""
    with (CATALOGUE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def policies() -> dict[str, Any]:
    """Return the parameters as loaded."""
    loaded = yaml.safe_load((WORKFLOWS / "policies.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def column(name: str, key: str) -> list[str]:
    """Return one column of a catalogue file."""
    return [row[key] for row in rows(name)]


PLANS = rows("plans.csv")


@pytest.mark.parametrize("name", ["counties", "points", "majors", "occupations", "modules", "regions", "plans"])
def test_first_column_is_unique_and_no_cell_is_ragged(name: str) -> None:
    table = rows(f"{name}.csv")
    keys = [next(iter(row.values())) for row in table]
    assert table and len(keys) == len(set(keys))
    assert all(None not in row and None not in row.values() for row in table)


@pytest.mark.parametrize("name", ["counties", "points", "majors", "occupations", "modules"])
def test_every_catalogue_entry_has_both_languages(name: str) -> None:
    assert all(row["name_zh"] and row["name_en"] for row in rows(f"{name}.csv"))


def test_r1_3_eleven_counties_each_with_a_point_and_a_union() -> None:
    counties = rows("counties.csv")
    assert len(counties) == 11
    assert {row["county"] for row in rows("points.csv")} == {row["code"] for row in counties}
    assert all(row["union_zh"] and row["union_en"] for row in counties)


def test_r1_3_first_point_is_named_after_its_county() -> None:
    named = {row["code"]: row["name_zh"] for row in rows("counties.csv")}
    firsts = [row for row in rows("points.csv") if row["code"].endswith("-01")]
    assert len(firsts) == 11
    assert all(row["name_zh"] == named[row["county"]] + "教学点" for row in firsts)


def test_r1_3_no_name_alias_or_former_code_means_two_counties() -> None:
    words: list[str] = []
    for row in rows("counties.csv"):
        words += [row["code"], row["name_zh"], *row["aliases"].split()]
        words += row["former_codes"].split()
    assert len(words) == len(set(words))


def test_r1_2_every_major_has_a_plan_and_a_second_certificate() -> None:
    occupations = set(column("occupations.csv", "code"))
    majors = rows("majors.csv")
    assert {row["code"] for row in majors} == {row["major"] for row in PLANS}
    for row in majors:
        offered = row["second_certificates"].split()
        assert offered and set(offered) <= occupations


def test_r4_2_accounting_has_no_skill_level_certificate() -> None:
    kinds = {row["code"]: row["kind"] for row in rows("occupations.csv")}
    accounting = next(row for row in rows("majors.csv") if row["code"] == "530302")
    assert {kinds[code] for code in accounting["second_certificates"].split()} == {"title", "x1"}


def test_r4_2_every_level_of_an_occupation_has_a_name() -> None:
    names = policies()["certification"]["level_names"]
    for row in rows("occupations.csv"):
        assert row["levels"].split()
        assert set(row["levels"].split()) <= set(names[row["kind"]])


def test_points_limit_themselves_to_known_majors() -> None:
    majors = set(column("majors.csv", "code"))
    assert all(set(row["majors"].split()) <= majors for row in rows("points.csv"))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan["major"]))
def test_r3_7_plan_can_be_completed(plan: dict[str, str]) -> None:
    offered: dict[str, int] = defaultdict(int)
    minima: dict[str, set[int]] = defaultdict(set)
    for row in rows(plan["file"]):
        offered[row["module"]] += int(row["credits"])
        minima[row["module"]].add(int(row["module_minimum"]))
    to_complete = int(plan["credits_to_complete"])
    assert set(offered) == MODULES == set(column("modules.csv", "code"))
    assert all(len(values) == 1 for values in minima.values())
    assert all(offered[module] >= max(values) for module, values in minima.items())
    assert sum(max(values) for values in minima.values()) <= to_complete <= sum(offered.values())
    assert to_complete == 79 and sum(offered.values()) == 85


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan["major"]))
def test_r3_6_every_course_is_well_formed(plan: dict[str, str]) -> None:
    courses = rows(plan["file"])
    assert len({row["code"] for row in courses}) == len(courses)
    for row in courses:
        assert row["code"].isdigit() and len(row["code"]) == 5
        assert row["course"] and row["course_en"]
        assert 0 <= float(row["formative_share"]) <= 1
        assert row["both_parts"] in {"yes", "no"}


def test_a_course_is_the_same_in_every_plan() -> None:
    by_code: dict[str, tuple[str, ...]] = {}
    by_name: dict[str, str] = {}
    keys = ("course", "course_en", "credits", "formative_share", "both_parts")
    for row in [row for plan in PLANS for row in rows(plan["file"])]:
        facts = tuple(row[key] for key in keys)
        assert by_code.setdefault(row["code"], facts) == facts
        assert by_name.setdefault(row["course"], row["code"]) == row["code"]


def test_r1_4_shares_sum_to_the_hard_quota_of_each_year() -> None:
    quota = policies()["quota"]
    counties = set(column("counties.csv", "code"))
    assert set(quota["hard"]) == set(quota["shares"])
    for year, shares in quota["shares"].items():
        assert set(shares) == counties
        assert sum(shares.values()) == quota["hard"][year]


def test_r1_1_the_pilot_years_sum_to_its_target() -> None:
    """R1.1: 1,000 migrant workers in the intakes of 2022, 2023 and 2024."""
    loaded = policies()
    hard = loaded["quota"]["hard"]
    pilot = [places for year, places in hard.items() if int(year) < loaded["quota"]["phase2_from"]]
    assert sum(pilot) == loaded["programme"]["pilot_target"] == 1000


def test_r5_4_the_tariff_is_the_cap() -> None:
    claim = policies()["claim"]
    tariff = claim["tariff_per_credit_fen"] * claim["tariff_credits"]
    assert tariff + claim["registration_fee_fen"] == claim["cap_fen"] == 479_000


def test_r5_5_every_refusal_code_is_there_in_both_languages() -> None:
    needed = (
        "NOT_ADMITTED_VIA_PROGRAMME NO_DIPLOMA DIPLOMA_OUT_OF_WINDOW LEVEL_ALREADY_CLAIMED "
        "NOT_MEMBER RECEIPT_DUPLICATE RECEIPT_VOID RECEIPT_PAYER_MISMATCH ITEM_NOT_TUITION "
        "AMOUNT_EXCEEDS_RECEIPTS PAID_BY_EMPLOYER IDENTITY_MISMATCH ACCOUNT_NOT_OWN ILLEGIBLE "
        "LATE SELF_REVIEW"
    )
    groups = policies()["decision_codes"]
    assert set(needed.split()) <= set(groups["refuse"])
    assert "DEATH" in groups["withdraw"]
    labels = [(code, label) for group in groups.values() for code, label in group.items()]
    assert all(code.isupper() and label["zh"] and label["en"] for code, label in labels)
    assert all(dict(labels)[code][lang] == label[lang] for code, label in labels for lang in ("zh", "en"))


def test_r1_6_what_is_read_at_the_claim_exists() -> None:
    loaded = policies()
    for path in loaded["at_claim"]:
        node: Any = loaded
        for part in path.split("."):
            node = node[part]
        assert node is not None


def test_no_diploma_is_both_enough_and_too_low() -> None:
    loaded = policies()
    assert not set(loaded["diplomas_enough"]) & set(loaded["diplomas_too_low"])


def test_r6_4_holidays_cover_the_known_years_and_work_days_are_weekends() -> None:
    table = rows("holidays.csv")
    days = {date.fromisoformat(row["date"]): row["kind"] for row in table}
    assert len(days) == len(table) and set(days.values()) == {"off", "work"}
    assert {day.year for day in days} == set(range(2022, 2027))
    assert all(day.weekday() >= 5 for day, kind in days.items() if kind == "work")


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2022-10-01", "off"),
        ("2022-10-07", "off"),
        ("2022-10-08", "work"),
        ("2022-10-09", "work"),
        ("2023-10-06", "off"),
        ("2024-02-18", "work"),
        ("2025-10-08", "off"),
        ("2026-02-23", "off"),
        ("2026-02-28", "work"),
    ],
)
def test_r6_4_some_days_as_announced(day: str, kind: str) -> None:
    assert {row["date"]: row["kind"] for row in rows("holidays.csv")}[day] == kind


def test_r2_1_regions_hold_present_and_abolished_codes() -> None:
    codes = column("regions.csv", "code")
    assert codes == sorted(codes)
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    old = {"371421", "372401", "372421", "372432", "810000", "820000", "830000"}
    assert old | set(column("counties.csv", "code")) <= set(codes)
    assert not {"371499", "999999", "000000", "371471"} & set(codes)
    former = [code for row in rows("counties.csv") for code in row["former_codes"].split()]
    assert set(former) <= set(codes)
