"""Workflow definitions: YAML read into frozen values, every error reported at once with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from edu_pilot.workflow.reasons import N_, Fact
from edu_pilot.workflow.registry import Registry

LANGUAGES = ("zh", "en")
FIELD_TYPES = ("text", "date", "money_fen", "choice", "file", "list", "object")
OTHERWISE = "otherwise"
# `to: same` leaves the record in the state it is in.
SAME = "same"
CREATE = "create"
NOWHERE = ""


@dataclass(frozen=True)
class Problem:
    """One fault of a file: where it stands, what is wrong and what to do."""

    file: str
    line: int
    text: str
    facts: dict[str, Fact] = field(default_factory=dict)
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text % self.facts}"


class Invalid(Exception):
    """Workflow files that cannot be used, with every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


@dataclass(frozen=True)
class Label:
    """A text in both languages."""

    zh: str
    en: str

    def say(self, lang: str) -> str:
        """Return the text in the language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Need:
    """One field of an action's form: its type, never a blocker."""

    name: str
    type: str
    label: Label
    required: bool = True
    personal: bool = False
    choices: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What a record is; `days` is how long it should stay there at most."""

    name: str
    label: Label
    final: bool = False
    days: int | None = None


@dataclass(frozen=True)
class Target:
    """A state an action may lead to, and the condition under which it does."""

    state: str
    condition: str | None = None


@dataclass(frozen=True)
class Action:
    """One step: who may take it, from where to where, under which rules and with which effects."""

    name: str
    label: Label
    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    by: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    rules: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    sealed: bool = False
    dangerous: bool = False


@dataclass(frozen=True)
class Definition:
    """One workflow as published: states, actions, and how a record comes into being."""

    name: str
    label: Label
    prefix: str
    initial: str
    states: Mapping[str, State]
    actions: Mapping[str, Action]
    create: Action
    pinned_at: str | None = None

    def leaving(self, state: str) -> list[Action]:
        """Return the actions that start in a state, in file order."""
        return [action for action in self.actions.values() if state in action.sources]

    def edges(self) -> set[tuple[str, str]]:
        """Return every (from, to) a record may take, its birth from nowhere included."""
        steps = {
            (s, s if t.state == SAME else t.state) for a in self.actions.values() for s in a.sources for t in a.targets
        }
        return steps | {(NOWHERE, self.initial)}


@dataclass(frozen=True)
class Vocabulary:
    """The names the files may use: what the code and the other files offer."""

    registry: Registry
    roles: Iterable[str]
    documents: Iterable[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)


class _Reader:
    """Walks one YAML file's nodes and collects every problem with its line."""

    def __init__(self, file: str, vocabulary: Vocabulary) -> None:
        self.file = file
        self.known = vocabulary
        self.problems: list[Problem] = []

    def wrong(self, node: yaml.Node, text: str, **facts: Fact) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, text, facts))

    def name(self, node: yaml.Node) -> str:
        """Return a scalar as a name; YAML's own booleans and numbers are no names."""
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, N_("A single name is expected here."))
            return ""
        if node.tag != "tag:yaml.org,2002:str":
            self.wrong(
                node,
                N_("YAML does not read %(value)s as a word; put it in quotes or choose another name."),
                value=node.value,
            )
        return str(node.value)

    def names(self, node: yaml.Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, N_("A list in brackets is expected here: [a, b]."))
            return ()
        found = tuple(self.name(item) for item in node.value)
        for item, name in zip(node.value, found, strict=True):
            if found.count(name) > 1:
                self.wrong(item, N_("%(name)s stands twice in this list."), name=name)
        return found

    def mapping(
        self, node: yaml.Node, allowed: Iterable[str] | None = None, needed: Iterable[str] = ()
    ) -> dict[str, yaml.Node]:
        """Return a mapping's children by name; report unknown, duplicate and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, N_("A mapping (name: value) is expected here."))
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            self._keep(found, key, value, allowed)
        for name in needed:
            if name not in found:
                self.wrong(node, N_("%(name)s is missing here; add it."), name=name)
        return found

    def _keep(
        self,
        found: dict[str, yaml.Node],
        key: yaml.Node,
        value: yaml.Node,
        allowed: Iterable[str] | None,
    ) -> None:
        name = self.name(key)
        if name in found:
            self.wrong(key, N_("%(name)s stands twice; remove one."), name=name)
        elif allowed is not None and name not in allowed:
            self.wrong(
                key,
                N_("%(name)s is not known here; known are: %(known)s."),
                name=name,
                known=", ".join(allowed),
            )
        found[name] = value

    def label(self, parent: yaml.Node, node: yaml.Node | None) -> Label:
        if node is None:
            self.wrong(parent, N_("The label is missing; add label: {zh: …, en: …}."))
            return Label("", "")
        parts = self.mapping(node, LANGUAGES)
        texts = {lang: self.scalar(parts[lang]) if lang in parts else "" for lang in LANGUAGES}
        for lang, text in texts.items():
            if not text.strip():
                self.wrong(node, N_("The label has no %(lang)s text; add it."), lang=lang)
        return Label(**texts)

    def scalar(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.wrong(node, N_("A single value is expected here."))
        return ""

    def flag(self, node: yaml.Node | None) -> bool:
        if node is None:
            return False
        if node.tag != "tag:yaml.org,2002:bool":
            self.wrong(node, N_("true or false is expected here."))
        return self.scalar(node).lower() in ("true", "yes", "on")

    def count(self, node: yaml.Node | None) -> int | None:
        if node is None:
            return None
        text = self.scalar(node)
        if not text.isdigit():
            self.wrong(node, N_("A whole number is expected here."))
            return None
        return int(text)

    def check(self, node: yaml.Node | None, names: Iterable[str], known: Iterable[str], text: str) -> None:
        known = set(known)
        for name in names:
            if node is not None and name not in known:
                self.wrong(node, text, name=name)


ACTION_KEYS = (
    "label", "from", "to", "by", "needs", "rules", "effects", "issues", "sealed", "dangerous",
)  # fmt: skip
TOP_KEYS = (
    "workflow", "label", "prefix", "initial", "pinned_at", "fields", "create", "states", "actions",
)  # fmt: skip


def parse(file: str, text: str, vocabulary: Vocabulary) -> tuple[Definition | None, list[Problem]]:
    """Read one workflow file; return the definition (None if unusable) and every problem found."""
    reader = _Reader(file, vocabulary)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        facts: dict[str, Fact] = {"problem": str(error.problem)}
        return None, [Problem(file, line, N_("This is not YAML: %(problem)s"), facts)]
    if root is None:
        return None, [Problem(file, 1, N_("The file is empty."))]
    definition = _Parser(reader).workflow(root)
    return (None if reader.problems else definition), reader.problems


class _Parser:
    """Builds the definition from the nodes of one file."""

    def __init__(self, reader: _Reader) -> None:
        self.read = reader
        self.fields: dict[str, Need] = {}
        self.states: dict[str, State] = {}

    def workflow(self, root: yaml.Node) -> Definition:
        needed = ("workflow", "label", "prefix", "initial", "create", "states", "actions")
        top = self.read.mapping(root, TOP_KEYS, needed)
        self.fields = self._each(top.get("fields"), self.field)
        self.states = self._each(top.get("states"), self.state)
        actions = self._each(top.get("actions"), self.action)
        definition = Definition(
            name=self._name(top, "workflow"),
            label=self.read.label(root, top.get("label")),
            prefix=self._name(top, "prefix"),
            initial=self._name(top, "initial"),
            states=self.states,
            actions=actions,
            create=self.creation(top["create"], self._name(top, "initial")) if "create" in top else _NOTHING,
            pinned_at=self._name(top, "pinned_at") or None,
        )
        self._whole(definition, root, top)
        return definition

    def _name(self, top: Mapping[str, yaml.Node], key: str) -> str:
        return self.read.name(top[key]) if key in top else ""

    def _each(self, node: yaml.Node | None, build: Any) -> dict[str, Any]:
        if node is None:
            return {}
        return {name: build(name, child) for name, child in self.read.mapping(node).items()}

    def state(self, name: str, node: yaml.Node) -> State:
        parts = self.read.mapping(node, ("label", "final", "days"))
        label = self.read.label(node, parts.get("label"))
        return State(name, label, self.read.flag(parts.get("final")), self.read.count(parts.get("days")))

    def field(self, name: str, node: yaml.Node) -> Need:
        keys = ("type", "label", "optional", "personal", "choices", "choices_from")
        parts = self.read.mapping(node, keys, ("type",))
        kind = self._name(parts, "type")
        self.read.check(
            parts.get("type"),
            [kind],
            FIELD_TYPES,
            N_("%(name)s is no field type; use one of text, date, money_fen, choice, file, list, object."),
        )
        return Need(
            name=name,
            type=kind,
            label=self.read.label(node, parts.get("label")),
            required=not self.read.flag(parts.get("optional")),
            personal=self.read.flag(parts.get("personal")),
            choices=self.choices(parts),
        )

    def choices(self, parts: Mapping[str, yaml.Node]) -> dict[str, Label]:
        if "choices" in parts:
            children = self.read.mapping(parts["choices"])
            return {name: self.read.label(child, child) for name, child in children.items()}
        found: dict[str, Label] = {}
        for path in self.read.names(parts.get("choices_from")):
            found |= self._listed(parts["choices_from"], path)
        return found

    def _listed(self, node: yaml.Node, path: str) -> dict[str, Label]:
        value: Any = self.read.known.parameters
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping):
            self.read.wrong(node, N_("policies.yaml has no list %(name)s."), name=path)
            return {}
        return {str(code): Label(text["zh"], text["en"]) for code, text in value.items()}

    def action(self, name: str, node: yaml.Node) -> Action:
        parts = self.read.mapping(node, ACTION_KEYS, ("from", "to", "by"))
        sources = self.read.names(parts.get("from"))
        self.read.check(parts.get("from"), sources, self.states, N_("%(name)s is no state of this workflow."))
        return self._step(name, node, parts, sources, self.targets(parts.get("to")))

    def creation(self, node: yaml.Node, initial: str) -> Action:
        parts = self.read.mapping(node, ACTION_KEYS, ("by",))
        return self._step(CREATE, node, parts, (NOWHERE,), (Target(initial),))

    def _step(
        self,
        name: str,
        node: yaml.Node,
        parts: Mapping[str, yaml.Node],
        sources: tuple[str, ...],
        targets: tuple[Target, ...],
    ) -> Action:
        known = self.read.known
        needs = self.read.names(parts.get("needs"))
        self.read.check(
            parts.get("needs"), needs, self.fields, N_("%(name)s is not described under fields; add it there.")
        )
        return Action(
            name=name,
            label=self.read.label(node, parts.get("label")),
            sources=sources,
            targets=targets,
            by=self._known(parts, "by", known.roles, N_("%(name)s is no role.")),
            needs=tuple(self.fields[need] for need in needs if need in self.fields),
            rules=self._known(
                parts,
                "rules",
                known.registry.rules,
                N_("%(name)s is no rule; write it in edu_pilot/rules or mend the name."),
            ),
            effects=self._known(
                parts,
                "effects",
                known.registry.effects,
                N_("%(name)s is no effect; write it in edu_pilot/services/effects or mend the name."),
            ),
            issues=self._known(
                parts, "issues", known.documents, N_("%(name)s is no kind of document; describe it in documents.yaml.")
            ),
            sealed=self.read.flag(parts.get("sealed")),
            dangerous=self.read.flag(parts.get("dangerous")),
        )

    def _known(self, parts: Mapping[str, yaml.Node], key: str, known: Iterable[str], text: str) -> tuple[str, ...]:
        names = self.read.names(parts.get(key))
        self.read.check(parts.get(key), names, known, text)
        return names

    def targets(self, node: yaml.Node | None) -> tuple[Target, ...]:
        if node is None:
            return ()
        if isinstance(node, yaml.ScalarNode):
            found: tuple[Target, ...] = (Target(self.read.name(node)),)
        else:
            found = self._branches(node)
        self.read.check(
            node, (t.state for t in found), {*self.states, SAME}, N_("%(name)s is no state of this workflow.")
        )
        return found

    def _branches(self, node: yaml.Node) -> tuple[Target, ...]:
        branches = {state: self.read.name(child) for state, child in self.read.mapping(node).items()}
        names = list(branches.values())
        if names and (names[-1] != OTHERWISE or names.count(OTHERWISE) != 1):
            self.read.wrong(node, N_("The last branch, and only the last, must be `otherwise`."))
        conditions = [name for name in names if name != OTHERWISE]
        self.read.check(
            node,
            conditions,
            self.read.known.registry.conditions,
            N_("%(name)s is no condition; write it in edu_pilot/rules or mend the name."),
        )
        return tuple(Target(state, None if name == OTHERWISE else name) for state, name in branches.items())

    def _whole(self, definition: Definition, root: yaml.Node, top: Mapping[str, yaml.Node]) -> None:
        """Report what only the whole shows: a wrong start, unreachable states and dead ends."""
        initial = top.get("initial", root)
        self.read.check(initial, [definition.initial], self.states, N_("%(name)s is no state of this workflow."))
        if definition.pinned_at:
            self.read.check(
                top["pinned_at"],
                [definition.pinned_at],
                definition.actions,
                N_("%(name)s is no action of this workflow."),
            )
        reached = _reachable(definition)
        for name, node in self._nodes(top.get("states")):
            if name not in reached:
                self.read.wrong(node, N_("No action leads to %(name)s; add one or remove the state."), name=name)
            if not self.states[name].final and not definition.leaving(name):
                self.read.wrong(node, N_("No action leaves %(name)s; add one or mark it final: true."), name=name)

    def _nodes(self, node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            return []
        return [(str(key.value), key) for key, _ in node.value if str(key.value) in self.states]


_NOTHING = Action(CREATE, Label("", ""), (NOWHERE,), (), ())


def _reachable(definition: Definition) -> set[str]:
    reached, edges = {definition.initial}, definition.edges()
    while new := {to for source, to in edges if source in reached} - reached:
        reached |= new
    return reached
