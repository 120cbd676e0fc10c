"""The long runs: the trust tests and the races, with many more rounds, for nights and before releases.

python -m tests.campaign --size ci                  all of them, at most 60 minutes
python -m tests.campaign --size release --test G10  one at release size; what ran already is not run again
python -m tests.campaign --report                   write the last results into docs/campaign.md
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from tests.trust.figures import RESULTS, SIZES

REPORT = Path("docs/campaign.md")
# What is no goal of its own, but takes its time: characters in print, every page in every form it has, races.
ELSEWHERE = {"fonts": "tests/documents/test_fonts.py", "pages": "tests/pages", "races": "tests/races"}
# Goals run beside each other, and those that measure how long an answer takes.
LANES, ALONE = 2, ("G21",)
WHOLE = "whole.json"
RACE_ROUNDS = {"ci": "200", "release": "20000"}
HEAD = """# Campaign: the last long runs

Written by `python -m tests.campaign --report` from the results of `make campaign-ci` (CI size) and
`make campaign TEST=G10` (release size). What each goal is, and the guards whose absence it notices:
`tests/trust/`; `python -m tests.trust.controls` takes each guard away and shows its test red.
"""


def main() -> int:
    """Run the chosen tests; return 1 if any broke."""
    chosen, more = _arguments().parse_known_args()
    if not chosen.report:
        names = chosen.test.split(",") if chosen.test else [*dict.fromkeys((*ELSEWHERE, *SIZES))]
        start = time.monotonic()
        ended = _in_lanes(names, partial(_run, size=chosen.size, anew=chosen.anew or not chosen.test, more=more))
        if not chosen.test:
            _keep(RESULTS / chosen.size / WHOLE, {"whole": round(time.monotonic() - start), "lanes": LANES})
    _report()
    return 0 if chosen.report or all(ended) else 1


def _in_lanes(names: list[str], run: Callable[[str], bool]) -> list[bool]:
    """Run as many goals at a time as lanes, each in a process of its own; what compares times comes last, alone."""
    beside, alone = [name for name in names if name not in ALONE], [name for name in names if name in ALONE]
    with ThreadPoolExecutor(max_workers=LANES) as lanes:
        ended = list(lanes.map(run, beside))
    return ended + [run(name) for name in alone]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=RACE_ROUNDS, default="ci")
    parser.add_argument("--test", help="a goal, or several with commas; without it all")
    parser.add_argument("--anew", action="store_true", help="run also what has a result")
    parser.add_argument("--report", action="store_true", help="only write the report")
    return parser


def _run(name: str, size: str, anew: bool, more: list[str]) -> bool:
    """Run one goal unless its result is there; return whether it held."""
    mark = RESULTS / size / f"{name}.json"
    if not anew and mark.exists() and json.loads(mark.read_text("utf-8"))["held"]:
        print(f"{name}: has a result, --anew runs it again", flush=True)
        return True
    files = _files(name)
    if not files:
        print(f"{name}: no test", flush=True)
        return False
    environ = os.environ | {"EDU_PILOT_CAMPAIGN": size, "EDU_PILOT_RACE_ROUNDS": RACE_ROUNDS[size]}
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-m", "pytest", "-s", "-q", *files, *more], env=environ, check=False)
    _keep(mark, {"test": name, "held": run.returncode == 0, "seconds": round(time.monotonic() - start)})
    return run.returncode == 0


def _files(name: str) -> list[str]:
    if name in ELSEWHERE:
        return [ELSEWHERE[name]]
    return [str(file) for file in sorted(Path("tests/trust").glob(f"test_g{int(name[1:]):02d}_*.py"))]


def _keep(mark: Path, result: dict[str, Any]) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(result | {"on": date.today().isoformat()}), "utf-8")


def _report() -> None:
    """Write this machine's results into the report."""
    REPORT.write_text("\n".join([HEAD, *_tables()]), "utf-8")


def _tables() -> Iterator[str]:
    for size in RACE_ROUNDS:
        results = [json.loads(file.read_text("utf-8")) for file in sorted((RESULTS / size).glob("*.json"))]
        parts = [one for one in results if "figures" in one]
        runs = {one["test"]: one for one in results if "held" in one}
        if runs:
            yield f"## {size.capitalize() if size == 'release' else 'CI'} size\n"
            yield "| goal | part | figures | seed | seconds | on | |\n|---|---|---|---|---|---|---|"
            yield from (_line(name, run, parts) for name, run in sorted(runs.items(), key=_order))
            total = sum(run["seconds"] for run in runs.values())
            yield f"\nIn all {total // 60} min {total % 60} s of single runs."
            yield from (_whole(one) for one in results if "whole" in one)


def _whole(one: Mapping[str, Any]) -> str:
    minutes, seconds = divmod(one["whole"], 60)
    return f"The last whole run, {one['lanes']} goals at a time, took {minutes} min {seconds} s, on {one['on']}.\n"


def _order(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, int]:
    name = item[0]
    return name in ELSEWHERE, 0 if name in ELSEWHERE else int(name[1:])


def _line(name: str, run: Mapping[str, Any], parts: list[dict[str, Any]]) -> str:
    own = [one for one in parts if one["test"] == name] or [{"part": "", "figures": {}, "seed": "", **run}]
    return "\n".join(_cells(name, one, run) for one in own)


def _cells(name: str, one: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    figures = ", ".join(f"{key} {value}" for key, value in one["figures"].items())
    held = "held" if run["held"] else "**BROKEN**"
    return f"| {name} | {one['part']} | {figures} | {one['seed']} | {one['seconds']} | {one['on']} | {held} |"


if __name__ == "__main__":
    sys.exit(main())
