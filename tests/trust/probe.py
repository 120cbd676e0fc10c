"""A process that walls itself in as the readers' does, and tries to get out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from edu_pilot import sandboxed

BEFORE = ""
PROBE = """
import json, os, socket, sys
sys.path.insert(0, {root!r})
import sandboxed
TRIALS = {{
    "network": lambda: socket.create_connection(("127.0.0.1", {port}), 2),
    "files": lambda: open({file!r}).read(),
    "listing": lambda: os.listdir({root!r}),
    "writing": lambda: open("/tmp/x", "w"),
    "program": lambda: os.posix_spawn("/bin/true", ["true"], {{}}),
    "child": os.fork,
    "memory": lambda: bytearray(sandboxed.MEMORY + sandboxed.MB),
}}
def stopped(trial):
    try:
        trial()
    except (OSError, MemoryError):
        return True
    return False
{before}
"x".encode("idna")
own = sandboxed._address_space()
walls = sandboxed.wall_in()
sandboxed._limit(own + sandboxed.TASKS["paper"].memory, open_files=16, processes=0)
print(json.dumps([walls, {{name: stopped(trial) for name, trial in TRIALS.items()}}]))
"""


def tried(file: Path, port: int) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return which walls stood, and of each trial whether it was stopped."""
    code = PROBE.format(before=BEFORE, root=str(sandboxed.HOME), file=str(file), port=port)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    walls, stopped = json.loads(run.stdout)
    return walls, stopped
