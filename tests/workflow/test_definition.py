"""Every fault of a workflow file is named with its line and what to do, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from edu_pilot.workflow.definition import Definition, Vocabulary, parse
from edu_pilot.workflow.reading import Problem
from edu_pilot.workflow.registry import Registry

SOUND = """\
workflow: loan
label: {zh: 借阅, en: Loan}
prefix: L
initial: asked
fields:
  days: {type: text, label: {zh: 天数, en: Days}}
  why: {type: choice, optional: true, personal: true, label: {zh: 原因, en: Reason}, choices_from: [whys]}
create:
  label: {zh: 申请, en: Ask}
  by: [reader]
  needs: [days]
states:
  asked: {label: {zh: 已申请, en: Asked}, days: 3}
  lent: {label: {zh: 已借出, en: Lent}}
  back: {label: {zh: 已归还, en: Back}, final: true}
actions:
  lend:
    label: {zh: 借出, en: Lend}
    from: [asked]
    to: lent
    by: [librarian]
    rules: [book_is_there]
    effects: [take_book]
    issues: [slip]
  extend:
    label: {zh: 续借, en: Extend}
    from: [lent]
    to: same
    by: [reader]
  give_back:
    label: {zh: 归还, en: Give back}
    from: [lent]
    to: {back: in_time, lent: otherwise}
    by: [librarian, reader]
    needs: [why]
    dangerous: true
