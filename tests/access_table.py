"""The table of docs/access.md, as tests compare it with the routes that run."""

from __future__ import annotations

import re

from flask import Flask

from edu_pilot import paths
from edu_pilot.web import access

PAGE = paths.PACKAGE.parent / "docs" / "access.md"
LINE = re.compile(r"^\| `([^`]+)` \| ([A-Z ]+) \| ([^|]+) \| ([^|]+) \|$", re.M)


def listed(text: str) -> list[access.Route]:
    """Give every line of a page as (rule, methods, who)."""
    return sorted((rule, methods, who.strip()) for rule, methods, who, _why in LINE.findall(text))


def differences(app: Flask, text: str | None = None) -> list[str]:
    """Name each route that is not listed as it runs, and each line that no route stands behind."""
    run, told = set(access.table(app)), set(listed(text or PAGE.read_text("utf-8")))
    return [f"not listed: {' · '.join(r)}" for r in sorted(run - told)] + [
        f"stale: {' · '.join(r)}" for r in sorted(told - run)
    ]
