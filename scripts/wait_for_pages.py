"""Wait until a server that has just been started answers 200 on every page asked for.

Usage: wait_for_pages.py BASE PATH… PID
"""

import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_SECONDS = 30


def answers(url: str) -> bool:
    """Say whether the page is there; an answer other than 200 ends the wait with its code."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answered {error.code}")
    except OSError:
        return False


def lives(pid: int) -> bool:
    """Say whether the process is still running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(url: str, pid: int) -> None:
    """Return when the page is there; exit 1 when the server died or took too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not answers(url):
        if not lives(pid):
            sys.exit(f"the server ended before {url} was there")
        if time.monotonic() > deadline:
            sys.exit(f"{url} was not there within {PATIENCE_SECONDS} seconds")
        time.sleep(0.2)


def main(base: str, *rest: str) -> None:
    """Wait for each page in turn."""
    *paths, pid = rest
    for path in paths:
        wait_for(base + path, int(pid))


if __name__ == "__main__":
    main(*sys.argv[1:])
