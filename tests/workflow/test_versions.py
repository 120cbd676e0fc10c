"""A folder of files is one version: hashed whole, compiled whole, refused whole."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

import edu_pilot  # noqa: F401  (fills the registry with the shipped rules and effects)
from edu_pilot import paths
from edu_pilot.rules.parameters import PARAMETERS
from edu_pilot.workflow.policy import Policy, UnknownParameter, read_tables
from edu_pilot.workflow.reading import Invalid
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


# kind: (file, text that stands there, what instead, where the fault is told, words of the answer)
LIST_FAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "role without label": (
        "roles.yaml",
        "arbiter: {label: {zh: 市总工会裁定员, en: arbiter}}",
        "arbiter: {}",
        "arbiter: {}",
        "label is missing",
    ),
    "role with half a label": ("roles.yaml", "{zh: 审计, en: auditor}", "{zh: 审计}", "auditor:", "no en text"),
    "role that is no mapping": (
        "roles.yaml",
        "auditor: {label: {zh: 审计, en: auditor}}",
        "auditor: yes",
        "auditor:",
        "mapping",
    ),
    "unknown key of a role": (
        "roles.yaml",
        "clerk: {county: true",
        "clerk: {countyy: true",
        "clerk:",
        "countyy is not known",
    ),
    "role that stands twice": ("roles.yaml", "registrar: {", "clerk: {", "clerk: {label", "clerk stands twice"),
    "document without prefix": ("documents.yaml", "  prefix: BM\n", "", "label: {zh: 报名登记表", "prefix is missing"),
    "document for an unknown role": (
        "documents.yaml",
        "readers: [clerk, registrar, student]",
        "readers: [clerc]",
        "clerc",
        "clerc is no role",
    ),
    "prefix of two documents": ("documents.yaml", "prefix: LQ", "prefix: BM", "prefix: BM # 2", "BM is taken already"),
    "prefix of two workflows": ("study.yaml", "prefix: S\n", "prefix: A\n", "prefix: A", "A is taken already"),
    "two workflows of one name": (
        "study.yaml",
        "workflow: study",
        "workflow: claim",
        "workflow: claim",
        "claim is taken already",
    ),
    "parameter that stands twice": (
        "policies.yaml",
        "  share_percent: 100",
        "  cap_fen: 1",
        "  cap_fen: 1",
        "cap_fen stands twice",
    ),
    "parameter that is missing": (
        "policies.yaml",
        "  share_percent: 100\n",
        "",
        "  cap_fen:",
        "claim.share_percent is missing",
    ),
    "group that is missing": ("policies.yaml", "ages: {min: 16, max: 59}", "", "holds_from", "ages.min is missing"),
    "at_claim of nothing": (
        "policies.yaml",
        "  - claim.account_hold_hours",
        "  - claim.hours",
        "  cap_fen:",
        "claim.hours is missing",
    ),
    "day that is none": ("policies.yaml", "holds_from: 2022-01-01", "holds_from: 2022-02-30", "holds_from", "not YAML"),
    "text for a day": ("policies.yaml", "holds_from: 2022-01-01", "holds_from: soon", "holds_from", "day is expected"),
    "parent that is no workflow": (
        "claim.yaml",
        "version_of: study",
        "version_of: receipts",
        "",
        "there is no workflow receipts",
    ),
    "reader that is no role": (
        "documents.yaml",
        "readers: [clerk, registrar, student]",
        "readers: [clerk, king]",
        "king",
        "king is no role",
    ),
    "code kept for a workflow that is none": (
        "policies.yaml",
        "for: [claim]",
        "for: [claims]",
        "for: [claims]",
        "there is no workflow claims",
    ),
    "code kept for no list": ("policies.yaml", "for: [claim]", "for: claim", "for: claim}", "list in brackets"),
    "choices without labels": (
        "policies.yaml",
        "    PERSONAL: {",
        "    PERSONAL: x\n    PERSONALLY: {",
        "",
        "no list of labels",
    ),
}


def first_line(text: str, found: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if found in line)


@pytest.mark.parametrize("kind", LIST_FAULTS)
def test_a_fault_of_a_list_is_named_with_its_line(kind: str) -> None:
    """R1.6: never a crash, and never a version that breaks later."""
    file, old, new, at, words = LIST_FAULTS[kind]
    assert old in FILES[file]
    text = FILES[file].replace(old, new, 1)
    with pytest.raises(Invalid) as refusal:
        compile_files(FILES | {file: text}, shipped, required=PARAMETERS)
    found = [p for p in refusal.value.problems if words in str(p)]
    assert found, refusal.value
    if at and "#" not in at:
        assert first_line(text, at) in [p.line for p in found], str(refusal.value)


@pytest.mark.parametrize("file", ["policies.yaml", "roles.yaml", "documents.yaml"])
@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "", "a: [", "\x00"])
def test_a_list_that_is_none_is_said(file: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        compile_files(FILES | {file: text}, shipped, required=PARAMETERS)
    assert file in {problem.file for problem in refusal.value.problems}


def test_the_shipped_policy_has_every_parameter() -> None:
    policy = compile_files(FILES, shipped, required=PARAMETERS).policy
    assert [policy.get(path) is not None for path in PARAMETERS] == [True] * len(PARAMETERS)


def test_every_parameter_the_code_reads_is_declared() -> None:
    """A policy that lacks one is refused when it is published, not when somebody's case needs it."""
    sources = [p.read_text("utf-8") for part in ("rules", "services") for p in (paths.PACKAGE / part).rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'policy\.get\("([a-z0-9_.]+)"', text)}
    undeclared = [name for name in read if not any(f"{known}.".startswith(f"{name}.") for known in PARAMETERS)]
    assert len(read) > 20
    assert undeclared == []


def test_a_stored_version_is_not_asked_for_what_came_later() -> None:
    """R1.6: an old case runs to its end under the files it was promised."""
    text = FILES["policies.yaml"].replace("  share_percent: 100\n", "")
    assert compile_files(FILES | {"policies.yaml": text}, shipped).policy.find("claim.share_percent") is None


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
