"""The rules of the house, read from the source itself; each extractor is shown to find a planted fault."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from babel.messages.pofile import read_po

from edu_pilot import paths
from tests.source import MODULES, PACKAGE, ROOT, name_of, under

# How many rules each section of the rulebook has; §7 speaks of other systems.
RULES = {1: 6, 2: 9, 3: 10, 4: 7, 5: 9, 6: 5}
RULEBOOK_IDS = tuple(f"R{section}.{n}" for section, last in RULES.items() for n in range(1, last + 1))


# Imports


def imports(module: ast.AST) -> set[str]:
    """Give everything a module imports, wherever in it: `from a import b` is a and a.b."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def breaches(module: ast.AST, forbidden: Iterable[str]) -> set[str]:
    """Give the imports that begin with a forbidden name."""
    return {name for name in imports(module) for bad in forbidden if name == bad or name.startswith(bad + ".")}


FORBIDDEN: dict[tuple[str, ...], tuple[str, ...]] = {
    ("web", "cli", "commands"): ("edu_pilot.rules", "weasyprint", "pydyf"),
    ("rules",): (
        "flask", "flask_sqlalchemy", "sqlalchemy", "edu_pilot.extensions", "edu_pilot.models",
        "edu_pilot.services", "edu_pilot.web", "edu_pilot.clock", "edu_pilot.config", "time", "os",
    ),
    ("models",): ("edu_pilot.workflow", "edu_pilot.rules", "edu_pilot.services", "edu_pilot.web", "flask"),
    ("services", "sample"): ("edu_pilot.web", "edu_pilot.cli", "edu_pilot.commands"),
}  # fmt: skip
CASES = [(package, bad) for packages, bad in FORBIDDEN.items() for package in packages]


@pytest.mark.parametrize(("package", "forbidden"), CASES, ids=[package for package, _ in CASES])
def test_a_layer_imports_only_what_it_may(package: str, forbidden: tuple[str, ...]) -> None:
    found = {name: bad for name, module in under(package) if (bad := breaches(module, forbidden))}
    assert found == {}


def test_only_the_typesetting_knows_the_renderer() -> None:
    users = {name for name, module in under() if breaches(module, ["weasyprint", "pydyf"])}
    assert users == {"edu_pilot.services.typesetting"}


def test_only_the_press_loads_the_typesetting() -> None:
    """C11: no process that holds secrets ever lays out a page."""
    assert {name for name, module in under() if breaches(module, ["edu_pilot.services.typesetting"])} == set()


def test_the_engine_needs_nothing_but_yaml_and_transitions() -> None:
    """R7: it knows no student, no Flask, no database; another programme can use it as it is."""
    own = ("yaml", "transitions", "edu_pilot.workflow")
    for name, module in under("workflow"):
        roots = {i for i in imports(module) if i.split(".")[0] not in sys.stdlib_module_names}
        assert not {i for i in roots if not i.startswith(own)}, name


def test_the_engine_knows_no_student() -> None:
    words = re.compile(r"\b(student|applicant|application|diploma|claim|study|intake)s?\b", re.I)
    for path in (PACKAGE / "workflow").glob("*.py"):
        assert not words.findall(path.read_text("utf-8")), path.name


def test_the_import_extractor_finds_every_form() -> None:
    planted = ast.parse(
        "import weasyprint\nimport os.path as p\nfrom flask import g\n"
        "from edu_pilot import rules\ndef f():\n    from edu_pilot.rules.claim import reckoning\n"
    )
    assert breaches(planted, ["weasyprint"]) == {"weasyprint"}
    assert breaches(planted, ["flask", "os"]) == {"flask", "flask.g", "os.path"}
    assert breaches(planted, ["edu_pilot.rules"]) == {
        "edu_pilot.rules", "edu_pilot.rules.claim", "edu_pilot.rules.claim.reckoning",
    }  # fmt: skip
    assert breaches(planted, ["weasy"]) == set()