"""


def vocabulary() -> Vocabulary:
    registry = Registry()
    for name in ("book_is_there",):
        registry.rule(_named(name))
    registry.effect(_named("take_book"))
    registry.condition(_named("in_time"))
    whys: dict[str, Any] = {
        "whys": {
            "OLD": {"zh": "旧", "en": "Old", "for": ["loan"]},
            "LATE": {"zh": "迟", "en": "Late"},
            "SOLD": {"zh": "售", "en": "Sold", "for": ["shop"]},
        },
        "plain": "text",
    }
    return Vocabulary(registry, ("reader", "librarian"), ("slip",), whys)


def _named(name: str):  # type: ignore[no-untyped-def]
    def function(_attempt: object) -> None:
        return None

    function.__name__ = name
    return function


def read(text: str) -> tuple[Definition | None, list[Problem]]:
    return parse("loan.yaml", text, vocabulary())


def line_of(text: str, found: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if found in line)


def test_a_sound_file_has_no_fault() -> None:
    definition, problems = read(SOUND)
    assert problems == []
    assert definition is not None
    assert (definition.name, definition.prefix, definition.initial) == ("loan", "L", "asked")
    assert definition.states["asked"].days == 3
    choices = definition.actions["give_back"].needs[0].choices
    assert {code: label.en for code, label in choices.items()} == {"OLD": "Old", "LATE": "Late"}
    assert definition.actions["give_back"].dangerous


def test_the_edges_are_every_step_and_the_birth() -> None:
    definition, _ = read(SOUND)
    assert definition is not None
    assert definition.edges() == {
        ("", "asked"), ("asked", "lent"), ("lent", "lent"), ("lent", "back"),
    }  # fmt: skip


# kind: (text of the sound file, what stands there instead, line of the fault, words of the answer)
FAULTS: dict[str, tuple[str, str, str, str]] = {
    "unknown key": ("prefix: L", "prefix: L\nprefx: L", "prefx", "prefx is not known here"),
    "unknown key of an action": ("    issues: [slip]", "    isues: [slip]", "isues", "isues is not known"),
    "unknown key of a state": ("days: 3}", "dayz: 3}", "dayz", "dayz is not known"),
    "duplicate key": ("prefix: L", "prefix: L\nprefix: M", "prefix: M", "prefix stands twice"),
    "duplicate action": ("  extend:", "  lend: # again", "# again", "lend stands twice"),
    "duplicate in a list": (
        "by: [librarian, reader]",
        "by: [reader, reader]",
        "[reader, reader]",
        "twice in this list",
    ),
    "missing key": ("prefix: L\n", "", "workflow", "prefix is missing"),
    "missing from": ("    from: [asked]\n", "", "label: {zh: 借出", "from is missing"),
    "missing to": ("    to: same\n", "", "label: {zh: 续借", "to is missing"),
    "boolean as a name": ("initial: asked", "initial: yes", "initial", "does not read yes as a word"),
    "boolean as a state": ("  lent: {label", "  on: {label", "  on: {label", "does not read on as a word"),
    "number as a role": ("by: [librarian]", "by: [7]", "by: [7]", "does not read 7 as a word"),
    "unknown initial": ("initial: asked", "initial: begun", "initial", "begun is no state"),
    "unknown source": ("from: [asked]", "from: [askd]", "askd", "askd is no state"),
    "unknown target": ("to: lent\n", "to: lnt\n", "to: lnt", "lnt is no state"),
    "unknown branch": ("{back: in_time,", "{bck: in_time,", "bck", "bck is no state"),
    "unknown role": ("by: [librarian]", "by: [libarian]", "libarian", "libarian is no role"),
    "unknown rule": ("[book_is_there]", "[book_is_ther]", "book_is_ther", "book_is_ther is no rule"),
    "unknown effect": ("[take_book]", "[tak_book]", "tak_book", "tak_book is no effect"),
    "unknown document": ("issues: [slip]", "issues: [slp]", "slp", "slp is no kind of document"),
    "unknown condition": ("{back: in_time", "{back: in_tme", "in_tme", "in_tme is no condition"),
    "unknown field": ("needs: [days]", "needs: [dayz]", "dayz", "dayz is not described under fields"),
    "unknown field type": ("type: text", "type: txt", "txt", "txt is no field type"),
    "unknown choices": ("[whys]", "[whyz]", "whyz", "has no list whyz"),
    "choices that are no list": ("[whys]", "[plain]", "plain", "has no list plain"),
    "no otherwise": ("lent: otherwise", "lent: in_time", "lent: in_time", "must be `otherwise`"),
    "otherwise first": (
        "{back: in_time, lent: otherwise}",
        "{lent: otherwise, back: in_time}",
        "otherwise, back",
        "must be `otherwise`",
    ),
    "dead end": (", final: true}", "}", "  back:", "No action leaves back"),
    "unreachable": ("{back: in_time, lent: otherwise}", "lent", "  back:", "No action leads to back"),
    "no label": ("    label: {zh: 续借, en: Extend}\n", "", "from: [lent]", "label is missing"),
    "no Chinese": ("{zh: 续借, en: Extend}", "{en: Extend}", "en: Extend", "no zh text"),
    "no English": ("{zh: 续借, en: Extend}", "{zh: 续借}", "续借}", "no en text"),
    "blank label": ("en: Extend", "en: ' '", "续借", "no en text"),
    "label of a state": ("  lent: {label: {zh: 已借出, en: Lent}}", "  lent: {}", "  lent: {}", "label is missing"),
    "not a flag": ("dangerous: true", "dangerous: perhaps", "perhaps", "true or false"),
    "not a number": ("days: 3", "days: soon", "soon", "whole number"),
    "not a list": ("by: [librarian]", "by: librarian", "by: librarian", "list in brackets"),
    "not a mapping": ("  lent: {label: {zh: 已借出, en: Lent}}", "  lent: here", "  lent: here", "mapping"),
    "not a scalar": ("prefix: L", "prefix: [L]", "prefix", "single name"),
    "version of nothing": ("prefix: L", "prefix: L\nversion_of: bk", "version_of", "bk is no field that"),
    "pinned at nothing": ("prefix: L", "prefix: L\npinned_at: lnd", "pinned_at", "lnd is no action"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_named_with_its_line(kind: str) -> None:
    old, new, at, words = FAULTS[kind]
    text = SOUND.replace(old, new, 1)
    assert text != SOUND
    definition, problems = read(text)
    assert definition is None
    found = {(problem.line, str(problem)) for problem in problems}
    assert any(line == line_of(text, at) and words in told for line, told in found), found
    assert all(told.startswith("loan.yaml:") for _, told in found)


def test_all_faults_of_a_file_are_named_at_once() -> None:
    text = SOUND
    for old, new in (
        ("prefix: L", "prefix: L\nprefx: L"),
        ("[book_is_there]", "[book_is_ther]"),
        ("by: [reader]\n  needs", "by: [readr]\n  needs"),
        ("to: lent\n", "to: lnt\n"),
        ("{zh: 续借, en: Extend}", "{zh: 续借}"),
    ):
        text = text.replace(old, new, 1)
    _, problems = read(text)
    told = "\n".join(map(str, problems))
    for word in ("prefx", "book_is_ther", "readr", "lnt", "no en text"):
        assert word in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a: [", "not YAML"),
        ("a: b: c", "not YAML"),
        ("\tworkflow: loan", "not YAML"),
        ("- a\n- b", "mapping"),
        ("just text", "mapping"),
    ],
)
def test_what_is_no_workflow_at_all_is_said(text: str, words: str) -> None:
    definition, problems = read(text)
    assert definition is None
    assert words in str(problems[0])
    assert problems[0].line == 1


@pytest.mark.parametrize("line", range(1, len(SOUND.splitlines()) + 1))
def test_a_lost_line_never_breaks_the_reader(line: int) -> None:
    """Whatever one line less makes of the file: an answer, no exception."""
    lines = SOUND.splitlines()
    del lines[line - 1]
    definition, problems = read("\n".join(lines))
    assert (definition is None) == bool(problems)
