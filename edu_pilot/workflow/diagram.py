"""A workflow as a picture and as a list, made from its definition."""

from __future__ import annotations

from edu_pilot.workflow.definition import SAME, Definition


def mermaid(definition: Definition, lang: str) -> str:
    """Return a Mermaid state diagram in a language."""
    lines = ["stateDiagram-v2", f"    [*] --> {definition.initial}"]
    lines += [f"    {s.name}: {s.label.say(lang)}" for s in definition.states.values()]
    lines += [
        f"    {source} --> {source if t.state == SAME else t.state}: {a.label.say(lang)}"
        for a in definition.actions.values()
        for source in a.sources
        for t in a.targets
    ]
    lines += [f"    {s.name} --> [*]" for s in definition.states.values() if s.final]
    return "\n".join(lines)
