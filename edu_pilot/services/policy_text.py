"""A published version as a table: every parameter with what its file says of it, and what two versions differ in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import yaml

from edu_pilot.workflow.reading import LANGUAGES, opened
from edu_pilot.workflow.versions import POLICIES, Files

CHINESE = re.compile(r"[\u4e00-\u9fff]")
# A comparison is read by people; whoever needs more of a file compares it with a tool.
MOST_LINES = 400
KEY = re.compile(r"[A-Za-z_]\w*(?=:)")
# A line's number and what of it is told.
Numbered = tuple[int, str]


@dataclass(frozen=True)
class Parameter:
    """One parameter: its dotted name, what is said above it in each language, its value, its line."""

    path: str
    notes: Mapping[str, str]
    value: Any
    line: int

    def note(self, lang: str) -> str:
        """Return what the file says of it."""
        return self.notes.get(lang, "")

    def text(self, lang: str) -> str:
        """Return the value as it is read: a label in the language, a list in one line."""
        if isinstance(self.value, Mapping):
            return str(self.value.get(lang) or self.value.get("zh", ""))
        if isinstance(self.value, list):
            return ("、" if lang == "zh" else ", ").join(map(str, self.value))
        return str(self.value)


@dataclass(frozen=True)
class Section:
    """The parameters under one name of the file."""

    name: str
    notes: Mapping[str, str]
    parameters: Sequence[Parameter]

    def note(self, lang: str) -> str:
        """Return what the file says of the whole section."""
        return self.notes.get(lang, "")


def sections(files: Files) -> list[Section]:
    """Return the parameters of a version by the names they stand under."""
    text = files.get(POLICIES, "")
    _reader, root = opened(POLICIES, text)
    if not isinstance(root, yaml.MappingNode):
        return []
    lines = text.splitlines()
    pairs = ((key, value, _notes(lines, key)) for key, value in root.value)
    return [Section(key.value, notes, list(_leaves(lines, key.value, notes, value))) for key, value, notes in pairs]


def _leaves(lines: Sequence[str], path: str, notes: Mapping[str, str], node: yaml.Node) -> Iterator[Parameter]:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode) and node.value:
        names = {key.value: value for key, value in node.value}
        if names.keys() >= set(LANGUAGES):
            yield Parameter(path, notes, {lang: names[lang].value for lang in LANGUAGES}, line)
        rest = (
            (key, value) for key, value in node.value if not (key.value in LANGUAGES and names.keys() >= set(LANGUAGES))
        )
        for key, value in rest:
            yield from _leaves(lines, f"{path}.{key.value}", _notes(lines, key), value)
    elif isinstance(node, yaml.SequenceNode) and any(not isinstance(one, yaml.ScalarNode) for one in node.value):
        for number, one in enumerate(node.value, 1):
            yield from _leaves(lines, f"{path}.{number}", _notes(lines, one), one)
    else:
        yield Parameter(path, notes, _plain(node), line)


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [one.value for one in node.value]
    return node.value if isinstance(node, yaml.ScalarNode) else "—"


def _notes(lines: Sequence[str], key: yaml.Node) -> dict[str, str]:
    """Return the comment right above a key, by language; a key that begins no line has none of its own."""
    at = key.start_mark.line
    if lines[at][: key.start_mark.column].strip(" -"):
        return {}
    found: list[str] = []
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
        found.insert(0, lines[at].strip().lstrip("# "))
    zh = [one for one in found if CHINESE.search(one)]
    en = [one for one in found if not CHINESE.search(one)]
    return {"zh": "".join(zh), "en": " ".join(en)}


@dataclass(frozen=True)
class Changed:
    """A parameter that two versions give differently; one of them may not have it."""

    path: str
    old: Parameter | None
    new: Parameter | None

    def note(self, lang: str) -> str:
        """Return what the newer file says of it, else the older."""
        return next((one.note(lang) for one in (self.new, self.old) if one), "")


@dataclass(frozen=True)
class Line:
    """One line of a comparison; a side that has no such line is None, with the number 0."""

    old_number: int
    old: str | None
    new_number: int
    new: str | None


@dataclass(frozen=True)
class Difference:
    """What two versions differ in within one file; `more` counts the lines that are left out."""

    file: str
    lines: Sequence[Line] = ()
    more: int = 0
    only_in: str = field(default="")


def changed(old: Files, new: Files) -> list[Changed]:
    """Return the parameters that differ, in the order of the newer file."""
    before, after = _by_path(old), _by_path(new)
    paths = [*after, *(path for path in before if path not in after)]
    pairs = ((path, before.get(path), after.get(path)) for path in paths)
    return [Changed(path, a, b) for path, a, b in pairs if a is None or b is None or a.value != b.value]


def _by_path(files: Files) -> dict[str, Parameter]:
    return {one.path: one for section in sections(files) for one in section.parameters}


def differences(old: Files, new: Files) -> list[Difference]:
    """Return what differs, file by file."""
    names = sorted({*old, *new})
    return [_difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _difference(name: str, old: str | None, new: str | None) -> Difference:
    if old is None or new is None:
        return Difference(name, only_in="new" if old is None else "old")
    lines = list(_lines(old.splitlines(), new.splitlines()))
    return Difference(name, lines[:MOST_LINES], max(0, len(lines) - MOST_LINES))


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    """Yield the lines that differ, side by side."""
    for kind, a, a_end, b, b_end in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            continue
        for n in range(max(a_end - a, b_end - b)):
            before, after = a + n < a_end, b + n < b_end
            yield Line(
                a + n + 1 if before else 0, old[a + n] if before else None,
                b + n + 1 if after else 0, new[b + n] if after else None,
            )  # fmt: skip


def outline(text: str) -> list[Numbered]:
    """Return the top-level keys of a YAML file, each with its line."""
    return [(n, found[0]) for n, line in enumerate(text.splitlines(), 1) if (found := KEY.match(line))]


def matching(text: str, sought: str) -> list[Numbered]:
    """Return the lines that hold what is sought, in small letters or capitals; none for nothing.

    A comment brings the key it stands above, so that a word of the office finds the parameter.
    """
    wanted = sought.strip().casefold()
    found, said = [], False
    for n, line in enumerate(text.splitlines(), 1):
        here, comment = bool(wanted) and wanted in line.casefold(), line.lstrip().startswith("#")
        if here or (said and not comment):
            found.append((n, line))
        said = comment and (here or said)
    return found


def line_of(text: str, number: int) -> str:
    """Return one line of a text, empty where it has not so many."""
    return next((line for n, line in enumerate(text.splitlines(), 1) if n == number), "").strip()
