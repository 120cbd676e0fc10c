"""The commands of docs/operations.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- runbook: ([\w-]+) -->\n```sh\n(.*?)```", re.S)


def blocks() -> dict[str, str]:
    """Give the commands by name."""
    return dict(BLOCK.findall((ROOT / "docs" / "operations.md").read_text("utf-8")))


def command_folder(folder: Path) -> Path:
    """Make a folder whose `edu-pilot` is the program under test."""
    folder.mkdir(exist_ok=True)
    script = folder / "edu-pilot"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edu_pilot.cli "$@"\n')
    script.chmod(0o755)
    return folder


def run(name: str, folder: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a block of the runbook by itself; `variables` are what the operator has set."""
    told = {key: str(value) for key, value in variables.items()}
    environ = {**os.environ, **told, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    script = "set -eu\n" + blocks()[name]
    return subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)


def done(name: str, folder: Path, **variables: object) -> str:
    """Run a block that must succeed and give what it printed."""
    answer = run(name, folder, **variables)
    assert answer.returncode == 0, f"{name}: {answer.stdout}{answer.stderr}"
    return answer.stdout
