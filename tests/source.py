"""The project's own modules as trees, for the tests that read them."""

from __future__ import annotations

import ast
from pathlib import Path

from edu_pilot import paths

PACKAGE = paths.PACKAGE
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Give a module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def under(*packages: str) -> list[tuple[str, ast.Module]]:
    """Give (name, tree) of every module of some sub-packages; with none of all."""
    wanted = tuple(f"edu_pilot.{package}" for package in packages)
    found = ((name_of(path), tree(path)) for path in MODULES)
    return [(n, t) for n, t in found if not wanted or n.startswith(wanted)]
