"""The generated part of the documentation: every workflow, and every rule with its sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from edu_pilot import effects, paths, rules
from edu_pilot.workflow.definition import NOWHERE, Action, Definition
from edu_pilot.workflow.diagram import mermaid
from edu_pilot.workflow.registry import shipped
from edu_pilot.workflow.versions import Compiled, compile_files, read_folder

TARGET = Path("docs/workflows.md")
HEAD = """# Workflows and rules

Generated from `workflows/*.yaml` and the rules' docstrings by `python -m edu_pilot.docs`; do not edit.
"""


def text() -> str:
    """Return the whole page."""
    compiled = compile_files(read_folder(paths.workflows()), shipped)
    parts = [HEAD]
    for engine in compiled.engines.values():
        parts += _workflow(engine.definition, compiled)
    return "\n".join([*parts, *_rules()]).rstrip() + "\n"


def _workflow(definition: Definition, compiled: Compiled) -> Iterator[str]:
    yield f"\n## {definition.name} · {definition.label.zh}\n"
    yield f"```mermaid\n{mermaid(definition, 'en')}\n```\n"
    yield "| action | from → to | who | rules | effects | documents |"
    yield "|---|---|---|---|---|---|"
    for action in (definition.create, *definition.actions.values()):
        yield _row(action)


def _row(action: Action) -> str:
    sources = ", ".join(state for state in action.sources if state != NOWHERE) or "–"
    way = f"{sources} → {', '.join(target.state for target in action.targets)}"
    cells = (", ".join(names) for names in (action.by, action.rules, action.effects, action.issues))
    return f"| `{action.name}` {action.label.zh} | {way} | " + " | ".join(cells) + " |"


def _rules() -> Iterator[str]:
    yield "\n## Rules\n"
    yield "The code of a reason is the rule's name, unless its sentence names another.\n"
    for name, rule in sorted(shipped.rules.items()):
        yield f"- `{name}`: {' '.join(rule.text.split())}"
    yield "\n## Branch conditions\n"
    for name, holds in sorted(shipped.conditions.items()):
        yield f"- `{name}`: {' '.join((holds.__doc__ or '').split())}"
    yield "\n## Effects\n"
    for name, apply in sorted(shipped.effects.items()):
        yield f"- `{name}`: {' '.join((apply.__doc__ or '').split())}"


def main() -> None:
    """Write the page, or with --check say whether it is fresh."""
    fresh = text()
    if "--check" not in sys.argv:
        TARGET.write_text(fresh, "utf-8")
    elif not TARGET.exists() or TARGET.read_text("utf-8") != fresh:
        sys.exit(f"{TARGET} is stale: run python -m edu_pilot.docs")


if __name__ == "__main__":
    main()

__all__ = ["effects", "main", "rules", "text"]
