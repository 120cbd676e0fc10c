"""Programs that ask a server: each keeps its line open, and several start at one moment."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """Status and body; `seen` is False where the line broke before an answer came."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def seen(self) -> bool:
        """Whether an answer came at all."""
        return self.status > 0


NO_ANSWER = Answer(0, None)


class Caller:
    """One account at the API, over one line."""

    def __init__(self, base: str, token: str = "", lang: str = "en") -> None:
        self.line = http.client.HTTPConnection(urlsplit(base).netloc, timeout=PATIENCE_SECONDS)
        self.headers = {"Accept-Language": lang} | ({"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str) -> Answer:
        """Ask for an address below /api/v1."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None, key: str = "") -> Answer:
        """Send JSON, with an Idempotency-Key if one is given."""
        return self.ask("POST", path, body, {"Idempotency-Key": key} if key else {})

    def act(self, workflow: str, reference: str, action: str, version: int, **given: Any) -> Answer:
        """Take a step; `key` among the words is the Idempotency-Key."""
        key = given.pop("key", "")
        path = f"/records/{workflow}/{reference}/actions/{action}"
        return self.post(path, {"version": version, "input": given}, key)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request, bytes as they are; a broken line is NO_ANSWER, and the next request opens a new one."""
        sent = self.headers | (headers or {})
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if content is not None:
            sent = {"Content-Type": "application/json"} | sent
        try:
            self.line.request(method, f"/api/v1{path}", content, sent)
            answer = self.line.getresponse()
            return Answer(answer.status, _parsed(answer.read()), dict(answer.getheaders()))
        except (OSError, http.client.HTTPException):
            self.line.close()
            return NO_ANSWER


@contextmanager
def callers(base: str, tokens: Iterable[str]) -> Iterator[list[Caller]]:
    """Give a caller for each token; their lines are closed at the end."""
    opened = [Caller(base, token) for token in tokens]
    try:
        yield opened
    finally:
        for one in opened:
            one.line.close()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content


def at_once(steps: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Take all steps at one moment, each in a thread of its own."""
    start = threading.Barrier(len(steps))

    def step(one: Callable[[], Answer]) -> Answer:
        start.wait(PATIENCE_SECONDS)
        return one()

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(step, steps))
