"""A folder of workflow files as one version: read, checked, hashed and compiled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from edu_pilot.workflow.definition import KEPT_FOR, Definition, Vocabulary, parse
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.policy import Policy, read_tables
from edu_pilot.workflow.reading import Invalid, Label, Problem, Reader, nearest, opened
from edu_pilot.workflow.reasons import N_, Fact
from edu_pilot.workflow.registry import Registry

POLICIES, ROLES, DOCUMENTS = NOT_WORKFLOWS = ("policies.yaml", "roles.yaml", "documents.yaml")
Files = Mapping[str, str]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Role:
    """Who may act; a county role sees its own county only."""

    name: str
    label: Label
    county: bool = False


@dataclass(frozen=True)
class DocumentKind:
    """A kind of paper the programme issues: its label, the letters its numbers begin with, who may open it."""

    name: str
    label: Label
    prefix: str
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compiled:
    """One policy version ready to work: parameters, catalogue and an engine per workflow."""

    policy: Policy
    engines: Mapping[str, Engine]
    roles: Mapping[str, Role]
    documents: Mapping[str, DocumentKind]

    def definition(self, workflow: str) -> Definition:
        """Return a workflow's definition; KeyError if this version has none of that name."""
        return self.engines[workflow].definition


def read_folder(folder: Path) -> dict[str, str]:
    """Return every YAML and CSV file below a folder by its relative path."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in (".yaml", ".csv"))
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in found}


def fingerprint(files: Files) -> str:
    """Return the SHA-256 of a set of files, whatever their order."""
    text = json.dumps(dict(files), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def compile_files(files: Files, registry: Registry, number: int = 1, required: Iterable[str] = ()) -> Compiled:
    """Compile a version; raise Invalid with every problem of every file at once.

    `required` are the parameters that policies.yaml must hold; a version that is stored already is not asked.
    """
    problems: list[Problem] = []
    parameters = _parameters(files, required, problems)
    roles = _entries(ROLES, files, problems, _role)
    documents = _entries(DOCUMENTS, files, problems, partial(_document, roles))
    vocabulary = Vocabulary(registry, roles, documents, parameters)
    definitions = _definitions(files, vocabulary, problems)
    problems += _clashes(files)
    problems += [] if problems else _strangers(files, [definition.name for definition in definitions])
    if problems:
        raise Invalid(problems)
    policy = _policy(number, parameters, files)
    engines = {d.name: Engine(d, registry) for d in definitions}
    return Compiled(policy, engines, roles, documents)


def _policy(number: int, parameters: Mapping[str, Any], files: Files) -> Policy:
    holds_from = parameters.get("holds_from", date.min)
    return Policy(number, holds_from, parameters, dict(read_tables(files)))


def _entries(
    file: str, files: Files, problems: list[Problem], build: Callable[[Reader, str, yaml.Node], Entry]
) -> dict[str, Entry]:
    """Read a file that is a list of names, each with a label."""
    if file not in files:
        return {}
    reader, root = opened(file, files[file])
    children = reader.mapping(root) if root else {}
    found = {name: build(reader, name, node) for name, node in children.items()}
    problems += reader.problems
    return found


def _role(reader: Reader, name: str, node: yaml.Node) -> Role:
    parts = reader.mapping(node, ("county", "label"))
    return Role(name, reader.label(node, parts.get("label")), reader.flag(parts.get("county")))


def _document(roles: Iterable[str], reader: Reader, name: str, node: yaml.Node) -> DocumentKind:
    parts = reader.mapping(node, ("prefix", "label", "readers"), ("prefix",))
    prefix = reader.name(parts["prefix"]) if "prefix" in parts else ""
    readers = reader.names(parts.get("readers"))
    reader.check(parts.get("readers"), readers, roles, N_("%(name)s is no role."))
    return DocumentKind(name, reader.label(node, parts.get("label")), prefix, readers)


def _parameters(files: Files, required: Iterable[str], problems: list[Problem]) -> dict[str, Any]:
    if POLICIES not in files:
        return {}
    reader, root = opened(POLICIES, files[POLICIES])
    value: dict[str, Any] = {}
    if isinstance(root, yaml.MappingNode):
        reader.unique(root)
        value = _constructed(reader, root, files[POLICIES])
        _require(reader, root, [*required, *_listed(value.get("at_claim"))])
    elif root:
        reader.mapping(root)
    problems += reader.problems
    return value


def _constructed(reader: Reader, root: yaml.Node, text: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        # A value that looks like a date and is none, for one.
        reader.wrong(root, N_("This is not YAML: %(problem)s"), problem=str(error))
        return {}
    if not isinstance(value, dict):
        return {}
    if not isinstance(value.get("holds_from", date.min), date):
        reader.wrong(nearest(root, "holds_from")[0], N_("A day is expected here, such as 2022-09-01."))
    return value


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _require(reader: Reader, root: yaml.Node, paths: Iterable[str]) -> None:
    for path in paths:
        node, there = nearest(root, path)
        if not there:
            reader.wrong(node, N_("The parameter %(name)s is missing; add it."), name=path)


def _clashes(files: Files) -> list[Problem]:
    """Report workflows of one name, and prefixes that two kinds of records or papers would number with."""
    names: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    problems: list[Problem] = []
    for file, text in files.items():
        reader, root = opened(file, text) if _is_workflow(file) or file == DOCUMENTS else (Reader(file), None)
        if root is None:
            continue
        own = [root]
        if file == DOCUMENTS:
            own = [value for _, value in root.value] if isinstance(root, yaml.MappingNode) else []
        for taken, key, nodes in ((names, "workflow", own[:1]), (prefixes, "prefix", own)):
            _note_taken(reader, taken, [nearest(node, key) for node in nodes])
        problems += reader.problems
    return problems


def _note_taken(reader: Reader, taken: dict[str, str], found: Iterable[tuple[yaml.Node, bool]]) -> None:
    for node, there in found:
        if not there or not isinstance(node, yaml.ScalarNode):
            continue
        if node.value in taken:
            text = N_("%(name)s is taken already by %(file)s; choose another.")
            reader.wrong(node, text, name=node.value, file=taken[node.value])
        taken.setdefault(node.value, reader.file)


def _strangers(files: Files, known: Sequence[str]) -> list[Problem]:
    """Report a value that is kept for a workflow that is none; it would be offered nowhere."""
    if POLICIES not in files:
        return []
    reader, root = opened(POLICIES, files[POLICIES])
    for node in _kept_for(root) if root else ():
        reader.check(node, reader.names(node), known, N_("for: there is no workflow %(name)s."))
    return reader.problems


def _kept_for(node: yaml.Node) -> Iterator[yaml.Node]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == KEPT_FOR:
            yield value
        yield from _kept_for(value)


def _is_workflow(name: str) -> bool:
    return "/" not in name and name.endswith(".yaml") and name not in NOT_WORKFLOWS


def _definitions(files: Files, vocabulary: Vocabulary, problems: list[Problem]) -> list[Definition]:
    found = []
    for name, text in files.items():
        if not _is_workflow(name):
            continue
        definition, faults = parse(name, text, vocabulary)
        problems += faults
        if definition:
            found.append(definition)
    known = {definition.name for definition in found}
    problems += [_no_parent(d) for d in found if d.version_of and d.version_of not in known and not problems]
    return found


def _no_parent(definition: Definition) -> Problem:
    facts: dict[str, Fact] = {"name": definition.version_of}
    return Problem(f"{definition.name}.yaml", 1, N_("version_of: there is no workflow %(name)s."), facts)


def unused_rules(compiled: Compiled, registry: Registry) -> list[str]:
    """Return the rules of today that no workflow of this version names: a warning, never a fault."""
    steps = [s for e in compiled.engines.values() for s in (*e.definition.actions.values(), e.definition.create)]
    own = {name for name, rule in registry.rules.items() if not rule.earlier}
    return sorted(own - {rule for step in steps for rule in step.rules})