def hidden_imports(module: ast.AST) -> list[int]:
    """Give the lines of imports inside a function or method."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return [
        inner.lineno
        for node in ast.walk(module)
        if isinstance(node, functions)
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]


def test_no_import_hides_in_a_function() -> None:
    found = {name: lines for name, module in under() if (lines := hidden_imports(module))}
    assert found == {}


def test_the_hidden_import_extractor_finds_them() -> None:
    planted = ast.parse("import a\nclass C:\n    def f(self):\n        if self:\n            import b\n")
    assert hidden_imports(planted) == [5]
    assert hidden_imports(ast.parse("if x:\n    import a\n")) == []


# The state


def state_writes(module: ast.AST) -> list[int]:
    """Give the lines that set an attribute `state`, whatever it belongs to."""
    lines = []
    for node in ast.walk(module):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
            lines += [node.lineno for a in node.args[1:2] if getattr(a, "value", "") == "state"]
        for target in targets:
            for inner in ast.walk(target):
                if isinstance(inner, ast.Attribute) and inner.attr == "state":
                    lines.append(node.lineno)
    return lines


def test_no_state_is_assigned_outside_the_engine() -> None:
    found = {name: lines for name, module in under() if (lines := state_writes(module))}
    assert set(found) <= {"edu_pilot.workflow.engine"}


def test_the_state_extractor_finds_every_form() -> None:
    planted = ast.parse(
        "r.state = 1\na, r.state = 1, 2\nr.state += 1\nr.state: str = 'x'\n"
        "setattr(r, 'state', 1)\nstate = r.state\nr.estate = 1\n"
    )
    assert sorted(state_writes(planted)) == [1, 2, 3, 4, 5]


def state_columns_written(module: ast.AST) -> list[int]:
    """Give the lines that hand a database statement a value for a column `state`."""
    lines = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "values":
            lines += [node.lineno for keyword in node.keywords if keyword.arg == "state"]
        if isinstance(node, ast.Dict):
            lines += [node.lineno for key in node.keys if getattr(key, "value", None) == "state"]
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            lines += [node.lineno for key in [node.slice] if getattr(key, "value", None) == "state"]
    return lines


def test_only_perform_writes_a_state_to_the_database() -> None:
    found = {name for name, module in under("services") if state_columns_written(module)}
    readers = {f"edu_pilot.services.{name}" for name in ("audit_export", "presenting", "status", "veil")}
    assert found - readers == {"edu_pilot.services.perform"}
    for name, module in under("services"):
        if name in readers:
            assert not breaches(module, ["edu_pilot.extensions.write"]), name


def test_no_sql_text_writes_a_state() -> None:
    statement = re.compile(r"(update\s+\w+\s+set[^'\"]*\bstate\s*=|insert\s+into\s+\w+\s*\([^)]*\bstate\b)", re.I)
    assert statement.search("UPDATE claim SET live = 1, state = 'paid'")
    assert statement.search("INSERT INTO claim (id, state) VALUES")
    for path in MODULES:
        assert not statement.search(path.read_text("utf-8")), path


def test_the_column_extractor_finds_every_form() -> None:
    planted = ast.parse(
        "q.values(state='paid')\nq.values({'state': 'paid'})\nv['state'] = 'paid'\nx = v['state']\nq.values(estate=1)\n"
    )
    assert sorted(state_columns_written(planted)) == [1, 2, 3]


# Templates

# A filter of a list chooses among states; it decides nothing about a record.
COMPARED = re.compile(
    r"(?<!filters)\.state\b\s*(==|!=|\bin\b|\bnot\b|\bis\b)|(==|!=|\bin\b)\s*(?!filters\.)\w[\w.]*\.state\b"
)


def compared_states(template: str) -> list[str]:
    """Give the expressions of a template that compare a state, instead of asking for the offers."""
    inside = re.findall(r"\{[{%](.*?)[%}]\}", template, re.S)
    return [text for text in inside if COMPARED.search(text)]


def test_templates_ask_the_offers_and_never_the_state() -> None:
    templates = [p for p in paths.templates().rglob("*") if p.suffix in (".html", ".txt", ".xml")]
    assert templates
    found = {str(p.name): bad for p in templates if (bad := compared_states(p.read_text("utf-8")))}
    assert found == {}


def test_the_template_extractor_finds_comparisons() -> None:
    bad = ["{% if record.state == 'paid' %}", "{{ 'x' if 'paid' == r.state }}", "{% if r.state in done %}"]
    assert [text for text in bad if not compared_states(text)] == []
    fine = "{{ record.state }} {{ tag(r.state) }} {% for state in w.states %} {% if state == filters.state %}"
    assert compared_states(fine) == []


def test_no_template_marks_data_as_safe() -> None:
    safe = re.compile(r"\|\s*safe\b|autoescape\s+false", re.I)
    assert safe.search("{{ name | safe }}")
    for path in paths.templates().rglob("*.html"):
        assert not safe.search(path.read_text("utf-8")), path


# Packaging


def named_packages(text: str) -> set[str]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return set(parser["options"]["packages"].split())


def packages_of(root: Path) -> set[str]:
    """Give every folder of the package that holds a module."""
    return {name_of(folder / "__init__.py") for folder in {p.parent for p in root.rglob("*.py")}}


def test_every_package_is_named_in_setup_cfg() -> None:
    named = named_packages((ROOT / "setup.cfg").read_text("utf-8"))
    assert packages_of(PACKAGE) - named == set()
    extra = {"edu_pilot.migrations", "edu_pilot.templates", "edu_pilot.workflows"}
    assert named - packages_of(PACKAGE) == extra


def test_the_package_extractor_notices_a_forgotten_one() -> None:
    named = named_packages("[options]\npackages =\n    edu_pilot\n    edu_pilot.models\n")
    assert "edu_pilot.services.facts" in packages_of(PACKAGE) - named


# Files


def writers_of_tables(module: ast.AST) -> set[str]:
    """Give what a module writes tables with."""
    tools = ("writer", "DictWriter", "Workbook")
    calls = (node.func for node in ast.walk(module) if isinstance(node, ast.Call))
    return {name for call in calls if (name := getattr(call, "attr", getattr(call, "id", ""))) in tools}


def test_one_module_writes_tables() -> None:
    """Where formulas are kept out of what leaves the house."""
    assert {name for name, module in under() if writers_of_tables(module)} == {"edu_pilot.services.exports"}


def test_the_table_extractor_finds_every_form() -> None:
    planted = ast.parse("csv.writer(f)\nDictWriter(f)\nx.Workbook()\ncsv.reader(f)\nwriter = 1\n")
    assert writers_of_tables(planted) == {"writer", "DictWriter", "Workbook"}


def test_strangers_files_are_read_behind_the_wall_only() -> None:
    readers = [
        "edu_pilot.services.pictures",
        "pypdfium2",
        "python_calamine",
        "edu_pilot.services.spreadsheets.read_grid",
    ]
    users = {name for name, module in under() if breaches(module, readers)}
    assert users == {"edu_pilot.services.pictures", "edu_pilot.services.spreadsheets"}


# Languages

MARKERS = {"_", "N_", "translate", "gettext", "_l", "lazy_gettext"}


def messages(module: ast.AST) -> set[str]:
    """Give the message ids a module marks."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in MARKERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def template_messages(template: str) -> set[str]:
    """Give the message ids a template marks with _()."""
    marked = re.findall(r"\b_\(\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)')", template)
    return {(double or single).replace("\\'", "'").replace('\\"', '"') for double, single in marked}


