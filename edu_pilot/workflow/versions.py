"""A folder of workflow files as one version: read, checked, hashed and compiled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from edu_pilot.workflow.definition import Definition, Invalid, Label, Problem, Vocabulary, parse
from edu_pilot.workflow.engine import Engine
from edu_pilot.workflow.policy import Policy, read_tables
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import Registry

NOT_WORKFLOWS = ("policies.yaml", "roles.yaml", "documents.yaml")
Files = Mapping[str, str]


@dataclass(frozen=True)
class Role:
    """Who may act; a county role sees its own county only."""

    name: str
    label: Label
    county: bool = False


@dataclass(frozen=True)
class DocumentKind:
    """A kind of paper the programme issues: its label and the letters its numbers begin with."""

    name: str
    label: Label
    prefix: str


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


def compile_files(files: Files, registry: Registry, number: int = 1) -> Compiled:
    """Compile a version; raise Invalid with every problem of every file at once."""
    problems: list[Problem] = []
    plain = {name: _plain(name, files, problems) for name in NOT_WORKFLOWS}
    roles = {n: Role(n, _label(v), bool(v.get("county"))) for n, v in plain["roles.yaml"].items()}
    documents = {n: DocumentKind(n, _label(v), v["prefix"]) for n, v in plain["documents.yaml"].items()}
    vocabulary = Vocabulary(registry, roles, documents, plain["policies.yaml"])
    definitions = _definitions(files, vocabulary, problems)
    if problems:
        raise Invalid(problems)
    policy = _policy(number, plain["policies.yaml"], files)
    engines = {d.name: Engine(d, registry) for d in definitions}
    return Compiled(policy, engines, roles, documents)


def _policy(number: int, parameters: Mapping[str, Any], files: Files) -> Policy:
    holds_from = parameters.get("holds_from", date.min)
    return Policy(number, holds_from, parameters, dict(read_tables(files)))


def _label(value: Mapping[str, Any]) -> Label:
    return Label(value["label"]["zh"], value["label"]["en"])


def _plain(name: str, files: Files, problems: list[Problem]) -> dict[str, Any]:
    if name not in files:
        return {}
    try:
        return dict(yaml.safe_load(files[name]) or {})
    except yaml.YAMLError as error:
        problems.append(Problem(name, 1, N_("This is not YAML: %(problem)s"), {"problem": str(error)}))
        return {}


def _definitions(files: Files, vocabulary: Vocabulary, problems: list[Problem]) -> list[Definition]:
    found = []
    for name, text in files.items():
        if "/" in name or not name.endswith(".yaml") or name in NOT_WORKFLOWS:
            continue
        definition, faults = parse(name, text, vocabulary)
        problems += faults
        if definition:
            found.append(definition)
    return found


def unused_rules(compiled: Compiled, registry: Registry) -> list[str]:
    """Return the rules no workflow of this version names: a warning, never a fault."""
    steps = [s for e in compiled.engines.values() for s in (*e.definition.actions.values(), e.definition.create)]
    return sorted(set(registry.rules) - {rule for step in steps for rule in step.rules})
