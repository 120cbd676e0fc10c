"""What a state means for the person: where I stand, what I must do, what comes next, and texts to send.

The texts stand in templates/messages, one file a workflow and language, one section a state. Of several lines with
one key the first counts whose {placeholders} all have a value, so that no text decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from edu_pilot import paths

SECTION = re.compile(r"== (\w+)")
LINE = re.compile(r"(is|do|next|with|send(?:\.\w+)?)(?:\((.+?)\))?: (.+)")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
SEND, WITH, NOBODY = "send", "with", "-"
Values = Mapping[str, str | None]


@dataclass
class Section:
    """The texts of one state by key, and the titles of those that are sent."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def say(self, key: str, values: Values) -> str | None:
        """Return the first text of a key whose placeholders all have a value."""
        return next((text for line in self.lines.get(key, ()) if (text := filled(line, values))), None)

    @property
    def holders(self) -> Sequence[str] | None:
        """The roles that hold the case, where the workflow does not tell; none for nobody."""
        given = self.lines.get(WITH)
        return None if given is None else [name for name in given[0].split() if name != NOBODY]

    @property
    def messages(self) -> list[str]:
        """The keys of the texts to send, in the order of the file."""
        return [key for key in self.lines if key.partition(".")[0] == SEND]


class Unreadable(Exception):
    """A line of a file of texts that is neither a section nor a text."""


def filled(line: str, values: Values) -> str | None:
    """Return a text with its placeholders filled, None if one of them has no value."""
    names = set(PLACEHOLDER.findall(line))
    if not all(values.get(name) for name in names):
        return None
    return PLACEHOLDER.sub(lambda found: str(values[found.group(1)]), line)


@cache
def sections(workflow: str, lang: str) -> Mapping[str, Section]:
    """Return the sections of a workflow's file by state; raises Unreadable for a line that is no text."""
    found: dict[str, Section] = {}
    path = paths.templates() / "messages" / f"{workflow}.{lang}.txt"
    for line in path.read_text("utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if head := SECTION.fullmatch(line):
            section = found.setdefault(head.group(1), Section())
        elif text := LINE.fullmatch(line):
            key, title, said = text.groups()
            section.lines.setdefault(key, []).append(said)
            section.titles.setdefault(key, title or "")
        else:
            raise Unreadable(f"{path.name}: {line}")
    return found