def chinese() -> dict[str, str]:
    path = PACKAGE / "translations" / "zh" / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale="zh") if m.id}


def all_messages() -> Iterator[tuple[str, str]]:
    """Give (where, message id) of the whole program."""
    for name, module in under():
        yield from ((name, message) for message in messages(module))
    for path in paths.templates().rglob("*.html"):
        yield from ((path.name, message) for message in template_messages(path.read_text("utf-8")))


def test_every_message_has_a_chinese_text() -> None:
    """R6.5: Chinese first."""
    known = chinese()
    missing = sorted({(where, message) for where, message in all_messages() if not known.get(message)})
    assert missing == []


PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def test_a_translation_keeps_the_facts() -> None:
    """A placeholder that is misspelt would break the page that shows it."""
    for english, zh in chinese().items():
        if zh:
            assert sorted(PLACEHOLDER.findall(zh)) == sorted(PLACEHOLDER.findall(english)), english


def test_the_message_extractors_find_every_form() -> None:
    planted = ast.parse('_("a")\nN_("b" "c")\ni18n.translate("d", lang)\nprint("e")\nN_(text)\n')
    assert messages(planted) == {"a", "bc", "d"}
    assert template_messages("""{{ _("x %(n)s", n=1) }} {{ _('it\\'s') }} {{ f("y") }}""") == {
        "x %(n)s", "it's",
    }  # fmt: skip


def labels(node: object) -> Iterator[dict[str, object]]:
    """Give every mapping that is a label, however deep."""
    if isinstance(node, dict):
        if set(node) & {"zh", "en"}:
            yield node
        for child in node.values():
            yield from labels(child)
    elif isinstance(node, list):
        for child in node:
            yield from labels(child)


def faulty_labels(text: str) -> list[dict[str, object]]:
    """Give the labels of a YAML text that lack one of the languages."""
    found = labels(yaml.safe_load(text))
    return [label for label in found if not (label.get("zh") and label.get("en"))]


@pytest.mark.parametrize("path", sorted(paths.workflows().glob("*.yaml")), ids=lambda p: p.name)
def test_every_label_has_both_languages(path: Path) -> None:
    """R6.5."""
    text = path.read_text("utf-8")
    assert faulty_labels(text) == []
    assert list(labels(yaml.safe_load(text)))


