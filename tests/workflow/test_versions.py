"""A folder of files is one version: hashed whole, compiled whole, refused whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import edu_pilot  # noqa: F401  (fills the registry with the shipped rules and effects)
from edu_pilot import paths
from edu_pilot.workflow.definition import Invalid
from edu_pilot.workflow.policy import Policy, UnknownParameter, read_tables
from edu_pilot.workflow.registry import Registry, shipped
from edu_pilot.workflow.versions import compile_files, fingerprint, read_folder, unused_rules

FILES = read_folder(paths.workflows())


def test_the_hash_is_of_names_and_contents_whatever_their_order() -> None:
    again = dict(reversed(FILES.items()))
    assert fingerprint(again) == fingerprint(FILES)
    assert len(fingerprint(FILES)) == 64


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_hash_covers_every_file(name: str) -> None:
    """R1.6: the whole of workflows/ is published, the catalogue included."""
    changed = FILES | {name: FILES[name] + "\n"}
    renamed = {("x" + n if n == name else n): text for n, text in FILES.items()}
    without = {n: text for n, text in FILES.items() if n != name}
    assert len({fingerprint(f) for f in (FILES, changed, renamed, without)}) == 4


def test_only_yaml_and_csv_are_read(tmp_path: Path) -> None:
    (tmp_path / "catalogue" / "deep").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "catalogue" / "deep" / "b.csv").write_text("x\n1\n")
    (tmp_path / "notes.txt").write_text("not a rule")
    assert set(read_folder(tmp_path)) == {"a.yaml", "catalogue/deep/b.csv"}


def test_faults_of_all_files_come_in_one_list() -> None:
    faulty = FILES | {
        "study.yaml": FILES["study.yaml"].replace("credits_reached", "credits_rached"),
        "claim.yaml": FILES["claim.yaml"].replace("[notice_is_over]", "[notice_was_over]"),
        "roles.yaml": "a: [",
    }
    with pytest.raises(Invalid) as refusal:
        compile_files(faulty, shipped)
    files = {problem.file for problem in refusal.value.problems}
    assert {"study.yaml", "claim.yaml", "roles.yaml"} <= files
    assert "credits_rached" in str(refusal.value)


def test_a_version_needs_the_rules_it_names() -> None:
    with pytest.raises(Invalid, match="is no rule"):
        compile_files(FILES, Registry())


def test_a_rule_nobody_uses_is_a_warning_only() -> None:
    """Old versions and other programmes need theirs."""
    registry = Registry(dict(shipped.rules), dict(shipped.conditions), dict(shipped.effects))

    @registry.rule
    def once_upon_a_time(_attempt: object) -> None:
        """Held in an older version."""

    assert "once_upon_a_time" in unused_rules(compile_files(FILES, registry), registry)


def test_every_shipped_rule_is_used() -> None:
    compiled = compile_files(FILES, shipped)
    assert list(unused_rules(compiled, shipped)) == []


def test_a_name_is_registered_once() -> None:
    registry = Registry()

    def same(_attempt: object) -> None:
        """The same name."""

    for register in (registry.rule, registry.condition, registry.effect):
        register(same)  # type: ignore[operator]
        with pytest.raises(ValueError, match="twice"):
            register(same)  # type: ignore[operator]


POLICY = Policy(
    3,
    date(2022, 1, 1),
    {"claim": {"cap_fen": 479_000, "switch": False}},
    dict(read_tables({"catalogue/plans/530701.csv": "code,name_zh,name_en\n1,甲,A\n2,乙,B\n", "x.csv": "a\n"})),
)


@pytest.mark.parametrize("path", ["", "cap", "claim.cap", "claim.cap_fen.more", "claim..cap_fen"])
def test_a_missing_parameter_is_an_error_that_names_it(path: str) -> None:
    with pytest.raises(UnknownParameter) as refusal:
        POLICY.get(path)
    assert refusal.value.args == (path,)
    assert POLICY.find(path, 7) == 7


def test_a_parameter_is_read_by_its_dotted_name() -> None:
    assert POLICY.get("claim.cap_fen") == 479_000
    assert POLICY.find("claim.switch", True) is False


def test_a_table_is_read_by_its_place_in_the_catalogue() -> None:
    assert [row["code"] for row in POLICY.table("plans/530701")] == ["1", "2"]
    assert POLICY.row("plans/530701", "2") == {"code": "2", "name_zh": "乙", "name_en": "B"}
    assert POLICY.row("plans/530701", None) is None
    assert POLICY.label("plans/530701", "1", "en") == "A"
    assert POLICY.label("plans/530701", "9") == "9"
    assert POLICY.label("plans/530701", None) == ""
    with pytest.raises(UnknownParameter, match=r"catalogue/x\.csv"):
        POLICY.table("x")
