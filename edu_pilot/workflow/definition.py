"""Workflow definitions: YAML read into frozen values, every error reported at once with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from edu_pilot.workflow.reading import LANGUAGES, Label, Problem, Reader, opened
from edu_pilot.workflow.reasons import N_
from edu_pilot.workflow.registry import Registry

FIELD_TYPES = ("text", "date", "money_fen", "choice", "file", "list", "object")
OTHERWISE = "otherwise"
# `to: same` leaves the record in the state it is in.
SAME = "same"
CREATE = "create"
NOWHERE = ""
# The workflows that a value listed in policies.yaml is offered in.
KEPT_FOR = "for"


@dataclass(frozen=True)
class Need:
    """One field of an action's form: its type, never a blocker."""

    name: str
    type: str
    label: Label
    required: bool = True
    personal: bool = False
    # An explicit empty value takes back what was said; a field not given stays as it is.
    clearable: bool = False
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
    # The actor must have proved the identity just now.
    step_up: bool = False


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
    # The field of `create` that names the parent record, and the parent's workflow: its version holds.
    version_of: str | None = None
    # How many digits the serial number of a reference has.
    digits: int = 6

    def leaving(self, state: str) -> list[Action]:
        """Return the actions that start in a state, in file order."""
        return [action for action in self.actions.values() if state in action.sources]

    def hides(self, action: str, from_state: str, to_state: str) -> bool:
        """Return whether a step leaves no sign for others: its action is sealed, and it moved nothing."""
        found = self.actions.get(action)
        return found is not None and found.sealed and from_state == to_state

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


ACTION_KEYS = (
    "label", "from", "to", "by", "needs", "rules", "effects", "issues", "sealed", "dangerous", "step_up",
)  # fmt: skip
TOP_KEYS = (
    "workflow", "label", "prefix", "digits", "initial", "pinned_at", "version_of", "fields", "create", "states",
    "actions",
)  # fmt: skip


def parse(file: str, text: str, vocabulary: Vocabulary) -> tuple[Definition | None, list[Problem]]:
    """Read one workflow file; return the definition (None if unusable) and every problem found."""
    reader, root = opened(file, text)
    if root is None:
        return None, reader.problems
    definition = _Parser(reader, vocabulary).workflow(root)
    return (None if reader.problems else definition), reader.problems


class _Parser:
    """Builds the definition from the nodes of one file."""

    def __init__(self, reader: Reader, vocabulary: Vocabulary) -> None:
        self.read = reader
        self.vocabulary = vocabulary
        self.name = ""
        self.fields: dict[str, Need] = {}
        self.states: dict[str, State] = {}

    def workflow(self, root: yaml.Node) -> Definition:
        needed = ("workflow", "label", "prefix", "initial", "create", "states", "actions")
        top = self.read.mapping(root, TOP_KEYS, needed)
        self.name = self._name(top, "workflow")
        self.fields = self._each(top.get("fields"), self.field)
        self.states = self._each(top.get("states"), self.state)
        actions = self._each(top.get("actions"), self.action)
        definition = Definition(
            name=self.name,
            label=self.read.label(root, top.get("label")),
            prefix=self._name(top, "prefix"),
            initial=self._name(top, "initial"),
            states=self.states,
            actions=actions,
            create=self.creation(top["create"], self._name(top, "initial")) if "create" in top else _NOTHING,
            pinned_at=self._name(top, "pinned_at") or None,
            version_of=self._name(top, "version_of") or None,
            digits=self.read.count(top.get("digits")) or 6,
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
        keys = ("type", "label", "optional", "personal", "clearable", "choices", "choices_from")
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
            clearable=self.read.flag(parts.get("clearable")),
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
        value: Any = self.vocabulary.parameters
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping):
            self.read.wrong(node, N_("policies.yaml has no list %(name)s."), name=path)
            return {}
        if not all(isinstance(text, Mapping) and {*LANGUAGES} <= {*text} for text in value.values()):
            self.read.wrong(node, N_("%(name)s in policies.yaml is no list of labels {zh: …, en: …}."), name=path)
            return {}
        return {str(code): Label(text["zh"], text["en"]) for code, text in value.items() if self._is_for_me(text)}

    def _is_for_me(self, text: Mapping[str, Any]) -> bool:
        """Return whether a listed value fits this workflow; one that names no workflow fits every one."""
        return KEPT_FOR not in text or self.name in text[KEPT_FOR]

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
        known = self.vocabulary
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
            step_up=self.read.flag(parts.get("step_up")),
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
            self.vocabulary.registry.conditions,
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
        if definition.version_of:
            known = [need.name for need in definition.create.needs]
            text = N_("%(name)s is no field that `create` needs.")
            self.read.check(top["version_of"], [definition.version_of], known, text)
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
