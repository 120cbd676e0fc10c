"""The long runs: the same races with many more rounds, for nights and before releases.

python -m tests.campaign --size ci        about a quarter of an hour
python -m tests.campaign --size release   hours
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

ROUNDS = {"ci": "1000", "release": "20000"}


def main() -> int:
    """Run the races at a size and return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=ROUNDS, default="ci")
    chosen, more = parser.parse_known_args()
    environ = os.environ | {"EDU_PILOT_RACE_ROUNDS": ROUNDS[chosen.size]}
    words = [sys.executable, "-m", "pytest", "tests/races", "-s", *more]
    return subprocess.run(words, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
