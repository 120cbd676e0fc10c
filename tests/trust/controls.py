"""Take each guard away and see the test that holds it go red.

python -m tests.trust.controls [GUARD …]     prints guard, test, red or NOT RED; exit 1 if one stayed green
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.trust.guards import VARIABLE, Guard, every

FAILED = 1


def main(names: list[str]) -> int:
    """Run the controls of these names, or all; return how the run ends."""
    unknown = sorted(set(names) - set(every()))
    if unknown:
        print(f"no such guard: {', '.join(unknown)}; there are {', '.join(sorted(every()))}", file=sys.stderr)
        return 2
    chosen = [one for name, one in sorted(every().items()) if not names or name in names]
    width = max(len(one.name) for one in chosen)
    # A list: each control runs, also after one that stayed green.
    green = [one for one in chosen if not _goes_red(one, width)]
    return FAILED if green else 0


def _goes_red(one: Guard, width: int) -> bool:
    words = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", one.test]
    environ = os.environ | {VARIABLE: one.name, "EDU_PILOT_CAMPAIGN": one.size}
    run = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    # Only failed tests count as red: a test that could not be collected has noticed nothing.
    red = run.returncode == FAILED and " failed" in run.stdout
    print(f"{one.name:{width}}  {one.test}  {'red' if red else 'NOT RED'}", flush=True)
    if not red:
        print(run.stdout[-2000:], run.stderr[-1000:], file=sys.stderr)
    return red


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
