"""One YAML file, node by node: what is wrong in it is told with its line, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from edu_pilot.workflow.reasons import N_, Fact

LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Problem:
    """One fault of a file: where it stands, what is wrong and what to do."""

    file: str
    line: int
    text: str
    facts: dict[str, Fact] = field(default_factory=dict)

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


class Reader:
    """Walks one YAML file's nodes and collects every problem with its line."""

    def __init__(self, file: str) -> None:
        self.file = file
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

    def unique(self, node: yaml.Node) -> None:
        """Report every key that stands twice, however deep."""
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.unique(item)
        if isinstance(node, yaml.MappingNode):
            keys = [str(key.value) for key, _ in node.value]
            for n, (key, value) in enumerate(node.value):
                if keys[n] in keys[:n]:
                    self.wrong(key, N_("%(name)s stands twice; remove one."), name=keys[n])
                self.unique(value)


def opened(file: str, text: str) -> tuple[Reader, yaml.Node | None]:
    """Return a reader of a file and its root; no root where the file is empty or no YAML, which is reported."""
    reader = Reader(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        facts: dict[str, Fact] = {"problem": str(getattr(error, "problem", None) or error)}
        line = mark.line + 1 if mark else 1
        reader.problems.append(Problem(file, line, N_("This is not YAML: %(problem)s"), facts))
        return reader, None
    if root is None:
        reader.problems.append(Problem(file, 1, N_("The file is empty.")))
    return reader, root


def nearest(root: yaml.Node, path: str) -> tuple[yaml.Node, bool]:
    """Return the deepest node on a dotted path, and whether the whole path is there."""
    found = root
    for name in path.split("."):
        children = found.value if isinstance(found, yaml.MappingNode) else []
        deeper = next((value for key, value in children if key.value == name), None)
        if deeper is None:
            return found, False
        found = deeper
    return found, True