def test_the_label_extractor_finds_a_missing_language() -> None:
    assert faulty_labels("a: {b: [{label: {zh: 报名}}]}") == [{"zh": "报名"}]
    assert faulty_labels("a: {label: {zh: 报名, en: ''}}") == [{"zh": "报名", "en": ""}]


# Personal values

# What people type freely and yet names nobody: codes, numbers of records, marks, days' hours, places of the city.
NAMES_NOBODY = {
    "application": {
        "county", "faults", "intake", "level", "major", "new_county", "new_intake", "new_point", "occupation",
        "offered_major", "point", "previous_diploma", "student_number", "wrong_data",
    },
    "certification": {
        "attendance_percent", "certificate_number", "hours", "new_session", "practical", "session", "theory",
    },
    "claim": {"faults", "points", "reasons", "study"},
    "payment": {"claims", "results"},
    "session": {"level", "occupation", "rooms", "site", "starts"},
    "study": {
        "course", "diploma_number", "final", "formative", "new_major", "new_point", "student_number", "wrong_data",
    },
}  # fmt: skip
FREE_TYPES = ("text", "list", "object", "file")


def free_fields(text: str) -> tuple[str, set[str]]:
    """Give a workflow's name and its fields that hold what anyone types and are not marked personal."""
    workflow = yaml.safe_load(text)
    fields = workflow.get("fields", {})
    found = {n for n, f in fields.items() if f["type"] in FREE_TYPES and not f.get("personal")}
    return workflow["workflow"], found


@pytest.mark.parametrize("name", sorted(NAMES_NOBODY))
def test_r6_1_a_free_field_is_personal_unless_it_is_known_to_name_nobody(name: str) -> None:
    """The trail keeps what is not personal in clear and for ever."""
    assert free_fields((paths.workflows() / f"{name}.yaml").read_text("utf-8"))[1] <= NAMES_NOBODY[name]


def test_every_workflow_is_asked_for_its_free_fields() -> None:
    plain = {"policies.yaml", "roles.yaml", "documents.yaml"}
    files = [path for path in paths.workflows().glob("*.yaml") if path.name not in plain]
    assert {free_fields(path.read_text("utf-8"))[0] for path in files} == set(NAMES_NOBODY)


def test_the_field_extractor_finds_a_forgotten_one() -> None:
    planted = "workflow: w\nfields:\n  a: {type: list}\n  b: {type: text, personal: true}\n  c: {type: date}\n"
    assert free_fields(planted) == ("w", {"a"})


# The rulebook


def mentioned(text: str) -> set[str]:
    """Give the rule ids a text names; R3.6 to R3.9 names the ends only."""
    return set(re.findall(r"\bR\d\.\d+\b", text))


def everything_said() -> str:
    files = [p for folder in (PACKAGE, ROOT / "tests") for p in folder.rglob("*.py") if p != Path(__file__)]
    return "\n".join(p.read_text("utf-8") for p in files)


def test_every_rule_of_the_rulebook_is_found_in_the_source() -> None:
    found = mentioned(everything_said())
    assert [rule for rule in RULEBOOK_IDS if rule not in found] == []


def test_the_rule_extractor_does_not_take_one_id_for_another() -> None:
    assert mentioned("R1.1, xR1.2 and R1.30") == {"R1.1", "R1.30"}


# Routes


def test_no_module_catches_a_refusal_in_a_view() -> None:
    """`Refused` has one handler; a view that catches it would tell its reasons in another way."""

    def caught(module: ast.AST) -> set[str]:
        handlers = (n for n in ast.walk(module) if isinstance(n, ast.ExceptHandler) and n.type)
        return {
            str(getattr(inner, "id", getattr(inner, "attr", "")))
            for handler in handlers
            if handler.type
            for inner in ast.walk(handler.type)
        }

    assert "Refused" in caught(ast.parse("try:\n    f()\nexcept (Refused, OSError):\n    pass\n"))
    views = [(n, m) for n, m in under("web") if "edu_pilot.services.perform" in imports(m)]
    assert {n for n, m in views if "Refused" in caught(m)} == set()


def test_both_readmes_name_the_same_settings_and_show_the_same_calls() -> None:
    both = [(ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")]
    settings = [set(re.findall(r"^\| `(EDU_PILOT_\w+)` \|", text, re.MULTILINE)) for text in both]
    assert settings[0] == settings[1] and len(settings[0]) > 10
    calls = [re.findall(r"^    curl.*$", text, re.MULTILINE) for text in both]
    assert calls[0] == calls[1] != []
