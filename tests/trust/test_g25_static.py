"""G25: what can be read from the source alone: bandit, the pinned lock, and the lints of this house."""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edu_pilot import models, paths
from tests.trust.figures import column, figure, seed

ROOT = paths.PACKAGE.parent
SOURCES = sorted(p for folder in ("edu_pilot", "migrations", "scripts") for p in (ROOT / folder).rglob("*.py"))
TEMPLATES = sorted(p for p in paths.templates().rglob("*") if p.suffix in (".html", ".txt", ".xml"))
LOCK = ROOT / "requirements.lock"
SBOM = runpy.run_path(str(ROOT / "scripts" / "sbom.py"))

# bandit

# What bandit reports and why it stands; a line that is no longer reported is an error too.
KNOWN = {
    ("B101", "edu_pilot/sample/hands.py"): "for the type checker; the sample decides nothing",
    ("B101", "edu_pilot/services/press.py"): "for the type checker: the process was started a line before",
    ("B101", "edu_pilot/services/quotas.py"): "for the type checker: the year was found a line before",
    ("B101", "edu_pilot/services/sandbox.py"): "for the type checker: the process was started a line before",
    ("B101", "edu_pilot/services/throttle.py"): "for the type checker: the row was made a line before",
    ("B105", "edu_pilot/sample/accounts.py"): "the sample's password is public; production refuses its accounts",
    ("B105", "edu_pilot/services/proof.py"): "the name of a PDF's user space, no secret",
    ("B105", "edu_pilot/services/staffing.py"): "a password or token that is taken away",
    ("B105", "edu_pilot/web/access.py"): "the name of a permission, no secret",
    ("B107", "edu_pilot/services/rendering.py"): "an empty proof, no secret",
    ("B108", "edu_pilot/sandboxed.py"): "inside an empty file system of its own",
    ("B310", "scripts/wait_for_pages.py"): "asks the page of this machine that it was told to",
    ("B311", "edu_pilot/sample/load.py"): "the sample is to be the same each time",
    ("B311", "edu_pilot/sample/people.py"): "the sample is to be the same each time",
    ("B311", "edu_pilot/services/figures.py"): "which rows are compared; nobody gains by guessing them",
    ("B404", "edu_pilot/server.py"): "runs its own worker",
    ("B404", "edu_pilot/services/glyphs.py"): "asks fontconfig",
    ("B314", "edu_pilot/services/typesetting.py"): "the drawings of our own templates, behind the walls of the press",
    ("B404", "edu_pilot/services/press.py"): "runs the renderer of our documents, in a sandbox",
    ("B404", "scripts/screens.py"): "serves the sample of which it takes pictures",
    ("B404", "edu_pilot/services/sandbox.py"): "runs the reader of strangers' files, in a sandbox",
    ("B603", "edu_pilot/server.py"): "a list of its own words, no shell",
    ("B603", "edu_pilot/services/glyphs.py"): "a list of its own words, no shell",
    ("B405", "edu_pilot/services/typesetting.py"): "the drawings of our own templates, behind the walls of the press",
    ("B603", "edu_pilot/services/press.py"): "a list of its own words, no shell",
    ("B603", "scripts/screens.py"): "a list of its own words, no shell",
    ("B603", "edu_pilot/services/sandbox.py"): "a list of its own words, no shell",
    ("B105", "edu_pilot/services/specimens.py"): "the mark that passes an exam",
    ("B607", "edu_pilot/services/glyphs.py"): "fc-list, wherever the system has it",
    ("B608", "edu_pilot/services/moving.py"): "names of the file's own catalogue, quoted",
    ("B608", "migrations/versions/0001_the_spine.py"): "names of tables and columns of the file itself",
    ("B608", "scripts/verify_audit.py"): "names of tables and columns of the file itself",
}


def bandit(*targets: str) -> set[tuple[str, str]]:
    """Give what bandit reports as (test, file)."""
    words = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", *targets]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return {(found["test_id"], found["filename"].removeprefix("./")) for found in json.loads(run.stdout)["results"]}


def test_bandit_reports_nothing_that_has_no_reason() -> None:
    with figure("G25", seed("G25"), "bandit") as told:
        found = bandit("edu_pilot", "migrations", "scripts")
        told(reported=len(found), open=len(found - set(KNOWN)))
    assert found == set(KNOWN)


