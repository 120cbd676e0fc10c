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
from urllib.parse import urlencode, urlsplit

from tests.web.visitor import TOKEN

PATIENCE_SECONDS = 60
BOUNDARY = b"a-line-that-stands-in-no-file"


@dataclass(frozen=True)
class Answer:
    """Status, body and headers by their names in small letters; `seen` is False where the line broke before."""

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
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        form = {} if content is None else {"Content-Type": "application/json"}
        return _asked(self.line, method, f"/api/v1{path}", content, self.headers | form | (headers or {}))

    def send_file(self, path: str, name: str, content: bytes, **fields: str) -> Answer:
        """Send a form with a file, as /imports takes lists."""
        parts = [f'form-data; name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
        parts.append(f'form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + content)
        body = b"".join(b"--%s\r\nContent-Disposition: %s\r\n" % (BOUNDARY, part) for part in parts)
        form = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
        return _asked(self.line, "POST", f"/api/v1{path}", body + b"--%s--\r\n" % BOUNDARY, self.headers | form)


class Browser:
    """One person at the pages: it keeps its cookie and sends back the token of its forms."""

    def __init__(self, base: str) -> None:
        self.line = http.client.HTTPConnection(urlsplit(base).netloc, timeout=PATIENCE_SECONDS)
        self.cookie = self.token = ""
        self.renew()

    def renew(self) -> None:
        """Read the token that the forms of this session carry."""
        found = TOKEN.search(self.ask("GET", "/login").body.decode())
        assert found
        self.token = found.group(1)

    def send(self, path: str, **fields: str) -> Answer:
        """Send a form."""
        return self.ask("POST", path, urlencode({"csrf_token": self.token, **fields}))

    def ask(self, method: str, path: str, form: str | None = None) -> Answer:
        """Send one request, and keep the cookie that comes back."""
        sent = self.headers() | ({"Cookie": self.cookie} if self.cookie else {})
        sent |= {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        answer = _asked(self.line, method, path, None if form is None else form.encode(), sent)
        self.cookie = answer.headers.get("set-cookie", self.cookie).partition(";")[0]
        return answer

    def headers(self) -> dict[str, str]:
        """Give what every request of this browser says besides."""
        return {}


def _asked(
    line: http.client.HTTPConnection, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
) -> Answer:
    try:
        line.request(method, path, content, dict(headers))
        answer = line.getresponse()
        # Servers spell the names of headers as they like.
        return Answer(answer.status, _parsed(answer.read()), {n.lower(): v for n, v in answer.getheaders()})
    except (OSError, http.client.HTTPException):
        line.close()
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