def test_bandit_finds_a_planted_fault(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import subprocess\nsubprocess.call(input(), shell=True)\n")
    assert ("B602", str(planted)) in bandit(str(planted))


# The lock


def wanted() -> dict[str, Requirement]:
    """Give what setup.cfg asks for in production, by name."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"] + config["options.extras_require"]["server"]
    found = [Requirement(line) for line in lines.splitlines() if line.strip() and not line.strip().startswith("#")]
    return {canonicalize_name(one.name): one for one in found}


def lock_faults(requirements: dict[str, Requirement], text: str) -> list[str]:
    """Name what setup.cfg asks and the lock does not hold, and what the lock holds without a hash."""
    held = {canonicalize_name(name): (version, hashes) for name, version, hashes in SBOM["pinned"](text)}
    missing = [f"{name} is not locked" for name in requirements if name not in held]
    other = [
        f"{name} {held[name][0]} is not {one.specifier}"
        for name, one in requirements.items()
        if name in held and not one.specifier.contains(held[name][0], prereleases=True)
    ]
    return missing + other + [f"{name} has no hash" for name, (_version, hashes) in held.items() if not hashes]


def test_the_lock_holds_what_setup_cfg_asks_for_and_every_hash() -> None:
    assert lock_faults(wanted(), LOCK.read_text("utf-8")) == []


def test_the_lock_names_no_place_to_fetch_from() -> None:
    assert not re.search(r"https?://|file:|--index|--find-links", LOCK.read_text("utf-8"))


def test_the_lock_check_finds_planted_faults() -> None:
    asked = {"flask": Requirement("Flask>=3"), "jinja2": Requirement("Jinja2>=3"), "babel": Requirement("Babel>=2")}
    text = f"flask==2.0 \\\n    --hash=sha256:{'0' * 64}\nbabel==2.17\n    # via edu-pilot\n"
    faults = ["jinja2 is not locked", "flask 2.0 is not >=3", "babel has no hash"]
    assert lock_faults(asked, text) == faults


def test_the_bill_of_materials_lists_the_lock() -> None:
    document = SBOM["document"](LOCK.read_text("utf-8"))
    held = {(name, version) for name, version, _hashes in SBOM["pinned"](LOCK.read_text("utf-8"))}
    assert {(c["name"], c["version"]) for c in document["components"]} == held
    assert len(held) >= len(wanted()) and document["bomFormat"] == "CycloneDX"
    assert all(c["purl"] == f"pkg:pypi/{c['name']}@{c['version']}" for c in document["components"])


def weak_ones() -> list[str]:
    """Give the pinned packages with a known weakness, as the package index tells them."""
    words = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--no-deps", "--disable-pip", "--format", "json"]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    with figure("G25", seed("G25"), "pip-audit") as told:
        found = json.loads(run.stdout)["dependencies"]
        weak = [f"{one['name']} {one['version']}" for one in found if one.get("vulns")]
        # An index without advisories audits nothing: the figure says so.
        told(pinned=len(found), audited=sum("skip_reason" not in one for one in found), weak=len(weak))
    return weak


# It asks the package index, which `make test` does without.
if column() != "small":

    def test_no_pinned_package_has_a_known_weakness() -> None:
        assert weak_ones() == []


# Lints of this house

MODELS = {name for name in models.__all__ if name not in ("PolicyVersion", "Counter", "Quota", "QuotaShare")}
STATEMENT = re.compile(r"^\s*(select|insert|update|delete|with|alter|drop|create|lock|truncate)\s", re.I)
Lint = Callable[[ast.AST], bool]


def raw_session(node: ast.AST) -> bool:
    """A record fetched past the scope: `db.session`, `.get(Claim, …)`, `.query`."""
    if isinstance(node, ast.Attribute) and node.attr in ("session", "query"):
        return isinstance(node.value, ast.Name) and node.value.id in {"db", *MODELS}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "get_one"):
        return any(isinstance(arg, ast.Name) and arg.id in MODELS for arg in node.args[:1])
    return False


def swallowed(node: ast.AST) -> bool:
    """`except Exception: pass`, and its like: whatever went wrong is gone without a word."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    wide = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
    return wide and all(isinstance(line, (ast.Pass, ast.Continue)) for line in node.body)


def markup(node: ast.AST) -> bool:
    """A template made of text at run time, or text declared to be clean HTML."""
    name = getattr(getattr(node, "func", None), "id", getattr(getattr(node, "func", None), "attr", ""))
    return isinstance(node, ast.Call) and name in ("Markup", "render_template_string", "from_string")


def built_sql(node: ast.AST) -> bool:
    """A statement put together with values: f-string, %, +, format."""
    if isinstance(node, ast.JoinedStr):
        first = getattr(node.values[0], "value", None) if len(node.values) > 1 else None
        return isinstance(first, str) and STATEMENT.match(first) is not None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
        left = node.left
        return isinstance(left, ast.Constant) and isinstance(left.value, str) and bool(STATEMENT.match(left.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        value = getattr(node.func.value, "value", None)
        return isinstance(value, str) and bool(STATEMENT.match(value))
    return False


def shell(node: ast.AST) -> bool:
    """A command line for a shell, or code out of text."""
    if not isinstance(node, ast.Call):
        return False
    if any(k.arg == "shell" and getattr(k.value, "value", None) is True for k in node.keywords):
        return True
    return getattr(node.func, "id", "") in ("eval", "exec") or ast.unparse(node.func) in (
        "os.system", "os.popen", "pickle.loads", "yaml.load",
    )  # fmt: skip


LINTS: dict[Lint, tuple[str, ...]] = {
    raw_session: ("db.session.add(x)", "conn.get(Claim, 1)", "Study.query.all()"),
    swallowed: (
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    pass",
        "for x in y:\n    try:\n        f()\n    except BaseException:\n        continue",
    ),
    markup: ("Markup(name)", "render_template_string(text)", "env.from_string(text)"),
    built_sql: (
        'f"SELECT * FROM claim WHERE id = {x}"',
        '"UPDATE claim SET a = %s" % x',
        '"DELETE FROM x WHERE y = " + z',
        '"INSERT INTO {} VALUES (1)".format(t)',
    ),
    shell: ('run("ls", shell=True)', "eval(x)", "os.system(x)", "yaml.load(text)"),
}
FINE = (
    "session.get('account')\nfacts.get(name)\nsa.select(Claim)\n"
    "try:\n    f()\nexcept ValueError:\n    pass\ntry:\n    f()\nexcept Exception:\n    log.error('x')\n"
    "f'{a} selected'\n'%s' % a\nyaml.safe_load(x)\n"
)
# Migrations put their statements together from names that stand in the file itself.
MIGRATIONS = "migrations/"
# Where else a lint's fault stands with a reason; a line that finds nothing any more is an error too.
STANDING = {
    "built_sql": {
        "edu_pilot/services/engines.py": "ALTER TABLE takes no parameters; the names are the catalogue's, quoted",
        "edu_pilot/services/health.py": "a line that a person may type; nothing here runs it",
        "edu_pilot/services/moving.py": "names of the file's own catalogue, quoted",
        "scripts/verify_audit.py": "names of tables and columns of the file itself",
    },
}


def found_by(lint: Lint, source: str) -> list[int]:
    """Give the lines at which a lint finds its fault."""
    return sorted({getattr(node, "lineno", 0) for node in ast.walk(ast.parse(source)) if lint(node)})


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.__name__)
def test_the_source_is_free_of(lint: Lint) -> None:
    found = {str(p.relative_to(ROOT)): lines for p in SOURCES if (lines := found_by(lint, p.read_text("utf-8")))}
    if lint is built_sql:
        found = {file: lines for file, lines in found.items() if not file.startswith(MIGRATIONS)}
    assert found.keys() == STANDING.get(lint.__name__, {}).keys(), found


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.__name__)
def test_a_lint_finds_what_is_planted(lint: Lint) -> None:
    assert [planted for planted in LINTS[lint] if not found_by(lint, planted)] == []
    assert found_by(lint, FINE) == []


# An attribute without quotes ends at the first blank of a value; `|safe` and its like let a value be HTML.
TEMPLATE_FAULTS = {
    "unquoted attribute": re.compile(r"<[^>]*?\s[\w:-]+=\{[{%]", re.S),
    "declared clean": re.compile(r"\|\s*(safe|forceescape)\b|autoescape\s+false", re.I),
    "script of data": re.compile(
        r"<script[^>]*>[^<]*\{\{|\bon\w+=(\"[^\"]*|'[^']*)\{\{|href=[\"']\s*javascript:", re.I
    ),
    "style of data": re.compile(r"\sstyle=[\"'][^\"']*\{\{", re.I),
}
PLANTED = {
    "unquoted attribute": '<a class="x" href={{ url }}>',
    "declared clean": "{{ name | safe }} {% autoescape false %}",
    "script of data": "<button onclick=\"go('{{ name }}')\">",
    "style of data": '<p style="width: {{ n }}px">',
}


def template_faults() -> Iterator[tuple[str, str, str]]:
    """Yield (template, fault, text)."""
    for path in TEMPLATES:
        text = path.read_text("utf-8")
        for name, pattern in TEMPLATE_FAULTS.items():
            yield from ((str(path.relative_to(paths.templates())), name, m.group(0)) for m in pattern.finditer(text))


def test_no_template_lets_a_value_be_more_than_text() -> None:
    assert list(template_faults()) == []
    assert len(TEMPLATES) > 30


@pytest.mark.parametrize("fault", TEMPLATE_FAULTS)
def test_a_template_lint_finds_what_is_planted(fault: str) -> None:
    assert TEMPLATE_FAULTS[fault].search(PLANTED[fault])
    link = '<a href="{{ url }}" class="b{% if x %} on{% endif %}">{{ name }}</a>'
    fine = link + '<option value="{{ v }}"{% if s %} selected{% endif %}>'
    assert not TEMPLATE_FAULTS[fault].search(fine)


def test_every_template_escapes_by_its_name() -> None:
    """Values are escaped in .html, .htm, .xml and .xhtml alone."""
    # Texts to be sent as they are never become a page by themselves; they are values on one.
    others: list[Any] = [p for p in TEMPLATES if p.suffix not in (".html", ".xml") and p.parent.name != "messages"]
    assert others == []
